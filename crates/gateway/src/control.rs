//! Bedrock's control plane on the same base URL: handed on as it is, signed by us.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use outcrop_bedrock::Invocation;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::Dialect;

use crate::exchange::admit;
use crate::failure::{Failure, hand_on};
use crate::reply::ReplyBody;
use crate::state::State;

/// Hands a control-plane request on, in the Region of the caller's signature, or of the gateway.
pub(crate) async fn forward(
    state: &State,
    head: &Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, Failure> {
    let (caller, body) = admit(state, head, body, Dialect::Bedrock).await?;
    let region = caller.region.as_deref().unwrap_or(&state.region);
    let endpoint = state.client.endpoints().control(region);
    let endpoint = endpoint.map_err(|error| Failure::new(ErrorKind::Validation, error.to_string()))?;
    let mut headers = HeaderMap::new();
    if let Some(content_type) = head.headers.get(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    let invocation = Invocation {
        method: head.method.clone(),
        endpoint: &endpoint,
        region,
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()),
        headers,
        body,
    };
    let (answer, body) = state.client.send(&invocation).await?.into_parts();
    let mut response = Response::new(ReplyBody::whole(collect(body).await?));
    *response.status_mut() = answer.status;
    hand_on(&answer.headers, response.headers_mut());
    Ok(response)
}

/// A page of a thousand profiles with tags stays well below.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

async fn collect(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(Failure::new(
            ErrorKind::ServiceUnavailable,
            format!("The answer from AWS broke off: {error}"),
        )),
    }
}
