//! Invocations under a guardrail: what the user wrote is assessed before the model is asked, what it answers after that.
//!
//! A stream is assessed whole (AWS's `sync` mode); so is one that asks for `async`, which AWS only begins to send earlier.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use outcrop_wire::eventstream::{self, Decoder, Message};
use serde_json::{Map, Value, json};

use crate::control::guardrails;
use crate::exchange::Call;
use crate::failure::Failure;
use crate::guardrail::{self, Grounds, Source, Verdict};
use crate::invoke::invoke;
use crate::operation::Runtime;
use crate::reply::{Payload, Reply};
use crate::state::State;

/// Invokes a model, under the guardrail that the request names, if any. `input` is the checked input of the operation.
///
/// # Errors
/// AWS's own; Validation for an unknown guardrail.
pub(crate) async fn invoke_guarded(
    state: &State,
    call: &Call<'_>,
    kind: Runtime,
    model: &str,
    region: &str,
    input: &Value,
) -> Result<Reply, Failure> {
    let Some(asked) = Asked::of(input) else { return invoke(state, call, kind, model, region).await };
    // The control plane answers 404 to the same; an invocation 400 (publicly reported, for a wrong id as for a wrong version).
    let policies = guardrails::version_of(state, asked.identifier, asked.version, region)
        .map_err(|missing| Failure::validation(missing.error.message))?;
    let id = policies.get("guardrailId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut guard = Guard { policies, id, is_traced: asked.is_traced, grounds: Grounds::default() };
    let is_converse = matches!(kind, Runtime::Converse | Runtime::ConverseStream);

    let mut body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let mut places = Vec::new();
    match is_converse {
        true => converse_input(&mut body, &mut places, &mut guard.grounds),
        false => native_input(&mut body, &mut places),
    }
    let verdict = guard.assess(Source::Input, &places);
    if verdict.is_blocked() && is_converse {
        return Ok(guard.blocked(kind, &verdict));
    }
    let is_masked = verdict.intervened() && !verdict.is_blocked();
    if is_masked {
        write_back(places, &verdict.outputs);
    }
    let body: Cow<'_, [u8]> =
        if is_masked { Cow::Owned(body.to_string().into_bytes()) } else { Cow::Borrowed(call.body) };
    let mut reply = invoke(state, &Call { body: &body, ..*call }, kind, model, region).await?;
    if verdict.is_blocked() {
        // The native body of a refusal is shaped like an answer; nothing is charged for it.
        reply.receipt = None;
        state.bill.forget(call.request_id);
    }
    Ok(guard.after(reply, is_converse, &verdict))
}

/// What a request says of guardrails.
struct Asked<'a> {
    identifier: &'a str,
    version: &'a str,
    is_traced: bool,
}

impl<'a> Asked<'a> {
    /// `guardrailConfig` of Converse, or the members that InvokeModel has in headers.
    fn of(input: &'a Value) -> Option<Self> {
        let config = input.get("guardrailConfig").unwrap_or(input);
        let identifier = config["guardrailIdentifier"].as_str().filter(|id| !id.is_empty())?;
        let version = config["guardrailVersion"].as_str().filter(|it| !it.is_empty()).unwrap_or("DRAFT");
        let trace = config["trace"].as_str().unwrap_or_default();
        Some(Self { identifier, version, is_traced: trace.to_ascii_lowercase().starts_with("enabled") })
    }
}

/// The guardrail of one invocation.
struct Guard {
    policies: Map<String, Value>,
    id: String,
    is_traced: bool,
    /// What the answer is held against.
    grounds: Grounds,
}

impl Guard {
    fn assess(&self, source: Source, places: &[&mut Value]) -> Verdict {
        let texts: Vec<&str> = places.iter().filter_map(|place| place.as_str()).collect();
        guardrail::assess(&self.policies, source, &texts, &self.grounds)
    }

    fn assess_output(&self, text: &str) -> Verdict {
        guardrail::assess(&self.policies, Source::Output, &[text], &self.grounds)
    }

