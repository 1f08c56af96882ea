//! What becomes of an invocation whose client has left: it is brought to its end, or broken off.
//!
//! Bedrock bills what it generates either way, so the default is to read on until Bedrock says how much that was. Work is
//! moved to a task of its own only when a client leaves; a request that is answered never costs one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use outcrop_bedrock::unattended;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::settings::OnDisconnect;
use crate::state::State;

/// Work for a client; goes on without it where the policy says so.
pub(crate) struct Attended<F: Future + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    state: Arc<State>,
}

impl<F: Future + Send + 'static> Attended<F> {
    pub(crate) fn new(state: Arc<State>, work: F) -> Self {
        Self { work: Some(Box::pin(work)), state }
    }
}

impl<F: Future + Send + 'static> Future for Attended<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let work = self.work.as_mut().expect("a future is not polled after its end");
        let output = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(output)
    }
}

impl<F: Future + Send + 'static> Drop for Attended<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.state.drains().read_on(async move { drop(work.await) });
        }
    }
}

/// The invocations that are read to their end for the bill's sake.
#[derive(Debug, Clone)]
pub(crate) struct Drains {
    policy: OnDisconnect,
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    slots: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

/// More clients than this do not leave at once but in an accident; then memory counts more than exact figures.
const MAX_DRAINS: u32 = 1_000;
/// The longest answers, 128,000 tokens at some 200 a second, take about this long.
const MAX_TIME: Duration = Duration::from_secs(10 * 60);
/// An answer of 128,000 tokens is some 16 MiB of frames.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;
/// To drop what is still being read takes no time; this is for a loaded machine.
const CLOSING: Duration = Duration::from_secs(1);

impl Default for Drains {
    fn default() -> Self {
        let slots = Arc::new(Semaphore::new(MAX_DRAINS as usize));
        let (closing, _) = watch::channel(false);
        Self { policy: OnDisconnect::default(), room: Arc::new(Room { slots, closing }) }
    }
}

impl Drains {
    /// The same room under another policy.
    pub(crate) fn under(&self, policy: OnDisconnect) -> Self {
        Self { policy, room: Arc::clone(&self.room) }
    }

    /// Brings the work to its end in a task of its own. Where there is no room, or the policy is to cancel, it is dropped:
    /// the connection to AWS closes, and the usage is an estimate.
    pub(crate) fn read_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        if self.policy == OnDisconnect::Cancel {
            return;
        }
        let (Ok(slot), Ok(runtime)) =
            (Arc::clone(&self.room.slots).try_acquire_owned(), Handle::try_current())
        else {
            return;
        };
        let mut closing = self.room.closing.subscribe();
        runtime.spawn(async move {
            tokio::select! {
                ended = tokio::time::timeout(MAX_TIME, unattended(work)) => {
                    if ended.is_err() {
                        tracing::info!(seconds = MAX_TIME.as_secs(), "an answer without a client was given up");
                    }
                }
                _ = closing.wait_for(|closing| *closing) => {}
            }
            drop(slot);
        });
    }

    /// How many are being read to their end.
    pub(crate) fn running(&self) -> usize {
        (MAX_DRAINS as usize).saturating_sub(self.room.slots.available_permits())
    }

    /// Waits until all have ended, `grace` at most; what is left then is broken off.
    pub(crate) async fn close(&self, grace: Duration) {
        let all = || self.room.slots.acquire_many(MAX_DRAINS);
        if tokio::time::timeout(grace, all()).await.is_err() {
            self.room.closing.send_replace(true);
            let _ = tokio::time::timeout(CLOSING, all()).await;
        }
    }
}
