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
