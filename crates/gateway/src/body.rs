//! The body of a request: whole, within limits, and not at the pace of a client that holds a place for nothing.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::failure::Failure;

/// Bedrock's own limit for a body (reference `bedrock.md` §2).
pub(crate) const MAX_BODY: usize = 25_000_000;
/// All bodies that are held at once. Forty of the largest; a gateway with more of them waiting is better off refusing
/// than being killed by the system.
const BUDGET: usize = 1 << 30;
/// Smaller bodies are not counted: as many of them as there may be connections fit into memory.
const FREE: usize = 64 << 10;
/// What the budget is counted in, so that it fits a semaphore on every platform.
const UNIT: usize = 4 << 10;
/// A body may be this late in all, …
const PATIENCE: Duration = Duration::from_secs(30);
/// … and as much later as its bytes take at this pace, per second: slower than any line a person works on.
const SLOWEST: u64 = 16 << 10;

/// How much of all bodies may be in memory, and how long one may take.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    budget: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { budget: Arc::new(Semaphore::new(BUDGET / UNIT)), patience: PATIENCE }
    }
}

/// The whole body.
///
/// # Errors
/// 413 for more than [`MAX_BODY`], 408 for one that comes too slowly, 503 while too many others are held, 400 for a broken one.
pub(crate) async fn read<B>(mut body: B, limits: &Limits) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(MAX_BODY);
    let mut held = Held { bytes: Bytes::new(), places: None };
    held.make_room(announced, limits)?;
    let mut collected = BytesMut::new();
    let patient_until = Instant::now() + limits.patience;
    loop {
        let received = (collected.len() + held.bytes.len()) as u64;
        let deadline = patient_until + Duration::from_secs(received / SLOWEST);
        let Some(frame) = next(&mut body, deadline).await? else { break };
        let Ok(data) = frame.into_data() else { continue };
        // Most bodies are one frame, which is kept as it came.
        if held.bytes.is_empty() && collected.is_empty() {
            held.bytes = data;
            continue;
        }
        if collected.is_empty() {
            collected.reserve(announced.max(held.bytes.len() + data.len()));
            collected.extend_from_slice(&std::mem::take(&mut held.bytes));
        }
        if collected.len() + data.len() > MAX_BODY {
            return Err(too_large());
        }
        held.make_room(collected.len() + data.len(), limits)?;
        collected.extend_from_slice(&data);
    }
    if !collected.is_empty() {
        held.bytes = collected.freeze();
    }
    Ok(held.into_bytes())
}

/// The next frame; `None` at the end.
async fn next<B>(body: &mut B, deadline: Instant) -> Result<Option<Frame<Bytes>>, Failure>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    match tokio::time::timeout_at(deadline, body.frame()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame)),
        Ok(Some(Err(error))) => Err(Failure::new(ErrorKind::Validation, texts::body_broken(error))),
        Err(_) => Err(Failure::new(ErrorKind::Validation, texts::BODY_TOO_SLOW).with_status(408)),
    }
}

/// A body with its share of the budget.
struct Held {
    bytes: Bytes,
    places: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Takes what is missing for `length` bytes.
    fn make_room(&mut self, length: usize, limits: &Limits) -> Result<(), Failure> {
        let has = self.places.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wants = if length > FREE { length.div_ceil(UNIT) } else { 0 };
        if wants <= has {
            return Ok(());
        }
        let missing = u32::try_from(wants - has).map_err(|_| too_large())?;
        let more = Arc::clone(&limits.budget).try_acquire_many_owned(missing).map_err(|_| overloaded())?;
        match &mut self.places {
            Some(places) => places.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// The share is given back when the last copy of the bytes is gone.
    fn into_bytes(self) -> Bytes {
        if self.places.is_some() { Bytes::from_owner(self) } else { self.bytes }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn too_large() -> Failure {
    Failure::new(ErrorKind::Validation, texts::body_too_large(MAX_BODY)).with_status(413)
}

fn overloaded() -> Failure {
    Failure::new(ErrorKind::ServiceUnavailable, texts::BUSY)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use http_body_util::StreamBody;

    use super::*;

    fn frames(frames: Vec<&'static [u8]>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(
            frames.into_iter().map(|data| Ok(Frame::data(Bytes::from_static(data)))),
        ))
    }

    #[tokio::test]
    async fn frames_become_one_body() {
        for (sent, whole) in [
            (vec![], ""),
            (vec![&b"one"[..]], "one"),
            (vec![&b"one"[..], b"", b" two"], "one two"),
            (vec![&b""[..], b"one"], "one"),
        ] {
            let read = read(frames(sent), &Limits::default()).await;
            assert_eq!(read.expect("a small body"), whole);
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up() {
        let limits = Limits { patience: Duration::from_millis(1), ..Limits::default() };
        let stuck = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{")))])
            .chain(stream::pending());
        let refused = read(StreamBody::new(stuck), &limits).await.expect_err("no end");
        assert_eq!(refused.error.status, 408);
    }

    #[tokio::test]
    async fn a_body_without_an_announced_length_is_limited_too() {
        static MEGABYTE: [u8; 1_000_000] = [b' '; 1_000_000];
        let refused = read(frames(vec![&MEGABYTE; 26]), &Limits::default()).await.expect_err("26 MB");
        assert_eq!(refused.error.status, 413);
    }

    #[test]
    fn the_budget_is_given_back_with_the_last_copy() {
        let limits = Limits::default();
        let all = limits.budget.available_permits();
        let mut held = Held { bytes: Bytes::from(vec![0; FREE + 1]), places: None };
        assert!(held.make_room(FREE, &limits).is_ok(), "small bodies are free");
        assert_eq!(limits.budget.available_permits(), all);
        assert!(held.make_room(FREE + 1, &limits).is_ok());
        let bytes = held.into_bytes();
        let copy = bytes.slice(3..);
        drop(bytes);
        assert!(limits.budget.available_permits() < all);
        drop(copy);
        assert_eq!(limits.budget.available_permits(), all);
    }

    #[test]
    fn too_many_large_bodies_are_refused() {
        let limits = Limits::default();
        let mut bodies: Vec<Held> = Vec::new();
        loop {
            let mut held = Held { bytes: Bytes::new(), places: None };
            match held.make_room(MAX_BODY, &limits) {
                Ok(()) => bodies.push(held),
                Err(refused) => break assert_eq!(refused.error.status, 503),
            }
        }
        assert_eq!(bodies.len(), BUDGET / UNIT / MAX_BODY.div_ceil(UNIT));
    }
}
