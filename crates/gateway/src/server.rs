//! The listener: our own accept loop, with the deadlines that a server on the open needs.
//!
//! HTTP/1.1 and h2c (prior knowledge: AWS's JavaScript SDK speaks it by default) on one port, or both over TLS. One task a
//! connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use outcrop_linger::Lingering;
use outcrop_linger::activity::{Activity, Answer};
use outcrop_linger::tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::Settings;
use crate::discovery::discover;
use crate::exchange::exchange;
use crate::keys::{KeysError, Known};
use crate::ledger::{Ledger, LedgerError};
use crate::lessons::Lessons;
use crate::reload::Reloader;
use crate::reply::ReplyBody;
use crate::state::{Live, State};
use crate::stored::Responses;
use crate::telemetry::{CollectorError, Telemetry};

/// A gateway, bound and ready to serve.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    state: Arc<State>,
    writer: tokio::task::JoinHandle<()>,
}

impl Gateway {
    /// Binds the address and opens the ledger.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let known = Known::open(&settings.data_dir).await?;
        let live = Live::first(&settings, &*known.current().await)?;
        let Settings { listen, data_dir, collector, local, .. } = settings;
        let bind =
            |error: std::io::Error| StartError::Bind { listen, why: error.to_string(), kind: error.kind() };
        let listener = TcpListener::bind(listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let telemetry = Arc::new(Telemetry::start(collector.as_ref())?);
        let (ledger, writer) = Ledger::observed(&data_dir, telemetry).await?;
        let (responses, shelf) = Responses::open(&data_dir).await?;
        let state = Arc::new(State::new(live, ledger, known, responses, Lessons::open(&data_dir), local));
        let writer = tokio::spawn(async {
            let _ = tokio::join!(writer, shelf);
        });
        Ok(Self { listener, address, tls: None, state, writer })
    }

    /// Speaks TLS instead of clear text: h2 and HTTP/1.1, by ALPN.
    pub fn over(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that changes the configuration while the gateway serves.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(&self.state, self.address)
    }

    /// Serves until `shutdown`, then lets running answers finish and writes the ledger.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, tls, state, writer, .. } = self;
        let discovery = tokio::spawn(discover(Arc::clone(&state)));
        let telemetry = Arc::clone(state.ledger.telemetry());
        let graceful = GracefulShutdown::new();
        let (stopping, stopped) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            let Some((stream, slot)) = accepted else { continue };
            let state = Arc::clone(&state);
            let (watcher, mut stopped, tls) = (graceful.watcher(), stopped.clone(), tls.clone());
            let connection = telemetry.connection();
            tokio::spawn(async move {
                if has_spoken(&stream, &mut stopped).await {
                    let _ = stream.set_nodelay(true);
                    let stream = Lingering::new(stream);
                    let activity = stream.activity();
                    let open = Open { activity: activity.clone(), state, watcher };
                    let served = async {
                        match tls {
                            None => open.serve(stream).await,
                            // In a box, so that connections without TLS do not hold its room.
                            Some(tls) => Box::pin(secure(stream, tls, open)).await,
                        }
                    };
                    // Whoever stops has nothing to say to those who only keep a connection for later.
                    let stopped = async { drop(stopped.wait_for(|stopped| *stopped).await) };
                    activity.until_idle(served, stopped).await;
                }
                drop((slot, connection));
            });
        }
        telemetry.health.stop();
        // Nobody listens any more when no connection is waiting for its first byte.
        let _ = stopping.send(true);
        drop(listener);
        discovery.abort();
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::warn!(seconds = GRACE.as_secs(), "open answers were cut: they did not end in time");
        }
        state.drains().close(DRAIN_GRACE).await;
        drop(state);
        if tokio::time::timeout(LEDGER_GRACE, writer).await.is_err() {
            tracing::error!("the ledger was not written in time");
        }
        // The last spans are sent by threads that wait for this runtime, so it must not wait for them.
        let stopped = tokio::task::spawn_blocking(move || telemetry.stop());
        if !matches!(tokio::time::timeout(TELEMETRY_GRACE, stopped).await, Ok(Ok(()))) {
            tracing::warn!("the last of the telemetry was not sent in time");
        }
    }
}

