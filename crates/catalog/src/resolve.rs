//! Identifier → everything a request needs to know, with the reason for each step.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::catalog::KnownProfile;
use crate::identifier::Arn;
use crate::suggest::suggestion;
use crate::{Catalog, Identifier, Kind, Model, Price, ProfileType, Source, SystemProfile};

impl Catalog {
    /// Resolves any identifier a client wrote: alias, model id, profile id or ARN (raw or percent-encoded).
    ///
    /// # Errors
    /// [`ResolveError::Unknown`] for what is no identifier and no alias. An ARN or id that AWS might know is never
    /// refused: what is not known of it is `None`.
    pub fn resolve(&self, identifier: &str, context: &Context) -> Result<Resolution, ResolveError> {
        let mut draft = Draft::new(self, identifier, context);
        let meant = draft.follow_aliases(identifier)?;
        if draft.by_configured_profile(&meant)? {
            return Ok(draft.finish());
        }
        draft.by_identifier(&meant)?;
        Ok(draft.finish())
    }

    /// An identifier nothing knows, taken at its word: for clients that speak Bedrock themselves, AWS is to judge.
    pub fn verbatim(&self, identifier: &str, context: &Context, error: &ResolveError) -> Resolution {
        let ResolveError::Unknown { message, hint } = error;
        let mut draft = Draft::new(self, identifier, context);
        draft.kind = Some(Kind::FoundationModel);
        identifier.clone_into(&mut draft.target);
        draft.because("model", "nothing", format!("unknown: {message}"));
        draft.notices.push(message.clone());
        draft.notices.extend(hint.clone());
        draft.finish()
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Identifier, ResolveError> {
        Identifier::parse(text, self.vocabulary()).map_err(|error| ResolveError::Unknown {
            hint: error.hint.or_else(|| suggestion(self, text)),
            message: error.message,
        })
    }
}

/// What the caller knows that the catalog does not.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The Region to call from when the identifier does not name one itself.
    pub region: String,
}

/// Everything a request needs to know about the identifier it names.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// What the client wrote.
    pub identifier: String,
    /// What it names.
    pub kind: Kind,
    /// The `modelId` to put in the invoke URL, not yet percent-encoded.
    pub target: String,
    /// The endpoint that serves it.
    pub surface: Surface,
    /// The underlying model; `None` when nothing tells.
    pub model: Option<Arc<Model>>,
    /// The profile used.
    pub profile: Option<ResolvedProfile>,
    /// The Region the call is sent to.
    pub source_region: String,
    /// Where the call may be processed; empty when unknown.
    pub destination_regions: Vec<String>,
    /// Prices of the target as called.
    pub price: Option<Price>,
    /// Each step with its source.
    pub why: Vec<Why>,
    /// What a person should know: a contradiction, a retired model, a missing mapping.
    pub notices: Vec<String>,
    /// The application profile must be looked up (`GetInferenceProfile`) before the model is known.
    pub needs_lookup: bool,
}

/// Which AWS endpoint serves an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// `Converse` on bedrock-runtime.
    RuntimeConverse,
    /// `InvokeModel` on bedrock-runtime (embeddings and others Converse does not serve).
    RuntimeInvoke,
    /// The OpenAI-style paths of bedrock-runtime.
    RuntimeOpenai,
    /// The mantle endpoint.
    Mantle,
}

/// One step of the reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// What was decided: `target`, `model`, `sourceRegion`, `price`, ….
    pub step: String,
    /// Where the fact comes from, in words: `built-in catalog`, `BEDROCK_INFERENCE_PROFILE_MAPPINGS`, `librechat.yaml`.
    pub source: String,
    /// The fact.
    pub detail: String,
}

/// The profile an invocation goes through.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolvedProfile {
    /// Its ARN; `None` for a system profile whose account is unknown.
    pub arn: Option<String>,
    /// Its id: `us.anthropic.…` or the twelve characters of an application profile.
    pub id: String,
    /// Its name, where known.
    pub name: Option<String>,
    /// System-defined or application.
    #[serde(rename = "type")]
    pub profile_type: ProfileType,
    /// Tags, where known.
    pub tags: BTreeMap<String, String>,
}

