//! What AWS's own sentences mean, and what to do about them: one table.
//!
//! Sentences: reference `bedrock.md` §5 (recorded traffic, AWS's own repositories, issues that quote them). A sentence is known by words that
//! do not change: AWS writes apostrophes as U+2019, people paste them as `'`, so no key holds one.

use outcrop_wire::bedrock::{BedrockError, ErrorKind};

use Subject::{Access, Credentials, Model, Profile, Quota, Request};

use crate::denial::Denial;

/// One sentence of AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnosis {
    /// The words that tell it from all others.
    pub words: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
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

/// What to do about an error, for a client: the denial taken apart, or the table's cause and fix.
pub fn hint(error: &BedrockError) -> Option<String> {
    if let Some(denial) = Denial::read(&error.message) {
        return Some(format!("{}: {}", denial.cause(), denial.fix()));
    }
    of(&error.message).map(|Diagnosis { cause, fix, .. }| format!("{cause}: {fix}"))
}

/// Whether the model can be called through an inference profile only.
pub fn wants_a_profile(error: &BedrockError) -> bool {
    error.kind == ErrorKind::Validation && error.message.contains(ON_DEMAND)
}

const ON_DEMAND: &str = "with on-demand throughput isn";

const WAIT: &str = "wait, send less at once, ask for more in Service Quotas, or add a way with `failover`";
const PARAMETERS: &str = "leave the parameter out; `outcrop explain MODEL` shows what the model takes";
const EXPLAIN: &str = "`outcrop explain IDENTIFIER` shows what it resolves to, and what is meant instead";

const fn known(words: &'static str, subject: Subject, cause: &'static str, fix: &'static str) -> Diagnosis {
    Diagnosis { words, subject, cause, fix }
}

/// The narrower before the wider.
pub const KNOWN: [Diagnosis; 31] = [
    known(
        "make sure your API Key is valid",
        Credentials,
        "AWS does not know the Bedrock API key: it is wrong, has expired, or is of another Region",
        "make a new key in the Bedrock console of this Region, and set AWS_BEARER_TOKEN_BEDROCK",
    ),
    known(
        ON_DEMAND,
        Profile,
        "this model is invoked through an inference profile only",
        "name the profile: `outcrop explain ID` shows the one for your Region, `outcrop models list --filter MODEL` all of them",
    ),
    known(
        "model identifier is invalid",
        Model,
        "AWS does not know the identifier in this Region: spelling, geography prefix, or the Region",
        EXPLAIN,
    ),
    known(
        "end of its life",
        Model,
        "AWS no longer serves this model",
        "`outcrop models list` shows what it serves",
    ),
    known(
        "have access to the model with the specified",
        Access,
        "the account has no access to the model",
        "ask for it on the model's page in the Bedrock console of this account and Region",
    ),
    known(
        "use case details",
        Access,
        "the publisher's use-case form has not been handed in for this account",
        "fill it in on the model's page in the Bedrock console, or call PutUseCaseForModelAccess; it takes about 15 minutes to count",
    ),
    known(
        "aws-marketplace:",
        Access,
        "the model's first use takes an agreement in AWS Marketplace, which the caller may not make",
        "let somebody who may call the model once, or allow it and try again after two minutes: {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"aws-marketplace:ViewSubscriptions\", \"aws-marketplace:Subscribe\"], \"Resource\": \"*\"}]}",
    ),
    known(
        "try again after",
        Access,
        "the model's agreement is being made",
        "it was the first use in this account; try again after some minutes",
    ),
    known(
        "tokens per day",
        Quota,
        "the daily token quota is used up",
        "retrying does not help before it resets; ask for more in Service Quotas, call through another Region or a global profile, or add a way with `failover`",
    ),
    known(
        "Too many tokens",
        Quota,
        "the tokens-per-minute quota is used up (Bedrock reserves max_tokens in advance)",
        WAIT,
    ),
    known("Too many requests", Quota, "the requests-per-minute quota is used up", WAIT),
    known("sent too many requests", Quota, "the requests-per-minute quota is used up", WAIT),
    known(
        "maximum tokens you requested exceed",
        Request,
        "max_tokens is above what the model can say",
        "lower max_tokens; `outcrop explain MODEL` shows the limit",
    ),
    known(
        "Input Tokens Exceeded",
        Request,
        "the conversation is longer than the model's context",
        "shorten it, or choose a model with a larger context: `outcrop models compare`",
    ),
    known(
        "Input is too long for requested model",
        Request,
        "the conversation is longer than the model's context",
        "shorten it, or choose a model with a larger context: `outcrop models compare`",
    ),
    known(
        "cannot both be specified for this model",
        Request,
        "the model takes temperature or top_p, not both",
        "leave one out; through Chat Completions and Messages the gateway does it and says so",
    ),
    known(
        "is deprecated for this model",
        Request,
        "the model takes no sampling parameters any more",
        PARAMETERS,
    ),
    known(
        "may only be set to 1 when thinking",
        Request,
        "with thinking on, temperature can only be 1",
        "leave temperature out while the model thinks",
    ),
    known(
        "thinking.type.enabled",
        Request,
        "the model thinks adaptively only",
        "send thinking {\"type\": \"adaptive\"} and an effort instead of a budget",
    ),
    known(
        "thinking.adaptive.budget_tokens",
        Request,
        "adaptive thinking takes no budget",
        "leave budget_tokens out; an effort limits adaptive thinking",
    ),
    known(
        "did not allow prompt caching",
        Request,
        "the model has no prompt cache",
        "leave the cache points out",
    ),
    known(
        "support the cachePoint field",
        Request,
        "the model has no prompt cache",
        "leave the cache points out",
    ),
    known("support the stopSequences field", Request, "the model takes no stop sequences", PARAMETERS),
    known(
        "the video content block",
        Request,
        "the model does not take videos in this form",
        "remove the block, or choose a model that sees videos",
    ),
    known("the s3Uri field", Request, "the model does not read from S3", "send the bytes instead"),
    known(
        "extraneous key",
        Request,
        "the request holds a member that this operation does not know",
        "remove it; the sentence names it",
    ),
    known(
        "support counting tokens",
        Profile,
        "tokens are counted for bare model ids only",
        "count with the model's own id, not with a profile",
    ),
    known("on this route", Request, "this AWS endpoint serves the model under another path", EXPLAIN),
    known(
        "security token included in the request is expired",
        Credentials,
        "the session token has expired",
        "get new temporary credentials (aws sso login, aws sts get-session-token) and set all three variables again",
    ),
    known(
        "security token included in the request is invalid",
        Credentials,
        "AWS does not know the access key or session token",
        "check the access key id; temporary keys (ASIA…) need their session token too: BEDROCK_AWS_SESSION_TOKEN or AWS_SESSION_TOKEN",
    ),
    known(
        "The model returned the following errors",
        Request,
        "the model itself refused the request",
        "what follows are the publisher's words; `outcrop explain MODEL` shows what it takes",
    ),
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
            assert!(found.cause.contains(cause), "{sentence} → {}", found.cause);
            assert!(!found.fix.is_empty());
        }
        let used = |known: &Diagnosis| SENTENCES.iter().any(|(sentence, _)| of(sentence) == Some(known));
        let unused: Vec<_> = KNOWN.iter().filter(|known| !used(known)).map(|known| known.words).collect();
        assert_eq!(unused, ["on this route"], "a row nothing leads to");
        assert_eq!(of("model `x` isn't supported on this route").map(|it| it.fix), Some(EXPLAIN));
    }
}
