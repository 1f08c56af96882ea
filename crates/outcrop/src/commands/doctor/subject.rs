//! One identifier: what it stands for, whether AWS has it, and whether this account may use it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use outcrop_bedrock::SendError;
use outcrop_bedrock::control::InferenceProfile;
use outcrop_bedrock::denial::{By, Denial};
use outcrop_catalog::{
    ApplicationProfile, Arn, Catalog, Context, Kind, Layer, ProfileType, Resolution, ResolveError, Source,
};
use outcrop_wire::bedrock::ErrorKind;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding};

/// Looks at an identifier; the resolution is there when it is worth invoking.
pub async fn examine(
    connection: &Connection<'_>,
    catalog: &Catalog,
    subject: &str,
) -> (Option<Resolution>, Vec<Finding>) {
    let context = Context { region: connection.region().to_owned() };
    let resolution = match resolved(catalog, subject, &context) {
        Ok(resolution) => resolution,
        Err(error) => match named(connection, subject).await {
            Ok(arn) => match resolved(catalog, &arn, &context) {
                Ok(resolution) => resolution,
                Err(error) => return (None, vec![unknown(subject, error)]),
            },
            Err(Some(elsewhere)) => return (None, vec![elsewhere]),
            Err(None) => return (None, vec![unknown(subject, error)]),
        },
    };
    let (resolution, mut findings) = match resolution.profile.as_ref().map(|it| it.profile_type) {
        Some(ProfileType::Application) => application_profile(connection, catalog, resolution).await,
        Some(ProfileType::SystemDefined) => {
            let found = system_profile(connection, catalog, &resolution).await;
            (Some(resolution), found)
        }
        None => (Some(resolution), Vec::new()),
    };
    let Some(resolution) = resolution else { return (None, findings) };
    findings.extend(model(connection, &resolution).await);
    findings.extend(residency(catalog, &resolution));
    let is_sound = !findings.iter().any(|it| {
        it.status == super::finding::Status::Error
            && matches!(it.check, Check::Profile | Check::Model | Check::Residency)
    });
    (is_sound.then_some(resolution), findings)
}

/// What the residency policy refuses is looked at like everything else: AWS may tell more of it.
fn resolved(catalog: &Catalog, identifier: &str, context: &Context) -> Result<Resolution, ResolveError> {
    catalog.resolve(identifier, context).or_else(|error| match error {
        ResolveError::Residency(refused) => Ok(refused.resolution),
        error @ ResolveError::Unknown { .. } => Err(error),
    })
}

/// What the policy says of the call, once AWS has been asked. Without a policy there is nothing to say.
fn residency(catalog: &Catalog, resolution: &Resolution) -> Option<Finding> {
    let verdict = resolution.residency.as_ref()?;
    let detail = format!("{}: {}: {}: {}", verdict.source, resolution.target, verdict.word(), verdict.reason);
    let Some(refused) = catalog.refusal(resolution) else {
        return Some(Finding::ok(Check::Residency, detail));
    };
    let fix = match (refused.text.hint(), verdict.proven) {
        (Some(hint), _) => hint.to_owned(),
        (None, true) => "call something else, or allow these Regions (docs/resolver.md)".to_owned(),
        (None, false) => {
            "nothing else may be called before AWS tells: allow bedrock:GetInferenceProfile".to_owned()
        }
    };
    Some(Finding::error(Check::Residency, detail, fix))
}

fn unknown(subject: &str, error: ResolveError) -> Finding {
    let fix = error.hint().unwrap_or("see `outcrop models list` and `outcrop profiles list`").to_owned();
    Finding::error(Check::Model, format!("{subject}: {error}"), fix)
}

/// People know their profiles by name; AWS does not take it.
async fn named(connection: &Connection<'_>, name: &str) -> Result<String, Option<Finding>> {
    let is_meant = |profile: &InferenceProfile| {
        profile.inference_profile_name.as_deref() == Some(name) || profile.id() == name
    };
    let only = Some(ProfileType::Application);
    let here = within(connection.client.inference_profiles(only, connection.region())).await;
    if let Some(profile) = here.iter().flatten().find(|profile| is_meant(profile)) {
        return Ok(profile.inference_profile_arn.clone());
    }
    let elsewhere = in_other_regions(connection, connection.region(), |region| async move {
        let listed = within(connection.client.inference_profiles(only, &region)).await.ok()?;
        listed.into_iter().find(is_meant)
    });
    Err(elsewhere.await.map(|profile| wrong_region(name, connection.region(), &profile)))
}

fn wrong_region(what: &str, here: &str, profile: &InferenceProfile) -> Finding {
    let arn = &profile.inference_profile_arn;
    let there = arn.split(':').nth(3).unwrap_or_default();
    let detail = format!("{what} is not in {here}, but in {there}: profiles are regional");
    Finding::error(
        Check::Profile,
        detail,
        format!("use its ARN, which names its Region: {arn}\nor call from there: --region {there}"),
    )
}

