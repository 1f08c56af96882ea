//! A resolution in the making: each step decides one thing and says why.
//!
//! The order of the steps is that of [`Catalog::resolve`]: aliases, then a configured target, then the identifier itself.
//! Nothing is guessed: what no source tells stays unknown, with a notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_texts::{self as texts, Text};

use crate::facts::Known;
use crate::identifier::Vocabulary;
use crate::layer::{Described, KnownProfile};
use crate::residency::GLOBAL;
use crate::{
    Arn, Catalog, Context, Identifier, IdentifierError, Kind, Limits, Model, Price, ProfileType, Resolution,
    ResolveError, ResolvedProfile, Source, Surface, SystemProfile, Verdict, Why,
};

/// A resolution in the making.
pub(crate) struct Draft<'a> {
    catalog: &'a Catalog,
    identifier: &'a str,
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

/// What is decided, in the order in which it is explained. Each has a reason in every resolution.
const STEPS: [&str; 13] = [
    "identifier",
    "sourceRegion",
    "target",
    "profile",
    "model",
    "surface",
    "destinationRegions",
    "residency",
    "capabilities",
    "parameters",
    "limits",
    "price",
    "lifecycle",
];

/// A step that is there only where AWS says something else than the configuration.
const CONTRADICTION: &str = "contradiction";

/// The source of what nothing tells.
const NOTHING: &str = "nothing";

/// What AWS tells something of by ARN (reference `bedrock.md` §3); of a prompt its sibling for agents does.
const CAN_BE_ASKED: [Kind; 7] = [
    Kind::ProvisionedModel,
    Kind::CustomModel,
    Kind::CustomModelDeployment,
    Kind::ImportedModel,
    Kind::Prompt,
    Kind::PromptRouter,
    Kind::Endpoint,
];

/// A deployment, its custom model, the model that was customized, which may be a custom one: more is a circle.
const MAX_BEHIND: usize = 4;

/// Where AWS lists what a Region serves.
const LISTED_MODELS: &str = "ListFoundationModels";

/// Where AWS lists the profiles of a Region.
const LISTED_PROFILES: &str = "ListInferenceProfiles";

/// The life-cycle word of a model that is no longer served.
const RETIRED: &str = "RETIRED";

