//! A member that a model refuses is left out, the request sent once more, and the lesson kept.

use http::{Method, StatusCode};
use outcrop_catalog::{Layer, Overrides};
use outcrop_gateway::LanePolicy;
use outcrop_gateway::lessons::{FILE, written_down};
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";

fn messages(more: Value) -> String {
    let mut body = json!({"model": CLAUDE, "max_tokens": 50, "messages": [{"role": "user", "content": "repeat after me: hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

fn told(answer: &Answer, of: &str) -> bool {
    let notices = answer.headers.get_all("outcrop-notice").iter();
    notices
        .into_iter()
        .any(|notice| notice.to_str().unwrap().starts_with(&format!("dropped {of}: this model has refused")))
}

/// How many requests AWS saw.
async fn seen(rig: &Rig) -> usize {
    rig.bill().await.len()
}

#[tokio::test]
async fn a_refused_member_is_learned_once_and_not_repeated() {
    let rig = Rig::start(Plan::default()).await;
    let first = rig.post("/v1/messages", messages(json!({"surprise": {"a": 1}}))).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(first.json()["content"][0]["text"], "hello");
    assert!(told(&first, "surprise"), "{:?}", first.headers);
    let streamed = rig.post("/v1/messages", messages(json!({"surprise": 1, "stream": true}))).await;
    assert_eq!(streamed.status, StatusCode::OK, "{}", streamed.text());
    assert!(told(&streamed, "surprise") && streamed.text().contains("message_stop"));
    let other = rig.post("/v1/messages", messages(json!({}))).await;
    assert!(other.status == StatusCode::OK && !told(&other, "surprise"));
    let written = written_down(&rig.settings.data_dir);
    assert_eq!(written.keys().collect::<Vec<_>>(), ["anthropic.claude-sonnet-4-6"]);
    let books = rig.books().await;
    let statuses: Vec<i64> = books.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200], "one refusal in all, and each try has its row");
    assert!(books.rows[1].notices.as_ref().unwrap().contains("surprise"));
}

/// With other beta features the member may be welcome: what was learned without them does not count.
#[tokio::test]
async fn a_lesson_holds_for_the_betas_it_was_learned_with() {
    let rig = Rig::start(Plan::default()).await;
    assert_eq!(rig.post("/v1/messages", messages(json!({"surprise": 1}))).await.status, StatusCode::OK);
    let headers = [("anthropic-beta", "context-1m-2025-08-07")];
    let with_beta = || rig.send(Method::POST, "/v1/messages", &headers, messages(json!({"surprise": 1})));
    assert_eq!(with_beta().await.status, StatusCode::OK);
    assert_eq!(written_down(&rig.settings.data_dir)["anthropic.claude-sonnet-4-6"].len(), 2);
    rig.stop().await;
}

/// AWS says `invalid beta flag` and not which. The catalog is behind: it takes two of the features for welcome.
#[tokio::test]
async fn a_refused_beta_feature_is_learned_once_and_not_repeated() {
    let model = "anthropic.claude-sonnet-4-6";
    let mut overrides = Overrides::default();
    let betas = json!({"betas": {"mcp-client-2025-04-04": "accepted", "skills-2025-10-02": "accepted"}});
    overrides.model(model, betas).unwrap();
    let rig = Rig::start(Plan { layer: Layer { overrides, ..Layer::default() }, ..Plan::default() }).await;
    let told = |answer: &Answer| -> Vec<String> {
        let notices = answer.headers.get_all("outcrop-notice").iter();
        let said = notices.map(|notice| notice.to_str().unwrap().to_owned());
        said.filter(|notice| notice.starts_with("dropped anthropic-beta")).collect()
    };
    let send = async |betas: &str, stream: bool| {
        let body = messages(json!({"stream": stream}));
        rig.send(Method::POST, "/v1/messages", &[("anthropic-beta", betas)], body).await
    };
    let first = send("mcp-client-2025-04-04", false).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(
        told(&first),
        ["dropped anthropic-beta: `mcp-client-2025-04-04`: this model has refused a request with it before"]
    );
    let streamed = send("context-1m-2025-08-07,mcp-client-2025-04-04", true).await;
    assert!(streamed.status == StatusCode::OK && told(&streamed).len() == 1, "{}", streamed.text());
    let fine = send("context-1m-2025-08-07", false).await;
    assert!(fine.status == StatusCode::OK && told(&fine).is_empty());
    let other = send("skills-2025-10-02", false).await;
    assert!(other.status == StatusCode::OK && told(&other).len() == 1, "{}", other.text());
    let written = std::fs::read_to_string(rig.settings.data_dir.join(FILE)).unwrap();
    assert!(written.contains("anthropic_beta.mcp-client-2025-04-04") && !written.contains("context-1m"));
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200, 400, 200]);
}

#[tokio::test]
async fn a_refused_beta_feature_is_learned_by_converse_too() {
    let mut overrides = Overrides::default();
    overrides
        .model("anthropic.claude-sonnet-4-6", json!({"betas": {"mcp-client-2025-04-04": "accepted"}}))
        .unwrap();
    let layer = Layer { overrides, ..Layer::default() };
    let rig = Rig::start(Plan { layer, lane: LanePolicy::Converse, ..Plan::default() }).await;
    for _ in 0..2 {
        let headers = [("anthropic-beta", "mcp-client-2025-04-04")];
        let answer = rig.send(Method::POST, "/v1/messages", &headers, messages(json!({}))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.lane() == "translate" && format!("{:?}", answer.headers).contains("mcp-client"));
    }
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200]);
}

