//! What the emulator writes by itself: batch jobs and the invocation log.

use std::io::Read as _;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, eventually, start};
use crate::runtime::{ask, converse};

const ROLE: &str = "arn:aws:iam::123456789012:role/outcrop";
const NOVA: &str = "amazon.nova-lite-v1:0";

impl Running {
    async fn s3(&self, method: Method, path: &str, body: &[u8]) -> Answer {
        self.call(method, path, body, &[], &Access::For { service: "s3" }).await
    }

    async fn object(&self, path: &str) -> Vec<u8> {
        let answer = self.s3(Method::GET, path, b"").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
        answer.body.to_vec()
    }

    /// The keys in a bucket.
    async fn keys(&self, bucket: &str) -> Vec<String> {
        let listed = self.s3(Method::GET, &format!("/{bucket}?list-type=2"), b"").await;
        let text = String::from_utf8(listed.body.to_vec()).unwrap();
        text.split("<Key>").skip(1).map(|part| part.split("</Key>").next().unwrap().to_owned()).collect()
    }
}

fn job(name: &str, kind: &str) -> Value {
    json!({
        "jobName": name, "roleArn": ROLE, "modelId": NOVA, "modelInvocationType": kind,
        "inputDataConfig": { "s3InputDataConfig": { "s3Uri": "s3://batch/in/records.jsonl" } },
        "outputDataConfig": { "s3OutputDataConfig": { "s3Uri": "s3://batch/out/" } },
    })
}

async fn created(emulator: &Running, job: &Value) -> String {
    let answer = emulator.post("/model-invocation-job", job).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()["jobArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn ended(emulator: &Running, id: &str) -> Value {
    let path = format!("/model-invocation-job/{id}");
    eventually(|| async { emulator.get(&path).await.json()["endTime"].is_string() }).await;
    emulator.get(&path).await.json()
}

#[tokio::test]
async fn a_batch_job_runs_to_completion() {
    let emulator = start().await;
    emulator.s3(Method::PUT, "/batch", b"").await;
    let record = |id: &str, text: &str| {
        let input = json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] });
        json!({ "recordId": id, "modelInput": input }).to_string()
    };
    let lines = [record("a", "Repeat after me: one"), "no json".to_owned(), record("b", "")].join("\n");
    emulator.s3(Method::PUT, "/batch/in/records.jsonl", lines.as_bytes()).await;

    let id = created(&emulator, &job("first", "Converse")).await;
    let job = ended(&emulator, &id).await;
    assert_eq!(job["status"], "Completed", "{job}");
    assert_eq!((&job["totalRecordCount"], &job["successRecordCount"]), (&json!(3), &json!(1)), "{job}");
    let out =
        String::from_utf8(emulator.object(&format!("/batch/out/{id}/records.jsonl.out")).await).unwrap();
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["recordId"], "a");
    assert_eq!(answers[0]["modelOutput"]["output"]["message"]["content"][0]["text"], "one");
    assert_eq!(
        (&answers[1]["error"]["errorCode"], &answers[2]["error"]["errorCode"]),
        (&json!(400), &json!(400))
    );
    let manifest = emulator.object(&format!("/batch/out/{id}/manifest.json.out")).await;
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((&manifest["processedRecordCount"], &manifest["errorRecordCount"]), (&json!(3), &json!(2)));
    let listed = emulator.get("/model-invocation-jobs?statusEquals=Completed&nameContains=fir").await.json();
    assert_eq!(listed["invocationJobSummaries"].as_array().unwrap().len(), 1);
    let stopped = emulator.post(&format!("/model-invocation-job/{id}/stop"), &json!({})).await;
    assert_eq!(stopped.error_type(), "ConflictException");
}

