//! `/_emulator/…`: what a test asks the emulator itself. Unsigned, as it is no part of AWS.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::accounts::Accounts;
use crate::clock::Turn;
use crate::failure::Failure;
use crate::neighbours::denials::Policies;
use crate::reply::Reply;

/// Answers a path of the emulator's own; `None` for all others.
///
/// # Errors
/// 404 for an unknown path under `/_emulator/`, 400 for a fault that is not understood.
pub(crate) fn answer(
    accounts: &Accounts,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<Reply>, Failure> {
    let Some(what) = path.strip_prefix("/_emulator/") else { return Ok(None) };
    let first = accounts.first();
    let reply = match (method, what) {
        (&Method::POST, "reset") => {
            accounts.reset()?;
            Reply::json(StatusCode::OK, &json!({}))
        }
        (&Method::GET, "bill") => {
            Reply::json(StatusCode::OK, &json!({ "invocations": first.bill.entries() }))
        }
        (&Method::POST, "faults") => {
            let standing = read_faults(body)?;
            first.faults.stand(&standing)?;
            Reply::json(StatusCode::OK, &json!({ "fault": standing.first(), "faults": standing }))
        }
        (&Method::GET, "clock") => Reply::json(StatusCode::OK, &first.clock.tell()),
        (&Method::POST, "clock") => {
            let told = first.clock.turn(&read_turn(body)?)?;
            accounts.settle()?;
            Reply::json(StatusCode::OK, &told)
        }
        (&Method::POST, "policies") => {
            let mut policies = Policies::read(body)?;
            first.identities.grant_user(policies.identity.take());
            first.denials.set(policies);
            Reply::json(StatusCode::OK, &json!({}))
        }
        _ => {
            return Err(Failure::not_found(
                "Known are POST /_emulator/reset, GET /_emulator/bill, GET and POST /_emulator/clock, POST /_emulator/faults and \
                 POST /_emulator/policies.",
            ));
        }
    };
    Ok(Some(reply))
}

fn read_turn(body: &[u8]) -> Result<Turn, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::validation(format!("expected {{\"frozen\": true|false, \"advanceSeconds\": N}}: {error}"))
    })
}

/// `{"fault": "NAME;…"}` or `{"faults": ["NAME;…", …]}`; `null` and `[]` clear.
fn read_faults(body: &[u8]) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        fault: Option<String>,
        #[serde(default)]
        faults: Vec<String>,
    }
    let request: Request = serde_json::from_slice(body).map_err(|error| {
        Failure::validation(format!(
            "expected {{\"fault\": \"NAME;…\"}} or null, or {{\"faults\": [\"NAME;…\"]}}: {error}"
        ))
    })?;
    Ok(request.fault.into_iter().chain(request.faults).collect())
}
