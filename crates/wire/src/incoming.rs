//! Server-sent events as they arrive from an endpoint: whole ones only, each as the bytes that came.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use outcrop_texts as texts;

use crate::bedrock::BedrockError;

/// Bytes of a stream, cut into events.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    buffer: BytesMut,
    /// Up to here the buffer holds no end of an event.
    searched: usize,
}

/// No event of a model is this long: the longest holds a whole response.
const MAX_EVENT: usize = 32 * 1024 * 1024;

impl Incoming {
    /// Takes bytes as they arrive.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event with the blank line that ends it; `None` when none is whole yet.
    ///
    /// # Errors
    /// One that never ends.
    pub(crate) fn next_event(&mut self) -> Result<Option<Bytes>, BedrockError> {
        let Some(end) = end_of_event(&self.buffer, self.searched) else {
            // The end may be split between this piece and the next.
            self.searched = self.buffer.len().saturating_sub(LONGEST_END - 1);
            return if self.buffer.len() > MAX_EVENT {
                Err(BedrockError::cut(texts::EVENT_TOO_LONG))
            } else {
                Ok(None)
            };
        };
        self.searched = 0;
        Ok(Some(self.buffer.split_to(end).freeze()))
    }

    /// Whether bytes are left that no blank line has ended.
    pub(crate) fn is_mid_event(&self) -> bool {
        self.buffer.has_remaining()
    }
}

/// A line break and an empty line: `\n\r\n`.
const LONGEST_END: usize = 3;

/// Where the first event ends, its blank line included.
fn end_of_event(buffer: &[u8], from: usize) -> Option<usize> {
    let ends = [&b"\n\n"[..], b"\n\r\n"];
    let found =
        ends.iter().filter_map(|end| memmem::find(&buffer[from..], end).map(|at| from + at + end.len()));
    found.min()
}

/// The data of an event; several lines are joined by a line break.
pub(crate) fn data_of(event: &[u8]) -> Cow<'_, [u8]> {
    let mut data: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    for line in event.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(value) = line.strip_prefix(b"data:") else { continue };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if data.is_empty() {
            data = Cow::Borrowed(value);
        } else {
            let joined = data.to_mut();
            joined.push(b'\n');
            joined.extend_from_slice(value);
        }
    }
    data
}
