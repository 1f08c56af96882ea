//! The signing side: a key for a day, and what it makes of a request.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::canonical::{self, hexadecimal, payload_hash, push_names};
use super::{ALGORITHM, RequestHead, SigV4Error, TERM};

/// Signs for one day, in one Region, for one service. Holds a secret and has no way to print it.
///
/// To derive one takes four HMACs: whoever signs often keeps it for its day.
#[derive(Clone)]
pub struct SigningKey {
    /// `20261121/us-east-1/bedrock/aws4_request`.
    scope: String,
    service: String,
    keyed: Hmac<Sha256>,
}

/// What a signature is to cover.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The request, with every header that is signed; `host` may be its authority instead.
    pub head: RequestHead<'a>,
    /// The names of those headers in lower case, sorted.
    pub signed_headers: &'a [&'a str],
    /// Of the body: [`payload_hash`], or what the service takes instead.
    pub payload_hash: &'a str,
    /// The time of the request, as in its `x-amz-date` ([`timestamp`](super::timestamp)).
    pub timestamp: &'a str,
}

impl SigningKey {
    /// The key of `secret` for a `date` (`YYYYMMDD`), a Region and a service.
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let keyed = [date, region, service, TERM]
            .into_iter()
            .fold(hmac(format!("AWS4{secret}").as_bytes()), |key, part| hmac(&digest(key, part)));
        Self { scope: [date, region, service, TERM].join("/"), service: service.to_owned(), keyed }
    }

    /// The credential scope: `20261121/us-east-1/bedrock/aws4_request`.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether it is for that day, Region and service.
    pub fn is_for(&self, date: &str, region: &str, service: &str) -> bool {
        self.scope.split('/').eq([date, region, service, TERM])
    }

    /// The value of the `Authorization` header.
    ///
    /// # Errors
    /// When a header that is to be signed is not there, or is not text.
    pub fn authorization(&self, access_key_id: &str, signable: &Signable<'_>) -> Result<String, SigV4Error> {
        let signature = self.signature(signable)?;
        let mut out = String::with_capacity(256);
        out.extend([ALGORITHM, " Credential=", access_key_id, "/", &self.scope, ", SignedHeaders="]);
        push_names(signable.signed_headers, &mut out);
        out.extend([", Signature=", &signature]);
        Ok(out)
    }

    /// The signature alone, in hexadecimal digits, for who puts it into the query.
    ///
    /// # Errors
    /// When a header that is to be signed is not there, or is not text.
    pub fn signature(&self, signable: &Signable<'_>) -> Result<String, SigV4Error> {
        let Signable { head, signed_headers, payload_hash, timestamp } = signable;
        let canonical = canonical::request(head, &self.service, signed_headers, payload_hash)?;
        Ok(self.sign(timestamp, &canonical))
    }

    pub(super) fn sign(&self, timestamp: &str, canonical_request: &str) -> String {
        let hash = payload_hash(canonical_request.as_bytes());
        let to_sign = [ALGORITHM, timestamp, &self.scope, &hash].join("\n");
        hexadecimal(&digest(self.keyed.clone(), &to_sign))
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn digest(mut keyed: Hmac<Sha256>, message: &str) -> [u8; 32] {
    keyed.update(message.as_bytes());
    keyed.finalize().into_bytes().into()
}
