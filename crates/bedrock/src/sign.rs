//! Puts our signature (SigV4) or bearer key on a request.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError, SigningSettings,
    UriPathNormalizationMode, sign as sigv4,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderValue, Request, header};
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
            let params = v4::SigningParams::builder()
                .identity(identity)
                .region(region)
                .name(service)
                .time(now)
                .settings(settings(service))
                .build()
                .expect("every parameter of the signature is set")
                .into();
            let uri = request.uri().to_string();
            let headers = request.headers().iter().filter_map(signed_header);
            let signable =
                SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(body))?;
            let (instructions, _signature) = sigv4(signable, &params)?.into_parts();
            instructions.apply_to_request_http1x(request);
            Ok(())
        }
    }
}

/// A key is made for each request, so it need not live long: three times the five minutes that clocks may differ by. What it
/// began may go on for longer.
const KEY_LIFETIME: Duration = Duration::from_secs(15 * 60);

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
fn signed_header<'a>((name, value): (&'a header::HeaderName, &'a HeaderValue)) -> Option<(&'a str, &'a str)> {
    (name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-"))
        .then(|| value.to_str().ok().map(|value| (name.as_str(), value)))?
}
