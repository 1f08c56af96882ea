//! Custom models, deployments, imported models, throughput, routers, agreements, logging: made, listed, invoked, kept.

use http::{Method, StatusCode};
use outcrop_emulator::Config;
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start, start_with};
use crate::jobs::{clock, pass_time};
use crate::runtime::{ask, converse};

const ROLE: &str = "arn:aws:iam::123456789012:role/outcrop";
const NOVA: &str = "amazon.nova-lite-v1:0";

async fn made(emulator: &Running, path: &str, body: &Value, member: &str) -> String {
    let answer = emulator.post(path, body).await;
    assert!(answer.status.is_success(), "{:?}", answer.body);
    answer.json()[member].as_str().unwrap_or_else(|| panic!("{:?}", answer.body)).to_owned()
}

async fn delete(emulator: &Running, path: &str) -> Answer {
    emulator.call(Method::DELETE, path, b"", &[], &Access::signed()).await
}

fn encoded(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

async fn custom_model(emulator: &Running, name: &str) -> String {
    let body = json!({
        "jobName": format!("job-{name}"), "customModelName": name, "roleArn": ROLE, "baseModelIdentifier": NOVA,
        "trainingDataConfig": { "s3Uri": "s3://training/data" }, "outputDataConfig": { "s3Uri": "s3://training/out" },
    });
    let job = made(emulator, "/model-customization-jobs", &body, "jobArn").await;
    pass_time(emulator).await;
    let job = emulator.get(&format!("/model-customization-jobs/{}", encoded(&job))).await.json();
    assert_eq!((&job["status"], &job["outputModelName"]), (&json!("Completed"), &json!(name)));
    job["outputModelArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_custom_model_answers_through_its_deployment() {
    let emulator = start().await;
    let model = custom_model(&emulator, "mine").await;
    let body =
        json!({ "modelDeploymentName": "live", "modelArn": model, "tags": [{ "key": "a", "value": "b" }] });
    let path = "/model-customization/custom-model-deployments";
    let arn = made(&emulator, path, &body, "customModelDeploymentArn").await;
    let found = emulator.get(&format!("{path}/{}", encoded(&arn))).await.json();
    assert_eq!((&found["status"], &found["modelArn"]), (&json!("Active"), &json!(model)));
    let answer = emulator.post(&converse(&encoded(&arn)), &ask("Repeat after me: hi")).await;
    assert_eq!(answer.json()["output"]["message"]["content"][0]["text"], "hi", "{:?}", answer.body);
    let tags = emulator.post("/listTagsForResource", &json!({ "resourceARN": arn })).await.json();
    assert_eq!(tags["tags"], json!([{ "key": "a", "value": "b" }]));

    assert_eq!(delete(&emulator, "/custom-models/mine").await.error_type(), "ConflictException");
    assert_eq!(delete(&emulator, &format!("{path}/live")).await.status, StatusCode::OK);
    assert_eq!(delete(&emulator, "/custom-models/mine").await.status, StatusCode::OK);
    let gone = emulator.post(&converse(&encoded(&arn)), &ask("hi")).await;
    assert_eq!(gone.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_imported_model_takes_its_own_body_alone() {
    let emulator = start().await;
    let source = json!({ "s3DataSource": { "s3Uri": "s3://weights/llama/" } });
    let body = json!({ "jobName": "import", "importedModelName": "mine", "roleArn": ROLE, "modelDataSource": source });
    let job = made(&emulator, "/model-import-jobs", &body, "jobArn").await;
    pass_time(&emulator).await;
    let job = emulator.get(&format!("/model-import-jobs/{}", encoded(&job))).await.json();
    let arn = encoded(job["importedModelArn"].as_str().unwrap());
    let refused = emulator.post(&converse(&arn), &ask("hi")).await;
    assert_eq!(
        refused.message(),
        "This action doesn't support the model that you provided. Try again with a supported text or chat model."
    );
    let answer =
        emulator.post(&format!("/model/{arn}/invoke"), &json!({ "prompt": "Repeat after me: hi" })).await;
    assert!(answer.json()["generation"].is_string(), "{:?}", answer.body);
}

#[tokio::test]
async fn provisioned_throughput_and_routers_stand_for_their_models() {
    let emulator = start().await;
    let body = json!({ "provisionedModelName": "fast", "modelId": NOVA, "modelUnits": 1 });
    let arn = made(&emulator, "/provisioned-model-throughput", &body, "provisionedModelArn").await;
    assert_eq!(emulator.post(&converse(&encoded(&arn)), &ask("hi")).await.status, StatusCode::OK);
    let found = emulator.get("/provisioned-model-throughput/fast").await.json();
    assert_eq!(found["foundationModelArn"], format!("arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"));
    let committed = json!({
        "provisionedModelName": "long", "modelId": NOVA, "modelUnits": 1, "commitmentDuration": "OneMonth",
    });
    made(&emulator, "/provisioned-model-throughput", &committed, "provisionedModelArn").await;
    assert_eq!(
        delete(&emulator, "/provisioned-model-throughput/long").await.error_type(),
        "ConflictException"
    );
    clock(&emulator, &json!({ "advanceSeconds": 31 * 86_400 })).await;
    assert_eq!(delete(&emulator, "/provisioned-model-throughput/long").await.status, StatusCode::OK);

    let listed = emulator.get("/prompt-routers?type=default").await.json();
    let router = listed["promptRouterSummaries"][0]["promptRouterArn"].as_str().unwrap().to_owned();
    let answer = emulator.post(&converse(&encoded(&router)), &ask("hi")).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

#[tokio::test]
async fn a_model_without_an_agreement_is_refused() {
    let emulator = start().await;
    let available = format!("/foundation-model-availability/{NOVA}");
    assert_eq!(emulator.get(&available).await.json()["agreementAvailability"]["status"], "AVAILABLE");
    let answer = emulator.post("/delete-foundation-model-agreement", &json!({ "modelId": NOVA })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(emulator.get(&available).await.json()["agreementAvailability"]["status"], "NOT_AVAILABLE");
    let refused = emulator.post(&converse(NOVA), &ask("hi")).await;
    assert_eq!((refused.status, refused.error_type()), (StatusCode::FORBIDDEN, "AccessDeniedException"));

    let offers = emulator.get(&format!("/list-foundation-model-agreement-offers/{NOVA}")).await.json();
    let token = offers["offers"][0]["offerToken"].clone();
    let agree = json!({ "modelId": NOVA, "offerToken": token });
    assert_eq!(
        emulator.post("/create-foundation-model-agreement", &agree).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(emulator.post(&converse(NOVA), &ask("hi")).await.status, StatusCode::OK);

    assert_eq!(emulator.get("/use-case-for-model-access").await.status, StatusCode::NOT_FOUND);
    let form = json!({ "formData": "aGVsbG8gd29ybGQ=" });
    assert_eq!(emulator.post("/use-case-for-model-access", &form).await.status, StatusCode::CREATED);
    assert_eq!(emulator.get("/use-case-for-model-access").await.json(), form);
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let emulator = start().await;
    for name in ["alpha", "beta", "alphabet"] {
        let body = json!({ "provisionedModelName": name, "modelId": NOVA, "modelUnits": 1 });
        made(&emulator, "/provisioned-model-throughput", &body, "provisionedModelArn").await;
    }
    let names = |query: &'static str| {
        let emulator = &emulator;
        async move {
            let answer = emulator.get(&format!("/provisioned-model-throughputs{query}")).await.json();
            let all = answer["provisionedModelSummaries"].as_array().unwrap().clone();
            all.iter().map(|it| it["provisionedModelName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("").await, ["alphabet", "beta", "alpha"]);
    assert_eq!(names("?sortOrder=Ascending&nameContains=alpha").await, ["alpha", "alphabet"]);
    assert_eq!(names("?maxResults=1").await, ["alphabet"]);
    assert_eq!(names("?statusEquals=Failed").await, Vec::<String>::new());
    assert_eq!(names("?creationTimeAfter=2999-01-01T00:00:00Z").await, Vec::<String>::new());
    let refused = emulator.get("/provisioned-model-throughputs?sortOrder=Sideways").await;
    assert_eq!(refused.error_type(), "ValidationException");
}

#[tokio::test]
async fn a_token_makes_every_create_idempotent() {
    let emulator = start().await;
    let mut body = json!({
        "provisionedModelName": "once", "modelId": NOVA, "modelUnits": 1, "clientRequestToken": "token-1",
    });
    let path = "/provisioned-model-throughput";
    let arn = made(&emulator, path, &body, "provisionedModelArn").await;
    assert_eq!(made(&emulator, path, &body, "provisionedModelArn").await, arn);
    body["modelUnits"] = json!(2);
    assert_eq!(emulator.post(path, &body).await.error_type(), "ConflictException");
}

#[tokio::test]
async fn everything_survives_a_restart_and_nothing_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config { data_dir: Some(folder.path().to_owned()), ..Config::default() };
    let first = start_with(config()).await;
    let model = custom_model(&first, "kept").await;
    let logging = json!({ "loggingConfig": { "s3Config": { "bucketName": "records", "keyPrefix": "p" } } });
    let put = first
        .call(
            Method::PUT,
            "/logging/modelinvocations",
            logging.to_string().as_bytes(),
            &[],
            &Access::signed(),
        )
        .await;
    assert_eq!(put.status, StatusCode::OK);
    drop(first);

    let second = start_with(config()).await;
    let found = second.get("/custom-models/kept").await.json();
    assert_eq!(found["modelArn"], model);
    let config = second.get("/logging/modelinvocations").await.json();
    assert_eq!(config["loggingConfig"]["s3Config"]["bucketName"], "records");
    assert_eq!(config["loggingConfig"]["textDataDeliveryEnabled"], true);
    second.call(Method::POST, "/_emulator/reset", b"", &[], &Access::Nothing).await;
    assert_eq!(second.get("/custom-models/kept").await.status, StatusCode::NOT_FOUND);
    assert_eq!(second.get("/logging/modelinvocations").await.json(), json!({}));
}

#[tokio::test]
async fn the_quota_of_profiles_is_enforced() {
    let emulator = start().await;
    let source = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    let body =
        |n: usize| json!({ "inferenceProfileName": format!("p{n}"), "modelSource": { "copyFrom": source } });
    // Two profiles are seeded.
    for n in 2..1_000 {
        assert_eq!(emulator.post("/inference-profiles", &body(n)).await.status, StatusCode::CREATED);
    }
    let refused = emulator.post("/inference-profiles", &body(1_000)).await;
    assert_eq!(
        (refused.status, refused.error_type()),
        (StatusCode::BAD_REQUEST, "ServiceQuotaExceededException")
    );
}
