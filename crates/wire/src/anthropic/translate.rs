//! A Messages request in the canonical form.

use crate::dialect::{RequestError, Translated};

/// Reads a Messages request; `beta_headers` are the values of its `anthropic-beta` headers.
///
/// [`RequestError`] when it breaks a rule or asks for what cannot be carried.
pub fn translate(body: &[u8], beta_headers: &[&str]) -> Result<Translated, RequestError> {
    let mut translated = RequestError::read::<serde::de::IgnoredAny>(body).map(|_| Translated::default())?;
    translated.intent.betas =
        crate::envelope::beta_list(beta_headers).into_iter().map(str::to_owned).collect();
    Ok(translated)
}
