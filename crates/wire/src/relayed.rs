//! Requests and answers of AWS's own OpenAI- and Anthropic-style endpoints, for clients that speak the same dialect.
//!
//! What a client wrote goes out and what the endpoint answers comes back byte for byte, but for the few members named in
//! [`request`]. The answer is watched on its way: for its usage, for its end, and for errors that come as an event.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use outcrop_catalog::Model;
use outcrop_texts as texts;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::Notices;
use crate::bedrock::{BedrockError, ErrorKind, Text, Usage};
use crate::dialect::{Dialect, RequestError, error_body, to_vec};
use crate::envelope::{Envelope, Members, NativeUsage};
use crate::family::{Terms, fit_members, fit_openai_members};
use crate::incoming::{Incoming, data_of};
use crate::{openai_responses, sse};

/// A request for one of the endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its body.
    pub body: Bytes,
    /// The stream will state its usage only because we ask for it; the client did not.
    pub hides_usage: bool,
    /// The client wants the response to be stored (Responses).
    pub stores: bool,
    /// What was changed.
    pub notices: Notices,
}

/// Makes the request of a client's body, which has these `members`: `model` becomes the endpoint's name for it, a Chat
/// Completions stream is asked for its usage, and a response is not stored by AWS, for the gateway keeps what clients want
/// stored. Without any of these the body is the client's own.
///
/// # Errors
/// A response that is to run in the background; a member that is not what it should be.
pub fn request(
    dialect: Dialect,
    body: &Bytes,
    members: &Members<'_>,
    name: &str,
    stream: bool,
) -> Result<Request, RequestError> {
    request_to(None, dialect, body, members, (name, stream), &Terms::default())
}

/// As [`request`], with the parameters that `model` takes.
///
/// # Errors
/// Those of [`request`]; under [`crate::family::ParameterPolicy::Refuse`] a parameter that the model does not take.
pub fn request_to(
    model: Option<&Model>,
    dialect: Dialect,
    body: &Bytes,
    Members(members): &Members<'_>,
    (name, stream): (&str, bool),
    terms: &Terms<'_>,
) -> Result<Request, RequestError> {
    let mut edit = Edit { members, changes: Vec::new(), gone: Vec::new(), notices: Notices::default() };
    edit.fit(dialect, model, terms)?;
    edit.name(name);
    if dialect == Dialect::ChatCompletions {
        edit.leave_out_empty_offer();
    }
    let hides_usage = dialect == Dialect::ChatCompletions && stream && edit.ask_for_usage()?;
    let stores = dialect == Dialect::Responses && edit.store_nothing()?;
    Ok(Request { hides_usage, stores, body: edit.body(body), notices: edit.notices })
}

/// Whether a body prescribes a schema for its answer.
pub fn prescribes_form(dialect: Dialect, Members(members): &Members<'_>) -> bool {
    #[derive(Default, Deserialize)]
    struct Form<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Text<'a>>,
        #[serde(borrow)]
        format: Option<&'a RawValue>,
    }
    fn is_schema(form: &Form<'_>) -> bool {
        form.kind.as_deref() == Some("json_schema")
    }
    fn read(value: &RawValue) -> Form<'_> {
        serde_json::from_str(value.get()).unwrap_or_default()
    }
    members.iter().any(|(key, value)| match (dialect, key.as_ref()) {
        (Dialect::ChatCompletions, "response_format") | (Dialect::Messages, "output_format") => {
            is_schema(&read(value))
        }
        (Dialect::Responses, "text") | (Dialect::Messages, "output_config") => {
            read(value).format.is_some_and(|format| is_schema(&read(format)))
        }
        _ => false,
    })
}

/// A body and the members that are to be others.
struct Edit<'a> {
    members: &'a [(Cow<'a, str>, &'a RawValue)],
    changes: Vec<(&'static str, Vec<u8>)>,
    gone: Vec<&'static str>,
    notices: Notices,
}

impl<'a> Edit<'a> {
    /// A member that says something; null says nothing.
    fn value(&self, key: &str) -> Option<&'a RawValue> {
        let member = self.members.iter().find(|(known, _)| known == key);
        member.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    fn set(&mut self, key: &'static str, value: Vec<u8>) {
        if self.value(key).is_none_or(|known| known.get().as_bytes() != value) {
            self.changes.push((key, value));
        }
    }

