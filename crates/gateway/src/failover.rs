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
use outcrop_wire::bedrock::BedrockError;
use outcrop_wire::dialect::Dialect;

use crate::access::Caller;
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::lessons::Lesson;
use crate::reply::ReplyBody;
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
    needs: Needs,
}

/// What a way must be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Needs {
    /// Take what the client speaks, and perhaps without relaying it: not every target can be reached so.
    Api { api: Api, converse_only: bool },
    /// Lead to this model: vectors of two models have nothing to do with each other.
    Model(Option<String>),
}

/// A request seldom holds more than one member that its model refuses.
const MOST_LESSONS: u32 = 3;

/// The course of a request whose client has been shown signs of life alone: how the target fared is still to be seen. Its
/// status is given away, so no other way is taken any more.
#[derive(Debug)]
pub(crate) struct Undecided {
    state: Arc<State>,
    course: Course,
}

impl Undecided {
    /// The first event has come.
    pub(crate) fn answered(&self) {
        self.course.succeeded(&self.state);
    }

    /// This has come instead.
    pub(crate) fn failed(&self, error: BedrockError) {
        self.course.failed(&Failure::refused(error));
    }
}

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
        let needs = Needs::Api { api, converse_only: live.lane == LanePolicy::Converse };
        Self::new(state, live, route, caller, needs, || Some(conversation())).await
    }

    /// Of a request for vectors, which no prompt cache keeps anywhere.
    pub(crate) async fn of_embeddings(
        state: &State,
        live: &Live,
        route: Arc<Route>,
        caller: &Caller,
    ) -> Self {
        let model = route.resolution.model.as_ref().map(|model| model.id.clone());
        Self::new(state, live, route, caller, Needs::Model(model), || None).await
    }

    async fn new(
        state: &State,
        live: &Live,
        route: Arc<Route>,
        caller: &Caller,
        needs: Needs,
        conversation: impl FnOnce() -> Option<Conversation>,
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
            needs,
        };
        course.heed(state, caller).await;
        if !steps.is_empty() {
            let region = caller.region.as_deref().unwrap_or(&live.region);
            course.rest = ways(steps, &live.catalog, &course.route.resolution, region);
            course.conversation = conversation();
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

    /// The target answered. An answer that has begun with a sign of life alone says nothing of it yet.
    pub(crate) fn answered(self, state: &Arc<State>, body: &mut ReplyBody) {
        match body.awaited() {
            Some(stream) => stream.decides(Undecided { state: Arc::clone(state), course: self }),
            None => self.succeeded(state),
        }
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
        self.failed(failure);
        if !failure.elsewhere {
            return false;
        }
        let why = format!("{}: {}", failure.error.kind.name(), failure.error.message);
        self.leave(state, caller, &why).await
    }

    /// Counts a failure for or against the target: one that refuses a request lives.
    fn failed(&self, failure: &Failure) {
        let breaker = &self.route.target_health.breaker;
        if failure.is_of_the_target() { breaker.failed(Instant::now()) } else { breaker.succeeded() }
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
        match &self.needs {
            Needs::Api { api, converse_only } => route.resolution.passage(*api, *converse_only).is_ok(),
            Needs::Model(model) => {
                model.is_some() && route.resolution.model.as_ref().map(|it| &it.id) == model.as_ref()
            }
        }
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
                tracing::debug!(?way, "this way does not do what the request needs");
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

/// The steps that lead somewhere, in their order.
fn ways(steps: &[Step], catalog: &Catalog, from: &Resolution, region: &str) -> VecDeque<Way> {
    steps.iter().filter_map(|step| Way::of(step, catalog, from, region)).collect()
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

    use fastrand::Rng;
    use outcrop_catalog::{Layer, Residency, Source};

    use super::*;

    /// What requests, rules and policies are made of.
    struct World {
        catalog: Catalog,
        regions: Vec<String>,
        geographies: Vec<String>,
        identifiers: Vec<String>,
    }

    impl World {
        /// Every model and system profile there is, and aliases of some.
        fn new() -> Self {
            let built_in = Catalog::built_in();
            let models: Vec<String> = built_in.models().map(|model| model.id.clone()).collect();
            let ways: Vec<_> = models.iter().flat_map(|model| built_in.ways(model)).collect();
            let regions: BTreeSet<String> = ways.iter().map(|way| way.region.to_owned()).collect();
            let named = ways.iter().map(|way| way.identifier.to_owned());
            let mut identifiers: BTreeSet<String> = named.chain(models).collect();
            let aliases = identifiers.iter().enumerate().step_by(7);
            let aliases: BTreeMap<String, String> =
                aliases.map(|(number, id)| (format!("alias-{number}"), id.clone())).collect();
            identifiers.extend(aliases.keys().cloned());
            let layer = Layer { aliases, ..Layer::default() };
            Self {
                catalog: built_in.with(Source::File("test".to_owned()), layer),
                regions: regions.into_iter().collect(),
                geographies: ["us", "eu", "apac", "jp", "au", "in", "ca", "global"].map(str::to_owned).into(),
                identifiers: identifiers.into_iter().collect(),
            }
        }

        /// Some Regions that may process anything, and the catalog under the policy that says so.
        fn policy(&self, random: &mut Rng) -> Option<(BTreeSet<String>, Catalog)> {
            let prefix = random.choice(&["eu-", "us-", "ap-", "ca-", "ap-northeast-", "eu-central-", ""]);
            let prefix = prefix.copied().unwrap_or_default();
            let share = 30 + random.u32(..70);
            let is_allowed = |region: &&String| region.starts_with(prefix) && random.u32(..100) < share;
            let allowed: BTreeSet<String> = self.regions.iter().filter(is_allowed).cloned().collect();
            let list: Vec<String> = allowed.iter().cloned().collect();
            // A policy that names nothing is refused.
            let policy = Residency::default().processed_in(&list, &[], "test").ok()?;
            Some((allowed, self.catalog.clone().under(policy)))
        }

        fn step(&self, random: &mut Rng) -> Step {
            let one = |random: &mut Rng, of: &[String]| random.choice(of).cloned().unwrap_or_default();
            match random.u8(..4) {
                0 => Step::Region(one(random, &self.regions)),
                1 => Step::Geography(one(random, &self.geographies)),
                _ => Step::Identifier {
                    identifier: one(random, &self.identifiers),
                    region: random.bool().then(|| one(random, &self.regions)),
                },
            }
        }
    }

    /// Requests for any identifier from any Region, under policies that allow some Regions each, with rules of any steps: every way that
    /// such a request may take, to the last Region in which it may be processed, is among them. With `OUTCROP_FULL` a million choices.
    #[test]
    fn no_way_is_open_that_leaves_the_policy() {
        let choices = if std::env::var_os("OUTCROP_FULL").is_some() { 1_000_000 } else { 2_000 };
        let (world, mut random) = (World::new(), Rng::with_seed(1));
        let (mut chosen, mut open, mut destinations) = (0, 0, 0);
        while chosen < choices {
            let Some((allowed, catalog)) = world.policy(&mut random) else { continue };
            let home: Vec<String> = allowed.iter().cloned().collect();
            for _ in 0..200 {
                // Most gateways stand where they may.
                let regions = if random.u8(..4) == 0 { &world.regions } else { &home };
                let region = random.choice(regions).unwrap();
                let identifier = random.choice(&world.identifiers).unwrap();
                let Ok(from) = catalog.resolve(identifier, &Context { region: region.clone() }) else {
                    continue;
                };
                let steps: Vec<Step> = (0..1 + random.usize(..6)).map(|_| world.step(&mut random)).collect();
                chosen += steps.len();
                for way in ways(&steps, &catalog, &from, region) {
                    let there = Context { region: way.region.clone() };
                    let to = catalog.resolve(&way.identifier, &there).unwrap();
                    let verdict = format!("{way:?} under {allowed:?}: {to:?}");
                    assert!(allowed.contains(&to.source_region), "{verdict}");
                    assert!(!to.destination_regions.is_empty(), "{verdict}");
                    assert!(
                        to.destination_regions.iter().all(|region| allowed.contains(region)),
                        "{verdict}"
                    );
                    destinations += to.destination_regions.len();
                    open += 1;
                }
            }
        }
        println!(
            "{chosen} choices, {open} ways open, {destinations} destination Regions, 0 outside the policy"
        );
        assert!(open > choices / 50 && destinations > open, "{open} of {chosen} were open");
    }
}
