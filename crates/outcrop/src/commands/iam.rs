//! `outcrop iam policy`: the least policy for what the configuration uses.
//!
//! A profile is invoked with rights on the profile *and* on the model in every Region the profile may route to; a global one
//! also routes to the model's ARN without a Region (reference `bedrock.md` §5). The rights on models hold only through
//! the profiles they are there for. Models of bedrock-mantle take that endpoint's own rights, and AWS's OpenAI- and Anthropic-style paths are
//! called with a short-term API key, which takes a right of its own.

use std::collections::{BTreeMap, BTreeSet};

use outcrop_catalog::{Arn, Catalog, Identifier, Kind, Resolution, Surface};
use serde::Serialize;

use super::profiles::partition;
use super::{explain, keys};
use crate::accounts::{Account, Base, Written};
use crate::args::{Global, Iam, Policy};
use crate::credentials::Choice;
use crate::failure::Failure;
use crate::paper;
use crate::problem::nearest;
use crate::settings::{Flags, Settings};

/// Runs `outcrop iam …`.
pub fn run(global: &Global, iam: &Iam) -> Result<(), Failure> {
    let Iam::Policy(policy) = iam;
    let settings = Settings::load(global, &Flags { region: policy.region.clone(), ..Flags::default() })?;
    super::block_on(print(global, &settings, policy))?
}

async fn print(global: &Global, settings: &Settings, policy: &Policy) -> Result<(), Failure> {
    let catalog = settings.catalog();
    let role = policy.role.as_deref().map(|role| account_of(settings, role)).transpose()?;
    let identifiers = match (&policy.key, policy.identifiers.as_slice()) {
        (Some(key), _) => of_key(global, settings, &catalog, key).await?,
        (None, []) => called_as(settings, &catalog, role),
        (None, named) => named.to_vec(),
    };
    if identifiers.is_empty() {
        return Err(Failure::new("the configuration names no model or profile")
            .hint("name some: `outcrop iam policy us.anthropic.claude-sonnet-4-5-20250929-v1:0`"));
    }
    let by_key = matches!(settings.credentials.choice, Choice::Bearer { .. }) && role.is_none();
    let mut needs = Needs { runtime_keys: by_key, ..Needs::default() };
    let mut unknown = 0;
    for identifier in &identifiers {
        let resolution = looked_up(&catalog, identifier, settings).await?;
        unknown += usize::from(!needs.add(&resolution, &catalog)?);
    }
    let number = policy.account.clone().or_else(|| needs.account()).or_else(|| {
        let of_key = policy.key.as_ref().and_then(|key| settings.accounts.keys.get(key));
        number_of(settings, role.or(of_key.map(String::as_str))?)
    });
    let account = number.unwrap_or_else(|| {
        paper::say("the account is not known, so the policy allows system profiles of any: --account NUMBER");
        ANY.to_owned()
    });
    let mut document = Document::of(needs, &account, &settings.region.value, policy);
    if (&policy.key, role, policy.identifiers.as_slice()) == (&None, None, &[]) {
        document.assume(&settings.accounts);
    }
    if policy.explain {
        document.statement.iter().for_each(|it| paper::say(&format!("{}: {}", it.sid, it.why)));
    }
    document.warn_of_length()?;
    paper::json(&document)?;
    match unknown {
        0 => Ok(()),
        unknown => {
            Err(Failure::new(format!("of {unknown} profiles the models are not known, and not allowed"))
                .hint("let GetInferenceProfile be called, or map them in BEDROCK_INFERENCE_PROFILE_MAPPINGS"))
        }
    }
}

/// What a key may name: one that is bound to nothing may name everything.
async fn of_key(
    global: &Global,
    settings: &Settings,
    catalog: &Catalog,
    key: &str,
) -> Result<Vec<String>, Failure> {
    let account = settings.accounts.keys.get(key).map(String::as_str);
    if let Some(account) = account {
        paper::say(&format!(
            "the requests of `{key}` are made as the account `{account}`: the policy is for its role"
        ));
    }
    if settings.keys.iter().any(|configured| configured.name == key) {
        return Ok(called_as(settings, catalog, account));
    }
    let named = keys::named(global, settings, key).await?;
    Ok(if named.is_empty() { called_as(settings, catalog, account) } else { named })
}