    /// Repairs parameters by the rules of the model.
    fn fit(
        &mut self,
        dialect: Dialect,
        model: Option<&Model>,
        terms: &Terms<'_>,
    ) -> Result<(), RequestError> {
        let fit = if dialect == Dialect::Messages { fit_members } else { fit_openai_members };
        for (key, value) in fit(self.members, model, terms, &mut self.notices)? {
            match value {
                Some(value) => self.changes.push((key, value.into_bytes())),
                None => self.gone.push(key),
            }
        }
        Ok(())
    }

    fn name(&mut self, model: &str) {
        self.set("model", to_vec(model));
    }

    /// An empty list of tools offers none, as clients that have none mean it; Chat Completions refuses it, and all that
    /// would be said of tools beside it.
    ///
    /// Source: OpenAI's answer to `"tools": []` ("Expected an array with minimum length 1").
    fn leave_out_empty_offer(&mut self) {
        let is_empty = |list: &RawValue| serde_json::from_str::<[IgnoredAny; 0]>(list.get()).is_ok();
        if !self.value("tools").is_some_and(is_empty) {
            return;
        }
        for key in ["tools", "tool_choice", "parallel_tool_calls"] {
            if self.value(key).is_some() && !self.gone.contains(&key) {
                self.gone.push(key);
                self.notices.dropped(key, "an empty list offers no tools, and Chat Completions refuses one");
            }
        }
    }

    /// Whether the usage would not have been stated otherwise.
    fn ask_for_usage(&mut self) -> Result<bool, RequestError> {
        const USAGE: &str = "include_usage";
        let unreadable = |_| RequestError::at("stream_options", texts::not_an_object("stream_options"));
        let mut options = Envelope::with_capacity(32);
        if let Some(own) = self.value("stream_options") {
            let Members(members) = serde_json::from_str(own.get()).map_err(unreadable)?;
            if members.iter().any(|(key, value)| key == USAGE && value.get() == "true") {
                return Ok(false);
            }
            for (key, value) in members.iter().filter(|(key, _)| key != USAGE) {
                options.member(key, value.get().as_bytes());
            }
        }
        options.member(USAGE, b"true");
        self.changes.push(("stream_options", options.finish()));
        Ok(true)
    }

    /// Whether the client wants the response stored, which is OpenAI's default. A conversation that goes on without AWS's
    /// store needs its reasoning back, in encrypted form.
    fn store_nothing(&mut self) -> Result<bool, RequestError> {
        const REASONING: &str = "reasoning.encrypted_content";
        if self.value("background").is_some_and(|value| value.get() == "true") {
            return Err(RequestError::at("background", texts::BACKGROUND));
        }
        let stores = self.value("store").is_none_or(|value| value.get() == "true");
        if !stores {
            return Ok(false);
        }
        let unreadable = |_| RequestError::at("include", texts::not_strings("include"));
        let mut include: Vec<String> = match self.value("include") {
            Some(own) => serde_json::from_str(own.get()).map_err(unreadable)?,
            None => Vec::new(),
        };
        if !include.iter().any(|what| what == REASONING) {
            include.push(REASONING.to_owned());
            self.set("include", to_vec(&include));
        }
        self.set("store", b"false".to_vec());
        self.notices.push("rewritten", "store", "the response is kept by the gateway, not by AWS".to_owned());
        Ok(true)
    }

    fn body(&self, sent: &Bytes) -> Bytes {
        if self.changes.is_empty() && self.gone.is_empty() {
            return sent.clone();
        }
        let mut out = Envelope::with_capacity(sent.len() + 64);
        let changed = |key: &str| self.changes.iter().find(|(known, _)| *known == key);
        for (key, value) in self.members.iter().filter(|(key, _)| !self.gone.contains(&key.as_ref())) {
            match changed(key) {
                Some((_, changed)) => out.member(key, changed),
                None => out.member(key, value.get().as_bytes()),
            }
        }
        let is_new = |key: &str| !self.members.iter().any(|(known, _)| known == key);
        for (key, value) in self.changes.iter().filter(|(key, _)| is_new(key)) {
            out.member(key, value);
        }
        Bytes::from(out.finish())
    }
}

/// What an answer says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The tokens, in Bedrock's algebra: the input without what came from the cache.
    pub usage: Option<Usage>,
    /// Why the model stopped, in the dialect's own word.
    pub stop_reason: Option<String>,
    /// Responses: what the response failed of.
    pub failed: Option<ErrorKind>,
}

/// What an unstreamed answer says of itself; nothing where it cannot be read.
pub fn report(dialect: Dialect, body: &[u8]) -> Report {
    let stated: Stated<'_> = serde_json::from_slice(body).unwrap_or_default();
    stated.report(dialect)
}

