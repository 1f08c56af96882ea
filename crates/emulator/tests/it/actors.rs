//! Who answers: the echo, the caller of tools, a script, a server upstream, and the recorder.

use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use outcrop_emulator::{Actor, Config, StartError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Access, Running, start, start_with};
use crate::runtime::{CLAUDE, NOVA, ask, ask_with, converse};

fn content(answer: &Value) -> Value {
    answer["output"]["message"]["content"].clone()
}

async fn acted_by(actor: Actor) -> Running {
    start_with(Config { actor, seed_profiles: true, ..Config::default() }).await
}

fn tools() -> Value {
    let schema =
        json!({ "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } });
    json!({ "tools": [{ "toolSpec": { "name": "get_weather", "inputSchema": { "json": schema } } }] })
}

#[tokio::test]
async fn the_echo_says_what_the_user_said() {
    let emulator = acted_by(Actor::Echo).await;
    let answer = emulator.post(&converse(NOVA), &ask("count to 5")).await.json();
    assert_eq!(content(&answer), json!([{ "text": "count to 5" }]));
    let short = ask_with("one two three", json!({ "inferenceConfig": { "maxTokens": 2 } }));
    let answer = emulator.post(&converse(NOVA), &short).await.json();
    assert_eq!(
        (content(&answer), &answer["stopReason"]),
        (json!([{ "text": "one two" }]), &json!("max_tokens"))
    );
}

#[tokio::test]
async fn the_caller_of_tools_calls_one_that_nobody_asked_for() {
    let emulator = acted_by(Actor::ToolCaller).await;
    let mut body = ask_with("Good morning", json!({ "toolConfig": tools() }));
    let answer = emulator.post(&converse(NOVA), &body).await.json();
    let call = &content(&answer)[0]["toolUse"];
    assert_eq!((&answer["stopReason"], &call["name"]), (&json!("tool_use"), &json!("get_weather")));
    assert!(call["input"]["city"].is_string());
    let id = call["toolUseId"].clone();
    let said = answer["output"]["message"].clone();
    let result = json!({ "role": "user", "content": [{ "toolResult": { "toolUseId": id, "content": [{ "text": "sunny" }] } }] });
    body["messages"] = json!([body["messages"][0], said, result]);
    let answer = emulator.post(&converse(NOVA), &body).await.json();
    assert_eq!(answer["stopReason"], "end_turn");
    assert!(content(&answer)[0]["text"].as_str().unwrap().contains("sunny"));
    let plain = emulator.post(&converse(NOVA), &ask("repeat after me: x")).await.json();
    assert_eq!(content(&plain)[0]["text"], "x");
}

const SCRIPT: &str = r#"
turns:
  - match: once
    answer: The first time.
    times: 1
  - match: once
    answer: Again.
  - match: { text: weather, tool_result: false }
    reasoning: I should look it up.
    answer: One moment.
    tools: [{ name: get_weather, input: { city: Paris } }]
  - match: { tool_result: true }
    answer: "It is {text}."
  - match: { text: nova, model: "amazon.*" }
    answer: I am Nova.
    stop_reason: content_filtered
  - match: busy
    fault: ThrottlingException
  - match: break
    answer: one two three four five six
    fault: ModelStreamErrorException;at=mid
otherwise: refuse
"#;

fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_script_answers_turn_by_turn() {
    let (_folder, path) = file("script.yaml", SCRIPT);
    let emulator = acted_by(Actor::Scripted(path)).await;
    let say = |model: &'static str, text: &'static str| {
        let emulator = &emulator;
        async move { emulator.post(&converse(model), &ask(text)).await }
    };
    assert_eq!(content(&say(CLAUDE, "once").await.json())[0]["text"], "The first time.");
    assert_eq!(content(&say(CLAUDE, "Once more").await.json())[0]["text"], "Again.");
    emulator.post("/_emulator/reset", &json!({})).await;
    assert_eq!(content(&say(CLAUDE, "once").await.json())[0]["text"], "The first time.");

    let asked = ask_with("Weather?", json!({ "toolConfig": tools() }));
    let answer = emulator.post(&converse(CLAUDE), &asked).await.json();
    let blocks = content(&answer);
    assert_eq!(blocks[0]["reasoningContent"]["reasoningText"]["text"], "I should look it up.");
    assert_eq!(blocks[1]["text"], "One moment.");
    assert_eq!(blocks[2]["toolUse"]["input"], json!({ "city": "Paris" }));
    assert_eq!(answer["stopReason"], "tool_use");
    let id = blocks[2]["toolUse"]["toolUseId"].clone();
    let result = json!({ "role": "user", "content": [{ "toolResult": { "toolUseId": id, "content": [{ "text": "sunny" }] } }] });
    let back = json!({ "toolConfig": tools(), "messages": [asked["messages"][0], answer["output"]["message"], result] });
    assert_eq!(content(&emulator.post(&converse(CLAUDE), &back).await.json())[0]["text"], "It is sunny.");

    let nova = say(NOVA, "nova").await.json();
    assert_eq!(
        (content(&nova)[0]["text"].as_str(), nova["stopReason"].as_str()),
        (Some("I am Nova."), Some("content_filtered"))
    );
    let nobody = say(CLAUDE, "nova").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert!(nobody.message().contains("No turn of the script is for"), "{:?}", nobody.body);
    assert_eq!(say(NOVA, "busy").await.error_type(), "ThrottlingException");
    let broken = emulator.post(&format!("/model/{NOVA}/converse-stream"), &ask("break")).await.events();
    assert_eq!(broken.last().unwrap().0, "modelStreamErrorException");
}

async fn refused(config: Config) -> String {
    let listen = "127.0.0.1:0".parse().unwrap();
    let error = outcrop_emulator::Emulator::bind(Config { listen, ..config }).await.unwrap_err();
    assert!(matches!(error, StartError::Actor { .. } | StartError::Faults { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn mistakes_in_scripts_faults_and_addresses_are_told_at_the_start() {
    let (_folder, script) = file("script.yaml", "turns: [{ answer: x, stop_reason: tired }]");
    let actor = |actor: Actor| Config { actor, ..Config::default() };
    assert!(refused(actor(Actor::Scripted(script))).await.contains("`tired` is none of the stop reasons"));
    let missing = refused(actor(Actor::Scripted("nowhere.yaml".into()))).await;
    assert!(missing.contains("nowhere.yaml"), "{missing}");
    let url = |url: &str| Actor::Upstream { url: url.to_owned(), model: None, key: None };
    assert!(refused(actor(url("localhost:1"))).await.contains("http:// or https://"));
    let (_folder, faults) = file("faults.txt", "# first\nstall\n\nnonsense # what?\n");
    let wrong = refused(Config { faults: Some(faults), ..Config::default() }).await;
    assert!(wrong.contains("faults.txt:4") && wrong.contains("nonsense"), "{wrong}");
}

#[tokio::test]
async fn faults_of_a_file_happen_one_after_the_other() {
    let text =
        "ThrottlingException;count=2   # twice\nServiceUnavailableException;count=1\n# and then no more\n";
    let (_folder, faults) = file("faults.txt", text);
    let emulator = start_with(Config { faults: Some(faults), ..Config::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(emulator.post(&converse(NOVA), &ask("hi")).await.status.as_u16());
    }
    assert_eq!(statuses, [429, 429, 503, 200]);
    let set = emulator
        .post(
            "/_emulator/faults",
            &json!({ "faults": ["AccessDeniedException;count=1", "ModelTimeoutException;count=1"] }),
        )
        .await;
    assert_eq!(set.status, StatusCode::OK, "{:?}", set.body);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(emulator.post(&converse(NOVA), &ask("hi")).await.status.as_u16());
    }
    assert_eq!(statuses, [403, 408, 200]);
}

#[tokio::test]
async fn a_server_upstream_gives_the_words_and_the_emulator_the_rest() {
    let server = start().await;
    let url = format!("http://{}/openai/v1", server.address);
    let upstream = |model: &str, key: &str| Actor::Upstream {
        url: url.clone(),
        model: Some(model.to_owned()),
        key: Some(key.to_owned()),
    };
    let emulator = acted_by(upstream("openai.gpt-oss-20b-1:0", "local")).await;
    let answer = emulator.post(&converse(CLAUDE), &ask("repeat after me: hello you")).await.json();
    assert_eq!(content(&answer), json!([{ "text": "hello you" }]));
    let stopped = ask_with(
        "repeat after me: one two",
        json!({ "inferenceConfig": { "stopSequences": [" two"] }, "system": [{ "text": "Be kind" }] }),
    );
    let answer = emulator.post(&converse(CLAUDE), &stopped).await.json();
    assert_eq!(
        (content(&answer)[0]["text"].as_str(), answer["stopReason"].as_str()),
        (Some("one"), Some("end_turn"))
    );

    let mut asked = ask_with("What is the weather in Paris?", json!({ "toolConfig": tools() }));
    let events = emulator.post(&format!("/model/{CLAUDE}/converse-stream"), &asked).await.events();
    assert!(
        events.iter().any(|(name, event)| name == "messageStop" && event["stopReason"] == "tool_use"),
        "{events:?}"
    );
    let answer = emulator.post(&converse(CLAUDE), &asked).await.json();
    let call = content(&answer)[0]["toolUse"].clone();
    assert_eq!(call["input"], json!({ "city": "Paris" }));
    let result = json!({ "role": "user", "content": [{ "toolResult": { "toolUseId": call["toolUseId"], "content": [{ "text": "sunny" }] } }] });
    asked["messages"] = json!([asked["messages"][0], answer["output"]["message"], result]);
    let answer = emulator.post(&converse(CLAUDE), &asked).await.json();
    assert!(content(&answer)[0]["text"].as_str().is_some_and(|text| text.contains("sunny")), "{answer}");
    // The rules are still Bedrock's, and so is the bill.
    let refused = emulator.post(&converse("anthropic.claude-sonnet-4-6"), &ask("hi")).await;
    assert!(refused.message().contains("with on-demand throughput isn’t supported"));
    assert_eq!(
        emulator.get("/_emulator/bill").await.json()["invocations"][0]["model"],
        "anthropic.claude-sonnet-4-6"
    );

    let unknown = acted_by(upstream("no.such-model", "local")).await;
    let failed = unknown.post(&converse(CLAUDE), &ask("hi")).await;
    assert_eq!((failed.status.as_u16(), failed.error_type()), (424, "ModelErrorException"));
    assert!(failed.message().contains("no.such-model"), "{:?}", failed.body);
    let nobody =
        acted_by(Actor::Upstream { url: "http://127.0.0.1:9/v1".to_owned(), model: None, key: None }).await;
    let failed = nobody.post(&converse(CLAUDE), &ask("hi")).await;
    assert!(failed.message().contains("http://127.0.0.1:9/v1 did not answer"), "{:?}", failed.body);
}

fn recording(file: &Path, server: &Running, key: Option<&str>) -> Actor {
    let endpoint = format!("http://{}", server.address);
    Actor::Record { file: file.to_owned(), endpoint, key: key.map(str::to_owned) }
}

#[tokio::test]
async fn what_is_recorded_can_be_replayed_and_holds_no_secret() {
    let server = start().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("recorded.jsonl");
    let recorder = acted_by(recording(&path, &server, Some("local"))).await;
    let arn = server.profiles[0].arn.replace(':', "%3A").replace('/', "%2F");
    let calls = [
        (converse(NOVA), ask("repeat after me: one")),
        (format!("/model/{CLAUDE}/converse-stream"), ask("count to 3")),
        (converse(&arn), ask("repeat after me: two")),
        (converse("does-not-exist"), ask("hi")),
    ];
    // The recorder checks nobody: any caller will do, and a session's token must not stay behind.
    let secrets = [("x-amz-security-token", "SESSIONTOKEN"), ("cookie", "c=SECRETCOOKIE")];
    let mut first = Vec::new();
    for (path, body) in &calls {
        let body = body.to_string();
        first.push(
            recorder.call(Method::POST, path, body.as_bytes(), &secrets, &Access::Bearer("SECRETKEY")).await,
        );
    }
    assert_eq!(first[3].message(), "The provided model identifier is invalid.");
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count(), calls.len());
    for secret in ["SESSIONTOKEN", "SECRETCOOKIE", "SECRETKEY", "Bearer", "Credential="] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
    let replayed = start_with(Config { replay: vec![path], ..Config::default() }).await;
    for ((path, body), first) in calls.iter().zip(&first) {
        let again = replayed.post(path, body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
    }
}

#[tokio::test]
async fn without_a_key_a_signed_call_goes_out_as_it_came() {
    let server = start().await;
    let folder = TempDir::new().unwrap();
    let recorder = acted_by(recording(&folder.path().join("r.jsonl"), &server, None)).await;
    let answer = recorder.post(&converse(NOVA), &ask("repeat after me: signed")).await;
    assert_eq!(content(&answer.json())[0]["text"], "signed", "{:?}", answer.body);
    let nobody = recorder.call(Method::POST, &converse(NOVA), b"{}", &[], &Access::Nothing).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
    drop(server);
    let gone = acted_by(Actor::Record {
        file: folder.path().join("r.jsonl"),
        endpoint: "http://127.0.0.1:9".to_owned(),
        key: None,
    })
    .await;
    let answer = gone.post(&converse(NOVA), &ask("hi")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.message().contains("did not answer"), "{:?}", answer.body);
}