#[tokio::test]
async fn a_batch_job_can_be_stopped_and_can_fail() {
    let emulator = start().await;
    let failed = ended(&emulator, &created(&emulator, &job("nothing-there", "Converse")).await).await;
    assert_eq!(failed["status"], "Failed");
    assert!(failed["message"].as_str().unwrap().contains("s3://batch/in/records.jsonl"), "{failed}");

    emulator.s3(Method::PUT, "/batch", b"").await;
    let line = json!({ "modelInput": ask("Repeat after me: one") }).to_string();
    let many = vec![line; 30_000].join("\n");
    emulator.s3(Method::PUT, "/batch/in/records.jsonl", many.as_bytes()).await;
    let id = created(&emulator, &job("long", "Converse")).await;
    let stop = emulator.post(&format!("/model-invocation-job/{id}/stop"), &json!({})).await;
    assert_eq!(stop.status, StatusCode::OK);
    let job = ended(&emulator, &id).await;
    assert_eq!(job["status"], "Stopped", "{job}");
    assert!(job["processedRecordCount"].as_u64() < Some(30_000));
}

async fn configure(emulator: &Running, config: Value) {
    let body = json!({ "loggingConfig": config }).to_string();
    let answer = emulator
        .call(Method::PUT, "/logging/modelinvocations", body.as_bytes(), &[], &Access::signed())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

fn gunzipped(bytes: &[u8]) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn an_invocation_is_logged_in_the_form_of_aws() {
    let emulator = start().await;
    configure(&emulator, json!({ "s3Config": { "bucketName": "records", "keyPrefix": "team" } })).await;
    let profile = emulator.profiles[0].arn.clone();
    let mut body = ask("Repeat after me: logged");
    body["requestMetadata"] = json!({ "team": "a" });
    let answer = emulator.post(&converse(&profile), &body).await;
    let keys = emulator.keys("records").await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    let prefix = "team/AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/";
    assert!(keys[0].starts_with(prefix) && keys[0].ends_with(".json.gz"), "{keys:?}");
    let record = gunzipped(&emulator.object(&format!("/records/{}", keys[0])).await);
    assert_eq!(record["schemaType"], "ModelInvocationLog");
    assert_eq!((&record["operation"], &record["modelId"]), (&json!("Converse"), &json!(profile)));
    assert_eq!(record["requestId"], answer.headers["x-amzn-requestid"].to_str().unwrap());
    assert_eq!(record["requestMetadata"], json!({ "team": "a" }));
    assert_eq!(record["input"]["inputBodyJson"], body);
    assert_eq!(record["output"]["outputBodyJson"], answer.json());
    assert_eq!(record["output"]["outputTokenCount"], answer.json()["usage"]["outputTokens"]);
    let region = record["inferenceRegion"].as_str().unwrap();
    assert!(["us-east-1", "us-east-2", "us-west-2"].contains(&region), "{region}");

    let streamed = emulator.post(&format!("/model/{profile}/converse-stream"), &ask("hi")).await;
    assert_eq!(streamed.status, StatusCode::OK);
    emulator.post(&converse(&profile), &json!({ "messages": [] })).await;
    let mut logged = Vec::new();
    for key in emulator.keys("records").await {
        logged.push(gunzipped(&emulator.object(&format!("/records/{key}")).await));
    }
    let stream = logged.iter().find(|record| record["operation"] == "ConverseStream").unwrap();
    assert_eq!(stream["output"]["outputBodyJson"][0], json!({ "messageStart": { "role": "assistant" } }));
}

#[tokio::test]
async fn bodies_are_left_out_or_delivered_apart() {
    let emulator = start().await;
    let config = json!({ "s3Config": { "bucketName": "records" }, "textDataDeliveryEnabled": false });
    configure(&emulator, config).await;
    emulator.post(&converse(NOVA), &ask("hi")).await;
    let keys = emulator.keys("records").await;
    let record = gunzipped(&emulator.object(&format!("/records/{}", keys[0])).await);
    assert!(record["input"].get("inputBodyJson").is_none(), "{record}");
    assert!(record["input"]["inputTokenCount"].is_u64());

    configure(&emulator, json!({ "s3Config": { "bucketName": "large" } })).await;
    let long = ask(&"word ".repeat(40_000));
    assert_eq!(emulator.post(&converse(NOVA), &long).await.status, StatusCode::OK);
    let keys = emulator.keys("large").await;
    let key = keys.iter().find(|key| !key.contains("/data/")).unwrap();
    let record = gunzipped(&emulator.object(&format!("/large/{key}")).await);
    let path = record["input"]["inputBodyS3Path"].as_str().unwrap();
    let body = gunzipped(&emulator.object(&path.replace("s3://", "/")).await);
    assert_eq!(body, long);
}