/// More open connections than this wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// A connection must say something by then.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);
/// And have sent a whole head by then.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection may be idle between two requests this long: more than the 60 s after which most proxies close theirs, so
/// that it is seldom us who close one that a client is about to use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A peer over HTTP/2 that is gone without a word is noticed by this question and the time for its answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// After the signal to stop, answers may run on this long (reference `reliability.md` F33).
const GRACE: Duration = Duration::from_secs(120);
/// And answers whose clients have left are read on this long.
const DRAIN_GRACE: Duration = Duration::from_secs(30);
/// Writing the last batch takes milliseconds.
const LEDGER_GRACE: Duration = Duration::from_secs(10);
/// A collector that does not answer must not keep the process.
const TELEMETRY_GRACE: Duration = Duration::from_secs(10);
/// When the system has no more file handles, connections must end before others can be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Streams of one h2 connection: botocore and the SDKs open far fewer.
const MAX_H2_STREAMS: u32 = 100;

type Slot = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, Slot)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Waits for a first byte: whoever only connects costs neither buffers nor a place at the shutdown.
async fn has_spoken(stream: &TcpStream, stopped: &mut watch::Receiver<bool>) -> bool {
    let mut byte = [0];
    let first = tokio::time::timeout(FIRST_BYTE_TIMEOUT, stream.peek(&mut byte));
    tokio::select! {
        first = first => matches!(first, Ok(Ok(1))),
        _ = stopped.wait_for(|stopped| *stopped) => false,
    }
}

/// Shakes hands, and serves.
async fn secure(stream: Lingering, tls: Tls, open: Open) {
    match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => open.serve(stream).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS could be agreed on"),
        Err(_) => tracing::debug!("a client took too long to shake hands"),
    }
}

/// An open connection, and what it needs.
struct Open {
    activity: Activity,
    state: Arc<State>,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Open {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { activity, state, watcher } = self;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(HeadTimer::default()).header_read_timeout(HEADER_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_H2_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            let exchange = activity.begin();
            async move {
                let response = answer(state, request).await;
                Ok::<_, Infallible>(response.map(|body| Answer::new(body, exchange)))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Answers a request, and ends the connection after one whose framing two servers could read differently.
///
/// hyper drops a `content-length` that stands beside `transfer-encoding` before we can see it. A proxy that goes by the
/// length would take what follows for a part of this request and we for the next one; so nothing that follows is read.
async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<ReplyBody> {
    let ambiguous =
        request.version() == Version::HTTP_11 && request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = exchange(state, request).await;
    if ambiguous {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// hyper has one deadline for a head, whether a connection is new or idle. This gives the latter [`IDLE_TIMEOUT`].
#[derive(Debug, Default)]
struct HeadTimer {
    /// The first head of the connection has its deadline.
    begun: AtomicBool,
}

impl hyper::rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let idle = self.begun.swap(true, Ordering::Relaxed);
        let deadline = if idle { deadline + (IDLE_TIMEOUT - HEADER_TIMEOUT) } else { deadline };
        TokioTimer::new().sleep_until(deadline)
    }
}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be bound.
    #[error("cannot listen on {listen}: {why}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        why: String,
        /// Its kind: `AddrInUse` has a remedy of its own.
        kind: std::io::ErrorKind,
    },
    /// Anybody on the network could spend the account's money.
    #[error("{listen} is reachable from other machines, and no keys are configured")]
    Open {
        /// The address.
        listen: SocketAddr,
    },
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The keys made at run time cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Traces and metrics cannot be sent.
    #[error(transparent)]
    Collector(#[from] CollectorError),
}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Bind { listen, kind: std::io::ErrorKind::AddrInUse, .. } => format!(
                "another program listens there (another Outcrop?); stop it or choose another port: --listen {}:{}",
                listen.ip(),
                listen.port().saturating_add(1)
            ),
            Self::Bind { .. } => "choose an address of this machine: --listen 127.0.0.1:4141".to_owned(),
            Self::Open { listen } => format!(
                "make a key (`outcrop keys create --name NAME`), configure `keys:` in outcrop.yaml, or listen on this machine only: --listen 127.0.0.1:{}",
                listen.port()
            ),
            Self::Ledger(_) | Self::Keys(_) => "choose a writable directory: --data-dir DIR".to_owned(),
            Self::Collector(_) => {
                "check OTEL_EXPORTER_OTLP_ENDPOINT: the base address of OTLP over HTTP, such as \
                http://localhost:4318"
                    .to_owned()
            }
        }
    }
}
