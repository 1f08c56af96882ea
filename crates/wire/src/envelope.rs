//! The envelope of a relayed Messages body: what InvokeModel wants different, and what its answers say about usage.
//!
//! Claude's native body on Bedrock *is* the Messages API, except that the model and the wish to stream are in the URL and
//! that it names a version. So a relay edits top-level members only; every value travels as the bytes the client wrote.

use std::borrow::Cow;
use std::fmt;

use outcrop_catalog::Model;
use outcrop_texts as texts;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::bedrock::{CacheDetail, Usage};
use crate::dialect::{RequestError, to_vec};
use crate::family::{Edits, Terms, Way, fit_members, welcome_betas};
use crate::union::Text;
use crate::{Notices, lesson};

/// The version of the Messages API that Bedrock expects in the body.
pub const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";

/// Makes the InvokeModel body of a Messages body: without `model` and `stream`, with `anthropic_version` and with the
/// values of the `anthropic-beta` headers merged into `anthropic_beta`.
///
/// The values of all other members are copied byte for byte, in their order. `max_tokens` must be present, as in the
/// Messages API itself.
pub fn relay_messages(body: &[u8], beta_headers: &[&str]) -> Result<Vec<u8>, RequestError> {
    let members = Members::read(body)?;
    relay_messages_to(None, &members, beta_headers, &Terms::default(), &mut Notices::default())
}

/// As [`relay_messages`], with the betas and parameters that `model` takes, and without the members it has refused.
///
/// # Errors
/// Those of [`relay_messages`]; under [`crate::family::ParameterPolicy::Refuse`] a parameter that the model does not take.
pub fn relay_messages_to(
    model: Option<&Model>,
    Members(members): &Members<'_>,
    beta_headers: &[&str],
    terms: &Terms<'_>,
    notices: &mut Notices,
) -> Result<Vec<u8>, RequestError> {
    if !limits_tokens(members) {
        return Err(RequestError::at("max_tokens", texts::NO_LIMIT));
    }
    let edits = fit_members(members, model, terms, notices)?;
    let betas =
        welcome_betas(merged_betas(members, beta_headers)?, model, Way::InvokeModel, terms.refused, notices);
    let body = enveloped(members, &betas, &edits);
    Ok(lesson::leave_out(body, terms.refused, notices))
}

/// Makes the InvokeModel body of a `count_tokens` body, as [`relay_messages_to`] does; `max_tokens`, which InvokeModel
/// requires and `count_tokens` does not know, is added where it is absent.
///
/// # Errors
/// Those of [`relay_messages_to`].
pub fn countable_messages(
    model: Option<&Model>,
    Members(members): &Members<'_>,
    beta_headers: &[&str],
    max_tokens: u64,
    terms: &Terms<'_>,
    notices: &mut Notices,
) -> Result<Vec<u8>, RequestError> {
    let mut edits = fit_members(members, model, terms, notices)?;
    if !limits_tokens(members) {
        edits.push(("max_tokens", Some(max_tokens.to_string())));
    }
    let betas =
        welcome_betas(merged_betas(members, beta_headers)?, model, Way::InvokeModel, terms.refused, notices);
    let body = enveloped(members, &betas, &edits);
    Ok(lesson::leave_out(body, terms.refused, notices))
}

