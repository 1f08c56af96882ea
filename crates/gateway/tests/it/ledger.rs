//! Every invocation leaves one record: who, what, through which profile, for how much.

use http::Method;
use outcrop_gateway::OnDisconnect;
use outcrop_gateway::ledger::By;
use serde_json::json;

use crate::rig::{Plan, Rig};

fn ask(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "max_tokens": 60, "messages": [{"role": "user", "content": "count to 5"}]})
        .to_string()
}

#[tokio::test]
async fn one_record_an_invocation_in_every_lane() {
    let rig = Rig::start(Plan::default()).await;
    let (claude, nova) = (rig.profiles[0].clone(), rig.profiles[1].clone());
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "count to 5"}]}]}).to_string();
    let invoke = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 60,
        "messages": [{"role": "user", "content": "count to 5"}]})
    .to_string();
    let mut used = [0u64; 2];
    for stream in [false, true] {
        rig.post("/v1/chat/completions", ask(&nova, stream)).await;
        rig.post("/v1/messages", ask(&claude, stream)).await;
        rig.post("/v1/messages", ask(&nova, stream)).await;
    }
    for operation in ["converse", "converse-stream"] {
        let answer = rig.post(&format!("/model/{nova}/{operation}"), converse.clone()).await;
        if operation == "converse" {
            let usage = &answer.json()["usage"];
            used = [usage["inputTokens"].as_u64().unwrap(), usage["outputTokens"].as_u64().unwrap()];
        }
    }
    for operation in ["invoke", "invoke-with-response-stream"] {
        rig.post(&format!("/model/{claude}/{operation}"), invoke.clone()).await;
    }
    let failed = [("x-outcrop-fault", "AccessDeniedException")];
    rig.send(Method::POST, "/v1/chat/completions", &failed, ask(&nova, false)).await;

    let summaries = rig.ledger(By::Profile).await;
    let of =
        |arn: &str| summaries.iter().find(|summary| summary.name.as_deref() == Some(arn)).unwrap().clone();
    let (claude, nova) = (of(&claude), of(&nova));
    assert_eq!((claude.invocations, claude.errors, claude.estimated, claude.unpriced), (4, 0, 0, 0));
    assert_eq!((nova.invocations, nova.errors, nova.estimated, nova.unpriced), (7, 1, 0, 0));
    assert_eq!(nova.input_token_count as u64, used[0] * 6, "every stream's usage arrived");
    assert_eq!(nova.output_token_count as u64, used[1] * 6);
    assert_eq!(nova.profile_name.as_deref(), Some("local-nova"));
    assert!(claude.cost_usd > 0.0 && nova.cost_usd > 0.0);
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_as_estimated() {
    let rig = Rig::start(Plan { on_disconnect: OnDisconnect::Cancel, ..Plan::default() }).await;
    let arn = rig.profiles[1].clone();
    let body =
        json!({"model": arn, "stream": true, "messages": [{"role": "user", "content": "count to 400"}]});
    rig.begin_and_leave("/v1/chat/completions", &body.to_string(), "slow-drip").await;
    let summaries = rig.ledger(By::Model).await;
    assert_eq!((summaries[0].invocations, summaries[0].estimated, summaries[0].errors), (1, 1, 1));
}