/// The first profile that a look into every other Region finds.
async fn in_other_regions<F>(
    connection: &Connection<'_>,
    here: &str,
    look: impl Fn(String) -> F,
) -> Option<InferenceProfile>
where
    F: Future<Output = Option<InferenceProfile>>,
{
    let catalog = connection.settings.catalog();
    let sources = catalog.system_profiles().flat_map(|profile| profile.routes.keys().cloned());
    let regions: BTreeSet<String> =
        sources.chain(connection.settings.available_regions.iter().cloned()).collect();
    let others = regions.into_iter().filter(|region| region != "*" && region != here);
    join_all(others.map(look)).await.into_iter().flatten().next()
}

/// Asks AWS what the profile is; without an answer, what the configuration says of it still holds.
async fn application_profile(
    connection: &Connection<'_>,
    catalog: &Catalog,
    resolution: Resolution,
) -> (Option<Resolution>, Vec<Finding>) {
    let target = resolution.target.clone();
    let region = resolution.source_region.clone();
    let described = within(connection.client.describe_inference_profile(&target, &region)).await;
    let profile = match described {
        Ok(profile) => ApplicationProfile::from(profile),
        Err(error) if is_missing(&error) || is_of_another_account(&error) => {
            return (None, vec![missing(connection, &target, &region).await]);
        }
        Err(error) => {
            let mut finding = cause::of(&error, &format!("look up {target}"), "bedrock:GetInferenceProfile");
            let is_known = resolution.model.is_some();
            if is_known && finding.check == Check::Permission {
                finding.status = super::finding::Status::Warning;
                finding.detail.push_str("; its model is taken from the configuration");
            }
            return (is_known.then_some(resolution), vec![finding]);
        }
    };
    let name = profile.name.as_deref().unwrap_or("without a name");
    let mut findings = vec![Finding::ok(Check::Profile, format!("{target} exists in {region} ({name})"))];
    findings.extend(contradictions(connection, catalog, &profile, &region));
    let layer =
        Layer { application_profiles: BTreeMap::from([(profile.arn.clone(), profile)]), ..Layer::default() };
    let learned = catalog.with(Source::Discovered, layer);
    let again = resolved(&learned, &resolution.identifier, &Context { region });
    (Some(again.unwrap_or(resolution)), findings)
}

fn is_missing(error: &SendError) -> bool {
    let SendError::Service(service) = error else { return false };
    matches!(service.error.kind, ErrorKind::ResourceNotFound | ErrorKind::Validation)
}

/// AWS refuses what belongs to another account before it says whether it exists.
fn is_of_another_account(error: &SendError) -> bool {
    let SendError::Service(service) = error else { return false };
    Denial::read(&service.error.message).is_some_and(|denial| denial.by == By::ResourcePolicy)
}

/// Deleted, another account's, or in another Region than its ARN says.
async fn missing(connection: &Connection<'_>, target: &str, region: &str) -> Finding {
    let arn = Arn::parse_encoded(target).ok();
    let id = arn.as_ref().map_or(target, |arn| arn.id.as_str()).to_owned();
    if let Some(arn) = &arn
        && let Some(ours) = account(connection, region).await
        && ours != arn.account
    {
        let detail =
            format!("{target} belongs to the account {}, and the credentials to {ours}", arn.account);
        return Finding::error(
            Check::Profile,
            detail,
            "use credentials of that account (a role of it: `accounts` and `routes` of outcrop.yaml), or a profile of this one: `outcrop profiles list --type application`",
        );
    }
    let elsewhere = in_other_regions(connection, region, |region| {
        let id = id.clone();
        async move { within(connection.client.describe_inference_profile(&id, &region)).await.ok() }
    });
    match elsewhere.await {
        Some(profile) => wrong_region(target, region, &profile),
        None => Finding::error(
            Check::Profile,
            format!("{target} does not exist in {region}, nor in any other Region of this account"),
            "it was deleted, or its ARN is mistyped: `outcrop profiles list --type application`; make it again: `outcrop profiles create`",
        ),
    }
}

/// The account of the credentials, as the ARNs of AWS's own profiles tell it.
pub async fn account(connection: &Connection<'_>, region: &str) -> Option<String> {
    let only = Some(ProfileType::SystemDefined);
    let listed = within(connection.client.inference_profiles(only, region)).await.ok()?;
    listed.iter().find_map(|profile| profile.account()).map(str::to_owned)
}

