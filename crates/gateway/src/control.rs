//! Bedrock's control plane on the same base URL: handed on as it is, signed by us.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use outcrop_bedrock::Invocation;
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_catalog::{Arn, Residency};
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::Dialect;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::exchange::admit;
use crate::failure::{Failure, hand_on};
use crate::reply::ReplyBody;
use crate::state::{RouteError, State};
use crate::tenant;

/// Hands a control-plane request on, in the Region of the ARN it names, of the caller's signature, or of the gateway.
pub(crate) async fn forward(
    state: &State,
    head: &Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, Failure> {
    let (caller, body) = admit(state, head, body, Dialect::Bedrock).await?;
    if tenant::is_bound(&caller) && head.method != Method::GET {
        return Err(Failure::new(ErrorKind::AccessDenied, texts::KEY_ONLY_READS));
    }
    let resource = Resource::of(head.uri.path());
    let live = state.live();
    let asked = caller.region.as_deref().unwrap_or(&live.region);
    let region = resource.as_ref().and_then(Resource::region).unwrap_or_else(|| asked.to_owned());
    let region = region.as_str();
    let path = resource.map_or_else(|| head.uri.path().to_owned(), |resource| resource.path());
    let endpoints = live.client.endpoints();
    let endpoint =
        if path.starts_with(GUARDRAIL) { endpoints.runtime(region) } else { endpoints.control(region) };
    let endpoint = endpoint.map_err(|error| Failure::from(RouteError::from(error)))?;
    if path.starts_with(GUARDRAIL) {
        check_residency(live.catalog.residency(), region)?;
    }
    let mut headers = HeaderMap::new();
    if let Some(content_type) = head.headers.get(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    let invocation = Invocation {
        method: head.method.clone(),
        endpoint: &endpoint,
        region,
        path: &head.uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}")),
        headers,
        body,
    };
    let client = &live.accounts.for_caller(&caller).client;
    let (answer, body) = client.send(&invocation).await?.into_parts();
    let mut response = Response::new(ReplyBody::whole(collect(body).await?));
    *response.status_mut() = answer.status;
    hand_on(&answer.headers, response.headers_mut());
    Ok(response)
}

/// What a guardrail is to judge is sent to the Region, like any invocation.
fn check_residency(policy: Option<&Residency>, region: &str) -> Result<(), Failure> {
    if policy.is_none_or(|policy| policy.allows(region, &[region.to_owned()])) {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::AccessDenied, texts::guardrail_outside(region)))
}

/// What a path names, where that may be an ARN: `/inference-profiles/{id or ARN}`.
struct Resource<'a> {
    collection: &'static str,
    id: Cow<'a, str>,
    /// What follows the id: `/version/1/apply`.
    rest: &'a str,
}

impl<'a> Resource<'a> {
    const COLLECTIONS: [&'static str; 3] =
        ["/inference-profiles/", "/foundation-models/", "/foundation-model-availability/"];

    fn of(path: &'a str) -> Option<Self> {
        let named = |collection, id, rest| {
            Some(Self { collection, id: percent_decode_str(id).decode_utf8().ok()?, rest })
        };
        if let Some(guardrail) = path.strip_prefix(GUARDRAIL) {
            let at = guardrail.rfind("/version/")?;
            return named(GUARDRAIL, &guardrail[..at], &guardrail[at..]);
        }
        Self::COLLECTIONS
            .into_iter()
            .find_map(|collection| named(collection, path.strip_prefix(collection)?, ""))
    }

    /// An ARN's own Region wins.
    fn region(&self) -> Option<String> {
        let region = if self.collection == GUARDRAIL {
            let mut parts = self.id.strip_prefix("arn:")?.splitn(5, ':');
            parts.nth(2).map(str::to_owned)
        } else {
            Arn::parse(&self.id).ok().map(|arn| arn.region)
        };
        region.filter(|region| !region.is_empty())
    }

    /// The path as AWS wants it: an ARN is one segment, however the client wrote it (reference `bedrock.md` §2.3).
    fn path(&self) -> String {
        format!("{}{}{}", self.collection, utf8_percent_encode(&self.id, PATH_SEGMENT), self.rest)
    }
}

/// `ApplyGuardrail` is the runtime's, though it invokes no model.
const GUARDRAIL: &str = "/guardrail/";

/// A page of a thousand profiles with tags stays well below.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

pub(crate) async fn collect(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(Failure::new(ErrorKind::ServiceUnavailable, texts::broke_off(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_one_segment_and_names_its_region() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123def456";
        let encoded = "/inference-profiles/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3A\
                       application-inference-profile%2Fabc123def456";
        for written in [arn.to_owned(), arn.replace('/', "%2f"), arn.replace(':', "%3A").replace('/', "%2F")]
        {
            let path = format!("/inference-profiles/{written}");
            let resource = Resource::of(&path).expect("a profile's path");
            assert_eq!(resource.path(), encoded);
            assert_eq!(resource.region().as_deref(), Some("eu-west-1"));
        }
        let guardrail = "arn:aws:bedrock:us-west-2:123456789012:guardrail/abc123";
        let path = format!("/guardrail/{guardrail}/version/DRAFT/apply");
        let resource = Resource::of(&path).expect("a guardrail's path");
        assert_eq!(resource.region().as_deref(), Some("us-west-2"));
        let encoded = "arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Aguardrail%2Fabc123";
        assert_eq!(resource.path(), format!("/guardrail/{encoded}/version/DRAFT/apply"));
        assert!(Resource::of("/inference-profiles").is_none());
        assert_eq!(Resource::of("/foundation-models/amazon.nova-lite-v1:0").and_then(|it| it.region()), None);
    }
}
