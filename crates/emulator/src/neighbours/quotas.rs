//! Service Quotas' JSON interface: the quotas of Bedrock that the emulator enforces, with the figures it enforces.
//!
//! AWS lists several hundred more, most of them tokens and requests a minute of a model; the emulator counts neither, and a
//! number that nothing stands behind would only mislead.

use serde::Deserialize;
use serde_json::{Value, json};

use super::json_service;
use super::refusal::Refused;
use crate::accounts::Home;
use crate::control::profiles;
use crate::exchange::Call;
use crate::reply::Reply;

/// A quota that is enforced.
struct Quota {
    code: &'static str,
    name: &'static str,
    value: usize,
    adjustable: bool,
}

/// All of them. Codes, names and values: reference `bedrock.md` §1.10.
const QUOTAS: [Quota; 1] = [Quota {
    code: "L-40EC9882",
    name: "Inference profiles per account",
    value: profiles::QUOTA,
    adjustable: true,
}];

/// The only service that has any here.
const SERVICE: &str = "bedrock";
const SERVICE_NAME: &str = "Amazon Bedrock";
/// What `X-Amz-Target` begins with.
const TARGET: &str = "ServiceQuotasV20190624.";

/// Answers one request.
///
/// # Errors
/// NoSuchResourceException, IllegalArgumentException, InvalidPaginationTokenException, UnknownOperationException.
pub(super) fn answer(call: &Call<'_>, home: Home<'_>) -> Result<Reply, Refused> {
    let operation = json_service::operation(call, TARGET);
    let request: Request = json_service::read(call)?;
    let answer = match operation {
        // Nothing was ever raised, so applied and default values are the same.
        "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" => list(&request, home)?,
        "GetServiceQuota" | "GetAWSDefaultServiceQuota" => {
            json!({ "Quota": describe(find(&request)?, home) })
        }
        "ListServices" => json!({ "Services": [{ "ServiceCode": SERVICE, "ServiceName": SERVICE_NAME }] }),
        _ => return Err(json_service::unknown_operation()),
    };
    Ok(json_service::answer(&answer))
}

/// The members of all requests.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Request {
    service_code: Option<String>,
    quota_code: Option<String>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

fn list(request: &Request, home: Home<'_>) -> Result<Value, Refused> {
    is_known_service(request)?;
    /// The largest page, and the default one.
    const MOST: usize = 100;
    let size = match request.max_results {
        None => MOST,
        Some(size @ 1..=MOST) => size,
        Some(_) => return Err(illegal(&format!("MaxResults is a number from 1 to {MOST}."))),
    };
    let from: usize = match &request.next_token {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            Refused::new(400, "InvalidPaginationTokenException", "The pagination token is invalid.")
        })?,
    };
    let wanted = |quota: &&Quota| request.quota_code.as_deref().is_none_or(|code| code == quota.code);
    let found: Vec<&Quota> = QUOTAS.iter().filter(wanted).collect();
    let page: Vec<Value> = found.iter().skip(from).take(size).map(|quota| describe(quota, home)).collect();
    let end = from.saturating_add(page.len());
    let mut answer = json!({ "Quotas": page });
    if end < found.len() {
        answer["NextToken"] = end.to_string().into();
    }
    Ok(answer)
}

fn find(request: &Request) -> Result<&'static Quota, Refused> {
    is_known_service(request)?;
    let code = request.quota_code.as_deref().ok_or_else(|| illegal("QuotaCode is required."))?;
    QUOTAS.iter().find(|quota| quota.code == code).ok_or_else(no_such_resource)
}

fn is_known_service(request: &Request) -> Result<(), Refused> {
    match request.service_code.as_deref() {
        Some(SERVICE) => Ok(()),
        Some(_) => Err(no_such_resource()),
        None => Err(illegal("ServiceCode is required.")),
    }
}

#[allow(clippy::cast_precision_loss, reason = "quotas are small numbers")]
fn describe(quota: &Quota, home: Home<'_>) -> Value {
    json!({
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaArn": home.arn("servicequotas", &format!("{SERVICE}/{}", quota.code)),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": quota.value as f64,
        "Unit": "None",
        "Adjustable": quota.adjustable,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

/// The words are our own.
fn no_such_resource() -> Refused {
    Refused::new(
        400,
        "NoSuchResourceException",
        "The request failed because the specified quota does not exist.",
    )
}

fn illegal(why: &str) -> Refused {
    Refused::new(400, "IllegalArgumentException", why)
}
