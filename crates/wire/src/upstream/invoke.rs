//! InvokeModel for a model that is not behind it: its own body, which is what its endpoint speaks, but for the envelope; and
//! its stream in the frames of `InvokeModelWithResponseStream`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use outcrop_texts as texts;
use serde_json::value::RawValue;

use super::{Asked, Language};
use crate::bedrock::BedrockError;
use crate::dialect::{Dialect, RequestError, to_vec};
use crate::envelope::{Envelope, Members};
use crate::eventstream;
use crate::incoming::data_of;
use crate::relayed::{self, Report};

/// The request of an InvokeModel body: the model and the wish to stream, which Bedrock has in the URL, stand in it; the
/// version and the betas, which Bedrock has in Claude's, do not.
///
/// # Errors
/// A body that is not the model's own.
pub fn invoked(language: Language, body: &[u8], model: &str, stream: bool) -> Result<Asked, RequestError> {
    let Members(members) = RequestError::read(body)?;
    check(language, &members)?;
    let betas = match members.iter().find(|(key, _)| key == "anthropic_beta") {
        Some((_, betas)) => serde_json::from_str::<Vec<String>>(betas.get())
            .map_err(|_| RequestError::at("anthropic_beta", texts::not_strings("anthropic_beta")))?,
        None => Vec::new(),
    };
    let mut out = Envelope::with_capacity(body.len() + 96);
    out.member("model", &to_vec(model));
    if stream {
        out.member("stream", b"true");
        if language == Language::Chat {
            out.member("stream_options", br#"{"include_usage":true}"#);
        }
    }
    const ENVELOPE: [&str; 5] = ["model", "stream", "stream_options", "anthropic_version", "anthropic_beta"];
    for (key, value) in members.iter().filter(|(key, _)| !ENVELOPE.contains(&key.as_ref())) {
        out.member(key, value.get().as_bytes());
    }
    Ok(Asked { body: out.finish(), betas: (!betas.is_empty()).then(|| betas.join(",")) })
}

/// What tells the shapes apart: both have messages, Claude's has the version that Bedrock insists on (AWS's user guide,
/// "Anthropic Claude Messages API").
fn check(language: Language, members: &[(Cow<'_, str>, &RawValue)]) -> Result<(), RequestError> {
    let has = |name: &str| members.iter().any(|(key, value)| key == name && value.get() != "null");
    let (name, fits) = match language {
        Language::Chat => ("Chat Completions: `messages`, …", !has("anthropic_version")),
        Language::Messages => {
            ("Messages: `anthropic_version`, `max_tokens`, `messages`, …", has("anthropic_version"))
        }
    };
    if fits && has("messages") {
        return Ok(());
    }
    Err(RequestError::at("body", texts::foreign_body(name)))
}

/// A dialect in which an answer is watched.
fn dialect(language: Language) -> Dialect {
    match language {
        Language::Chat => Dialect::ChatCompletions,
        Language::Messages => Dialect::Messages,
    }
}

/// What a whole answer says of itself.
pub fn invoked_report(language: Language, body: &[u8]) -> Report {
    relayed::report(dialect(language), body)
}

/// A stream of server-sent events as the `chunk` frames of `InvokeModelWithResponseStream`.
#[derive(Debug)]
pub struct InvokedStream {
    events: relayed::Stream,
    /// The event at hand; reused.
    event: BytesMut,
    /// The payload under construction; reused.
    payload: String,
}

impl InvokedStream {
    /// Of an endpoint's language.
    pub fn new(language: Language) -> Self {
        Self {
            events: relayed::Stream::new(dialect(language), false),
            event: BytesMut::new(),
            payload: String::new(),
        }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.events.push(bytes);
    }

    /// Writes the next event as a frame; false when none is whole yet.
    ///
    /// # Errors
    /// What an event says of a failure; an event that the language does not have.
    pub fn next_event(&mut self, out: &mut BytesMut) -> Result<bool, BedrockError> {
        self.event.clear();
        let found = self.events.next_event(&mut self.event)?;
        let data = data_of(&self.event);
        if !data.is_empty() && *data != b"[DONE]"[..] {
            self.payload.clear();
            self.payload.push_str(r#"{"bytes":""#);
            STANDARD.encode_string(&data, &mut self.payload);
            self.payload.push_str(r#""}"#);
            eventstream::write_event("chunk", self.payload.as_bytes(), out);
        }
        Ok(found)
    }

    /// What the stream has said of itself so far.
    pub fn report(&self) -> &Report {
        self.events.report()
    }

    /// Checks that the stream was complete.
    ///
    /// # Errors
    /// It ended early.
    pub fn finish(&mut self) -> Result<(), BedrockError> {
        self.event.clear();
        self.events.finish(&mut self.event)
    }

    /// Ends the stream with an exception.
    pub fn error(&self, error: &BedrockError, out: &mut BytesMut) {
        eventstream::write_exception(error.kind.stream_exception(true), error.body().as_bytes(), out);
    }
}
