//! Another way where the first one fails: other Regions, geographies, profiles or models, in the order configured.
//!
//! A request moves on only while nothing was generated for it: throttled, unavailable, or never connected. Each target has a
//! circuit breaker, so that an outage is found once and not by every request; a conversation stays where it went, so that
//! its prompt cache lives. Every way is resolved like any identifier, so that none leaves the residency policy.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use outcrop_bedrock::diagnosis;
use outcrop_bedrock::retry::MAX_ATTEMPTS;
use outcrop_catalog::ways::Through;
use outcrop_catalog::{Api, Catalog, Context, Resolution, ResolveError};
use outcrop_wire::Notices;
use outcrop_wire::dialect::Dialect;

use crate::access::Caller;
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::lessons::Lesson;
use crate::settings::LanePolicy;
use crate::state::{Live, Route, State};

/// What to try, by what a client names: an identifier, an alias, a model id, or [`Failover::ANY`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failover {
    rules: BTreeMap<String, Arc<[Step]>>,
}

/// One other way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The same identifier, called in this Region; where it is bound to its own, the model behind it.
    Region(String),
    /// The same model, through the system profile of this geography.
    Geography(String),
    /// Something else: a profile, another model, an alias.
    Identifier {
        /// What to resolve.
        identifier: String,
        /// Called in this Region, else in the request's.
        region: Option<String>,
    },
}

impl Failover {
    /// The rule for whatever has none of its own.
    pub const ANY: &str = "*";

    /// The steps of each identifier.
    pub fn new(rules: impl IntoIterator<Item = (String, Vec<Step>)>) -> Self {
        Self { rules: rules.into_iter().map(|(name, steps)| (name, steps.into())).collect() }
    }

    /// The strongest rule: what the client wrote, the target, the model behind it, any.
    fn steps(&self, route: &Route) -> &[Step] {
        let resolution = &route.resolution;
        let model = resolution.model.as_ref().map(|model| model.id.as_str());
        let names =
            [Some(resolution.identifier.as_str()), Some(resolution.target.as_str()), model, Some(Self::ANY)];
        names.into_iter().flatten().find_map(|name| self.rules.get(name)).map_or(&[], |steps| steps)
    }
}

/// The ways of one request, and which of them it is on.
#[derive(Debug)]
pub(crate) struct Course {
    route: Arc<Route>,
    rest: VecDeque<Way>,
    conversation: Option<Conversation>,
    first: u64,
    /// Calls made, the one it is on included: one a target, and one a lesson.
    attempt: u32,
    lessons: u32,
    /// The subject and lesson of a profile that was found after a refusal.
    healed: Option<(String, Lesson)>,
    told: Vec<(String, String)>,
    /// What the client speaks, and whether nothing may be relayed: not every target can be reached so.
    api: Api,
    converse_only: bool,
}

/// A request seldom holds more than one member that its model refuses.
const MOST_LESSONS: u32 = 3;

/// What is to be resolved, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    identifier: String,
    region: String,
}

impl Course {
    /// Of a request for `route`. Without a rule for it there is one way, and nothing is computed.
    pub(crate) async fn of(
        state: &State,
        live: &Live,
        route: Arc<Route>,
        caller: &Caller,
        api: Api,
        conversation: impl FnOnce() -> Conversation,
    ) -> Self {
        let steps = live.failover.steps(&route);
        let first = route.target_health.id;
        let mut course = Self {
            route,
            rest: VecDeque::new(),
            conversation: None,
            first,
            attempt: 1,
            lessons: 0,
            healed: None,
            told: Vec::new(),
            api,
            converse_only: live.lane == LanePolicy::Converse,
        };
        course.heed(state, caller).await;
        if !steps.is_empty() {
            let region = caller.region.as_deref().unwrap_or(&live.region);
            let ways = steps
                .iter()
                .filter_map(|step| Way::of(step, &live.catalog, &course.route.resolution, region));
            course.rest = ways.collect();
            course.conversation = Some(conversation());
            course.begin(state, caller).await;
        }
        course
    }

    /// The way it is on.
    pub(crate) fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// How often to try this way: once while there is another one, for waiting helps nobody then.
    pub(crate) fn attempts(&self) -> u32 {
        if self.rest.is_empty() { MAX_ATTEMPTS } else { 1 }
    }

