//! Answers whose form is prescribed: JSON in every dialect, streamed and not, whatever the model enforces itself.

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

const NOVA: &str = "amazon.nova-lite-v1:0";
const OLD_CLAUDE: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

fn schema() -> Value {
    json!({"type": "object", "properties": {"town": {"type": "string"}, "size": {"type": "integer"}},
        "required": ["town", "size"], "additionalProperties": false})
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Name a town as JSON"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "town", "schema": schema()}}})
}

fn told(answer: &Answer) -> String {
    let notices = answer.headers.get_all("outcrop-notice").iter().map(|value| value.to_str().unwrap());
    notices.collect::<Vec<_>>().join("\n")
}

/// The text of a Chat stream, and how it ended.
fn streamed(answer: &Answer) -> (String, String) {
    let (mut text, mut end) = (String::new(), String::new());
    for event in answer.events() {
        let choice = &event["choices"][0];
        assert!(choice["delta"].get("tool_calls").is_none(), "{event}");
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        end.push_str(choice["finish_reason"].as_str().unwrap_or_default());
    }
    (text, end)
}

fn is_town(text: &str) -> bool {
    let town: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    town["town"].is_string() && town["size"].is_i64()
}

#[tokio::test]
async fn a_model_without_schemas_answers_by_a_tool_that_nobody_sees() {
    let rig = Rig::start(Plan::default()).await;
    for model in [NOVA, OLD_CLAUDE, rig.profiles[1].as_str()] {
        let answer = rig.post("/v1/chat/completions", chat(model, false).to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let choice = &answer.json()["choices"][0];
        assert!(is_town(choice["message"]["content"].as_str().unwrap()), "{choice}");
        assert_eq!(choice["finish_reason"], "stop");
        assert!(choice["message"].get("tool_calls").is_none(), "{choice}");
        assert!(told(&answer).contains("rewritten response_format"), "{}", told(&answer));

        let answer = rig.post("/v1/chat/completions", chat(model, true).to_string()).await;
        let (text, end) = streamed(&answer);
        assert!(is_town(&text), "{text}");
        assert_eq!(end, "stop");
    }
    rig.stop().await;
}

#[tokio::test]
async fn so_do_responses_and_messages() {
    let rig = Rig::start(Plan::default()).await;
    let format = json!({"type": "json_schema", "name": "town", "schema": schema()});
    let body = json!({"model": NOVA, "input": "Name a town", "text": {"format": format}});
    let answer = rig.post("/v1/responses", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let output = answer.json()["output"].clone();
    let message = output.as_array().unwrap().iter().find(|item| item["type"] == "message").unwrap();
    assert!(is_town(message["content"][0]["text"].as_str().unwrap()), "{output}");

    for stream in [false, true] {
        let format = json!({"type": "json_schema", "schema": schema()});
        let body = json!({"model": OLD_CLAUDE, "max_tokens": 500, "stream": stream,
            "messages": [{"role": "user", "content": "Name a town"}], "output_config": {"format": format}});
        let answer = rig.post("/v1/messages", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.lane(), "translate", "a relayed body would be refused");
        if stream {
            let events = answer.events();
            let pieces = events.iter().filter_map(|event| event["delta"]["text"].as_str());
            assert!(is_town(&pieces.collect::<String>()), "{events:?}");
            assert!(events.iter().any(|event| event["delta"]["stop_reason"] == "end_turn"));
        } else {
            let message = answer.json();
            assert!(is_town(message["content"][0]["text"].as_str().unwrap()), "{message}");
            assert_eq!(message["stop_reason"], "end_turn");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn any_json_is_an_object_and_a_list_is_a_list() {
    let rig = Rig::start(Plan::default()).await;
    let list = json!({"type": "json_schema", "json_schema": {"name": "l", "schema": {"type": "array", "items": {"type": "integer"}, "minItems": 1}}});
    for stream in [false, true] {
        for (format, is_list) in [(json!({"type": "json_object"}), false), (list.clone(), true)] {
            let mut body = chat(NOVA, stream);
            body["response_format"] = format;
            let answer = rig.post("/v1/chat/completions", body.to_string()).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let text = match stream {
                true => streamed(&answer).0,
                false => answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned(),
            };
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(if is_list { value.is_array() } else { value.is_object() }, "{text}");
        }
    }
    rig.stop().await;
}

/// Beside tools of the client's the model chooses: one of them, or the answer.
#[tokio::test]
async fn the_clients_own_tools_stay_on_offer() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = chat(NOVA, false);
    body["tools"] =
        json!([{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]);
    body["messages"][0]["content"] = "Use the tool look_up".into();
    let answer = rig.post("/v1/chat/completions", body.to_string()).await;
    let choice = &answer.json()["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "look_up");
    rig.stop().await;
}

/// Claude takes no forced tool while it thinks: the form is asked for in words, and that is said.
#[tokio::test]
async fn while_claude_thinks_the_form_is_asked_for_in_words() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = chat(OLD_CLAUDE, false);
    body["reasoning_effort"] = "high".into();
    let answer = rig.post("/v1/chat/completions", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(told(&answer).contains("no tool can be forced while it thinks"), "{}", told(&answer));
    rig.stop().await;
}

/// Of the models that live on mantle, some take a schema there, some are made to keep it by a tool, and Claude's endpoint
/// there refuses it.
#[tokio::test]
async fn models_of_mantle_keep_the_form_whoever_asks() {
    const GPT_OSS: &str = "openai.gpt-oss-120b";
    const QWEN: &str = "qwen.qwen3-32b";
    const CLAUDE: &str = "anthropic.claude-haiku-4-5";
    let rig = Rig::start(Plan::default()).await;
    let responses = |model: &str| {
        let format = json!({"type": "json_schema", "name": "town", "schema": schema()});
        json!({"model": model, "input": "Name a town", "store": false, "text": {"format": format}})
    };
    let messages = |model: &str| {
        let format = json!({"type": "json_schema", "schema": schema()});
        json!({"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": "Name a town"}],
            "output_config": {"format": format}})
    };
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "Name a town"}]}], "outputConfig": {"textFormat":
        {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema().to_string(), "name": "town"}}}}});
    let of = |model: &str| format!("/model/{model}/converse");
    let (of_gpt_oss, of_qwen, of_claude) = (of(GPT_OSS), of(QWEN), of(CLAUDE));
    let ways = [
        (of_gpt_oss.as_str(), converse.clone(), "translate", false),
        (of_qwen.as_str(), converse.clone(), "translate", true),
        (of_claude.as_str(), converse, "translate", true),
        ("/v1/chat/completions", chat(GPT_OSS, false), "relay", false),
        ("/v1/messages", messages(GPT_OSS), "translate", false),
        ("/v1/chat/completions", chat(QWEN, false), "relay", false),
        ("/v1/messages", messages(QWEN), "translate", true),
        ("/v1/responses", responses(QWEN), "translate", true),
        ("/v1/messages", messages(CLAUDE), "translate", true),
        ("/v1/chat/completions", chat(CLAUDE, false), "translate", true),
        ("/v1/responses", responses(CLAUDE), "translate", true),
    ];
    for (path, body, lane, by_tool) in ways {
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {body} {}", answer.text());
        assert_eq!(answer.lane(), lane, "{path} {body}");
        let said = answer.json();
        let places = [
            "/choices/0/message/content",
            "/content/0/text",
            "/output/0/content/0/text",
            "/output/message/content/0/text",
        ];
        let text = places.iter().find_map(|place| said.pointer(place)?.as_str());
        assert!(is_town(text.unwrap_or_else(|| panic!("{said}"))), "{said}");
        assert_eq!(told(&answer).contains("rewritten response_format"), by_tool, "{path} {}", told(&answer));
    }
    let mut streamed_there = messages(CLAUDE);
    streamed_there["stream"] = true.into();
    let answer = rig.post("/v1/messages", streamed_there.to_string()).await;
    assert!(
        answer.text().contains("message_stop") && !answer.text().contains("tool_use"),
        "{}",
        answer.text()
    );
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [200; 12]);
}
