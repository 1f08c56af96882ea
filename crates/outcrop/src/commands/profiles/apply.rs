//! `outcrop profiles plan|apply|bootstrap`: many profiles at a time, each change shown before it is made.
//!
//! Every change is one call that AWS makes wholly or not at all, and each run begins by looking at what is there: a run that
//! was stopped between any two calls is finished by the next one, and nothing is made twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use indicatif::ProgressBar;
use outcrop_bedrock::control::sts::RoleToAssume;
use outcrop_bedrock::control::{InferenceProfile, NewProfile};
use outcrop_catalog::Catalog;
use serde_json::json;

use super::account::Account;
use super::file::{File, Written};
use super::plan::{self, Action, Change, Existing, REPLACES, Wanted, lines, summary};
use super::{rules, source};
use crate::args::{Apply, Bootstrap, Global};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::{paper, progress};

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
    let tags = default_tags(settings, prefix)?;
    let mut here = Here::default();
    let catalog = source::catalog(settings);
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    let bar = progress::bar(models.len() as u64, "looking for sources");
    for model in models.iter().collect::<BTreeSet<_>>() {
        bar.inc(1);
        let name = rules::name_of_model(prefix, model);
        rules::name(&name).map_err(|refused| {
            Failure::new(refused.message)
                .hint("shorten the prefix, or give this model a profile with `outcrop profiles create`")
        })?;
        let place = here.place(settings, region, None).await?;
        match source::look_up(&place.account, &catalog, model).await {
            Ok(source) => {
                source.note.iter().for_each(|note| bar.suspend(|| paper::say(note)));
                let wanted =
                    Wanted { name, region: region.clone(), source, description: None, tags: tags.clone() };
                changes.extend(place.changes(&wanted, &BTreeSet::new(), false).await?);
            }
            Err(failure) => {
                bar.suspend(|| _ = failure.report());
                missing.push(model.as_str());
            }
        }
    }
    bar.finish_and_clear();
    carry_out(global, &here, changes, false, *yes).await?;
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Failure::new(format!("no source, so no profile: {}", missing.join(", ")))
            .hint("`outcrop profiles list --type system` shows what there is")),
    }
}

/// The tags of the configuration's policy, which must be all that it wants; `None` without any.
fn default_tags(settings: &Settings, prefix: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let tags = settings.profile_tags.complete(BTreeMap::new());
    match settings.profile_tags.breaches(&tags).first() {
        Some(breach) => {
            let refused = rules::breach(&format!("{prefix}-…"), breach);
            let hint = "`bootstrap` gives the tags of `profile_tags.tags` alone; others are written in a profiles.yaml";
            Err(Failure::new(refused.message).hint(hint))
        }
        None => Ok((!tags.is_empty()).then_some(tags)),
    }
}

/// What is there, account by account and Region by Region.
#[derive(Default)]
struct Here(BTreeMap<Where, Place>);

/// An account that a role leads to (`None`: that of the credentials at hand), and a Region of it.
type Where = (Option<String>, String);

/// One Region of an account.
struct Place {
    key: Where,
    account: Account,
    own: Vec<InferenceProfile>,
}

impl Here {
    /// Asks once a Region.
    async fn place(
        &mut self,
        settings: &Settings,
        region: &str,
        role: Option<RoleToAssume>,
    ) -> Result<&Place, Failure> {
        let key = (role.as_ref().map(|role| role.arn.clone()), region.to_owned());
        if !self.0.contains_key(&key) {
            let account = match &role {
                Some(role) => Account::assume(settings, region, role).await?,
                None => Account::open(settings, region).await?,
            };
            let own = account.own().await?;
            self.0.insert(key.clone(), Place { key: key.clone(), account, own });
        }
        Ok(&self.0[&key])
    }
}

