//! Whether anything goes on on a connection, so that a server that stops closes idle ones at once.
//!
//! A client's pool keeps connections for the next request, and often does not notice that a server has said good-bye: it would be
//! lingered for, or asked in vain (over HTTP/2) whether it has heard. What was answered whole, taken whole and quiet since needs neither.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};

/// What goes on on one connection. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Requests that came and whose answers are not handed over.
    exchanges: AtomicUsize,
    /// Bytes that were read and written.
    moved: AtomicU64,
    /// The peer does not take what is to be written.
    blocked: AtomicBool,
}

/// One request, until it is dropped.
#[derive(Debug)]
pub struct Exchange(Activity);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.0.exchanges.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that says and hears nothing for so long has nothing under way: bytes on one machine or in one network take less.
const QUIET: Duration = Duration::from_millis(100);

impl Activity {
    /// A request has come.
    pub fn begin(&self) -> Exchange {
        self.0.exchanges.fetch_add(1, Ordering::Relaxed);
        Exchange(self.clone())
    }

    /// Runs a connection to its end. Once `stopped` resolves, one on which nothing goes on is dropped, which closes it; one with an
    /// exchange is not.
    pub async fn until_idle<T>(
        &self,
        connection: impl Future<Output = T>,
        stopped: impl Future<Output = ()>,
    ) -> Option<T> {
        let idle = async {
            stopped.await;
            if !self.is_quiet().await {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            ended = connection => Some(ended),
            () = idle => None,
        }
    }

    /// Whether there is no exchange, and nothing moves for a while.
    async fn is_quiet(&self) -> bool {
        let counts = &self.0;
        let rests =
            || counts.exchanges.load(Ordering::Relaxed) == 0 && !counts.blocked.load(Ordering::Relaxed);
        loop {
            let before = counts.moved.load(Ordering::Relaxed);
            if !rests() {
                return false;
            }
            tokio::time::sleep(QUIET).await;
            if rests() && counts.moved.load(Ordering::Relaxed) == before {
                return true;
            }
        }
    }

    pub(crate) fn moved(&self, bytes: usize) {
        self.0.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn blocked(&self, is_blocked: bool) {
        self.0.blocked.store(is_blocked, Ordering::Relaxed);
    }
}

/// The body of an answer, with its exchange.
#[derive(Debug)]
pub struct Answer<B> {
    body: B,
    _exchange: Exchange,
}

impl<B> Answer<B> {
    /// The exchange ends with the body.
    pub fn new(body: B, exchange: Exchange) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than a quiet connection is kept.
    const LONG: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn only_a_connection_without_an_exchange_is_dropped() {
        let activity = Activity::default();
        let never = std::future::pending::<()>;
        assert_eq!(activity.until_idle(never(), async {}).await, None);

        let exchange = activity.begin();
        let open = activity.until_idle(never(), async {});
        assert!(tokio::time::timeout(LONG, open).await.is_err(), "its answer is under way");
        drop(exchange);
        activity.blocked(true);
        let slow = activity.until_idle(never(), async {});
        assert!(tokio::time::timeout(LONG, slow).await.is_err(), "its peer has not taken everything");
        activity.blocked(false);

        let talking = async {
            for _ in 0..30 {
                tokio::time::sleep(QUIET / 10).await;
                activity.moved(1);
            }
            "said"
        };
        assert_eq!(activity.until_idle(talking, async {}).await, Some("said"));
        assert_eq!(activity.until_idle(async { 1 }, never()).await, Some(1));
    }
}