/// Why an identifier cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It is no model, profile, ARN or alias that anything knows.
    #[error("{message}")]
    Unknown {
        /// What is wrong.
        message: String,
        /// What was probably meant.
        hint: Option<String>,
    },
}

/// An alias may name an alias; more than this in a row is a mistake.
const MAX_ALIASES: usize = 8;

/// A resolution in the making.
struct Draft<'a> {
    catalog: &'a Catalog,
    identifier: &'a str,
    is_alias: bool,
    kind: Option<Kind>,
    target: String,
    model: Option<Arc<Model>>,
    profile: Option<ResolvedProfile>,
    region: String,
    destinations: Vec<String>,
    price: Option<Price>,
    why: Vec<Why>,
    notices: Vec<String>,
    needs_lookup: bool,
}

impl<'a> Draft<'a> {
    fn new(catalog: &'a Catalog, identifier: &'a str, context: &Context) -> Self {
        Self {
            catalog,
            identifier,
            is_alias: false,
            kind: None,
            target: String::new(),
            model: None,
            profile: None,
            region: context.region.clone(),
            destinations: Vec::new(),
            price: None,
            why: Vec::new(),
            notices: Vec::new(),
            needs_lookup: false,
        }
    }

    fn because(&mut self, step: &str, source: impl ToString, detail: impl Into<String>) {
        self.why.push(Why { step: step.to_owned(), source: source.to_string(), detail: detail.into() });
    }

    /// Alias after alias, until the text is none.
    fn follow_aliases(&mut self, identifier: &str) -> Result<String, ResolveError> {
        let mut meant = identifier.to_owned();
        for _ in 0..=MAX_ALIASES {
            let Some((to, source)) = self.catalog.merged().aliases.get(&meant) else { return Ok(meant) };
            self.is_alias = true;
            self.because("identifier", source, format!("the alias {meant} means {to}"));
            meant.clone_from(to);
        }
        Err(ResolveError::Unknown {
            message: format!(
                "the alias `{identifier}` leads through more than {MAX_ALIASES} aliases, or in a circle"
            ),
            hint: Some("let it name a model id, a profile id or an ARN".to_owned()),
        })
    }

    /// LibreChat's `inferenceProfiles`: the identifier stays what it is for capabilities and limits; the ARN is called.
    fn by_configured_profile(&mut self, meant: &str) -> Result<bool, ResolveError> {
        let Some((arn_text, source)) = self.catalog.merged().inference_profiles.get(meant).cloned() else {
            return Ok(false);
        };
        let Identifier::Arn(arn) = self.catalog.parse(&arn_text)? else {
            return Err(ResolveError::Unknown {
                message: format!("{source} maps `{meant}` to `{arn_text}`, which is no ARN"),
                hint: Some("inferenceProfiles maps a model id to the ARN of an inference profile".to_owned()),
            });
        };
        let identifier = self.catalog.parse(meant)?;
        self.kind = Some(identifier.kind());
        self.because("identifier", "syntax", format!("{meant} names a {}", words(identifier.kind())));
        self.because("profile", &source, format!("{meant} is called through {arn_text}"));
        self.set_arn(&arn);
        self.application_profile(&arn);
        self.underlying(&identifier, &source);
        Ok(true)
    }

    fn by_identifier(&mut self, meant: &str) -> Result<(), ResolveError> {
        let identifier = match self.catalog.parse(meant) {
            Ok(identifier) => identifier,
            Err(error) => self.application_profile_by_id(meant).ok_or(error)?,
        };
        self.kind = Some(identifier.kind());
        self.because("identifier", "syntax", format!("{identifier} names a {}", words(identifier.kind())));
        match &identifier {
            Identifier::Model(id) => self.bare_model(id, id.clone()),
            Identifier::SystemProfile { geography, model } => {
                self.target = identifier.to_string();
                self.system_profile(geography, model, None);
            }
            Identifier::Arn(arn) => self.arn(arn),
        }
        Ok(())
    }

