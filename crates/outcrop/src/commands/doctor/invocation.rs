//! One real call: the only proof there is.

use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt;
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_bedrock::{Invocation, SendError};
use outcrop_catalog::{Resolution, Surface};
use outcrop_wire::bedrock::ConverseResponse;
use percent_encoding::utf8_percent_encode;
use serde_json::json;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding};

/// Some models refuse less (reference `bedrock.md` §6.2).
const FEWEST_TOKENS: u32 = 16;

/// Says hello to the model behind an identifier.
pub async fn examine(connection: &Connection<'_>, resolution: &Resolution) -> Finding {
    let target = &resolution.target;
    if resolution.surface != Surface::RuntimeConverse {
        let detail = format!("{target} is not a model one talks to, so it was not invoked");
        return Finding::warning(
            Check::Invocation,
            detail,
            format!("call it as it is meant: `outcrop explain {target}`"),
        );
    }
    let begun = Instant::now();
    match within(converse(connection, resolution)).await {
        Ok(answer) => {
            let usage = &answer.usage;
            let tokens = format!("{} tokens in, {} out", usage.input_tokens, usage.output_tokens);
            let took = begun.elapsed().as_millis();
            Finding::ok(Check::Invocation, format!("{target} answered in {took} ms: {tokens}"))
        }
        Err(error) => cause::of(&error, &format!("invoke {target}"), "bedrock:InvokeModel"),
    }
}

async fn converse(
    connection: &Connection<'_>,
    resolution: &Resolution,
) -> Result<ConverseResponse, SendError> {
    let unsendable = |error: &dyn std::fmt::Display| SendError::Unsendable(error.to_string());
    let region = resolution.source_region.as_str();
    let endpoint = connection.client.endpoints().runtime(region).map_err(|error| unsendable(&error))?;
    let body = json!({
        "messages": [{ "role": "user", "content": [{ "text": "Say hello." }] }],
        "inferenceConfig": { "maxTokens": FEWEST_TOKENS },
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let path = format!("/model/{}/converse", utf8_percent_encode(&resolution.target, PATH_SEGMENT));
    let invocation = Invocation {
        method: Method::POST,
        endpoint: &endpoint,
        region,
        path: &path,
        headers,
        body: body.to_string().into(),
    };
    let broken = |why: String| SendError::Broken { host: endpoint.authority().to_owned(), why };
    let answer = connection.client.send(&invocation).await?.into_body().collect().await;
    let answer = answer.map_err(|error| broken(error.to_string()))?.to_bytes();
    serde_json::from_slice(&answer).map_err(|error| broken(format!("unreadable answer: {error}")))
}