impl<'a> Draft<'a> {
    pub(crate) fn new(catalog: &'a Catalog, identifier: &'a str, context: &Context) -> Self {
        Self {
            catalog,
            identifier,
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

    /// Alias after alias, until the text is none.
    pub(crate) fn follow_aliases(&mut self) -> Result<String, ResolveError> {
        let mut name = self.identifier;
        for (source, to) in self.catalog.alias_path(self.identifier)? {
            self.kind = Some(Kind::Alias);
            self.because("identifier", source, format!("the alias {name} means {to}"));
            name = to;
        }
        Ok(name.to_owned())
    }

    /// LibreChat's `inferenceProfiles`: `target` is called, what is known follows the identifier that the client wrote.
    pub(crate) fn through(&mut self, target: &str, meant: &str, source: &Source) -> Result<(), ResolveError> {
        let called = self
            .parse(target)
            .map_err(|error| misconfigured(source, meant, target, self.refused(target, error)))?;
        self.because("profile", source, format!("{meant} is called through {called}"));
        self.because("target", source, format!("{called} is configured for {meant}"));
        match self.parse(meant) {
            Ok(identifier) => {
                self.identify(&identifier);
                self.call(&called);
                self.stands_for(&identifier, source);
                self.goes_through(&called);
                self.compare_with_aws(&called, &identifier, source);
            }
            Err(_) => {
                self.kind = Some(Kind::Alias);
                self.because("identifier", source, format!("{meant} is a name for {called}"));
                self.resolve(&called);
            }
        }
        Ok(())
    }

    /// Where a call goes is what the called one says, whatever it is called for. An application profile does not say.
    fn goes_through(&mut self, called: &Identifier) {
        match self.parts(called) {
            Some((id, Some(geography))) => {
                match self.catalog.system_profile(&format!("{geography}.{id}")).cloned() {
                    Some(profile) if profile.destinations(&self.region).is_some() => self.route(&profile),
                    _ => self.nowhere("the catalog has no such profile here"),
                }
                self.geography_price(&id, &geography);
            }
            Some((_, None)) => {
                let here = vec![self.region.clone()];
                self.set_destinations(here, Source::BuiltIn, "a model called on demand stays in its Region");
            }
            None if self.is_application() => {}
            None => self.nowhere("only AWS knows"),
        }
    }

    /// The model of a model or system profile, by id or ARN, and the profile's geography.
    fn parts(&self, identifier: &Identifier) -> Option<(String, Option<String>)> {
        let is_plain = matches!(identifier.kind(), Kind::FoundationModel | Kind::InferenceProfile);
        is_plain.then(|| self.model_and_geography(identifier))
    }

    fn nowhere(&mut self, why: &str) {
        self.destinations = Vec::new();
        self.because("destinationRegions", NOTHING, format!("unknown: {why}"));
    }

    /// What the identifier itself says.
    pub(crate) fn named(&mut self, meant: &str) -> Result<(), ResolveError> {
        let identifier = match self.parse(meant) {
            Ok(identifier) => identifier,
            Err(error) => self.known_by_id(meant).ok_or_else(|| self.refused(meant, error))?,
        };
        self.identify(&identifier);
        self.resolve(&identifier);
        Ok(())
    }

    /// What the client wrote, although it was refused.
    pub(crate) fn verbatim(mut self, why: &Text) -> Result<Resolution, ResolveError> {
        self.kind = Some(Kind::FoundationModel);
        self.identifier.clone_into(&mut self.target);
        self.because("model", NOTHING, format!("unknown: {why}"));
        self.notices.push(why.to_string());
        self.notices.extend(why.hint().map(str::to_owned));
        self.finish()
    }

    fn resolve(&mut self, identifier: &Identifier) {
        match identifier {
            Identifier::Model(id) => self.foundation_model(id, identifier),
            Identifier::SystemProfile { geography, model } => {
                self.call(identifier);
                self.system_profile(geography, model);
            }
            Identifier::Arn(arn) => self.arn(arn, identifier),
        }
    }

    fn arn(&mut self, arn: &Arn, identifier: &Identifier) {
        self.call(identifier);
        match arn.kind {
            Kind::FoundationModel => self.foundation_model(&arn.id, identifier),
            Kind::InferenceProfile => match self.parse(&arn.id) {
                Ok(Identifier::SystemProfile { geography, model }) => self.system_profile(&geography, &model),
                _ => self.unknown_model("the catalog does not have the profile"),
            },
            Kind::ApplicationInferenceProfile => self.application_profile(arn),
            _ => self.something_else(arn),
        }
    }

    /// Provisioned throughput, a custom model, its deployment, …: AWS knows what is behind some of them.
    fn something_else(&mut self, arn: &Arn) {
        if let Some((source, described)) = self.catalog.described(&arn.to_string()) {
            self.as_described(described, source, arn);
            return self.credit(arn.kind);
        }
        let behind = self.behind(arn);
        match &behind {
            Some((base, source)) if base.kind == Kind::FoundationModel => {
                self.set_model(&base.id, Some(source));
                if !base.region.is_empty() {
                    let what = format!("{base} is the model behind it");
                    self.set_destinations(vec![base.region.clone()], source, &what);
                }
                self.because(
                    "price",
                    NOTHING,
                    format!("unknown: the catalog has no prices of {}", words(arn.kind)),
                );
            }
            _ => {
                self.needs_lookup = behind.is_none() && CAN_BE_ASKED.contains(&arn.kind);
                self.unknown_model(&format!("only AWS knows what is behind {}", words(arn.kind)));
            }
        }
        self.credit(arn.kind);
    }

    /// What was discovered about something else than a profile, another operation has told.
    fn credit(&mut self, kind: Kind) {
        let of_profiles = Source::Discovered.to_string();
        for why in self.why.iter_mut().filter(|why| why.source == of_profiles) {
            asked(kind).clone_into(&mut why.source);
        }
    }

    /// A router chooses among models; where it has but one, that is the model. Of the others AWS names no foundation model.
    fn as_described(&mut self, described: &Described, source: &Source, arn: &Arn) {
        let Described { says, model_arns } = described;
        let parts: Vec<_> = model_arns
            .iter()
            .filter_map(|arn| model_and_geography(arn, self.catalog.vocabulary()))
            .map(|(model, _)| model)
            .collect();
        match parts.as_slice() {
            [one, others @ ..] if others.iter().all(|other| other == one) => {
                self.set_model(one, Some(source))
            }
            _ => self.unknown_model(says),
        }
        self.because("profile", source, says.clone());
        if let Some(regions) = self.reached(model_arns) {
            self.set_destinations(regions, source, "where its models are");
        }
        match model_arns.as_slice() {
            [asked] if arn.kind == Kind::Prompt => self.price_of(asked),
            _ => self.because(
                "price",
                NOTHING,
                format!("unknown: the catalog has no prices of {}", words(arn.kind)),
            ),
        }
    }

    /// A prompt has no price of its own: what it asks has.
    fn price_of(&mut self, asked: &str) {
        match model_and_geography(asked, self.catalog.vocabulary()) {
            Some((model, Some(geography))) => self.geography_price(&model, &geography),
            Some((model, None)) => self.base_price(&model),
            None => {}
        }
    }

    /// Every Region that these models and profiles may be processed in; `None` when one of them is open.
    fn reached(&self, model_arns: &[String]) -> Option<Vec<String>> {
        let mut regions = Vec::new();
        for identifier in model_arns {
            match self.parse(identifier).ok()? {
                Identifier::Model(_) => regions.push(self.region.clone()),
                Identifier::SystemProfile { geography, model } => {
                    regions.extend_from_slice(self.destinations_of(&format!("{geography}.{model}"))?);
                }
                Identifier::Arn(arn) => match arn.kind {
                    Kind::InferenceProfile => regions.extend_from_slice(self.destinations_of(&arn.id)?),
                    Kind::ApplicationInferenceProfile => return None,
                    _ if arn.region.is_empty() => return None,
                    _ => regions.push(arn.region),
                },
            }
        }
        regions.sort();
        regions.dedup();
        (!regions.is_empty()).then_some(regions)
    }

    /// Where a system profile leads from here; `None` when nothing tells.
    fn destinations_of(&self, profile: &str) -> Option<&'a [String]> {
        let destinations = self.catalog.system_profile(profile)?.destinations(&self.region)?;
        (!destinations.is_empty()).then_some(destinations)
    }

    /// The end of the path from ARN to ARN: a deployment has a custom model behind it, and that a foundation model.
    fn behind(&self, arn: &Arn) -> Option<(Arn, Source)> {
        let mut found: Option<(Arn, Source)> = None;
        for _ in 0..MAX_BEHIND {
            let at = found.as_ref().map_or(arn, |(at, _)| at);
            let Some((source, next)) = self.catalog.behind(&at.to_string()) else { break };
            let Ok(next) = Arn::parse_encoded(next) else { break };
            found = Some((next, source.clone()));
        }
        found
    }

    /// A model by its own id: called as it is where it is served on demand, else through the profile of the Region.
    fn foundation_model(&mut self, id: &str, identifier: &Identifier) {
        self.call(identifier);
        self.set_model(id, None);
        let Some(model) = self.model.clone() else { return };
        if model.on_demand.contains(&self.region) {
            let source = self.source_of(id, "onDemand");
            self.because("target", source, format!("{id} is served on demand in {}", self.region));
            self.because("profile", Source::BuiltIn, "none is needed");
            let here = vec![self.region.clone()];
            self.set_destinations(here, Source::BuiltIn, "a model called on demand stays in its Region");
            return self.base_price(id);
        }
        let base = without_context(id).unwrap_or(id);
        match self.allowed_profile(base) {
            Some(profile) => self.through_system_profile(id, &profile),
            None => self.not_served(&model),
        }
    }

    /// The best profile of those that the policy allows; where it allows none, the best, which is then refused.
    fn allowed_profile(&self, model: &str) -> Option<Arc<SystemProfile>> {
        let profiles = self.catalog.profiles_for(model, &self.region);
        let allowed = |profile: &&&Arc<SystemProfile>| {
            let destinations = profile.destinations(&self.region).unwrap_or_default();
            self.catalog.residency().is_none_or(|policy| policy.allows(&self.region, destinations))
        };
        profiles.iter().find(allowed).or(profiles.first()).map(|profile| Arc::clone(profile))
    }

    fn chosen(&self, profile: &SystemProfile) -> String {
        let (id, region) = (&profile.id, &self.region);
        match (profile.is_global(), self.catalog.prefers_global()) {
            (true, true) => format!("{id} serves {region}, and global profiles are preferred"),
            (true, false) => format!("{id} serves {region}; no narrower profile does"),
            (false, _) => format!("{id} is the narrowest profile that serves {region}"),
        }
    }

    fn through_system_profile(&mut self, id: &str, profile: &SystemProfile) {
        let notice =
            format!("{id} is not served on demand in {}; {} is called instead", self.region, profile.id);
        self.because("target", Source::BuiltIn, notice.clone());
        self.notices.push(notice);
        self.target.clone_from(&profile.id);
        if profile.model != id {
            self.model = self.catalog.model(&profile.model).cloned(); // no profile has a context suffix
        }
        self.profile = Some(system_profile(&profile.id, None));
        self.because("profile", Source::BuiltIn, self.chosen(profile));
        self.route(profile);
        self.geography_price(&profile.model, &profile.geography);
    }

    fn not_served(&mut self, model: &Model) {
        self.base_price(&model.id);
        if model.lifecycle.as_deref() == Some(RETIRED) {
            return self.because(
                "target",
                "the identifier",
                "no Region serves it any more; called as it stands",
            );
        }
        let mut regions: Vec<_> =
            model.on_demand.iter().chain(&model.profile_only).map(String::as_str).collect();
        regions.sort_unstable();
        let elsewhere =
            if regions.is_empty() { String::new() } else { format!("; it is in {}", regions.join(", ")) };
        let notice = match is_govcloud(&self.region) {
            true => format!(
                "{GOVCLOUD_IS_INCOMPLETE} and does not have {0}; its profile would be us-gov.{0}",
                model.id
            ),
            false => {
                format!("the catalog does not have {} in {}{elsewhere}", model.id, or_unknown(&self.region))
            }
        };
        self.because("target", Source::BuiltIn, format!("{notice}; called as it stands"));
        self.notices.push(notice);
    }

    /// A profile of AWS's own, by id or ARN; the call goes to it as it stands.
    fn system_profile(&mut self, geography: &str, model: &str) {
        let id = format!("{geography}.{model}");
        self.set_model(model, None);
        self.because("profile", "the identifier", format!("{id} is the {geography} profile of {model}"));
        match self.catalog.system_profile(&id).cloned() {
            Some(profile) if profile.destinations(&self.region).is_some() => self.route(&profile),
            known => self.not_routed(&id, model, known.is_some()),
        }
        self.geography_price(model, geography);
    }

    fn not_routed(&mut self, id: &str, model: &str, is_known: bool) {
        if self.is_retired() {
            return;
        }
        let what = match is_known {
            _ if is_govcloud(&self.region) => format!(
                "{GOVCLOUD_IS_INCOMPLETE} and does not have {id} in {}; it is called as it stands",
                self.region
            ),
            true => format!("{id} cannot be called from {}", or_unknown(&self.region)),
            false => format!("the catalog does not have the profile {id}"),
        };
        let usable: Vec<_> =
            self.catalog.profiles_for(model, &self.region).iter().map(|profile| profile.id.clone()).collect();
        let on_demand = self.model.as_ref().is_some_and(|model| model.on_demand.contains(&self.region));
        let instead =
            usable.into_iter().chain(on_demand.then(|| model.to_owned())).collect::<Vec<_>>().join(" or ");
        self.notices.push(match instead.as_str() {
            "" => what,
            instead => format!("{what}; from {} use {instead}", self.region),
        });
    }

    /// An account's own profile: a mapping, LibreChat's `inferenceProfiles` or AWS tells which model it stands for.
    fn application_profile(&mut self, arn: &Arn) {
        let known = self.known(arn);
        if let Some((meant, source)) = known.as_ref().and_then(|known| self.mapping(known)) {
            self.because("profile", &source, format!("{arn} stands for {meant}"));
            match self.mapped(&meant) {
                Ok(identifier) => {
                    self.stands_for(&identifier, &source);
                    self.compare_with_aws(&Identifier::Arn(arn.clone()), &identifier, &source);
                    return;
                }
                Err(error) => {
                    self.notices.push(format!("{source}: {error}"));
                    self.notices.extend(error.hint().map(str::to_owned));
                }
            }
        }
        match known.filter(|known| !known.model_arns.is_empty()) {
            Some(known) => self.as_aws_lists(known.model_arns, arn),
            None => {
                self.needs_lookup = true;
                self.unknown_model("nothing says which model the profile stands for");
            }
        }
    }

    /// What configuration says the profile stands for; two answers are none.
    fn mapping(&mut self, known: &KnownProfile<'_>) -> Option<(String, Source)> {
        let owned = |(meant, source): (&str, &Source)| (meant.to_owned(), source.clone());
        if let Some(mapped) = known.mapped_to {
            return Some(owned(mapped));
        }
        match known.called_for.as_slice() {
            [one] => Some(owned(*one)),
            [] => None,
            several => {
                let names: Vec<_> = several.iter().map(|(identifier, _)| *identifier).collect();
                self.notices.push(format!(
                    "{}: one profile stands behind {}, so its own model is asked of AWS",
                    several[0].1,
                    names.join(" and ")
                ));
                None
            }
        }
    }

    /// What a mapping names: a model or a system profile, perhaps by an alias.
    fn mapped(&self, meant: &str) -> Result<Identifier, ResolveError> {
        let path = self.catalog.alias_path(meant)?;
        let named = path.last().map_or(meant, |(_, to)| to);
        let identifier = self.parse(named).map_err(|error| self.refused(named, error))?;
        match identifier.kind() {
            Kind::FoundationModel | Kind::InferenceProfile => Ok(identifier),
            kind => Err(ResolveError::Unknown(texts::not_a_model(identifier, words(kind)))),
        }
    }

    /// The facts, Regions and price of an identifier, when something else is called for it.
    fn stands_for(&mut self, identifier: &Identifier, source: &Source) {
        let (id, geography) = self.model_and_geography(identifier);
        self.set_model(&id, Some(source));
        let Some(geography) = geography else { return self.base_price(&id) };
        let profile = format!("{geography}.{id}");
        let known =
            self.catalog.system_profile(&profile).and_then(|profile| profile.destinations(&self.region));
        match known.map(<[String]>::to_vec) {
            Some(destinations) => self.set_destinations(destinations, source, &format!("those of {profile}")),
            None => {
                let why = format!(
                    "unknown: the catalog has no route of {profile} from {}",
                    or_unknown(&self.region)
                );
                self.because("destinationRegions", NOTHING, why);
            }
        }
        self.geography_price(&id, &geography);
    }

    fn model_and_geography(&self, identifier: &Identifier) -> (String, Option<String>) {
        parts_of(identifier, self.catalog.vocabulary())
    }

    /// Configuration is believed about the model, AWS about the Regions; a contradiction is shown.
    fn compare_with_aws(&mut self, called: &Identifier, meant: &Identifier, source: &Source) {
        let Identifier::Arn(arn) = called else { return };
        let Some(known) = self.known(arn).filter(|known| !known.model_arns.is_empty()) else { return };
        let (model, geography) = self.model_and_geography(meant);
        match model_id(known.model_arns) {
            Some(live) if live == model => {
                if !self.as_aws_routes(&live, known.model_arns) && geography.is_none() {
                    self.unknown_price();
                }
            }
            live => {
                let live = live.unwrap_or_else(|| "several models".to_owned());
                let detail = format!("{source} says that {arn} stands for {model}, but AWS says {live}");
                self.because(CONTRADICTION, Source::Discovered, detail.clone());
                self.notices.push(detail);
                self.as_listed(known.model_arns);
            }
        }
    }

    /// AWS's own list of the profile's models: one model, in several Regions.
    fn as_aws_lists(&mut self, model_arns: &[String], arn: &Arn) {
        let Some(id) = model_id(model_arns) else {
            return self.unknown_model("AWS lists several models for the profile");
        };
        self.because("profile", Source::Discovered, format!("{arn} stands for {id}"));
        self.set_model(&id, Some(&Source::Discovered));
        if !self.as_aws_routes(&id, model_arns) {
            self.unknown_price();
        }
    }

    /// A profile does not say what it was copied from; its set of Regions does (reference `bedrock.md` §5), and with that
    /// its price. False when they do not tell.
    fn as_aws_routes(&mut self, id: &str, model_arns: &[String]) -> bool {
        let listed = regions(model_arns);
        let is_global = is_global(model_arns);
        if !is_global && listed == [self.region.clone()] {
            self.set_destinations(
                listed,
                Source::Discovered,
                "the profile was copied from the model of one Region",
            );
            self.base_price(id);
            return true;
        }
        let origins: Vec<_> = self
            .catalog
            .profiles_for(id, &self.region)
            .into_iter()
            .filter(|profile| {
                let destinations = profile.destinations(&self.region).unwrap_or_default();
                if is_global { profile.is_global() } else { same_set(destinations, &listed) }
            })
            .cloned()
            .collect();
        let [origin] = origins.as_slice() else {
            self.as_listed(model_arns);
            return false;
        };
        let destinations = origin.destinations(&self.region).unwrap_or_default().to_vec();
        let what = format!("the Regions are those of {}, which it was copied from", origin.id);
        self.set_destinations(destinations, Source::Discovered, &what);
        self.geography_price(id, &origin.geography);
        true
    }

    fn unknown_price(&mut self) {
        self.price = None;
        self.because("price", NOTHING, "unknown: the profile's Regions do not tell what it was copied from");
    }

    /// The Regions as AWS lists them; of a global profile it lists only the Region of the call.
    fn as_listed(&mut self, model_arns: &[String]) {
        if is_global(model_arns) {
            self.destinations = Vec::new();
            self.because("destinationRegions", NOTHING, "unknown: the profile is a global one");
        } else {
            self.set_destinations(regions(model_arns), Source::Discovered, "those AWS lists");
        }
    }

    /// Puts the identifier into the invoke URL; the Region of an ARN wins.
    fn call(&mut self, called: &Identifier) {
        self.target = called.to_string();
        self.profile = match called {
            Identifier::Model(_) => None,
            Identifier::SystemProfile { .. } => Some(system_profile(&self.target, None)),
            Identifier::Arn(arn) => {
                if !arn.region.is_empty() {
                    self.region.clone_from(&arn.region);
                    self.because(
                        "sourceRegion",
                        "the ARN",
                        format!("{} is the ARN's own Region", arn.region),
                    );
                }
                self.profile_of(arn)
            }
        };
    }

    fn profile_of(&self, arn: &Arn) -> Option<ResolvedProfile> {
        match arn.kind {
            Kind::InferenceProfile => Some(system_profile(&arn.id, Some(arn))),
            Kind::ApplicationInferenceProfile => {
                let known = self.known(arn);
                Some(ResolvedProfile {
                    arn: Some(arn.to_string()),
                    id: arn.id.clone(),
                    name: known.as_ref().and_then(|known| known.name.map(str::to_owned)),
                    profile_type: ProfileType::Application,
                    tags: known.map(|known| known.tags).unwrap_or_default(),
                })
            }
            _ => None,
        }
    }

    fn known(&self, arn: &Arn) -> Option<KnownProfile<'a>> {
        self.catalog.application_profile(&arn.to_string())
    }

