//! Rules of the real service, one function each, with its words and where they are known from.
//!
//! On `Converse` what the model itself refuses comes with a prefix (recorded); on `InvokeModel` it comes bare. Rules that
//! depend on the model ask the catalog and the quirks; what they do not know is not refused. Where the words are not
//! known, they are ours, in the style of their neighbours, and the function says so.

mod caching;
mod conversation;
mod media;
mod parameters;
mod reasoning;
mod tools;

use outcrop_catalog::{Model, ReasoningMode};

use crate::failure::Failure;
use crate::prompt::Prompt;
use crate::quirks::Quirks;
use crate::tokens;

/// Where a question came in; it decides the words of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `Converse`, `ConverseStream`.
    Converse,
    /// `InvokeModel` with the model's own body, and OpenAI's and Anthropic's routes.
    Invoke,
}

type Verdict = Result<(), Failure>;

/// A question, the model it is for, and where it came in.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    /// What is asked.
    pub(crate) prompt: &'a Prompt,
    /// Whom.
    pub(crate) model: Option<&'a Model>,
    /// What is peculiar about it.
    pub(crate) quirks: &'a Quirks,
    /// Where.
    pub(crate) surface: Surface,
}

/// Checks a question against all rules; the first that is broken answers.
///
/// # Errors
/// 400 in the service's words.
pub(crate) fn check(case: Case<'_>) -> Verdict {
    conversation::check(case)?;
    tools::check(case)?;
    parameters::check(case)?;
    media::check(case)?;
    caching::check(case)?;
    reasoning::check(case)?;
    input_fits_the_context(case)
}

impl Case<'_> {
    fn is_converse(self) -> bool {
        self.surface == Surface::Converse
    }

    /// What the model refuses itself.
    fn model_says(self, text: impl AsRef<str>) -> Failure {
        match self.surface {
            Surface::Converse => {
                Failure::validation(format!("The model returned the following errors: {}", text.as_ref()))
            }
            Surface::Invoke => Failure::validation(text.as_ref()),
        }
    }

    /// Whether the model takes Anthropic's bodies, and so speaks in Anthropic's words.
    fn is_claude(self) -> bool {
        self.family() == Some("anthropic")
    }

    fn is_nova(self) -> bool {
        self.family() == Some("nova")
    }

    fn family(self) -> Option<&'static str> {
        // Only those whose words are known are told apart.
        match self.model?.family.as_deref()? {
            "anthropic" => Some("anthropic"),
            "nova" => Some("nova"),
            _ => None,
        }
    }

    fn reasoning_mode(self) -> Option<ReasoningMode> {
        self.model?.capabilities.reasoning.as_ref().map(|reasoning| reasoning.mode)
    }
}

/// `This model doesn't support the FIELD field. Remove FIELD and try again.` Recorded for `s3Uri`; public reports for
/// others (strands-agents/harness-sdk#1241).
fn unsupported_field(field: &str) -> Failure {
    Failure::validation(format!(
        "This model doesn't support the {field} field. Remove {field} and try again."
    ))
}

/// More than the context window takes. Nova's words: recorded. Those of others: public reports
/// (aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#994).
fn input_fits_the_context(case: Case<'_>) -> Verdict {
    let Some(limit) = case.model.and_then(|model| model.limits.context_tokens) else { return Ok(()) };
    // A token has a byte at least, so that short questions need not be counted.
    if (case.prompt.request_bytes as u64) < limit || tokens::of_request(&case.prompt.request) <= limit {
        return Ok(());
    }
    Err(match case.is_nova() {
        true => case.model_says(
            "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
        ),
        false => Failure::validation("Input is too long for requested model."),
    })
}