    /// The twelve characters at the end of an application profile's ARN, where exactly that profile is known.
    fn application_profile_by_id(&self, id: &str) -> Option<Identifier> {
        let mut known = self.catalog.application_profiles().filter(|arn| arn.rsplit('/').next() == Some(id));
        let arn = known.next().filter(|_| known.next().is_none())?;
        Arn::parse(arn).ok().map(Identifier::Arn)
    }

    fn arn(&mut self, arn: &Arn) {
        self.set_arn(arn);
        match arn.kind {
            Kind::FoundationModel => self.bare_model(&arn.id, arn.to_string()),
            Kind::InferenceProfile => match self.catalog.parse(&arn.id) {
                Ok(Identifier::SystemProfile { geography, model }) => {
                    self.system_profile(&geography, &model, Some(arn))
                }
                _ => self.unknown_model("the profile's id is none that Bedrock has"),
            },
            Kind::ApplicationInferenceProfile => {
                self.application_profile(arn);
                self.model_of_application_profile(arn);
            }
            _ => self.unknown_model("only AWS knows what is behind it"),
        }
    }

    /// An ARN is the target as it stands, and its Region wins.
    fn set_arn(&mut self, arn: &Arn) {
        self.target = arn.to_string();
        if !arn.region.is_empty() {
            self.region.clone_from(&arn.region);
            self.because("sourceRegion", "the ARN", format!("{} is the ARN's own Region", arn.region));
        }
    }

    /// A model by its own id: called as it is where it is served on demand, else through the profile of the Region.
    fn bare_model(&mut self, id: &str, target: String) {
        self.target = target;
        let Some(model) = self.catalog.model(id).cloned() else {
            let close = suggestion(self.catalog, id);
            self.unknown_model("the catalog does not have it");
            self.notices.extend(close);
            return;
        };
        self.model = Some(Arc::clone(&model));
        self.because("model", Source::BuiltIn, describe(&model));
        if model.on_demand.contains(&self.region) {
            self.because("target", Source::BuiltIn, format!("served on demand in {}", self.region));
            self.destinations = vec![self.region.clone()];
            self.base_price(id);
            return;
        }
        match self.catalog.profile_for(id, &self.region).cloned() {
            Some(profile) => self.through_profile(id, &profile),
            None => self.not_served(&model),
        }
    }

    fn through_profile(&mut self, id: &str, profile: &SystemProfile) {
        let detail =
            format!("{id} is not served on demand in {}; {} is its profile there", self.region, profile.id);
        self.because("target", Source::BuiltIn, detail.clone());
        self.notices.push(detail);
        self.target.clone_from(&profile.id);
        self.route_of(profile, None);
    }

    fn not_served(&mut self, model: &Model) {
        self.because(
            "target",
            Source::BuiltIn,
            format!("no profile serves it from {}; called as it stands", self.region),
        );
        if model.lifecycle.as_deref() != Some(RETIRED) {
            let regions = if model.on_demand.is_empty() { &model.profile_only } else { &model.on_demand };
            let elsewhere =
                if regions.is_empty() { String::new() } else { format!("; it is in {}", regions.join(", ")) };
            self.notices.push(format!("{} is not served in {}{elsewhere}", model.id, self.region));
        }
        self.base_price(&model.id);
    }

    /// A system profile, by id or ARN; `target` is set already.
    fn system_profile(&mut self, geography: &str, model: &str, arn: Option<&Arn>) {
        let id = format!("{geography}.{model}");
        let own = ResolvedProfile {
            arn: arn.map(ToString::to_string),
            id: id.clone(),
            name: None,
            profile_type: ProfileType::SystemDefined,
            tags: BTreeMap::new(),
        };
        self.profile = Some(own);
        self.model = self.catalog.model(model).cloned();
        match self.model.clone() {
            Some(model) => self.because("model", Source::BuiltIn, describe(&model)),
            None => self.unknown_model("the catalog does not have it"),
        }
        match self.catalog.system_profile(&id).cloned() {
            Some(profile) if profile.destinations(&self.region).is_some() => self.route_of(&profile, arn),
            _ => self.wrong_profile(&id, geography, model),
        }
    }