/// Several members are learned one after the other, within a bound; what was said is never taken away.
#[tokio::test]
async fn there_is_a_bound_and_what_was_said_stays() {
    let rig = Rig::start(Plan::default()).await;
    let three = rig.post("/v1/messages", messages(json!({"a1": 1, "a2": 2, "a3": 3}))).await;
    assert_eq!(three.status, StatusCode::OK, "{}", three.text());
    let five = rig.post("/v1/messages", messages(json!({"b1": 1, "b2": 2, "b3": 3, "b4": 4, "b5": 5}))).await;
    assert_eq!(five.status, StatusCode::BAD_REQUEST);
    assert!(five.json()["error"]["message"].as_str().unwrap().contains("Extra inputs are not permitted"));
    let five = rig.post("/v1/messages", messages(json!({"b1": 1, "b2": 2, "b3": 3, "b4": 4, "b5": 5}))).await;
    assert_eq!(five.status, StatusCode::OK, "{}", five.text());
    let said =
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "weight": 1}]}]});
    let before = seen(&rig).await;
    let refused = rig.post("/v1/messages", messages(said)).await;
    if refused.status != StatusCode::OK {
        assert!(!std::fs::read_to_string(rig.settings.data_dir.join(FILE)).unwrap().contains("weight"));
        assert!(seen(&rig).await <= before + 1);
    }
    rig.stop().await;
}

/// In Converse, too: the model takes no stop sequences, and the catalog is made to think that it does.
#[tokio::test]
async fn converse_learns_too_and_a_client_of_bedrock_is_left_alone() {
    let model = "xai.grok-4.6";
    let mut overrides = Overrides::default();
    overrides.model(model, json!({"parameters": {"stopSequences": {"allowed": true}}})).unwrap();
    let rig = Rig::start(Plan { layer: Layer { overrides, ..Layer::default() }, ..Plan::default() }).await;
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"stopSequences": ["x"]}});
    let native = rig.post(&format!("/model/{model}/converse"), converse.to_string()).await;
    assert_eq!(
        native.status,
        StatusCode::BAD_REQUEST,
        "AWS's words reach its own clients: {}",
        native.text()
    );
    let chat = json!({"model": model, "stop": ["x"], "messages": [{"role": "user", "content": "repeat after me: hello"}]});
    for stream in [false, true] {
        let mut chat = chat.clone();
        chat["stream"] = stream.into();
        let answer = rig.post("/v1/chat/completions", chat.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(told(&answer, "stopSequences"), "{:?}", answer.headers);
    }
    let books = rig.books().await;
    let refused = books.rows.iter().filter(|row| row.status == 400).count();
    assert_eq!((refused, books.rows.len()), (2, 4));
}

/// A catalog that is behind: it takes a model for one that is called by its id.
fn behind(model: &str) -> Layer {
    let mut overrides = Overrides::default();
    overrides.model(model, json!({"onDemand": ["us-east-1"]})).unwrap();
    Layer { overrides, ..Layer::default() }
}