/// What the configuration names and is called as an account, or (`None`) with the gateway's own credentials. What is named
/// decides before who names it.
fn called_as(settings: &Settings, catalog: &Catalog, account: Option<&str>) -> Vec<String> {
    let Written { accounts: _, routes, keys } = &settings.accounts;
    let by_keys = account.is_none_or(|account| keys.values().any(|it| it == account));
    let is_called = |id: &String| match routes.get(id) {
        Some(route) => Some(route.as_str()) == account,
        None => by_keys,
    };
    let routed = routes.keys().cloned();
    super::configured(catalog)
        .into_iter()
        .chain(routed)
        .filter(is_called)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The account that is meant, by its name or its role's ARN.
fn account_of<'a>(settings: &'a Settings, role: &str) -> Result<&'a str, Failure> {
    let accounts = &settings.accounts.accounts;
    let arn = |account: &Account| account.role.as_ref().map(|role| role.arn.clone());
    let is_meant =
        |(name, account): &(&'a String, &Account)| *name == role || arn(account).as_deref() == Some(role);
    accounts.iter().find(is_meant).map(|(name, _)| name.as_str()).ok_or_else(|| {
        let failure = Failure::new(format!("the configuration has no account or role `{role}`"));
        match nearest(role, accounts.keys().map(String::as_str)) {
            Some(meant) => failure.hint(format!("did you mean {meant}?")),
            None => failure.hint("add it under `accounts` of outcrop.yaml"),
        }
    })
}

/// The number in the ARN of an account's role.
fn number_of(settings: &Settings, account: &str) -> Option<String> {
    let role = settings.accounts.accounts.get(account)?.role.as_ref()?;
    role.arn.split(':').nth(4).map(str::to_owned)
}

/// Resolves; of an application profile that nothing maps, AWS is asked. If it cannot be, the profile alone is known.
async fn looked_up(catalog: &Catalog, identifier: &str, settings: &Settings) -> Result<Resolution, Failure> {
    let resolution = explain::resolve(catalog, identifier, settings)?;
    // A mapping to a bare model id tells the model, but not where the profile routes to.
    let is_routed = !resolution.destination_regions.is_empty();
    if !resolution.needs_lookup && (is_routed || resolution.kind != Kind::ApplicationInferenceProfile) {
        return Ok(resolution);
    }
    match explain::ask_aws(&resolution, settings).await {
        Ok(profile) => explain::learned(catalog, profile, &resolution, settings),
        Err(why) => {
            paper::say(&format!("{identifier}: {why}"));
            Ok(resolution)
        }
    }
}

/// What is invoked.
#[derive(Default)]
struct Needs {
    /// Foundation-model ARNs called as they are.
    models: BTreeSet<String>,
    /// ARNs of what the account has of its own and calls by itself: throughput, deployments, imported models.
    own: BTreeMap<String, Kind>,
    /// Profile → the models it may route to. A system profile's account is filled in later.
    profiles: BTreeMap<ProfileArn, BTreeSet<String>>,
    /// The Regions in which mantle is called.
    mantle: BTreeSet<String>,
    /// The runtime is called with API keys.
    runtime_keys: bool,
}

/// A profile's ARN, complete or still without its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum ProfileArn {
    Complete(String),
    System { region: String, id: String },
}

impl ProfileArn {
    fn with_account(&self, account: &str) -> String {
        match self {
            Self::Complete(arn) => arn.clone(),
            Self::System { region, id } => {
                format!("arn:{}:bedrock:{region}:{account}:inference-profile/{id}", partition(region))
            }
        }
    }
}

/// Any account.
const ANY: &str = "*";

