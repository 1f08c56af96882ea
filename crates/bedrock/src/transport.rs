//! Connections: directly or through a proxy, under TLS, pooled by address, HTTP/2 where the other side offers it.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tower_service::Service;

use crate::network::{Authorities, Network, Proxies};

/// All connections of a client. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    pools: Arc<[Pool<Bounded, Full<Bytes>>]>,
    shared: Arc<Shared>,
    proxies: Proxies,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether somebody answered over HTTP/2.
    over_h2: AtomicBool,
    turn: AtomicUsize,
}

/// A pool has one HTTP/2 connection an address, and servers take about a hundred streams on one: so many pools take so many
/// hundreds. Over HTTP/1.1 the first one is enough.
const POOLS: usize = 16;
/// AWS closes idle connections after about a minute; ours go first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// A connection with streams on it that answers no ping for [`PING_TIMEOUT`] is gone.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl Transport {
    pub(crate) fn new(network: &Network) -> Self {
        let way = Bounded { inner: https(network), limit: network.timeouts.connect };
        let pool = || {
            Pool::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .http2_keep_alive_interval(PING_INTERVAL)
                .http2_keep_alive_timeout(PING_TIMEOUT)
                .build(way.clone())
        };
        let pools = (0..POOLS).map(|_| pool()).collect();
        Self { pools, shared: Arc::default(), proxies: network.proxies.clone() }
    }

    /// Sends a request; the body of the answer has not been read yet.
    pub(crate) async fn request(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, PoolError> {
        self.introduce(&mut request);
        let pool = match self.shared.over_h2.load(Ordering::Relaxed) {
            true => self.shared.turn.fetch_add(1, Ordering::Relaxed) % self.pools.len(),
            false => 0,
        };
        let answered = self.pools[pool].request(request).await?;
        if answered.version() == Version::HTTP_2 {
            self.shared.over_h2.store(true, Ordering::Relaxed);
        }
        Ok(answered)
    }

    /// A proxy that is handed plain requests wants to know who asks with each of them; a tunnel is asked for once.
    fn introduce(&self, request: &mut Request<Full<Bytes>>) {
        if request.uri().scheme_str() == Some("http")
            && let Some(proxy) = self.proxies.of(request.uri())
            && let Some(password) = proxy.basic_auth()
        {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, password.clone());
        }
    }
}

/// Whether a connection was refused by us: the certificate does not prove the name.
pub(crate) fn is_untrusted(error: &PoolError) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        source = inner(cause).or_else(|| cause.source());
    }
    false
}

/// What an I/O error was made of: its `source` is that one's source and not that one.
fn inner<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    Some(cause.downcast_ref::<std::io::Error>()?.get_ref()?)
}

type Https<T> = HttpsConnector<T>;

fn https(network: &Network) -> Https<Way> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = tls(network.authorities.as_ref());
    let to_proxy = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp.clone());
    let way = Way { tcp, to_proxy, proxies: network.proxies.clone() };
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(way)
}

fn tls(authorities: Option<&Authorities>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3");
    let builder = match authorities {
        None => builder.with_webpki_roots(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.certificates().iter().cloned());
            builder.with_root_certificates(roots)
        }
    };
    builder.with_no_client_auth()
}

/// A connector that gives up: name, TCP, proxy and TLS have one time limit together.
#[derive(Debug, Clone)]
struct Bounded {
    inner: Https<Way>,
    limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Service<Uri> for Bounded {
    type Response = MaybeHttpsStream<Hop>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(destination), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection within {limit:?}").into()),
            }
        })
    }
}

/// The first hop: the destination itself or a proxy.
#[derive(Debug, Clone)]
struct Way {
    tcp: HttpConnector,
    to_proxy: Https<HttpConnector>,
    proxies: Proxies,
}

impl Service<Uri> for Way {
    type Response = Hop;
    type Error = BoxError;
    type Future = Connecting<Hop>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The connectors below are always ready: they hold no place of a queue.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.of(&destination) else {
            let connecting = self.tcp.call(destination);
            return Box::pin(async move { Ok(Hop::Direct(connecting.await?)) });
        };
        if destination.scheme_str() == Some("http") {
            let connecting = self.to_proxy.call(proxy.uri().clone());
            return Box::pin(async move { Ok(Hop::HandedOn(Box::new(connecting.await?))) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(password) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(password.clone());
        }
        let through = proxy.uri().authority().map(|it| it.as_str().to_owned()).unwrap_or_default();
        Box::pin(async move {
            let stream = tunnel.call(destination).await.map_err(|error| no_tunnel(&through, &error))?;
            Ok(Hop::Tunnel(Box::new(stream)))
        })
    }
}

fn no_tunnel(proxy: &str, error: &dyn Error) -> BoxError {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        why = cause.to_string();
        source = cause.source();
    }
    format!("through the proxy {}: {why}", proxy.rsplit('@').next().unwrap_or(proxy)).into()
}

/// A connection to the first hop. Those to a proxy are in boxes: they hold room for TLS.
#[derive(Debug)]
enum Hop {
    /// The destination itself.
    Direct(TokioIo<TcpStream>),
    /// A proxy that reads nothing of what goes through.
    Tunnel(Box<MaybeHttpsStream<TokioIo<TcpStream>>>),
    /// A proxy that hands each request on: it wants whole addresses.
    HandedOn(Box<MaybeHttpsStream<TokioIo<TcpStream>>>),
}

impl Connection for Hop {
    fn connected(&self) -> Connected {
        match self {
            Self::Direct(stream) => stream.connected(),
            Self::Tunnel(stream) => stream.connected(),
            Self::HandedOn(stream) => stream.connected().proxy(true),
        }
    }
}

impl Read for Hop {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tunnel(stream) | Self::HandedOn(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Hop {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tunnel(stream) | Self::HandedOn(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_flush(context),
            Self::Tunnel(stream) | Self::HandedOn(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tunnel(stream) | Self::HandedOn(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Direct(stream) => stream.is_write_vectored(),
            Self::Tunnel(stream) | Self::HandedOn(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tunnel(stream) | Self::HandedOn(stream) => {
                Pin::new(stream).poll_write_vectored(context, slices)
            }
        }
    }
}
