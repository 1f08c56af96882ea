//! Models that live on AWS's own OpenAI- and Anthropic-style endpoints only.

use http::{Method, StatusCode};
use outcrop_catalog::Layer;
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

/// Served by mantle only, with Chat Completions and Responses.
const GPT_OSS: &str = "openai.gpt-oss-120b";
/// Served by mantle only, with Chat Completions alone.
const QWEN: &str = "qwen.qwen3-32b";
/// Served by mantle only, with Messages.
const CLAUDE: &str = "anthropic.claude-haiku-4-5";
const PHRASE: &str = "hello from mantle";
const THERE: &str =
    "relay; surface=mantle; reason=\"the model is served there only and speaks the client's API\"";

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": format!("repeat after me: {PHRASE}")}]})
}

fn response(model: &str) -> Value {
    json!({"model": model, "input": format!("repeat after me: {PHRASE}")})
}

fn message(model: &str) -> Value {
    let mut body = chat(model);
    body["max_tokens"] = 99.into();
    body
}

fn streamed(mut body: Value) -> String {
    body["stream"] = true.into();
    body.to_string()
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("outcrop-lane"), THERE);
    answer
}

#[tokio::test]
async fn each_dialect_is_relayed_whole_and_streamed_and_the_ledger_has_the_bill_s_tokens() {
    let rig = Rig::start(Plan::default()).await;
    let whole = ok(rig.post("/v1/chat/completions", chat(GPT_OSS).to_string()).await);
    assert_eq!(whole.json()["choices"][0]["message"]["content"], PHRASE);
    assert_eq!(whole.header("outcrop-target"), GPT_OSS);
    assert!(!whole.header("x-amzn-requestid").is_empty());
    let whole = ok(rig.post("/v1/responses", response(GPT_OSS).to_string()).await);
    assert_eq!(whole.json()["status"], "completed");
    let whole = ok(rig.post("/anthropic/v1/messages", message(CLAUDE).to_string()).await);
    assert_eq!(whole.json()["content"][0]["text"], PHRASE);

    let events = ok(rig.post("/v1/chat/completions", streamed(chat(QWEN))).await).events();
    assert_eq!(joined(&events, "/choices/0/delta/content"), PHRASE);
    assert_eq!(events.last(), Some(&json!("[DONE]")));
    let events = ok(rig.post("/v1/responses", streamed(response(GPT_OSS))).await).events();
    assert_eq!(joined(&events, "/delta"), PHRASE);
    assert_eq!(events.last().unwrap()["type"], "response.completed");
    let events = ok(rig.post("/v1/messages", streamed(message(CLAUDE))).await).events();
    assert_eq!(joined(&events, "/delta/text"), PHRASE);
    assert_eq!(events.last().unwrap(), &json!({"type": "message_stop"}));

    let counted = ok(rig.post("/v1/messages/count_tokens", chat(CLAUDE).to_string()).await);
    assert!(counted.json()["input_tokens"].as_u64() > Some(3), "{}", counted.text());

    let books = rig.books().await;
    assert_eq!((books.rows.len(), books.bill.len()), (7, 6), "counting costs nothing");
    for (row, billed) in books.rows.iter().zip(&books.bill) {
        assert_eq!((row.usage.as_str(), row.status), ("exact", 200), "{row:?}");
        let tokens = (billed["inputTokens"].as_i64(), billed["outputTokens"].as_i64());
        assert_eq!((Some(row.input), Some(row.output)), tokens, "{row:?} {billed}");
    }
}

/// What a member may hold there is the endpoint's to say.
#[tokio::test]
async fn what_only_the_endpoint_can_judge_reaches_it() {
    let rig = Rig::start(Plan::default()).await;
    for (path, mut body) in [("/v1/chat/completions", chat(GPT_OSS)), ("/v1/responses", response(GPT_OSS))] {
        body["temperature"] = "warm".into();
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert_eq!(answer.header("outcrop-lane"), THERE);
        assert!(!answer.header("x-amzn-requestid").is_empty(), "the endpoint says it: {}", answer.text());
        body["model"] = rig.profiles[0].clone().into();
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.json()["error"]["param"], "temperature", "{}", answer.text());
    }
}

/// Aliases, ARNs and other Regions are ours; mantle knows the model's id.
#[tokio::test]
async fn the_endpoint_is_told_its_own_name_of_the_model() {
    let layer = Layer { aliases: [("open".to_owned(), GPT_OSS.to_owned())].into(), ..Layer::default() };
    let rig = Rig::start(Plan { layer, ..Plan::default() }).await;
    let arn = format!("arn:aws:bedrock:us-west-2::foundation-model/{GPT_OSS}");
    for name in [GPT_OSS, "open", arn.as_str()] {
        let answer = ok(rig.post("/openai/v1/chat/completions", chat(name).to_string()).await);
        assert_eq!(answer.json()["model"], GPT_OSS, "{name}");
        assert_eq!(answer.header("outcrop-model"), GPT_OSS);
    }
    let bill = rig.bill().await;
    assert_eq!(bill[2]["region"], "us-west-2", "the ARN's Region");
}

#[tokio::test]
async fn a_stream_states_its_usage_to_the_client_that_asked_for_it_only() {
    let rig = Rig::start(Plan::default()).await;
    let alone = |event: &Value| event["choices"] == json!([]) && event["usage"].is_object();
    let events = ok(rig.post("/v1/chat/completions", streamed(chat(GPT_OSS))).await).events();
    assert!(!events.iter().any(alone), "{events:?}");
    let mut asked = chat(GPT_OSS);
    asked["stream_options"] = json!({"include_usage": true});
    let events = ok(rig.post("/v1/chat/completions", streamed(asked)).await).events();
    assert!(events.iter().any(alone), "{events:?}");
    let books = rig.books().await;
    assert!(books.rows.iter().all(|row| row.usage == "exact" && row.output > 0), "{:?}", books.rows);
}

