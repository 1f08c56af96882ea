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
    let converse = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let claude_body = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    for (path, body) in [
        ("/v1/chat/completions".to_owned(), format!("{{{said}}}")),
        ("/v1/chat/completions".to_owned(), format!("{{{said},\"stream\":true}}")),
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
    let forbidden = converse.replace("hi", "a forbidden word");
    let stopped = rig.post(&format!("/model/{claude}/converse"), forbidden).await;
    assert_eq!(stopped.json()["stopReason"], "guardrail_intervened", "{}", stopped.text());
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
