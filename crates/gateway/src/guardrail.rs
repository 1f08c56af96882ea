//! The configured guardrail, put on every invocation.
//!
//! It protects the account's owner, so a client cannot weaken it: one that a client names itself is replaced, and a notice says so.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use outcrop_bedrock::control::PATH_SEGMENT;
use outcrop_bedrock::{Client, Invocation};
use outcrop_catalog::Surface;
use outcrop_texts as texts;
use outcrop_wire::Notices;
use outcrop_wire::bedrock::GuardrailConfig;
use outcrop_wire::dialect::RequestError;
use outcrop_wire::envelope::with_member;
use outcrop_wire::guarding::{self, Judgement};
use percent_encoding::utf8_percent_encode;

use crate::failure::Failure;
use crate::lane::{Call, json_headers};
use crate::router::Operation;
use crate::state::Route;
use crate::{control, reply};

/// A guardrail, in Converse's words, and in the headers that InvokeModel takes instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrail {
    config: GuardrailConfig,
    headers: [(&'static str, HeaderValue); 3],
}

/// The identifier or version holds a character that no header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a guardrail's identifier and version are letters, digits and `:/-` only")]
pub struct UnusableGuardrail;

impl Guardrail {
    /// Checks what a header must hold; AWS judges the rest.
    pub fn new(config: GuardrailConfig) -> Result<Self, UnusableGuardrail> {
        let header = |text: &str| HeaderValue::try_from(text).map_err(|_| UnusableGuardrail);
        let trace = config.trace.as_deref().unwrap_or("disabled").to_uppercase();
        let headers = [
            ("x-amzn-bedrock-guardrailidentifier", header(&config.guardrail_identifier)?),
            ("x-amzn-bedrock-guardrailversion", header(&config.guardrail_version)?),
            (TRACE, header(&trace)?),
        ];
        Ok(Self { config, headers })
    }

    /// As it was configured.
    pub fn config(&self) -> &GuardrailConfig {
        &self.config
    }

    /// Puts it on the call, in place of the client's own. CountTokens runs no model and takes none.
    pub(crate) fn apply(&self, call: &mut Call) -> Result<(), RequestError> {
        let replaced = match call.operation {
            Operation::Converse => self.in_body(call, None)?,
            Operation::ConverseStream => self.in_body(call, self.config.stream_processing_mode.clone())?,
            Operation::InvokeModel => self.in_headers(&mut call.headers),
            Operation::InvokeModelWithResponseStream => {
                self.in_headers(&mut call.headers) | self.asynchronous(call)?
            }
            Operation::CountTokens | Operation::CountMessages => return Ok(()),
            Operation::ChatCompletions | Operation::Responses | Operation::Messages
                if call.travel.surface == Surface::RuntimeOpenai =>
            {
                self.in_headers(&mut call.headers)
            }
            Operation::ChatCompletions | Operation::Responses | Operation::Messages => {
                return Err(RequestError::at("model", texts::NO_GUARDRAIL));
            }
        };
        let applied = self.applied();
        if replaced {
            call.notices.push(
                "rewritten",
                "guardrailConfig",
                format!("the request's own is replaced: {applied}"),
            );
        } else {
            call.notices.push("added", "guardrailConfig", applied);
        }
        Ok(())
    }

    /// Judges texts that go to a model which takes no guardrail, by `ApplyGuardrail` in the Region of the route. Those that
    /// it masks are replaced, and a notice says so.
    ///
    /// # Errors
    /// Texts that it blocks; an answer that does not come or cannot be read: nothing is sent unjudged.
    pub(crate) async fn judge(
        &self,
        client: &Client,
        route: &Route,
        texts: &mut Vec<String>,
        notices: &mut Notices,
    ) -> Result<(), Failure> {
        let GuardrailConfig { guardrail_identifier, guardrail_version, .. } = &self.config;
        let id = utf8_percent_encode(guardrail_identifier, PATH_SEGMENT);
        let invocation = Invocation {
            method: Method::POST,
            endpoint: &route.endpoint,
            region: &route.resolution.source_region,
            path: &format!("/guardrail/{id}/version/{guardrail_version}/apply"),
            headers: json_headers(),
            body: guarding::request(texts).into(),
        };
        let answer = client.send(&invocation).await?.into_body();
        let answer = control::collect(answer).await?;
        notices.push("added", "guardrailConfig", self.applied());
        match Judgement::read(&answer, texts.len()).map_err(|error| reply::unreadable(&error))? {
            Judgement::Passes => {}
            Judgement::Masked(masked) => {
                *texts = masked;
                notices.push("rewritten", "input", "the guardrail masked parts of it");
            }
            Judgement::Blocked(message) => {
                let text = texts::guardrail_blocked(guardrail_identifier, message);
                return Err(RequestError::at("input", text).into());
            }
        }
        Ok(())
    }

    fn applied(&self) -> String {
        let GuardrailConfig { guardrail_identifier, guardrail_version, .. } = &self.config;
        format!("{guardrail_identifier} (version {guardrail_version}) is applied to every request")
    }

    fn in_body(&self, call: &mut Call, stream_processing_mode: Option<String>) -> Result<bool, RequestError> {
        let config = GuardrailConfig { stream_processing_mode, ..self.config.clone() };
        let (body, replaced) = with_member(&call.body, "guardrailConfig", &config)?;
        call.body = Bytes::from(body);
        Ok(replaced)
    }

    fn in_headers(&self, headers: &mut HeaderMap) -> bool {
        let mut replaced = false;
        for (name, value) in &self.headers {
            let before = headers.insert(*name, value.clone());
            replaced |= before.is_some_and(|before| before != value) && *name != TRACE;
        }
        replaced
    }

    /// InvokeModel's streams say it in the body, and in another word (AWS's user guide, "Configure streaming response
    /// behavior"); synchronous is the default there.
    fn asynchronous(&self, call: &mut Call) -> Result<bool, RequestError> {
        if self.config.stream_processing_mode.as_deref() != Some("async") {
            return Ok(false);
        }
        let config = serde_json::json!({ "streamProcessingMode": "ASYNCHRONOUS" });
        let (body, replaced) = with_member(&call.body, "amazon-bedrock-guardrailConfig", &config)?;
        call.body = Bytes::from(body);
        Ok(replaced)
    }
}

const TRACE: &str = "x-amzn-bedrock-trace";

#[cfg(test)]
mod tests {
    use super::*;
    use outcrop_catalog::{Lane, Reason};

    use crate::lane::Answer;
    use crate::travel::Travel;

    const TRAVEL: Travel =
        Travel { lane: Lane::Relay, surface: Surface::RuntimeConverse, reason: Reason::SpeaksBedrock };

    fn guardrail(mode: Option<&str>) -> Guardrail {
        let config = GuardrailConfig {
            guardrail_identifier: "abc123".to_owned(),
            guardrail_version: "7".to_owned(),
            trace: Some("enabled_full".to_owned()),
            stream_processing_mode: mode.map(str::to_owned),
        };
        Guardrail::new(config).expect("a usable guardrail")
    }

    fn applied(
        operation: Operation,
        mode: Option<&str>,
        body: &'static str,
        headers: HeaderMap,
    ) -> (Call, String) {
        let mut call = Call {
            request_id: String::new(),
            operation,
            travel: TRAVEL,
            language: None,
            stream: operation.is_stream(),
            answer: Answer::Native,
            headers,
            body: Bytes::from(body),
            notices: Notices::default(),
            keeper: None,
        };
        guardrail(mode).apply(&mut call).expect("a JSON body");
        let body = String::from_utf8(call.body.to_vec()).expect("text");
        (call, body)
    }

    #[test]
    fn converse_takes_it_in_the_body_and_everything_else_stays_as_it_came() {
        let (call, body) =
            applied(Operation::Converse, Some("async"), r#"{"x": 1.0,"y":[ ]}"#, HeaderMap::new());
        let config = r#"{"guardrailIdentifier":"abc123","guardrailVersion":"7","trace":"enabled_full"}"#;
        assert_eq!(body, format!(r#"{{"x":1.0,"y":[ ],"guardrailConfig":{config}}}"#));
        assert!(call.headers.is_empty());
        let (_, body) = applied(Operation::ConverseStream, Some("async"), "{}", HeaderMap::new());
        assert!(body.contains(r#""streamProcessingMode":"async""#), "{body}");
    }

    #[test]
    fn a_clients_own_is_replaced_and_that_is_said() {
        let own = r#"{"guardrailConfig":{"guardrailIdentifier":"weak","guardrailVersion":"1"}}"#;
        let (call, body) = applied(Operation::Converse, None, own, HeaderMap::new());
        assert!(!body.contains("weak"), "{body}");
        let notice = call.notices.iter().next().map(ToString::to_string).unwrap_or_default();
        assert!(
            notice.starts_with("rewritten guardrailConfig: the request's own is replaced: abc123"),
            "{notice}"
        );
        let own = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-amzn-bedrock-guardrailidentifier"),
            HeaderValue::from_static("weak"),
        )]);
        let (call, _) = applied(Operation::InvokeModel, None, "{}", own);
        assert_eq!(call.headers["x-amzn-bedrock-guardrailidentifier"], "abc123");
        assert!(call.notices.iter().any(|notice| notice.rule == "rewritten"));
    }

    #[test]
    fn invoke_model_takes_it_in_headers() {
        let (call, body) =
            applied(Operation::InvokeModelWithResponseStream, Some("sync"), "{}", HeaderMap::new());
        assert_eq!(call.headers["x-amzn-bedrock-guardrailversion"], "7");
        assert_eq!(call.headers["x-amzn-bedrock-trace"], "ENABLED_FULL");
        assert_eq!(body, "{}", "synchronous is the default");
        let (_, body) =
            applied(Operation::InvokeModelWithResponseStream, Some("async"), "{}", HeaderMap::new());
        assert_eq!(body, r#"{"amazon-bedrock-guardrailConfig":{"streamProcessingMode":"ASYNCHRONOUS"}}"#);
        let (call, body) = applied(Operation::CountTokens, Some("async"), "{}", HeaderMap::new());
        assert!(call.headers.is_empty() && call.notices.is_empty() && body == "{}");
    }
}