    /// What Converse answers instead of asking the model.
    fn blocked(&self, kind: Runtime, input: &Verdict) -> Reply {
        let text = input.outputs.first().cloned().unwrap_or_default();
        let usage = json!({ "inputTokens": 0, "outputTokens": 0, "totalTokens": 0, "serverToolUsage": {} });
        let metrics = json!({ "latencyMs": 0 });
        let mut metadata = json!({ "metrics": metrics, "usage": usage });
        if self.is_traced {
            metadata["trace"] = self.trace(input, None);
        }
        if kind == Runtime::ConverseStream {
            let events = [
                ("messageStart", json!({ "role": "assistant" })),
                ("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": text } })),
                ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
                ("messageStop", json!({ "stopReason": INTERVENED })),
                ("metadata", metadata),
            ];
            return Reply::stream(events.iter().map(|(name, payload)| frame(name, payload)).collect());
        }
        metadata["output"] = json!({ "message": { "role": "assistant", "content": [{ "text": text }] } });
        metadata["stopReason"] = INTERVENED.into();
        Reply::json(StatusCode::OK, &metadata)
    }

    fn after(&self, mut reply: Reply, is_converse: bool, input: &Verdict) -> Reply {
        reply.payload = match reply.payload {
            Payload::Whole(bytes) => Payload::Whole(self.whole(&bytes, is_converse, input)),
            Payload::Frames(frames) if is_converse => Payload::Frames(self.converse_stream(&frames, input)),
            Payload::Frames(frames) => Payload::Frames(self.native_stream(&frames, input)),
        };
        reply
    }

    fn whole(&self, bytes: &Bytes, is_converse: bool, input: &Verdict) -> Bytes {
        let Ok(mut answer) = serde_json::from_slice::<Value>(bytes) else { return bytes.clone() };
        let mut places = Vec::new();
        match is_converse {
            true => converse_output(&mut answer, &mut places),
            false => native_output(&mut answer, &mut places),
        }
        let output = self.assess(Source::Output, &places);
        let said = if input.is_blocked() { input } else { &output };
        if said.intervened() {
            write_back(places, &said.outputs);
            if is_converse {
                answer["stopReason"] = INTERVENED.into();
                if said.is_blocked() {
                    answer["output"]["message"]["content"] = json!([{ "text": said.outputs[0] }]);
                }
            }
        }
        match is_converse {
            true if self.is_traced => answer["trace"] = self.trace(input, Some(&output)),
            true => {}
            false => self.mark(&mut answer, input, &output),
        }
        answer.to_string().into()
    }

    /// The members that InvokeModel adds to a model's own body.
    fn mark(&self, answer: &mut Value, input: &Verdict, output: &Verdict) {
        let intervened = input.intervened() || output.intervened();
        answer["amazon-bedrock-guardrailAction"] = if intervened { "INTERVENED" } else { "NONE" }.into();
        if self.is_traced {
            answer["amazon-bedrock-trace"] = json!({ "guardrail": {
                "input": { &self.id: input.assessment() },
                "outputs": [{ &self.id: output.assessment() }],
                "actionReason": reason(input, Some(output)),
            } });
        }
    }

    fn trace(&self, input: &Verdict, output: Option<&Verdict>) -> Value {
        let mut guardrail = json!({ "inputAssessment": { &self.id: input.assessment() } });
        if let Some(output) = output {
            guardrail["outputAssessments"] = json!({ &self.id: [output.assessment()] });
        }
        if input.intervened() || output.is_some_and(Verdict::intervened) {
            guardrail["actionReason"] = reason(input, output).into();
        }
        json!({ "guardrail": guardrail })
    }

    fn converse_stream(&self, frames: &[Bytes], input: &Verdict) -> Vec<Bytes> {
        let mut events = events(frames);
        let text: String =
            events.iter().filter_map(|(_, payload)| payload["delta"]["text"].as_str()).collect();
        let output = self.assess_output(&text);
        if output.intervened() {
            // Blocked: nothing but the message is left. Masked: the texts are one, where the first was.
            let mut said = output.outputs.into_iter();
            events.retain_mut(|(name, payload)| match name.as_str() {
                "contentBlockDelta" if payload["delta"]["text"].is_string() => match said.next() {
                    Some(text) => {
                        payload["delta"]["text"] = text.into();
                        true
                    }
                    None => false,
                },
                "messageStop" => {
                    payload["stopReason"] = INTERVENED.into();
                    true
                }
                _ => true,
            });
        }
        if self.is_traced {
            let output = self.assess_output(&text);
            for (_, payload) in events.iter_mut().filter(|(name, _)| name == "metadata") {
                payload["trace"] = self.trace(input, Some(&output));
            }
        }
        events.iter().map(|(name, payload)| frame(name, payload)).collect()
    }

    fn native_stream(&self, frames: &[Bytes], input: &Verdict) -> Vec<Bytes> {
        let mut events = events(frames);
        let mut chunks: Vec<Value> = events.iter().map(|(_, payload)| chunk(payload)).collect();
        let mut places = Vec::new();
        for chunk in &mut chunks {
            native_output(chunk, &mut places);
        }
        let text: String = places.iter().filter_map(|place| place.as_str()).collect();
        let output = self.assess_output(&text);
        let said = if input.is_blocked() { input } else { &output };
        if said.intervened() {
            let all: Vec<String> = said
                .outputs
                .iter()
                .cloned()
                .chain(std::iter::repeat(String::new()))
                .take(places.len())
                .collect();
            write_back(places, &all);
        }
        if let Some(last) = chunks.last_mut() {
            self.mark(last, input, &output);
        }
        for ((_, payload), chunk) in events.iter_mut().zip(&chunks).filter(|((name, _), _)| name == "chunk") {
            payload["bytes"] = STANDARD.encode(chunk.to_string()).into();
        }
        events.iter().map(|(name, payload)| frame(name, payload)).collect()
    }
}

