//! Why a call to AWS failed, and what to paste to mend it.
//!
//! AWS's words: reference `bedrock.md` §5; the forms of "not authorized": AWS's page "Troubleshoot access denied error
//! messages".

use outcrop_bedrock::SendError;
use outcrop_bedrock::control::iam::Simulated;
use outcrop_bedrock::diagnosis::{self, Diagnosis};
use outcrop_wire::bedrock::{BedrockError, ErrorKind};

use super::finding::{Check, Finding};

/// What a failed call shows. `what` was tried ("list the profiles of us-east-1"), which takes the IAM action `action`.
pub fn of(error: &SendError, what: &str, action: &str) -> Finding {
    match error {
        SendError::Service(service) => of_service(&service.error, what, action),
        SendError::Credentials(why) => Finding::error(Check::Credentials, why.to_string(), NO_CREDENTIALS),
        SendError::Connect { host, why } => {
            Finding::error(Check::Endpoint, format!("no connection to {host}: {why}"), connect_fix(why))
        }
        SendError::Broken { host, why } if why.contains("unreadable answer") => Finding::error(
            Check::Endpoint,
            format!("{host} answers, but not as Bedrock does: {why}"),
            NOT_BEDROCK,
        ),
        SendError::Broken { host, why } => Finding::error(
            Check::Endpoint,
            format!("the connection to {host} broke: {why}"),
            "check the proxy and the network, and run this again",
        ),
        SendError::Timeout { host } => Finding::error(
            Check::Endpoint,
            format!("{host} did not answer in time"),
            "check the proxy and the network, and run this again",
        ),
        SendError::Abandoned | SendError::Unsendable(_) => Finding::error(
            Check::Region,
            error.to_string(),
            "set a Region such as us-east-1: --region, BEDROCK_AWS_DEFAULT_REGION, AWS_REGION",
        ),
    }
}

/// Where credentials can come from.
pub const NO_CREDENTIALS: &str = "set BEDROCK_AWS_ACCESS_KEY_ID and BEDROCK_AWS_SECRET_ACCESS_KEY (or AWS_…, AWS_PROFILE, AWS_BEARER_TOKEN_BEDROCK), or sign in: aws sso login";
const NOT_BEDROCK: &str =
    "point AWS_ENDPOINT_URL_BEDROCK at Bedrock, or unset it; is a proxy's page in between?";

fn connect_fix(why: &str) -> &'static str {
    if why.contains("dns") || why.contains("lookup") {
        return "the name is not known: is it a Region that has Bedrock? (`outcrop models list --region …`) Else check DNS and the proxy";
    }
    "check the network, the proxy, and AWS_ENDPOINT_URL_BEDROCK[_RUNTIME]; without an account, try --local"
}

fn of_service(error: &BedrockError, what: &str, action: &str) -> Finding {
    let BedrockError { kind, status, message } = error;
    if let Some((_, check, cause, fix)) = KNOWN.iter().find(|(text, ..)| message.contains(text)) {
        return Finding::error(*check, format!("{cause}. AWS says: {message}"), *fix);
    }
    let said = format!("cannot {what}: {message}");
    match kind {
        ErrorKind::AccessDenied => denied(message, action),
        ErrorKind::ExpiredToken => Finding::error(
            Check::Credentials,
            format!("the session token has expired. AWS says: {message}"),
            EXPIRED,
        ),
        ErrorKind::UnrecognizedClient => Finding::error(
            Check::Credentials,
            format!("AWS does not know the access key or session token. AWS says: {message}"),
            UNKNOWN_KEY,
        ),
        ErrorKind::InvalidSignature => signature(message),
        ErrorKind::MissingAuthenticationToken | ErrorKind::IncompleteSignature => Finding::error(
            Check::Credentials,
            format!("the request arrived without a signature: {message}"),
            "does a proxy remove the header Authorization?",
        ),
        ErrorKind::UnknownOperation => Finding::error(
            Check::Endpoint,
            format!("the endpoint does not know the call: {message}"),
            NOT_BEDROCK,
        ),
        ErrorKind::Throttling | ErrorKind::ModelNotReady => {
            Finding::error(Check::Quota, format!("throttled. AWS says: {message}"), THROTTLED)
        }
        ErrorKind::ServiceQuotaExceeded => {
            Finding::error(Check::Quota, said, "ask for more in Service Quotas, or use less")
        }
        ErrorKind::ServiceUnavailable | ErrorKind::InternalServer => Finding::error(
            Check::Endpoint,
            format!("AWS is unavailable ({status}): {message}"),
            "run this again; if it stays so, see health.aws.amazon.com, or call from another Region (--region)",
        ),
        ErrorKind::ResourceNotFound => {
            Finding::error(Check::Profile, said, "check the identifier, the Region and the account")
        }
        _ => match diagnosis::of(message) {
            Some(Diagnosis { cause, fix, .. }) => {
                Finding::error(Check::Invocation, format!("{cause}. AWS says: {message}"), *fix)
            }
            None => Finding::error(
                Check::Invocation,
                format!("cannot {what}: {error}"),
                "see `outcrop explain` for what the model takes",
            ),
        },
    }
}

