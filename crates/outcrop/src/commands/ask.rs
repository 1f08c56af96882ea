//! A model that is asked for real, and what can be told of its answer: for `verify` and `bench`.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt;
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_bedrock::{Client, Invocation, SendError};
use outcrop_catalog::{Catalog, Resolution};
use outcrop_wire::bedrock::{
    BedrockError, BlockDelta, BlockStart, ConverseRequest, StopReason, StreamEvent, Usage,
};
use outcrop_wire::eventstream::{Decoder, Message};
use percent_encoding::utf8_percent_encode;

use super::explain;
use super::profiles::account::Account;
use crate::failure::Failure;
use crate::settings::Settings;

/// A model and the way to it.
pub struct Subject {
    /// What the identifier stands for.
    pub resolution: Resolution,
    client: Client,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// AWS's id of the request: the invocation log has it too.
    pub request_id: Option<String>,
    /// Until the first piece of text, reasoning or a call.
    pub first_token: Option<Duration>,
    /// Until the end.
    pub total: Duration,
    /// Tokens used.
    pub usage: Usage,
    /// The text.
    pub text: String,
    /// The tools called.
    pub tools: Vec<String>,
    /// It thought, in the open or encrypted.
    pub has_reasoning: bool,
    /// Why it stopped.
    pub stop_reason: Option<StopReason>,
}

impl Subject {
    /// Resolves an identifier as the gateway does; AWS is asked what stands behind a profile that is not known.
    pub async fn of(settings: &Settings, identifier: &str) -> Result<Self, Failure> {
        let catalog: Catalog = settings.catalog();
        let mut resolution = match explain::resolve(&catalog, identifier, settings) {
            Ok(resolution) => resolution,
            Err(unknown) => match named(settings, identifier).await {
                Some(arn) => explain::resolve(&catalog, &arn, settings)?,
                None => return Err(unknown),
            },
        };
        if resolution.needs_lookup
            && let Ok(profile) = explain::ask_aws(&resolution, settings).await
        {
            resolution = explain::learned(&catalog, profile, &resolution, settings)?;
        }
        let region = resolution.source_region.as_str();
        let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
        Ok(Self { client: Client::new(credentials, settings.upstream.endpoints()), resolution })
    }

    /// The client it is asked with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `ConverseStream`, to its end.
    ///
    /// # Errors
    /// AWS's refusal, also one that comes in the middle; a stream that ends before its last event.
    pub async fn ask(&self, request: &ConverseRequest) -> Result<Answer, SendError> {
        let unsendable = |why: String| SendError::Unsendable(why);
        let region = self.resolution.source_region.as_str();
        let endpoint =
            self.client.endpoints().runtime(region).map_err(|error| unsendable(error.to_string()))?;
        let body = serde_json::to_vec(request).map_err(|error| unsendable(error.to_string()))?;
        let path =
            format!("/model/{}/converse-stream", utf8_percent_encode(&self.resolution.target, PATH_SEGMENT));
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let invocation = Invocation {
            method: Method::POST,
            endpoint: &endpoint,
            region,
            path: &path,
            headers,
            body: body.into(),
        };
        let begun = Instant::now();
        let response = self.client.send(&invocation).await?;
        let request_id = response.headers().get("x-amzn-requestid").and_then(|id| id.to_str().ok());
        let mut answer = Answer { request_id: request_id.map(str::to_owned), ..Answer::default() };
        let broken = |why: String| SendError::Broken { host: endpoint.authority().to_owned(), why };
        let mut decoder = Decoder::default();
        let mut body = response.into_body();
        let mut is_whole = false;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            let Ok(piece) = frame.into_data() else { continue };
            decoder.push(&piece);
            while let Some(frame) = decoder.next_frame().map_err(|error| broken(error.to_string()))? {
                is_whole |=
                    answer.take(frame.message(), begun).map_err(|error| error.at(endpoint.authority()))?;
            }
        }
        answer.total = begun.elapsed();
        if is_whole { Ok(answer) } else { Err(broken("the stream ended before its last event".to_owned())) }
    }
}

/// The ARN of the account's profile of that name; `None` when there is none, or nobody to ask.
async fn named(settings: &Settings, name: &str) -> Option<String> {
    let account = Account::open(settings, &settings.region.value).await.ok()?;
    Some(account.find(name).await.ok()?.inference_profile_arn)
}

/// What can be wrong inside a stream.
enum Trouble {
    Refused(BedrockError),
    Unreadable(String),
}

impl Trouble {
    fn at(self, host: &str) -> SendError {
        let why = match self {
            Self::Refused(error) => error.to_string(),
            Self::Unreadable(why) => format!("unreadable event: {why}"),
        };
        SendError::Broken { host: host.to_owned(), why }
    }
}

impl Answer {
    /// Takes one event; whether it was the last.
    fn take(&mut self, message: Message<'_>, begun: Instant) -> Result<bool, Trouble> {
        let (event_type, payload) = match message {
            Message::Event { event_type, payload } => (event_type, payload),
            Message::Exception { exception_type, payload } => {
                return Err(Trouble::Refused(BedrockError::from_exception(exception_type, payload)));
            }
            Message::Error { code, .. } => return Err(Trouble::Unreadable(code.to_owned())),
        };
        let event = StreamEvent::parse(event_type, payload);
        match event.map_err(|error| Trouble::Unreadable(error.to_string()))? {
            StreamEvent::ContentBlockStart(start) => {
                if let BlockStart::ToolUse(call) = start.start {
                    self.first_token.get_or_insert_with(|| begun.elapsed());
                    self.tools.push(call.name);
                }
            }
            StreamEvent::ContentBlockDelta(delta) => {
                self.first_token.get_or_insert_with(|| begun.elapsed());
                match delta.delta {
                    BlockDelta::Text(text) => self.text.push_str(&text),
                    BlockDelta::Reasoning(_) => self.has_reasoning = true,
                    _ => {}
                }
            }
            StreamEvent::MessageStop(stop) => self.stop_reason = Some(stop.stop_reason),
            StreamEvent::Metadata(metadata) => {
                self.usage = metadata.usage.unwrap_or_default();
                return Ok(true);
            }
            StreamEvent::MessageStart(_) | StreamEvent::ContentBlockStop(_) | StreamEvent::Other { .. } => {}
        }
        Ok(false)
    }
}
