//! `outcrop profiles`: AWS's inference profiles from the catalog, the account's from its control plane.

use std::collections::BTreeMap;

use outcrop_bedrock::Client;
use outcrop_catalog::{ApplicationProfile, ProfileType, SystemProfile};
use serde::Serialize;

use crate::args::{Global, ProfileKind, Profiles};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop profiles …`.
pub fn run(global: &Global, profiles: Profiles) -> Result<(), Failure> {
    match profiles {
        Profiles::List { kind, filter, region } => list(global, kind, filter.as_deref(), region),
        Profiles::Get { profile, region } => get(global, &profile, region),
    }
}

fn list(
    global: &Global,
    kind: Option<ProfileKind>,
    filter: Option<&str>,
    region: Option<String>,
) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags { region, ..Flags::default() })?;
    let region = settings.region.value.as_str();
    let mut entries = Vec::new();
    if kind != Some(ProfileKind::System) {
        entries.extend(super::block_on(of_account(&settings, region))??.into_iter().map(Entry::from));
    }
    if kind != Some(ProfileKind::Application) {
        let catalog = settings.catalog();
        let callable = catalog.system_profiles().filter(|profile| profile.destinations(region).is_some());
        entries.extend(callable.map(|profile| Entry::of_system(profile, region)));
    }
    entries.retain(|entry| filter.is_none_or(|text| entry.holds(text)));
    if global.json {
        return paper::json(&entries);
    }
    print(&entries)
}

async fn of_account(settings: &Settings, region: &str) -> Result<Vec<ApplicationProfile>, Failure> {
    let client = client(settings, region).await?;
    client.application_profiles(region).await.map_err(|error| {
        Failure::new(format!("the application profiles of {region} cannot be listed: {error}")).hint(
            "it takes bedrock:ListInferenceProfiles; `--type system` lists AWS's own without asking anybody",
        )
    })
}

async fn client(settings: &Settings, region: &str) -> Result<Client, Failure> {
    let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
    Ok(Client::new(credentials, settings.upstream.endpoints()))
}

fn get(global: &Global, identifier: &str, region: Option<String>) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags { region, ..Flags::default() })?;
    let region = settings.region.value.as_str();
    let entry = match settings.catalog().system_profile(identifier) {
        Some(profile) => Entry::of_system(profile, region),
        None => super::block_on(asked(&settings, identifier))??.into(),
    };
    if global.json {
        return paper::json(&entry);
    }
    print(std::slice::from_ref(&entry))
}

/// Asks in the ARN's own Region where it names one.
async fn asked(settings: &Settings, identifier: &str) -> Result<ApplicationProfile, Failure> {
    let of_arn = identifier.split(':').nth(3).filter(|_| identifier.starts_with("arn:"));
    let region = of_arn.filter(|region| !region.is_empty()).unwrap_or(&settings.region.value);
    let client = client(settings, region).await?;
    client
        .inference_profile(identifier, region)
        .await
        .map_err(|error| Failure::new(format!("{identifier} cannot be read in {region}: {error}")))
}

/// A profile of either kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    arn: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    profile_type: ProfileType,
    models: Vec<String>,
    destination_regions: Vec<String>,
    tags: BTreeMap<String, String>,
}

impl Entry {
    fn of_system(profile: &SystemProfile, region: &str) -> Self {
        Self {
            id: profile.id.clone(),
            arn: None,
            name: None,
            profile_type: ProfileType::SystemDefined,
            models: vec![profile.model.clone()],
            destination_regions: profile.destinations(region).unwrap_or_default().to_vec(),
            tags: BTreeMap::new(),
        }
    }

    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let fields = [Some(&self.id), self.arn.as_ref(), self.name.as_ref()];
        fields.into_iter().flatten().chain(&self.models).any(|field| field.to_lowercase().contains(&text))
    }
}

impl From<ApplicationProfile> for Entry {
    fn from(profile: ApplicationProfile) -> Self {
        let ApplicationProfile { arn, name, model_arns, mapped_to, tags } = profile;
        let id = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
        let after = |arn: &String, at| arn.split(':').nth(at).map(str::to_owned);
        let mut destination_regions: Vec<String> =
            model_arns.iter().filter_map(|arn| after(arn, 3)).filter(|region| !region.is_empty()).collect();
        destination_regions.sort();
        destination_regions.dedup();
        let mut models: Vec<String> = model_arns
            .iter()
            .filter_map(|arn| arn.split_once("foundation-model/").map(|(_, id)| id.to_owned()))
            .chain(mapped_to)
            .collect();
        models.sort();
        models.dedup();
        Self {
            id,
            arn: Some(arn),
            name,
            profile_type: ProfileType::Application,
            models,
            destination_regions,
            tags,
        }
    }
}

/// A global profile has dozens; a line has room for these.
const REGIONS_SHOWN: usize = 6;

fn print(entries: &[Entry]) -> Result<(), Failure> {
    if entries.is_empty() {
        paper::say("no profile matches");
        return Ok(());
    }
    let mut table = paper::table();
    for Entry { id, arn, name, models, destination_regions, .. } in entries {
        let identifier = arn.as_deref().unwrap_or(id);
        let models = models.join(" ");
        let regions = match destination_regions.len() {
            0..=REGIONS_SHOWN => destination_regions.join(" "),
            many => format!("{many} Regions"),
        };
        table.add_row([identifier, name.as_deref().unwrap_or(""), &models, &regions]);
    }
    paper::print_table(&mut table)
}
