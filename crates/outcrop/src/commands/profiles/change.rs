//! `outcrop profiles create|tag|untag|delete`: one profile at a time.

use std::collections::BTreeMap;
use std::io::Write;

use outcrop_bedrock::control::profiles::ModelArn;
use outcrop_bedrock::control::{InferenceProfile, NewProfile};
use serde_json::json;

use super::account::Account;
use super::entry::{self, Entry};
use super::rules::{self, Refused};
use super::source::{self, Source};
use crate::args::{Create, Global};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::paper;
use crate::settings::Settings;
use crate::tag_policy::Breach;

/// Creates a profile, unless its name is taken.
pub async fn create(global: &Global, settings: &Settings, create: &Create) -> Result<(), Failure> {
    let Create { name, from, description, tags, region: _, dry_run } = create;
    check(name, description.as_deref(), tags)?;
    let tags = settings.profile_tags.complete(tags.iter().cloned().collect());
    keeps_policy(settings, name, &tags, |_| true)?;
    let account = Account::open(settings, &settings.region.value).await?;
    let source = source::look_up(&account, &source::catalog(settings), from).await?;
    source.note.iter().for_each(|note| paper::say(note));
    let profile = NewProfile {
        name: name.clone(),
        description: description.clone(),
        copy_from: source.arn.clone(),
        tags,
    };
    refuse_taken_name(&account, name).await?;
    if *dry_run {
        paper::say(&format!("nothing was sent; the request to {} would be:", account.region));
        return paper::json(&profile.request(&account.region));
    }
    let arn = account.create(&profile).await?;
    if global.json {
        return paper::json(&created(arn, profile, source));
    }
    paper::say(&format!("created {name} in {} from {}", account.region, source.arn));
    Ok(writeln!(paper::out(), "{arn}")?)
}

/// Puts tags on a profile.
pub async fn tag(
    global: &Global,
    settings: &Settings,
    profile: &str,
    tags: &[(String, String)],
) -> Result<(), Failure> {
    check_tags(tags)?;
    let account = Account::of(settings, profile).await?;
    let found = account.find(profile).await?;
    let tags: BTreeMap<_, _> = tags.iter().cloned().collect();
    keeps_policy(settings, name_of(&found), &tags, |breach| matches!(breach, Breach::Value { .. }))?;
    account.tag(&found.inference_profile_arn, &tags).await?;
    show_tags(global, &account, found).await
}

/// Takes tags off a profile.
pub async fn untag(
    global: &Global,
    settings: &Settings,
    profile: &str,
    keys: &[String],
) -> Result<(), Failure> {
    let account = Account::of(settings, profile).await?;
    let found = account.find(profile).await?;
    let taken =
        |breach: &Breach<'_>| matches!(breach, Breach::Missing(key) if keys.iter().any(|it| it == key));
    keeps_policy(settings, name_of(&found), &BTreeMap::new(), taken)?;
    account.untag(&found.inference_profile_arn, keys).await?;
    show_tags(global, &account, found).await
}

/// Deletes a profile, after a question.
pub async fn delete(global: &Global, settings: &Settings, profile: &str, yes: bool) -> Result<(), Failure> {
    let account = Account::of(settings, profile).await?;
    let found = account.find(profile).await?;
    let name = name_of(&found);
    let arn = &found.inference_profile_arn;
    confirm(yes, &format!("delete {name} ({arn})"))?;
    account.delete(arn).await?;
    if global.json {
        return paper::json(&json!({ "deleted": arn, "name": name }));
    }
    paper::say(&format!("deleted {name} ({arn}); what still names it will be refused by AWS"));
    Ok(())
}

fn name_of(profile: &InferenceProfile) -> &str {
    profile.inference_profile_name.as_deref().unwrap_or(profile.id())
}

/// Every breach of the configuration's tag policy that counts here; the first is the failure.
fn keeps_policy(
    settings: &Settings,
    name: &str,
    tags: &BTreeMap<String, String>,
    counts: impl Fn(&Breach<'_>) -> bool,
) -> Result<(), Failure> {
    let breaches = settings.profile_tags.breaches(tags);
    let mut refused =
        breaches.iter().filter(|breach| counts(breach)).map(|breach| illegal(rules::breach(name, breach)));
    let Some(first) = refused.next() else { return Ok(()) };
    refused.for_each(|other| _ = other.report());
    Err(first)
}

fn check(name: &str, description: Option<&str>, tags: &[(String, String)]) -> Result<(), Failure> {
    rules::name(name).map_err(illegal)?;
    description.map_or(Ok(()), rules::description).map_err(illegal)?;
    check_tags(tags)
}

/// AWS's general limit for a resource.
const MAX_TAGS: usize = 50;

fn check_tags(tags: &[(String, String)]) -> Result<(), Failure> {
    for (index, (key, value)) in tags.iter().enumerate() {
        rules::tag(key, value).map_err(illegal)?;
        if tags[..index].iter().any(|(before, _)| before == key) {
            return Err(Failure::new(format!("the tag {key} is given twice")).hint("leave one of them out"));
        }
    }
    match tags.len() {
        0..=MAX_TAGS => Ok(()),
        many => Err(Failure::new(format!("{many} tags are given; AWS takes {MAX_TAGS} on a profile"))),
    }
}

fn illegal(refused: Refused) -> Failure {
    let Refused { message, hint } = refused;
    match hint {
        Some(hint) => Failure::new(message).hint(hint),
        None => Failure::new(message),
    }
}

/// A name is looked for before the call, because AWS's answer does not tell whose it is.
async fn refuse_taken_name(account: &Account, name: &str) -> Result<(), Failure> {
    let own = account.own().await?;
    let Some(taken) = own.iter().find(|it| it.inference_profile_name.as_deref() == Some(name)) else {
        return Ok(());
    };
    let message = format!(
        "a profile named {name} exists in {} already: {}",
        account.region, taken.inference_profile_arn
    );
    Err(Failure::new(message)
        .hint("use that ARN, or choose another name; `outcrop profiles apply` takes what exists as it is"))
}

/// The new profile without asking again: what it is was just said.
fn created(arn: String, profile: NewProfile, source: Source) -> Entry {
    let NewProfile { name, description, copy_from: _, tags } = profile;
    let models = source.model_arns.into_iter().map(|model_arn| ModelArn { model_arn });
    let described = InferenceProfile {
        inference_profile_arn: arn,
        inference_profile_id: None,
        inference_profile_name: Some(name),
        description,
        created_at: None,
        status: None,
        models: models.collect(),
    };
    Entry::of_aws(described, Some(tags))
}

async fn show_tags(global: &Global, account: &Account, profile: InferenceProfile) -> Result<(), Failure> {
    let tags: BTreeMap<String, String> = account.tags(&profile.inference_profile_arn).await?;
    let entry = Entry::of_aws(profile, Some(tags));
    if global.json {
        return paper::json(&entry);
    }
    entry::print(std::slice::from_ref(&entry))
}
