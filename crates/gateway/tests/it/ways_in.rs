//! The ways into the gateway, for tests that try them all.

use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::json;

use crate::rig::{Answer, Rig};

/// Every way in; where the lane matters, both.
pub const SURFACES: [&str; 6] =
    ["chat", "responses", "messages→claude", "messages→nova", "converse", "invoke"];

/// Path and body of a request that says `text` on a surface.
pub fn request(rig: &Rig, surface: &str, stream: bool, text: &str) -> (String, String) {
    let (claude, nova) = (&rig.profiles[0], &rig.profiles[1]);
    let messages = json!([{"role": "user", "content": text}]);
    let operation = |plain: &'static str, streamed: &'static str| if stream { streamed } else { plain };
    let of = |model: &str| json!({"model": model, "stream": stream, "max_tokens": 900, "messages": messages});
    match surface {
        "chat" => ("/v1/chat/completions".to_owned(), of(nova).to_string()),
        "responses" => {
            ("/v1/responses".to_owned(), json!({"model": nova, "stream": stream, "input": text}).to_string())
        }
        "messages→claude" => ("/v1/messages".to_owned(), of(claude).to_string()),
        "messages→nova" => ("/v1/messages".to_owned(), of(nova).to_string()),
        "converse" => (
            format!("/model/{nova}/{}", operation("converse", "converse-stream")),
            json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string(),
        ),
        _ => (
            format!("/model/{claude}/{}", operation("invoke", "invoke-with-response-stream")),
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 900, "messages": messages})
                .to_string(),
        ),
    }
}

/// Whether a streamed answer came to its proper end; `Err` when it ends neither well nor with an error.
pub fn ended_well(surface: &str, answer: &Answer) -> Result<bool, String> {
    let odd = || {
        format!(
            "neither an end nor an error: …{}",
            &answer.text().chars().rev().take(200).collect::<String>()
        )
    };
    match surface {
        "converse" | "invoke" => {
            let mut decoder = Decoder::default();
            decoder.push(&answer.body);
            let (mut frames, mut failed) = (0, false);
            while let Some(frame) = decoder.next_frame().map_err(|error| error.to_string())? {
                frames += 1;
                failed = matches!(frame.message(), Message::Exception { .. });
            }
            if decoder.has_partial_frame() || frames == 0 { Err(odd()) } else { Ok(!failed) }
        }
        "chat" => match answer.events().last() {
            Some(last) if last.as_str() == Some("[DONE]") => Ok(true),
            Some(last) if last["error"].is_object() => Ok(false),
            _ => Err(odd()),
        },
        "responses" => match answer.events().last().and_then(|last| last["type"].as_str().map(str::to_owned))
        {
            Some(kind) if kind == "response.completed" || kind == "response.incomplete" => Ok(true),
            Some(kind) if kind == "response.failed" || kind == "error" => Ok(false),
            _ => Err(odd()),
        },
        _ => match answer.events().last().and_then(|last| last["type"].as_str().map(str::to_owned)) {
            Some(kind) if kind == "message_stop" => Ok(true),
            Some(kind) if kind == "error" => Ok(false),
            _ => Err(odd()),
        },
    }
}