const EXPIRED: &str = "get new temporary credentials (aws sso login, aws sts get-session-token) and set all three variables again";
const UNKNOWN_KEY: &str = "check the access key id; temporary keys (ASIA…) need their session token too: BEDROCK_AWS_SESSION_TOKEN or AWS_SESSION_TOKEN";
const THROTTLED: &str = "wait and run this again; `outcrop metrics` shows throttles; ask for more in Service Quotas, or use a profile that routes to more Regions";

/// Texts that tell the cause themselves.
const KNOWN: [(&str, Check, &str, &str); 11] = [
    (
        "aws-marketplace:",
        Check::Access,
        "the first use of this model takes an agreement in AWS Marketplace, which the caller may not make",
        "let somebody who may call the model once, or allow (and try again after some minutes):\n{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"aws-marketplace:ViewSubscriptions\", \"aws-marketplace:Subscribe\"], \"Resource\": \"*\"}]}",
    ),
    (
        "use case details",
        Check::Access,
        "the publisher's use-case form has not been handed in for this account",
        "fill in the form in the Bedrock console (Model catalog → the model → Submit use case details), or call PutUseCaseForModelAccess; wait 15 minutes",
    ),
    (
        "use-case form",
        Check::Access,
        "the publisher's use-case form has not been handed in for this account",
        "fill in the form in the Bedrock console (Model catalog → the model → Submit use case details); wait 15 minutes",
    ),
    (
        "You don't have access to the model",
        Check::Access,
        "the account has no access to this model",
        "enable it: open the model's page in the Bedrock console of this Region",
    ),
    (
        "on-demand throughput isn",
        Check::Profile,
        "this model can only be invoked through an inference profile",
        "name a profile instead: `outcrop models list --filter MODEL` shows those of the Region",
    ),
    ("end of its life", Check::Model, "the model is retired", "choose another: `outcrop models list`"),
    (
        "model identifier is invalid",
        Check::Model,
        "AWS does not know this identifier in this Region",
        "check spelling and geography prefix: `outcrop explain IDENTIFIER`, `outcrop profiles list`",
    ),
    (
        "tokens per day",
        Check::Quota,
        "the day's token quota is used up",
        "it comes back at midnight UTC; ask for more in Service Quotas, or call through another Region or a global profile",
    ),
    ("Too many tokens", Check::Quota, "the tokens-per-minute quota is used up", THROTTLED),
    ("Too many requests", Check::Quota, "the requests-per-minute quota is used up", THROTTLED),
    (
        "make sure your API Key is valid",
        Check::Credentials,
        "AWS does not know the Bedrock API key, or it has expired, or it is of another Region",
        "make a new key in the Bedrock console of this Region, and set AWS_BEARER_TOKEN_BEDROCK",
    ),
];

fn signature(message: &str) -> Finding {
    let is_clock = message.contains("Signature expired") || message.contains("not yet current");
    if is_clock {
        let detail =
            format!("this machine's clock differs from AWS's by more than five minutes. AWS says: {message}");
        return Finding::error(Check::Clock, detail, CLOCK);
    }
    let detail = format!("the secret access key does not belong to the access key id. AWS says: {message}");
    Finding::error(Check::Credentials, detail, "copy both again; look for a cut or a doubled character")
}

/// How to set a clock.
pub const CLOCK: &str = "set it: sudo timedatectl set-ntp true (a container has its host's clock; a laptop's may lag after sleep)";

/// Taken apart: who, what, on what, and which policy says no.
fn denied(message: &str, action: &str) -> Finding {
    let Some(denial) = Denial::read(message) else {
        let fix = format!("allow {action}:\n{}", allow(action, "*"));
        return Finding::error(Check::Permission, format!("AWS denies {action}: {message}"), fix);
    };
    denial.finding()
}

/// AWS's sentence, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<'a> {
    pub user: &'a str,
    pub action: &'a str,
    /// `None` where AWS names none.
    pub resource: Option<&'a str>,
    pub by: By,
}