    /// The characters at the end of an application profile's ARN, where exactly one such profile is known.
    fn known_by_id(&self, id: &str) -> Option<Identifier> {
        let arn = self.catalog.application_profile_by_id(id)?;
        Arn::parse(arn).ok().map(Identifier::Arn)
    }

    fn parse(&self, text: &str) -> Result<Identifier, IdentifierError> {
        Identifier::parse(text, self.catalog.vocabulary())
    }

    /// With what was probably meant. That takes a thousand times as long as parsing: only for what is refused.
    fn refused(&self, text: &str, error: IdentifierError) -> ResolveError {
        let IdentifierError(why) = error;
        ResolveError::Unknown(why.or_hint(|| self.catalog.suggestion(text, &self.region)))
    }

    fn identify(&mut self, identifier: &Identifier) {
        self.kind.get_or_insert(identifier.kind());
        self.because("identifier", "syntax", format!("{identifier} names {}", words(identifier.kind())));
    }

    /// The model by its id; `named_by` says it where the identifier does not.
    fn set_model(&mut self, id: &str, named_by: Option<&Source>) {
        self.model = self.catalog.model(id).cloned().or_else(|| self.variant(id));
        let Some(model) = self.model.clone() else {
            self.unknown_model(&format!("the catalog does not have {id}"));
            self.notices.extend(self.catalog.suggestion(id, &self.region).map(|meant| meant.to_string()));
            return;
        };
        let source = named_by.map_or_else(|| self.source_of(id, "id"), ToString::to_string);
        self.because("model", source, describe(&model));
        if model.lifecycle.as_deref() == Some(RETIRED) {
            self.notices.push(format!("AWS no longer serves {id}"));
        }
    }

