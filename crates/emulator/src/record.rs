//! The recorder: hands runtime calls on to a real endpoint, and writes each exchange down as one line of JSON that
//! `--replay` serves again.
//!
//! With a key for the endpoint, the call goes out with it. Without one it goes out as it came, its `Host` included, so that
//! a signature over that host still holds where the endpoint's own name is not insisted on (another emulator, a gateway);
//! AWS itself insists, so there it takes a Bedrock API key. Who calls is not checked here: the endpoint does that.
//!
//! What could let somebody in is not written: credentials, cookies and signatures are in headers, of which only a few
//! harmless ones are kept; account ids and access keys anywhere else become those of AWS's documentation. Answers are read
//! whole before they are handed on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use http::{HeaderValue, Request};
use http_body_util::Full;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::eventstream::{self, Decoder, Message};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::ACCOUNT;
use crate::exchange::Call;
use crate::failure::Failure;
use crate::outbound::Outbound;
use crate::reply::{EVENT_STREAM, Payload, Reply};

/// Hands calls on, and writes them down.
pub(crate) struct Recorder {
    endpoint: Outbound,
    key: Option<HeaderValue>,
    path: PathBuf,
    file: Mutex<File>,
    written: AtomicU64,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("endpoint", &self.endpoint)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Headers that are about this connection, or must be made anew.
const OF_THE_CONNECTION: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
/// The headers of a request that are worth keeping and harmless.
const KEPT_OF_REQUESTS: [&str; 2] = ["content-type", "accept"];
/// The same of answers, beside all that begin with `x-amzn-`.
const KEPT_OF_ANSWERS: [&str; 1] = ["content-type"];

impl Recorder {
    /// Appends to a file what an endpoint answers.
    ///
    /// # Errors
    /// What is wrong with the file, the address or the key.
    pub(crate) fn open(path: &Path, endpoint: &str, key: Option<&str>) -> Result<Self, String> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        let key = key.map(|key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| "the endpoint's key cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        Ok(Self {
            endpoint: Outbound::to(endpoint)?,
            key: key.transpose()?,
            path: path.to_owned(),
            file: Mutex::new(file),
            written: AtomicU64::new(0),
        })
    }

    /// Whether a path is one whose exchanges are recorded.
    pub(crate) fn is_for(path: &str) -> bool {
        path.starts_with("/model/") || path.starts_with("/guardrail/")
    }

    /// Hands a call on and writes down what comes of it.
    ///
    /// # Errors
    /// 503 when the endpoint does not answer; 500 when nothing can be written.
    pub(crate) async fn exchange(&self, call: &Call<'_>) -> Result<Reply, Failure> {
        let unreachable = |reason: String| Failure::new(ErrorKind::ServiceUnavailable, reason);
        let target = call.head.uri.path_and_query().map_or("/", |it| it.as_str());
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(call.body)));
        *request.method_mut() = call.head.method.clone();
        *request.uri_mut() = self.endpoint.uri(target).map_err(unreachable)?;
        *request.headers_mut() = self.outgoing(call);
        let response = self.endpoint.send(request).await.map_err(unreachable)?;
        let (head, body) = response.into_parts();
        let line = self.line(call, head.status.as_u16(), &head.headers, &body);
        self.write(&line).map_err(|error| {
            let text = format!("The recording {} cannot be written: {error}", self.path.display());
            Failure::new(ErrorKind::InternalServer, text)
        })?;
        let mut reply = Reply::new(head.status, "application/json", Payload::Whole(body.clone()));
        if is_event_stream(&head.headers) {
            reply.payload = Payload::Frames(vec![body]);
        }
        reply.headers = head
            .headers
            .iter()
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok(reply)
    }

    fn outgoing(&self, call: &Call<'_>) -> HeaderMap {
        let mut headers = call.head.headers.clone();
        for name in OF_THE_CONNECTION {
            headers.remove(name);
        }
        match &self.key {
            Some(key) => {
                headers.insert(AUTHORIZATION, key.clone());
                for name in ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256", HOST.as_str()] {
                    headers.remove(name);
                }
            }
            // What was signed for must arrive, and HTTP/2 has it elsewhere.
            None => {
                let authority = call.head.uri.authority().and_then(|it| it.as_str().parse().ok());
                if let (false, Some(authority)) = (headers.contains_key(HOST), authority) {
                    headers.insert(HOST, authority);
                }
            }
        }
        headers
    }

    fn line(&self, call: &Call<'_>, status: u16, headers: &HeaderMap, body: &Bytes) -> Value {
        let path = scrubbed(call.head.uri.path());
        let (model, operation) = named(&path);
        let streaming = is_event_stream(headers);
        let mut request = json!({
            "method": call.head.method.as_str(),
            "path": path,
            "headers": kept(&call.head.headers, &KEPT_OF_REQUESTS, ""),
        });
        insert_body(&mut request, "body", call.body);
        let mut response = json!({ "status": status, "headers": kept(headers, &KEPT_OF_ANSWERS, "x-amzn-") });
        if streaming {
            let bytes = scrubbed_frames(body);
            response["body_base64"] = json!(base64::engine::general_purpose::STANDARD.encode(bytes));
        } else {
            insert_body(&mut response, "body_json", body);
        }
        let name = self.path.file_stem().map_or_else(|| "recording".into(), |name| name.to_string_lossy());
        json!({
            "id": format!("{name}#{}", self.written.fetch_add(1, Ordering::Relaxed)),
            "recorded_at": crate::control::profiles::now(),
            "wire": "http",
            "api": "bedrock-runtime",
            "operation": operation,
            "model_id": model,
            "streaming": streaming,
            "request": request,
            "response": response,
        })
    }

    fn write(&self, line: &Value) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}")
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind == EVENT_STREAM)
}

