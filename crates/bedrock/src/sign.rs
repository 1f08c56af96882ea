//! Puts our signature (SigV4) or bearer key on a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use outcrop_wire::sigv4::{RequestHead, S3, SigV4Error, Signable, SigningKey, payload_hash, timestamp};

use crate::Endpoint;
use crate::credentials::{Auth, Method};

/// Authenticates `request`, whose body is `body`, as `auth`.
///
/// The runtime's host is `bedrock-runtime`, its signing name is `bedrock` (reference `bedrock.md` §2). The path is
/// encoded a second time in the canonical request (§2.3). An endpoint that takes keys gets one made for this request.
pub(crate) fn sign(
    request: &mut Request<Full<Bytes>>,
    body: &Bytes,
    auth: &Auth,
    endpoint: &Endpoint,
    region: &str,
    now: SystemTime,
) -> Result<(), SigV4Error> {
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
        Method::Sign(signer) => signer.sign(request, body, endpoint.signing_name(), region, now),
    }
}

/// A key is made for each request, so it need not live long: three times the five minutes that clocks may differ by. What it
/// began may go on for longer.
const KEY_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Keys, and what was derived from them.
pub(crate) struct Signer {
    pub(crate) keys: Credentials,
    derived: ArcSwap<Vec<Arc<SigningKey>>>,
}

/// More Regions and services than any gateway calls on one day.
const MOST_DERIVED: usize = 64;

impl Signer {
    pub(crate) fn new(keys: Credentials) -> Self {
        Self { keys, derived: ArcSwap::default() }
    }

    fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        body: &Bytes,
        service: &str,
        region: &str,
        now: SystemTime,
    ) -> Result<(), SigV4Error> {
        let timestamp = written(now);
        let payload_hash = payload_hash(body);
        let headers = request.headers_mut();
        headers.insert(X_AMZ_DATE, value(&timestamp)?);
        if service == S3 {
            headers.insert(X_AMZ_CONTENT_SHA256, value(&payload_hash)?);
        }
        if let Some(token) = self.keys.session_token() {
            headers.insert(X_AMZ_SECURITY_TOKEN, secret(token)?);
        }
        let signed_headers = signed_headers(request.headers());
        let signable = Signable {
            head: head(request),
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
            timestamp: &timestamp,
        };
        let key = self.key(&timestamp, region, service);
        let authorization = key.authorization(self.keys.access_key_id(), &signable)?;
        request.headers_mut().insert(header::AUTHORIZATION, secret(&authorization)?);
        Ok(())
    }

    /// The signing key of the day of `timestamp`, derived once. Those of other days are forgotten.
    pub(crate) fn key(&self, timestamp: &str, region: &str, service: &str) -> Arc<SigningKey> {
        let date = &timestamp[..DATE];
        let is_it = |key: &&Arc<SigningKey>| key.is_for(date, region, service);
        if let Some(key) = self.derived.load().iter().find(is_it) {
            return Arc::clone(key);
        }
        let key = Arc::new(SigningKey::derive(self.keys.secret_access_key(), date, region, service));
        self.derived.rcu(|known| {
            let of_the_day = known.iter().filter(|key| key.scope().starts_with(date));
            of_the_day.take(MOST_DERIVED - 1).chain([&key]).cloned().collect::<Vec<_>>()
        });
        key
    }
}

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// `YYYYMMDD` of `YYYYMMDDTHHMMSSZ`.
const DATE: usize = 8;

/// The time as AWS writes it; a clock before 1970 is at its beginning.
pub(crate) fn written(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn head(request: &Request<Full<Bytes>>) -> RequestHead<'_> {
    RequestHead {
        method: request.method().as_str(),
        raw_path: request.uri().path(),
        raw_query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        authority: host(request.uri()),
    }
}

/// The `host` header that hyper will send: without a port that goes without saying.
fn host(uri: &Uri) -> Option<&str> {
    let default = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    match uri.port_u16() {
        Some(port) if port == default => uri.host(),
        _ => uri.authority().map(http::uri::Authority::as_str),
    }
}

/// Signed as the SDKs do it: `content-type`, `host` and AWS's own headers; the rest may be changed by a proxy on the way.
fn signed_headers(headers: &HeaderMap) -> Vec<&str> {
    let is_signed = |name: &&str| *name == "content-type" || name.starts_with("x-amz-");
    let is_text = |name: &&str| headers.get_all(*name).iter().all(|value| value.to_str().is_ok());
    let names = headers.keys().map(HeaderName::as_str).filter(is_signed).filter(is_text);
    let mut names: Vec<&str> = names.chain(["host"]).collect();
    names.sort_unstable();
    names
}