/// What the configuration says stands behind a profile, against what AWS says. A wrong model means wrong limits, wrong
/// parameters and wrong prices.
fn contradictions(
    connection: &Connection<'_>,
    catalog: &Catalog,
    profile: &ApplicationProfile,
    region: &str,
) -> Vec<Finding> {
    let model_of = |arn: &String| arn.split_once("foundation-model/").map(|(_, model)| model.to_owned());
    let actual: BTreeSet<String> = profile.model_arns.iter().filter_map(model_of).collect();
    let Some(model) = actual.first() else { return Vec::new() };
    let built_in = Catalog::built_in();
    let context = Context { region: region.to_owned() };
    let claims = connection.settings.layers.iter().flat_map(|(source, layer)| {
        let mapped = layer.mappings.get(&profile.arn).cloned();
        let called = layer.inference_profiles.iter().filter(|(_, arn)| *arn == &profile.arn);
        let claims = mapped.into_iter().chain(called.map(|(identifier, _)| identifier.clone()));
        claims.map(move |claim| (source, claim))
    });
    let claims: BTreeSet<(&Source, String)> = claims.collect();
    let mut findings = Vec::new();
    for (source, claim) in claims {
        // An alias of the configuration is only known to its own catalog; a slip of case is another finding.
        let resolve =
            |text: &str| built_in.resolve(text, &context).or_else(|_| catalog.resolve(text, &context));
        let meant = resolve(&claim.to_lowercase()).or_else(|_| resolve(&claim));
        let meant = meant.ok().and_then(|it| it.model).map_or(claim.clone(), |model| model.id.clone());
        if actual.contains(&meant) {
            let detail = format!("{source}: {claim} is what {} stands for", profile.arn);
            findings.push(Finding::ok(Check::Mappings, detail));
        } else {
            let detail =
                format!("{source} says that {} stands for {claim}, but AWS says {model}", profile.arn);
            findings.push(Finding::error(Check::Mappings, detail, format!("write {model}, or the profile it was copied from; or take the entry out, and AWS is asked")));
        }
    }
    findings
}

/// One of AWS's own: it must be callable from the Region.
async fn system_profile(
    connection: &Connection<'_>,
    catalog: &Catalog,
    resolution: &Resolution,
) -> Vec<Finding> {
    let (region, target) = (&resolution.source_region, &resolution.target);
    let described = within(connection.client.describe_inference_profile(target, region)).await;
    match described {
        Ok(_) => vec![Finding::ok(Check::Profile, format!("{target} can be called from {region}"))],
        Err(error) if is_missing(&error) => {
            let id = resolution.profile.as_ref().map_or(target.as_str(), |profile| profile.id.as_str());
            vec![not_from_here(catalog, id, region, resolution)]
        }
        Err(error) => {
            let finding = cause::of(&error, &format!("look up {target}"), "bedrock:GetInferenceProfile");
            vec![finding]
        }
    }
}

fn not_from_here(catalog: &Catalog, id: &str, region: &str, resolution: &Resolution) -> Finding {
    let model = resolution.model.as_ref().map(|model| model.id.as_str());
    let instead = model.map(|model| catalog.profiles_for(model, region)).unwrap_or_default();
    let detail = format!("{id} cannot be called from {region}");
    let sources =
        catalog.system_profile(id).map(|profile| profile.routes.keys().cloned().collect::<Vec<_>>());
    let from_there = match sources.as_deref() {
        Some(sources) if !sources.is_empty() => format!("or call it from {}", sources.join(", ")),
        _ => "see `outcrop profiles list`".to_owned(),
    };
    let is_retired =
        resolution.model.as_ref().is_some_and(|model| model.lifecycle.as_deref() == Some(RETIRED));
    match instead.first() {
        _ if is_retired => Finding::error(
            Check::Model,
            format!("{id}: its model is retired; AWS no longer serves it"),
            "choose another: `outcrop models list`",
        ),
        Some(profile) => {
            Finding::error(Check::Profile, detail, format!("from {region} use {}\n{from_there}", profile.id))
        }
        None => Finding::error(Check::Profile, detail, from_there),
    }
}

/// The catalog's word for a model that is gone.
const RETIRED: &str = "RETIRED";

/// The model behind it: its life, and whether the account may use it.
async fn model(connection: &Connection<'_>, resolution: &Resolution) -> Vec<Finding> {
    let region = resolution.source_region.as_str();
    let Some(model) = &resolution.model else {
        return match resolution.kind {
            Kind::FoundationModel | Kind::InferenceProfile | Kind::ApplicationInferenceProfile => {
                vec![Finding::warning(
                    Check::Model,
                    format!("{}: the model behind it is not known", resolution.identifier),
                    "let bedrock:GetInferenceProfile be called, or map it in BEDROCK_INFERENCE_PROFILE_MAPPINGS",
                )]
            }
            _ => Vec::new(),
        };
    };
    if model.lifecycle.as_deref() == Some(RETIRED) {
        return vec![Finding::error(
            Check::Model,
            format!("{} is retired: AWS no longer serves it", model.id),
            "choose another: `outcrop models list`",
        )];
    }
    let mut findings = vec![life_cycle(connection, resolution, &model.id, region).await];
    findings.extend(availability(connection, &model.id, region).await);
    if resolution.profile.is_some() && !resolution.destination_regions.is_empty() {
        let regions = resolution.destination_regions.join(", ");
        findings.push(Finding::ok(
            Check::Destination,
            format!("{} may be processed in {regions}", resolution.target),
        ));
    }
    findings
}