impl Needs {
    /// Takes note of what an identifier leads to; `false` when the models behind a profile are not known.
    fn add(&mut self, resolution: &Resolution, catalog: &Catalog) -> Result<bool, Failure> {
        match resolution.surface {
            Surface::Mantle => {
                self.mantle.insert(resolution.source_region.clone());
                return Ok(true);
            }
            Surface::RuntimeOpenai => self.runtime_keys = true,
            Surface::RuntimeConverse | Surface::RuntimeInvoke => {}
        }
        let target = Identifier::parse(&resolution.target, catalog.vocabulary())
            .map_err(|error| Failure::new(error.to_string()))?;
        let region = &resolution.source_region;
        let profile = match (target.kind(), &target) {
            (Kind::FoundationModel, _) => {
                let id = resolution.target.rsplit('/').next().unwrap_or_default();
                self.models.insert(model_arn(region, region, id));
                return Ok(true);
            }
            (Kind::InferenceProfile | Kind::ApplicationInferenceProfile, Identifier::Arn(arn)) => {
                ProfileArn::Complete(arn.to_string())
            }
            (kind, Identifier::Arn(arn)) if !reads(kind).is_empty() => {
                self.own.insert(arn.to_string(), kind);
                return Ok(true);
            }
            (Kind::InferenceProfile, id) => ProfileArn::System { region: region.clone(), id: id.to_string() },
            (_, other) => {
                return Err(Failure::new(format!("what {other} takes beside bedrock:InvokeModel is not known"))
                    .hint("name models, profiles, provisioned throughput, deployments and imported models; for a prompt or a router, those it leads to"));
            }
        };
        let models = destinations(resolution, catalog);
        let is_known = !models.is_empty();
        self.profiles.entry(profile).or_default().extend(models);
        Ok(is_known)
    }

    /// The account of the profiles that name theirs, where there is only one.
    fn account(&self) -> Option<String> {
        let profiles = self.profiles.keys().filter_map(|it| match it {
            ProfileArn::Complete(arn) => Some(arn),
            ProfileArn::System { .. } => None,
        });
        let arns = profiles.chain(self.own.keys()).filter_map(|arn| Arn::parse(arn).ok());
        let accounts: BTreeSet<String> = arns.map(|arn| arn.account).collect();
        if accounts.len() == 1 { accounts.into_iter().next() } else { None }
    }
}

/// How AWS tells what is behind an ARN of the account's own that is invoked by itself (reference `bedrock.md` §3); empty for
/// all others.
const fn reads(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ProvisionedModel => &["bedrock:GetProvisionedModelThroughput"],
        Kind::CustomModelDeployment => &["bedrock:GetCustomModelDeployment", "bedrock:GetCustomModel"],
        Kind::ImportedModel => &["bedrock:GetImportedModel"],
        _ => &[],
    }
}

/// The model in each Region the profile may route to. A global one is authorised in the Region of the call and without
/// one, wherever it goes.
pub fn destinations(resolution: &Resolution, catalog: &Catalog) -> BTreeSet<String> {
    let (Some(model), region) = (&resolution.model, &resolution.source_region) else {
        return BTreeSet::new();
    };
    let routes_so = resolution.destination_regions.iter().collect::<BTreeSet<_>>();
    let is_global = catalog.profiles_for(&model.id, region).into_iter().any(|profile| {
        let destinations = profile.destinations(region).unwrap_or_default();
        profile.is_global() && destinations.iter().collect::<BTreeSet<_>>() == routes_so
    });
    let regions = match is_global {
        true => vec![region.as_str(), ""],
        false => resolution.destination_regions.iter().map(String::as_str).collect(),
    };
    regions.into_iter().map(|to| model_arn(region, to, &model.id)).collect()
}

/// `from` tells the partition where `to` is empty.
fn model_arn(from: &str, to: &str, id: &str) -> String {
    format!("arn:{}:bedrock:{to}::foundation-model/{id}", partition(from))
}

/// A policy as IAM reads it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<serde_json::Value>,
    #[serde(skip)]
    why: &'static str,
}

/// Converse has no action of its own (reference `bedrock.md` §5).
const INVOKE: [&str; 2] = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];