    fn wrong_profile(&mut self, id: &str, geography: &str, model: &str) {
        let usable: Vec<_> =
            self.catalog.profiles_for(model, &self.region).iter().map(|profile| profile.id.clone()).collect();
        let known = self.catalog.system_profile(id).is_some();
        let what = if known {
            format!("{id} cannot be called from {}", self.region)
        } else {
            format!("AWS lists no profile {id}")
        };
        let instead = if usable.is_empty() {
            String::new()
        } else {
            format!("; from {} there is {}", self.region, usable.join(", "))
        };
        if self.model.as_ref().is_none_or(|model| model.lifecycle.as_deref() != Some(RETIRED)) {
            self.notices.push(format!("{what}{instead}"));
        }
        self.because("target", Source::BuiltIn, what);
        self.geography_price(model, geography);
    }

    fn route_of(&mut self, profile: &SystemProfile, arn: Option<&Arn>) {
        self.profile = Some(ResolvedProfile {
            arn: arn.map(ToString::to_string),
            id: profile.id.clone(),
            name: None,
            profile_type: ProfileType::SystemDefined,
            tags: BTreeMap::new(),
        });
        self.destinations = profile.destinations(&self.region).unwrap_or_default().to_vec();
        let detail =
            format!("calls from {} may be processed in {}", self.region, self.destinations.join(", "));
        self.because("destinationRegions", Source::BuiltIn, detail);
        self.geography_price(&profile.model, &profile.geography);
    }

    /// Names the application profile behind an ARN, with what is known of it.
    fn application_profile(&mut self, arn: &Arn) {
        let known = self.catalog.merged().application_profiles.get(&arn.to_string());
        self.profile = Some(ResolvedProfile {
            arn: Some(arn.to_string()),
            id: arn.id.clone(),
            name: known.and_then(|profile| profile.name.clone()),
            profile_type: if arn.kind == Kind::InferenceProfile {
                ProfileType::SystemDefined
            } else {
                ProfileType::Application
            },
            tags: known.map(|profile| profile.tags.clone()).unwrap_or_default(),
        });
        if let Some(known) = known {
            self.destinations = regions(&known.model_arns);
        }
    }

    /// Which model an application profile stands for: a mapping says so, or AWS does.
    fn model_of_application_profile(&mut self, arn: &Arn) {
        let known = self.catalog.merged().application_profiles.get(&arn.to_string());
        let mapped = known.and_then(|known| known.mapped_to.clone());
        match (mapped, known) {
            (Some((model, source)), known) => {
                self.because("profile", &source, format!("{arn} stands for {model}"));
                match self.catalog.parse(&model) {
                    Ok(identifier) => self.underlying(&identifier, &source),
                    Err(ResolveError::Unknown { message, hint }) => {
                        self.notices.push(format!("{source}: {message}"));
                        self.notices.extend(hint);
                    }
                }
                self.contradiction(known, &source);
            }
            (None, Some(known)) if !known.model_arns.is_empty() => self.as_aws_lists(known, arn),
            _ => {
                self.needs_lookup = true;
                self.unknown_model("nothing says yet which model the profile stands for");
            }
        }
    }

    /// AWS's own list of the profile's models: all name one model, in several Regions.
    fn as_aws_lists(&mut self, known: &KnownProfile, arn: &Arn) {
        let Some(id) = model_id(&known.model_arns) else {
            return self.unknown_model("AWS lists several models for the profile");
        };
        self.because("profile", Source::Discovered, format!("{arn} stands for {id}"));
        self.model = self.catalog.model(&id).cloned();
        match self.model.clone() {
            Some(model) => self.because("model", Source::BuiltIn, describe(&model)),
            None => self.unknown_model("the catalog does not have it"),
        }
        self.discovered_route(&id, &known.model_arns);
    }

