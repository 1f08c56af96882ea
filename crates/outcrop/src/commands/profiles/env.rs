//! `outcrop profiles env`: what to paste so that the chat applications use the account's profiles.

use std::collections::BTreeMap;
use std::io::Write;

use outcrop_catalog::ApplicationProfile;
use serde::Serialize;

use super::account::Account;
use super::entry::Entry;
use super::source::{self, Origins};
use crate::args::Global;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::{mappings, paper};

/// Prints the lines for `.env` and the block for `librechat.yaml`.
pub async fn env(global: &Global, settings: &Settings, filter: Option<&str>) -> Result<(), Failure> {
    let region = &settings.region.value;
    let own = Account::open(settings, region).await?.own().await?;
    let chosen = own.into_iter().filter(|profile| {
        let entry = Entry::of_aws(profile.clone(), None);
        filter.is_none_or(|text| entry.holds(text))
    });
    let paste = Paste::of(chosen.map(ApplicationProfile::from).collect(), region);
    paste.skipped.iter().for_each(|why| paper::say(why));
    if global.json {
        return paper::json(&paste);
    }
    if paste.variables.is_empty() {
        paper::say(&format!("no application profile to print in {region}"));
        return Ok(());
    }
    paste.print(region)
}

/// What is to be pasted where.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Paste {
    /// Variable → ARN.
    variables: BTreeMap<String, String>,
    /// LibreChat's direction: identifier → variable, as `${NAME}`.
    inference_profiles: BTreeMap<String, String>,
    /// Its fork's direction: ARN → identifier.
    mappings: BTreeMap<String, String>,
    /// Profiles that have no place in one of them, and why.
    skipped: Vec<String>,
}

impl Paste {
    fn of(profiles: Vec<ApplicationProfile>, region: &str) -> Self {
        let mut paste = Self::default();
        for profile in profiles {
            paste.add(profile, region);
        }
        paste
    }

    fn add(&mut self, profile: ApplicationProfile, region: &str) {
        let arn = profile.arn.clone();
        let name = profile.name.clone().unwrap_or_default();
        let variable = self.variable(&name, &arn);
        self.variables.insert(variable.clone(), arn.clone());
        let Some(identifier) = copied_from(profile, region) else {
            self.skipped.push(format!(
                "{name} ({arn}): its models are not known, so no client can be told what it stands for"
            ));
            return;
        };
        if let Some(first) = self.inference_profiles.get(&identifier) {
            self.skipped.push(format!(
                "{name} ({arn}) is a copy of {identifier}, too: librechat.yaml takes one profile a model, and has {first}"
            ));
        } else {
            self.inference_profiles.insert(identifier.clone(), format!("${{{variable}}}"));
        }
        self.mappings.insert(arn, identifier);
    }

    /// `BEDROCK_TEAM_A_PROFILE`; the profile's id goes with it where two names become one.
    fn variable(&self, name: &str, arn: &str) -> String {
        let of = |text: &str| {
            let upper = text.to_ascii_uppercase();
            let legal: String =
                upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            format!("BEDROCK_{}_PROFILE", legal.trim_end_matches('_'))
        };
        let id = arn.rsplit('/').next().unwrap_or(arn);
        let plain = of(if name.is_empty() { id } else { name });
        if self.variables.contains_key(&plain) { of(&format!("{name}_{id}")) } else { plain }
    }

    fn print(&self, region: &str) -> Result<(), Failure> {
        let mut out = paper::out();
        writeln!(out, "# .env")?;
        writeln!(out, "BEDROCK_AWS_DEFAULT_REGION={region}")?;
        for (variable, arn) in &self.variables {
            writeln!(out, "{variable}={arn}")?;
        }
        if !self.mappings.is_empty() {
            writeln!(out, "{}='{}'", mappings::VARIABLE, serde_json::to_string(&self.mappings)?)?;
        }
        writeln!(out, "\n# librechat.yaml\nendpoints:\n  bedrock:\n    models:")?;
        for identifier in self.inference_profiles.keys() {
            writeln!(out, "      - \"{identifier}\"")?;
        }
        writeln!(out, "    inferenceProfiles:")?;
        for (identifier, variable) in &self.inference_profiles {
            writeln!(out, "      \"{identifier}\": \"{variable}\"")?;
        }
        Ok(out.flush()?)
    }
}

/// The identifier people know it by: the system profile it routes like, else its model. Where two system profiles route
/// alike, the model.
fn copied_from(profile: ApplicationProfile, region: &str) -> Option<String> {
    let Origins { model, same } = source::origins(profile, region)?;
    match same.as_slice() {
        [one] => Some(one.clone()),
        _ => Some(model),
    }
}
