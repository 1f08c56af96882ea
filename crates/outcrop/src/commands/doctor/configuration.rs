//! What can be wrong before anything is sent: the files, the variables, and entries that match nothing.

use super::finding::{Check, Finding, Status};
use crate::problem::{Problem, Severity};
use crate::settings::Settings;
use crate::{checks, mappings};

/// A configuration that could be read.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<_> = settings.warnings.iter().map(of_problem).collect();
    findings.extend(checks::unmatched_keys(settings).iter().map(of_unmatched));
    if !findings.iter().any(|it| it.check == Check::Configuration) {
        let files: Vec<_> = settings.file.iter().chain(&settings.env_file).map(String::as_str).collect();
        let detail = match files.as_slice() {
            [] => "no file is used; the environment and built-in values hold".to_owned(),
            files => format!("{} can be read, and every key is known", files.join(" and ")),
        };
        findings.push(Finding::ok(Check::Configuration, detail));
    }
    findings
}

/// What reading it found, under the check it belongs to.
pub fn of_problem(problem: &Problem) -> Finding {
    let Problem { severity, place, message, hint, excerpt: _ } = problem;
    let status = match severity {
        Severity::Error => Status::Error,
        Severity::Warning => Status::Warning,
    };
    let fix =
        hint.clone().or_else(|| Some("see docs/configuration.md, and `outcrop config check`".to_owned()));
    let detail = if place.is_empty() { message.clone() } else { format!("{place}: {message}") };
    Finding { check: check_of(place, message), status, detail, fix }
}

/// Seed 002's first two points: each key of `inferenceProfiles` stands in `models` letter by letter, or no client asks for it.
fn of_unmatched(problem: &Problem) -> Finding {
    Finding { check: Check::Keys, ..of_problem(problem) }
}

/// The last word of a place is the variable's name, where there is one: `.env:3: AWS_REGION`.
fn check_of(place: &str, message: &str) -> Check {
    let name = place.rsplit(": ").next().unwrap_or(place);
    let is_variable =
        name.starts_with("OUTCROP_") || name.starts_with("BEDROCK_") || name.starts_with("AWS_");
    match name {
        mappings::VARIABLE => Check::Mappings,
        "--region" => Check::Region,
        _ if is_variable && message.contains("Region") && !message.contains("not read") => Check::Region,
        _ if is_variable && CREDENTIALS.iter().any(|word| name.contains(word)) => Check::Credentials,
        _ if is_variable || message.contains("needs the variable") => Check::Variables,
        _ => Check::Configuration,
    }
}

/// Parts of the names of variables that say who we are.
const CREDENTIALS: [&str; 5] = ["ACCESS_KEY", "SESSION_TOKEN", "BEARER_TOKEN", "AWS_PROFILE", "CREDENTIAL"];
