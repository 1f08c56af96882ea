//! The body of an answer: pulled piece by piece, with the faults that concern its delivery.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::bill::Receipt;

/// Pieces still to be sent, and how the body ends.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    pieces: VecDeque<Bytes>,
    remaining: u64,
    total: u64,
    pause: Option<Duration>,
    ending: Ending,
    sleep: Option<Pin<Box<Sleep>>>,
    flushed: bool,
    receipt: Option<Receipt>,
    sized: bool,
}

/// How a body ends after its last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    /// As it should.
    #[default]
    Whole,
    /// The connection is cut.
    Cut,
    /// Nothing comes any more, and the connection stays open.
    Stall,
}

/// The connection was cut on purpose.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the emulator cut this answer, as the fault asked for")]
pub(crate) struct CutOnPurpose;

impl ReplyBody {
    /// One piece of known length.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { sized: true, ..Self::pieces(vec![bytes]) }
    }

    /// A stream: one piece at a time.
    pub(crate) fn pieces(pieces: Vec<Bytes>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let remaining = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            pieces,
            remaining,
            total: remaining,
            pause: None,
            ending: Ending::Whole,
            sleep: None,
            flushed: false,
            receipt: None,
            sized: false,
        }
    }

    /// Waits before each piece.
    pub(crate) fn with_pause(mut self, pause: Option<Duration>) -> Self {
        self.pause = pause;
        self
    }

    /// Ends in another way than whole.
    pub(crate) fn with_ending(mut self, ending: Ending) -> Self {
        self.sized &= ending == Ending::Whole;
        self.ending = ending;
        self
    }

    /// Tells the bill when everything was handed over, or that the client went away.
    pub(crate) fn with_receipt(mut self, receipt: Option<Receipt>) -> Self {
        self.receipt = receipt;
        self
    }

    fn end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOnPurpose>>> {
        match self.ending {
            Ending::Whole => {
                self.settle();
                Poll::Ready(None)
            }
            Ending::Stall => Poll::Pending,
            // One turn of the connection first, so that what was handed over reaches the wire before the cut.
            Ending::Cut if !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Cut => {
                self.settle();
                Poll::Ready(Some(Err(CutOnPurpose)))
            }
        }
    }

    fn settle(&mut self) {
        if let Some(receipt) = self.receipt.take() {
            receipt.delivered();
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = CutOnPurpose;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOnPurpose>>> {
        if let (Some(pause), false) = (self.pause, self.pieces.is_empty()) {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let Some(piece) = self.pieces.pop_front() else { return self.end(cx) };
        self.remaining -= piece.len() as u64;
        let (sent, of) = (self.total - self.remaining, self.total);
        if let Some(receipt) = &mut self.receipt {
            receipt.handed_over(sent, of);
        }
        if self.pieces.is_empty() && self.ending == Ending::Whole {
            self.settle();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.ending == Ending::Whole
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized { SizeHint::with_exact(self.remaining) } else { SizeHint::default() }
    }
}