/// The failure that an unstreamed answer tells of in place of one. A response (Responses) that failed is an answer.
pub fn failure(dialect: Dialect, body: &[u8]) -> Option<BedrockError> {
    if dialect == Dialect::Responses {
        return None;
    }
    serde_json::from_slice::<Stated<'_>>(body).ok()?.failure(body)
}

/// The members of an answer, or of an event, that are remembered, of all dialects.
#[derive(Default, Deserialize)]
struct Stated<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    /// Responses: the state of the response in its events.
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    /// Messages: what `message_start` holds.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    /// Messages: an object with the stop reason in `message_delta`; Responses: a text, which says nothing here.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

/// Where OpenAI's dialects say how much of the input came from the cache.
#[derive(Default, Deserialize)]
struct Cached {
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

/// A usage object in Bedrock's algebra: OpenAI's input holds what came from the cache, Bedrock's does not.
pub(crate) fn usage(dialect: Dialect, stated: &RawValue) -> Option<Usage> {
    let native: NativeUsage = serde_json::from_str(stated.get()).ok()?;
    let mut usage = native.usage()?;
    if dialect != Dialect::Messages {
        let Cached { prompt_tokens_details, input_tokens_details } =
            serde_json::from_str(stated.get()).unwrap_or_default();
        let details = prompt_tokens_details.or(input_tokens_details).unwrap_or_default();
        let read = details.cached_tokens.filter(|tokens| *tokens > 0);
        let written = details.cache_write_tokens.filter(|tokens| *tokens > 0);
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        usage.input_tokens = usage.input_tokens.saturating_sub(cached);
        usage.cache_read_input_tokens = read;
        usage.cache_write_input_tokens = written;
    }
    Some(usage)
}

impl Stated<'_> {
    fn report(&self, dialect: Dialect) -> Report {
        let usage = self.usage.and_then(|stated| usage(dialect, stated));
        let finished = self.choices.iter().flatten().find_map(|choice| choice.finish_reason.as_ref());
        let said = match dialect {
            Dialect::ChatCompletions => finished,
            Dialect::Responses => self.status.as_ref(),
            Dialect::Messages | Dialect::Bedrock => self.stop_reason.as_ref(),
        };
        let stop_reason = said.map(|reason| reason.0.clone().into_owned());
        let has_failed = dialect == Dialect::Responses && stop_reason.as_deref() == Some("failed");
        Report { usage, stop_reason, failed: has_failed.then(|| self.failure_kind()) }
    }

    /// By the word that `error` has for it.
    fn failure_kind(&self) -> ErrorKind {
        let told = format!("{{\"error\":{}}}", self.error.map_or("null", RawValue::get));
        BedrockError::from_event(told.as_bytes()).kind
    }
}

/// A stream of server-sent events on its way through: whole events only, watched.
#[derive(Debug)]
pub struct Stream {
    dialect: Dialect,
    hides_usage: bool,
    incoming: Incoming,
    /// How many events with data have come.
    events: u64,
    /// The dialect's last event has come.
    ended: bool,
    report: Report,
    /// Messages: what has been said of the usage so far.
    native: NativeUsage,
    /// Responses: the finished response.
    response: Option<Bytes>,
    /// The event that tells of a failure, as it came.
    failure: Option<Bytes>,
}

impl Stream {
    /// Of a dialect; `hides_usage` as in [`Request::hides_usage`].
    pub fn new(dialect: Dialect, hides_usage: bool) -> Self {
        Self {
            dialect,
            hides_usage,
            incoming: Incoming::default(),
            events: 0,
            ended: false,
            report: Report::default(),
            native: NativeUsage::default(),
            response: None,
            failure: None,
        }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.incoming.push(bytes);
    }

    /// Writes the next event to `out`; false when none is whole yet.
    ///
    /// # Errors
    /// What an event says of a failure; an event that no dialect has; one that never ends.
    pub fn next_event(&mut self, out: &mut BytesMut) -> Result<bool, BedrockError> {
        let Some(event) = self.incoming.next_event()? else { return Ok(false) };
        let data = data_of(&event);
        let shown = if data.is_empty() { self.events > 0 } else { self.watch(&data, &event)? };
        if shown {
            out.extend_from_slice(&event);
        }
        Ok(true)
    }

    /// What the stream has said of itself so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The finished response (Responses).
    pub fn response(&self) -> Option<&[u8]> {
        self.response.as_deref()
    }

