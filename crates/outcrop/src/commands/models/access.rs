//! `outcrop models access`: whether the account may use models, as `GetFoundationModelAvailability` says.

use std::collections::BTreeSet;

use outcrop_bedrock::Client;
use outcrop_bedrock::control::access::Availability;
use serde::Serialize;

use crate::args::Global;
use crate::commands::block_on;
use crate::failure::Failure;
use crate::paper;
use crate::settings::Settings;

/// Runs `outcrop models access`.
pub fn run(global: &Global, models: &[String], region: Option<String>) -> Result<(), Failure> {
    let settings = super::settings(global, region)?;
    let models = named(models, &settings)?;
    let answers = block_on(ask(&settings, &models))??;
    if global.json {
        paper::json(&answers)?;
    } else {
        print(&answers)?;
    }
    match answers.iter().filter(|answer| answer.error.is_some()).count() {
        0 => Ok(()),
        wrong => Err(Failure::new(format!("AWS did not answer for {wrong} of {} models", answers.len()))
            .hint("the role needs bedrock:GetFoundationModelAvailability; `outcrop doctor` finds out more")),
    }
}

/// The bare ids, each once: AWS knows no availability of profiles.
fn named(models: &[String], settings: &Settings) -> Result<BTreeSet<String>, Failure> {
    let catalog = settings.catalog();
    if models.is_empty() {
        let region = &settings.region.value;
        let served = catalog.models().filter(|model| !catalog.ways_from(&model.id, region).is_empty());
        return Ok(served.map(|model| model.id.clone()).collect());
    }
    let id = |model: &String| {
        let resolution = super::resolved(&catalog, model, settings)?;
        Ok(resolution.model.map_or(resolution.target, |model| model.id.clone()))
    };
    models.iter().map(id).collect()
}

/// One model's answer. `access` is true when all four say so, `null` when AWS did not answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    region: String,
    access: Option<bool>,
    agreement: Option<String>,
    authorization: Option<String>,
    entitlement: Option<String>,
    region_availability: Option<String>,
    /// What to do when there is no access.
    fix: Option<String>,
    error: Option<String>,
}

async fn ask(settings: &Settings, models: &BTreeSet<String>) -> Result<Vec<Answer>, Failure> {
    let region = &settings.region.value;
    let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
    let client = Client::new(credentials, settings.upstream.endpoints());
    let mut answers = Vec::new();
    for model in models {
        answers.push(match client.availability(model, region).await {
            Ok(availability) => Answer::of(model, region, availability),
            Err(error) => Answer::failed(model, region, &error.to_string()),
        });
    }
    Ok(answers)
}

impl Answer {
    fn of(model: &str, region: &str, availability: Availability) -> Self {
        let Availability {
            agreement_availability: agreement,
            authorization_status: authorization,
            entitlement_availability: entitlement,
            region_availability,
        } = availability;
        let fix = fix(&agreement.status, &authorization, &entitlement, &region_availability);
        Self {
            id: model.to_owned(),
            region: region.to_owned(),
            access: Some(fix.is_none()),
            agreement: Some(agreement.error_message.unwrap_or(agreement.status)),
            authorization: Some(authorization),
            entitlement: Some(entitlement),
            region_availability: Some(region_availability),
            fix: fix.map(str::to_owned),
            error: None,
        }
    }

    fn failed(model: &str, region: &str, error: &str) -> Self {
        Self {
            id: model.to_owned(),
            region: region.to_owned(),
            access: None,
            agreement: None,
            authorization: None,
            entitlement: None,
            region_availability: None,
            fix: None,
            error: Some(error.lines().next().unwrap_or_default().to_owned()),
        }
    }
}

/// What to do first; `None` when nothing is in the way (words: reference `bedrock.md` §1.3).
fn fix(agreement: &str, authorization: &str, entitlement: &str, region: &str) -> Option<&'static str> {
    if region != "AVAILABLE" {
        return Some("not in this Region: `outcrop models regions MODEL` says where");
    }
    if authorization != "AUTHORIZED" {
        return Some("this identity is not authorized: `outcrop iam policy` prints what it needs");
    }
    match agreement {
        "AVAILABLE" => {}
        "PENDING" => return Some("the agreement is being made; wait a few minutes"),
        _ => return Some("accept the publisher's agreement: Bedrock console, Model access"),
    }
    (entitlement != "AVAILABLE").then_some("ask for access: Bedrock console, Model access")
}

fn print(answers: &[Answer]) -> Result<(), Failure> {
    let mut table = paper::table();
    table.set_header(["MODEL", "ACCESS", "WHAT TO DO"]);
    for answer in answers {
        let access = match answer.access {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => "unknown".to_owned(),
        };
        let then = answer.fix.as_deref().or(answer.error.as_deref()).unwrap_or_default();
        table.add_row([answer.id.clone(), access, then.to_owned()]);
    }
    paper::print_table(&mut table)
}
