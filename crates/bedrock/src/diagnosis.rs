//! What AWS's own sentences mean: by the words that tell them apart, which of our texts says what to do.
//!
//! Sentences: reference `bedrock.md` §5 (recorded traffic, AWS's own repositories, issues that quote them). A sentence is known by words that
//! do not change: AWS writes apostrophes as U+2019, people paste them as `'`, so no key holds one.

use outcrop_texts::{self as texts, Text};
use outcrop_wire::bedrock::{BedrockError, ErrorKind};

use Subject::{Access, Credentials, Model, Profile, Quota, Request};

use crate::denial::Denial;

/// One sentence of AWS's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The words that tell it from all others.
    pub words: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong, and what to do.
    pub says: Text,
}

/// What a sentence is about: where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The agreement, authorisation and form that a model takes.
    Access,
    /// Which inference profile was named, or that none was.
    Profile,
    /// The model: its name, and whether it is still served.
    Model,
    /// How much may be sent.
    Quota,
    /// Who we are to AWS.
    Credentials,
    /// What was asked of the model.
    Request,
}

/// What a sentence means; the first that fits.
pub fn of(message: &str) -> Option<&'static Diagnosis> {
    KNOWN.iter().find(|known| message.contains(known.words))
}

/// What to do about an error, for a client: the denial taken apart, or what the table says of the sentence, else of the kind.
pub fn hint(error: &BedrockError) -> Option<String> {
    let denied = Denial::read(&error.message).map(|denial| denial.text());
    let known = || of(&error.message).map(|known| known.says.clone());
    let text = denied.or_else(known).or_else(|| of_kind(&error.kind))?;
    Some(format!("{}: {}", text.message(), text.hint().unwrap_or_default()))
}

/// What a kind means whatever its words: AWS's reference, "Troubleshooting Amazon Bedrock API Error Codes". The others are of
/// the request, and their words say what is wrong with it.
fn of_kind(kind: &ErrorKind) -> Option<Text> {
    Some(match kind {
        ErrorKind::Throttling => texts::THROTTLED,
        ErrorKind::ServiceQuotaExceeded => texts::QUOTA_REACHED,
        ErrorKind::ModelNotReady => texts::MODEL_LOADING,
        ErrorKind::ModelTimeout => texts::MODEL_TOO_SLOW,
        ErrorKind::ModelError | ErrorKind::ModelStreamError => texts::MODEL_FAILED,
        ErrorKind::InternalServer => texts::AWS_FAILED,
        ErrorKind::ServiceUnavailable => texts::NO_CAPACITY,
        ErrorKind::InvalidSignature => texts::SIGNATURE_WRONG,
        ErrorKind::MissingAuthenticationToken | ErrorKind::IncompleteSignature => texts::SIGNATURE_LOST,
        ErrorKind::UnknownOperation => texts::NOT_BEDROCK,
        _ => return None,
    })
}

/// Whether the model can be called through an inference profile only.
pub fn wants_a_profile(error: &BedrockError) -> bool {
    error.kind == ErrorKind::Validation && error.message.contains(ON_DEMAND)
}

const ON_DEMAND: &str = "with on-demand throughput isn";

const fn known(words: &'static str, subject: Subject, says: Text) -> Diagnosis {
    Diagnosis { words, subject, says }
}

