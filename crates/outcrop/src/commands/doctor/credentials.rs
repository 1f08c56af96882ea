//! `outcrop doctor credentials`: every source in the order in which it is asked, why it was passed over, and whether AWS
//! knows what was found.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use outcrop_bedrock::{Outcome, Tried};

use super::finding::{Check, Finding};
use super::{cause, connection};
use crate::credentials::Choice;
use crate::settings::Settings;
use crate::shared_config::SharedConfig;

/// The credentials alone.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let (_, found) = connection::examine(settings).await;
    let mut findings = sources(settings).await;
    findings.extend(found.into_iter().filter(|it| {
        matches!(it.check, Check::Credentials | Check::Identity | Check::Clock | Check::Endpoint)
    }));
    findings
}

/// One line a source, strongest first.
async fn sources(settings: &Settings) -> Vec<Finding> {
    let chosen = &settings.credentials;
    let passed_over = chosen.passed_over.iter();
    let mut findings: Vec<_> = passed_over
        .map(|(variable, why)| Finding::ok(Check::Credentials, format!("{variable}: passed over, {why}")))
        .collect();
    let Ok(credentials) = chosen.load(&settings.region.value).await else { return findings };
    for Tried { source, outcome } in credentials.survey().await {
        let name = match (&chosen.choice, source) {
            (Choice::Profile { variable, name }, _) => format!("profile `{name}` ({variable})"),
            (Choice::Chain, "profile") => format!("AWS's chain, {}", profile(&settings.shared)),
            (Choice::Chain, source) => format!("AWS's chain, {source}"),
            (other, _) => other.describe(),
        };
        findings.push(of(&name, outcome));
    }
    findings
}

/// The profile of the shared files, and what it offers.
fn profile(shared: &SharedConfig) -> String {
    let files: Vec<_> = shared.files.iter().map(|file| file.display().to_string()).collect();
    let offers = match shared.ways() {
        _ if !shared.is_there => format!("not in {}", files.join(" or ")),
        ways if ways.is_empty() => "no credentials in it".to_owned(),
        ways => ways.join(", "),
    };
    format!("profile `{}` ({offers})", shared.profile)
}

fn of(name: &str, outcome: Outcome) -> Finding {
    match outcome {
        Outcome::Gave { access_key_id, expires } => gave(name, &access_key_id, expires),
        Outcome::PassedOver { why } => Finding::ok(Check::Credentials, format!("{name}: passed over, {why}")),
        Outcome::Failed { why } => {
            Finding::error(Check::Credentials, format!("{name}: {why}"), cause::NO_CREDENTIALS)
        }
        Outcome::NotAsked => {
            Finding::ok(Check::Credentials, format!("{name}: not asked, a source before it is used"))
        }
    }
}

fn gave(name: &str, access_key_id: &str, expires: Option<SystemTime>) -> Finding {
    /// They are renewed this long before their end; what is left now was not renewed.
    const SOON: Duration = Duration::from_secs(5 * 60);
    let Some(expires) = expires else {
        return Finding::ok(Check::Credentials, format!("{name}: used: {access_key_id}, without an end"));
    };
    let at = Timestamp::try_from(expires).map_or_else(|_| "?".to_owned(), |at| format!("{at:.0}"));
    let detail = format!("{name}: used: {access_key_id}, until {at}");
    match expires <= SystemTime::now() + SOON {
        true => Finding::warning(Check::Credentials, detail, "they end soon: sign in again, or renew them"),
        false => Finding::ok(Check::Credentials, detail),
    }
}