impl Place {
    /// What is to be done for one that is wanted, and with those that stood for it before. `names` are all that the file
    /// wants here: one that is written is nobody's replacement.
    async fn changes(
        &self,
        wanted: &Wanted,
        names: &BTreeSet<&str>,
        prune: bool,
    ) -> Result<Vec<Change>, Failure> {
        let mut line = self.line(&wanted.name, names).await?;
        let current = line.pop();
        let action = Action::between(wanted, current.as_ref());
        if let Action::Replace { beside, .. } = &action {
            rules::name(beside).map_err(|refused| {
                Failure::new(format!("{} cannot be replaced beside itself: {}", wanted.name, refused.message))
                    .hint("give it a shorter name, or replace it in place: --replace")
            })?;
        }
        let arn = current.map(|it| it.profile.inference_profile_arn);
        let mut changes = Vec::new();
        for before in line {
            let by = arn.clone().unwrap_or_default();
            changes.push(self.superseded(before, by, prune).await);
        }
        let change = Change {
            name: wanted.name.clone(),
            region: wanted.region.clone(),
            arn,
            action,
            place: self.key.clone(),
        };
        changes.insert(0, change);
        Ok(changes)
    }

    /// Those that stand or stood for a name, the current one last.
    async fn line(&self, name: &str, names: &BTreeSet<&str>) -> Result<Vec<Existing>, Failure> {
        let mut line = BTreeMap::new();
        for profile in &self.own {
            let Some(called) = profile.inference_profile_name.as_deref() else { continue };
            let Some(version) = plan::version(name, called) else { continue };
            if version > 1 && names.contains(called) {
                continue;
            }
            let tags = self.account.tags(&profile.inference_profile_arn).await?;
            if version == 1 || tags.get(REPLACES).is_some_and(|replaced| replaced == name) {
                let successor = plan::successor(name, version + 1);
                line.insert(version, Existing { profile: profile.clone(), tags, successor });
            }
        }
        Ok(line.into_values().collect())
    }

    /// Kept until its replacement is in use, and longer unless pruning is asked for.
    async fn superseded(&self, before: Existing, by: String, prune: bool) -> Change {
        let arn = before.profile.inference_profile_arn;
        let name = before.profile.inference_profile_name.unwrap_or_default();
        let action = match (prune, prune && self.account.is_in_use(&by).await) {
            (_, true) => Action::Delete,
            (true, false) => Action::Superseded { by, kept: "kept until that one is in use".to_owned() },
            (false, _) => Action::Superseded {
                by,
                kept: "kept (--prune deletes it once that one is in use)".to_owned(),
            },
        };
        Change { name, region: self.account.region.clone(), arn: Some(arn), action, place: self.key.clone() }
    }

    /// Those that nobody wants.
    fn rest(&self, spoken_for: &BTreeSet<String>, prune: bool) -> Vec<Change> {
        let rest = self.own.iter().filter(|it| !spoken_for.contains(&it.inference_profile_arn));
        rest.map(|profile| Change {
            name: profile.inference_profile_name.clone().unwrap_or_else(|| profile.id().to_owned()),
            region: self.account.region.clone(),
            arn: Some(profile.inference_profile_arn.clone()),
            action: if prune { Action::Delete } else { Action::Leave },
            place: self.key.clone(),
        })
        .collect()
    }
}

/// Every mistake in the file is found before anything else is said.
async fn of_file(settings: &Settings, path: &Path, prune: bool) -> Result<(Here, Vec<Change>), Failure> {
    let default_region = settings.region.value.as_str();
    let file = File::read(path, default_region, &settings.profile_tags)?;
    let catalog = source::catalog(settings);
    let (mut here, mut changes, mut problems) = (Here::default(), Vec::new(), Vec::new());
    let names_in = |region: &str| -> BTreeSet<&str> {
        let in_region = file.profiles.iter().filter(|it| it.region_or(default_region) == region);
        in_region.map(|it| it.name.value.as_str()).collect()
    };
    let bar = progress::bar(file.profiles.len() as u64, "looking at what is there");
    for written in &file.profiles {
        bar.inc(1);
        let place = here.place(settings, written.region_or(default_region), file.role_of(written)).await?;
        match wanted(place, &catalog, &file, written).await {
            Ok(wanted) => {
                let names = names_in(&wanted.region);
                changes.extend(place.changes(&wanted, &names, prune).await?);
            }
            Err((location, Failure::Message { message, hint })) => {
                problems.push(file.problem(location, message, hint));
            }
            Err((_, other)) => return Err(other),
        }
    }
    bar.finish_and_clear();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let spoken_for = changes.iter().filter_map(|change| change.arn.clone()).collect();
    for place in here.0.values() {
        changes.extend(place.rest(&spoken_for, prune));
    }
    Ok((here, changes))
}

