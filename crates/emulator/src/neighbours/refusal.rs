//! Why a service refuses: status, code and message, before they take that service's shape.

use std::borrow::Cow;

use outcrop_wire::sigv4::SigV4Error;

use super::sessions::NotTaken;
use crate::failure::Failure;

/// A refusal. Codes are those of S3 and of the Query protocol; a service with its own names maps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: Cow::Borrowed(code), message: message.into() }
    }
}

/// The code of a session whose time is over.
pub(crate) const EXPIRED: &str = "ExpiredToken";
/// The code of an access key id that nobody has.
pub(crate) const UNKNOWN_KEY: &str = "InvalidClientTokenId";
/// The code of a signature that is not the one of its request.
pub(crate) const MISMATCH: &str = "SignatureDoesNotMatch";

impl From<SigV4Error> for Refused {
    fn from(error: SigV4Error) -> Self {
        let code = match error {
            SigV4Error::MissingToken => "MissingAuthenticationToken",
            SigV4Error::Incomplete(_) => "IncompleteSignature",
            SigV4Error::UnknownKey => UNKNOWN_KEY,
            SigV4Error::Scope(_)
            | SigV4Error::Expired { .. }
            | SigV4Error::NotYetCurrent { .. }
            | SigV4Error::Mismatch => MISMATCH,
        };
        Self::new(403, code, error.to_string())
    }
}

impl From<Failure> for Refused {
    /// The emulator's own trouble.
    fn from(failure: Failure) -> Self {
        Self::new(failure.error.status, "InternalFailure", failure.error.message.clone())
    }
}

impl From<NotTaken> for Refused {
    fn from(reason: NotTaken) -> Self {
        let (code, text) = match reason {
            NotTaken::Unknown => (UNKNOWN_KEY, "The security token included in the request is invalid"),
            NotTaken::Expired => (EXPIRED, "The security token included in the request is expired"),
        };
        Self::new(403, code, text)
    }
}
