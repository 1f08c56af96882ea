//! Server-sent events: the frames in which Chat Completions and Messages stream.
//!
//! Writing is a few bytes around JSON that a writer serialises in place. Reading ([`Reader`]) follows the WHATWG
//! algorithm as far as model APIs use it: `event`, `data`, comments, LF and CRLF, any split of the bytes.

use bytes::{BufMut, BytesMut};
use memchr::{memchr_iter, memchr2};
use serde::Serialize;

/// The frame that ends a complete Chat Completions stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Appends `event: NAME`, when there is a name, and `data: JSON`.
pub fn write<T: Serialize + ?Sized>(out: &mut BytesMut, event: Option<&str>, data: &T) {
    if let Some(event) = event {
        write_name(out, event);
    }
    out.extend_from_slice(b"data: ");
    write_json(out, data);
    out.extend_from_slice(b"\n\n");
}

/// Appends an event whose data are these bytes, unchanged; a line break in them continues on a further `data:` line.
pub fn write_raw(out: &mut BytesMut, event: &str, data: &[u8]) {
    write_name(out, event);
    let mut rest = data;
    while let Some(at) = memchr2(b'\n', b'\r', rest) {
        write_line(out, &rest[..at]);
        let width = if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[at + width..];
    }
    write_line(out, rest);
    out.extend_from_slice(b"\n");
}

/// Appends the JSON of a value of our own.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    serde_json::to_writer(out.writer(), value)
        .expect("our own values hold string keys only, and memory does not fail");
}

fn write_name(out: &mut BytesMut, event: &str) {
    out.extend_from_slice(b"event: ");
    out.extend(event.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    out.extend_from_slice(b"\n");
}

fn write_line(out: &mut BytesMut, line: &[u8]) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(line);
    out.extend_from_slice(b"\n");
}

/// One event as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its `event:` name.
    pub name: Option<String>,
    /// Its data; several `data:` lines are joined by a line break.
    pub data: String,
}

/// Reads events from bytes that arrive in any pieces.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    event: Event,
    has_data: bool,
}

impl Reader {
    /// Takes more bytes and returns the events they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut events = Vec::new();
        let mut start = 0;
        for end in memchr_iter(b'\n', &buffer) {
            let line = &buffer[start..end];
            events.extend(self.line(line.strip_suffix(b"\r").unwrap_or(line)));
            start = end + 1;
        }
        self.buffer = buffer[start..].to_vec();
        events
    }

    /// Whether bytes are left that no blank line has ended: the stream was cut inside an event.
    pub fn is_mid_event(&self) -> bool {
        !self.buffer.is_empty() || self.has_data || self.event.name.is_some()
    }

    fn line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (line, &b""[..]),
        };
        match field {
            b"event" => self.event.name = Some(String::from_utf8_lossy(value).into_owned()),
            b"data" => self.add_data(value),
            _ => {}
        }
        None
    }

    fn add_data(&mut self, value: &[u8]) {
        if std::mem::replace(&mut self.has_data, true) {
            self.event.data.push('\n');
        }
        self.event.data.push_str(&String::from_utf8_lossy(value));
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}
