//! `outcrop profiles`: AWS's inference profiles from the catalog, the account's from its control plane.

pub mod account;
mod apply;
mod change;
mod entry;
mod env;
mod export;
mod file;
mod plan;
pub mod rules;
mod source;

pub use source::partition;

pub use account::{QUOTA, QUOTA_CODE, refused};

use account::Account;
use entry::Entry;
use outcrop_catalog::ProfileType;

use crate::args::{Global, ProfileKind, Profiles};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop profiles …`.
pub fn run(global: &Global, profiles: Profiles) -> Result<(), Failure> {
    let in_region = |region| Settings::load(global, &Flags { region, ..Flags::default() });
    super::block_on(async {
        match profiles {
            Profiles::List { kind, filter, region } => {
                list(global, &in_region(region)?, kind, filter.as_deref()).await
            }
            Profiles::Get { profile, region } => get(global, &in_region(region)?, &profile).await,
            Profiles::Create(create) => {
                change::create(global, &in_region(create.region.clone())?, &create).await
            }
            Profiles::Tag { profile, tags, region } => {
                change::tag(global, &in_region(region)?, &profile, &tags).await
            }
            Profiles::Untag { profile, keys, region } => {
                change::untag(global, &in_region(region)?, &profile, &keys).await
            }
            Profiles::Delete { profile, region, yes } => {
                change::delete(global, &in_region(region)?, &profile, yes).await
            }
            Profiles::Env { region, filter } => {
                env::env(global, &in_region(region)?, filter.as_deref()).await
            }
            Profiles::Plan { file, prune } => apply::plan(global, &in_region(None)?, &file, prune).await,
            Profiles::Apply(arguments) => apply::apply(global, &in_region(None)?, &arguments).await,
            Profiles::Import(arguments) => export::import(global, &in_region(None)?, &arguments).await,
            Profiles::Export(arguments) => export::export(global, &in_region(None)?, &arguments).await,
            Profiles::Bootstrap(arguments) => {
                apply::bootstrap(global, &in_region(arguments.region.clone())?, &arguments).await
            }
        }
    })?
}

async fn list(
    global: &Global,
    settings: &Settings,
    kind: Option<ProfileKind>,
    filter: Option<&str>,
) -> Result<(), Failure> {
    let region = settings.region.value.as_str();
    let mut entries = Vec::new();
    if kind != Some(ProfileKind::System) {
        let own = Account::open(settings, region).await?.own().await.map_err(offline_advice)?;
        entries.extend(own.into_iter().map(|profile| Entry::of_aws(profile, None)));
    }
    let own = entries.len();
    if kind != Some(ProfileKind::Application) {
        let catalog = settings.catalog();
        let callable = catalog.system_profiles().filter(|profile| profile.destinations(region).is_some());
        entries.extend(callable.map(|profile| Entry::of_system(profile, region)));
    }
    entries.retain(|entry| filter.is_none_or(|text| entry.holds(text)));
    if global.json {
        return paper::json(&entries);
    }
    entry::print(&entries)?;
    if kind != Some(ProfileKind::System) {
        paper::say(&format!("{own} of {QUOTA} application profiles in {region} (AWS's default quota)"));
    }
    Ok(())
}

fn offline_advice(failure: Failure) -> Failure {
    match failure {
        Failure::Message { message, hint: None } => {
            Failure::new(message).hint("`--type system` lists AWS's own without asking anybody")
        }
        other => other,
    }
}

async fn get(global: &Global, settings: &Settings, identifier: &str) -> Result<(), Failure> {
    let entry = match settings.catalog().system_profile(identifier) {
        Some(profile) => Entry::of_system(profile, &settings.region.value),
        None => described(settings, identifier).await?,
    };
    if global.json {
        return paper::json(&entry);
    }
    entry::print(std::slice::from_ref(&entry))
}

/// By ARN it takes one permission and no list.
async fn described(settings: &Settings, identifier: &str) -> Result<Entry, Failure> {
    let account = Account::of(settings, identifier).await?;
    let profile = match identifier.starts_with("arn:") {
        true => account.describe(identifier).await?,
        false => account.find(identifier).await?,
    };
    let mut entry = Entry::of_aws(profile, None);
    if let (Some(arn), ProfileType::Application) = (&entry.arn, entry.profile_type) {
        // To read tags takes a permission of its own; the rest is still worth showing.
        match account.tags(arn).await {
            Ok(tags) => entry.tags = Some(tags),
            Err(failure) => _ = failure.report(),
        }
    }
    Ok(entry)
}