    /// `amazon.nova-lite-v1:0:24k`: the model with another context window, whose own size the catalog does not have.
    fn variant(&mut self, id: &str) -> Option<Arc<Model>> {
        let base = without_context(id)?;
        let model = self.catalog.model(base)?;
        let limits = Limits { context_tokens: None, ..model.limits };
        self.notices.push(format!("{id} is taken for {base} with another context window"));
        let model = Model { id: id.to_owned(), limits, on_demand: Vec::new(), ..Model::clone(model) };
        Some(Arc::new(model))
    }

    fn unknown_model(&mut self, why: &str) {
        self.because("model", NOTHING, format!("unknown: {why}"));
        self.notices.push(format!(
            "the model behind {} is not known ({why}); parameters are passed as they are",
            self.target
        ));
    }

    fn is_retired(&self) -> bool {
        self.model.as_ref().is_some_and(|model| model.lifecycle.as_deref() == Some(RETIRED))
    }

    fn route(&mut self, profile: &SystemProfile) {
        let destinations = profile.destinations(&self.region).unwrap_or_default().to_vec();
        if destinations.is_empty() {
            return self.nowhere(match profile.is_global() {
                true => {
                    "AWS does not list where a global profile leads, and the catalog does not have this one"
                }
                false => "no source lists where this profile leads; AWS does, once it has been asked",
            });
        }
        let what = format!("where {} sends calls from {}", profile.id, self.region);
        let source = match self.catalog.source_of_profile(&profile.id) {
            Source::Discovered => LISTED_PROFILES.to_owned(),
            source => source.to_string(),
        };
        self.set_destinations(destinations, source, &what);
    }