/// The model and the operation that a path names.
fn named(path: &str) -> (Option<String>, &'static str) {
    let (before, operation) = path.rsplit_once('/').unwrap_or((path, ""));
    let model =
        before.strip_prefix("/model/").map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned());
    let operation = match operation {
        "converse" => "Converse",
        "converse-stream" => "ConverseStream",
        "invoke" => "InvokeModel",
        "invoke-with-response-stream" => "InvokeModelWithResponseStream",
        "count-tokens" => "CountTokens",
        _ => "ApplyGuardrail",
    };
    (model, operation)
}

fn kept(headers: &HeaderMap, names: &[&str], prefix: &str) -> Map<String, Value> {
    let is_kept = |name: &str| names.contains(&name) || (!prefix.is_empty() && name.starts_with(prefix));
    headers
        .iter()
        .filter(|(name, _)| is_kept(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), json!(scrubbed(value.to_str().ok()?)))))
        .collect()
}

/// A body as JSON where it is some, else as text.
fn insert_body(into: &mut Value, json_member: &str, body: &[u8]) {
    if body.is_empty() {
        return;
    }
    let text = scrubbed(&String::from_utf8_lossy(body));
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => into[json_member] = value,
        Err(_) => into["body_text"] = json!(text),
    }
}

/// The frames with scrubbed payloads; frames that hold nothing to scrub stay as they are, byte for byte.
fn scrubbed_frames(body: &Bytes) -> Bytes {
    let mut decoder = Decoder::default();
    decoder.push(body);
    let mut out = BytesMut::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        let payload = match frame.message() {
            Message::Event { payload, .. } | Message::Exception { payload, .. } => payload,
            Message::Error { .. } => &[],
        };
        let text = String::from_utf8_lossy(payload);
        let clean = scrubbed(&text);
        match frame.message() {
            Message::Event { event_type, .. } if clean != text => {
                eventstream::write_event(event_type, clean.as_bytes(), &mut out);
            }
            Message::Exception { exception_type, .. } if clean != text => {
                eventstream::write_exception(exception_type, clean.as_bytes(), &mut out);
            }
            _ => out.extend_from_slice(frame.bytes()),
        }
    }
    match decoder.has_partial_frame() {
        // What is damaged is what was recorded for.
        true => body.clone(),
        false => out.freeze(),
    }
}

/// A text without account ids and access keys: account ids where an ARN has one, access keys wherever they stand.
fn scrubbed(text: &str) -> String {
    const SERVICES: [&str; 4] = [":bedrock:", "%3Abedrock%3A", ":iam:", ":sts:"];
    let mut out = text.to_owned();
    for service in SERVICES {
        let colon = if service.starts_with('%') { "%3A" } else { ":" };
        out = with_account_after(&out, service, colon);
    }
    for prefix in ["AKIA", "ASIA"] {
        out = with_key_of(&out, prefix);
    }
    out
}

/// Puts the documentation's account where `SERVICE REGION : ACCOUNT :` has one.
fn with_account_after(text: &str, service: &str, colon: &str) -> String {
    const DIGITS: usize = 12;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(service) {
        let (before, after) = rest.split_at(at + service.len());
        out.push_str(before);
        rest = after;
        let region = rest.find(colon).filter(|end| {
            rest[..*end].bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        });
        let Some(start) = region.map(|end| end + colon.len()) else { continue };
        let is_account = rest
            .get(start..start + DIGITS)
            .is_some_and(|account| account.bytes().all(|c| c.is_ascii_digit()));
        if is_account {
            out.push_str(&rest[..start]);
            out.push_str(ACCOUNT);
            rest = &rest[start + DIGITS..];
        }
    }
    out + rest
}

/// Puts the documentation's access key where there is one that begins so.
fn with_key_of(text: &str, prefix: &str) -> String {
    const EXAMPLE: &str = "AKIAIOSFODNN7EXAMPLE";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(prefix) {
        out.push_str(&rest[..at]);
        let is_key = rest
            .get(at..at + EXAMPLE.len())
            .is_some_and(|key| key.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
        out.push_str(if is_key { EXAMPLE } else { prefix });
        rest = &rest[at + if is_key { EXAMPLE.len() } else { prefix.len() }..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_keys_are_scrubbed_and_nothing_else() {
        for (text, clean) in [
            (
                "arn:aws:bedrock:us-east-1:999999999999:application-inference-profile/x",
                "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x",
            ),
            (
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A999999999999%3Ainference-profile%2Fx/converse",
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fx/converse",
            ),
            ("arn:aws:iam::999999999999:role/x", "arn:aws:iam::123456789012:role/x"),
            ("key AKIAABCDEFGHIJKLMNOP.", "key AKIAIOSFODNN7EXAMPLE."),
            ("call 999999999999 now, AKIA", "call 999999999999 now, AKIA"),
            ("arn:aws:bedrock:::foundation-model/m", "arn:aws:bedrock:::foundation-model/m"),
            ("ü:bedrock:", "ü:bedrock:"),
        ] {
            assert_eq!(scrubbed(text), clean);
        }
    }
}
