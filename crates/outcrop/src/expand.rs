//! `${VAR}` in configuration files, with LibreChat's rules but for one.
//!
//! LibreChat leaves a variable that is unset or empty in place, so that AWS receives the text `${VAR}` as a model id. Here
//! that is an error naming the key and the variable. Two variables in one string work (there, `${A}/${B}` never expands).
//! `$VAR` and `{VAR}` are plain text. Eight names of LibreChat's own secrets are never expanded.

use crate::environment::Environment;

/// Why a `${…}` has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// The variable is unset or empty.
    Unset(String),
    /// It is one of LibreChat's own secrets.
    Sensitive(String),
    /// What stands between the braces is no variable name, or the brace is never closed.
    Malformed(String),
}

impl Unresolved {
    /// What to tell a person, given the key the text stands under.
    pub fn message(&self, key: &str) -> String {
        match self {
            Self::Unset(name) => format!("`{key}` needs the variable {name}, which is not set or empty"),
            Self::Sensitive(name) => {
                format!("`{key}` uses {name}, a secret that is never put into a configuration value")
            }
            Self::Malformed(text) => format!("`{key}` holds `{text}`, which is no ${{VARIABLE}}"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unset(name) => {
                format!("set {name} in the environment or in the file given with --env-file")
            }
            Self::Sensitive(_) => "copy what you need into a variable of another name".to_owned(),
            Self::Malformed(_) => {
                "write ${NAME} with letters, digits and `_` only; there are no defaults (`:-`)".to_owned()
            }
        }
    }
}

/// The text with its variables replaced, trimmed; or everything that stands in the way.
pub fn expand(text: &str, environment: &Environment) -> Result<String, Vec<Unresolved>> {
    let mut expanded = String::with_capacity(text.len());
    let mut unresolved = Vec::new();
    let mut rest = text.trim();
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            unresolved.push(Unresolved::Malformed(rest[start..].to_owned()));
            return Err(unresolved);
        };
        let name = &rest[start + 2..start + length];
        match variable(name, environment) {
            Ok(value) => expanded.push_str(value),
            Err(problem) => unresolved.push(problem),
        }
        rest = &rest[start + length + 1..];
    }
    expanded.push_str(rest);
    if unresolved.is_empty() { Ok(expanded) } else { Err(unresolved) }
}

fn variable<'a>(name: &str, environment: &'a Environment) -> Result<&'a str, Unresolved> {
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !legal {
        return Err(Unresolved::Malformed(format!("${{{name}}}")));
    }
    if SENSITIVE.contains(&name) {
        return Err(Unresolved::Sensitive(name.to_owned()));
    }
    environment.value(name).ok_or_else(|| Unresolved::Unset(name.to_owned()))
}

/// LibreChat's `isSensitiveEnvVar` (v0.8.8-rc1, `packages/data-provider/src/utils.ts`).
const SENSITIVE: [&str; 8] = [
    "CREDS_IV",
    "CREDS_KEY",
    "JWT_REFRESH_SECRET",
    "JWT_SECRET",
    "MEILI_MASTER_KEY",
    "MONGO_URI",
    "REDIS_PASSWORD",
    "REDIS_URI",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn texts_are_trimmed_and_variables_replaced_wherever_they_stand() {
        let environment = environment(&[("A", "aaa"), ("B", "b b")]);
        for (text, expected) in [
            ("  ${A}\n", "aaa"),
            ("${A}/${B}", "aaa/b b"),
            ("${A}${B}", "aaab b"),
            ("x${A}y", "xaaay"),
            ("$A {A} A", "$A {A} A"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &environment), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        let environment = environment(&[("A", "${B}"), ("B", "b")]);
        assert_eq!(expand("${A}", &environment), Ok("${B}".to_owned()));
    }

    #[test]
    fn everything_that_stands_in_the_way_is_reported() {
        let environment = environment(&[("A", "aaa"), ("CREDS_KEY", "secret")]);
        let unset = |name: &str| Unresolved::Unset(name.to_owned());
        assert_eq!(expand("${X}${A}${Y}", &environment), Err(vec![unset("X"), unset("Y")]));
        let sensitive = vec![Unresolved::Sensitive("CREDS_KEY".to_owned())];
        assert_eq!(expand("${CREDS_KEY}", &environment), Err(sensitive));
        for text in ["${A", "${ A }", "${}", "${A:-b}", "${A${A}"] {
            assert!(matches!(expand(text, &environment).unwrap_err()[0], Unresolved::Malformed(_)), "{text}");
        }
    }

    /// What LibreChat's own function returned, where the recordings are at hand.
    #[test]
    fn librechats_own_answers() {
        for file in ["librechat-env-expansion.json", "librechat-env-expansion-extra.json"] {
            let path = format!("{}/../../../shared/data/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
            let Ok(text) = std::fs::read_to_string(path) else {
                println!("skipped: ../shared/data/vectors/{file} is not here");
                continue;
            };
            let recorded: Value = serde_json::from_str(&text).unwrap();
            for vector in recorded["vectors"].as_array().unwrap() {
                check(vector, &recorded["env"]);
            }
        }
    }

    fn check(vector: &Value, common: &Value) {
        let input = vector["input"].as_str().or(vector["input"][0].as_str()).unwrap();
        if vector["fn"] == "isSensitiveEnvVar" {
            assert_eq!(vector["expected"], SENSITIVE.contains(&input), "{vector}");
            return;
        }
        let set = if vector["env"].is_object() { &vector["env"] } else { common };
        let set: BTreeMap<String, String> = serde_json::from_value(set.clone()).unwrap();
        let ours = expand(input, &Environment::of(set));
        match vector["reference_defects"][0].as_str() {
            // Ours is meant to differ: an error where LibreChat leaves `${…}` in place.
            Some("contract") => assert!(ours.is_err(), "{vector}"),
            // LibreChat's pattern takes `${A}${B}` for one variable.
            Some(_) => assert_eq!(ours.as_deref(), Ok("aaabbb"), "{vector}"),
            None => assert_eq!(ours.as_deref().ok(), vector["expected"].as_str(), "{vector}"),
        }
    }
}