    /// In the ledger each way that was tried has an id of its own.
    pub(crate) fn entry_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match self.attempt {
            1 => Cow::Borrowed(id),
            nth => Cow::Owned(format!("{id}.{nth}")),
        }
    }

    /// Whether what a refusal taught may be tried: a model that refuses one thing after the other is left alone.
    pub(crate) fn may_learn(&self) -> bool {
        self.lessons < MOST_LESSONS
    }

    /// The same target again, with a lesson learned.
    pub(crate) fn learned(&mut self) {
        self.route.target_health.breaker.succeeded();
        self.lessons += 1;
        self.attempt += 1;
    }

    /// AWS serves the model through a profile only, and the catalog did not know: whether the right profile is known. It is tried
    /// once; that it served is a lesson.
    pub(crate) async fn finds_a_profile(
        &mut self,
        state: &State,
        caller: &Caller,
        failure: &Failure,
    ) -> bool {
        if self.healed.is_some() || !diagnosis::wants_a_profile(&failure.error) {
            return false;
        }
        let (resolution, live) = (Arc::clone(&self.route.resolution), state.live());
        let Some(model) = &resolution.model else { return false };
        let region = resolution.source_region.as_str();
        let profiles = live.catalog.ways_from(&model.id, region);
        let profiles = profiles.into_iter().filter(|way| way.through == Through::InferenceProfile);
        let profile =
            profiles.map(|way| Way::to(way.identifier, region)).find(|way| way.is_open(&live.catalog));
        let Some(profile) = profile else { return false };
        let lesson = Lesson::Profile { region: region.to_owned(), profile: profile.identifier.clone() };
        let subject = self.route.subject().to_owned();
        self.rest.push_front(profile);
        let moved =
            self.leave(state, caller, "AWS serves this model through an inference profile only").await;
        self.healed = moved.then_some((subject, lesson));
        moved
    }

    /// Goes straight to the profile that an earlier refusal taught.
    async fn heed(&mut self, state: &State, caller: &Caller) {
        let resolution = &self.route.resolution;
        let Some(profile) = state.lessons.profile_of(self.route.subject(), &resolution.source_region) else {
            return;
        };
        if resolution.target == profile {
            return;
        }
        let Ok(route) = Way::to(&profile, &resolution.source_region).route(state, caller).await else {
            return;
        };
        let why = "it was refused before: AWS serves this model through an inference profile only";
        self.told.push((words(&self.route), why.to_owned()));
        self.route = route;
    }

    /// The target answered, if only to refuse the request itself.
    pub(crate) fn succeeded(&self, state: &State) {
        self.route.target_health.breaker.succeeded();
        if let Some((subject, lesson)) = &self.healed {
            state.lessons.learn(subject, lesson.clone());
        }
        let Some(conversation) = self.conversation else { return };
        if self.route.target_health.id == self.first {
            state.moved.is_back(conversation);
        } else {
            state.moved.stays(conversation, self.route.target_health.id, Instant::now());
        }
    }

    /// Goes on to the next way that is open; false when the failure is final.
    pub(crate) async fn goes_on(&mut self, state: &State, caller: &Caller, failure: &Failure) -> bool {
        if !failure.is_of_the_target() {
            self.route.target_health.breaker.succeeded();
            return false;
        }
        self.route.target_health.breaker.failed(Instant::now());
        if !failure.elsewhere {
            return false;
        }
        let why = format!("{}: {}", failure.error.kind.name(), failure.error.message);
        self.leave(state, caller, &why).await
    }

    /// What was tried before, for the client and the ledger.
    pub(crate) fn tell(&self, notices: &mut Notices) {
        for (target, why) in &self.told {
            notices.push("failover", target.clone(), why.clone());
        }
    }

    /// A conversation that has moved stays where it is; and nobody begins at a target that is known to be out.
    async fn begin(&mut self, state: &State, caller: &Caller) {
        let now = Instant::now();
        let moved = self.conversation.and_then(|conversation| state.moved.to(conversation, now));
        if let Some(moved) = moved.filter(|moved| *moved != self.first)
            && self.join(state, caller, moved).await
        {
            return;
        }
        if !self.route.target_health.breaker.allows(now) {
            self.leave(state, caller, "its circuit breaker is open").await;
        }
    }

    /// Takes the way to a target, if it is among these ways and open; the first one stays as a last resort.
    async fn join(&mut self, state: &State, caller: &Caller, target: u64) -> bool {
        for (index, way) in self.rest.iter().enumerate() {
            let Ok(route) = way.route(state, caller).await else { continue };
            if route.target_health.id == target
                && self.carries(&route)
                && route.target_health.breaker.allows(Instant::now())
            {
                self.rest.remove(index);
                let resolution = &self.route.resolution;
                let home = Way {
                    identifier: resolution.identifier.clone(),
                    region: resolution.source_region.clone(),
                };
                self.rest.push_front(home);
                self.told.push((words(&self.route), "the conversation went on elsewhere before".to_owned()));
                self.route = route;
                return true;
            }
        }
        false
    }

    /// A model that lives on an endpoint of its own takes some APIs only.
    fn carries(&self, route: &Route) -> bool {
        route.resolution.passage(self.api, self.converse_only).is_ok()
    }

    async fn leave(&mut self, state: &State, caller: &Caller, why: &str) -> bool {
        let from = words(&self.route);
        while let Some(way) = self.rest.pop_front() {
            let route = match way.route(state, caller).await {
                Ok(route) => route,
                Err(failure) => {
                    tracing::debug!(?way, why = %failure.error, "this way is not open");
                    continue;
                }
            };
            if !self.carries(&route) {
                tracing::debug!(?way, "this way does not take the client's API");
                continue;
            }
            let health = &route.target_health;
            if health.id == self.route.target_health.id || !health.breaker.allows(Instant::now()) {
                continue;
            }
            tracing::info!(from, to = words(&route), why, "failover");
            state.ledger.telemetry().went_elsewhere();
            self.told.push((from, why.to_owned()));
            self.route = route;
            self.attempt += 1;
            return true;
        }
        false
    }
}