    fn set_destinations(&mut self, destinations: Vec<String>, source: impl ToString, what: &str) {
        self.because("destinationRegions", source, format!("{}: {what}", destinations.join(", ")));
        self.destinations = destinations;
    }

    /// The price of the Region, else the one of the commercial Regions: GovCloud's are another partition's, and higher.
    fn base_price(&mut self, model: &str) {
        let of_region = self.catalog.price(model, &self.region).map(|it| (it, "the price of the Region"));
        let elsewhere = Some("base").filter(|_| !is_govcloud(&self.region));
        let base = || self.catalog.price(model, elsewhere?).map(|it| (it, "the on-demand price"));
        let Some(((price, source), what)) = of_region.or_else(base) else { return self.price = None };
        self.set_price(price, source, what);
    }

    /// A global profile costs what the model itself does (reference `bedrock.md` §7.3), a profile of GovCloud's what the
    /// Region does: the two are equal wherever both are in the price list.
    fn geography_price(&mut self, model: &str, geography: &str) {
        if let Some((price, source)) = self.catalog.price(model, geography) {
            return self.set_price(price, source, &format!("the price of {geography} profiles"));
        }
        let (key, what) = match geography {
            GLOBAL => ("base".to_owned(), "the on-demand price, which holds for global profiles"),
            GOVERNMENT => {
                (self.region.clone(), "the price of the Region, which holds for GovCloud's profiles")
            }
            _ => return self.price = None,
        };
        match self.catalog.price(model, &key) {
            Some((price, source)) => self.set_price(price, source, what),
            None => self.price = None,
        }
    }

