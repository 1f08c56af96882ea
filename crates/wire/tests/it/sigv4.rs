//! The verifier against signatures that official SDKs made.

use http::{HeaderMap, HeaderValue};
use outcrop_wire::sigv4::{RequestHead, SigV4Error, timestamp, verify};

/// 2026-11-21T11:52:18Z, when the recorded request was signed.
const SIGNED_AT: i64 = 1_795_261_938;
const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/bedrock/aws4_request, \
    SignedHeaders=:authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;x-amz-content-sha256;\
    x-amz-date;x-amz-user-agent, Signature=e9dbd16e76deb33c02f1245af7770ca31f9513a6eab7cb56c5808a430943afaf";

/// `@aws-sdk/client-bedrock-runtime` 3.1163.0 over HTTP/2: no `host` header, `:authority` among the signed ones.
#[test]
fn a_request_of_the_javascript_sdk_over_http2_is_verified() {
    let verified = verify_javascript("127.0.0.1:40653", BODY).unwrap();
    assert_eq!((verified.access_key_id.as_str(), verified.region.as_str()), ("A", "us-east-1"));
}

#[test]
fn its_signature_covers_authority_and_body() {
    assert_eq!(verify_javascript("127.0.0.1:40654", BODY), Err(SigV4Error::Mismatch));
    assert_eq!(verify_javascript("127.0.0.1:40653", b"{}"), Err(SigV4Error::Mismatch));
}

fn verify_javascript(authority: &str, body: &[u8]) -> Result<outcrop_wire::sigv4::Verified, SigV4Error> {
    assert_eq!(timestamp(SIGNED_AT), "20261121T115218Z");
    let headers: HeaderMap = [
        ("amz-sdk-invocation-id", "2ba87063-c7f5-4c01-bfe9-108cf8bb1dab"),
        ("amz-sdk-request", "attempt=1; max=1"),
        ("authorization", AUTHORIZATION),
        ("content-length", "56"),
        ("content-type", "application/json"),
        ("x-amz-content-sha256", "c3335e07d6e89650bf94cb98664be69f8774dbc3198df221f113db0a59ea14f0"),
        ("x-amz-date", "20261121T115218Z"),
        ("x-amz-user-agent", "aws-sdk-js/3.1162.0"),
    ]
    .into_iter()
    .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
    .collect();
    let head = RequestHead {
        method: "POST",
        raw_path: "/model/a%3Ab%2Fc/converse",
        raw_query: "",
        headers: &headers,
        authority: Some(authority),
    };
    verify(&head, body, "bedrock", |_| Some("b".to_owned()), SIGNED_AT)
}
