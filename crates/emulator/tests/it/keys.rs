//! Short-term Bedrock API keys: presigned calls in base64, as AWS's token generators make them.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode};
use outcrop_emulator::Keys;

use crate::client::{Access, Answer, Running, start};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a key is made with.
struct Maker {
    secret: String,
    region: &'static str,
    time: SystemTime,
    lives: Duration,
    call: &'static str,
}

impl Default for Maker {
    fn default() -> Self {
        let secret = Keys::default().secret_access_key;
        let call = "bedrock.amazonaws.com/?Action=CallWithBearerToken";
        Self { secret, region: "us-east-1", time: SystemTime::now(), lives: 12 * HOUR, call }
    }
}

impl Maker {
    fn key(&self) -> String {
        let identity =
            Credentials::new(Keys::default().access_key_id, &self.secret, None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(self.lives);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("bedrock")
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("https://{}", self.call);
        let host = [("host", "bedrock.amazonaws.com")];
        let signable =
            SignableRequest::new("POST", &uri, host.into_iter(), SignableBody::Bytes(b"")).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = Request::post(&uri).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        let call = request.uri().to_string().replacen("https://", "", 1) + "&Version=1";
        format!("bedrock-api-key-{}", STANDARD.encode(call))
    }
}

async fn listed_with(emulator: &Running, key: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    emulator.call(Method::GET, "/inference-profiles?type=APPLICATION", b"", &headers, &Access::Nothing).await
}

#[tokio::test]
async fn a_key_is_good_in_its_region_until_it_expires() {
    let emulator = start().await;
    let profiles = async |maker: Maker| {
        let answer = listed_with(&emulator, &maker.key()).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        answer.json()["inferenceProfileSummaries"].as_array().unwrap().len()
    };
    assert_eq!(profiles(Maker::default()).await, 2);
    assert_eq!(profiles(Maker { region: "eu-west-1", ..Maker::default() }).await, 0);
    assert_eq!(profiles(Maker { time: SystemTime::now() - 11 * HOUR, ..Maker::default() }).await, 2);
}

#[tokio::test]
async fn a_key_that_is_over_forged_or_for_something_else_is_refused() {
    let emulator = start().await;
    let good = Maker::default().key();
    let (changed, cut) = (good.replace("bedrock-api-key-", "bedrock-api-key-AAAA"), &good[..good.len() - 8]);
    for (key, error) in [
        (
            Maker { time: SystemTime::now() - 13 * HOUR, ..Maker::default() }.key(),
            "InvalidSignatureException",
        ),
        (Maker { time: SystemTime::now() + HOUR, ..Maker::default() }.key(), "InvalidSignatureException"),
        (Maker { secret: "guessed".to_owned(), ..Maker::default() }.key(), "InvalidSignatureException"),
        (
            Maker { call: "bedrock.amazonaws.com/?Action=Other", ..Maker::default() }.key(),
            "AccessDeniedException",
        ),
        (
            Maker { call: "s3.amazonaws.com/?Action=CallWithBearerToken", ..Maker::default() }.key(),
            "AccessDeniedException",
        ),
        (changed, "AccessDeniedException"),
        (cut.to_owned(), "AccessDeniedException"),
        ("bedrock-api-key-".to_owned(), "AccessDeniedException"),
        ("bedrock-api-key-%%%".to_owned(), "AccessDeniedException"),
    ] {
        let answer = listed_with(&emulator, &key).await;
        assert_eq!((answer.status, answer.error_type()), (StatusCode::FORBIDDEN, error), "{key}");
    }
}
