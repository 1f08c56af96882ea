//! Why a call to AWS failed, under the check it belongs to: AWS's sentences are read in `outcrop_bedrock::diagnosis`.

use outcrop_bedrock::SendError;
use outcrop_bedrock::denial::{self, By, Denial};
use outcrop_bedrock::diagnosis::{self, Diagnosis, Subject};
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
        SendError::Untrusted { host, why } => Finding::error(
            Check::Endpoint,
            format!("{host} does not prove who it is: {why}"),
            "behind a proxy that opens TLS, name its certificate in AWS_CA_BUNDLE; else somebody is in between",
        ),
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
    if let Some(denial) = Denial::read(message) {
        return of_denial(&denial);
    }
    if let Some(Diagnosis { subject, says, .. }) = diagnosis::of(message) {
        let detail = format!("{says}. AWS says: {message}");
        return Finding::error(check_of(*subject), detail, says.hint().unwrap_or_default());
    }
    let said = format!("cannot {what}: {message}");
    match kind {
        ErrorKind::AccessDenied => {
            let fix = format!("allow {action}:\n{}", denial::allow(action, "*"));
            Finding::error(Check::Permission, format!("AWS denies {action}: {message}"), fix)
        }
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
        _ => Finding::error(
            Check::Invocation,
            format!("cannot {what}: {error}"),
            "see `outcrop explain` for what the model takes",
        ),
    }
}

/// A denial, under the check it belongs to.
pub fn of_denial(denial: &Denial) -> Finding {
    let check = match denial.by {
        By::ServiceControlPolicy => Check::Destination,
        _ => Check::Permission,
    };
    let text = denial.text();
    Finding::error(check, text.to_string(), text.hint().unwrap_or_default())
}

const fn check_of(subject: Subject) -> Check {
    match subject {
        Subject::Access => Check::Access,
        Subject::Profile => Check::Profile,
        Subject::Model => Check::Model,
        Subject::Quota => Check::Quota,
        Subject::Credentials => Check::Credentials,
        Subject::Request => Check::Invocation,
    }
}

const EXPIRED: &str = "get new temporary credentials (aws sso login, aws sts get-session-token) and set all three variables again";
const UNKNOWN_KEY: &str = "check the access key id; temporary keys (ASIA…) need their session token too: BEDROCK_AWS_SESSION_TOKEN or AWS_SESSION_TOKEN";
const THROTTLED: &str = "wait and run this again; `outcrop metrics` shows throttles; ask for more in Service Quotas, or use a profile that routes to more Regions";

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
