//! The environment as it is written: the process's variables over those of `--env-file`.
//!
//! An empty variable is an unset one, as in LibreChat and in AWS's SDKs. Each variable remembers where it was set, so that
//! a message can name the file and the line. Values are never part of a message here: any of them may be a secret.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dotenv;
use crate::problem::{Problem, nearest};

/// All variables, with where each was set.
#[derive(Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
}

/// One variable that is set and not empty.
pub struct Variable {
    /// The value as written.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
}

/// Where a variable was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the environment of the process.
    Process,
    /// In the `--env-file`.
    File {
        /// The file as the person named it.
        path: String,
        /// The line, from 1.
        line: usize,
    },
}

impl Environment {
    /// The variables of the process. What is no UTF-8 is left out: no setting of ours can be.
    pub fn of_process() -> Self {
        let set = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::of(set)
    }

    /// The variables given, as if the process had them.
    pub fn of(set: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = set
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| (name, Variable { value, origin: Origin::Process }))
            .collect();
        Self { variables }
    }

    /// Adds what `path` sets and the process does not.
    pub fn read_file(&mut self, path: &Path) -> Vec<Problem> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_text(&shown, &text),
            Err(error) => vec![
                Problem::error(shown, format!("the environment file cannot be read: {error}"))
                    .hint("check --env-file and OUTCROP_ENV_FILE"),
            ],
        }
    }

    fn add_text(&mut self, path: &str, text: &str) -> Vec<Problem> {
        let (entries, faults) = dotenv::parse(text);
        let mut problems: Vec<Problem> = faults
            .into_iter()
            .map(|dotenv::Fault { line, message }| Problem::error(format!("{path}:{line}"), message))
            .collect();
        let mut first_lines = BTreeMap::new();
        for dotenv::Entry { name, value, line } in entries {
            if let Some(first) = first_lines.insert(name.clone(), line) {
                problems.push(
                    Problem::warning(
                        format!("{path}:{line}"),
                        format!("{name} is set a second time (first on line {first}); the last one counts"),
                    )
                    .hint("remove one of the two"),
                );
            }
            self.add_entry(path, name, value, line);
        }
        problems
    }

    fn add_entry(&mut self, path: &str, name: String, value: String, line: usize) {
        let process_has_it = self.variables.get(&name).is_some_and(|it| it.origin == Origin::Process);
        if process_has_it {
            return;
        }
        if value.trim().is_empty() {
            self.variables.remove(&name);
        } else {
            let origin = Origin::File { path: path.to_owned(), line };
            self.variables.insert(name, Variable { value, origin });
        }
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// Its value, without surrounding blanks.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variable(name).map(|variable| variable.value.trim())
    }

    /// Where a message about `name` points: `.env:3: NAME`, or the name alone.
    pub fn place(&self, name: &str) -> String {
        match self.variable(name).map(|variable| &variable.origin) {
            Some(Origin::File { path, line }) => format!("{path}:{line}: {name}"),
            Some(Origin::Process) | None => name.to_owned(),
        }
    }

    /// `$NAME` → `.env:3`, for each variable that the file set.
    pub fn lines(&self) -> impl Iterator<Item = (String, String)> {
        self.variables.iter().filter_map(|(name, variable)| match &variable.origin {
            Origin::File { path, line } => Some((format!("${name}"), format!("{path}:{line}"))),
            Origin::Process => None,
        })
    }

    /// The variable's value was given in the `--env-file`, so nothing but us has seen it.
    pub fn is_from_file(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|variable| variable.origin != Origin::Process)
    }

    /// Warnings about names that look like ours and are not: `OUTCROP_LISTN`, `BEDROCK_AWS_REGION`.
    pub fn unknown_names(&self) -> Vec<Problem> {
        self.variables
            .keys()
            .filter(|name| name.starts_with("OUTCROP_") || name.starts_with("BEDROCK_"))
            .filter(|name| !KNOWN.contains(&name.as_str()))
            .filter_map(|name| {
                let meant = slip(name)?;
                let message = "this variable is not read by Outcrop";
                Some(Problem::warning(self.place(name), message).hint(format!("did you mean {meant}?")))
            })
            .collect()
    }
}

/// Every variable of ours and of LibreChat's that has a meaning here.
const KNOWN: [&str; 20] = [
    "BEDROCK_AWS_ACCESS_KEY_ID",
    "BEDROCK_AWS_BEARER_TOKEN",
    "BEDROCK_AWS_DEFAULT_REGION",
    "BEDROCK_AWS_MODELS",
    "BEDROCK_AWS_PROFILE",
    "BEDROCK_AWS_SECRET_ACCESS_KEY",
    "BEDROCK_AWS_SESSION_TOKEN",
    "BEDROCK_INFERENCE_PROFILE_MAPPINGS",
    "BEDROCK_REVERSE_PROXY",
    "OUTCROP_API_KEY",
    "OUTCROP_CONFIG",
    "OUTCROP_DATA_DIR",
    "OUTCROP_ENV_FILE",
    "OUTCROP_LISTEN",
    "OUTCROP_LOG",
    "OUTCROP_LOG_FORMAT",
    "OUTCROP_MODEL",
    "OUTCROP_REGION",
    "OUTCROP_RELOAD_INTERVAL_MS",
    "OUTCROP_URL",
];

/// The known variable a name was probably meant to be. `BEDROCK_AWS_REGION` is the slip of the hand seen most.
fn slip(name: &str) -> Option<&'static str> {
    match name {
        "BEDROCK_AWS_REGION" | "BEDROCK_REGION" => Some("BEDROCK_AWS_DEFAULT_REGION"),
        _ => {
            let (prefix, rest) = name.split_once('_')?;
            let own = |known: &'static str| known.strip_prefix(prefix)?.strip_prefix('_');
            let meant = nearest(rest, KNOWN.into_iter().filter_map(own))?;
            KNOWN.into_iter().find(|known| own(known) == Some(meant))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(process: &[(&str, &str)]) -> Environment {
        Environment::of(process.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_process_wins_over_the_file_and_empty_is_unset() {
        let mut environment = environment(&[("A", "process"), ("B", "")]);
        assert_eq!(environment.add_text(".env", "A=file\nB=file\nC=\n"), []);
        assert_eq!(environment.value("A"), Some("process"));
        assert_eq!(environment.value("B"), Some("file"));
        assert_eq!(environment.value("C"), None);
        assert_eq!(environment.place("B"), ".env:2: B");
        assert!(environment.is_from_file("B") && !environment.is_from_file("A"));
    }

    #[test]
    fn a_name_set_twice_is_reported_and_the_last_counts() {
        let mut environment = Environment::default();
        let problems = environment.add_text(".env", "A=1\nA=2\n");
        assert_eq!(problems[0].place, ".env:2");
        assert_eq!(environment.value("A"), Some("2"));
    }

    #[test]
    fn a_misspelt_name_is_reported() {
        let found = environment(&[("BEDROCK_AWS_REGION", "x"), ("OUTCROP_LISTN", "y"), ("OUTCROP_BIN", "z")])
            .unknown_names();
        let hints: Vec<_> = found.iter().filter_map(|problem| problem.hint.as_deref()).collect();
        assert_eq!(hints, ["did you mean BEDROCK_AWS_DEFAULT_REGION?", "did you mean OUTCROP_LISTEN?"]);
    }
}
