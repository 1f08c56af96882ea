//! OpenAI's embeddings over real sockets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use outcrop_gateway::ledger::By;
use outcrop_gateway::{Failover, Step};
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

const TITAN: &str = "amazon.titan-embed-text-v2:0";
const COHERE: &str = "cohere.embed-english-v3";

async fn embed(rig: &Rig, body: Value) -> Answer {
    rig.post("/v1/embeddings", body.to_string()).await
}

fn vector(answer: &Value, index: usize) -> Vec<f64> {
    let numbers = answer["data"][index]["embedding"].as_array().unwrap();
    numbers.iter().map(|number| number.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn one_text_and_many_on_every_kind_of_identifier() {
    let rig = Rig::start(Plan::default()).await;
    let source = format!("arn:aws:bedrock:us-east-1::foundation-model/{TITAN}");
    let profile = json!({"inferenceProfileName": "vectors", "modelSource": {"copyFrom": source}});
    let created = rig.post("/inference-profiles", profile.to_string()).await;
    let arn = created.json()["inferenceProfileArn"].as_str().unwrap().to_owned();
    for model in [TITAN, COHERE, &source, &arn] {
        let one = embed(&rig, json!({"model": model, "input": "the quick brown fox"})).await;
        assert_eq!(one.status, StatusCode::OK, "{model}: {}", one.text());
        assert_eq!(one.lane(), "translate");
        let one = one.json();
        assert_eq!((one["object"].as_str(), one["model"].as_str()), (Some("list"), Some(model)));
        assert!(one["usage"]["prompt_tokens"].as_u64().unwrap() > 0, "{}", one["usage"]);
        let path = "/openai/v1/embeddings";
        let body = json!({"model": model, "input": ["a lazy dog", "the quick brown fox"]}).to_string();
        let two = rig.post(path, body).await.json();
        assert_eq!(vector(&two, 1), vector(&one, 0), "{model}");
        assert_ne!(vector(&two, 0), vector(&one, 0), "{model}");
        assert_eq!(two["data"][1]["index"], 1);
    }
}

#[tokio::test]
async fn base64_holds_the_same_numbers() {
    let rig = Rig::start(Plan::default()).await;
    let body = |encoding: &str| json!({"model": TITAN, "input": "fox", "dimensions": 256, "encoding_format": encoding});
    let numbers = vector(&embed(&rig, body("float")).await.json(), 0);
    let text = embed(&rig, body("base64")).await.json();
    let bytes = STANDARD.decode(text["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let decoded: Vec<f32> =
        bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(decoded.len(), 256);
    #[allow(clippy::cast_possible_truncation)] // the precision that is asked for
    let numbers: Vec<f32> = numbers.into_iter().map(|number| number as f32).collect();
    assert_eq!(decoded, numbers);
}

#[tokio::test]
async fn a_batch_is_as_many_invocations_as_the_model_needs() {
    let texts: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
    for (model, invocations) in [(COHERE, 2), (TITAN, 100)] {
        let rig = Rig::start(Plan::default()).await;
        let answer = embed(&rig, json!({"model": model, "input": texts, "user": "u-1"})).await.json();
        assert_eq!(answer["data"].as_array().unwrap().len(), 100, "{answer}");
        let tokens = answer["usage"]["total_tokens"].as_i64().unwrap();
        let ledger = rig.ledger(By::Model).await;
        assert_eq!(ledger.iter().map(|row| row.invocations).sum::<i64>(), invocations, "{model}");
        assert_eq!(ledger.iter().map(|row| row.input_token_count).sum::<i64>(), tokens, "{model}");
    }
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_with_a_way_out() {
    let rig = Rig::start(Plan::default()).await;
    let refused = [
        (json!({"model": TITAN, "input": [[50100, 3]]}), "check_embedding_ctx_length"),
        (json!({"model": TITAN, "input": [50100, 3]}), "check_embedding_ctx_length"),
        (json!({"model": TITAN, "input": ["a", ""]}), "empty"),
        (json!({"model": TITAN, "input": []}), "1 to 2048"),
        (json!({"model": TITAN}), "`input` is required"),
        (json!({"model": TITAN, "input": "fox", "dimensions": 300}), "256, 512, 1024"),
        (json!({"model": COHERE, "input": "fox", "dimensions": 256}), "1024"),
        (json!({"model": COHERE, "input": "fox", "encoding_format": "int8"}), "`float` or `base64`"),
        (json!({"model": rig.profiles[0], "input": "fox"}), "makes no embeddings"),
    ];
    for (body, words) in refused {
        let answer = embed(&rig, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text());
        let error = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_failure_of_one_invocation_is_the_answer() {
    let rig = Rig::start(Plan::default()).await;
    let body = json!({"model": TITAN, "input": ["a", "b"]}).to_string();
    let fault = [("x-outcrop-fault", "AccessDeniedException")];
    let answer = rig.send(Method::POST, "/v1/embeddings", &fault, body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "permission_error");
    assert_eq!(answer.header("outcrop-model"), TITAN);
}

async fn embed_with(rig: &Rig, body: Value, fault: &str) -> Answer {
    rig.send(Method::POST, "/v1/embeddings", &[("x-outcrop-fault", fault)], body.to_string()).await
}

fn elsewhere(steps: Vec<Step>) -> Plan {
    Plan { failover: Failover::new([(Failover::ANY.to_owned(), steps)]), ..Plan::default() }
}

fn to_oregon() -> Plan {
    elsewhere(vec![Step::Region("us-west-2".to_owned())])
}

#[tokio::test]
async fn a_region_that_is_out_is_left() {
    let rig = Rig::start(to_oregon()).await;
    let body = json!({"model": TITAN, "input": ["one", "two", "three"]});
    let before = embed(&rig, body.clone()).await.json();
    rig.stand(Some("region-outage;region=us-east-1")).await;
    let answer = embed(&rig, body).await;
    assert_eq!((answer.status, answer.header("outcrop-region")), (StatusCode::OK, "us-west-2"));
    assert!(answer.header("outcrop-notice").starts_with(&format!("failover {TITAN} in us-east-1")));
    let after = answer.json();
    assert!((0..3).all(|index| vector(&after, index) == vector(&before, index)), "the same model");
    let books = rig.books().await;
    let regions: Vec<_> = books.bill.iter().map(|entry| entry["region"].as_str().unwrap()).collect();
    assert_eq!(regions, ["us-east-1", "us-east-1", "us-east-1", "us-west-2", "us-west-2", "us-west-2"]);
    let (served, out): (Vec<_>, Vec<_>) = books.rows.iter().partition(|row| row.status == 200);
    assert_eq!(served.len(), 6);
    assert!(out.iter().all(|row| row.region == "us-east-1" && row.status == 503 && row.usage == "none"));
    assert!((1..=3).contains(&out.len()), "each has a row of its own");
    assert_eq!(served.iter().filter(|row| row.notices.is_some()).count(), 1, "it is said once");
}

/// One of several texts is refused: the vectors of the others are not made again.
#[tokio::test]
async fn what_was_made_before_a_failure_stays() {
    let rig = Rig::start(to_oregon()).await;
    let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
    let body = json!({"model": TITAN, "input": texts});
    let answer = embed_with(&rig, body, "ThrottlingException;count=1;region=us-east-1").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = answer.json();
    assert!((1..20).all(|index| answer["data"][index]["index"] == index));
    assert!((1..20).all(|index| vector(&answer, index) != vector(&answer, 0)));
    let books = rig.books().await;
    assert_eq!(books.bill.len(), 20);
    let regions: std::collections::BTreeSet<_> =
        books.bill.iter().map(|entry| entry["region"].as_str().unwrap()).collect();
    assert_eq!(regions, ["us-east-1", "us-west-2"].into());
    assert_eq!(books.rows.len(), 21);
}

/// Vectors of another model would be worth nothing, without anybody noticing.
#[tokio::test]
async fn another_model_is_no_way_for_vectors() {
    let cohere = Step::Identifier { identifier: COHERE.to_owned(), region: None };
    let rig = Rig::start(elsewhere(vec![cohere.clone(), Step::Region("us-west-2".to_owned())])).await;
    rig.stand(Some("ThrottlingException;region=us-east-1")).await;
    let answer = embed(&rig, json!({"model": TITAN, "input": "fox"})).await;
    assert_eq!((answer.header("outcrop-model"), answer.header("outcrop-region")), (TITAN, "us-west-2"));
    let rig = Rig::start(elsewhere(vec![cohere])).await;
    rig.stand(Some("ThrottlingException;region=us-east-1")).await;
    let answer = embed(&rig, json!({"model": TITAN, "input": "fox"})).await;
    assert_eq!((answer.status.as_u16(), answer.header("outcrop-model")), (429, TITAN));
    assert!(rig.books().await.bill.is_empty());
}

#[tokio::test]
async fn what_is_refused_once_is_tried_again_where_there_is_no_other_way() {
    let rig = Rig::start(Plan::default()).await;
    let body = json!({"model": TITAN, "input": ["one", "two"]});
    let answer = embed_with(&rig, body, "ServiceUnavailableException;count=1").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let books = rig.books().await;
    assert_eq!((books.bill.len(), books.rows.len()), (2, 2));
}
