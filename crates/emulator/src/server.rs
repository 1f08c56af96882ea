//! Accepts connections and hands each request to [`exchange`]: HTTP/1.1 and h2c side by side.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use outcrop_linger::Lingering;
use outcrop_linger::activity::{Activity, Answer};
use outcrop_linger::tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accounts::Accounts;
use crate::batch;
use crate::exchange::exchange;

/// How long running exchanges may take to end after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(2);
/// A pause after a failed `accept` (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `shutdown` resolves.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    accounts: Arc<Accounts>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let jobs = tokio::spawn(batch::work(accounts.clone()));
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(client(stream, tls.clone(), accounts.clone(), closed.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the emulator cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    // A job that is running is run again at the next start.
    jobs.abort();
    // Nobody left to tell is fine: every connection is gone already.
    let _ = closing.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        tracing::debug!("connections were still open at the end of the grace period");
    }
}

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

async fn client(stream: TcpStream, tls: Option<Tls>, accounts: Arc<Accounts>, closed: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY refused");
    }
    let stream = Lingering::new(stream);
    let activity = stream.activity();
    let mut stopped = closed.clone();
    let stopped = async { drop(stopped.changed().await) };
    let served = shake_hands(stream, tls, accounts, closed, &activity);
    activity.until_idle(served, stopped).await;
}

async fn shake_hands(
    stream: Lingering,
    tls: Option<Tls>,
    accounts: Arc<Accounts>,
    closed: watch::Receiver<bool>,
    activity: &Activity,
) {
    let Some(tls) = tls else { return connection(stream, accounts, closed, activity).await };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, accounts, closed, activity).await,
        Ok(Err(error)) => tracing::debug!(%error, "a client does not speak TLS, or does not trust us"),
        Err(_) => tracing::debug!("a client took too long to shake hands"),
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    accounts: Arc<Accounts>,
    mut closed: watch::Receiver<bool>,
    activity: &Activity,
) {
    let service = service_fn(|request| {
        let accounts = accounts.clone();
        let begun = activity.begin();
        async move {
            let response = exchange(&accounts, request).await;
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, begun)))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        result = connection.as_mut() => Some(result),
        // Ends with an error when the server is gone: that, too, is a shutdown.
        _ = closed.changed() => None,
    };
    let result = match ended {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}