    fn set_price(&mut self, price: &Price, source: &Source, what: &str) {
        self.because("price", source, format!("{what}: {}", amounts(price)));
        self.price = Some(price.clone());
    }

    /// A later reason for the same decision replaces the earlier one; the chain of aliases is kept.
    fn because(&mut self, step: &str, source: impl ToString, detail: impl Into<String>) {
        if step != "identifier" {
            self.why.retain(|why| why.step != step);
        }
        self.why.push(Why { step: step.to_owned(), source: source.to_string(), detail: detail.into() });
    }

    fn has_reason(&self, step: &str) -> bool {
        self.why.iter().any(|why| why.step == step)
    }

    pub(crate) fn finish(mut self) -> Result<Resolution, ResolveError> {
        self.facts_of_model();
        let verdict = self.judge();
        let surface = self.surface();
        self.remaining_reasons();
        let place = |why: &Why| {
            let decided = if why.step == CONTRADICTION { "model" } else { why.step.as_str() };
            STEPS.iter().position(|step| *step == decided)
        };
        self.why.sort_by_key(place);
        let resolution = Resolution {
            identifier: self.identifier.to_owned(),
            kind: self.kind.unwrap_or(Kind::Alias),
            target: self.target,
            surface,
            model: self.model,
            profile: self.profile,
            source_region: self.region,
            destination_regions: self.destinations,
            price: self.price,
            residency: verdict,
            why: self.why,
            notices: self.notices,
            needs_lookup: self.needs_lookup,
        };
        match self.catalog.refusal(&resolution) {
            Some(refused) => Err(ResolveError::Residency(Box::new(refused))),
            None => Ok(resolution),
        }
    }

