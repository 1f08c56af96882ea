//! AWS Signature Version 4, both sides: who signs a request, and is this one signed by who it says, for what it says, now?
//!
//! Pure: the caller hands in the request as it goes over the wire, the secret and the clock. Of the verifying side, both forms
//! are read: the `Authorization` header and the presigned query. The path is never decoded: what goes over the wire is encoded once
//! more (`%3A` → `%253A`, raw `:` → `%3A`), as the official signers do (reference `bedrock.md` §2.3). The query is likewise
//! taken as it is. `aws-sigv4` and AWS's signing test suite are the judges of both sides.
//!
//! Texts of "Signature expired" and of unknown keys are recorded; those of malformed headers and scopes are AWS's
//! general Signature Version 4 wording and not recorded for Bedrock.

mod canonical;
mod key;
mod time;
mod verify;

use http::HeaderMap;

pub use canonical::payload_hash;
pub use key::{Signable, SigningKey};
pub use time::timestamp;
pub use verify::{Verified, claimed_service, verify};

use crate::bedrock::{BedrockError, ErrorKind};

/// What of a request a signature covers, as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as received, percent-encoding and all.
    pub raw_path: &'a str,
    /// The query as received, without the question mark; empty when there is none.
    pub raw_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// HTTP/2's `:authority`, which stands for `host` when that header is absent.
    pub authority: Option<&'a str>,
}

/// Why a request is not taken as signed, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// Neither form of signature is there.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// The header or query lacks a part, or has one twice.
    #[error("{0}")]
    Incomplete(String),
    /// The credential or its scope is wrong, or a header that must be signed is not.
    #[error("{0}")]
    Scope(String),
    /// Signed too long ago.
    #[error("Signature expired: {signed} is now earlier than {limit} ({now} - {minutes} min.)")]
    Expired {
        /// When it was signed or, presigned, when it ended to be valid.
        signed: String,
        /// The earliest time taken.
        limit: String,
        /// The time here.
        now: String,
        /// The window.
        minutes: i64,
    },
    /// Signed in the future.
    #[error("Signature not yet current: {signed} is still later than {limit} ({now} + {minutes} min.)")]
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// The latest time taken.
        limit: String,
        /// The time here.
        now: String,
        /// The window.
        minutes: i64,
    },
    /// Nobody has this access key id.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is not the one of this request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SigV4Error {
    /// The error as AWS answers it.
    pub fn to_bedrock(&self) -> BedrockError {
        let kind = match self {
            Self::MissingToken => ErrorKind::MissingAuthenticationToken,
            Self::Incomplete(_) => ErrorKind::IncompleteSignature,
            Self::UnknownKey => ErrorKind::UnrecognizedClient,
            Self::Scope(_) | Self::Expired { .. } | Self::NotYetCurrent { .. } | Self::Mismatch => {
                ErrorKind::InvalidSignature
            }
        };
        BedrockError::new(kind, self.to_string())
    }
}

/// The algorithm, as requests name it.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Ends every credential scope.
const TERM: &str = "aws4_request";
/// The service that signs the path as it is sent, neither encoded once more nor normalised, and wants the hash of the body in a
/// header of its own.
pub const S3: &str = "s3";