/// Which policy says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// No policy of the caller allows it.
    NobodyAllows,
    /// A policy of the caller denies it.
    IdentityPolicy,
    /// A service control policy of the organisation.
    ServiceControlPolicy,
    /// The caller's permissions boundary, or the session's policy.
    Boundary,
    /// Another kind, or none is named.
    Other,
}

impl<'a> Denial<'a> {
    /// `User: U is not authorized to perform: A on resource: R because no … policy allows …|with an explicit deny in a … policy`
    pub fn read(message: &'a str) -> Option<Self> {
        let (user, rest) = message.split_once(" is not authorized to perform: ")?;
        let user = user.trim_start_matches("User: ");
        let action = rest.split_whitespace().next()?;
        let resource = rest.split_once("on resource: ").and_then(|(_, rest)| rest.split_whitespace().next());
        let names = |word: &str| rest.contains(word);
        let by = if names("service control policy") {
            By::ServiceControlPolicy
        } else if names("permissions boundary") || names("session policy") {
            By::Boundary
        } else if names("explicit deny in an identity-based policy") {
            By::IdentityPolicy
        } else if names("no identity-based policy") {
            By::NobodyAllows
        } else {
            By::Other
        };
        Some(Self { user, action, resource, by })
    }

    /// The check it belongs to, and the cure.
    pub fn finding(&self) -> Finding {
        let Self { user, action, resource, by } = self;
        let on = resource.unwrap_or("*");
        let who = format!("{user} may not {action} on {on}");
        match by {
            By::ServiceControlPolicy => {
                let region =
                    on.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("unspecified");
                let detail = format!("{who}: a service control policy (SCP) of the organisation denies it");
                let fix = format!(
                    "no policy of the account can allow it. Ask the organisation's administrator to exempt Bedrock in the Region `{region}` from the SCP \
                     (condition aws:RequestedRegion, NotAction bedrock:InvokeModel*), or use a profile that does not route there: `outcrop profiles list`"
                );
                Finding::error(Check::Destination, detail, fix)
            }
            By::Boundary => {
                let detail = format!("{who}: the permissions boundary or session policy does not allow it");
                Finding::error(
                    Check::Permission,
                    detail,
                    format!("allow it there too:\n{}", allow(action, on)),
                )
            }
            By::IdentityPolicy => {
                let detail = format!("{who}: a policy of the caller denies it explicitly");
                let fix = format!(
                    "remove or narrow the Deny statement that matches {action}; an Allow does not outweigh it"
                );
                Finding::error(Check::Permission, detail, fix)
            }
            By::NobodyAllows | By::Other => {
                let fix = format!(
                    "attach this policy to {user} (all of what is needed: `outcrop iam policy`):\n{}",
                    allow(action, on)
                );
                Finding::error(Check::Permission, format!("{who}: no policy allows it"), fix)
            }
        }
    }
}

impl By {
    /// Which policy a simulation says it is.
    pub fn of_simulated(simulated: &Simulated) -> Option<Self> {
        match (simulated.decision.as_str(), simulated.organisation_allows) {
            (_, Some(false)) => Some(Self::ServiceControlPolicy),
            ("allowed", _) => None,
            ("explicitDeny", _) => Some(Self::IdentityPolicy),
            _ => Some(Self::NobodyAllows),
        }
    }
}

/// A policy to paste.
pub fn allow(action: &str, resource: &str) -> String {
    // Streamed or not is one decision to a person, but two actions to IAM.
    let actions = match action {
        "bedrock:InvokeModel" | "bedrock:InvokeModelWithResponseStream" => {
            serde_json::json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"])
        }
        other => serde_json::json!(other),
    };
    let statement = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_taken_apart() {
        const ARN: &str =
            "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0";
        for (end, by) in [
            ("because no identity-based policy allows the bedrock:InvokeModel action", By::NobodyAllows),
            ("with an explicit deny in an identity-based policy", By::IdentityPolicy),
            ("with an explicit deny in a service control policy", By::ServiceControlPolicy),
            (
                "because no service control policy allows the bedrock:InvokeModel action",
                By::ServiceControlPolicy,
            ),
            ("because no permissions boundary allows the bedrock:InvokeModel action", By::Boundary),
            ("because no session policy allows the bedrock:InvokeModel action", By::Boundary),
            ("", By::Other),
        ] {
            let text = format!(
                "User: arn:aws:iam::123456789012:user/a is not authorized to perform: bedrock:InvokeModel on resource: {ARN} {end}"
            );
            let denial = Denial::read(&text).unwrap();
            assert_eq!((denial.action, denial.resource, denial.by), ("bedrock:InvokeModel", Some(ARN), by));
            assert!(denial.finding().fix.is_some());
        }
        assert_eq!(Denial::read("You don't have access to the model with the specified model ID."), None);
    }
}