impl Document {
    fn of(needs: Needs, account: &str, region: &str, policy: &Policy) -> Self {
        let mut document = Self { version: "2012-10-17", statement: Vec::new() };
        let profiles: Vec<_> = needs.profiles.keys().map(|arn| arn.with_account(account)).collect();
        document.allow(
            "InvokeModels",
            &INVOKE,
            needs.models.into_iter().collect(),
            "models that are called by their own id",
        );
        document.own(needs.own, account);
        document.keys(&needs.mantle, needs.runtime_keys, account);
        document.allow("InvokeProfiles", &INVOKE, profiles.clone(), "the profiles that are called");
        // Profiles that route alike share a statement.
        let mut routes: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
        for (arn, models) in needs.profiles {
            routes.entry(models).or_default().push(arn.with_account(account));
        }
        for (number, (models, through)) in routes.into_iter().enumerate() {
            let why = "the model wherever the profile may route to, through that profile only; a service control policy that denies one of these Regions breaks the profile";
            if document.allow(
                &format!("ThroughProfiles{}", number + 1),
                &INVOKE,
                models.into_iter().collect(),
                why,
            ) {
                let last = document.statement.last_mut();
                let condition =
                    serde_json::json!({ "StringLike": { "bedrock:InferenceProfileArn": through } });
                last.expect("a statement was just added").condition = Some(condition);
            }
        }
        document.allow(
            "ReadProfiles",
            &["bedrock:GetInferenceProfile"],
            profiles,
            "to find out which model a profile stands for",
        );
        let any = vec![ANY.to_owned()];
        document.allow(
            "ListProfiles",
            &["bedrock:ListInferenceProfiles"],
            any,
            "to offer the account's profiles in lists, and to find them by name",
        );
        if policy.discovery {
            let actions = [
                "bedrock:ListFoundationModels",
                "bedrock:GetFoundationModel",
                "bedrock:GetFoundationModelAvailability",
                "bedrock:ListTagsForResource",
            ];
            let why = "to find out what models there are, where they are in their life, and whether the account may use them";
            document.allow("Discovery", &actions, vec![ANY.to_owned()], why);
        }
        if policy.logging {
            document.logging(account, region);
        }
        if policy.manage {
            document.manage(account, region);
        }
        document
    }

    /// What calls with an API key take, and those of mantle.
    /// Source: AWS's managed policy `AmazonBedrockMantleInferenceAccess`; the service authorization reference of both services.
    fn keys(&mut self, mantle: &BTreeSet<String>, runtime_keys: bool, account: &str) {
        let projects = mantle
            .iter()
            .map(|region| format!("arn:{}:bedrock-mantle:{region}:{account}:project/*", partition(region)));
        let why = "models that bedrock-mantle alone serves";
        self.allow("InferOnMantle", &["bedrock-mantle:CreateInference"], projects.collect(), why);
        let actions: Vec<_> = [
            ("bedrock-mantle:CallWithBearerToken", !mantle.is_empty()),
            ("bedrock:CallWithBearerToken", runtime_keys),
        ]
        .into_iter()
        .filter_map(|(action, is_needed)| is_needed.then_some(action))
        .collect();
        if !actions.is_empty() {
            let why = "AWS's OpenAI- and Anthropic-style paths are called with an API key, made of the credentials for 15 minutes";
            self.allow("CallWithKeys", &actions, vec![ANY.to_owned()], why);
        }
    }

    /// The roles that the gateway's own credentials assume.
    fn assume(&mut self, written: &Written) {
        let roles = written.accounts.values().filter(|account| account.base == Base::Own);
        let roles: Vec<_> = roles.filter_map(|account| account.role.as_ref()).collect();
        let actions: &[&str] = match roles.iter().any(|role| !role.tags.is_empty()) {
            true => &["sts:AssumeRole", "sts:TagSession"],
            false => &["sts:AssumeRole"],
        };
        let arns: BTreeSet<_> = roles.iter().map(|role| role.arn.clone()).collect();
        let why = "the roles of `accounts`; what each of them needs: `outcrop iam policy --role NAME`";
        self.allow("AssumeRoles", actions, arns.into_iter().collect(), why);
    }