/// AWS serves the model through a profile only, and says so once: later requests go there at once.
#[tokio::test]
async fn a_model_that_wants_a_profile_is_called_through_it_and_the_lesson_is_kept() {
    const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let rig = Rig::start(Plan { layer: behind(MODEL), ..Plan::default() }).await;
    let ask = json!({"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "repeat after me: hello"}]});
    let notice = |answer: &Answer| {
        let all = answer.headers.get_all("outcrop-notice").iter();
        all.map(|it| it.to_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    let first = rig.post("/v1/messages", ask.to_string()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(first.header("outcrop-target"), format!("us.{MODEL}"));
    assert!(
        notice(&first).contains("AWS serves this model through an inference profile only"),
        "{}",
        notice(&first)
    );
    let second = rig.post("/v1/chat/completions", ask.to_string()).await;
    assert_eq!(second.header("outcrop-target"), format!("us.{MODEL}"), "{}", second.text());
    assert!(notice(&second).contains("it was refused before"), "{}", notice(&second));
    let books = rig.books().await;
    let targets: Vec<_> = books.rows.iter().map(|row| (row.target.as_str(), row.status)).collect();
    let profile = format!("us.{MODEL}");
    assert_eq!(targets, [(MODEL, 400), (profile.as_str(), 200), (profile.as_str(), 200)]);
}

/// A catalog that is behind in what it says of a model.
fn believing(model: &str, said: Value) -> Plan {
    let mut overrides = Overrides::default();
    overrides.model(model, said).unwrap();
    Plan { layer: Layer { overrides, ..Layer::default() }, ..Plan::default() }
}

fn notices(answer: &Answer) -> String {
    let all = answer.headers.get_all("outcrop-notice").iter();
    all.map(|it| it.to_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn question(model: &str, more: Value) -> String {
    let turn = json!({"role": "user", "content": "repeat after me: hello"});
    let mut body = json!({"model": model, "max_tokens": 4_000, "messages": [turn]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

/// The model takes an effort, and the catalog takes it for one of those that want a budget.
#[tokio::test]
async fn a_model_that_takes_no_budget_is_given_an_effort_from_then_on() {
    const MODEL: &str = "us.anthropic.claude-opus-4-7";
    let budget =
        json!({"capabilities": {"reasoning": {"mode": "budget", "alwaysOn": false, "minBudget": 1024}}});
    let rig = Rig::start(believing("anthropic.claude-opus-4-7", budget)).await;
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 2048}});
    for stream in [false, true] {
        let mut more = thinking.clone();
        more["stream"] = stream.into();
        let answer = rig.post("/v1/messages", question(MODEL, more)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.text().contains("thinking") && answer.lane() == "relay", "{}", answer.text());
        assert!(notices(&answer).contains("rewritten thinking.budget_tokens"), "{}", notices(&answer));
    }
    let chat = rig.post("/v1/chat/completions", question(MODEL, json!({"reasoning_effort": "low"}))).await;
    assert_eq!(chat.status, StatusCode::OK, "{}", chat.text());
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200]);
}

#[tokio::test]
async fn temperature_and_top_p_are_not_sent_together_again() {
    const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let either = json!({"parameters": {"conflicts": []}});
    let rig = Rig::start(believing("anthropic.claude-haiku-4-5-20251001-v1:0", either)).await;
    for path in ["/v1/messages", "/v1/messages", "/v1/chat/completions", "/v1/chat/completions"] {
        let answer = rig.post(path, question(MODEL, json!({"temperature": 0.5, "top_p": 0.9}))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(notices(&answer).contains("dropped top_p: this model takes"), "{}", notices(&answer));
    }
    let alone = rig.post("/v1/messages", question(MODEL, json!({"top_p": 0.9}))).await;
    assert!(alone.status == StatusCode::OK && !notices(&alone).contains("top_p"), "{}", notices(&alone));
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200, 200, 200]);
}

/// Mantle's Messages has beta features in a header, as Anthropic's own API.
#[tokio::test]
async fn a_beta_feature_in_a_header_is_learned_too() {
    const MODEL: &str = "anthropic.claude-haiku-4-5";
    let rig = Rig::start(Plan::default()).await;
    let send = async |betas: &str, more: Value| {
        let headers = [("anthropic-beta", betas)];
        rig.send(Method::POST, "/v1/messages", &headers, question(MODEL, more)).await
    };
    const REFUSED: &str = "dropped anthropic-beta: `mcp-client-2025-04-04`";
    for betas in ["mcp-client-2025-04-04", "context-1m-2025-08-07, mcp-client-2025-04-04"] {
        let answer = send(betas, json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.lane() == "relay" && notices(&answer).contains(REFUSED), "{}", notices(&answer));
    }
    let fine = send("context-1m-2025-08-07", json!({})).await;
    assert!(fine.status == StatusCode::OK && !notices(&fine).contains("anthropic-beta"));
    // A member is learned with the features that the header names.
    for _ in 0..2 {
        let surprise = send("context-1m-2025-08-07", json!({"surprise": 1})).await;
        assert_eq!(surprise.status, StatusCode::OK, "{}", surprise.text());
        assert!(told(&surprise, "surprise"), "{}", notices(&surprise));
    }
    let native = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "additionalModelRequestFields": {"anthropic_beta": ["mcp-client-2025-04-04"]}});
    let native = rig.post(&format!("/model/{MODEL}/converse"), native.to_string()).await;
    assert!(native.status == StatusCode::OK && notices(&native).contains(REFUSED), "{}", native.text());
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200, 400, 200, 200, 200]);
}

/// The endpoint is believed to enforce schemas, and does not: a tool gives the form, at once from then on.
#[tokio::test]
async fn a_form_that_is_refused_is_given_by_a_tool_from_then_on() {
    const MODEL: &str = "anthropic.claude-haiku-4-5";
    let believed = json!({"capabilities": {"structuredOutput": true}});
    let rig = Rig::start(believing(MODEL, believed)).await;
    let schema = json!({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]});
    let format =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}});
    let output = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    for (path, more, text) in [
        ("/v1/chat/completions", &format, "/choices/0/message/content"),
        ("/v1/messages", &output, "/content/0/text"),
        ("/v1/chat/completions", &format, "/choices/0/message/content"),
    ] {
        let answer = rig.post(path, question(MODEL, more.clone())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(notices(&answer).contains("rewritten response_format"), "{}", notices(&answer));
        let said = answer.json().pointer(text).unwrap().as_str().unwrap().to_owned();
        assert!(serde_json::from_str::<Value>(&said).unwrap()["town"].is_string(), "{said}");
    }
    let statuses: Vec<i64> = rig.books().await.rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [400, 200, 200, 200]);
}
