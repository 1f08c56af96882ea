//! `ApplyGuardrail`: a guardrail judges texts that go to a model which takes none itself.
//!
//! Shapes: botocore 1.43.11, `ApplyGuardrailRequest`, `ApplyGuardrailResponse`.

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::dialect::to_vec;

/// The body that has these texts judged as a user's.
pub fn request(texts: &[String]) -> Vec<u8> {
    let content = texts.iter().map(|text| Block { text: Words { text } }).collect();
    to_vec(&Request { source: "INPUT", content })
}

#[derive(Serialize)]
struct Request<'a> {
    source: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
struct Block<'a> {
    text: Words<'a>,
}

#[derive(Serialize)]
struct Words<'a> {
    text: &'a str,
}

/// What a guardrail says to some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// They may pass.
    Passes,
    /// These may pass in their place, one for each.
    Masked(Vec<String>),
    /// They may not; what is to be said instead.
    Blocked(String),
}

impl Judgement {
    /// Reads an answer about so many texts. What could be a block is one.
    ///
    /// # Errors
    /// An answer that cannot be read.
    pub fn read(body: &[u8], texts: usize) -> Result<Self, serde_json::Error> {
        let Response { action, outputs, assessments } = serde_json::from_slice(body)?;
        if action == "NONE" {
            return Ok(Self::Passes);
        }
        let mut outputs: Vec<String> = outputs.into_iter().map(|output| output.text).collect();
        let blocks = assessments.iter().any(|assessment| assessment.get().contains("\"BLOCKED\""));
        Ok(match blocks || outputs.len() != texts {
            true => Self::Blocked(outputs.drain(..).next().unwrap_or_default()),
            false => Self::Masked(outputs),
        })
    }
}

#[derive(Deserialize)]
struct Response {
    action: String,
    #[serde(default)]
    outputs: Vec<Output>,
    #[serde(default)]
    assessments: Vec<Json>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, texts: usize) -> Judgement {
        Judgement::read(body.as_bytes(), texts).unwrap()
    }

    #[test]
    fn what_could_be_a_block_is_one() {
        assert_eq!(read(r#"{"action":"NONE","outputs":[]}"#, 1), Judgement::Passes);
        let masked = r#"{"action":"GUARDRAIL_INTERVENED","outputs":[{"text":"{EMAIL}"}],"assessments":[
            {"sensitiveInformationPolicy":{"piiEntities":[{"action":"ANONYMIZED"}]}}]}"#;
        assert_eq!(read(masked, 1), Judgement::Masked(vec!["{EMAIL}".to_owned()]));
        assert_eq!(read(masked, 2), Judgement::Blocked("{EMAIL}".to_owned()), "one text is missing");
        let blocked = masked.replace("ANONYMIZED", "BLOCKED");
        assert_eq!(read(&blocked, 1), Judgement::Blocked("{EMAIL}".to_owned()));
        assert_eq!(read(r#"{"action":"SOMETHING_NEW"}"#, 1), Judgement::Blocked(String::new()));
        assert!(Judgement::read(b"{}", 1).is_err());
    }

    #[test]
    fn texts_are_judged_as_a_users() {
        assert_eq!(
            String::from_utf8(request(&["a\"".to_owned()])).unwrap(),
            r#"{"source":"INPUT","content":[{"text":{"text":"a\""}}]}"#
        );
    }
}