fn words(route: &Route) -> String {
    format!("{} in {}", route.resolution.target, route.resolution.source_region)
}

impl Way {
    /// `None` where the step leads nowhere: the model is not served there, or the policy forbids it.
    fn of(step: &Step, catalog: &Catalog, from: &Resolution, region: &str) -> Option<Self> {
        let model = from.model.as_ref().map(|model| model.id.as_str());
        match step {
            Step::Region(region) => {
                let itself = Some(from.identifier.as_str());
                let names = [itself, model];
                names
                    .into_iter()
                    .flatten()
                    .map(|name| Self::to(name, region))
                    .find(|way| way.is_open(catalog))
            }
            Step::Geography(geography) => {
                let of_geography = |identifier: &str| {
                    catalog.system_profile(identifier).is_some_and(|profile| profile.geography == *geography)
                };
                let ways = catalog.ways(model?).into_iter().filter(|way| of_geography(way.identifier));
                let mut ways: Vec<_> = ways.map(|way| Self::to(way.identifier, way.region)).collect();
                // From the Region it is called in now, where that is possible.
                ways.sort_by_key(|way| way.region != from.source_region);
                ways.into_iter().find(|way| way.is_open(catalog))
            }
            Step::Identifier { identifier, region: own } => {
                let way = Self::to(identifier, own.as_deref().unwrap_or(region));
                way.is_open(catalog).then_some(way)
            }
        }
    }

    fn to(identifier: &str, region: &str) -> Self {
        Self { identifier: identifier.to_owned(), region: region.to_owned() }
    }

    /// Resolved for a caller, whose key may forbid it.
    async fn route(&self, state: &State, caller: &Caller) -> Result<Arc<Route>, Failure> {
        let there = Caller { region: Some(self.region.clone()), ..caller.clone() };
        state.route_of(&there, &self.identifier, Dialect::Bedrock).await
    }

    /// Whether it may lead somewhere: resolved, in the Region meant, within the policy, or not known before AWS is asked.
    fn is_open(&self, catalog: &Catalog) -> bool {
        match catalog.resolve(&self.identifier, &Context { region: self.region.clone() }) {
            Ok(resolution) => {
                resolution.source_region == self.region
                    && resolution.residency.as_ref().is_none_or(|verdict| verdict.allowed)
            }
            Err(ResolveError::Residency(refused)) => refused.unproven,
            Err(ResolveError::Unknown { .. }) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use outcrop_catalog::Residency;

    use super::*;

    /// Every model, called from every Region, with every step, under policies that allow some Regions each: where a way is
    /// taken, all the Regions it may be processed in are among them. With `OUTCROP_FULL` all combinations, else a sample.
    #[test]
    fn no_way_is_open_that_leaves_the_policy() {
        let catalog = Catalog::built_in();
        let regions: BTreeSet<String> = catalog
            .models()
            .flat_map(|model| catalog.ways(&model.id))
            .map(|way| way.region.to_owned())
            .collect();
        let geographies = ["us", "eu", "apac", "jp", "au", "global"].map(str::to_owned);
        let steps: Vec<Step> =
            regions.iter().cloned().map(Step::Region).chain(geographies.map(Step::Geography)).collect();
        let stride = if std::env::var_os("OUTCROP_FULL").is_some() { 1 } else { 97 };
        let (mut open, mut chosen, mut at) = (0, 0, 0);
        for allowed in
            [&["eu-"][..], &["us-east", "us-west"], &["ap-northeast-1", "ap-northeast-3"], &["eu-central-1"]]
        {
            let allows = |region: &str| allowed.iter().any(|prefix| region.starts_with(prefix));
            let list: Vec<String> = regions.iter().filter(|region| allows(region)).cloned().collect();
            let catalog = catalog.under(Residency::default().processed_in(&list, &[], "test").unwrap());
            for model in catalog.models() {
                for region in &list {
                    let context = Context { region: region.clone() };
                    let Ok(from) = catalog.resolve(&model.id, &context) else { continue };
                    for step in &steps {
                        at += 1;
                        if at % stride != 0 {
                            continue;
                        }
                        chosen += 1;
                        let Some(way) = Way::of(step, &catalog, &from, region) else { continue };
                        let there = Context { region: way.region.clone() };
                        let to = catalog.resolve(&way.identifier, &there).unwrap();
                        assert!(allows(&to.source_region), "{way:?}");
                        assert!(!to.destination_regions.is_empty(), "{way:?}");
                        assert!(to.destination_regions.iter().all(|region| allows(region)), "{way:?} {to:?}");
                        open += 1;
                    }
                }
            }
        }
        assert!(open > 10 && chosen > 100, "{open} of {chosen} were open");
    }
}