    /// The endpoint that serves it. A profile lives on bedrock-runtime, whatever the data say of its model: mantle knows none.
    fn surface(&mut self) -> Surface {
        let Some(model) = self.model.clone() else {
            self.because("surface", NOTHING, "unknown; bedrock-runtime serves what has an ARN");
            return Surface::RuntimeConverse;
        };
        let (surface, id) = (model.surface(), &model.id);
        if surface == Surface::Mantle && self.profile.is_some() {
            let detail = format!(
                "{id} is listed for bedrock-mantle only, which takes no profiles: the profile is called on bedrock-runtime"
            );
            self.because("surface", Source::BuiltIn, &detail);
            self.notices.push(detail);
            return Surface::RuntimeConverse;
        }
        let source = self.source_of(id, "surface").to_string();
        let detail = match surface {
            Surface::RuntimeConverse => format!("{id} answers in text, which Converse serves"),
            Surface::RuntimeInvoke => format!("{id} is for InvokeModel: its answers are not Converse's"),
            Surface::RuntimeOpenai => {
                format!("{id} is served by the OpenAI-style paths of bedrock-runtime only")
            }
            Surface::Mantle => {
                format!("{id} is served by the bedrock-mantle endpoint only, not by bedrock-runtime")
            }
        };
        self.because("surface", source, &detail);
        if surface == Surface::Mantle {
            self.notices.push(detail);
        }
        surface
    }

    /// What the policy says of where the call goes. The Regions of an application profile are what AWS lists: a mapping's
    /// word may be wrong, and then the data would be gone.
    fn judge(&mut self) -> Option<Verdict> {
        let Some(policy) = self.catalog.residency() else {
            self.because("residency", "the configuration", "no policy; every Region is allowed");
            return None;
        };
        let is_proven = !self.is_application() || self.is_discovered();
        let destinations = if is_proven { self.destinations.as_slice() } else { &[] };
        let verdict = policy.judge(&self.region, destinations);
        if !is_proven || self.needs_lookup {
            // Nobody is asked in a Region that is itself not allowed.
            self.needs_lookup = policy.allows(&self.region, std::slice::from_ref(&self.region));
        }
        let word = verdict.word();
        self.because("residency", &verdict.source, format!("{word}: {}", verdict.reason));
        Some(verdict)
    }

    fn is_application(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.profile_type == ProfileType::Application)
    }

    fn is_discovered(&self) -> bool {
        let arn = self.profile.as_ref().and_then(|profile| profile.arn.as_deref());
        let known = arn.and_then(|arn| self.catalog.application_profile(arn));
        known.is_some_and(|known| !known.model_arns.is_empty())
    }

    fn facts_of_model(&mut self) {
        let Some(model) = self.model.clone() else { return };
        let of_model = format!("those of {}", model.id);
        self.because("capabilities", self.source_of(&model.id, "capabilities"), of_model.clone());
        self.because("parameters", self.source_of(&model.id, "parameters"), of_model);
        self.because("limits", self.source_of(&model.id, "limits"), limits(&model));
        if let Some(lifecycle) = &model.lifecycle {
            self.because("lifecycle", self.source_of(&model.id, "lifecycle"), lifecycle);
        }
    }

    /// Who says this of a model; of what AWS lists, the operation.
    fn source_of(&self, model: &str, field: &str) -> String {
        let known = self.catalog.known_model(model);
        let of_field = |known: &'a Known<Model>| known.source_of(field).max(known.source_of("id"));
        match known.map_or(&Source::BuiltIn, of_field) {
            Source::Discovered => LISTED_MODELS.to_owned(),
            source => source.to_string(),
        }
    }

    /// What no step decided has a reason, too: that it follows from the identifier, or that nothing tells.
    fn remaining_reasons(&mut self) {
        let region = match self.region.as_str() {
            "" => (NOTHING, "unknown: neither the identifier nor the configuration names one".to_owned()),
            region => ("the request or the configuration", region.to_owned()),
        };
        if self.region.is_empty() {
            self.notices.push("no Region is known; set AWS_REGION or name one".to_owned());
        }
        let target = ("the identifier", format!("{} goes into the invoke URL as it stands", self.target));
        let profile = match &self.profile {
            Some(profile) => ("the identifier", profile.id.clone()),
            None => ("the identifier", "none".to_owned()),
        };
        for (step, (source, detail)) in [("sourceRegion", region), ("target", target), ("profile", profile)] {
            if !self.has_reason(step) {
                self.because(step, source, detail);
            }
        }
        for step in STEPS {
            if !self.has_reason(step) {
                self.because(step, NOTHING, "unknown");
            }
        }
    }
}

fn misconfigured(source: &Source, meant: &str, target: &str, error: ResolveError) -> ResolveError {
    let why = error.text();
    ResolveError::Unknown(texts::misconfigured(source, target, meant, why).with_hint_of(why))
}

