//! Keys made while the gateway runs: usable at once, gone at once, and bound to what they were made for.

use http::{Method, StatusCode};
use outcrop_gateway::Key;
use outcrop_gateway::keys::{Keys, NewKey};
use outcrop_gateway::ledger::By;

use crate::rig::{Answer, Plan, Rig};

async fn ask(rig: &Rig, secret: &str, model: &str) -> Answer {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let bearer = format!("Bearer {secret}");
    rig.send(Method::POST, "/v1/chat/completions", &[("authorization", bearer.as_str())], body).await
}

fn named(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), ..NewKey::default() }
}

const NOVA: &str = "us.amazon.nova-lite-v1:0";

#[tokio::test]
async fn a_key_opens_and_closes_the_door_at_once() {
    let rig = Rig::start(Plan::default()).await;
    assert_eq!(ask(&rig, "whatever", NOVA).await.status, StatusCode::OK, "no keys, no questions");
    let keys = Keys::open(&rig.settings.data_dir).await.unwrap();
    let ana = keys.create(&named("ana")).await.unwrap();
    assert_eq!(ask(&rig, "whatever", NOVA).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&rig, &ana, NOVA).await.status, StatusCode::OK);
    let x_api_key = rig.send(Method::GET, "/v1/models", &[("x-api-key", ana.as_str())], "").await;
    assert_eq!(x_api_key.status, StatusCode::OK);
    keys.revoke("ana").await.unwrap();
    assert_eq!(ask(&rig, &ana, NOVA).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&rig, "whatever", NOVA).await.status, StatusCode::UNAUTHORIZED, "the door stays shut");
    let spent = rig.ledger(By::Key).await;
    assert!(spent.iter().any(|sum| sum.name.as_deref() == Some("ana")), "{spent:?}");
}

#[tokio::test]
async fn keys_of_both_kinds_hold_side_by_side() {
    let rig = Rig::start(Plan { keys: vec![Key::new("bo", "secret-b")], ..Plan::default() }).await;
    let keys = Keys::open(&rig.settings.data_dir).await.unwrap();
    let ana = keys.create(&named("ana")).await.unwrap();
    for secret in [ana.as_str(), "secret-b"] {
        assert_eq!(ask(&rig, secret, NOVA).await.status, StatusCode::OK);
    }
    assert_eq!(ask(&rig, "ana", NOVA).await.status, StatusCode::UNAUTHORIZED, "a name is no key");
}

#[tokio::test]
async fn a_key_for_some_models_names_no_other() {
    let rig = Rig::start(Plan::default()).await;
    let keys = Keys::open(&rig.settings.data_dir).await.unwrap();
    let only = vec!["amazon.nova-lite-v1:0".to_owned()];
    let ana = keys.create(&NewKey { models: only, ..named("ana") }).await.unwrap();
    assert_eq!(ask(&rig, &ana, NOVA).await.status, StatusCode::OK, "the model behind a system profile");
    let refused = ask(&rig, &ana, "amazon.nova-pro-v1:0").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    assert!(
        refused.text().contains("the key `ana` may not use `amazon.nova-pro-v1:0`"),
        "{}",
        refused.text()
    );
    let bearer = format!("Bearer {ana}");
    let bearer = [("authorization", bearer.as_str())];
    let models = rig.send(Method::GET, "/v1/models", &bearer, "").await.json();
    let ids: Vec<_> = models["data"].as_array().unwrap().iter().filter_map(|it| it["id"].as_str()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.ends_with("amazon.nova-lite-v1:0")), "{ids:?}");
    let delete = format!("/inference-profiles/{}", rig.profiles[0].replace('/', "%2F"));
    assert_eq!(rig.send(Method::DELETE, &delete, &bearer, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.send(Method::GET, "/inference-profiles", &bearer, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_bound_to_a_profile_goes_through_it() {
    let rig = Rig::start(Plan::default()).await;
    let claude = rig.profiles[0].clone();
    let keys = Keys::open(&rig.settings.data_dir).await.unwrap();
    let ana = keys.create(&NewKey { profile: Some(claude.clone()), ..named("ana") }).await.unwrap();
    let itself = ask(&rig, &ana, &claude).await;
    assert_eq!((itself.status, itself.header("outcrop-target")), (StatusCode::OK, claude.as_str()));
    let model = ask(&rig, &ana, "anthropic.claude-sonnet-4-6").await;
    assert_eq!((model.status, model.header("outcrop-target")), (StatusCode::OK, claude.as_str()));
    let said = format!("the key ana is bound to {claude}");
    assert!(model.headers.get_all("outcrop-notice").iter().any(|it| it.to_str().unwrap().contains(&said)));
    for other in [NOVA, rig.profiles[1].as_str(), "anthropic.claude-3-haiku-20240307-v1:0"] {
        assert_eq!(ask(&rig, &ana, other).await.status, StatusCode::FORBIDDEN, "{other}");
    }
}
