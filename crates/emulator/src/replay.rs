//! Recorded exchanges, served back byte for byte.
//!
//! A request is matched on method, decoded path and JSON body (structurally: order of members and blanks do not count).
//! Several recordings of the same request are served in order, and again from the first. A recording without a request
//! body matches any body. What was not recorded over HTTP, or has no request path, cannot be matched: it is skipped, and
//! the report says how often. Runtime calls that match nothing get a 404 that names the nearest recording; the control
//! plane is answered by the emulator itself.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use outcrop_wire::eventstream::Decoder;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::StartError;
use crate::body::Ending;
use crate::failure::Failure;
use crate::reply::{EVENT_STREAM, Framing, Payload, Reply};

/// What the recordings hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Exchanges that can be served.
    pub served: usize,
    /// Exchanges that cannot, by reason.
    pub skipped: BTreeMap<&'static str, usize>,
}

/// The recordings, by what they answer.
#[derive(Debug)]
pub(crate) struct Replay {
    shelves: HashMap<Key, Shelf>,
    report: ReplayReport,
}

/// What a recording answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    method: String,
    path: String,
    /// Canonical JSON or plain text; `None` matches any body.
    body: Option<String>,
}

/// The recordings of one request, in order, and which comes next.
#[derive(Debug, Default)]
struct Shelf {
    exchanges: Vec<Exchange>,
    next: AtomicUsize,
}

/// One recording that can be served.
#[derive(Debug)]
struct Exchange {
    id: String,
    body: Value,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    pieces: Vec<Bytes>,
    is_stream: bool,
}

impl Replay {
    /// Reads recordings, one exchange a line.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that is no exchange.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, StartError> {
        let mut replay = Self { shelves: HashMap::new(), report: ReplayReport::default() };
        for path in files {
            replay.read_file(path)?;
        }
        Ok(replay)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), StartError> {
        let wrong = |line, detail: String| StartError::Replay { path: path.to_owned(), line, detail };
        let file = std::fs::File::open(path).map_err(|error| wrong(None, error.to_string()))?;
        for (index, line) in std::io::BufReader::new(file).lines().enumerate() {
            let wrong = |detail: String| wrong(Some(index + 1), detail);
            let line = line.map_err(|error| wrong(error.to_string()))?;
            if line.trim().is_empty() {
                continue;
            }
            let line: Line<'_> = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
            match line.into_exchange().map_err(wrong)? {
                Ok((key, exchange)) => {
                    self.report.served += 1;
                    self.shelves.entry(key).or_default().exchanges.push(exchange);
                }
                Err(reason) => *self.report.skipped.entry(reason).or_default() += 1,
            }
        }
        Ok(())
    }

    /// What they hold.
    pub(crate) fn report(&self) -> &ReplayReport {
        &self.report
    }

    /// The recorded answer to a request; `None` when nothing matches.
    pub(crate) fn answer(&self, method: &Method, raw_path: &str, body: &[u8]) -> Option<Reply> {
        let key = Key { method: method.to_string(), path: decoded(raw_path), body: Some(body_key(body)) };
        let shelf =
            self.shelves.get(&key).or_else(|| self.shelves.get(&Key { body: None, ..key.clone() }))?;
        let turn = shelf.next.fetch_add(1, Ordering::Relaxed) % shelf.exchanges.len();
        Some(shelf.exchanges[turn].reply())
    }

    /// 404 with the nearest recording: of the same path if there is one, with the fewest differences.
    pub(crate) fn no_match(&self, method: &Method, raw_path: &str, body: &[u8]) -> Failure {
        let path = decoded(raw_path);
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let same_path = |key: &Key| key.path == path && key.method == method.as_str();
        let nearest = self
            .shelves
            .iter()
            .flat_map(|(key, shelf)| shelf.exchanges.iter().map(move |exchange| (key, exchange)))
            .map(|(key, exchange)| (!same_path(key), differences(&exchange.body, &body), key, exchange))
            .min_by(|a, b| (a.0, a.1.count, &a.3.id).cmp(&(b.0, b.1.count, &b.3.id)));
        let hint = match nearest {
            None => "There are no recordings at all.".to_owned(),
            Some((false, differences, _, exchange)) => format!(
                "The nearest recording is {}: its body differs in {} place(s), first at {}.",
                exchange.id, differences.count, differences.first
            ),
            Some((true, _, key, exchange)) => format!(
                "No recording has this path; the nearest body is that of {} ({} {}).",
                exchange.id, key.method, key.path
            ),
        };
        Failure::not_found(format!("No recording matches {method} {path}. {hint}"))
    }
}

impl Exchange {
    fn reply(&self) -> Reply {
        let payload = match self.pieces.as_slice() {
            [whole] if !self.is_stream => Payload::Whole(whole.clone()),
            pieces => Payload::Frames(pieces.to_vec()),
        };
        Reply {
            status: self.status,
            headers: self.headers.clone(),
            payload,
            pause: None,
            ending: Ending::Whole,
            receipt: None,
            framing: Framing::EventStream,
        }
    }
}

