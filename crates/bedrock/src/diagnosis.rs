//! What AWS's own sentences mean, and what to do about them: one table.
//!
//! Sentences: reference `bedrock.md` §5 (recorded traffic, AWS's own repositories, issues that quote them). A sentence is known by words that
//! do not change: AWS writes apostrophes as U+2019, people paste them as `'`, so no key holds one.

use outcrop_wire::bedrock::{BedrockError, ErrorKind};

/// One sentence of AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnosis {
    /// The words that tell it from all others.
    pub words: &'static str,
    /// What is wrong.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// What a sentence means; the first that fits.
pub fn of(message: &str) -> Option<&'static Diagnosis> {
    KNOWN.iter().find(|known| message.contains(known.words))
}

/// What to do about an error, for a client: the table's cause and fix, or the denial taken apart.
pub fn hint(error: &BedrockError) -> Option<String> {
    match of(&error.message) {
        Some(Diagnosis { cause, fix, .. }) => Some(format!("{cause}: {fix}")),
        None if error.kind == ErrorKind::AccessDenied => denied(&error.message),
        None => None,
    }
}

/// Whether the model can be called through an inference profile only.
pub fn wants_a_profile(error: &BedrockError) -> bool {
    error.kind == ErrorKind::Validation && error.message.contains(ON_DEMAND)
}

const ON_DEMAND: &str = "with on-demand throughput isn";

/// `User: U is not authorized to perform: ACTION on resource: ARN because no identity-based policy allows …`
fn denied(message: &str) -> Option<String> {
    let (who, rest) = message.split_once(" is not authorized to perform: ")?;
    let who = who.trim_start_matches("User: ");
    let action = rest.split_whitespace().next()?;
    let resource = rest.split_once("on resource: ").and_then(|(_, rest)| rest.split_whitespace().next());
    let resource = resource.unwrap_or("*");
    let explicitly = rest.contains("explicit deny");
    Some(match (rest.contains("permissions boundary") || rest.contains("session policy"), explicitly) {
        (true, _) => {
            format!("the permissions boundary or session policy of {who} must allow {action} on {resource}")
        }
        (false, true) => format!(
            "a policy denies {action} to {who} explicitly: narrow that Deny; an Allow does not outweigh it"
        ),
        (false, false) => format!(
            "no policy of {who} allows it; attach {{\"Effect\": \"Allow\", \"Action\": \"{action}\", \"Resource\": \"{resource}\"}} \
             (`outcrop iam policy` prints all that is needed)"
        ),
    })
}

const WAIT: &str = "wait, send less at once, ask for more in Service Quotas, or add a way with `failover`";
const PARAMETERS: &str = "leave the parameter out; `outcrop explain MODEL` shows what the model takes";
const EXPLAIN: &str = "`outcrop explain IDENTIFIER` shows what it resolves to, and what is meant instead";

const fn known(words: &'static str, cause: &'static str, fix: &'static str) -> Diagnosis {
    Diagnosis { words, cause, fix }
}