fn limits_tokens(members: &[(Cow<'_, str>, &RawValue)]) -> bool {
    members.iter().any(|(key, value)| key == "max_tokens" && value.get() != "null")
}

/// The members within their new envelope, edited.
fn enveloped(members: &[(Cow<'_, str>, &RawValue)], betas: &[String], edits: &Edits) -> Vec<u8> {
    let written: usize = members.iter().map(|(key, value)| key.len() + value.get().len() + 4).sum();
    let mut out = Envelope::with_capacity(written + 128);
    if !members.iter().any(|(key, _)| key == "anthropic_version") {
        out.member("anthropic_version", &to_vec(ANTHROPIC_VERSION));
    }
    if !betas.is_empty() {
        out.member("anthropic_beta", &to_vec(betas));
    }
    for (key, text) in edits {
        if let Some(text) = text {
            out.member(key, text.as_bytes());
        }
    }
    for (key, value) in members {
        let edited = edits.iter().any(|(edited, _)| edited == key);
        if !edited && !matches!(key.as_ref(), "model" | "stream" | "anthropic_beta") {
            out.member(key, value.get().as_bytes());
        }
    }
    out.finish()
}

/// Whether a Messages body prescribes the form of its answer (`output_config.format`, or `output_format` as it was).
pub fn prescribes_form(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        output_config: Option<Config<'a>>,
        #[serde(borrow)]
        output_format: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Config<'a> {
        #[serde(borrow)]
        format: Option<&'a RawValue>,
    }
    // Most bodies have neither; one pass over the bytes tells.
    let may = memchr::memmem::find(body, b"\"output_").is_some();
    let read = || serde_json::from_slice::<Body<'_>>(body).ok();
    may && read().is_some_and(|body| {
        body.output_format.is_some() || body.output_config.is_some_and(|config| config.format.is_some())
    })
}

/// The body with one top-level member set, and whether it had that member before. All others travel as they came.
pub fn with_member<T: serde::Serialize>(
    body: &[u8],
    key: &str,
    value: &T,
) -> Result<(Vec<u8>, bool), RequestError> {
    let Members(members) = RequestError::read(body)?;
    let value = to_vec(value);
    let mut out = Envelope::with_capacity(body.len() + key.len() + value.len() + 8);
    for (known, kept) in members.iter().filter(|(known, _)| known != key) {
        out.member(known, kept.get().as_bytes());
    }
    out.member(key, &value);
    Ok((out.finish(), members.iter().any(|(known, _)| known == key)))
}

/// The body without one top-level member. All others travel as they came.
pub(crate) fn without_member(body: &[u8], key: &str) -> Result<Vec<u8>, RequestError> {
    let Members(members) = RequestError::read(body)?;
    let mut out = Envelope::with_capacity(body.len());
    for (known, kept) in members.iter().filter(|(known, _)| known != key) {
        out.member(known, kept.get().as_bytes());
    }
    Ok(out.finish())
}

/// Values of `anthropic-beta` headers (each may be a list separated by commas), without blanks and repetitions.
pub fn beta_list<'a>(beta_headers: &[&'a str]) -> Vec<&'a str> {
    let mut betas = Vec::new();
    for beta in beta_headers.iter().flat_map(|value| value.split(',')).map(str::trim) {
        if !beta.is_empty() && !betas.contains(&beta) {
            betas.push(beta);
        }
    }
    betas
}

