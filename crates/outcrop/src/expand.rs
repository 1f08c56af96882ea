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
