//! What all requests share: what is configured, the routes resolved so far, the ledger.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::{HeaderValue, Response};
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_bedrock::{Client, Endpoint, EndpointError, Endpoints};
use outcrop_catalog::{Api, Catalog, Context, Layer, Resolution, ResolveError, Source, Surface};
use outcrop_wire::dialect::Dialect;
use percent_encoding::utf8_percent_encode;

use crate::access::{Access, Caller};
use crate::accounts::{Account, Clients};
use crate::body::Limits;
use crate::conversation::Moved;
use crate::disconnect::Drains;
use crate::failover::Failover;
use crate::guardrail::Guardrail;
use crate::keys::Known;
use crate::ledger::Ledger;
use crate::lessons::Lessons;
use crate::reply::ReplyBody;
use crate::router::Operation;
use crate::settings::{LanePolicy, OnDisconnect, RequestPolicy};
use crate::stored::Responses;
use crate::targets::{Target, Targets};

/// Shared by all requests.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) keys: Known,
    pub(crate) responses: Responses,
    pub(crate) lessons: Lessons,
    pub(crate) local: bool,
    pub(crate) bodies: Limits,
    live: ArcSwap<Live>,
    routes: RwLock<Routes>,
    /// How often the catalog has changed: a route resolved before a change is not remembered after it.
    changes: AtomicU64,
    lookups: Lookups,
    drains: Drains,
    targets: Targets,
    /// Conversations that went elsewhere.
    pub(crate) moved: Moved,
}

/// What a reload may change and what discovery adds: one value, so that nobody sees half of a change.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) access: Arc<Access>,
    pub(crate) client: Arc<Client>,
    /// As whom invocations are made.
    pub(crate) accounts: Arc<Clients>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) region: String,
    pub(crate) lane: LanePolicy,
    pub(crate) requests: RequestPolicy,
    pub(crate) guardrail: Option<Guardrail>,
    pub(crate) failover: Failover,
    pub(crate) on_disconnect: OnDisconnect,
}

/// The lookups that are running, by account and ARN, so that a burst of first requests for one ARN asks AWS once; and those that
/// failed, with the time until which nobody is asked again.
#[derive(Debug, Default)]
struct Lookups {
    running: Mutex<HashMap<Asked, Arc<tokio::sync::Mutex<()>>>>,
    failed: Mutex<HashMap<Asked, Instant>>,
}

/// An account's name and an ARN: what one account may not know, another may.
type Asked = (String, String);

/// An ARN behind which only AWS can look.
struct Unknown {
    arn: String,
    region: String,
}

fn unknown(resolved: &Result<Route, RouteError>) -> Option<Unknown> {
    let resolution = match resolved {
        Ok(route) => Some(&*route.resolution).filter(|resolution| resolution.needs_lookup)?,
        Err(RouteError::Resolve(ResolveError::Residency(refused))) if refused.unproven => &refused.resolution,
        Err(_) => return None,
    };
    Some(Unknown { arn: resolution.target.clone(), region: resolution.source_region.clone() })
}

/// Account → Region → identifier → route.
type Routes = HashMap<String, HashMap<String, HashMap<String, Remembered>>>;

#[derive(Debug)]
struct Remembered {
    route: Arc<Route>,
    /// A failed lookup is tried again after this.
    until: Option<Instant>,
}

/// A resolution and what a request needs of it, made once.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) resolution: Arc<Resolution>,
    pub(crate) endpoint: Endpoint,
    /// `/model/{target, percent-encoded}/{operation}`, by [`Operation`].
    paths: [String; Operation::ALL.len()],
    pub(crate) target: Option<HeaderValue>,
    pub(crate) model: Option<HeaderValue>,
    pub(crate) region: Option<HeaderValue>,
    /// As whom it is called.
    pub(crate) account: Arc<Account>,
    /// How the target fares.
    pub(crate) target_health: Arc<Target>,
}

/// Why there is no route.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// Clients choose the identifiers; more than this many at once are forgotten and resolved anew.
const MAX_ROUTES: usize = 10_000;
/// A request waits this long to learn its model; then it goes on without.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// A profile that AWS did not know is asked for again after this.
const NEGATIVE_LOOKUP: Duration = Duration::from_secs(60);

impl State {
    pub(crate) fn new(
        live: Live,
        ledger: Ledger,
        keys: Known,
        responses: Responses,
        lessons: Lessons,
        local: bool,
    ) -> Self {
        Self {
            ledger,
            keys,
            responses,
            lessons,
            local,
            bodies: Limits::default(),
            live: ArcSwap::from_pointee(live),
            routes: RwLock::default(),
            changes: AtomicU64::new(0),
            lookups: Lookups::default(),
            drains: Drains::default(),
            targets: Targets::default(),
            moved: Moved::default(),
        }
    }

