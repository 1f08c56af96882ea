//! The configured guardrail reaches every surface that invokes a model, and the client is told.

use http::StatusCode;
use outcrop_gateway::{Guardrail, Settings};
use outcrop_wire::bedrock::GuardrailConfig;

use crate::rig::{Plan, Rig};

#[tokio::test]
async fn every_surface_goes_through_it_and_says_so() {
    let rig = Rig::start(Plan::default()).await;
    let guardrail = rig.guardrail().await;
    let config = GuardrailConfig {
        guardrail_identifier: guardrail.clone(),
        guardrail_version: "DRAFT".to_owned(),
        trace: None,
        stream_processing_mode: Some("async".to_owned()),
    };
    let settings = Settings { guardrail: Guardrail::new(config).ok(), ..rig.settings.clone() };
    rig.reloader.apply(&settings).await.unwrap();
    let claude = &rig.profiles[0].replace('/', "%2F");
    let said = format!(
        r#""model":"{}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]"#,
        rig.profiles[0]
    );
    let asked = format!(r#""model":"{}","input":"hi""#, rig.profiles[0]);
    let converse = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let claude_body = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    for (path, body) in [
        ("/v1/chat/completions".to_owned(), format!("{{{said}}}")),
        ("/v1/chat/completions".to_owned(), format!("{{{said},\"stream\":true}}")),
        ("/v1/responses".to_owned(), format!("{{{asked}}}")),
        ("/v1/responses".to_owned(), format!("{{{asked},\"stream\":true}}")),
        ("/v1/messages".to_owned(), format!("{{{said}}}")),
        ("/v1/messages".to_owned(), format!("{{{said},\"stream\":true}}")),
        (format!("/model/{claude}/converse"), converse.to_owned()),
        (format!("/model/{claude}/converse-stream"), converse.to_owned()),
        (format!("/model/{claude}/invoke"), claude_body.to_owned()),
        (format!("/model/{claude}/invoke-with-response-stream"), claude_body.to_owned()),
    ] {
        let answer = rig.post(&path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        let notices: Vec<_> = answer.headers.get_all("outcrop-notice").iter().collect();
        let said = format!("added guardrailConfig: {guardrail} (version DRAFT) is applied to every request");
        assert!(notices.iter().any(|notice| *notice == said.as_str()), "{path}: {notices:?}");
    }
    let forbidden = |body: &str| body.replace("hi", "a forbidden word");
    let stopped = rig.post(&format!("/model/{claude}/converse"), forbidden(converse)).await;
    assert_eq!(stopped.json()["stopReason"], "guardrail_intervened", "{}", stopped.text());
    for stream in ["false", "true"] {
        for (path, body, word) in [
            ("/v1/chat/completions", &said, "content_filter"),
            ("/v1/responses", &asked, "content_filter"),
            ("/v1/messages", &said, "amazon-bedrock-guardrailAction"),
        ] {
            let body = forbidden(&format!("{{{body},\"stream\":{stream}}}"));
            let answer = rig.post(path, body).await;
            assert!(answer.text().contains(word), "{path}, streamed {stream}: {}", answer.text());
        }
    }
}

/// No model that makes embeddings takes a guardrail, so the texts are judged before they are sent.
#[tokio::test]
async fn texts_to_be_embedded_are_judged_first() {
    let rig = Rig::start(Plan::default()).await;
    let config = GuardrailConfig {
        guardrail_identifier: rig.guardrail().await,
        guardrail_version: "DRAFT".to_owned(),
        trace: None,
        stream_processing_mode: None,
    };
    let settings = Settings { guardrail: Guardrail::new(config.clone()).ok(), ..rig.settings.clone() };
    rig.reloader.apply(&settings).await.unwrap();
    let embed = async |input: serde_json::Value| {
        let body = serde_json::json!({"model": "amazon.titan-embed-text-v2:0", "input": input});
        rig.post("/v1/embeddings", body.to_string()).await
    };
    let fine = embed(serde_json::json!(["a fox", "a dog"])).await;
    assert_eq!(fine.status, StatusCode::OK, "{}", fine.text());
    assert!(fine.header("outcrop-notice").contains("is applied to every request"), "{:?}", fine.headers);
    let masked = embed(serde_json::json!(["write to a@example.com", "a dog"])).await;
    assert_eq!(masked.status, StatusCode::OK, "{}", masked.text());
    let told = format!("{:?}", masked.headers.get_all("outcrop-notice").iter().collect::<Vec<_>>());
    assert!(told.contains("rewritten input: the guardrail masked parts of it"), "{told}");
    let plain = embed(serde_json::json!(["write to {EMAIL}", "a dog"])).await;
    assert_eq!(masked.json()["data"], plain.json()["data"], "what was masked is not embedded");
    let billed = rig.bill().await.len();
    let blocked = embed(serde_json::json!(["a fox", "a forbidden word"])).await;
    assert_eq!(blocked.status, StatusCode::BAD_REQUEST, "{}", blocked.text());
    let error = &blocked.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("blocked `input`: no"), "{error}");
    assert_eq!(error["param"], "input");
    assert_eq!(rig.bill().await.len(), billed, "nothing was sent to the model");

    let gone = GuardrailConfig { guardrail_identifier: "gone".to_owned(), ..config };
    let settings = Settings { guardrail: Guardrail::new(gone).ok(), ..rig.settings.clone() };
    rig.reloader.apply(&settings).await.unwrap();
    let refused = embed(serde_json::json!("a fox")).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert_eq!(rig.bill().await.len(), billed, "nothing is sent unjudged");
}

#[tokio::test]
async fn a_body_that_cannot_carry_it_is_refused() {
    let config = GuardrailConfig {
        guardrail_identifier: "abc123".to_owned(),
        guardrail_version: "1".to_owned(),
        trace: None,
        stream_processing_mode: None,
    };
    let rig = Rig::start(Plan { guardrail: Guardrail::new(config).ok(), ..Plan::default() }).await;
    let answer = rig.post("/model/amazon.nova-lite-v1:0/converse", "[]").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
}