/// The narrower before the wider.
pub static KNOWN: [Diagnosis; 31] = [
    known("make sure your API Key is valid", Credentials, texts::API_KEY_UNKNOWN),
    known(ON_DEMAND, Profile, texts::PROFILE_ONLY),
    known("model identifier is invalid", Model, texts::UNKNOWN_THERE),
    known("end of its life", Model, texts::END_OF_LIFE),
    known("have access to the model with the specified", Access, texts::NO_ACCESS),
    known("use case details", Access, texts::USE_CASE_FORM),
    known("aws-marketplace:", Access, texts::MARKETPLACE),
    known("try again after", Access, texts::AGREEMENT_PENDING),
    known("tokens per day", Quota, texts::DAILY_TOKENS),
    known("Too many tokens", Quota, texts::TOKENS_PER_MINUTE),
    known("Too many requests", Quota, texts::REQUESTS_PER_MINUTE),
    known("sent too many requests", Quota, texts::REQUESTS_PER_MINUTE),
    known("maximum tokens you requested exceed", Request, texts::MAX_TOKENS_ABOVE),
    known("Input Tokens Exceeded", Request, texts::CONTEXT_EXCEEDED),
    known("Input is too long for requested model", Request, texts::CONTEXT_EXCEEDED),
    known("cannot both be specified for this model", Request, texts::ONE_OF_TWO),
    known("is deprecated for this model", Request, texts::NO_SAMPLING),
    known("may only be set to 1 when thinking", Request, texts::TEMPERATURE_IS_ONE),
    known("thinking.type.enabled", Request, texts::ADAPTIVE_ONLY),
    known("thinking.adaptive.budget_tokens", Request, texts::ADAPTIVE_BUDGET),
    known("did not allow prompt caching", Request, texts::NO_PROMPT_CACHE),
    known("support the cachePoint field", Request, texts::NO_PROMPT_CACHE),
    known("support the stopSequences field", Request, texts::NO_STOP_SEQUENCES),
    known("the video content block", Request, texts::NO_VIDEOS),
    known("the s3Uri field", Request, texts::NO_S3),
    known("extraneous key", Request, texts::EXTRANEOUS_KEY),
    known("support counting tokens", Profile, texts::COUNT_BARE_IDS),
    known("on this route", Request, texts::OTHER_ROUTE),
    known("security token included in the request is expired", Credentials, texts::TOKEN_EXPIRED),
    known("security token included in the request is invalid", Credentials, texts::ACCESS_KEY_UNKNOWN),
    known("The model returned the following errors", Request, texts::PUBLISHERS_WORDS),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's sentences in full, with the words of the cause each must lead to.
    const SENTENCES: [(&str, &str); 31] = [
        ("Authentication failed: Please make sure your API Key is valid.", "API key"),
        (
            "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
            "inference profile only",
        ),
        (
            "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn't supported.",
            "inference profile only",
        ),
        ("The provided model identifier is invalid.", "identifier"),
        (
            "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
            "no longer serves",
        ),
        ("You don't have access to the model with the specified model ID.", "no access"),
        (
            "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model. If you have already filled out the form, try again in 15 minutes.",
            "use-case form",
        ),
        (
            "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model. Refer to the Amazon Bedrock documentation for further details. Your AWS Marketplace subscription for this model cannot be completed at this time. If you recently fixed this issue, try again after 2 minutes.",
            "Marketplace",
        ),
        ("Your subscription is being processed, try again after 5 minutes.", "being made"),
        ("Too many tokens, please wait before trying again.", "tokens-per-minute"),
        ("Too many tokens per day, please wait before trying again.", "daily"),
        (
            "Too many requests, please wait before trying again. You have sent too many requests.  Wait before trying again.",
            "requests-per-minute",
        ),
        ("You have sent too many requests.  Wait before trying again.", "requests-per-minute"),
        (
            "The maximum tokens you requested exceeds the model limit of 8192. Try again with a maximum tokens value lower than 8192.",
            "max_tokens",
        ),
        (
            "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
            "context",
        ),
        ("Input is too long for requested model.", "context"),
        (
            "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one.",
            "not both",
        ),
        ("The model returned the following errors: `temperature` is deprecated for this model.", "sampling"),
        (
            "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
            "only be 1",
        ),
        (
            "The model returned the following errors: \"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.",
            "adaptively only",
        ),
        (
            "The model returned the following errors: thinking.adaptive.budget_tokens: Extra inputs are not permitted",
            "no budget",
        ),
        (
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
            "prompt cache",
        ),
        ("This model doesn't support the cachePoint field. Remove cachePoint and try again.", "prompt cache"),
        (
            "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
            "stop sequences",
        ),
        (
            "This model doesn't support the video content block that you provided. Update the content block and try again.",
            "videos",
        ),
        ("This model doesn't support the s3Uri field. Remove s3Uri and try again.", "S3"),
        (
            "Malformed input request: #: extraneous key [toolResult] is not permitted, please reformat your input and try again.",
            "member",
        ),
        ("The provided model doesn't support counting tokens.", "counted"),
        ("The security token included in the request is invalid.", "does not know"),
        ("The security token included in the request is expired", "has expired"),
        (
            "The model returned the following errors: messages: at least one message is required",
            "itself refused",
        ),
    ];

    #[test]
    fn every_sentence_has_its_cause_and_its_fix() {
        for (sentence, cause) in SENTENCES {
            let found = of(sentence).unwrap_or_else(|| panic!("unknown: {sentence}"));
            assert!(found.says.message().contains(cause), "{sentence} → {}", found.says);
            assert!(found.says.hint().is_some());
        }
        let used = |known: &Diagnosis| SENTENCES.iter().any(|(sentence, _)| of(sentence) == Some(known));
        let unused: Vec<_> = KNOWN.iter().filter(|known| !used(known)).map(|known| known.words).collect();
        assert_eq!(unused, ["on this route"], "a row nothing leads to");
        let route = of("model `x` isn't supported on this route");
        assert_eq!(route.map(|it| &it.says), Some(&texts::OTHER_ROUTE));
    }
}