async fn life_cycle(connection: &Connection<'_>, resolution: &Resolution, id: &str, region: &str) -> Finding {
    let asked = within(connection.client.foundation_model(id, region)).await;
    let live = asked.ok().and_then(|model| model.model_lifecycle);
    let status = live
        .as_ref()
        .map(|it| it.status.as_str())
        .or(resolution.model.as_ref().and_then(|it| it.lifecycle.as_deref()));
    let end = live.as_ref().and_then(|it| it.end_of_life_time.as_deref());
    let is_called_bare = resolution.profile.is_none();
    match status {
        Some("LEGACY") => {
            let when = end.map_or_else(String::new, |end| format!(" until {end}"));
            Finding::warning(
                Check::Model,
                format!("{id} is LEGACY: AWS still serves it{when}"),
                "plan to move: `outcrop models list` shows those that are ACTIVE",
            )
        }
        _ if is_called_bare && is_elsewhere(resolution, region) => Finding::error(
            Check::Model,
            format!("{id} is not served in {region}"),
            resolution
                .notices
                .first()
                .cloned()
                .unwrap_or_else(|| "see `outcrop models list --all`".to_owned()),
        ),
        Some(status) => Finding::ok(Check::Model, format!("{id} is {status}")),
        None => Finding::warning(
            Check::Model,
            format!("{id} is not in the catalog, and AWS does not describe it in {region}"),
            "check the spelling: `outcrop models list`",
        ),
    }
}

/// A bare id that neither the Region itself nor a profile of it serves.
fn is_elsewhere(resolution: &Resolution, region: &str) -> bool {
    let Some(model) = &resolution.model else { return false };
    let has = |regions: &[String]| regions.iter().any(|served| served == region);
    !has(&model.on_demand) && !has(&model.profile_only)
}

/// Agreement, authorisation, entitlement, Region: `GetFoundationModelAvailability`.
async fn availability(connection: &Connection<'_>, id: &str, region: &str) -> Vec<Finding> {
    const ACTION: &str = "bedrock:GetFoundationModelAvailability";
    let availability = match within(connection.client.availability(id, region)).await {
        Ok(availability) => availability,
        Err(error) => {
            let finding = cause::of(&error, &format!("ask whether {id} is available"), ACTION);
            let detail = format!("whether the account may use {id} cannot be told: {}", finding.detail);
            return vec![Finding {
                status: super::finding::Status::Warning,
                detail,
                check: Check::Access,
                ..finding
            }];
        }
    };
    let mut findings = Vec::new();
    match availability.agreement_availability.status.as_str() {
        "AVAILABLE" => {}
        "PENDING" => findings.push(Finding::warning(
            Check::Access,
            format!("{id}: the agreement is being made"),
            "wait some minutes, and run this again",
        )),
        status => {
            let why = availability
                .agreement_availability
                .error_message
                .as_deref()
                .unwrap_or("nobody has accepted it");
            findings.push(Finding::error(
                Check::Access,
                format!("{id}: there is no agreement with its publisher ({status}): {why}"),
                format!("accept it in the Bedrock console (Model catalog → the model), or:\naws bedrock list-foundation-model-agreement-offers --model-id {id} --region {region}\naws bedrock create-foundation-model-agreement --model-id {id} --offer-token TOKEN --region {region}"),
            ));
        }
    }
    if availability.authorization_status != "AUTHORIZED" {
        findings.push(Finding::error(
            Check::Access,
            format!("{id}: the account is not authorised to use it"),
            "ask for access on the model's page in the Bedrock console; some models take AWS's approval",
        ));
    }
    if availability.entitlement_availability != "AVAILABLE" {
        findings.push(Finding::error(Check::Access, format!("{id}: the account is not entitled to it: access was never asked for, or the publisher's use-case form is missing"), "fill in the use-case form on the model's page in the Bedrock console (or PutUseCaseForModelAccess), and wait 15 minutes"));
    }
    if availability.region_availability != "AVAILABLE" {
        findings.push(Finding::error(
            Check::Model,
            format!("{id} is not available in {region}"),
            format!("see where it is: `outcrop models list --all --filter {id}`"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            Check::Access,
            format!("{id}: agreement, authorisation and entitlement are in place"),
        ));
    }
    findings
}