    /// What is configured now; a request that asks once sees one configuration to its end.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The figures of now.
    pub(crate) fn exposition(&self) -> Response<ReplyBody> {
        let (drains, breakers) = (self.drains.running(), self.targets.broken());
        self.ledger.telemetry().exposition(self.ledger.lost(), drains, breakers)
    }

    /// Where invocations go on whose clients have left, under the policy of now.
    pub(crate) fn drains(&self) -> Drains {
        self.drains.under(self.live.load().on_disconnect)
    }

    /// The route of an identifier; asks AWS about an application profile that nothing else knows.
    ///
    /// What is no identifier at all is refused, but for clients that speak Bedrock themselves: AWS judges theirs.
    pub(crate) async fn route(
        &self,
        caller: &Caller,
        identifier: &str,
        dialect: Dialect,
    ) -> Result<Arc<Route>, RouteError> {
        let live = self.live();
        let region = caller.region.as_deref().unwrap_or(&live.region);
        let account = live.accounts.for_caller(caller).word();
        if let Some(route) = self.remembered(account, identifier, region) {
            return Ok(route);
        }
        let mut changes = self.changes.load(Ordering::Relaxed);
        let mut resolved = match self.resolve(caller, identifier, region) {
            Err(RouteError::Resolve(error @ ResolveError::Unknown { .. })) if dialect == Dialect::Bedrock => {
                return self.verbatim(caller, identifier, region, error).map(Arc::new);
            }
            resolved => resolved,
        };
        let mut until = None;
        if let Some(unknown) = unknown(&resolved) {
            let asking = live.accounts.for_lookup(caller, identifier, &unknown.arn);
            let lookup = self.lookups.of(asking, &unknown.arn);
            let _one_at_a_time = lookup.lock().await;
            if let Some(route) = self.remembered(account, identifier, region) {
                return Ok(route);
            }
            match self.look_up(&unknown, asking).await {
                Some(layer) => {
                    self.learn(&layer);
                    changes = self.changes.load(Ordering::Relaxed);
                    resolved = self.resolve(caller, identifier, region);
                }
                None => until = Some(Instant::now() + NEGATIVE_LOOKUP),
            }
        }
        let route = Arc::new(resolved?);
        self.remember(
            [account, region, identifier],
            Remembered { route: Arc::clone(&route), until },
            changes,
        );
        Ok(route)
    }

    /// What AWS says of an ARN; `None`, with a line in the log, when it says nothing, or said nothing a moment ago.
    async fn look_up(&self, unknown: &Unknown, asking: &Account) -> Option<Layer> {
        if self.lookups.failed_lately(asking, &unknown.arn) {
            return None;
        }
        let asked = asking.client.discover(&unknown.arn, &unknown.region);
        let why = match tokio::time::timeout(LOOKUP_TIMEOUT, asked).await {
            Ok(Ok(layer)) => return Some(layer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} seconds", LOOKUP_TIMEOUT.as_secs()),
        };
        tracing::warn!(arn = unknown.arn, why, "what stands behind an ARN could not be looked up");
        self.lookups.fail(asking, &unknown.arn);
        None
    }

    /// Adds what was discovered to the catalog; routes are resolved anew.
    pub(crate) fn learn(&self, layer: &Layer) {
        self.change(|live| {
            let catalog = Arc::new(live.catalog.with(Source::Discovered, layer.clone()));
            Live { catalog, ..live.clone() }
        });
    }

