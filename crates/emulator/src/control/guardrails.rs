//! Guardrails: made, versioned, changed and applied. What a policy finds in a text is in [`crate::guardrail`].

use serde_json::{Map, Value, json};

use super::list::page;
use super::profiles::{conflict, now};
use super::resource::{self, Kind, Resource};
use super::{Context, text};
use crate::failure::Failure;
use crate::guardrail::{self, Grounds, Source};
use crate::reply::Reply;
use crate::state::State;

/// The working draft, which every guardrail has.
const DRAFT: &str = "DRAFT";
/// The member of a guardrail's document that holds its numbered versions; no answer names it.
const VERSIONS: &str = "versions";
const ID: &str = "guardrailIdentifier";

/// `POST /guardrails` → 202.
///
/// # Errors
/// Validation for a regular expression that is none; Conflict; TooManyTags.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let id = resource::new_id(ctx.state);
    let mut made = ctx.resource(Kind::Guardrail, &format!("guardrail/{id}"), &id, text(&input, "name"));
    describe(ctx, &mut made, &input)?;
    let made = resource::add(ctx, made, &input, "tags")?;
    Ok(ctx.answer(Value::Object(made.document)))
}

/// Writes the draft as the input has it, in place of what was there.
fn describe(ctx: &Context<'_>, made: &mut Resource, input: &Value) -> Result<(), Failure> {
    let versions = made.document.remove(VERSIONS).unwrap_or_else(|| json!([]));
    made.document = Map::new();
    for (name, value) in input.as_object().into_iter().flatten() {
        if let Some(policy) = name.strip_suffix("PolicyConfig") {
            made.set(&format!("{policy}Policy"), without_suffix(value));
        }
    }
    made.copy(input, &["name", "description", "blockedInputMessaging", "blockedOutputsMessaging"]);
    if let Some(profile) = input["crossRegionConfig"]["guardrailProfileIdentifier"].as_str() {
        made.set("crossRegionDetails", cross_region(ctx, profile));
    }
    if let Some(key) = input["kmsKeyId"].as_str() {
        let is_arn = key.starts_with("arn:");
        let arn = ctx.state.home(ctx.region).arn("kms", &format!("key/{key}"));
        made.set("kmsKeyArn", if is_arn { key.to_owned() } else { arn });
    }
    made.name = text(input, "name").to_owned();
    for (member, value) in [
        ("guardrailId", &made.id),
        ("id", &made.id),
        ("guardrailArn", &made.arn),
        ("arn", &made.arn),
        ("createdAt", &made.created_at),
    ] {
        made.document.insert(member.to_owned(), value.clone().into());
    }
    made.set("updatedAt", now());
    made.set("status", "READY");
    made.set("version", DRAFT);
    made.set(VERSIONS, versions);
    guardrail::check(&made.document)
}

/// What is configured under `filtersConfig` is described under `filters`, and so on.
fn without_suffix(config: &Value) -> Value {
    let Value::Object(members) = config else { return config.clone() };
    let renamed = members
        .iter()
        .map(|(name, value)| (name.strip_suffix("Config").unwrap_or(name).to_owned(), value.clone()));
    Value::Object(renamed.collect())
}

fn cross_region(ctx: &Context<'_>, profile: &str) -> Value {
    let id = profile.rsplit_once('/').map_or(profile, |(_, id)| id);
    let arn = ctx.state.arn(ctx.region, &format!("guardrail-profile/{id}"));
    json!({ "guardrailProfileId": id, "guardrailProfileArn": arn })
}

/// `PUT /guardrails/{id or ARN}` → 202: the draft alone changes.
///
/// # Errors
/// ResourceNotFound; Conflict for a name that another has; Validation for a regular expression that is none.
pub(super) fn update(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let known = find(ctx.state, text(&input, ID), ctx.region)?;
    let name = text(&input, "name");
    if resource::all(ctx, Kind::Guardrail).iter().any(|it| it.name == name && it.arn != known.arn) {
        return Err(conflict());
    }
    let changed = resource::change(ctx, Kind::Guardrail, &known.arn, |it| describe(ctx, it, &input))?;
    Ok(ctx.answer(Value::Object(changed.document)))
}

