//! Faults on demand: `x-outcrop-fault: NAME[;at=http|first|mid][;bytes=N][;count=N][;region=R][;account=A][;retry-after=MS]`.
//!
//! A header concerns its own request; faults set by `POST /_emulator/faults` or read from a file stand for all requests
//! until they are used up or cleared, one after the other, and a header (also `none`) goes before them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use outcrop_wire::bedrock::{BedrockError, ErrorKind};
use outcrop_wire::eventstream;

use crate::StartError;
use crate::accounts::Home;
use crate::body::Ending;
use crate::failure::Failure;
use crate::reply::{Framing, Payload, Reply};
use crate::surface;

/// The header that asks for a fault.
pub(crate) const HEADER: &str = "x-outcrop-fault";

/// One fault, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    name: Name,
    at: At,
    /// Where to cut, or how large the drips are.
    bytes: Option<usize>,
    /// How often it happens; `None` is always.
    count: Option<u64>,
    /// Only calls for this Region.
    region: Option<String>,
    account: Option<String>,
    /// When a refusal asks the caller to come back, in milliseconds.
    retry_after: Option<u64>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Exception(ErrorKind),
    Stall,
    Cut,
    BadCrc,
    SlowDrip,
    MissingMetadata,
    ClockSkew,
    RegionOutage,
    None,
}

/// When it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Instead of an answer.
    Http,
    /// In place of the first frame.
    First,
    /// After half of the frames.
    Mid,
}

