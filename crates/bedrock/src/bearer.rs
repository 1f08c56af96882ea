//! Short-term Bedrock API keys, made of the credentials that sign.
//!
//! Such a key is a presigned call of `CallWithBearerToken` in base64: whoever holds it may do what its maker may, in one
//! Region, until it expires. AWS is not asked for it. The form is that of AWS's own generators (aws-bedrock-token-generator
//! 1.1.0), whose output the tests compare with.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use outcrop_wire::sigv4::{ALGORITHM, RequestHead, Signable, payload_hash};
use percent_encoding::utf8_percent_encode;

use crate::Auth;
use crate::control::PATH_SEGMENT;
use crate::credentials::Method;
use crate::sign::{Signer, written};

/// The longest life of a short-term key (reference `bedrock.md` §2.4). It ends earlier with the credentials it is made of.
pub const MAX_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// A short-term key for one Region. A secret: it has no way to be printed but [`MintedKey::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct MintedKey(String);

/// Why no key can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// What is configured is a key itself, and no key can be made of a key.
    #[error("a Bedrock API key is configured; a short-term key is made of an access key and its secret only")]
    IsKey,
    /// Not within AWS's limits.
    #[error("a short-term key is valid for at least 1 second and at most 12 hours")]
    Lifetime,
}

impl Auth {
    /// A key that is valid in `region` for `lifetime` from `now`.
    ///
    /// # Errors
    /// [`MintError::IsKey`] when we hold a key instead of what signs; [`MintError::Lifetime`] beyond AWS's limits.
    pub fn mint(&self, region: &str, lifetime: Duration, now: SystemTime) -> Result<MintedKey, MintError> {
        let Method::Sign(signer) = &self.method else { return Err(MintError::IsKey) };
        if lifetime.as_secs() == 0 || lifetime > MAX_LIFETIME {
            return Err(MintError::Lifetime);
        }
        let presigned = presigned(signer, region, lifetime, now);
        Ok(MintedKey(format!("{PREFIX}{}", STANDARD.encode(presigned))))
    }
}

/// The call, signed in its query.
fn presigned(signer: &Signer, region: &str, lifetime: Duration, now: SystemTime) -> String {
    let timestamp = written(now);
    let key = signer.key(&timestamp, region, SERVICE);
    let credential = format!("{}/{}", signer.keys.access_key_id(), key.scope());
    let expires = lifetime.as_secs().to_string();
    let mut query = ACTION.to_owned();
    for (name, value) in [
        ("X-Amz-Algorithm", Some(ALGORITHM)),
        ("X-Amz-Credential", Some(&*credential)),
        ("X-Amz-Date", Some(&timestamp)),
        ("X-Amz-Expires", Some(&expires)),
        ("X-Amz-Security-Token", signer.keys.session_token()),
        ("X-Amz-SignedHeaders", Some(HOST_HEADER)),
    ] {
        let Some(value) = value else { continue };
        query.extend(["&", name, "="]);
        query.extend(utf8_percent_encode(value, PATH_SEGMENT));
    }
    let signable = Signable {
        head: RequestHead {
            method: "POST",
            raw_path: "/",
            raw_query: &query,
            headers: &HeaderMap::new(),
            authority: Some(HOST),
        },
        signed_headers: &[HOST_HEADER],
        payload_hash: &payload_hash(b""),
        timestamp: &timestamp,
    };
    let signature = key.signature(&signable).expect("the host is there");
    format!("{HOST}/?{query}&X-Amz-Signature={signature}{VERSION}")
}

const SERVICE: &str = "bedrock";
const HOST: &str = "bedrock.amazonaws.com";
const HOST_HEADER: &str = "host";
const ACTION: &str = "Action=CallWithBearerToken";
/// Stands outside of what is signed.
const VERSION: &str = "&Version=1";
const PREFIX: &str = "bedrock-api-key-";

impl MintedKey {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `Authorization: Bearer …`, marked as sensitive.
    pub fn header(&self) -> HeaderValue {
        let mut header =
            HeaderValue::try_from(format!("Bearer {}", self.0)).expect("base64 may stand in a header");
        header.set_sensitive(true);
        header
    }
}

impl fmt::Debug for MintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MintedKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;

    /// 2026-11-21T17:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_280_400);

    async fn auth(token: Option<&str>) -> std::sync::Arc<Auth> {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        Credentials::keys("AKIAIOSFODNN7EXAMPLE", secret, token).unwrap().current().await.unwrap()
    }

    async fn presigned(region: &str, token: Option<&str>) -> String {
        let now = SystemTime::UNIX_EPOCH + NOW;
        let key = auth(token).await.mint(region, Duration::from_secs(900), now).unwrap();
        let text = key.expose().strip_prefix(PREFIX).unwrap();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    /// What aws-bedrock-token-generator 1.1.0 makes with botocore 1.44.5 of the same credentials at the same time.
    #[tokio::test]
    async fn a_key_is_the_one_that_aws_s_generator_makes() {
        let expected = |region: &str, token: &str, signature: &str| {
            format!(
                "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\
                 AKIAIOSFODNN7EXAMPLE%2F20261121%2F{region}%2Fbedrock%2Faws4_request&X-Amz-Date=20261121T170000Z&X-Amz-Expires=900\
                 &X-Amz-SignedHeaders=host{token}&X-Amz-Signature={signature}&Version=1"
            )
        };
        let sorted = |presigned: String| {
            let mut parts: Vec<String> = presigned.split('&').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        let token = "&X-Amz-Security-Token=SESSION%2Ftoken%2Bwith%3Dsigns";
        for (region, session, query, signature) in [
            ("us-east-1", None, "", "86690bd1d19cd65feb340eeff34c7e5d9af71a2229c1ce4ec2eee39cbf6d3a10"),
            ("eu-west-2", None, "", "cdc369f1482fc7422542401c448e4a8f7b78efbda2143bf1d480bb4ab6fda4a1"),
            (
                "us-east-1",
                Some("SESSION/token+with=signs"),
                token,
                "164b34a63e6d64abbc4c8a82a613ca646fa68cff3fd3cfb96c528fbb785f03b6",
            ),
        ] {
            let made = presigned(region, session).await;
            assert!(
                made.starts_with("bedrock.amazonaws.com/?Action=CallWithBearerToken&")
                    && made.ends_with(VERSION),
                "{made}"
            );
            assert_eq!(sorted(made), sorted(expected(region, query, signature)));
        }
    }

    #[tokio::test]
    async fn no_key_is_made_of_a_key_or_for_too_long() {
        let key = Credentials::bearer("local").unwrap().current().await.unwrap();
        let now = SystemTime::now();
        assert_eq!(key.mint("us-east-1", MAX_LIFETIME, now).err(), Some(MintError::IsKey));
        for lifetime in [Duration::ZERO, MAX_LIFETIME + Duration::from_secs(1)] {
            assert_eq!(auth(None).await.mint("us-east-1", lifetime, now).err(), Some(MintError::Lifetime));
        }
    }

    #[tokio::test]
    async fn a_key_is_not_shown() {
        let key = auth(None).await.mint("us-east-1", MAX_LIFETIME, SystemTime::now()).unwrap();
        assert_eq!(format!("{key:?}"), "MintedKey(hidden)");
        assert!(!format!("{:?}", key.header()).contains("bedrock-api-key"));
    }
}
