//! `outcrop profiles plan|apply|bootstrap`: many profiles at a time, each change shown before it is made.
//!
//! Every change is one call that AWS makes wholly or not at all, and each run begins by looking at what is there: a run that
//! was stopped between any two calls is finished by the next one, and nothing is made twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use outcrop_bedrock::control::InferenceProfile;
use outcrop_catalog::Catalog;
use serde_json::json;

use super::account::Account;
use super::file::{File, Written};
use super::plan::{Action, Change, Existing, Wanted, lines, summary};
use super::{rules, source};
use crate::args::{Apply, Bootstrap, Global};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::paper;
use crate::settings::Settings;

/// Shows what `apply` would do.
pub async fn plan(global: &Global, settings: &Settings, file: &Path, prune: bool) -> Result<(), Failure> {
    let (_, changes) = of_file(settings, file, prune).await?;
    if global.json {
        return paper::json(&json!({ "changes": changes, "summary": summary(&changes) }));
    }
    let mut out = paper::out();
    for line in lines(&changes) {
        writeln!(out, "{line}")?;
    }
    Ok(writeln!(out, "{}", summary(&changes))?)
}

/// Makes the account's profiles what the file says.
pub async fn apply(global: &Global, settings: &Settings, apply: &Apply) -> Result<(), Failure> {
    let Apply { file, prune, replace, yes } = apply;
    let (here, changes) = of_file(settings, file, *prune).await?;
    carry_out(global, &here, changes, *replace, *yes).await
}

/// One profile a model, named after it; those that exist stay as they are.
pub async fn bootstrap(global: &Global, settings: &Settings, bootstrap: &Bootstrap) -> Result<(), Failure> {
    let Bootstrap { prefix, models, region: _, yes } = bootstrap;
    let region = &settings.region.value;
    let mut here = Here::default();
    let catalog = source::catalog(settings);
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    for model in models.iter().collect::<BTreeSet<_>>() {
        let name = rules::name_of_model(prefix, model);
        rules::name(&name).map_err(|refused| {
            Failure::new(refused.message)
                .hint("shorten the prefix, or give this model a profile with `outcrop profiles create`")
        })?;
        let place = here.region(settings, region).await?;
        match source::look_up(&place.account, &catalog, model).await {
            Ok(source) => {
                source.note.iter().for_each(|note| paper::say(note));
                let wanted = Wanted { name, region: region.clone(), source, description: None, tags: None };
                changes.push(place.change(&wanted).await?);
            }
            Err(failure) => {
                _ = failure.report();
                missing.push(model.as_str());
            }
        }
    }
    carry_out(global, &here, changes, false, *yes).await?;
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Failure::new(format!("no source, so no profile: {}", missing.join(", ")))
            .hint("`outcrop profiles list --type system` shows what there is")),
    }
}

/// What is there, Region by Region.
#[derive(Default)]
struct Here(BTreeMap<String, Place>);

/// One Region of the account.
struct Place {
    account: Account,
    own: Vec<InferenceProfile>,
}

impl Here {
    /// Asks once a Region.
    async fn region(&mut self, settings: &Settings, region: &str) -> Result<&Place, Failure> {
        if !self.0.contains_key(region) {
            let account = Account::open(settings, region).await?;
            let own = account.own().await?;
            self.0.insert(region.to_owned(), Place { account, own });
        }
        Ok(&self.0[region])
    }
}

impl Place {
    async fn change(&self, wanted: &Wanted) -> Result<Change, Failure> {
        let named = |it: &&InferenceProfile| it.inference_profile_name.as_deref() == Some(&wanted.name);
        let existing = match self.own.iter().find(named) {
            Some(profile) => {
                let tags = self.account.tags(&profile.inference_profile_arn).await?;
                Some(Existing { profile: profile.clone(), tags })
            }
            None => None,
        };
        Ok(Change {
            name: wanted.name.clone(),
            region: wanted.region.clone(),
            arn: existing.as_ref().map(|it| it.profile.inference_profile_arn.clone()),
            action: Action::between(wanted, existing.as_ref()),
        })
    }

    /// Those that nobody wants.
    fn rest(&self, wanted: &BTreeSet<&str>, prune: bool) -> Vec<Change> {
        let rest = self
            .own
            .iter()
            .filter(|it| it.inference_profile_name.as_deref().is_none_or(|name| !wanted.contains(name)));
        rest.map(|profile| Change {
            name: profile.inference_profile_name.clone().unwrap_or_else(|| profile.id().to_owned()),
            region: self.account.region.clone(),
            arn: Some(profile.inference_profile_arn.clone()),
            action: if prune { Action::Delete } else { Action::Leave },
        })
        .collect()
    }
}

