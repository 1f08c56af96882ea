//! One thing the doctor looked at: how it stands, and how to mend it.

use std::io::Write;

use owo_colors::OwoColorize;
use serde::Serialize;

use crate::failure::Failure;
use crate::paper;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it stands.
    pub status: Status,
    /// What was found, and why it is so.
    pub detail: String,
    /// How to mend it, with the command or policy to paste; `null` where there is nothing to do.
    pub fix: Option<String>,
}

/// What can be looked at, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The file, its keys and values.
    Configuration,
    /// Variables: unknown names, unresolved `${…}`.
    Variables,
    /// Secrets where others can find them.
    Secrets,
    /// Entries that nothing uses, or that name nothing.
    Keys,
    /// What the configuration says of a profile against what AWS says.
    Mappings,
    /// The Region to call from.
    Region,
    /// Who we are to AWS.
    Credentials,
    /// Whose the credentials are.
    Identity,
    /// Whether something answers, and whether it is Bedrock.
    Endpoint,
    /// Our clock against AWS's.
    Clock,
    /// An inference profile: that it exists, and where.
    Profile,
    /// A model: that it is known, served, and not about to go.
    Model,
    /// The agreement, authorisation and form that a model takes.
    Access,
    /// An IAM action.
    Permission,
    /// The Regions a profile may route to, against denials.
    Destination,
    /// The residency policy.
    Residency,
    /// The account's quotas.
    Quota,
    /// AWS's model invocation log.
    Logging,
    /// One real call.
    Invocation,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, or could not be looked at; a person should know.
    Warning,
    /// Broken.
    Error,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: Check, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, detail: detail.into(), fix: None }
    }

    /// Something a person should know.
    pub fn warning(check: Check, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: Status::Warning, detail: detail.into(), fix: Some(fix.into()) }
    }

    /// Something broken.
    pub fn error(check: Check, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: Status::Error, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// What a person reads: one line a finding, the cure under it.
pub fn print(findings: &[Finding]) -> Result<(), Failure> {
    let mut out = paper::out();
    for Finding { check, status, detail, fix } in findings {
        let mark = match status {
            Status::Ok => "ok     ".green().to_string(),
            Status::Warning => "warning".yellow().to_string(),
            Status::Error => "error  ".red().bold().to_string(),
        };
        let check = word(*check);
        let mut lines = detail.lines();
        writeln!(out, "{mark}  {check:<13}  {}", lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| writeln!(out, "{MARGIN}{line}"))?;
        for line in fix.iter().flat_map(|fix| fix.lines()) {
            writeln!(out, "{MARGIN}{}", line.cyan())?;
        }
    }
    writeln!(out, "\n{}", summary(findings))?;
    Ok(out.flush()?)
}

/// Under the detail's first letter.
const MARGIN: &str = "                        ";

fn word(check: Check) -> String {
    serde_json::to_value(check).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

fn summary(findings: &[Finding]) -> String {
    let count = |status| findings.iter().filter(|it| it.status == status).count();
    match (count(Status::Error), count(Status::Warning)) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => format!("nothing is broken; warnings: {warnings}"),
        (errors, warnings) => format!("broken: {errors}; warnings: {warnings}"),
    }
}
