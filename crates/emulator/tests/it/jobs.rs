//! Jobs over time, by a clock that the tests move: seen going on, stopped, complete, expired, and kept.

use http::{Method, StatusCode};
use outcrop_emulator::Config;
use serde_json::{Value, json};

use crate::client::{Access, Running, eventually, start, start_with};

const ROLE: &str = "arn:aws:iam::123456789012:role/outcrop";
const NOVA: &str = "amazon.nova-lite-v1:0";

/// Stops the clock, or moves it on.
pub async fn clock(emulator: &Running, turn: &Value) -> Value {
    let body = turn.to_string();
    let answer =
        emulator.call(Method::POST, "/_emulator/clock", body.as_bytes(), &[], &Access::Nothing).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()
}

/// Moves it far enough for every job to end.
pub async fn pass_time(emulator: &Running) {
    clock(emulator, &json!({ "advanceSeconds": 60 })).await;
}

async fn frozen() -> Running {
    let emulator = start().await;
    clock(&emulator, &json!({ "frozen": true })).await;
    emulator
}

async fn post(emulator: &Running, path: &str, body: &Value) -> Value {
    let answer = emulator.post(path, body).await;
    assert!(answer.status.is_success(), "{:?}", answer.body);
    answer.json()
}

async fn customize(emulator: &Running, job: &str, model: &str) -> String {
    let body = json!({
        "jobName": job, "customModelName": model, "roleArn": ROLE, "baseModelIdentifier": NOVA,
        "customModelTags": [{ "key": "team", "value": "kitchen" }],
        "trainingDataConfig": { "s3Uri": "s3://training/data" }, "outputDataConfig": { "s3Uri": "s3://training/out" },
    });
    post(emulator, "/model-customization-jobs", &body).await["jobArn"].as_str().unwrap().to_owned()
}

