//! What a profile is copied from: any identifier, made into the ARN that AWS wants.

use std::collections::BTreeSet;

use outcrop_catalog::catalog;
use outcrop_catalog::{
    ApplicationProfile, Arn, Catalog, Context, Identifier, Kind, Layer, Resolution, ResolveError,
};

use super::account::Account;
use crate::failure::Failure;
use crate::settings::Settings;

/// Something that can be copied, looked up.
#[derive(Debug, Clone)]
pub struct Source {
    /// `modelSource.copyFrom`
    pub arn: String,
    /// The models that a copy of it routes to.
    pub model_arns: Vec<String>,
    /// What was chosen for what was written, where the two are not the same.
    pub note: Option<String>,
}

/// The catalog with the configuration's aliases and nothing else of it: what LibreChat's `inferenceProfiles` calls for an
/// identifier is a copy already.
pub fn catalog(settings: &Settings) -> Catalog {
    settings.layers.iter().fold(Catalog::built_in(), |catalog, (source, layer)| {
        let layer = Layer { aliases: layer.aliases.clone(), ..Layer::default() };
        catalog.with(source.clone(), layer)
    })
}

/// Finds what `from` names in the account's Region.
pub async fn look_up(account: &Account, catalog: &Catalog, from: &str) -> Result<Source, Failure> {
    let context = Context { region: account.region.clone() };
    let from = without_flag(from);
    let resolution = catalog.resolve(from, &context).map_err(unknown)?;
    let target = Identifier::parse(&resolution.target, catalog.vocabulary());
    let target = target.map_err(|error| Failure::new(error.to_string()))?;
    if resolution.source_region != account.region {
        return Err(elsewhere(from, &resolution.source_region, &account.region));
    }
    if let Identifier::Arn(arn) = &target {
        check_arn(arn)?;
    }
    let note = (resolution.target != from).then(|| note(from, &resolution));
    match (&target, target.kind()) {
        (Identifier::Arn(_), Kind::FoundationModel) => Ok(of_model(resolution.target, note)),
        (_, Kind::FoundationModel) => {
            served(catalog, &resolution, &account.region)?;
            let partition = partition(&account.region);
            let arn = format!("arn:{partition}:bedrock:{}::foundation-model/{target}", account.region);
            Ok(of_model(arn, note))
        }
        _ => of_profile(account, &resolution, note).await,
    }
}

/// The AWS CLI writes `--model-source copyFrom=ARN`, and a guide, wrongly, `modelArn=ARN`: both are typed on.
fn without_flag(from: &str) -> &str {
    ["copyFrom=", "modelArn="].iter().find_map(|flag| from.strip_prefix(flag)).unwrap_or(from)
}

fn elsewhere(from: &str, there: &str, here: &str) -> Failure {
    Failure::new(format!("{from} is not in {here}: a profile is copied within one Region")).hint(format!(
        "create it there with --region {there}, or name the source by its id instead of its ARN"
    ))
}

/// AWS's own rule: only what AWS made can be copied.
fn check_arn(arn: &Arn) -> Result<(), Failure> {
    match arn.kind {
        Kind::FoundationModel if arn.region.is_empty() => {
            Err(Failure::new(format!("{arn} names no Region")).hint("name the model by its id"))
        }
        Kind::FoundationModel | Kind::InferenceProfile => Ok(()),
        Kind::ApplicationInferenceProfile => Err(Failure::new(format!(
            "{arn} is an application profile, and AWS copies only foundation models and system profiles"
        ))
        .hint("name the model or system profile it was copied from: see `outcrop profiles get`")),
        _ => Err(Failure::new(format!(
            "{arn} cannot be copied: only a foundation model or a system profile can"
        ))),
    }
}

fn note(from: &str, resolution: &Resolution) -> String {
    resolution.notices.first().cloned().unwrap_or_else(|| format!("{from} is {}", resolution.target))
}

fn unknown(error: ResolveError) -> Failure {
    let failure = Failure::new(format!("the source is not found: {error}"));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A model that the catalog knows not to be in the Region is refused; of one it does not know AWS is to judge.
fn served(catalog: &Catalog, resolution: &Resolution, region: &str) -> Result<(), Failure> {
    let Some(model) = catalog.model(&resolution.target) else { return Ok(()) };
    if model.on_demand.iter().any(|served| served == region) {
        return Ok(());
    }
    let failure = Failure::new(format!("the source is not found: {} is not served in {region}", model.id));
    Err(match resolution.notices.first() {
        Some(notice) => failure.hint(notice),
        None => failure.hint("see `outcrop models list`"),
    })
}

fn of_model(arn: String, note: Option<String>) -> Source {
    Source { model_arns: vec![arn.clone()], arn, note }
}

/// A system profile's ARN holds the caller's account, so AWS is asked; that also tells whether it is there.
async fn of_profile(
    account: &Account,
    resolution: &Resolution,
    note: Option<String>,
) -> Result<Source, Failure> {
    let found = account.describe(&resolution.target).await;
    let found = found.map_err(|failure| not_looked_up(failure, resolution, note.is_some()))?;
    Ok(Source { model_arns: found.model_arns(), arn: found.inference_profile_arn, note })
}

/// AWS's words, and what the catalog knows to add to the advice, unless it was said already.
fn not_looked_up(failure: Failure, resolution: &Resolution, is_said: bool) -> Failure {
    let Failure::Message { message, hint } = failure else { return failure };
    let model = resolution.model.as_ref();
    let is_retired = model.is_some_and(|model| model.lifecycle.as_deref() == Some("RETIRED"));
    let known = match resolution.notices.first() {
        _ if is_retired => Some("AWS no longer serves this model: see `outcrop models list`".to_owned()),
        Some(notice) if !is_said => Some(notice.clone()),
        _ => None,
    };
    let advice: Vec<String> = known.into_iter().chain(hint).collect();
    let hint = (!advice.is_empty()).then(|| advice.join("; "));
    Failure::Message { message: format!("the source cannot be looked up: {message}"), hint }
}

/// What a profile may have been copied from. AWS does not tell; its routes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// The model it stands for.
    pub model: String,
    /// Everything whose copy would route just like it: the model itself, or system profiles. Mostly one; none for a
    /// profile whose source has changed since.
    pub same: Vec<String>,
}

/// Finds what a copy of would route to the same models; `None` when no model is known behind the profile.
pub fn origins(profile: ApplicationProfile, region: &str) -> Option<Origins> {
    let arn = profile.arn.clone();
    let listed: BTreeSet<String> =
        profile.model_arns.iter().filter_map(|arn| arn.split(':').nth(3).map(str::to_owned)).collect();
    let layer = Layer { application_profiles: [(arn.clone(), profile)].into(), ..Layer::default() };
    let catalog = Catalog::built_in().with(catalog::Source::Discovered, layer);
    let context = Context { region: region.to_owned() };
    let model = catalog.resolve(&arn, &context).ok()?.model?.id.clone();
    if listed.len() == 1 && listed.contains(region) {
        return Some(Origins { same: vec![model.clone()], model });
    }
    let routes_alike =
        |destinations: &[String]| destinations.iter().collect::<BTreeSet<_>>() == listed.iter().collect();
    let alike = catalog.profiles_for(&model, region).into_iter().filter(|system| match listed.contains("") {
        true => system.is_global(),
        false => !system.is_global() && system.destinations(region).is_some_and(routes_alike),
    });
    let same = alike.map(|system| system.id.clone()).collect();
    Some(Origins { model, same })
}

/// The partition of a Region (reference `bedrock.md` §3).
pub fn partition(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}