/// The exceptions that can be asked for, with AWS's words where they are known (reference `bedrock.md` §5).
const EXCEPTIONS: [(ErrorKind, &str); 21] = [
    (ErrorKind::AccessDenied, "You don't have access to the model with the specified model ID."),
    (ErrorKind::Conflict, "Error occurred because of a conflict while performing an operation."),
    (ErrorKind::ExpiredToken, "The security token included in the request is expired"),
    (
        ErrorKind::IncompleteSignature,
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter.",
    ),
    (
        ErrorKind::InternalServer,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    (
        ErrorKind::InvalidSignature,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ),
    (ErrorKind::MissingAuthenticationToken, "Missing Authentication Token"),
    (ErrorKind::ModelError, "The model returned an error."),
    (ErrorKind::ModelNotReady, "Model is not ready for inference. Wait and try your request again."),
    (ErrorKind::ModelStreamError, "The model returned an error while it streamed its answer."),
    (ErrorKind::ModelTimeout, "The model took too long to answer."),
    (
        ErrorKind::ResourceNotFound,
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    ),
    (ErrorKind::ResourceInUse, "The resource is in use. Wait and try your request again."),
    (ErrorKind::Serialization, "The request body cannot be read: expected value at line 1 column 1"),
    (ErrorKind::ServiceQuotaExceeded, "Your request exceeds a service quota."),
    (ErrorKind::ServiceUnavailable, "Bedrock is unable to process your request."),
    (ErrorKind::Throttling, "Too many requests, please wait before trying again."),
    (ErrorKind::TooManyTags, "The number of tags exceeds the limit for a resource."),
    (ErrorKind::UnknownOperation, "The emulator does not serve this operation."),
    (ErrorKind::UnrecognizedClient, "The security token included in the request is invalid."),
    (ErrorKind::Validation, "The provided model identifier is invalid."),
];

const OTHERS: [(&str, Name); 8] = [
    ("stall", Name::Stall),
    ("cut", Name::Cut),
    ("bad-crc", Name::BadCrc),
    ("slow-drip", Name::SlowDrip),
    ("missing-metadata", Name::MissingMetadata),
    ("clock-skew", Name::ClockSkew),
    ("region-outage", Name::RegionOutage),
    ("none", Name::None),
];

impl Fault {
    /// Reads a fault as the header writes it.
    ///
    /// # Errors
    /// 400 with the names and parameters that are known.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut parts = text.split(';').map(str::trim);
        let name = Name::parse(parts.next().unwrap_or_default())?;
        let at = if matches!(name, Name::Exception(_)) { At::Http } else { At::Mid };
        let mut fault =
            Self { name, at, bytes: None, count: None, region: None, account: None, retry_after: None };
        for part in parts.filter(|part| !part.is_empty()) {
            fault.set(part)?;
        }
        Ok(fault)
    }

    fn set(&mut self, part: &str) -> Result<(), Failure> {
        let unknown = || {
            Failure::validation(format!(
                "{HEADER}: `{part}` is not understood; known are at=http|first|mid, bytes=N, count=N, region=R, account=A, retry-after=MS"
            ))
        };
        let (key, value) = part.split_once('=').ok_or_else(unknown)?;
        match (key, value) {
            ("at", "http") => self.at = At::Http,
            ("at", "first") => self.at = At::First,
            ("at", "mid") => self.at = At::Mid,
            ("bytes", _) => self.bytes = Some(value.parse().map_err(|_| unknown())?),
            ("count", _) => self.count = Some(value.parse().map_err(|_| unknown())?),
            ("region", _) => self.region = Some(value.to_owned()),
            ("account", _) => self.account = Some(value.to_owned()),
            ("retry-after", _) => self.retry_after = Some(value.parse().map_err(|_| unknown())?),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn is_for(&self, home: Home<'_>) -> bool {
        self.region.as_deref().is_none_or(|only| only == home.region)
            && self.account.as_deref().is_none_or(|only| only == home.account)
    }

    /// What goes wrong before the request is looked at; `now` is Unix seconds.
    pub(crate) fn before(&self, now: i64) -> Result<(), Failure> {
        match &self.name {
            Name::Exception(kind) if self.at == At::Http => Err(self.refusal(kind)),
            Name::ClockSkew => Err(skewed(now).into()),
            Name::RegionOutage => Err(self.refusal(&ErrorKind::ServiceUnavailable)),
            _ => Ok(()),
        }
    }

    /// An exception as an answer of its own.
    fn refusal(&self, kind: &ErrorKind) -> Failure {
        let mut refusal = Failure::from(exception(kind));
        refusal.retry_after = self.retry_after;
        refusal
    }

    /// No answer is ever to come.
    pub(crate) fn never_answers(&self) -> bool {
        self.name == Name::Stall && self.at == At::Http
    }

    /// What goes wrong with the answer.
    pub(crate) fn after(&self, mut reply: Reply) -> Result<Reply, Failure> {
        match &self.name {
            Name::Exception(kind) => return self.exception_in(reply, kind),
            Name::Stall => {
                self.shorten(&mut reply);
                reply.ending = Ending::Stall;
            }
            Name::Cut => {
                let kept =
                    self.bytes.unwrap_or(if self.at == At::Mid { length(&reply.payload) / 2 } else { 0 });
                reply.payload = Payload::Frames(first_bytes(reply.payload, kept));
                reply.ending = Ending::Cut;
            }
            Name::BadCrc => self.damage(&mut reply.payload),
            Name::SlowDrip => {
                reply.payload = Payload::Frames(drips(reply.payload, self.bytes.unwrap_or(DRIP_BYTES)));
                reply.pause = Some(DRIP_PAUSE);
            }
            Name::MissingMetadata => {
                if let Payload::Frames(frames) = &mut reply.payload {
                    frames.retain(|frame| !is_event(frame, "metadata"));
                }
            }
            Name::ClockSkew | Name::RegionOutage | Name::None => {}
        }
        Ok(reply)
    }

    /// An exception as a frame; an answer that is no stream becomes an HTTP error.
    fn exception_in(&self, mut reply: Reply, kind: &ErrorKind) -> Result<Reply, Failure> {
        let whole = matches!(reply.payload, Payload::Whole(_));
        if (whole || self.at != At::Mid)
            && let Some(receipt) = reply.receipt.take()
        {
            receipt.void();
        }
        if whole {
            return Err(self.refusal(kind));
        }
        let error = exception(kind);
        self.shorten(&mut reply);
        if let Payload::Frames(frames) = &mut reply.payload {
            let last = match reply.framing {
                Framing::EventStream => {
                    let mut frame = BytesMut::new();
                    eventstream::write_exception(&kind.exception_type(), error.body().as_bytes(), &mut frame);
                    frame.freeze()
                }
                Framing::ServerSent(dialect) => surface::error_event(dialect, &error, frames.len()),
            };
            frames.push(last);
        }
        Ok(reply)
    }

    /// Keeps nothing, or half of the frames.
    fn shorten(&self, reply: &mut Reply) {
        let payload = std::mem::replace(&mut reply.payload, Payload::Frames(Vec::new()));
        let mut frames = match payload {
            Payload::Frames(frames) => frames,
            Payload::Whole(bytes) => first_bytes(Payload::Whole(bytes.clone()), bytes.len() / 2),
        };
        let kept = match self.at {
            At::Mid => frames.len().div_ceil(2),
            At::Http | At::First => 0,
        };
        frames.truncate(kept);
        reply.payload = Payload::Frames(frames);
    }

    /// Turns one bit of a frame's CRC.
    fn damage(&self, payload: &mut Payload) {
        let Payload::Frames(frames) = payload else { return };
        let index = if self.at == At::Mid { frames.len() / 2 } else { 0 };
        if let Some(frame) = frames.get_mut(index) {
            let mut bytes = BytesMut::from(&frame[..]);
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            *frame = bytes.freeze();
        }
    }
}

/// Small enough to break every frame.
const DRIP_BYTES: usize = 16;
/// Slow enough to be seen, fast enough for a test.
const DRIP_PAUSE: Duration = Duration::from_millis(10);

impl Name {
    fn parse(text: &str) -> Result<Self, Failure> {
        let exception = EXCEPTIONS.iter().find(|(kind, _)| kind.name() == text).map(|(kind, _)| kind.clone());
        let other = OTHERS.iter().find(|(name, _)| *name == text).map(|(_, name)| name.clone());
        exception.map(Self::Exception).or(other).ok_or_else(|| {
            let names =
                EXCEPTIONS.iter().map(|(kind, _)| kind.name()).chain(OTHERS.iter().map(|(name, _)| *name));
            let names: Vec<&str> = names.collect();
            Failure::validation(format!(
                "{HEADER}: no fault is called `{text}`; known are {}",
                names.join(", ")
            ))
        })
    }
}

fn exception(kind: &ErrorKind) -> BedrockError {
    let text = EXCEPTIONS.iter().find(|(known, _)| known == kind).map_or("", |(_, text)| *text);
    BedrockError::new(kind.clone(), text)
}

/// What a caller with a clock an hour behind would get.
fn skewed(now: i64) -> BedrockError {
    use outcrop_wire::sigv4::timestamp;
    const HOUR: i64 = 3600;
    const WINDOW: i64 = 5 * 60;
    let text = format!(
        "Signature expired: {} is now earlier than {} ({} - 5 min.)",
        timestamp(now - HOUR),
        timestamp(now - WINDOW),
        timestamp(now)
    );
    BedrockError::new(ErrorKind::InvalidSignature, text)
}

fn length(payload: &Payload) -> usize {
    match payload {
        Payload::Whole(bytes) => bytes.len(),
        Payload::Frames(frames) => frames.iter().map(Bytes::len).sum(),
    }
}

fn first_bytes(payload: Payload, mut room: usize) -> Vec<Bytes> {
    let mut frames = match payload {
        Payload::Whole(bytes) => vec![bytes],
        Payload::Frames(frames) => frames,
    };
    for frame in &mut frames {
        frame.truncate(room);
        room -= frame.len();
    }
    frames
}

fn drips(payload: Payload, size: usize) -> Vec<Bytes> {
    let frames = first_bytes(payload, usize::MAX);
    let size = size.max(1);
    let cut = |frame: Bytes| {
        (0..frame.len()).step_by(size).map(move |at| frame.slice(at..frame.len().min(at + size)))
    };
    frames.into_iter().flat_map(cut).collect()
}

fn is_event(frame: &Bytes, name: &str) -> bool {
    let mut decoder = eventstream::Decoder::default();
    decoder.push(frame);
    matches!(
        decoder.next_frame(),
        Ok(Some(frame)) if matches!(frame.message(), eventstream::Message::Event { event_type, .. } if event_type == name)
    )
}

/// The standing fault, and how often each fault was used.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The first one that concerns a request and is not used up happens to it.
    standing: Vec<(String, Fault)>,
    used: HashMap<String, u64>,
}

impl Book {
    /// Uses a fault, unless it is used up.
    fn take(&mut self, text: &str, fault: &Fault) -> bool {
        let Some(count) = fault.count else { return true };
        let used = self.used.entry(text.to_owned()).or_default();
        let is_left = *used < count;
        *used += u64::from(is_left);
        is_left
    }
}

impl Faults {
    /// The fault that concerns a request, if any. A counted one is used up by it.
    ///
    /// # Errors
    /// 400 for a header that is not understood.
    pub(crate) fn for_request(&self, headers: &HeaderMap, home: Home<'_>) -> Result<Option<Fault>, Failure> {
        let asked = headers.get(HEADER).map(|value| {
            let text =
                value.to_str().map_err(|_| Failure::validation(format!("{HEADER} is not plain text")))?;
            Ok::<_, Failure>((text.to_owned(), Fault::parse(text)?))
        });
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = match asked.transpose()? {
            Some(asked) => vec![asked],
            None if book.standing.is_empty() => return Ok(None),
            None => book.standing.clone(),
        };
        let found = candidates.into_iter().find(|(text, fault)| fault.is_for(home) && book.take(text, fault));
        Ok(found.map(|(_, fault)| fault))
    }

    /// Reads a file of standing faults, one a line; what follows a `#`, and empty lines, do not count.
    pub(crate) fn read(path: &Path) -> Result<Self, StartError> {
        let wrong = |line, detail| StartError::Faults { path: path.to_owned(), line, detail };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(None, error.to_string()))?;
        let mut standing = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let fault =
                    Fault::parse(line).map_err(|failure| wrong(Some(index + 1), failure.error.message))?;
                standing.push((line.to_owned(), fault));
            }
        }
        Ok(Self(Mutex::new(Book { standing, used: HashMap::new() })))
    }

    /// Sets the standing faults; none clears them.
    ///
    /// # Errors
    /// 400 for one that is not understood; nothing is set then.
    pub(crate) fn stand(&self, texts: &[String]) -> Result<(), Failure> {
        let standing = texts.iter().map(|text| Ok::<_, Failure>((text.clone(), Fault::parse(text)?)));
        let standing = standing.collect::<Result<_, _>>()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Book { standing, used: HashMap::new() };
        Ok(())
    }
}
