//! Which conversation a request belongs to, so that it stays with the target whose prompt cache knows it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A conversation, by what names it: a session header, the client's cache key, or its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Conversation(u64);

impl Conversation {
    /// What tells, strongest first: Claude Code's session header, `prompt_cache_key`, the session in Claude's
    /// `metadata.user_id`, else everything up to the first user message, which is the same in every later turn.
    pub(crate) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        match SESSION_HEADERS.iter().find_map(|name| headers.get(*name)) {
            Some(session) => session.as_bytes().hash(&mut hasher),
            None => Beginning::read(body).hash(&mut hasher, body),
        }
        Self(hasher.finish())
    }
}

/// Claude Code sends the first with each request (code.claude.com, "LLM gateway protocol"); the second is what gateways
/// commonly take.
const SESSION_HEADERS: [&str; 2] = ["x-claude-code-session-id", "x-session-id"];

/// The members that the dialects begin a conversation with.
#[derive(Default, Deserialize)]
struct Beginning<'a> {
    #[serde(borrow, default)]
    prompt_cache_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
}

impl<'a> Beginning<'a> {
    fn read(body: &'a [u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn hash(&self, hasher: &mut DefaultHasher, body: &[u8]) {
        if let Some(key) = &self.prompt_cache_key {
            return key.hash(hasher);
        }
        let user_id = self.metadata.as_ref().and_then(|metadata| metadata.user_id.as_deref());
        if let Some((_, session)) = user_id.and_then(|id| id.rsplit_once("_session_")) {
            return session.hash(hasher);
        }
        for text in [self.system, self.instructions].into_iter().flatten() {
            text.get().hash(hasher);
        }
        match (&self.messages, self.input.map(RawValue::get)) {
            (Some(messages), _) => first_turn(messages).for_each(|message| message.hash(hasher)),
            (None, Some(input)) => match serde_json::from_str::<Vec<&RawValue>>(input) {
                Ok(items) => first_turn(&items).for_each(|item| item.hash(hasher)),
                Err(_) => input.hash(hasher),
            },
            (None, None) => body.hash(hasher),
        }
    }
}

/// Up to the first message of the user.
fn first_turn<'a>(messages: &'a [&'a RawValue]) -> impl Iterator<Item = &'a str> {
    let is_user = |message: &&RawValue| {
        #[derive(Deserialize)]
        struct Role<'a> {
            #[serde(borrow)]
            role: Option<Cow<'a, str>>,
        }
        serde_json::from_str::<Role<'_>>(message.get()).is_ok_and(|it| it.role.as_deref() == Some("user"))
    };
    let end = messages.iter().position(is_user).map_or(messages.len(), |first| first + 1);
    messages[..end].iter().map(|message| message.get())
}

/// Where conversations went that did not stay with their first target.
#[derive(Debug, Default)]
pub(crate) struct Moved(Mutex<HashMap<Conversation, (u64, Instant)>>);

/// Bedrock keeps a prompt cache five minutes after its last use; after an hour the longest one is gone too.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// Clients choose what names a conversation: no more than this many are remembered.
const MOST: usize = 50_000;

impl Moved {
    /// The target a conversation moved to.
    pub(crate) fn to(&self, conversation: Conversation, now: Instant) -> Option<u64> {
        let moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moved.get(&conversation).filter(|(_, until)| now < *until).map(|(target, _)| *target)
    }

    /// It was served by a target that is not its first.
    pub(crate) fn stays(&self, conversation: Conversation, target: u64, now: Instant) {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moved.len() >= MOST {
            moved.retain(|_, (_, until)| now < *until);
        }
        if moved.len() < MOST {
            moved.insert(conversation, (target, now + REMEMBERED));
        }
    }

    /// It is with its first target again.
    pub(crate) fn is_back(&self, conversation: Conversation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&conversation);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(body: &str) -> Conversation {
        Conversation::of(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn later_turns_belong_to_the_conversation() {
        let first =
            of(r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#);
        let later = of(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"max_tokens":5}"#,
        );
        let other =
            of(r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"b"}]}"#);
        assert_eq!(first, later);
        assert_ne!(first, other);
        assert_eq!(
            of(r#"{"input":[{"role":"user","content":"a"}]}"#),
            of(r#"{"input":[{"role":"user","content":"a"},{"type":"function_call"}]}"#)
        );
    }

    #[test]
    fn what_a_client_says_goes_before_its_text() {
        assert_eq!(
            of(r#"{"prompt_cache_key":"k","input":"a"}"#),
            of(r#"{"prompt_cache_key":"k","input":"b"}"#)
        );
        let claude = |session: &str, text: &str| {
            of(&format!(
                r#"{{"metadata":{{"user_id":"user_1_account__session_{session}"}},"messages":[{text}]}}"#
            ))
        };
        assert_eq!(claude("x", "1"), claude("x", "2"));
        assert_ne!(claude("x", "1"), claude("y", "1"));
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-claude-code-session-id"),
            HeaderValue::from_static("s"),
        )]);
        assert_eq!(Conversation::of(&headers, b"a"), Conversation::of(&headers, b"{\"input\":1}"));
    }

    #[test]
    fn a_conversation_is_forgotten_in_time() {
        let (moved, now, conversation) = (Moved::default(), Instant::now(), of("{}"));
        moved.stays(conversation, 7, now);
        assert_eq!(moved.to(conversation, now), Some(7));
        assert_eq!(moved.to(conversation, now + REMEMBERED), None);
        moved.is_back(conversation);
        assert_eq!(moved.to(conversation, now), None);
    }
}