/// `POST /guardrails/{id or ARN}` → 202: the draft as it is becomes the next version.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn create_version(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let known = find(ctx.state, text(&input, ID), ctx.region)?;
    let mut made = String::new();
    resource::change(ctx, Kind::Guardrail, &known.arn, |it| {
        let mut version = it.document.clone();
        let versions = it.document.entry(VERSIONS).or_insert_with(|| json!([]));
        version.remove(VERSIONS);
        let newest = versions.as_array().and_then(|all| all.last()).map(number).unwrap_or_default();
        made = (newest + 1).to_string();
        version.insert("version".to_owned(), made.clone().into());
        version.insert("createdAt".to_owned(), now().into());
        version.insert("updatedAt".to_owned(), now().into());
        if let Some(description) = input.get("description").filter(|it| !it.is_null()) {
            version.insert("description".to_owned(), description.clone());
        }
        if let Some(all) = versions.as_array_mut() {
            all.push(Value::Object(version));
        }
        Ok(())
    })?;
    Ok(ctx.answer(json!({ "guardrailId": known.id, "version": made })))
}

fn number(version: &Value) -> u64 {
    version["version"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// `GET /guardrails/{id or ARN}?guardrailVersion=`: the draft unless a version is asked for.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let version = input["guardrailVersion"].as_str().unwrap_or(DRAFT);
    Ok(ctx.answer(Value::Object(version_of(ctx.state, text(&input, ID), version, ctx.region)?)))
}

/// `GET /guardrails`: the drafts of all, or every version of one.
///
/// # Errors
/// ResourceNotFound; Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let found: Vec<Value> = match input["guardrailIdentifier"].as_str() {
        Some(identifier) => {
            let mut document = find(ctx.state, identifier, ctx.region)?.document;
            let versions = document.remove(VERSIONS);
            let versions = versions.and_then(|all| all.as_array().cloned()).unwrap_or_default();
            std::iter::once(Value::Object(document)).chain(versions).collect()
        }
        None => {
            let all = resource::all(ctx, Kind::Guardrail);
            all.into_iter().rev().map(|it| Value::Object(it.document)).collect()
        }
    };
    let (page, next) = page(found, &input)?;
    Ok(ctx.answer(json!({ "guardrails": page, "nextToken": next })))
}

/// `DELETE /guardrails/{id or ARN}?guardrailVersion=` → 202: all of it unless a version is named.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let known = find(ctx.state, text(&input, ID), ctx.region)?;
    match input["guardrailVersion"].as_str() {
        None => drop(resource::remove(ctx, Kind::Guardrail, &known.arn)?),
        Some(version) => {
            version_of(ctx.state, &known.arn, version, ctx.region)?;
            resource::change(ctx, Kind::Guardrail, &known.arn, |it| {
                if let Some(Value::Array(versions)) = it.document.get_mut(VERSIONS) {
                    versions.retain(|known| known["version"] != version);
                }
                Ok(())
            })?;
        }
    }
    Ok(ctx.answer(json!({})))
}

/// `POST /guardrail/{id or ARN}/version/{version}/apply`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn apply(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let policies = version_of(ctx.state, text(&input, ID), text(&input, "guardrailVersion"), ctx.region)?;
    let source = if input["source"] == "INPUT" { Source::Input } else { Source::Output };
    let content = input["content"].as_array().into_iter().flatten();
    let mut grounds = Grounds::default();
    let texts = content.filter_map(|block| {
        let text = block["text"]["text"].as_str()?;
        grounds.sort_in(text, &block["text"]["qualifiers"]).then_some(text)
    });
    let texts: Vec<&str> = texts.collect();
    let verdict = guardrail::assess(&policies, source, &texts, &grounds);
    Ok(ctx.answer(verdict.answer()))
}

/// The policies of one version of a guardrail: what an invocation is guarded by.
///
/// # Errors
/// ResourceNotFound.
pub(crate) fn version_of(
    state: &State,
    identifier: &str,
    version: &str,
    region: &str,
) -> Result<Map<String, Value>, Failure> {
    let mut document = find(state, identifier, region)?.document;
    if version == DRAFT {
        return Ok(document);
    }
    let versions = document.remove(VERSIONS);
    let versions = versions.and_then(|all| all.as_array().cloned()).unwrap_or_default();
    let found = versions.into_iter().find(|known| known["version"] == version);
    match found {
        Some(Value::Object(document)) => Ok(document),
        _ => Err(not_found()),
    }
}

/// A guardrail by its id or ARN; its name is no identifier.
fn find(state: &State, identifier: &str, region: &str) -> Result<Resource, Failure> {
    let found = resource::look_up(state, Kind::Guardrail, identifier, region);
    found.filter(|it| it.id == identifier || it.arn == identifier).ok_or_else(not_found)
}

/// Source: public reports, for a wrong id as for a wrong version.
fn not_found() -> Failure {
    Failure::not_found("The guardrail identifier or version provided in the request does not exist.")
}
