//! `outcrop doctor`: what is wrong, why, and what to paste to mend it.
//!
//! It looks at the configuration first, then at what stands between us and AWS, then at each identifier the configuration
//! names (or the one given, which is invoked once). It changes nothing. Nothing that cannot be looked at is called sound:
//! it is a warning that says what to allow.

mod account;
mod cause;
mod configuration;
mod connection;
mod credentials;
mod finding;
mod invocation;
mod logging;
mod permission;
mod secrets;
mod subject;

use finding::{Check, Finding, Status};

use crate::args::{Doctor, Global, Part};
use crate::failure::Failure;
use crate::settings::{Flags, Settings};
use crate::{paper, progress};

/// Runs `outcrop doctor …`; exit code 1 when anything is broken.
pub fn run(global: &Global, doctor: &Doctor) -> Result<(), Failure> {
    let Doctor { identifier, region, part } = doctor;
    let flags = Flags { region: region.clone(), ..Flags::default() };
    let mut findings = match Settings::load(global, &flags) {
        Err(problems) => problems.iter().map(configuration::of_problem).collect(),
        Ok(settings) => super::block_on(async {
            match part {
                Some(Part::Credentials) => credentials::examine(&settings).await,
                None => examine(&settings, identifier.as_deref()).await,
            }
        })?,
    };
    findings.sort_by_key(|it| it.check);
    // Two identifiers may lead to one model.
    let mut seen = Vec::new();
    findings.retain(|it| {
        !seen.contains(it) && {
            seen.push(it.clone());
            true
        }
    });
    match global.json {
        true => paper::json(&findings)?,
        false => finding::print(&findings)?,
    }
    let is_broken = findings.iter().any(|it| it.status == Status::Error);
    if is_broken { Err(Failure::Reported) } else { Ok(()) }
}

async fn examine(settings: &Settings, identifier: Option<&str>) -> Vec<Finding> {
    let mut findings = configuration::examine(settings);
    findings.extend(secrets::examine(settings));
    let (connection, found) = connection::examine(settings).await;
    findings.extend(found);
    let Some(connection) = connection else { return findings };
    let catalog = settings.catalog();
    let subjects = match identifier {
        Some(one) => vec![one.to_owned()],
        None => super::configured(&catalog),
    };
    if subjects.is_empty() {
        findings.push(Finding::ok(
            Check::Keys,
            "the configuration names no model or profile; name one to have it looked at: `outcrop doctor IDENTIFIER`",
        ));
    }
    let bar = progress::bar(subjects.len() as u64, "looking at identifiers");
    let mut sound = Vec::new();
    for subject in &subjects {
        let (resolution, found) = subject::examine(&connection, &catalog, subject).await;
        findings.extend(found);
        if let (Some(resolution), Some(_)) = (&resolution, identifier) {
            findings.push(invocation::examine(&connection, resolution).await);
        }
        sound.extend(resolution);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let spinner = progress::spinner("asking what is allowed, and what is logged");
    findings.extend(permission::examine(&connection, &catalog, &sound).await);
    findings.extend(account::examine(&connection).await);
    findings.extend(logging::examine(&connection).await);
    spinner.finish_and_clear();
    findings
}
