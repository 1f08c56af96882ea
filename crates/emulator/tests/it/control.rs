//! Inference profiles, tags and foundation models.

use http::{Method, StatusCode};
use outcrop_emulator::Config;
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start, start_with};
use crate::runtime::{ask, converse};

const SOURCE: &str = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";

fn create(name: &str) -> Value {
    json!({ "inferenceProfileName": name, "modelSource": { "copyFrom": SOURCE } })
}

async fn created(emulator: &Running, body: &Value) -> String {
    let answer = emulator.post("/inference-profiles", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    assert_eq!(answer.json()["status"], "ACTIVE");
    answer.json()["inferenceProfileArn"].as_str().unwrap().to_owned()
}

async fn delete(emulator: &Running, id: &str) -> Answer {
    emulator.call(Method::DELETE, &format!("/inference-profiles/{id}"), b"", &[], &Access::signed()).await
}

#[tokio::test]
async fn a_profile_lives_from_create_to_delete() {
    let emulator = start().await;
    let mut body = create("team-a");
    body["description"] = json!("Team A: prod");
    body["tags"] = json!([{ "key": "team", "value": "a" }]);
    let arn = created(&emulator, &body).await;
    let id = arn.rsplit('/').next().unwrap().to_owned();
    assert_eq!(arn, format!("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/{id}"));
    assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));

    for spelling in [arn.clone(), arn.replace(':', "%3A").replace('/', "%2F"), id.clone()] {
        let profile = emulator.get(&format!("/inference-profiles/{spelling}")).await.json();
        assert_eq!(profile["inferenceProfileName"], "team-a");
        assert_eq!(profile["description"], "Team A: prod");
        assert_eq!(profile["type"], "APPLICATION");
        let models: Vec<&str> =
            profile["models"].as_array().unwrap().iter().map(|m| m["modelArn"].as_str().unwrap()).collect();
        assert!(
            models.contains(&"arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0"),
            "{models:?}"
        );
        assert_eq!(models.len(), 3);
        assert!(profile["createdAt"].as_str().unwrap().ends_with('Z'));
    }
    let answer = emulator.post(&converse(&arn), &ask("Repeat after me: hi")).await;
    assert_eq!(answer.status, StatusCode::OK);

    assert_eq!(delete(&emulator, &id).await.json(), json!({}));
    let text = "The specified resource Amazon Resource Name (ARN) was not found. Check the Amazon Resource Name (ARN) and try your request again.";
    for gone in [delete(&emulator, &arn).await, emulator.get(&format!("/inference-profiles/{arn}")).await] {
        assert_eq!((gone.status, gone.error_type()), (StatusCode::NOT_FOUND, "ResourceNotFoundException"));
        assert_eq!(gone.message(), text);
    }
    assert_eq!(emulator.post(&converse(&arn), &ask("hi")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(delete(&emulator, "us.amazon.nova-lite-v1:0").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn create_checks_what_it_gets() {
    let emulator = start().await;
    let with = |member: &str, value: Value| {
        let mut body = create("fine");
        body[member] = value;
        body
    };
    let copy = |from: &str| with("modelSource", json!({ "copyFrom": from }));
    let own = emulator.profiles[0].arn.clone();
    for body in [
        create("Sonnet 4.5"),
        create("prod/app"),
        create("a__b"),
        create(""),
        create(&"a".repeat(65)),
        with("description", json!("one, two")),
        with("description", json!("")),
        with("clientRequestToken", json!("-a")),
        with("tags", json!([{ "key": "a#", "value": "b" }])),
        with("tags", json!([{ "key": "", "value": "b" }])),
        copy(&own),
        copy("us.amazon.nova-lite-v1:0"),
        copy("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.nothing-v1:0"),
        copy("arn:aws:bedrock:us-east-1::foundation-model/nothing"),
        copy("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"),
        json!({}),
        json!({ "inferenceProfileName": "x" }),
    ] {
        let answer = emulator.post("/inference-profiles", &body).await;
        assert_eq!(
            (answer.status, answer.error_type()),
            (StatusCode::BAD_REQUEST, "ValidationException"),
            "{body}"
        );
    }
    let tags: Vec<Value> = (0..51).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect();
    let answer = emulator.post("/inference-profiles", &with("tags", json!(tags))).await;
    assert_eq!(answer.error_type(), "TooManyTagsException");
    created(&emulator, &create("LibreChat-us-anthropic-claude-3-7-sonnet-20250219-v1-0")).await;
    created(&emulator, &copy("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")).await;
}

#[tokio::test]
async fn names_are_unique_and_tokens_make_create_idempotent() {
    let emulator = start().await;
    let mut body = create("once");
    body["clientRequestToken"] = json!("token-1");
    let arn = created(&emulator, &body).await;
    assert_eq!(created(&emulator, &body).await, arn);
    for (name, token) in [("once", "token-2"), ("other", "token-1")] {
        let mut body = create(name);
        body["clientRequestToken"] = json!(token);
        let answer = emulator.post("/inference-profiles", &body).await;
        assert_eq!((answer.status, answer.error_type()), (StatusCode::BAD_REQUEST, "ConflictException"));
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let emulator = start().await;
    for n in 0..5 {
        created(&emulator, &create(&format!("p{n}"))).await;
    }
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        // Unknown keys are passed over; one client sends `typeEquals` by mistake.
        let path = format!("/inference-profiles?type=APPLICATION&typeEquals=x&maxResults=3{token}");
        let page = emulator.get(&path).await.json();
        let summaries = page["inferenceProfileSummaries"].as_array().unwrap();
        assert!(summaries.len() <= 3);
        names.extend(summaries.iter().map(|s| s["inferenceProfileName"].as_str().unwrap().to_owned()));
        match page["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["local-claude", "local-nova", "p0", "p1", "p2", "p3", "p4"]);

    let system = emulator.get("/inference-profiles?type=SYSTEM_DEFINED").await.json();
    let system = system["inferenceProfileSummaries"].as_array().unwrap().clone();
    assert!(system.len() > 50 && system.iter().all(|s| s["type"] == "SYSTEM_DEFINED"));
    let global =
        system.iter().find(|s| s["inferenceProfileId"] == "global.anthropic.claude-sonnet-4-6").unwrap();
    assert_eq!(
        global["models"],
        json!([
            { "modelArn": "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-4-6" },
            { "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6" },
        ])
    );
    assert!(!system.iter().any(|s| s["inferenceProfileId"].as_str().unwrap().starts_with("eu.")));
    let got = emulator
        .get(&format!("/inference-profiles/{}", global["inferenceProfileArn"].as_str().unwrap()))
        .await;
    assert_eq!(&got.json(), global);

    for query in ["type=OTHER", "maxResults=0", "maxResults=1001", "maxResults=x", "nextToken=nonsense"] {
        let answer = emulator.get(&format!("/inference-profiles?{query}")).await;
        assert_eq!(answer.error_type(), "ValidationException", "{query}");
    }
}

#[tokio::test]
async fn tags_come_and_go() {
    let emulator = start().await;
    let arn = created(&emulator, &create("tagged")).await;
    let tags = async || {
        emulator.post("/listTagsForResource", &json!({ "resourceARN": arn })).await.json()["tags"].clone()
    };
    let set =
        json!({ "resourceARN": arn, "tags": [{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }] });
    assert_eq!(emulator.post("/tagResource", &set).await.json(), json!({}));
    let over = json!({ "resourceARN": arn, "tags": [{ "key": "a", "value": "3" }] });
    assert_eq!(emulator.post("/tagResource", &over).await.status, StatusCode::OK);
    assert_eq!(tags().await, json!([{ "key": "a", "value": "3" }, { "key": "b", "value": "2" }]));
    let gone = json!({ "resourceARN": arn, "tagKeys": ["a", "never"] });
    assert_eq!(emulator.post("/untagResource", &gone).await.status, StatusCode::OK);
    assert_eq!(tags().await, json!([{ "key": "b", "value": "2" }]));
    let nobody = emulator.post("/listTagsForResource", &json!({ "resourceARN": format!("{arn}x") })).await;
    assert_eq!(nobody.error_type(), "ResourceNotFoundException");
}

#[tokio::test]
async fn foundation_models_are_listed_and_filtered() {
    let emulator = start().await;
    let list = async |query: &str| -> Vec<Value> {
        let answer = emulator.get(&format!("/foundation-models{query}")).await.json();
        answer["modelSummaries"].as_array().unwrap().clone()
    };
    let all = list("").await;
    assert!(all.len() > 80, "{}", all.len());
    let anthropic = list("?byProvider=Anthropic").await;
    assert!(!anthropic.is_empty() && anthropic.iter().all(|model| model["providerName"] == "Anthropic"));
    let embeddings = list("?byOutputModality=EMBEDDING").await;
    assert!(embeddings.iter().any(|model| model["modelId"] == "amazon.titan-embed-text-v2:0"));
    let profile_only = list("?byInferenceType=INFERENCE_PROFILE").await;
    assert!(profile_only.iter().any(|model| model["modelId"] == "deepseek.r1-v1:0"));
    assert!(profile_only.len() < all.len());

    let one = emulator.get("/foundation-models/amazon.nova-lite-v1%3A0").await.json();
    assert_eq!(
        one["modelDetails"]["modelArn"],
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    );
    let none = emulator.get("/foundation-models/us.amazon.nova-lite-v1:0").await;
    assert_eq!(none.error_type(), "ValidationException");
}

#[tokio::test]
async fn profiles_survive_a_restart_and_a_reset_leaves_the_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        Config { seed_profiles: true, data_dir: Some(folder.path().join("new")), ..Config::default() };
    let arn = {
        let emulator = start_with(config.clone()).await;
        created(&emulator, &create("kept")).await
    };
    let emulator = start_with(config).await;
    assert_eq!(
        emulator.get(&format!("/inference-profiles/{arn}")).await.json()["inferenceProfileName"],
        "kept"
    );
    let another = created(&emulator, &create("later")).await;
    assert_ne!(arn, another);
    let reset = emulator.call(Method::POST, "/_emulator/reset", b"", &[], &Access::Nothing).await;
    assert_eq!(reset.status, StatusCode::OK);
    let list = emulator.get("/inference-profiles?type=APPLICATION").await.json();
    assert_eq!(list["inferenceProfileSummaries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_broken_state_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("emulator.json");
    for broken in ["{", r#"{"version":2,"profiles":[]}"#] {
        std::fs::write(&file, broken).unwrap();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: Some(folder.path().to_owned()),
            ..Config::default()
        };
        let error = outcrop_emulator::Emulator::bind(config).await.unwrap_err().to_string();
        assert!(error.contains("emulator.json") && error.contains("hint:"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), broken);
    }
}
