//! A stream on its way back: pulled from AWS as the client reads, rewritten frame by frame.
//!
//! A stream is complete only after its last event; our 200 is held until the first one, so that an exception in the
//! first frame gets its real status, and a cut stream is an error in every dialect (reference `reliability.md` §0.1, §0.2).
//! It is held no longer than a silence may last: after that the answer begins with a sign of life, and an exception is an
//! error event. Bedrock's own stream has no sign of life, and waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use hyper::body::Incoming;
use outcrop_bedrock::Timeouts;
use outcrop_texts as texts;
use outcrop_wire::bedrock::BedrockError;
use tokio::time::Sleep;

use crate::disconnect::{Drains, MAX_BYTES};
use crate::entry::Entry;
use crate::failover::Undecided;
use crate::failure::{Failure, told_in_stream};
use crate::lane::Call;
use crate::pipe::Pipe;
use crate::reply::was_lost;

/// An event stream from AWS, rewritten as the client reads it.
#[derive(Debug)]
pub(crate) struct StreamBody {
    upstream: Incoming,
    pipe: Pipe,
    out: BytesMut,
    entry: Entry,
    request_id: String,
    /// The first event has come.
    begun: bool,
    ended: bool,
    quiet: Quiet,
    /// Who is told how the target fared, where it was not known when the answer began.
    undecided: Option<Box<Undecided>>,
}

impl StreamBody {
    /// Waits for the first event, or until the client must be shown that somebody is there; an exception in its place is a
    /// failure with its real status.
    pub(crate) async fn open(
        call: &Call,
        upstream: Incoming,
        entry: Entry,
        timeouts: Timeouts,
    ) -> Result<Self, Failure> {
        let mut stream = Self {
            upstream,
            pipe: Pipe::new(call),
            out: BytesMut::new(),
            entry,
            request_id: call.request_id.clone(),
            begun: false,
            ended: false,
            quiet: Quiet::new(timeouts),
            undecided: None,
        };
        let Timeouts { first_event, sign_of_life, .. } = timeouts;
        let may_begin = stream.pipe.has_sign_of_life() && sign_of_life < first_event;
        let patience = if may_begin { sign_of_life } else { first_event };
        match tokio::time::timeout(patience, poll_fn(|cx| stream.poll_step(cx))).await {
            Ok(Ok(())) => {
                stream.begin();
                Ok(stream)
            }
            Err(_) if may_begin => Ok(stream),
            Ok(Err(error)) => Err(stream.refused(error)),
            Err(_) => Err(stream.refused(silent(first_event))),
        }
    }

    /// Nothing of the answer has come, and this instead.
    fn refused(mut self, error: BedrockError) -> Failure {
        if was_lost(&error) {
            return self.entry.failed(error.into());
        }
        self.entry.refused();
        let failure = Failure::refused(error);
        let failure = if self.pipe.hands_frames_on() { failure.in_aws_words_alone() } else { failure };
        self.entry.failed(failure)
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.entry.first_event();
            if let Some(undecided) = self.undecided.take() {
                undecided.answered();
            }
        }
    }

    /// The first event, or what comes in its place, decides how the target fared.
    pub(crate) fn decides(&mut self, undecided: Undecided) {
        self.undecided = Some(Box::new(undecided));
    }

    /// The next piece for the client; `None` at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if !self.out.is_empty() {
                return Poll::Ready(Some(self.out.split().freeze()));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.poll_step(cx) {
                Poll::Ready(Ok(())) => self.begin(),
                Poll::Ready(Err(error)) => self.fail(&error),
                Poll::Pending => match ready!(self.quiet.poll(cx)) {
                    Silence::Pause => self.pipe.keep_alive(&mut self.out),
                    Silence::TooLong => self.fail(&silent(self.quiet.pulse.limit)),
                },
            }
        }
    }

    /// Reads until something was written for the client, or the stream ended.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BedrockError>> {
        loop {
            while self.out.len() < FLUSH_AT && self.pipe.step(&mut self.entry, &mut self.out)? {
                self.quiet.pulse.heard(Instant::now());
            }
            if !self.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.upstream).poll_frame(cx)) {
                Some(Ok(frame)) => self.pipe.push(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Poll::Ready(Err(BedrockError::cut(error))),
                None => return Poll::Ready(self.end()),
            }
        }
    }

    /// AWS closed the stream: well, or cut.
    fn end(&mut self) -> Result<(), BedrockError> {
        self.pipe.finish(&mut self.entry, &mut self.out)?;
        self.ended = true;
        self.entry.done();
        Ok(())
    }

    /// Tells the client in its own dialect, and stops.
    fn fail(&mut self, error: &BedrockError) {
        tracing::info!(id = self.request_id, %error, "the stream failed");
        let told = told_in_stream(error, self.pipe.dialect());
        self.pipe.error(&told, &self.request_id, &mut self.out);
        if !self.begun && !was_lost(error) {
            self.entry.refused();
        }
        if let Some(undecided) = self.undecided.take() {
            undecided.failed(error.clone());
        }
        self.entry.error(error);
        self.entry.done();
        self.ended = true;
    }
}