#[tokio::test]
async fn an_application_profile_is_translated_to_converse_and_the_reason_is_said() {
    let rig = Rig::start(Plan::default()).await;
    let usual = rig.post("/v1/chat/completions", chat(&rig.profiles[0]).to_string()).await;
    assert_eq!(
        usual.header("outcrop-lane"),
        "translate; surface=runtime-converse; reason=\"Converse serves the model under each of its identifiers\""
    );
    // Somebody says that a profile stands for a model of mantle's: the ARN is the runtime's all the same.
    let arn = rig.profiles[1].clone();
    let layer = Layer { mappings: [(arn, GPT_OSS.to_owned())].into(), ..Layer::default() };
    let rig = Rig::start(Plan { layer, ..Plan::default() }).await;
    let answer = rig.post("/v1/chat/completions", chat(&rig.profiles[1]).to_string()).await;
    assert_eq!(
        answer.header("outcrop-lane"),
        "translate; surface=runtime-converse; reason=\"an application profile is for InvokeModel and Converse only\""
    );
    let notices = format!("{:?}", answer.headers.get_all("outcrop-notice").iter().collect::<Vec<_>>());
    assert!(notices.contains("the profile is called on bedrock-runtime"), "{notices}");
    assert_eq!(rig.bill().await[0]["operation"], "Converse");
}

#[tokio::test]
async fn what_goes_wrong_there_is_told_in_the_dialect() {
    let rig = Rig::start(Plan::default()).await;
    let send = async |path: &str, fault: &str, body: String| {
        rig.send(Method::POST, path, &[("x-outcrop-fault", fault)], body).await
    };
    let cases = [
        ("/v1/chat/completions", chat(GPT_OSS)),
        ("/v1/responses", response(GPT_OSS)),
        ("/v1/messages", message(CLAUDE)),
    ];
    for (path, body) in cases {
        let wrong = send(path, "ValidationException", body.to_string()).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{path} {}", wrong.text());
        assert!(wrong.json()["error"]["message"].is_string(), "{path} {}", wrong.text());
        assert_eq!(wrong.header("outcrop-lane"), THERE);
        // The first event tells of the failure: the status does, too.
        let first = send(path, "ThrottlingException;at=first", streamed(body.clone())).await;
        assert_eq!(first.status, StatusCode::TOO_MANY_REQUESTS, "{path} {}", first.text());
        // Later only an event can tell.
        let mid = send(path, "ModelStreamErrorException;at=mid", streamed(body.clone())).await;
        assert_eq!(mid.status, StatusCode::OK, "{path}");
        assert!(tells_of_failure(&mid), "{path} {}", mid.text());
        let cut = send(path, "cut", streamed(body.clone())).await;
        assert_eq!(cut.status, StatusCode::OK, "{path}");
        assert!(tells_of_failure(&cut), "{path} {}", cut.text());
        let throttled = send(path, "ThrottlingException;count=1", body.to_string()).await;
        assert_eq!(
            throttled.status,
            StatusCode::OK,
            "one refusal is tried again: {path} {}",
            throttled.text()
        );
    }
}

/// Whether the last event is an error in the dialect.
fn tells_of_failure(answer: &Answer) -> bool {
    let events = answer.events();
    let last = events.last().unwrap();
    last["error"].is_object() || last["type"] == "error"
}

#[tokio::test]
async fn a_response_is_kept_by_the_gateway_and_continued() {
    let rig = Rig::start(Plan::default()).await;
    for stream in [false, true] {
        let mut body = response(GPT_OSS);
        body["stream"] = stream.into();
        let answer = ok(rig.post("/v1/responses", body.to_string()).await);
        assert!(answer.header("outcrop-notice").contains("kept by the gateway"), "{:?}", answer.headers);
        let first = if stream { answer.events().pop().unwrap()["response"].take() } else { answer.json() };
        let id = first["id"].as_str().unwrap();
        let kept = rig.get(&format!("/v1/responses/{id}")).await;
        assert_eq!(kept.json()["output"], first["output"], "{}", kept.text());
        let next = json!({"model": GPT_OSS, "previous_response_id": id, "store": false, "input": "repeat after me: again"});
        let answer = ok(rig.post("/v1/responses", next.to_string()).await);
        let said = answer.json()["output"].as_array().unwrap().last().unwrap()["content"][0]["text"].clone();
        assert_eq!(said, "again");
        assert!(answer.json()["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(rig.get(&format!("/v1/responses/{id}")).await.status, StatusCode::NOT_FOUND);
    }
    let mut body = response(GPT_OSS);
    body["background"] = true.into();
    let refused = rig.post("/v1/responses", body.to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["error"]["param"], "background");
}

#[tokio::test]
async fn a_guardrail_that_cannot_be_put_on_a_request_stops_it() {
    let config = outcrop_wire::bedrock::GuardrailConfig {
        guardrail_identifier: "abc123".to_owned(),
        guardrail_version: "1".to_owned(),
        trace: None,
        stream_processing_mode: None,
    };
    let guardrail = outcrop_gateway::Guardrail::new(config).ok();
    let rig = Rig::start(Plan { guardrail, ..Plan::default() }).await;
    let answer = rig.post("/v1/chat/completions", chat(GPT_OSS).to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    assert!(answer.text().contains("no guardrail can be put on"), "{}", answer.text());
    assert_eq!(rig.bill().await.len(), 0);
}
