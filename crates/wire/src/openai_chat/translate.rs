//! A Chat Completions request in the canonical form.

use crate::dialect::{RequestError, Translated};

/// A Chat Completions request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The conversation, the intent, and what could not be carried.
    pub translated: Translated,
    /// `stream_options.include_usage`: the last chunk of a stream states the usage.
    pub include_usage: bool,
}

/// Reads a Chat Completions request; [`RequestError`] when it breaks a rule or asks for what cannot be carried.
pub fn translate(body: &[u8]) -> Result<ChatRequest, RequestError> {
    let translated: Translated =
        RequestError::read::<serde::de::IgnoredAny>(body).map(|_| Translated::default())?;
    Ok(ChatRequest { translated, include_usage: false })
}
