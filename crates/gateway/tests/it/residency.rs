//! A residency policy at the door: what may leave it is refused before anything is sent, in the client's own dialect.

use http::StatusCode;
use outcrop_catalog::Residency;
use outcrop_gateway::ledger::By;
use serde_json::{Value, json};

use crate::rig::{Plan, Rig};

const GLOBAL: &str = "global.anthropic.claude-sonnet-4-6";
const ASIDE: &str = "us.anthropic.claude-sonnet-4-6";

async fn rig(geographies: &[&str]) -> Rig {
    let rig = Rig::start(Plan::default()).await;
    let geographies: Vec<String> = geographies.iter().map(|name| (*name).to_owned()).collect();
    let policy = Residency::default().processed_in(&[], &geographies, "outcrop.yaml:1").unwrap();
    let mut settings = rig.settings.clone();
    settings.catalog = settings.catalog.under(policy);
    rig.reloader.apply(&settings).await.unwrap();
    rig
}

fn chat(model: &str) -> String {
    json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

fn converse() -> String {
    json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string()
}

#[tokio::test]
async fn each_dialect_says_403_in_its_own_shape() {
    let rig = rig(&["us"]).await;
    let answer = rig.post("/v1/chat/completions", chat(GLOBAL)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("outcrop.yaml:1: the residency policy refuses"), "{message}");
    assert!(message.contains(&format!("allows {ASIDE}")), "{message}");

    let answer = rig.post("/v1/messages", chat(GLOBAL)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["error"]["type"], "permission_error");

    let responses = json!({"model": GLOBAL, "input": "hi"}).to_string();
    assert_eq!(rig.post("/v1/responses", responses).await.status, StatusCode::FORBIDDEN);

    for path in ["converse", "converse-stream"] {
        let answer = rig.post(&format!("/model/{GLOBAL}/{path}"), converse()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
        assert!(answer.header("x-amzn-errortype").starts_with("AccessDeniedException"));
        assert!(answer.json()["message"].as_str().unwrap().contains("residency policy"));
    }
    let judged = json!({"source": "INPUT", "content": []}).to_string();
    let eu = self::rig(&["eu"]).await;
    let answer = eu.post("/guardrail/abc/version/1/apply", judged).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let counted = json!({"input": {"converse": {"messages": []}}}).to_string();
    let answer = rig.post(&format!("/model/{GLOBAL}/count-tokens"), counted).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    assert!(rig.ledger(By::Model).await.is_empty(), "nothing was sent");
}

/// A client that speaks Bedrock is not let out by an identifier that nothing knows.
#[tokio::test]
async fn nothing_passes_at_its_word() {
    let rig = rig(&["us"]).await;
    for unknown in ["who-knows", "newcomer.model-v1:0", "apac.anthropic.claude-sonnet-4-6"] {
        let answer = rig.post(&format!("/model/{unknown}/converse"), converse()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{unknown}: {}", answer.text());
    }
}

/// Their Regions are AWS's word, which is asked for.
#[tokio::test]
async fn application_profiles_are_judged_by_what_aws_lists() {
    let inside = rig(&["us"]).await;
    let profile = inside.profiles[0].clone();
    let answer = inside.post("/v1/chat/completions", chat(&profile)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());

    let outside = rig(&["eu"]).await;
    for profile in &outside.profiles {
        assert_eq!(outside.post("/v1/chat/completions", chat(profile)).await.status, StatusCode::FORBIDDEN);
    }
    let unknown = profile.replace(profile.rsplit('/').next().unwrap(), "nosuchprofile");
    let answer = inside.post("/v1/chat/completions", chat(&unknown)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("nothing tells in which Regions"), "{}", answer.text());
}

#[tokio::test]
async fn what_is_refused_is_not_offered() {
    let rig = rig(&["us"]).await;
    let list = rig.get("/v1/models").await.json();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(|entry| entry["id"].as_str()).collect();
    assert!(ids.contains(&ASIDE) && !ids.iter().any(|id| id.starts_with("global.")), "{ids:?}");
    assert_ne!(list["data"], Value::Array(Vec::new()));
}