    /// Regions and price follow what the profile was copied from, which the set of Regions tells (reference §5).
    fn discovered_route(&mut self, id: &str, model_arns: &[String]) {
        let listed = regions(model_arns);
        let is_global = model_arns.iter().any(|arn| Arn::parse(arn).is_ok_and(|arn| arn.region.is_empty()));
        let candidates: Vec<_> = self
            .catalog
            .profiles_for(id, &self.region)
            .into_iter()
            .filter(|profile| {
                if is_global {
                    profile.is_global()
                } else {
                    same_set(profile.destinations(&self.region), &listed)
                }
            })
            .cloned()
            .collect();
        match candidates.as_slice() {
            [] if listed == [self.region.clone()] => {
                self.destinations = listed;
                self.base_price(id);
            }
            [profile] => {
                self.destinations = profile.destinations(&self.region).unwrap_or_default().to_vec();
                self.because(
                    "destinationRegions",
                    Source::Discovered,
                    format!("the Regions are those of {}", profile.id),
                );
                self.geography_price(id, &profile.geography);
            }
            _ => {
                self.destinations = listed;
                self.because(
                    "price",
                    Source::Discovered,
                    "the profile's source cannot be told, so its price is not known",
                );
            }
        }
    }

    /// The model an identifier stands for, when something else is called: its facts, Regions and price.
    fn underlying(&mut self, identifier: &Identifier, source: &Source) {
        let (id, geography) = match identifier {
            Identifier::Model(id) => (id.clone(), None),
            Identifier::SystemProfile { geography, model } => (model.clone(), Some(geography.clone())),
            Identifier::Arn(arn) => match self.catalog.parse(&arn.id) {
                Ok(Identifier::SystemProfile { geography, model }) => (model, Some(geography)),
                _ => (arn.id.clone(), None),
            },
        };
        self.model = self.catalog.model(&id).cloned();
        match self.model.clone() {
            Some(model) => self.because("model", source, describe(&model)),
            None => {
                self.notices.push(format!("{source} names {id}, which the catalog does not have"));
                self.notices.extend(suggestion(self.catalog, &id));
            }
        }
        let Some(geography) = geography else { return self.base_price(&id) };
        if self.destinations.is_empty() {
            let profile = self.catalog.system_profile(&format!("{geography}.{id}")).cloned();
            let destinations = profile.as_ref().and_then(|profile| profile.destinations(&self.region));
            self.destinations = destinations.unwrap_or_default().to_vec();
        }
        self.geography_price(&id, &geography);
    }

    /// A mapping is believed, but AWS's own answer is shown when it says something else.
    fn contradiction(&mut self, known: Option<&KnownProfile>, source: &Source) {
        let Some(live) = known.and_then(|known| model_id(&known.model_arns)) else { return };
        if let Some(model) = self.model.as_ref().filter(|model| model.id != live) {
            self.notices
                .push(format!("{source} says the profile stands for {}, but AWS says {live}", model.id));
        }
    }

    fn unknown_model(&mut self, why: &str) {
        self.because("model", "nothing", format!("unknown: {why}"));
        let target = if self.target.is_empty() { self.identifier } else { &self.target };
        self.notices.push(format!(
            "the model behind {target} is not known: {why}; parameters are passed as they are"
        ));
    }

    fn base_price(&mut self, model: &str) {
        let by_region = self.catalog.price(model, &self.region).map(|price| (price, "the Region's price"));
        let found = by_region
            .or_else(|| self.catalog.price(model, "base").map(|price| (price, "the on-demand price")));
        self.set_price(found.map(|(price, what)| (price.clone(), what.to_owned())));
    }

    /// A global profile costs what the model itself does (reference §7.3: 20 of 21 rows).
    fn geography_price(&mut self, model: &str, geography: &str) {
        let own = self
            .catalog
            .price(model, geography)
            .map(|price| (price.clone(), format!("the price of {geography}. profiles")));
        let base = || {
            let price = (geography == "global").then(|| self.catalog.price(model, "base")).flatten();
            price.map(|price| (price.clone(), "the on-demand price, which global profiles have".to_owned()))
        };
        let found = own.or_else(base);
        self.set_price(found);
    }

    fn set_price(&mut self, found: Option<(Price, String)>) {
        match &found {
            Some((price, what)) => {
                let dollars = |price: Option<f64>| price.map_or("?".to_owned(), |price| price.to_string());
                let detail = format!(
                    "{what}: {} in, {} out (USD per million tokens)",
                    dollars(price.input),
                    dollars(price.output)
                );
                self.because("price", Source::BuiltIn, detail);
            }
            None => self.because("price", "nothing", "unknown"),
        }
        self.price = found.map(|(price, _)| price);
    }

