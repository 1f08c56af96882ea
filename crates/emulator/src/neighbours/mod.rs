//! The services beside Bedrock, as far as its users need them: S3, CloudWatch Logs, CloudWatch, IAM, STS and Service Quotas.
//!
//! They live at the same address as the emulated Bedrock and hold what that writes: invocation logs, batch files, the
//! roles it assumes. A request is for the service that its signature names. Each module is one service; what they hold is
//! [kept] when the emulator ends. Nothing here knows of models.

pub(crate) mod denials;
pub(crate) mod iam;
mod json_service;
pub(crate) mod kept;
pub(crate) mod logs;
pub(crate) mod monitoring;
pub(crate) mod objects;
mod query;
mod quotas;
mod refusal;
mod s3;
pub(crate) mod sessions;
mod sts;

use http::request::Parts;
use outcrop_wire::sigv4::{self, RequestHead, Verified};

use crate::access::Times;
use crate::accounts::Accounts;
use crate::exchange::Call;
use crate::reply::Reply;
use crate::state::State;
use iam::store::Principal;
use refusal::Refused;

/// Answers a request for one of these services; `None` when it is for Bedrock.
pub(crate) fn answer(accounts: &Accounts, call: &Call<'_>, times: Times) -> Option<Reply> {
    let service = Service::of(call.head)?;
    let outcome = admit(accounts.first(), call, service, times)
        .and_then(|caller| service.perform(accounts, call, &caller, times.emulated));
    Some(outcome.unwrap_or_else(|refused| service.refusal(&refused, call)))
}

/// How large a body may be: objects are larger than anything Bedrock takes.
pub(crate) fn max_body(head: &Parts) -> Option<usize> {
    /// The largest single upload that fits a test machine; S3 itself takes 5 GB.
    const MAX_OBJECT: usize = 512 * 1024 * 1024;
    (Service::of(head)? == Service::S3).then_some(MAX_OBJECT)
}

/// A service beside Bedrock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Iam,
    Logs,
    Monitoring,
    Quotas,
    S3,
    Sts,
}

/// Who calls a service, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Caller {
    /// The Region of the signature.
    region: String,
    /// Who signed.
    principal: Principal,
}

impl Service {
    fn of(head: &Parts) -> Option<Self> {
        let name = sigv4::claimed_service(&head.headers, head.uri.query().unwrap_or_default())?;
        match name.as_str() {
            "iam" => Some(Self::Iam),
            "logs" => Some(Self::Logs),
            "monitoring" => Some(Self::Monitoring),
            "servicequotas" => Some(Self::Quotas),
            "s3" => Some(Self::S3),
            "sts" => Some(Self::Sts),
            _ => None,
        }
    }

    /// The name in the scope of its signatures.
    fn signing_name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Logs => "logs",
            Self::Monitoring => "monitoring",
            Self::Quotas => "servicequotas",
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }

    /// The service of the caller's account answers; STS also knows the others.
    fn perform(
        self,
        accounts: &Accounts,
        call: &Call<'_>,
        caller: &Caller,
        now: i64,
    ) -> Result<Reply, Refused> {
        let state = accounts.enter(caller.principal.account())?;
        let home = state.home(&caller.region);
        match self {
            Self::Iam => iam::answer(&state.identities, &state.denials, call),
            Self::Logs => logs::answer(&state.logs, call, home),
            Self::Monitoring => monitoring::answer(&state, call, &caller.region),
            Self::Quotas => quotas::answer(call, home),
            Self::S3 => s3::answer(&state.objects, call, home),
            Self::Sts => sts::answer(accounts, call, &caller.principal, now),
        }
    }

    fn refusal(self, refused: &Refused, call: &Call<'_>) -> Reply {
        match self {
            Self::Iam => iam::DIALECT.refusal(refused, call.request_id),
            Self::Logs | Self::Quotas => json_service::refusal(refused),
            Self::Monitoring => monitoring::refusal(refused, call),
            Self::S3 => s3::refusal(refused, call),
            Self::Sts => sts::DIALECT.refusal(refused, call.request_id),
        }
    }
}

fn admit(state: &State, call: &Call<'_>, service: Service, times: Times) -> Result<Caller, Refused> {
    let head = RequestHead {
        method: call.head.method.as_str(),
        raw_path: call.head.uri.path(),
        raw_query: call.head.uri.query().unwrap_or_default(),
        headers: &call.head.headers,
        authority: call.head.uri.authority().map(http::uri::Authority::as_str),
    };
    let secret_of = |id: &str| state.sessions.secret_of(&state.keys, id);
    let verified = sigv4::verify(&head, call.body, service.signing_name(), secret_of, times.real);
    let Verified { access_key_id, region, session_token, .. } = verified?;
    let token = session_token.as_deref();
    let principal = state.sessions.principal(&state.keys, &access_key_id, token, times.emulated)?;
    Ok(Caller { region, principal })
}