/// The stop reason of an answer that a guardrail had a hand in.
const INTERVENED: &str = "guardrail_intervened";

fn reason(input: &Verdict, output: Option<&Verdict>) -> &'static str {
    output.filter(|_| !input.intervened()).unwrap_or(input).reason()
}

fn chunk(payload: &Value) -> Value {
    let bytes = payload["bytes"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn events(frames: &[Bytes]) -> Vec<(String, Value)> {
    let mut decoder = Decoder::default();
    frames.iter().for_each(|frame| decoder.push(frame));
    let mut events = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        if let Message::Event { event_type, payload } = frame.message() {
            events.push((event_type.to_owned(), serde_json::from_slice(payload).unwrap_or_default()));
        }
    }
    events
}

fn frame(name: &str, payload: &Value) -> Bytes {
    let mut out = BytesMut::new();
    eventstream::write_event(name, payload.to_string().as_bytes(), &mut out);
    out.freeze()
}

/// Puts texts where they were found. One text for many places (a block) goes to the first.
fn write_back(places: Vec<&mut Value>, texts: &[String]) {
    let mut texts = texts.iter();
    for place in places {
        if let Some(text) = texts.next() {
            *place = text.as_str().into();
        }
    }
}

/// What of a Converse request is assessed: the content that is marked to be guarded, or without any, what users wrote. What
/// is marked as a source or a question is what the answer is held against.
fn converse_input<'a>(body: &'a mut Value, places: &mut Vec<&'a mut Value>, grounds: &mut Grounds) {
    let Some(messages) = body.get_mut("messages").and_then(Value::as_array_mut) else { return };
    let users = messages.iter_mut().filter(|message| message["role"] == "user");
    let mut blocks: Vec<&mut Value> =
        users.filter_map(|message| message.get_mut("content")?.as_array_mut()).flatten().collect();
    let is_marked = blocks.iter().any(|block| block.get("guardContent").is_some());
    for block in blocks.drain(..) {
        let marked = &block["guardContent"]["text"];
        let text = marked["text"].as_str().unwrap_or_default();
        if is_marked && !grounds.sort_in(text, &marked["qualifiers"]) {
            continue;
        }
        let pointer = if is_marked { "/guardContent/text/text" } else { "/text" };
        places.extend(block.pointer_mut(pointer).filter(|text| text.is_string()));
    }
}

fn converse_output<'a>(answer: &'a mut Value, places: &mut Vec<&'a mut Value>) {
    let content = answer.pointer_mut("/output/message/content").and_then(Value::as_array_mut);
    let texts = content.into_iter().flatten().filter_map(|block| block.get_mut("text"));
    places.extend(texts.filter(|text| text.is_string()));
}

/// The members in which the models' own bodies carry words of the user.
const INPUT_MEMBERS: [&str; 4] = ["text", "content", "prompt", "inputText"];
/// The members in which they carry words of the model.
const OUTPUT_MEMBERS: [&str; 4] = ["text", "generation", "outputText", "content"];

fn native_input<'a>(body: &'a mut Value, places: &mut Vec<&'a mut Value>) {
    texts(body, &INPUT_MEMBERS, places);
}

fn native_output<'a>(answer: &'a mut Value, places: &mut Vec<&'a mut Value>) {
    texts(answer, &OUTPUT_MEMBERS, places);
}

/// Every text under one of the members, at any depth, but for what the system or the model said before.
fn texts<'a>(value: &'a mut Value, members: &[&str], places: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| texts(value, members, places)),
        Value::Object(found) => {
            let is_of_user = members != INPUT_MEMBERS || found.get("role").is_none_or(|role| role == "user");
            for (name, value) in found.iter_mut().filter(|(name, _)| is_of_user && *name != "system") {
                if value.is_string() && members.contains(&name.as_str()) {
                    places.push(value);
                } else {
                    texts(value, members, places);
                }
            }
        }
        _ => {}
    }
}