fn merged_betas(
    members: &[(Cow<'_, str>, &RawValue)],
    headers: &[&str],
) -> Result<Vec<String>, RequestError> {
    let mut betas: Vec<String> = Vec::new();
    for (_, value) in members.iter().filter(|(key, value)| key == "anthropic_beta" && value.get() != "null") {
        betas = serde_json::from_str(value.get())
            .map_err(|_| RequestError::at("anthropic_beta", texts::not_strings("anthropic_beta")))?;
    }
    for beta in beta_list(headers) {
        if !betas.iter().any(|present| present == beta) {
            betas.push(beta.to_owned());
        }
    }
    Ok(betas)
}

/// A JSON object under construction.
pub(crate) struct Envelope(Vec<u8>);

impl Envelope {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.push(b'{');
        Self(out)
    }

    pub(crate) fn member(&mut self, key: &str, value: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(&to_vec(key));
        self.0.push(b':');
        self.0.extend_from_slice(value);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// The top-level members of a body, values untouched. One pass over the body finds them, whoever asks for them then.
#[derive(Debug, Clone, Default)]
pub struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Finds the members of a body; the whole of it is checked to be JSON.
    ///
    /// # Errors
    /// A body that is no JSON object.
    pub fn read(body: &'a [u8]) -> Result<Self, RequestError> {
        let read = str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
        read.map_err(|error| RequestError::malformed(&error))
    }

    /// The one member of this name; `None` when it is absent or null.
    ///
    /// # Errors
    /// It stands there twice: two readers of one body must not be able to disagree.
    pub(crate) fn only(&self, name: &'static str) -> Result<Option<&'a RawValue>, RequestError> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| *value);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(RequestError::at(name, texts::twice(name))),
            (value, None) => Ok(value.filter(|value| value.get() != "null")),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

/// The usage that an unstreamed InvokeModel answer states about itself; `None` when its format has none.
///
/// Known formats: Claude (`usage.input_tokens` …), Nova (`usage.inputTokens` …), Llama (`prompt_token_count` …), Titan's
/// embeddings (`inputTextTokenCount`), and the OpenAI form of the open-weight models (`usage.prompt_tokens` …).
pub fn invoke_usage(body: &[u8]) -> Option<Usage> {
    let answer: NativeAnswer = serde_json::from_slice(body).ok()?;
    let NativeAnswer { usage, prompt_token_count, generation_token_count, embedded } = answer;
    match (usage, embedded) {
        (Some(usage), _) => usage.into_usage(),
        (None, Some(embedded)) => counted(embedded, 0),
        (None, None) => counted(prompt_token_count?, generation_token_count?),
    }
}

#[derive(Deserialize)]
struct NativeAnswer {
    usage: Option<NativeUsage>,
    prompt_token_count: Option<u64>,
    generation_token_count: Option<u64>,
    #[serde(rename = "inputTextTokenCount")]
    embedded: Option<u64>,
}

/// The usage object of any native format; each format sets its own members.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct NativeUsage {
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    #[serde(rename = "inputTokens")]
    nova_input: Option<u64>,
    #[serde(rename = "outputTokens")]
    nova_output: Option<u64>,
    #[serde(rename = "cacheReadInputTokenCount")]
    nova_cache_read: Option<u64>,
    #[serde(rename = "cacheWriteInputTokenCount")]
    nova_cache_write: Option<u64>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Claude's cache writes by time to live.
#[derive(Debug, Clone, Default, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

impl NativeUsage {
    fn into_usage(self) -> Option<Usage> {
        let input = self.input_tokens.or(self.nova_input).or(self.prompt_tokens)?;
        let output = self.output_tokens.or(self.nova_output).or(self.completion_tokens)?;
        let mut usage = counted(input, output)?;
        usage.cache_read_input_tokens = self.cache_read_input_tokens.or(self.nova_cache_read);
        usage.cache_write_input_tokens = self.cache_creation_input_tokens.or(self.nova_cache_write);
        usage.cache_details = self.cache_creation.map(CacheCreation::into_details);
        for cached in [usage.cache_read_input_tokens, usage.cache_write_input_tokens].into_iter().flatten() {
            usage.total_tokens = usage.total_tokens.saturating_add(cached);
        }
        Some(usage)
    }

    /// Takes over what `later` states: `message_delta` repeats or corrects what `message_start` said.
    pub(crate) fn update(&mut self, later: NativeUsage) {
        fn replace<T>(known: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *known = later;
            }
        }
        let NativeUsage {
            input_tokens,
            output_tokens,
            cache_creation_input_tokens,
            cache_read_input_tokens,
            cache_creation,
            nova_input,
            nova_output,
            nova_cache_read,
            nova_cache_write,
            prompt_tokens,
            completion_tokens,
        } = later;
        replace(&mut self.input_tokens, input_tokens);
        replace(&mut self.output_tokens, output_tokens);
        replace(&mut self.cache_creation_input_tokens, cache_creation_input_tokens);
        replace(&mut self.cache_read_input_tokens, cache_read_input_tokens);
        replace(&mut self.cache_creation, cache_creation);
        replace(&mut self.nova_input, nova_input);
        replace(&mut self.nova_output, nova_output);
        replace(&mut self.nova_cache_read, nova_cache_read);
        replace(&mut self.nova_cache_write, nova_cache_write);
        replace(&mut self.prompt_tokens, prompt_tokens);
        replace(&mut self.completion_tokens, completion_tokens);
    }

    /// The usage so far, when input and output are both known.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.clone().into_usage()
    }
}

impl CacheCreation {
    fn into_details(self) -> Vec<CacheDetail> {
        let detail = |ttl: &str, tokens: Option<u64>| {
            tokens
                .filter(|tokens| *tokens > 0)
                .map(|input_tokens| CacheDetail { ttl: Some(ttl.to_owned()), input_tokens })
        };
        let five_minutes = detail("5m", self.ephemeral_5m_input_tokens);
        five_minutes.into_iter().chain(detail("1h", self.ephemeral_1h_input_tokens)).collect()
    }
}

fn counted(input_tokens: u64, output_tokens: u64) -> Option<Usage> {
    let total_tokens = input_tokens.checked_add(output_tokens)?;
    Some(Usage { input_tokens, output_tokens, total_tokens, ..Usage::default() })
}
