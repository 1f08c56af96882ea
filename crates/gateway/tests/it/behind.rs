//! What an ARN stands for that is neither a model's nor a profile's: asked of AWS, and then called, in each dialect.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Plan, Rig};

const NOVA: &str = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
const ROLE: &str = "arn:aws:iam::123456789012:role/outcrop";

/// Asks through the gateway, by Chat Completions, Messages and Converse; the model it found behind the ARN, the same each time.
async fn chat(rig: &Rig, arn: &str) -> String {
    let question = json!([{"role": "user", "content": "Repeat after me: basalt"}]);
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let mut models = Vec::new();
    for (path, body) in [
        ("/v1/chat/completions".to_owned(), json!({"model": arn, "messages": question})),
        ("/v1/messages".to_owned(), json!({"model": encoded, "messages": question, "max_tokens": 64})),
        (
            format!("/model/{encoded}/converse"),
            json!({"messages": [{"role": "user", "content": [{"text": "Repeat after me: basalt"}]}]}),
        ),
    ] {
        let answer = rig.post(&path, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{arn} by {path}: {}", answer.text());
        assert!(answer.text().contains("basalt"), "{path}: {}", answer.text());
        assert_eq!(answer.header("outcrop-target"), arn, "{path}");
        let model = answer.headers.get("outcrop-model").map(|model| model.to_str().unwrap().to_owned());
        models.push(model.unwrap_or_default());
    }
    assert!(models.iter().all(|model| *model == models[0]), "{models:?}");
    models.remove(0)
}

async fn text(rig: &Rig, path: &str, body: Value, member: &str) -> String {
    let made = rig.make(path, body.to_string()).await;
    made.pointer(member).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
}

#[tokio::test]
async fn a_prompt_is_called_as_what_it_asks() {
    let rig = Rig::start(Plan::default()).await;
    for asks in [NOVA, "us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"] {
        let variants = json!([{"name": "one", "templateType": "TEXT", "modelId": asks,
            "templateConfiguration": {"text": {"text": "Be brief."}}}]);
        let name = format!("asks{}", asks.len());
        let prompt = json!({"name": name, "defaultVariant": "one", "variants": variants});
        let arn = text(&rig, "/prompts/", prompt, "/arn").await;
        assert_eq!(chat(&rig, &arn).await, "amazon.nova-lite-v1:0", "{asks}");
    }
}

#[tokio::test]
async fn a_router_of_one_model_is_that_model_and_of_several_none() {
    let rig = Rig::start(Plan::default()).await;
    let router = json!({"promptRouterName": "one", "models": [{"modelArn": NOVA}],
        "fallbackModel": {"modelArn": NOVA}, "routingCriteria": {"responseQualityDifference": 5}});
    let arn = text(&rig, "/prompt-routers", router, "/promptRouterArn").await;
    assert_eq!(chat(&rig, &arn).await, "amazon.nova-lite-v1:0");
    let default = "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/amazon.nova:1";
    assert_eq!(chat(&rig, default).await, "", "what a router will choose nobody knows before");
}

#[tokio::test]
async fn an_endpoint_of_the_marketplace_is_asked_and_called() {
    let rig = Rig::start(Plan::default()).await;
    let source = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/some-model/1.0.0";
    let machine = json!({"initialInstanceCount": 1, "instanceType": "ml.g5.xlarge", "executionRole": ROLE});
    let endpoint = json!({"modelSourceIdentifier": source, "endpointName": "mine", "endpointConfig": {"sageMaker": machine}});
    let arn =
        text(&rig, "/marketplace-model/endpoints", endpoint, "/marketplaceModelEndpoint/endpointArn").await;
    assert_eq!(arn, "arn:aws:sagemaker:us-east-1:123456789012:endpoint/mine");
    assert_eq!(chat(&rig, &arn).await, "");
}

#[tokio::test]
async fn an_imported_model_is_asked_and_called_in_its_own_body() {
    let rig = Rig::start(Plan::default()).await;
    let job = json!({"jobName": "job", "importedModelName": "mine", "roleArn": ROLE,
        "modelDataSource": {"s3DataSource": {"s3Uri": "s3://models/mine/"}}});
    rig.make("/model-import-jobs", job.to_string()).await;
    rig.make("/_emulator/clock", json!({"advanceSeconds": 3600}).to_string()).await;
    let listed = rig.of_emulator(Method::GET, "/imported-models", "").await;
    let arn =
        listed["modelSummaries"][0]["modelArn"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned();
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let answer =
        rig.post(&format!("/model/{encoded}/invoke"), r#"{"prompt": "Repeat after me: basalt"}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("basalt"), "{}", answer.text());
    assert_eq!(answer.header("outcrop-target"), arn);
}