async fn wanted(
    place: &Place,
    catalog: &Catalog,
    file: &File,
    written: &Written,
) -> Result<Wanted, (serde_saphyr::Location, Failure)> {
    let Written { name, from, region: _, description, tags: _, account } = written;
    if let Some(account) = account {
        let checked = place.account.check_number(&account.value, &place.own).await;
        checked.map_err(|failure| (account.referenced, failure))?;
    }
    let source = source::look_up(&place.account, catalog, &from.value).await;
    Ok(Wanted {
        name: name.value.clone(),
        region: place.account.region.clone(),
        source: source.map_err(|failure| (from.referenced, failure))?,
        description: description.as_ref().map(|it| it.value.clone()),
        tags: file.tags_of(written),
    })
}

/// Shows the changes, asks, and makes them one after the other. A replacement is created beside the old profile; to do it
/// in place must be asked for by name, because it breaks whoever uses the old ARN.
async fn carry_out(
    global: &Global,
    here: &Here,
    mut changes: Vec<Change>,
    in_place: bool,
    yes: bool,
) -> Result<(), Failure> {
    lines(&changes).iter().for_each(|line| paper::say(line));
    paper::say(&summary(&changes));
    if changes.iter().any(|change| change.action.is_work()) {
        confirm(yes, &format!("change the account's profiles ({})", summary(&changes)))?;
    }
    let bar = progress::bar(changes.len() as u64, "changing profiles");
    let mut made = 0;
    for change in &mut changes {
        let carried_out = make(&here.0[&change.place].account, change, in_place, &bar).await;
        bar.inc(1);
        if let Err(failure) = carried_out {
            bar.finish_and_clear();
            paper::say(&format!(
                "stopped at {} ({}); {made} changes were made before it",
                change.name, change.region
            ));
            return Err(failure);
        }
        made += usize::from(change.action.is_work());
    }
    bar.finish_and_clear();
    report(global, &changes)
}

async fn make(
    account: &Account,
    change: &mut Change,
    in_place: bool,
    bar: &ProgressBar,
) -> Result<(), Failure> {
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
        Action::Replace { new, called, .. } if in_place => {
            let mut new = NewProfile { name: called.clone(), ..new.clone() };
            if *called == change.name {
                new.tags.remove(REPLACES);
            }
            account.delete(&arn).await?;
            change.arn = Some(account.create(&new).await?);
        }
        Action::Replace { new, beside, .. } => {
            let created = account.create(new).await?;
            let replaced = format!("{beside} takes the place of {arn}; move its users to {created}");
            bar.suspend(|| paper::say(&replaced));
            change.arn = Some(created);
        }
        Action::Delete => account.delete(&arn).await?,
        Action::Unchanged | Action::Leave | Action::Superseded { .. } => {}
    }
    Ok(())
}

/// What is there now: names and ARNs.
fn report(global: &Global, changes: &[Change]) -> Result<(), Failure> {
    if global.json {
        return paper::json(&json!({ "changes": changes, "summary": summary(changes) }));
    }
    let mut table = paper::table();
    for Change { name, region, arn, action, place: _ } in changes {
        if !matches!(action, Action::Delete | Action::Leave | Action::Superseded { .. }) {
            table.add_row([name, region, arn.as_deref().unwrap_or("")]);
        }
    }
    if table.is_empty() { Ok(()) } else { paper::print_table(&mut table) }
}