/// The narrower before the wider.
pub const KNOWN: [Diagnosis; 31] = [
    known(
        ON_DEMAND,
        "this model is invoked through an inference profile only",
        "name the profile: `outcrop explain ID` shows the one for your Region",
    ),
    known(
        "model identifier is invalid",
        "AWS does not know the identifier in this Region: spelling, geography prefix, or the Region",
        EXPLAIN,
    ),
    known("end of its life", "AWS no longer serves this model", "`outcrop models list` shows what it serves"),
    known(
        "have access to the model with the specified",
        "the account has no access to the model",
        "ask for it on the model's page in the Bedrock console of this account and Region",
    ),
    known(
        "use case details",
        "the publisher's use-case form has not been handed in for this account",
        "fill it in on the model's page in the Bedrock console; it takes about 15 minutes to count",
    ),
    known(
        "aws-marketplace:",
        "the model's first use takes an agreement in AWS Marketplace, which the caller may not make",
        "allow aws-marketplace:ViewSubscriptions and aws-marketplace:Subscribe once, or let an administrator call the model; try again after two minutes",
    ),
    known(
        "try again after",
        "the model's agreement is being made",
        "it was the first use in this account; try again after some minutes",
    ),
    known(
        "service control policy",
        "a service control policy of the organisation denies it, often for one destination Region of the profile (`unspecified` for a global one)",
        "its administrator must exempt Bedrock there, or use a profile that does not route there: `outcrop profiles list`",
    ),
    known(
        "tokens per day",
        "the daily token quota is used up",
        "retrying does not help before it resets; ask for more in Service Quotas, or add a way with `failover`",
    ),
    known(
        "Too many tokens",
        "the tokens-per-minute quota is used up (Bedrock reserves max_tokens in advance)",
        WAIT,
    ),
    known("Too many requests", "the requests-per-minute quota is used up", WAIT),
    known("sent too many requests", "the requests-per-minute quota is used up", WAIT),
    known(
        "maximum tokens you requested exceed",
        "max_tokens is above what the model can say",
        "lower max_tokens; `outcrop explain MODEL` shows the limit",
    ),
    known(
        "Input Tokens Exceeded",
        "the conversation is longer than the model's context",
        "shorten it, or choose a model with a larger context: `outcrop models compare`",
    ),
    known(
        "Input is too long for requested model",
        "the conversation is longer than the model's context",
        "shorten it, or choose a model with a larger context: `outcrop models compare`",
    ),
    known(
        "cannot both be specified for this model",
        "the model takes temperature or top_p, not both",
        "leave one out; through Chat Completions and Messages the gateway does it and says so",
    ),
    known("is deprecated for this model", "the model takes no sampling parameters any more", PARAMETERS),
    known(
        "may only be set to 1 when thinking",
        "with thinking on, temperature can only be 1",
        "leave temperature out while the model thinks",
    ),
    known(
        "thinking.type.enabled",
        "the model thinks adaptively only",
        "send thinking {\"type\": \"adaptive\"} and an effort instead of a budget",
    ),
    known(
        "thinking.adaptive.budget_tokens",
        "adaptive thinking takes no budget",
        "leave budget_tokens out; an effort limits adaptive thinking",
    ),
    known("did not allow prompt caching", "the model has no prompt cache", "leave the cache points out"),
    known("support the cachePoint field", "the model has no prompt cache", "leave the cache points out"),
    known("support the stopSequences field", "the model takes no stop sequences", PARAMETERS),
    known(
        "the video content block",
        "the model does not take videos in this form",
        "remove the block, or choose a model that sees videos",
    ),
    known("the s3Uri field", "the model does not read from S3", "send the bytes instead"),
    known(
        "extraneous key",
        "the request holds a member that this operation does not know",
        "remove it; the sentence names it",
    ),
    known(
        "support counting tokens",
        "tokens are counted for bare model ids only",
        "count with the model's own id, not with a profile",
    ),
    known("on this route", "this AWS endpoint serves the model under another path", EXPLAIN),
    known(
        "security token included in the request is expired",
        "the gateway's temporary credentials have expired",
        "renew them: aws sso login, or set the three AWS variables again",
    ),
    known(
        "security token included in the request is invalid",
        "AWS does not know the gateway's access key or session token",
        "check the access key id; temporary keys need their session token too: `outcrop doctor credentials`",
    ),
    known(
        "The model returned the following errors",
        "the model itself refused the request",
        "what follows are the publisher's words; `outcrop explain MODEL` shows what it takes",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's sentences in full, with the words of the cause each must lead to.
    const SENTENCES: [(&str, &str); 31] = [
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
        (
            "User: arn:aws:iam::123456789012:user/a is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:::foundation-model/anthropic.claude-opus-5-5 with an explicit deny in a service control policy",
            "service control policy",
        ),
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
        ("The security token included in the request is expired", "have expired"),
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

    #[test]
    fn a_denial_is_taken_apart() {
        let denied = |end: &str| {
            let text = format!(
                "User: arn:aws:iam::123456789012:role/gw is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m {end}"
            );
            hint(&BedrockError::new(ErrorKind::AccessDenied, text)).unwrap()
        };
        let missing = denied("because no identity-based policy allows the bedrock:InvokeModel action");
        assert!(missing.contains("\"Action\": \"bedrock:InvokeModel\""), "{missing}");
        assert!(missing.contains("arn:aws:bedrock:us-east-1::foundation-model/m"), "{missing}");
        assert!(denied("with an explicit deny in an identity-based policy").contains("explicitly"));
        assert!(denied("because no permissions boundary allows the action").contains("boundary"));
        assert!(denied("with an explicit deny in a service control policy").contains("organisation"));
        assert_eq!(hint(&BedrockError::new(ErrorKind::Validation, "x")), None);
    }
}
