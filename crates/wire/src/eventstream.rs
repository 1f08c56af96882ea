//! `application/vnd.amazon.eventstream`: frames in both directions.
//!
//! A frame is `u32 total · u32 headers length · u32 CRC of those · headers · payload · u32 CRC of all`, big-endian. The
//! decoder takes bytes in any pieces, checks both CRCs, copies nothing and never allocates by a length it has not
//! received. `aws-smithy-eventstream` is the oracle in the tests. Source: reference `bedrock.md` §2.2.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use outcrop_texts as texts;

/// Collects bytes and hands out whole, checked frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more bytes come.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(prelude) = self.buffer.first_chunk::<PRELUDE_LEN>() else { return Ok(None) };
        let lengths = Lengths::read(prelude)?;
        if self.buffer.len() < lengths.total {
            return Ok(None);
        }
        let frame =
            Frame { bytes: self.buffer.split_to(lengths.total).freeze(), headers_len: lengths.headers };
        frame.check()?;
        Ok(Some(frame))
    }

    /// Whether bytes of an unfinished frame are left: at the end of a stream, a sign that it was cut.
    pub fn has_partial_frame(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// Total length, headers length, CRC: twelve bytes.
const PRELUDE_LEN: usize = 12;
/// The CRC at the end.
const CRC_LEN: usize = 4;
/// botocore's limit for headers.
const MAX_HEADERS_LEN: usize = 128 * 1024;
/// botocore's limit for the payload.
const MAX_PAYLOAD_LEN: usize = 24 * 1024 * 1024;
/// The type byte of a string header.
const STRING: u8 = 7;

struct Lengths {
    total: usize,
    headers: usize,
}

impl Lengths {
    fn read(prelude: &[u8; PRELUDE_LEN]) -> Result<Self, FrameError> {
        let mut reader = &prelude[..];
        let total = reader.get_u32() as usize;
        let headers = reader.get_u32() as usize;
        if reader.get_u32() != crc32fast::hash(&prelude[..8]) {
            return Err(FrameError::PreludeCrc);
        }
        if headers > MAX_HEADERS_LEN || total > PRELUDE_LEN + MAX_HEADERS_LEN + MAX_PAYLOAD_LEN + CRC_LEN {
            return Err(FrameError::TooLarge { total, headers });
        }
        if total < PRELUDE_LEN + headers + CRC_LEN {
            return Err(FrameError::Lengths { total, headers });
        }
        Ok(Self { total, headers })
    }
}

/// Why bytes are no frame. After any of these the stream is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first eight bytes and their CRC disagree.
    #[error("{}", texts::PRELUDE_CRC)]
    PreludeCrc,
    /// The frame and its CRC disagree.
    #[error("{}", texts::FRAME_CRC)]
    MessageCrc,
    /// Larger than any frame AWS sends.
    #[error("{}", texts::frame_too_large(.total, .headers))]
    TooLarge {
        /// Claimed length of the frame.
        total: usize,
        /// Claimed length of its headers.
        headers: usize,
    },
    /// The headers would not fit into the frame.
    #[error("{}", texts::frame_lengths(.total, .headers))]
    Lengths {
        /// Claimed length of the frame.
        total: usize,
        /// Claimed length of its headers.
        headers: usize,
    },
    /// A header is cut, unnamed, or of an unknown type.
    #[error("{}", texts::FRAME_HEADERS)]
    Headers,
}

/// One checked frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    headers_len: usize,
}

