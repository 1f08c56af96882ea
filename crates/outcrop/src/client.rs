//! A client of the gateway, for the commands that talk to one.

use std::error::Error as _;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::TokioExecutor;
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_catalog::ApplicationProfile;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use crate::failure::Failure;
use crate::secret::Secret;
use crate::settings::Settings;

/// One gateway.
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    key: Option<Secret>,
}

/// The gateway's documented address.
const DEFAULT_URL: &str = "http://127.0.0.1:4141";

impl Client {
    /// A client of the gateway a person means: the one typed, else `OUTCROP_URL`, else the documented address.
    pub fn of(settings: &Settings, url: Option<&str>) -> Result<Self, Failure> {
        let url = url.or(settings.client.url.as_deref()).unwrap_or(DEFAULT_URL);
        Self::new(url, settings.client.api_key.clone())
    }

    /// Its address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What the gateway's control plane says about a profile.
    pub async fn inference_profile(&self, arn: &str) -> Result<ApplicationProfile, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Profile {
            inference_profile_arn: String,
            inference_profile_name: Option<String>,
            #[serde(default)]
            models: Vec<Model>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Model {
            model_arn: String,
        }
        let path = format!("/inference-profiles/{}", utf8_percent_encode(arn, PATH_SEGMENT));
        let Profile { inference_profile_arn, inference_profile_name, models } = self.read(&path).await?;
        Ok(ApplicationProfile {
            arn: inference_profile_arn,
            name: inference_profile_name,
            model_arns: models.into_iter().map(|model| model.model_arn).collect(),
            tags: Default::default(),
        })
    }

    /// A client of the gateway at `base`, such as `http://127.0.0.1:4141`.
    pub fn new(base: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let base = base.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let uri: Option<Uri> = base.parse().ok();
        let usable =
            uri.is_some_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if !usable {
            return Err(Failure::new(format!("`{base}` is no address of a gateway"))
                .hint("write it as http://127.0.0.1:4141 (--url, OUTCROP_URL)"));
        }
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(Self { pool: Pool::builder(TokioExecutor::new()).build(connector), base, key })
    }

    /// Sends a request and hands back the answer, its body still to come; anything but 2xx is a failure in the gateway's words.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.reveal()));
        }
        let request = request.body(Full::new(body)).map_err(|error| Failure::new(error.to_string()))?;
        let response = self.pool.request(request).await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Err(refused(status, &body))
    }

    /// Reads a JSON answer.
    pub async fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| Failure::new(format!("the gateway's answer broke off: {error}")))?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| {
            Failure::new(format!("{}{path} answered with something else: {error}", self.base))
        })
    }

    fn unreachable(&self, error: &PoolError) -> Failure {
        if error.is_connect() {
            return Failure::new(format!("no gateway answers at {}", self.base))
                .hint("start it with `outcrop serve --local`, or name another one with --url");
        }
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Failure::new(format!("the connection to {} broke: {cause}", self.base))
    }
}

/// The message of any dialect's error body: `{"error": {"message"}}` or Bedrock's `{"message"}`.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Body {
        error: Option<Message>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let said = serde_json::from_slice::<Body>(body)
        .ok()
        .and_then(|body| body.error.map(|error| error.message).or(body.message))
        .unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let failure = Failure::new(format!("the gateway answered {status}: {said}"));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            failure.hint("set OUTCROP_API_KEY to a key of the gateway")
        }
        _ => failure,
    }
}