/// Keys and configured Regions were looked at; what still cannot stand in a header is not sent.
fn value(text: &str) -> Result<HeaderValue, SigV4Error> {
    let unfit = |_| SigV4Error::Incomplete("a key or a Region holds what no header may hold".to_owned());
    HeaderValue::try_from(text).map_err(unfit)
}

fn secret(text: &str) -> Result<HeaderValue, SigV4Error> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign as official,
    };
    use aws_sigv4::sign::v4;

    use super::*;

    /// 2026-11-21T17:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_280_400);
    const ADDRESSES: [&str; 8] = [
        "http://127.0.0.1:4142/model/amazon.nova-lite-v1%3A0/converse",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A\
         application-inference-profile%2Fabc123def456/converse-stream",
        "https://bedrock-runtime.us-east-1.amazonaws.com:443/model/a:b/invoke",
        "http://localhost:80/",
        "http://localhost:443/inference-profiles?type=APPLICATION&maxResults=5&nextToken=a%2Fb%3D",
        "https://proxy.example:8443/prefix//model/./x/../caf%C3%A9~-_./converse?b=1&a=2&a=1&empty=",
        "https://[::1]:4142/a%20b",
        "https://bucket.s3.us-east-1.amazonaws.com",
    ];

    fn request(uri: &str) -> Request<Full<Bytes>> {
        Request::post(uri)
            .header("content-type", "application/json")
            .header("x-amz-trace", " two   words ")
            .header("x-amz-meta", "one")
            .header("x-amz-meta", "two")
            .header("traceparent", "unsigned")
            .body(Full::default())
            .unwrap()
    }

    fn settings(service: &str) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        if service == S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }

    fn by_aws(uri: &str, body: &[u8], keys: &Credentials, service: &str, region: &str) -> HeaderMap {
        let mut request = request(uri);
        let identity = keys.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(UNIX_EPOCH + NOW)
            .settings(settings(service))
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().filter(|(name, _)| *name != "traceparent");
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(body))
                .unwrap();
        let (instructions, _) = official(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0.headers
    }

    fn signer(token: Option<&str>) -> Signer {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        Signer::new(Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, token.map(str::to_owned), None, "test"))
    }

    /// In an order of their own; those that are not to be shown, too.
    fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut shown: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        shown.sort_unstable();
        shown
    }

    #[test]
    fn a_request_is_signed_as_by_aws_s_own_signer() {
        for uri in ADDRESSES {
            for (service, region) in [("bedrock", "us-east-1"), ("sts", "eu-west-1"), (S3, "us-east-1")] {
                for (token, body) in [(None, &b""[..]), (Some("a/session+token=="), b"{\"a\":1}")] {
                    let signer = signer(token);
                    let mut request = request(uri);
                    let body = Bytes::from_static(body);
                    signer.sign(&mut request, &body, service, region, UNIX_EPOCH + NOW).unwrap();
                    let theirs = by_aws(uri, &body, &signer.keys, service, region);
                    assert_eq!(shown(request.headers()), shown(&theirs), "{uri} {service} {region}");
                }
            }
        }
    }

    #[test]
    fn what_no_header_may_hold_is_refused_without_being_shown() {
        let signer =
            Signer::new(Credentials::new("AKIA", "canary", Some("to\nken".to_owned()), None, "test"));
        for (region, signer) in [("us-east-1\n", self::signer(None)), ("us-east-1", signer)] {
            let signed =
                signer.sign(&mut request(ADDRESSES[0]), &Bytes::new(), "bedrock", region, UNIX_EPOCH + NOW);
            let error = signed.unwrap_err().to_string();
            assert!(error.contains("no header may hold") && !error.contains("ken"), "{error}");
        }
    }

    #[test]
    fn a_signing_key_is_derived_once_for_its_day() {
        let signer = signer(None);
        let key = signer.key("20261121T170000Z", "us-east-1", "bedrock");
        assert!(Arc::ptr_eq(&key, &signer.key("20261121T235959Z", "us-east-1", "bedrock")));
        assert!(!Arc::ptr_eq(&key, &signer.key("20261121T235959Z", "us-east-2", "bedrock")));
        assert!(!Arc::ptr_eq(&key, &signer.key("20261122T000000Z", "us-east-1", "bedrock")));
        assert_eq!(signer.derived.load().len(), 1, "those of the day before are forgotten");
    }

    #[test]
    fn regions_that_a_caller_makes_up_do_not_fill_the_memory() {
        let signer = signer(None);
        for region in 0..10 * MOST_DERIVED {
            signer.key("20261121T170000Z", &format!("xx-region-{region}"), "bedrock");
        }
        assert_eq!(signer.derived.load().len(), MOST_DERIVED);
        let last = signer.key("20261121T170000Z", "xx-region-639", "bedrock");
        assert!(Arc::ptr_eq(&last, signer.derived.load().last().unwrap()));
    }
}