    /// The Regions that requests were sent to since the configuration last changed.
    pub(crate) fn called_regions(&self) -> BTreeSet<String> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let remembered = routes.values().flat_map(HashMap::values).flat_map(HashMap::values);
        remembered.map(|remembered| remembered.route.resolution.source_region.clone()).collect()
    }

    /// Replaces what is configured, and forgets every route that was resolved before.
    pub(crate) fn change(&self, change: impl Fn(&Live) -> Live) {
        self.live.rcu(|live| change(live));
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::Relaxed);
        routes.clear();
    }

    fn remembered(&self, account: &str, identifier: &str, region: &str) -> Option<Arc<Route>> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let remembered = routes.get(account)?.get(region)?.get(identifier)?;
        let valid = remembered.until.is_none_or(|until| Instant::now() < until);
        valid.then(|| Arc::clone(&remembered.route))
    }

    fn remember(&self, [account, region, identifier]: [&str; 3], remembered: Remembered, changes: u64) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::Relaxed) != changes {
            return;
        }
        if routes.values().flat_map(HashMap::values).map(HashMap::len).sum::<usize>() >= MAX_ROUTES {
            routes.clear();
        }
        let of_account = routes.entry(account.to_owned()).or_default();
        of_account.entry(region.to_owned()).or_default().insert(identifier.to_owned(), remembered);
    }

    fn resolve(&self, caller: &Caller, identifier: &str, region: &str) -> Result<Route, RouteError> {
        let context = Context { region: region.to_owned() };
        let live = self.live.load();
        self.route_to(&live, caller, live.catalog.resolve(identifier, &context)?)
    }

    /// Not remembered: the same identifier is refused where the client does not speak Bedrock.
    fn verbatim(
        &self,
        caller: &Caller,
        identifier: &str,
        region: &str,
        error: ResolveError,
    ) -> Result<Route, RouteError> {
        let context = Context { region: region.to_owned() };
        let live = self.live.load();
        self.route_to(&live, caller, live.catalog.verbatim(identifier, &context, error)?)
    }

    fn route_to(&self, live: &Live, caller: &Caller, resolution: Resolution) -> Result<Route, RouteError> {
        let header = |text: &str| HeaderValue::try_from(text).ok();
        let account = Arc::clone(live.accounts.for_route(caller, &resolution));
        Ok(Route {
            endpoint: endpoint(live.client.endpoints(), &resolution)?,
            paths: Operation::ALL.map(|operation| path(&resolution, operation)),
            target: header(&resolution.target),
            model: resolution.model.as_ref().and_then(|model| header(&model.id)),
            region: header(&resolution.source_region),
            target_health: self.targets.of(account.word(), &resolution.source_region, &resolution.target),
            account,
            resolution: Arc::new(resolution),
        })
    }
}

impl Lookups {
    /// The lock of an ARN that an account asks for; those that nobody holds any more (a client may leave while it waits) are
    /// forgotten.
    fn of(&self, asking: &Account, arn: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(running.entry(asked(asking, arn)).or_default())
    }

    fn failed_lately(&self, asking: &Account, arn: &str) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&asked(asking, arn)).is_some_and(|until| Instant::now() < *until)
    }

    /// Clients choose the ARNs: those whose time is over are forgotten.
    fn fail(&self, asking: &Account, arn: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        failed.retain(|_, until| now < *until);
        if failed.len() < MAX_ROUTES {
            failed.insert(asked(asking, arn), now + NEGATIVE_LOOKUP);
        }
    }
}

fn asked(asking: &Account, arn: &str) -> Asked {
    (asking.word().to_owned(), arn.to_owned())
}

impl Route {
    /// What lessons are learned about: the model, or the target where the model is not known.
    pub(crate) fn subject(&self) -> &str {
        self.resolution.model.as_ref().map_or(&self.resolution.target, |model| &model.id)
    }

    /// The path of an operation on the target.
    pub(crate) fn path(&self, operation: Operation) -> &str {
        &self.paths[operation as usize]
    }
}

/// The endpoint of the surface that serves it.
fn endpoint(endpoints: &Endpoints, resolution: &Resolution) -> Result<Endpoint, EndpointError> {
    let region = &resolution.source_region;
    match resolution.surface {
        Surface::RuntimeConverse | Surface::RuntimeInvoke => endpoints.runtime(region),
        Surface::RuntimeOpenai => endpoints.runtime(region).map(Endpoint::taking_keys),
        Surface::Mantle => endpoints.mantle(region),
    }
}

/// The path of an operation; empty where AWS does not offer its own dialect for the model. CountTokens takes the bare model
/// id alone, no profile (reference `bedrock.md` §2).
fn path(resolution: &Resolution, operation: Operation) -> String {
    let route = |api| resolution.model.as_ref().and_then(|model| model.route(api)).unwrap_or_default();
    let target = match (&resolution.model, operation) {
        (Some(model), Operation::CountTokens) => &model.id,
        _ => &resolution.target,
    };
    match operation {
        Operation::ChatCompletions => route(Api::ChatCompletions).to_owned(),
        Operation::Responses => route(Api::Responses).to_owned(),
        Operation::Messages => route(Api::Messages).to_owned(),
        Operation::CountMessages => format!("{}/count_tokens", route(Api::Messages)),
        _ => {
            let segment = operation.segment().unwrap_or_default();
            format!("/model/{}/{segment}", utf8_percent_encode(target, PATH_SEGMENT))
        }
    }
}