    /// Checks that the stream was complete. A Chat Completions stream that said everything but `[DONE]` gets it.
    ///
    /// # Errors
    /// The stream ended early.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<(), BedrockError> {
        if self.incoming.is_mid_event() {
            return Err(BedrockError::cut(texts::WITHIN_AN_EVENT));
        }
        let said_all = self.report.stop_reason.is_some() && self.report.usage.is_some();
        match self.dialect {
            _ if self.ended => Ok(()),
            Dialect::ChatCompletions if said_all => {
                self.ended = true;
                out.extend_from_slice(sse::DONE);
                Ok(())
            }
            _ => Err(BedrockError::cut(texts::BEFORE_THE_LAST_EVENT)),
        }
    }

    /// Says in the dialect that the stream failed: in the endpoint's own words where it said so itself.
    pub fn error(&mut self, error: &BedrockError, request_id: &str, out: &mut BytesMut) {
        if let Some(event) = self.failure.take() {
            return out.extend_from_slice(&event);
        }
        let body = error_body(self.dialect, error.status, error, request_id, None);
        match self.dialect {
            Dialect::ChatCompletions => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(&body);
                out.extend_from_slice(b"\n\n");
            }
            Dialect::Responses => openai_responses::write_error(&mut self.events, error, out),
            Dialect::Messages | Dialect::Bedrock => sse::write_raw(out, "error", &body),
        }
    }

    /// Remembers what an event says; whether the client is to see it.
    fn watch(&mut self, data: &[u8], event: &Bytes) -> Result<bool, BedrockError> {
        if data == b"[DONE]" {
            self.ended = true;
            return Ok(true);
        }
        let stated: Stated<'_> = serde_json::from_slice(data)
            .map_err(|error| BedrockError::cut(texts::event_unreadable(error)))?;
        if let Some(failure) = stated.failure(data) {
            self.failure = Some(event.clone());
            return Err(failure);
        }
        self.events += 1;
        match self.dialect {
            Dialect::ChatCompletions => self.chunk(&stated),
            Dialect::Responses => self.response_event(&stated),
            Dialect::Messages | Dialect::Bedrock => self.message_event(&stated),
        }
        let is_usage_alone = stated.usage.is_some() && stated.choices.as_ref().is_some_and(Vec::is_empty);
        Ok(!(self.hides_usage && is_usage_alone))
    }

    fn note(&mut self, report: Report) {
        let Report { usage, stop_reason, failed } = report;
        self.report.failed = failed.or(self.report.failed.take());
        self.report.usage = usage.or(self.report.usage.take());
        self.report.stop_reason = stop_reason.or(self.report.stop_reason.take());
    }

    fn chunk(&mut self, stated: &Stated<'_>) {
        self.note(stated.report(self.dialect));
    }

    fn response_event(&mut self, stated: &Stated<'_>) {
        let ends = ["response.completed", "response.incomplete", "response.failed"];
        if !stated.kind.as_deref().is_some_and(|kind| ends.contains(&kind)) {
            return;
        }
        self.ended = true;
        if let Some(response) = stated.response {
            self.note(report(self.dialect, response.get().as_bytes()));
            self.response = Some(Bytes::copy_from_slice(response.get().as_bytes()));
        }
    }

    fn message_event(&mut self, stated: &Stated<'_>) {
        let started: Option<Stated<'_>> =
            stated.message.and_then(|message| serde_json::from_str(message.get()).ok());
        let usages = [started.and_then(|message| message.usage), stated.usage];
        for usage in usages.into_iter().flatten().filter_map(|usage| serde_json::from_str(usage.get()).ok()) {
            self.native.update(usage);
        }
        let delta: Option<Stated<'_>> = stated.delta.and_then(|delta| serde_json::from_str(delta.get()).ok());
        let stop_reason = delta.and_then(|delta| delta.report(self.dialect).stop_reason);
        // What `message_start` says of the output is its beginning: the usage is known when the stop reason is.
        let is_known = stop_reason.is_some() || self.report.stop_reason.is_some();
        let usage = is_known.then(|| self.native.usage()).flatten();
        self.note(Report { usage, stop_reason, failed: None });
        self.ended |= stated.kind.as_deref() == Some("message_stop");
    }
}

impl Stated<'_> {
    /// The failure that an event tells of. A response that failed says so itself, in its last event.
    fn failure(&self, data: &[u8]) -> Option<BedrockError> {
        let is_error = self.kind.as_deref() == Some("error");
        let named = self.kind.is_none() || is_error;
        let tells = is_error || self.error.is_some_and(|error| error.get() != "null");
        (named && tells).then(|| BedrockError::from_event(data))
    }
}
