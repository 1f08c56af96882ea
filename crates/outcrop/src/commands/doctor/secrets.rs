//! Secrets where others can find them: files that everybody on the machine can read, that are under version control, or
//! that hold a key in clear.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::finding::{Check, Finding};
use crate::settings::Settings;

/// The configuration file, the env file, and the credentials they hold.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in settings.file.iter().chain(&settings.env_file) {
        let path = Path::new(name);
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let is_env = settings.env_file.as_ref() == Some(name);
        let found = in_clear(&text);
        if !is_env {
            findings.extend(found.iter().map(|(line, what)| written_out(name, *line, what)));
        }
        if !found.is_empty() {
            findings.extend(readable(path));
            findings.extend(versioned(path));
        }
    }
    findings
}

fn written_out(name: &str, line: usize, what: &str) -> Finding {
    let detail = format!("{name}:{line} holds {what} in clear");
    Finding::warning(Check::Secrets, detail, "write ${NAME} there, and NAME=… in .env or the environment")
}

/// Lines with a secret, and what kind it is. Never the secret itself.
fn in_clear(text: &str) -> Vec<(usize, &'static str)> {
    text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, secret_in(line)?))).collect()
}

fn secret_in(line: &str) -> Option<&'static str> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    if line.split(|c: char| !c.is_ascii_alphanumeric()).any(is_access_key_id) {
        return Some("an AWS access key id");
    }
    if line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(is_bedrock_key) {
        return Some("a Bedrock API key");
    }
    let (name, value) = line.split_once(['=', ':'])?;
    let value = value.trim().trim_matches(['"', '\'']);
    let name = name.trim().trim_start_matches("export ").to_ascii_uppercase();
    let is_secret = SECRETS.iter().any(|word| name.ends_with(word));
    (is_secret && !value.is_empty() && !value.starts_with("${")).then_some("a secret")
}

/// How the names of variables and keys end that hold secrets.
const SECRETS: [&str; 4] = ["SECRET_ACCESS_KEY", "SESSION_TOKEN", "BEARER_TOKEN", "BEARER_TOKEN_BEDROCK"];
/// A short-term Bedrock API key, as AWS's token generator makes it (`outcrop_bedrock::bearer`).
fn is_bedrock_key(word: &str) -> bool {
    /// Shorter words are words.
    const SHORTEST: usize = 24;
    word.len() >= SHORTEST && word.starts_with("bedrock-api-key-")
}

/// `AKIA…` of a user, `ASIA…` of a session: 20 characters. AWS's documentation uses ids that end in `EXAMPLE`.
fn is_access_key_id(word: &str) -> bool {
    let is_id = word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"));
    is_id
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !word.ends_with("EXAMPLE")
}

#[cfg(unix)]
fn readable(path: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    /// Group and others.
    const OTHERS: u32 = 0o077;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & OTHERS != 0).then(|| {
        let name = path.display();
        let detail =
            format!("{name} holds secrets, and others on this machine may open it (mode {:o})", mode & 0o777);
        Finding::warning(Check::Secrets, detail, format!("chmod 600 {name}"))
    })
}

#[cfg(not(unix))]
fn readable(_: &Path) -> Option<Finding> {
    None
}

/// Asks git, where there is one and the file lies in a work tree.
fn versioned(path: &Path) -> Option<Finding> {
    let path = std::path::absolute(path).ok()?;
    let (folder, file) = (path.parent()?.to_path_buf(), PathBuf::from(path.file_name()?));
    let name = path.display();
    if !git(&folder, &["rev-parse", "--is-inside-work-tree"], None)? {
        return None;
    }
    if git(&folder, &["ls-files", "--error-unmatch", "--"], Some(&file))? {
        let detail = format!("{name} holds secrets and is under version control: they stay in its history");
        let fix = format!("git rm --cached {0}, add {0} to .gitignore, and make new keys", file.display());
        return Some(Finding::error(Check::Secrets, detail, fix));
    }
    let is_ignored = git(&folder, &["check-ignore", "--quiet", "--"], Some(&file))?;
    (!is_ignored).then(|| {
        let detail = format!("{name} holds secrets, and git does not ignore it");
        Finding::warning(Check::Secrets, detail, format!("echo {} >> .gitignore", file.display()))
    })
}

/// Whether a git command says yes; `None` where git cannot be asked.
fn git(folder: &Path, arguments: &[&str], file: Option<&Path>) -> Option<bool> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).args(file);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    Some(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_references_and_examples() {
        for line in [
            "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI",
            "export BEDROCK_AWS_SESSION_TOKEN='x'",
            "aws_secret_access_key: abc",
            "BEDROCK_AWS_ACCESS_KEY_ID=AKIAABCDEFGHIJKLMNOP",
            "note: \"ASIAABCDEFGHIJKLMNOP is mine\"",
            "note: bedrock-api-key-YmVkcm9jay5hbWF6b25hd3M",
        ] {
            assert!(secret_in(line).is_some(), "{line}");
        }
        for line in [
            "",
            "# AWS_SECRET_ACCESS_KEY=x",
            "AWS_SECRET_ACCESS_KEY=",
            "AWS_SECRET_ACCESS_KEY: ${SECRET}",
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
            "AWS_REGION=us-east-1",
            "AKIA",
            "see bedrock-api-key-",
            "AKIAabcdefghijklmnop",
        ] {
            assert_eq!(secret_in(line), None, "{line}");
        }
    }
}
