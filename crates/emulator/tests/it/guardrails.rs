//! Guardrails: made, versioned, applied by themselves and to invocations.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Access, Running, start};
use crate::runtime::{ask, converse};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";

async fn guardrail(emulator: &Running) -> String {
    let body = json!({
        "name": "house-rules",
        "blockedInputMessaging": "We do not talk about this.",
        "blockedOutputsMessaging": "The answer was withheld.",
        "wordPolicyConfig": { "wordsConfig": [{ "text": "kraken" }, { "text": "seven", "inputEnabled": false }] },
        "sensitiveInformationPolicyConfig": { "piiEntitiesConfig": [{ "type": "EMAIL", "action": "ANONYMIZE" }] },
    });
    let answer = emulator.post("/guardrails", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}", answer.body);
    assert_eq!(answer.json()["version"], "DRAFT");
    answer.json()["guardrailId"].as_str().unwrap().to_owned()
}

fn guarded(text: &str, id: &str) -> Value {
    let mut body = ask(text);
    body["guardrailConfig"] =
        json!({ "guardrailIdentifier": id, "guardrailVersion": "DRAFT", "trace": "enabled" });
    body
}

#[tokio::test]
async fn versions_keep_what_the_draft_was() {
    let emulator = start().await;
    let id = guardrail(&emulator).await;
    let path = format!("/guardrails/{id}");
    assert_eq!(emulator.post(&path, &json!({})).await.json()["version"], "1");
    let update = json!({ "name": "laxer", "blockedInputMessaging": "a", "blockedOutputsMessaging": "b" });
    let put = emulator.call(Method::PUT, &path, update.to_string().as_bytes(), &[], &Access::signed()).await;
    assert_eq!(put.status, StatusCode::ACCEPTED);
    assert_eq!(emulator.post(&path, &json!({})).await.json()["version"], "2");

    let draft = emulator.get(&path).await.json();
    assert_eq!((&draft["name"], &draft["version"]), (&json!("laxer"), &json!("DRAFT")));
    assert!(draft.get("wordPolicy").is_none() && draft.get("versions").is_none());
    let first = emulator.get(&format!("{path}?guardrailVersion=1")).await.json();
    assert_eq!(first["name"], "house-rules");
    assert_eq!(first["wordPolicy"]["words"][0]["text"], "kraken");
    let listed = emulator.get(&format!("/guardrails?guardrailIdentifier={id}")).await.json();
    let versions: Vec<&str> =
        listed["guardrails"].as_array().unwrap().iter().map(|it| it["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["DRAFT", "1", "2"]);

    let delete = |path: String| {
        let emulator = &emulator;
        async move { emulator.call(Method::DELETE, &path, b"", &[], &Access::signed()).await.status }
    };
    assert_eq!(delete(format!("{path}?guardrailVersion=1")).await, StatusCode::ACCEPTED);
    assert_eq!(emulator.get(&format!("{path}?guardrailVersion=1")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(delete(path.clone()).await, StatusCode::ACCEPTED);
    assert_eq!(emulator.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn apply_tells_what_was_found_and_what_to_say_instead() {
    let emulator = start().await;
    let id = guardrail(&emulator).await;
    let apply = |text: &'static str| {
        let (emulator, id) = (&emulator, &id);
        async move {
            let body = json!({ "source": "INPUT", "content": [{ "text": { "text": text } }] });
            emulator.post(&format!("/guardrail/{id}/version/DRAFT/apply"), &body).await.json()
        }
    };
    let blocked = apply("release the kraken").await;
    assert_eq!(blocked["action"], "GUARDRAIL_INTERVENED");
    assert_eq!(blocked["outputs"], json!([{ "text": "We do not talk about this." }]));
    assert_eq!(blocked["assessments"][0]["wordPolicy"]["customWords"][0]["action"], "BLOCKED");
    let masked = apply("write to a@example.com").await;
    assert_eq!(masked["outputs"], json!([{ "text": "write to {EMAIL}" }]));
    assert_eq!(apply("hello").await["action"], "NONE");
}

#[tokio::test]
async fn converse_is_guarded_before_and_after_the_model() {
    let emulator = start().await;
    let id = guardrail(&emulator).await;
    let say = |text: &'static str| {
        let (emulator, id) = (&emulator, &id);
        async move { emulator.post(&converse(CLAUDE), &guarded(text, id)).await.json() }
    };
    let blocked = say("release the kraken").await;
    assert_eq!(blocked["stopReason"], "guardrail_intervened");
    assert_eq!(blocked["output"]["message"]["content"], json!([{ "text": "We do not talk about this." }]));
    assert!(blocked["trace"]["guardrail"]["inputAssessment"][&id]["wordPolicy"].is_object());

    let masked = say("Repeat after me: a@example.com").await;
    assert_eq!(masked["output"]["message"]["content"][0]["text"], "{EMAIL}");
    let withheld = say("Repeat after me: seven").await;
    assert_eq!(withheld["stopReason"], "guardrail_intervened");
    assert_eq!(withheld["output"]["message"]["content"][0]["text"], "The answer was withheld.");
    let fine = say("Repeat after me: eight").await;
    assert_eq!(
        (&fine["stopReason"], &fine["output"]["message"]["content"][0]["text"]),
        (&json!("end_turn"), &json!("eight"))
    );

    let billed = emulator.call(Method::GET, "/_emulator/bill", b"", &[], &Access::Nothing).await.json();
    assert_eq!(billed["invocations"].as_array().unwrap().len(), 3, "what was blocked before is free");
}

/// A guardrail of topics, filters and grounding.
async fn judging(emulator: &Running) -> String {
    let body = json!({
        "name": "judging", "blockedInputMessaging": "not this", "blockedOutputsMessaging": "not that",
        "topicPolicyConfig": { "topicsConfig": [
            { "name": "Investment Advice", "definition": "About money", "type": "DENY", "examples": ["Which shares shall I buy?"] },
        ] },
        "contentPolicyConfig": { "filtersConfig": [
            { "type": "VIOLENCE", "inputStrength": "MEDIUM", "outputStrength": "NONE" },
        ] },
        "contextualGroundingPolicyConfig": { "filtersConfig": [{ "type": "GROUNDING", "threshold": 0.7 }] },
    });
    let answer = emulator.post("/guardrails", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}", answer.body);
    answer.json()["guardrailId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn topics_and_filters_intervene_and_tell_why() {
    let emulator = start().await;
    let id = judging(&emulator).await;
    for (text, policy, told) in [
        (
            "Which shares shall I buy?",
            "topicPolicy",
            json!({ "topics": [{
            "name": "Investment Advice", "type": "DENY", "action": "BLOCKED", "detected": true,
        }] }),
        ),
        (
            "content filter: VIOLENCE MEDIUM",
            "contentPolicy",
            json!({ "filters": [{
            "type": "VIOLENCE", "confidence": "MEDIUM", "filterStrength": "MEDIUM", "action": "BLOCKED", "detected": true,
        }] }),
        ),
    ] {
        let answer = emulator.post(&converse(CLAUDE), &guarded(text, &id)).await.json();
        assert_eq!(answer["stopReason"], "guardrail_intervened", "{answer}");
        assert_eq!(answer["trace"]["guardrail"]["inputAssessment"][&id][policy], told);
    }
    let fine = emulator.post(&converse(CLAUDE), &guarded("content filter: VIOLENCE LOW", &id)).await.json();
    assert_eq!(fine["stopReason"], "end_turn");
}

#[tokio::test]
async fn an_answer_without_ground_is_withheld() {
    let emulator = start().await;
    let id = judging(&emulator).await;
    for (said, stop) in [("Paris lies there", "end_turn"), ("London lies elsewhere", "guardrail_intervened")]
    {
        let mut body = guarded("", &id);
        let marked = |text: &str, qualifier: &str| json!({ "guardContent": { "text": { "text": text, "qualifiers": [qualifier] } } });
        body["messages"][0]["content"] = json!([
            marked("Paris lies there, by the Seine.", "grounding_source"),
            marked("Where does it lie?", "query"),
            { "text": format!("Repeat after me: {said}") },
        ]);
        let answer = emulator.post(&converse(CLAUDE), &body).await.json();
        assert_eq!(answer["stopReason"], stop, "{answer}");
        let told = &answer["trace"]["guardrail"]["outputAssessments"][&id][0]["contextualGroundingPolicy"]["filters"]
            [0];
        assert_eq!((&told["type"], &told["detected"]), (&json!("GROUNDING"), &json!(stop != "end_turn")));
    }
    let content = json!([
        { "text": { "text": "Paris lies there", "qualifiers": ["grounding_source"] } },
        { "text": { "text": "London burns", "qualifiers": ["guard_content"] } },
    ]);
    let apply = json!({ "source": "OUTPUT", "content": content });
    let applied = emulator.post(&format!("/guardrail/{id}/version/DRAFT/apply"), &apply).await.json();
    assert_eq!(
        (&applied["action"], &applied["outputs"][0]["text"]),
        (&json!("GUARDRAIL_INTERVENED"), &json!("not that"))
    );
}

#[tokio::test]
async fn streams_are_guarded_whole() {
    let emulator = start().await;
    let id = guardrail(&emulator).await;
    let path = format!("/model/{CLAUDE}/converse-stream");
    for (text, said) in [
        ("the kraken", "We do not talk about this."),
        ("Repeat after me: one seven", "The answer was withheld."),
    ] {
        let events = emulator.post(&path, &guarded(text, &id)).await.events();
        let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"],
            "{text}"
        );
        assert_eq!(events[1].1["delta"]["text"], said);
        assert_eq!(events[3].1["stopReason"], "guardrail_intervened");
        assert!(events[4].1["trace"]["guardrail"].is_object());
    }
}

#[tokio::test]
async fn native_bodies_are_guarded_by_headers() {
    let emulator = start().await;
    let id = guardrail(&emulator).await;
    let headers =
        [("x-amzn-bedrock-guardrailidentifier", id.as_str()), ("x-amzn-bedrock-guardrailversion", "DRAFT")];
    let body = |text: &str| {
        let messages = json!([{ "role": "user", "content": text }]);
        json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": messages })
            .to_string()
    };
    for (text, action, said) in [
        ("the kraken", "INTERVENED", "We do not talk about this."),
        ("Repeat after me: seven", "INTERVENED", "The answer was withheld."),
        ("Repeat after me: eight", "NONE", "eight"),
    ] {
        let path = format!("/model/{CLAUDE}/invoke");
        let answer = emulator
            .call(Method::POST, &path, body(text).as_bytes(), &headers, &Access::signed())
            .await
            .json();
        assert_eq!(answer["amazon-bedrock-guardrailAction"], action, "{answer}");
        assert_eq!(answer["content"][0]["text"], said);
    }
}

#[tokio::test]
async fn an_unknown_guardrail_is_not_found() {
    let emulator = start().await;
    let answer = emulator.post(&converse(CLAUDE), &guarded("hi", "nothere")).await;
    assert_eq!((answer.status, answer.error_type()), (StatusCode::BAD_REQUEST, "ValidationException"));
    let expected = "The guardrail identifier or version provided in the request does not exist.";
    assert_eq!(answer.message(), expected);
    let path = "/guardrail/nothere/version/1/apply";
    let apply = json!({ "source": "INPUT", "content": [] });
    assert_eq!(emulator.post(path, &apply).await.status, StatusCode::NOT_FOUND);
}