    /// What stands behind a deployment is told in two steps, and the ARN of the custom model between them is not known here.
    fn own(&mut self, own: BTreeMap<String, Kind>, account: &str) {
        let actions: BTreeSet<_> = own.values().flat_map(|kind| reads(*kind)).copied().collect();
        let arns: Vec<_> = own.keys().cloned().collect();
        let custom: BTreeSet<_> = own
            .iter()
            .filter(|(_, kind)| **kind == Kind::CustomModelDeployment)
            .filter_map(|(arn, _)| Arn::parse(arn).ok())
            .map(|arn| format!("arn:{}:bedrock:{}:{account}:custom-model/*", arn.partition, arn.region))
            .collect();
        self.allow(
            "InvokeOwnModels",
            &INVOKE,
            arns.clone(),
            "the account's own models and throughput, called by their ARN",
        );
        let why = "to find out which model is behind them";
        let actions: Vec<_> = actions.into_iter().collect();
        self.allow("ReadOwnModels", &actions, arns.into_iter().chain(custom).collect(), why);
    }

    fn logging(&mut self, account: &str, region: &str) {
        /// What `outcrop logging setup` makes.
        const GROUP: &str = "/aws/bedrock/model-invocations";
        let group = format!("arn:{}:logs:{region}:{account}:log-group:{GROUP}", partition(region));
        self.allow(
            "ReadInvocationLog",
            &["logs:FilterLogEvents"],
            vec![format!("{group}:*"), group],
            "`outcrop logging tail` and `outcrop verify`: AWS's word for which profile was used",
        );
        let actions = [
            "bedrock:GetModelInvocationLoggingConfiguration",
            "logs:DescribeLogGroups",
            "cloudwatch:ListMetrics",
            "cloudwatch:GetMetricData",
        ];
        let why = "`outcrop logging status` and `outcrop metrics`; these know no narrower resource";
        self.allow("ReadLoggingAndMetrics", &actions, vec![ANY.to_owned()], why);
    }

    fn manage(&mut self, account: &str, region: &str) {
        let partition = partition(region);
        let actions = [
            "bedrock:CreateInferenceProfile",
            "bedrock:GetInferenceProfile",
            "bedrock:DeleteInferenceProfile",
            "bedrock:TagResource",
            "bedrock:UntagResource",
            "bedrock:ListTagsForResource",
        ];
        let resources = ["application-inference-profile", "inference-profile"]
            .map(|kind| format!("arn:{partition}:bedrock:{region}:{account}:{kind}/*"));
        let models = format!("arn:{partition}:bedrock:*::foundation-model/*");
        let why = "`outcrop profiles`: to create from any model or system profile of the Region, to tag and to delete";
        self.allow("ManageProfiles", &actions, resources.into_iter().chain([models]).collect(), why);
        let why = "to tell how many more profiles there may be";
        self.allow("ReadQuota", &["servicequotas:GetServiceQuota"], vec![ANY.to_owned()], why);
    }

    /// Adds a statement, unless there is nothing to allow.
    fn allow(
        &mut self,
        sid: &str,
        action: &[&'static str],
        resource: Vec<String>,
        why: &'static str,
    ) -> bool {
        if resource.is_empty() {
            return false;
        }
        let action = action.to_vec();
        self.statement.push(Statement {
            sid: sid.to_owned(),
            effect: "Allow",
            action,
            resource,
            condition: None,
            why,
        });
        true
    }

    fn warn_of_length(&self) -> Result<(), Failure> {
        /// IAM's limit for a managed policy, white space not counted.
        const MOST: usize = 6_144;
        let length = serde_json::to_string(self)?.len();
        if length > MOST {
            paper::say(&format!(
                "the policy has {length} characters; IAM takes {MOST}: name fewer identifiers, one policy a client"
            ));
        }
        Ok(())
    }
}