/// The bare model id of a model or system profile, by id or ARN, and the profile's geography.
fn parts_of(identifier: &Identifier, vocabulary: &Vocabulary) -> (String, Option<String>) {
    match identifier {
        Identifier::Model(id) => (id.clone(), None),
        Identifier::SystemProfile { geography, model } => (model.clone(), Some(geography.clone())),
        Identifier::Arn(arn) => match Identifier::parse(&arn.id, vocabulary) {
            Ok(Identifier::SystemProfile { geography, model }) => (model, Some(geography)),
            _ => (arn.id.clone(), None),
        },
    }
}

/// As [`parts_of`], of a text; `None` for what names neither a model nor a system profile.
pub(crate) fn model_and_geography(text: &str, vocabulary: &Vocabulary) -> Option<(String, Option<String>)> {
    let identifier = Identifier::parse(text, vocabulary).ok()?;
    let is_plain = matches!(identifier.kind(), Kind::FoundationModel | Kind::InferenceProfile);
    is_plain.then(|| parts_of(&identifier, vocabulary))
}

fn system_profile(id: &str, arn: Option<&Arn>) -> ResolvedProfile {
    ResolvedProfile {
        arn: arn.map(ToString::to_string),
        id: id.to_owned(),
        name: None,
        profile_type: ProfileType::SystemDefined,
        tags: BTreeMap::new(),
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::FoundationModel => "a foundation model",
        Kind::InferenceProfile => "a system inference profile",
        Kind::ApplicationInferenceProfile => "an application inference profile",
        Kind::ProvisionedModel => "a provisioned model",
        Kind::CustomModel => "a custom model",
        Kind::CustomModelDeployment => "a custom-model deployment",
        Kind::ImportedModel => "an imported model",
        Kind::Prompt => "a prompt",
        Kind::PromptRouter => "a prompt router",
        Kind::AsyncInvoke => "an asynchronous invocation",
        Kind::Endpoint => "a SageMaker endpoint",
        Kind::Alias => "an alias",
    }
}

/// The operation that tells what stands behind an ARN.
fn asked(kind: Kind) -> &'static str {
    match kind {
        Kind::ProvisionedModel => "GetProvisionedModelThroughput",
        Kind::CustomModel => "GetCustomModel",
        Kind::CustomModelDeployment => "GetCustomModelDeployment",
        Kind::ImportedModel => "GetImportedModel",
        Kind::Prompt => "GetPrompt",
        Kind::PromptRouter => "GetPromptRouter",
        Kind::Endpoint => "GetMarketplaceModelEndpoint",
        Kind::FoundationModel
        | Kind::InferenceProfile
        | Kind::ApplicationInferenceProfile
        | Kind::AsyncInvoke
        | Kind::Alias => "GetInferenceProfile",
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
    let Limits { context_tokens, max_output_tokens } = model.limits;
    let count = |limit: Option<u64>| limit.map_or("unknown".to_owned(), |limit| format!("{limit} tokens"));
    format!("context {}, output {}", count(context_tokens), count(max_output_tokens))
}

/// `amazon.nova-lite-v1:0` of `amazon.nova-lite-v1:0:24k`.
fn without_context(id: &str) -> Option<&str> {
    id.rsplit_once(':').map(|(base, _)| base).filter(|base| base.contains(':'))
}

/// The lists of GovCloud's two Regions that the catalog is made of name a handful of models (reference `bedrock.md` §4).
const GOVCLOUD_IS_INCOMPLETE: &str = "the catalog's list of what GovCloud serves is not complete";

/// GovCloud's prefix.
const GOVERNMENT: &str = "us-gov";

fn is_govcloud(region: &str) -> bool {
    region.starts_with("us-gov-")
}

/// What is paid for what.
fn amounts(price: &Price) -> String {
    let dollars = |price: Option<f64>| price.map_or("?".to_owned(), |price| price.to_string());
    let by_the_piece = price.per_piece.iter().map(|(what, amount)| format!("{amount} for one {what}"));
    let by_the_token = (price.input.is_some() || price.output.is_some()).then(|| {
        format!(
            "{} in, {} out (US dollars for a million tokens)",
            dollars(price.input),
            dollars(price.output)
        )
    });
    by_the_token.into_iter().chain(by_the_piece).collect::<Vec<_>>().join("; ")
}

fn or_unknown(region: &str) -> &str {
    if region.is_empty() { "an unknown Region" } else { region }
}

/// The one model id behind a profile's ARNs; `None` when they name several or none.
pub(crate) fn model_id(model_arns: &[String]) -> Option<String> {
    let mut ids = model_arns.iter().filter_map(|arn| Arn::parse(arn).ok()).map(|arn| arn.id);
    let first = ids.next()?;
    ids.all(|id| id == first).then_some(first)
}

/// A global profile lists the model once without a Region (reference `bedrock.md` §1.9).
fn is_global(model_arns: &[String]) -> bool {
    model_arns.iter().any(|arn| Arn::parse(arn).is_ok_and(|arn| arn.region.is_empty()))
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

/// Both without duplicates.
fn same_set(destinations: &[String], listed: &[String]) -> bool {
    destinations.len() == listed.len() && destinations.iter().all(|region| listed.contains(region))
}