fn parts(job: &Value) -> Vec<&str> {
    let details = &job["statusDetails"];
    ["validationDetails", "dataProcessingDetails", "trainingDetails"]
        .into_iter()
        .map(|part| details[part]["status"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_customization_goes_through_its_parts_and_then_its_model_is_there() {
    let emulator = frozen().await;
    customize(&emulator, "tune", "tuned").await;
    let told = async || emulator.get("/model-customization-jobs/tune").await.json();
    for (after, expected) in [
        (0.0, ["InProgress", "NotStarted", "NotStarted"]),
        (0.25, ["Completed", "InProgress", "NotStarted"]),
        (0.25, ["Completed", "Completed", "InProgress"]),
    ] {
        clock(&emulator, &json!({ "advanceSeconds": after })).await;
        let job = told().await;
        assert_eq!((&job["status"], parts(&job)), (&json!("InProgress"), expected.to_vec()));
        assert!(job["outputModelArn"].is_null() && job["endTime"].is_null(), "{job}");
        assert_eq!(emulator.get("/custom-models/tuned").await.status, StatusCode::NOT_FOUND);
    }
    clock(&emulator, &json!({ "advanceSeconds": 0.25 })).await;
    let job = told().await;
    assert_eq!((&job["status"], parts(&job)), (&json!("Completed"), vec!["Completed"; 3]));
    assert!(job["endTime"].is_string());
    let model = emulator.get("/custom-models/tuned").await.json();
    assert_eq!((&model["modelArn"], &model["jobName"]), (&job["outputModelArn"], &json!("tune")));
    let tags = post(&emulator, "/listTagsForResource", &json!({ "resourceARN": model["modelArn"] })).await;
    assert_eq!(tags["tags"], json!([{ "key": "team", "value": "kitchen" }]));
    let stop = emulator.post("/model-customization-jobs/tune/stop", &json!({})).await;
    assert_eq!(stop.error_type(), "ConflictException");
}

#[tokio::test]
async fn a_customization_that_is_stopped_makes_no_model() {
    let emulator = frozen().await;
    customize(&emulator, "tune", "tuned").await;
    let again = json!({
        "jobName": "other", "customModelName": "tuned", "roleArn": ROLE, "baseModelIdentifier": NOVA,
        "trainingDataConfig": { "s3Uri": "s3://training/b" }, "outputDataConfig": { "s3Uri": "s3://training/c" },
    });
    let taken = emulator.post("/model-customization-jobs", &again).await;
    assert_eq!(taken.error_type(), "ConflictException", "the name of the model is promised");
    let status = async || emulator.get("/model-customization-jobs/tune").await.json()["status"].clone();
    post(&emulator, "/model-customization-jobs/tune/stop", &json!({})).await;
    post(&emulator, "/model-customization-jobs/tune/stop", &json!({})).await;
    assert_eq!(status().await, "Stopping");
    pass_time(&emulator).await;
    assert_eq!(status().await, "Stopped");
    assert_eq!(emulator.get("/custom-models/tuned").await.status, StatusCode::NOT_FOUND);
    post(&emulator, "/model-customization-jobs", &again).await;
}

#[tokio::test]
async fn a_job_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config { data_dir: Some(folder.path().to_owned()), ..Config::default() };
    let first = start_with(config()).await;
    // A clock that was ahead is forgotten; its jobs are not.
    clock(&first, &json!({ "frozen": true, "advanceSeconds": 86_400 })).await;
    customize(&first, "tune", "tuned").await;
    let source = json!({ "s3DataSource": { "s3Uri": "s3://weights/llama/" } });
    let import = json!({ "jobName": "import", "importedModelName": "mine", "roleArn": ROLE, "modelDataSource": source });
    post(&first, "/model-import-jobs", &import).await;
    assert_eq!(first.get("/model-import-jobs/import").await.json()["status"], "InProgress");
    drop(first);
    let second = start_with(config()).await;
    // They go on from now.
    pass_time(&second).await;
    pass_time(&second).await;
    assert_eq!(second.get("/model-import-jobs/import").await.json()["status"], "Completed");
    assert_eq!(second.get("/imported-models/mine").await.status, StatusCode::OK);
    assert_eq!(second.get("/custom-models/tuned").await.status, StatusCode::OK);
}

#[tokio::test]
async fn jobs_end_by_themselves_when_nobody_touches_the_clock() {
    let emulator = start().await;
    customize(&emulator, "tune", "tuned").await;
    eventually(async || emulator.get("/custom-models/tuned").await.status == StatusCode::OK).await;
}

async fn batch(emulator: &Running, hours: u64) -> String {
    let body = json!({
        "jobName": "batch", "roleArn": ROLE, "modelId": NOVA, "timeoutDurationInHours": hours,
        "inputDataConfig": { "s3InputDataConfig": { "s3Uri": "s3://batches/in.jsonl" } },
        "outputDataConfig": { "s3OutputDataConfig": { "s3Uri": "s3://batches/out/" } },
    });
    for (path, body) in [("/batches", String::new()), ("/batches/in.jsonl", record())] {
        let access = Access::For { service: "s3" };
        let put = emulator.call(Method::PUT, path, body.as_bytes(), &[], &access).await;
        assert_eq!(put.status, StatusCode::OK, "{:?}", put.body);
    }
    let arn = post(emulator, "/model-invocation-job", &body).await["jobArn"].clone();
    let id = arn.as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    format!("/model-invocation-job/{id}")
}

fn record() -> String {
    let messages = json!([{ "role": "user", "content": [{ "text": "hi" }] }]);
    json!({ "recordId": "one", "modelInput": { "messages": messages } }).to_string()
}

async fn status(emulator: &Running, job: &str) -> Value {
    emulator.get(job).await.json()["status"].clone()
}

#[tokio::test]
async fn a_batch_is_submitted_in_progress_and_completed() {
    let emulator = frozen().await;
    let job = batch(&emulator, 24).await;
    assert_eq!(status(&emulator, &job).await, "Submitted");
    clock(&emulator, &json!({ "advanceSeconds": 0.25 })).await;
    let processed = async || {
        let told = emulator.get(&job).await.json();
        told["status"] == "InProgress" && told["processedRecordCount"] == 1
    };
    eventually(processed).await;
    clock(&emulator, &json!({ "advanceSeconds": 0.25 })).await;
    eventually(async || status(&emulator, &job).await == "Completed").await;
    let told = emulator.get(&job).await.json();
    assert_eq!((&told["successRecordCount"], &told["errorRecordCount"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_batch_is_stopped_whether_or_not_it_has_begun() {
    for is_begun in [false, true] {
        let emulator = frozen().await;
        let job = batch(&emulator, 24).await;
        if is_begun {
            clock(&emulator, &json!({ "advanceSeconds": 0.25 })).await;
            eventually(async || status(&emulator, &job).await == "InProgress").await;
        }
        post(&emulator, &format!("{job}/stop"), &json!({})).await;
        if !is_begun {
            assert_eq!(status(&emulator, &job).await, "Stopping");
        }
        pass_time(&emulator).await;
        eventually(async || status(&emulator, &job).await == "Stopped").await;
        assert_eq!(emulator.post(&format!("{job}/stop"), &json!({})).await.error_type(), "ConflictException");
    }
}

#[tokio::test]
async fn a_batch_whose_time_is_over_expires() {
    let emulator = frozen().await;
    let job = batch(&emulator, 24).await;
    clock(&emulator, &json!({ "advanceSeconds": 24 * 3600 })).await;
    eventually(async || status(&emulator, &job).await == "Expired").await;
}

#[tokio::test]
async fn the_clock_takes_no_nonsense_and_goes_back_on_reset() {
    let emulator = start().await;
    for wrong in ["", "{}x", r#"{"advanceSeconds": -1}"#, r#"{"frozen": 1}"#, r#"{"faster": true}"#] {
        let answer =
            emulator.call(Method::POST, "/_emulator/clock", wrong.as_bytes(), &[], &Access::Nothing).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let ahead = clock(&emulator, &json!({ "frozen": true, "advanceSeconds": 86_400 })).await;
    emulator.call(Method::POST, "/_emulator/reset", b"", &[], &Access::Nothing).await;
    let told = emulator.call(Method::GET, "/_emulator/clock", b"", &[], &Access::Nothing).await.json();
    assert_eq!((&ahead["frozen"], &told["frozen"]), (&json!(true), &json!(false)));
    assert!(told["now"].as_str() < ahead["now"].as_str(), "{told} {ahead}");
}