impl Frame {
    /// The frame as it came, for passing it on.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it carries.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[PRELUDE_LEN + self.headers_len..self.bytes.len() - CRC_LEN]
    }

    /// The headers, in order; values that are no strings are passed over.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        Headers { rest: &self.bytes[PRELUDE_LEN..PRELUDE_LEN + self.headers_len] }
            .filter_map(Result::ok)
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// What kind of message it is.
    pub fn message(&self) -> Message<'_> {
        let (mut message_type, mut event, mut exception, mut code, mut text) = ("event", "", "", "", "");
        for (name, value) in self.headers() {
            match name {
                ":message-type" => message_type = value,
                ":event-type" => event = value,
                ":exception-type" => exception = value,
                ":error-code" => code = value,
                ":error-message" => text = value,
                _ => {}
            }
        }
        match message_type {
            "exception" => Message::Exception { exception_type: exception, payload: self.payload() },
            "error" => Message::Error { code, message: text },
            _ => Message::Event { event_type: event, payload: self.payload() },
        }
    }

    fn check(&self) -> Result<(), FrameError> {
        let (body, crc) = self.bytes.split_at(self.bytes.len() - CRC_LEN);
        if crc32fast::hash(body).to_be_bytes() != crc {
            return Err(FrameError::MessageCrc);
        }
        let mut headers = Headers { rest: &self.bytes[PRELUDE_LEN..PRELUDE_LEN + self.headers_len] };
        headers.try_for_each(|header| header.map(drop))
    }
}

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// An event of the operation.
    Event {
        /// `messageStart`, `chunk`, ….
        event_type: &'a str,
        /// JSON.
        payload: &'a [u8],
    },
    /// One of the modelled exceptions.
    Exception {
        /// `throttlingException`, ….
        exception_type: &'a str,
        /// JSON with `message`.
        payload: &'a [u8],
    },
    /// An error outside the model.
    Error {
        /// `:error-code`.
        code: &'a str,
        /// `:error-message`.
        message: &'a str,
    },
}

/// Walks the headers of a frame.
struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<(&'a str, Option<&'a str>), FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let header = self.header();
        if header.is_none() {
            self.rest = &[];
        }
        Some(header.ok_or(FrameError::Headers))
    }
}

impl<'a> Headers<'a> {
    fn header(&mut self) -> Option<(&'a str, Option<&'a str>)> {
        let name_len = usize::from(self.take(1)?[0]);
        if name_len == 0 {
            return None;
        }
        let name = std::str::from_utf8(self.take(name_len)?).ok()?;
        let value = match self.take(1)?[0] {
            0 | 1 => None,
            2 => self.skip(1)?,
            3 => self.skip(2)?,
            4 => self.skip(4)?,
            5 | 8 => self.skip(8)?,
            9 => self.skip(16)?,
            6 => self.sized().map(|_| None)?,
            STRING => Some(std::str::from_utf8(self.sized()?).ok()?),
            _ => return None,
        };
        Some((name, value))
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let len = self.take(2)?.try_into().ok().map(u16::from_be_bytes)?;
        self.take(usize::from(len))
    }

    fn skip(&mut self, len: usize) -> Option<Option<&'a str>> {
        self.take(len).map(|_| None)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Writes an event frame with AWS's headers in AWS's order.
pub fn write_event(event_type: &str, payload: &[u8], out: &mut BytesMut) {
    let headers =
        [(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")];
    write_frame(&headers, payload, out);
}

/// Writes an exception frame with AWS's headers in AWS's order.
pub fn write_exception(exception_type: &str, payload: &[u8], out: &mut BytesMut) {
    let headers = [
        (":exception-type", exception_type),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    write_frame(&headers, payload, out);
}

/// Writes a frame with string headers.
///
/// # Panics
/// When a header's name is over 255 bytes, its value over 65,535, or the payload over 4 GiB: never for names and
/// payloads of this crate.
pub fn write_frame(headers: &[(&str, &str)], payload: &[u8], out: &mut BytesMut) {
    let start = out.len();
    let headers_len: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let total = PRELUDE_LEN + headers_len + payload.len() + CRC_LEN;
    out.reserve(total);
    out.put_u32(u32::try_from(total).expect("a frame is under 4 GiB"));
    out.put_u32(u32::try_from(headers_len).expect("headers are under 4 GiB"));
    out.put_u32(crc32fast::hash(&out[start..start + 8]));
    for (name, value) in headers {
        out.put_u8(u8::try_from(name.len()).expect("a header's name is at most 255 bytes"));
        out.put_slice(name.as_bytes());
        out.put_u8(STRING);
        out.put_u16(u16::try_from(value.len()).expect("a header's value is at most 65,535 bytes"));
        out.put_slice(value.as_bytes());
    }
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out[start..]));
}
