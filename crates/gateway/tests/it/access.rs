//! Keys: bearer, `x-api-key`, and SigV4 made with a key.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{Method, StatusCode};
use outcrop_gateway::Key;
use outcrop_gateway::ledger::By;
use serde_json::json;

use crate::rig::{Plan, Rig};

fn keys() -> Vec<Key> {
    vec![Key::new("ana", "secret-of-ana"), Key::new("bo", "secret-of-bo")]
}

fn body() -> String {
    json!({"model": "us.amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": "Hello"}]})
        .to_string()
}

#[tokio::test]
async fn only_known_keys_are_let_in_and_the_ledger_knows_whose() {
    let rig = Rig::start(Plan { keys: keys(), ..Plan::default() }).await;
    let status = async |headers: &[(&str, &str)]| {
        rig.send(Method::POST, "/v1/chat/completions", headers, body()).await.status
    };
    assert_eq!(status(&[("authorization", "Bearer secret-of-ana")]).await, StatusCode::OK);
    assert_eq!(status(&[("x-api-key", "secret-of-bo")]).await, StatusCode::OK);
    for headers in [&[][..], &[("authorization", "Bearer wrong")][..], &[("x-api-key", "")][..]] {
        assert_eq!(status(headers).await, StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    let answer = rig.send(Method::POST, "/v1/messages", &[("x-api-key", "wrong")], "{}").await;
    assert_eq!(answer.json()["error"]["type"], "authentication_error");
    assert_eq!(rig.get("/v1/models").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.get("/inference-profiles").await.status, StatusCode::FORBIDDEN);
    let names: Vec<_> = rig.ledger(By::Key).await.into_iter().map(|summary| summary.name.unwrap()).collect();
    assert_eq!(names, ["ana", "bo"]);
}

#[tokio::test]
async fn a_signature_made_with_a_key_is_verified() {
    let rig = Rig::start(Plan { keys: keys(), ..Plan::default() }).await;
    let path = format!("/model/{}/converse", rig.profiles[1].replace(':', "%3A").replace('/', "%2F"));
    let body = json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}).to_string();
    for (secret, expected) in [("secret-of-ana", StatusCode::OK), ("secret-of-bo", StatusCode::FORBIDDEN)] {
        let headers = signed(&format!("{}{path}", rig.gateway), &body, "ana", secret);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = rig.send(Method::POST, &path, &headers, body.clone()).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
        if expected == StatusCode::FORBIDDEN {
            assert!(answer.header("x-amzn-errortype").starts_with("InvalidSignatureException"));
        }
    }
}

fn signed(url: &str, body: &str, id: &str, secret: &str) -> Vec<(String, String)> {
    let identity = Credentials::new(id, secret, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("bedrock")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = [("content-type", "application/json")].into_iter();
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