/// Every mistake in the file is found before anything else is said.
async fn of_file(settings: &Settings, path: &Path, prune: bool) -> Result<(Here, Vec<Change>), Failure> {
    let default_region = settings.region.value.as_str();
    let file = File::read(path, default_region)?;
    let catalog = source::catalog(settings);
    let (mut here, mut changes, mut problems) = (Here::default(), Vec::new(), Vec::new());
    for written in &file.profiles {
        let place = here.region(settings, written.region_or(default_region)).await?;
        match wanted(place, &catalog, written).await {
            Ok(wanted) => changes.push(place.change(&wanted).await?),
            Err((location, Failure::Message { message, hint })) => {
                problems.push(file.problem(location, message, hint));
            }
            Err((_, other)) => return Err(other),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    for (region, place) in &here.0 {
        let in_region = file.profiles.iter().filter(|it| it.region_or(default_region) == region);
        let names = in_region.map(|it| it.name.value.as_str()).collect();
        changes.extend(place.rest(&names, prune));
    }
    Ok((here, changes))
}

async fn wanted(
    place: &Place,
    catalog: &Catalog,
    written: &Written,
) -> Result<Wanted, (serde_saphyr::Location, Failure)> {
    let Written { name, from, region: _, description, tags, account } = written;
    if let Some(account) = account {
        let checked = place.account.check_number(&account.value, &place.own).await;
        checked.map_err(|failure| (account.referenced, failure))?;
    }
    let source = source::look_up(&place.account, catalog, &from.value).await;
    let tags = tags
        .as_ref()
        .map(|tags| tags.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect());
    Ok(Wanted {
        name: name.value.clone(),
        region: place.account.region.clone(),
        source: source.map_err(|failure| (from.referenced, failure))?,
        description: description.as_ref().map(|it| it.value.clone()),
        tags,
    })
}

/// Shows the changes, asks, and makes them one after the other. Replacements are made only when asked for by name: they
/// break whoever uses the old ARN.
async fn carry_out(
    global: &Global,
    here: &Here,
    mut changes: Vec<Change>,
    replace: bool,
    yes: bool,
) -> Result<(), Failure> {
    lines(&changes).iter().for_each(|line| paper::say(line));
    paper::say(&summary(&changes));
    let is_held = |change: &Change| matches!(change.action, Action::Replace { .. }) && !replace;
    if changes.iter().any(|change| change.action.is_work() && !is_held(change)) {
        confirm(yes, &format!("change the account's profiles ({})", summary(&changes)))?;
    }
    let mut made = 0;
    for change in changes.iter_mut().filter(|change| !is_held(change)) {
        if let Err(failure) = make(&here.0[&change.region].account, change).await {
            paper::say(&format!(
                "stopped at {} ({}); {made} changes were made before it",
                change.name, change.region
            ));
            return Err(failure);
        }
        made += usize::from(change.action.is_work());
    }
    let held = changes.iter().filter(|change| is_held(change)).count();
    report(global, &changes)?;
    match held {
        0 => Ok(()),
        held => Err(Failure::new(format!("{held} to replace, and left as they are")).hint(
            "create the new one under a new name, move its users, then remove the old one; or, to delete and create at once under another ARN, add --replace",
        )),
    }
}

async fn make(account: &Account, change: &mut Change) -> Result<(), Failure> {
    let arn = change.arn.clone().unwrap_or_default();
    match &change.action {
        Action::Create { new, .. } => change.arn = Some(account.create(new).await?),
        Action::Retag { set, remove } => {
            if !set.is_empty() {
                account.tag(&arn, set).await?;
            }
            if !remove.is_empty() {
                account.untag(&arn, remove).await?;
            }
        }
        Action::Replace { new, .. } => {
            account.delete(&arn).await?;
            change.arn = Some(account.create(new).await?);
        }
        Action::Delete => account.delete(&arn).await?,
        Action::Unchanged | Action::Leave => {}
    }
    Ok(())
}

/// What is there now: names and ARNs.
fn report(global: &Global, changes: &[Change]) -> Result<(), Failure> {
    if global.json {
        return paper::json(&json!({ "changes": changes, "summary": summary(changes) }));
    }
    let mut table = paper::table();
    for Change { name, region, arn, action } in changes {
        if !matches!(action, Action::Delete | Action::Leave) {
            table.add_row([name, region, arn.as_deref().unwrap_or("")]);
        }
    }
    if table.is_empty() { Ok(()) } else { paper::print_table(&mut table) }
}