/// A line of a recording; members that do not matter here are passed over.
#[derive(Deserialize)]
struct Line<'a> {
    id: String,
    #[serde(default)]
    wire: String,
    request: Option<RequestLine>,
    #[serde(borrow)]
    response: Option<ResponseLine<'a>>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: Option<String>,
    path: Option<String>,
    body: Option<Value>,
    body_text: Option<String>,
}

#[derive(Deserialize)]
struct ResponseLine<'a> {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Kept as its text, so that numbers and the order of members stay as recorded.
    #[serde(borrow)]
    body_json: Option<&'a RawValue>,
    body_text: Option<String>,
    body_base64: Option<String>,
}

impl Line<'_> {
    /// The exchange; the inner error says why it cannot be matched, the outer what is wrong with the line.
    fn into_exchange(self) -> Result<Result<(Key, Exchange), &'static str>, String> {
        let Self { id, wire, request, response } = self;
        let Some(response) = response else { return Ok(Err("no response was recorded")) };
        if wire == "sdk-decoded" {
            return Ok(Err("recorded above HTTP"));
        }
        let Some(RequestLine { method: Some(method), path: Some(path), body, body_text }) = request else {
            return Ok(Err("no request was recorded"));
        };
        let status = response.status.unwrap_or(200);
        let status = StatusCode::from_u16(status).map_err(|_| format!("{status} is no HTTP status"))?;
        let Some((bytes, is_stream)) = response.bytes()? else { return Ok(Err("no bytes were recorded")) };
        let key = Key {
            method: method.to_ascii_uppercase(),
            path: decoded(&path),
            body: body.as_ref().map(canonical).or_else(|| body_text.map(|text| body_key(text.as_bytes()))),
        };
        let exchange = Exchange {
            id,
            body: body.unwrap_or(Value::Null),
            status,
            headers: response.headers(is_stream),
            pieces: if is_stream { frames(&bytes) } else { vec![bytes] },
            is_stream,
        };
        Ok(Ok((key, exchange)))
    }
}

impl ResponseLine<'_> {
    /// The recorded body, and whether it is an event stream.
    fn bytes(&self) -> Result<Option<(Bytes, bool)>, String> {
        if let Some(base64) = &self.body_base64 {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(base64)
                .map_err(|error| format!("body_base64: {error}"))?;
            return Ok(Some((bytes.into(), true)));
        }
        let text = self.body_json.map(|json| json.get().to_owned()).or_else(|| self.body_text.clone());
        Ok(text.map(|text| (Bytes::from(text), false)))
    }

    /// The recorded headers without those of the connection; a content type that the recorder blotted out is restored.
    fn headers(&self, is_stream: bool) -> Vec<(HeaderName, HeaderValue)> {
        const OF_THE_CONNECTION: [&str; 4] = ["content-length", "transfer-encoding", "connection", "date"];
        let mut headers: Vec<(HeaderName, HeaderValue)> = self
            .headers
            .iter()
            .filter(|(name, value)| !OF_THE_CONNECTION.contains(&name.as_str()) && is_whole(name, value))
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect();
        if !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            let content_type = if is_stream { EVENT_STREAM } else { "application/json" };
            headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        }
        headers
    }
}

/// Whether a recorded content type is one, and not what a recorder put in its place.
fn is_whole(name: &str, value: &str) -> bool {
    name != CONTENT_TYPE.as_str() || value.contains('/')
}

/// Whole frames one by one; all in one piece when they are damaged on purpose.
fn frames(bytes: &Bytes) -> Vec<Bytes> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut frames = Vec::new();
    loop {
        match decoder.next_frame() {
            Ok(Some(frame)) => frames.push(frame.bytes().clone()),
            Ok(None) if !decoder.has_partial_frame() => return frames,
            _ => return vec![bytes.clone()],
        }
    }
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn body_key(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => canonical(&value),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// JSON text with sorted members, whatever order the value keeps.
fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// How two values differ.
#[derive(Debug, Default)]
struct Differences {
    count: usize,
    /// JSON pointer of the first one; empty means the whole.
    first: String,
}

fn differences(recorded: &Value, sent: &Value) -> Differences {
    let mut found = Differences::default();
    compare(recorded, sent, &mut String::new(), &mut found);
    found
}

fn compare(recorded: &Value, sent: &Value, at: &mut String, found: &mut Differences) {
    match (recorded, sent) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            for name in names {
                descend(a.get(name), b.get(name), name, at, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                descend(a.get(index), b.get(index), &index.to_string(), at, found);
            }
        }
        (a, b) if a == b => {}
        _ => found.note(at),
    }
}

fn descend(a: Option<&Value>, b: Option<&Value>, step: &str, at: &mut String, found: &mut Differences) {
    let length = at.len();
    at.push('/');
    at.push_str(step);
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b, at, found),
        _ => found.note(at),
    }
    at.truncate(length);
}

impl Differences {
    fn note(&mut self, at: &str) {
        if self.count == 0 {
            self.first = if at.is_empty() { "the whole body".to_owned() } else { at.to_owned() };
        }
        self.count += 1;
    }
}
