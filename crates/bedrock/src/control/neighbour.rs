//! Calls of the services beside Bedrock: the same client, another signature, and three ways to write a request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use outcrop_wire::xml::Element;
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PATH_SEGMENT;
use crate::client::{Client, Invocation, SendError};
use crate::endpoint::Service;

/// A request of a neighbour.
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) method: Method,
    /// Path and query, percent-encoded.
    pub(super) path: &'a str,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) region: &'a str,
}

impl Client {
    /// Sends, and hands back a success whose body has not been read.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<Response<Incoming>, SendError> {
        let Call { service, method, path, headers, body, region } = call;
        let (endpoint, region) = self
            .endpoints()
            .neighbour(service, region)
            .map_err(|error| SendError::Unsendable(error.to_string()))?;
        let invocation = Invocation { method, endpoint: &endpoint, region: &region, path, headers, body };
        self.send(&invocation).await
    }

    /// The Query protocol: a form in, the elements of the result out.
    pub(super) async fn query(
        &self,
        service: Service,
        version: &str,
        action: &str,
        parameters: &[(String, String)],
        region: &str,
    ) -> Result<Element, SendError> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", utf8_percent_encode(value, PATH_SEGMENT)));
        }
        let headers = content_type("application/x-www-form-urlencoded; charset=utf-8");
        let call = Call { service, method: Method::POST, path: "/", headers, body: form.into(), region };
        let root = self.ask_xml(call).await?;
        let result = root.child(&format!("{action}Result")).cloned();
        Ok(result.unwrap_or_default())
    }

    /// AWS's JSON protocol: the operation in a header.
    pub(super) async fn target<T: DeserializeOwned>(
        &self,
        service: Service,
        target: &str,
        json_type: &'static str,
        input: &impl Serialize,
        region: &str,
    ) -> Result<T, SendError> {
        let mut headers = content_type(json_type);
        let target =
            HeaderValue::from_str(target).map_err(|error| SendError::Unsendable(error.to_string()))?;
        headers.insert(HeaderName::from_static("x-amz-target"), target);
        let body = serde_json::to_vec(input).map_err(|error| SendError::Unsendable(error.to_string()))?;
        let call = Call { service, method: Method::POST, path: "/", headers, body: body.into(), region };
        let answer = whole(self.ask(call).await?).await?;
        let answer = if answer.is_empty() { super::NOTHING } else { &answer };
        serde_json::from_slice(answer).map_err(|error| unreadable(&error.to_string()))
    }

    /// A request that is answered with XML.
    pub(super) async fn ask_xml(&self, call: Call<'_>) -> Result<Element, SendError> {
        let answer = whole(self.ask(call).await?).await?;
        let text = std::str::from_utf8(&answer).map_err(|error| unreadable(&error.to_string()))?;
        Element::parse(text).map_err(|error| unreadable(&error.to_string()))
    }
}

/// The whole body of an answer.
pub(super) async fn whole(answer: Response<Incoming>) -> Result<Bytes, SendError> {
    let collected = answer.into_body().collect().await;
    Ok(collected.map_err(|error| unreadable(&error.to_string()))?.to_bytes())
}

pub(super) fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
}

pub(super) fn unreadable(why: &str) -> SendError {
    SendError::Broken { host: "AWS".to_owned(), why: format!("unreadable answer: {why}") }
}