/// A stream that a client reads; read on without it where it leaves.
#[derive(Debug)]
pub(crate) struct Streaming {
    stream: Option<Box<StreamBody>>,
    drains: Drains,
}

impl Streaming {
    pub(crate) fn new(stream: StreamBody, drains: Drains) -> Self {
        Self { stream: Some(Box::new(stream)), drains }
    }

    /// The stream, where its first event is still to come.
    pub(crate) fn awaited(&mut self) -> Option<&mut StreamBody> {
        self.stream.as_deref_mut().filter(|stream| !stream.begun)
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.stream {
            Some(stream) => stream.poll_data(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take().filter(|stream| !stream.ended) {
            self.drains.read_on(drain(stream));
        }
    }
}

/// Reads a stream that nobody waits for to its end, for what its last event says of usage.
async fn drain(mut stream: Box<StreamBody>) {
    let mut room = MAX_BYTES;
    while let Some(data) = poll_fn(|cx| stream.poll_data(cx)).await {
        match room.checked_sub(data.len()) {
            Some(left) => room = left,
            None => return tracing::info!(id = stream.request_id, bytes = MAX_BYTES, "given up"),
        }
    }
}

/// What is ready goes out when it is this much; small events that AWS sent together stay together.
const FLUSH_AT: usize = 16 * 1024;

pub(crate) fn silent(limit: Duration) -> BedrockError {
    let text = texts::silent(limit.as_secs_f32());
    BedrockError { status: 504, ..BedrockError::lost(&text) }
}

/// How long AWS has been silent. One timer a stream, set anew only when it fires.
#[derive(Debug)]
struct Quiet {
    pulse: Pulse,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Quiet {
    fn new(timeouts: Timeouts) -> Self {
        Self { pulse: Pulse::new(timeouts, Instant::now()), timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Silence> {
        loop {
            let due = self.pulse.due();
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
            ready!(timer.as_mut().poll(cx));
            let silence = self.pulse.at(Instant::now());
            timer.as_mut().reset(self.pulse.due().into());
            if let Some(silence) = silence {
                return Poll::Ready(silence);
            }
        }
    }
}

/// When AWS was heard and the client last told that we live; what is due when.
#[derive(Debug)]
struct Pulse {
    heard: Instant,
    spoke: Instant,
    /// From one sign of life to the next.
    pause: Duration,
    /// The longest silence of a living stream: as it is now, …
    limit: Duration,
    /// … and between events.
    between_events: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Silence {
    /// Long enough for a sign of life.
    Pause,
    /// Long enough to give up.
    TooLong,
}

impl Pulse {
    fn new(timeouts: Timeouts, now: Instant) -> Self {
        let Timeouts { sign_of_life, between_events, connect: _, first_event } = timeouts;
        Self { heard: now, spoke: now, pause: sign_of_life, limit: first_event, between_events }
    }

    fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.spoke = now;
        self.limit = self.between_events;
    }

    fn due(&self) -> Instant {
        (self.spoke + self.pause).min(self.heard + self.limit)
    }

    /// What the silence is now; nothing while neither is due.
    fn at(&mut self, now: Instant) -> Option<Silence> {
        if now < self.due() {
            return None;
        }
        self.spoke = now;
        Some(if now >= self.heard + self.limit { Silence::TooLong } else { Silence::Pause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said when, in seconds from the beginning, where AWS is heard at these.
    fn said(heard: &[u64]) -> Vec<(u64, Silence)> {
        let began = Instant::now();
        let mut pulse = Pulse::new(Timeouts::default(), began);
        let mut said = Vec::new();
        for second in 0..1000 {
            let now = began + Duration::from_secs(second);
            if heard.contains(&second) {
                pulse.heard(now);
            }
            match pulse.at(now) {
                Some(Silence::TooLong) => {
                    said.push((second, Silence::TooLong));
                    return said;
                }
                Some(Silence::Pause) => said.push((second, Silence::Pause)),
                None => {}
            }
        }
        said
    }

    #[test]
    fn each_fifteen_seconds_of_silence_have_a_sign_of_life_until_five_minutes_are_over() {
        let signs = (1..20).map(|sign| (15 * sign, Silence::Pause));
        let all: Vec<_> = signs.chain([(300, Silence::TooLong)]).collect();
        assert_eq!(said(&[0]), all);
    }

    #[test]
    fn the_first_event_is_waited_for_a_quarter_of_an_hour() {
        let signs = (1..60).map(|sign| (15 * sign, Silence::Pause));
        let all: Vec<_> = signs.chain([(900, Silence::TooLong)]).collect();
        assert_eq!(said(&[]), all);
    }

    #[test]
    fn what_is_heard_begins_the_silence_anew() {
        let events: Vec<u64> = (0..1000).step_by(14).collect();
        assert_eq!(said(&events), []);
        assert_eq!(
            said(&[0, 20, 34])[..3],
            [(15, Silence::Pause), (49, Silence::Pause), (64, Silence::Pause)]
        );
        assert_eq!(said(&[100]).last(), Some(&(400, Silence::TooLong)));
    }
}