    fn finish(mut self) -> Resolution {
        self.facts_of_model();
        if self.why.iter().all(|why| why.step != "sourceRegion") {
            let region = self.region.clone();
            self.because("sourceRegion", "the request or the configuration", format!("{region} is called"));
        }
        if self.why.iter().all(|why| why.step != "target") {
            let target = self.target.clone();
            self.because("target", "the identifier", format!("{target} goes into the invoke URL"));
        }
        let surface = surface(self.model.as_deref());
        let kind = if self.is_alias { Kind::Alias } else { self.kind.unwrap_or(Kind::Alias) };
        Resolution {
            identifier: self.identifier.to_owned(),
            kind,
            target: self.target,
            surface,
            model: self.model,
            profile: self.profile,
            source_region: self.region,
            destination_regions: self.destinations,
            price: self.price,
            why: self.why,
            notices: self.notices,
            needs_lookup: self.needs_lookup,
        }
    }

    fn facts_of_model(&mut self) {
        let Some(model) = self.model.clone() else { return };
        for (step, detail) in [
            ("capabilities", format!("those of {}", model.id)),
            ("parameters", format!("those of {}", model.id)),
            ("limits", limits(&model)),
            ("lifecycle", model.lifecycle.clone().unwrap_or_else(|| "unknown".to_owned())),
        ] {
            self.because(step, Source::BuiltIn, detail);
        }
        if model.lifecycle.as_deref() == Some(RETIRED) {
            self.notices.push(format!("AWS no longer serves {}", model.id));
        }
    }
}

/// The life-cycle word of a model that is no longer served.
const RETIRED: &str = "RETIRED";

/// Embeddings, reranking and pictures are InvokeModel's; text is Converse's.
fn surface(model: Option<&Model>) -> Surface {
    let text = model.is_none_or(|model| {
        model.output_modalities.is_empty() || model.output_modalities.iter().any(|out| out == "TEXT")
    });
    if text { Surface::RuntimeConverse } else { Surface::RuntimeInvoke }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::FoundationModel => "foundation model",
        Kind::InferenceProfile => "system inference profile",
        Kind::ApplicationInferenceProfile => "application inference profile",
        Kind::ProvisionedModel => "provisioned model",
        Kind::CustomModel => "custom model",
        Kind::CustomModelDeployment => "custom-model deployment",
        Kind::ImportedModel => "imported model",
        Kind::Prompt => "prompt",
        Kind::PromptRouter => "prompt router",
        Kind::AsyncInvoke => "asynchronous invocation",
        Kind::Endpoint => "SageMaker endpoint",
        Kind::Alias => "alias",
    }
}

fn describe(model: &Model) -> String {
    match (&model.name, &model.publisher) {
        (Some(name), Some(publisher)) => format!("{} is {name} by {publisher}", model.id),
        (Some(name), None) => format!("{} is {name}", model.id),
        (None, _) => model.id.clone(),
    }
}

fn limits(model: &Model) -> String {
    let count = |limit: Option<u64>| limit.map_or("?".to_owned(), |limit| limit.to_string());
    format!(
        "{} tokens of context, {} of output",
        count(model.limits.context_tokens),
        count(model.limits.max_output_tokens)
    )
}

/// The one model id behind a profile's ARNs; `None` when they name several or none.
fn model_id(model_arns: &[String]) -> Option<String> {
    let mut ids = model_arns.iter().filter_map(|arn| Arn::parse(arn).ok()).map(|arn| arn.id);
    let first = ids.next()?;
    ids.all(|id| id == first).then_some(first)
}

fn regions(model_arns: &[String]) -> Vec<String> {
    let mut regions: Vec<_> = model_arns
        .iter()
        .filter_map(|arn| Arn::parse(arn).ok())
        .map(|arn| arn.region)
        .filter(|region| !region.is_empty())
        .collect();
    regions.sort();
    regions.dedup();
    regions
}

fn same_set(destinations: Option<&[String]>, listed: &[String]) -> bool {
    destinations.is_some_and(|destinations| {
        destinations.len() == listed.len() && destinations.iter().all(|region| listed.contains(region))
    })
}
