//! The control plane on the same base URL, and the list of models.

use http::{Method, StatusCode};
use outcrop_catalog::Layer;
use serde_json::{Value, json};

use crate::rig::{Plan, Rig};

#[tokio::test]
async fn profiles_and_models_are_handed_on() {
    let rig = Rig::start(Plan::default()).await;
    let arn = &rig.profiles[0];
    let listed = rig.get("/inference-profiles?type=APPLICATION").await.json();
    assert_eq!(listed["inferenceProfileSummaries"].as_array().unwrap().len(), 2);
    for written in [arn.clone(), arn.replace(':', "%3A").replace('/', "%2F")] {
        let answer = rig.get(&format!("/inference-profiles/{written}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{written}: {}", answer.text());
        assert_eq!(answer.json()["inferenceProfileArn"], arn.as_str());
    }
    let missing = rig.get("/inference-profiles/zz9zz9zz9zz9").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.header("x-amzn-errortype").starts_with("ResourceNotFoundException"));
    assert!(!rig.get("/foundation-models").await.json()["modelSummaries"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn models_are_listed_in_both_shapes() {
    let offered = vec!["us.amazon.nova-lite-v1:0".to_owned(), "anthropic.claude-sonnet-4-6".to_owned()];
    let rig = Rig::start(Plan { layer: Layer { offered, ..Layer::default() }, ..Plan::default() }).await;
    let ids = |body: &Value| -> Vec<String> {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let openai = rig.get("/v1/models").await.json();
    assert_eq!(openai["object"], "list");
    assert_eq!(ids(&openai), ["us.amazon.nova-lite-v1:0", "anthropic.claude-sonnet-4-6"]);
    let headers = [("anthropic-version", "2023-06-01")];
    let anthropic = rig.send(Method::GET, "/v1/models", &headers, "").await.json();
    assert_eq!(anthropic["data"][1]["type"], "model");
    assert_eq!(anthropic["data"][1]["display_name"], "Claude Sonnet 4.6");
    assert_eq!(anthropic["last_id"], "anthropic.claude-sonnet-4-6");
}

#[tokio::test]
async fn models_of_a_region_are_those_that_can_be_called_there() {
    let rig = Rig::start(Plan::default()).await;
    for (region, there, elsewhere) in [
        ("eu-west-1", "eu.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"),
        ("us-east-1", "us.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"),
    ] {
        let list = rig.get(&format!("/v1/models?region={region}")).await.json();
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().filter_map(|it| it["id"].as_str()).collect();
        assert!(ids.contains(&there) && !ids.contains(&elsewhere), "{region}: {ids:?}");
        assert_eq!((&list["region"], &list["totalCount"]), (&region.into(), &ids.len().into()));
    }
}

#[tokio::test]
async fn anthropics_list_comes_in_pages_both_ways() {
    let models = ["nova-lite", "nova-micro", "nova-pro", "nova-premier", "titan-embed-text"];
    let offered = models.map(|model| format!("amazon.{model}-v1:0")).to_vec();
    let rig = Rig::start(Plan { layer: Layer { offered, ..Layer::default() }, ..Plan::default() }).await;
    let headers = [("anthropic-version", "2023-06-01")];
    let page =
        async |query: String| rig.send(Method::GET, &format!("/v1/models{query}"), &headers, "").await.json();
    let all = page(String::new()).await;
    assert_eq!(all["has_more"], false);
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let list = page(query).await;
        seen.extend(list["data"].as_array().unwrap().clone());
        if list["has_more"] == false {
            break;
        }
        query = format!("?limit=2&after_id={}", list["last_id"].as_str().unwrap().replace(':', "%3A"));
    }
    assert_eq!(json!(seen), all["data"]);
    let third = all["data"][2]["id"].as_str().unwrap();
    let before = page(format!("?limit=1&before_id={third}")).await;
    assert_eq!((&before["data"][0], &before["has_more"]), (&all["data"][1], &json!(true)));
    let refused = rig.send(Method::GET, "/v1/models?limit=0", &headers, "").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_model_is_found_by_any_identifier() {
    let rig = Rig::start(Plan::default()).await;
    let arn = &rig.profiles[0];
    for written in [arn.clone(), arn.replace(':', "%3A").replace('/', "%2F")] {
        let openai = rig.get(&format!("/v1/models/{written}")).await.json();
        assert_eq!((&openai["id"], &openai["object"]), (&json!(arn), &json!("model")));
        assert!(openai["name"].as_str().unwrap().contains("(Claude Sonnet 4.6)"), "{openai}");
        let anthropic = rig.get(&format!("/anthropic/v1/models/{written}")).await.json();
        assert_eq!((&anthropic["id"], &anthropic["type"]), (&json!(arn), &json!("model")));
    }
    let unknown = rig.get("/v1/models/no.such-model-v1:0").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_head_of_the_root_is_well() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.send(Method::HEAD, "/", &[], "").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_first_requests_asks_about_a_profile_once() {
    let rig = Rig::start(Plan::default()).await;
    let created = rig
        .send(
            Method::POST,
            "/inference-profiles",
            &[],
            r#"{"inferenceProfileName": "burst", "modelSource": {"copyFrom":
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"}}"#,
        )
        .await;
    let arn = created.json()["inferenceProfileArn"].as_str().unwrap().to_owned();
    let body = serde_json::json!({"model": arn, "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]});
    let asks = (0..20).map(|_| rig.post("/v1/messages", body.to_string()));
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("outcrop-model"), "anthropic.claude-sonnet-4-6");
        assert_eq!(answer.lane(), "relay", "the model is known from the first request on");
    }
}
