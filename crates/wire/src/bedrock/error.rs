//! AWS's errors: their names, their statuses, and how they look on the wire.
//!
//! Sources: botocore 1.44.5 (names and statuses), recorded traffic (header and body); reference `bedrock.md` §1.8.

use std::fmt;

use outcrop_texts as texts;
use serde::Deserialize;

/// An error as AWS says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct BedrockError {
    /// Which of AWS's exceptions.
    pub kind: ErrorKind,
    /// The HTTP status it came with, or has by AWS's model.
    pub status: u16,
    /// AWS's own words.
    pub message: String,
}

impl BedrockError {
    /// An error with the status AWS's model gives its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { status: kind.status(), kind, message: message.into() }
    }

    /// The answer began and did not arrive whole: nothing the client did, and nothing to be tried again blindly.
    pub fn cut(why: impl fmt::Display) -> Self {
        Self { status: 502, ..Self::lost(&texts::cut(why)) }
    }

    /// What is said within a stream has no other place for the way out.
    pub fn lost(text: &texts::Text) -> Self {
        Self::new(ErrorKind::ModelStreamError, format!("{text:#}"))
    }

    /// Reads an error answer: the `x-amzn-errortype` header first, then `__type` or `code` of the body.
    ///
    /// A body that is no JSON (a proxy's page) becomes the message, shortened.
    pub fn from_http(status: u16, error_type: Option<&str>, body: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_else(|_| Body::of_text(body));
        let name = error_type.or(body.type_name.as_deref()).or(body.code.as_deref());
        let kind = name.map_or_else(|| ErrorKind::of_status(status), ErrorKind::from_wire);
        let nested = body.error.and_then(|error| error.message);
        Self { status, ..Self::said(kind, body.message.or(nested), status) }
    }

    /// Reads an exception frame of an event stream (`:exception-type` and payload).
    pub fn from_exception(exception_type: &str, payload: &[u8]) -> Self {
        let kind = ErrorKind::from_wire(exception_type);
        let body: Body = serde_json::from_slice(payload).unwrap_or_else(|_| Body::of_text(payload));
        Self::said(kind, body.message, exception_type)
    }

    /// In AWS's words, or in ours where it has none.
    fn said(kind: ErrorKind, words: Option<String>, what: impl fmt::Display) -> Self {
        let words = words.filter(|words| !words.trim().is_empty());
        Self::new(kind, words.unwrap_or_else(|| texts::wordless(what).message().to_owned()))
    }

    /// Reads an event in which an OpenAI- or Anthropic-style stream tells of a failure: it has words instead of a status.
    pub fn from_event(data: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(data).unwrap_or_else(|_| Body::of_text(data));
        let Nested { kind, code, message } = body.error.unwrap_or_default();
        let code = code.as_ref().map(Code::to_string).or(body.code);
        let words = code.as_deref().into_iter().chain(kind.as_deref());
        let kind = words.filter_map(ErrorKind::of_word).next().unwrap_or(ErrorKind::InternalServer);
        let said = message.or(body.message).filter(|message| !message.trim().is_empty());
        // Who says no words is quoted.
        Self::new(kind, said.or_else(|| Body::of_text(data).message).unwrap_or_default())
    }

    /// The JSON body AWS sends with it.
    pub fn body(&self) -> String {
        #[derive(serde::Serialize)]
        struct Out<'a> {
            message: &'a str,
        }
        serde_json::to_string(&Out { message: &self.message }).expect("a string is JSON")
    }
}

/// The members of an error body that matter; services disagree on the case of `message`.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(rename = "__type")]
    type_name: Option<String>,
    code: Option<String>,
    /// Where the OpenAI- and Anthropic-style endpoints put it all.
    error: Option<Nested>,
}

#[derive(Default, Deserialize)]
struct Nested {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<Code>,
    message: Option<String>,
}

/// A word, or a status.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Word(String),
    Status(u16),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Status(status) => write!(f, "{status}"),
        }
    }
}

impl Body {
    fn of_text(body: &[u8]) -> Self {
        /// Enough to recognise a proxy's page, not enough to flood a log.
        const SHOWN: usize = 300;
        let text = String::from_utf8_lossy(body);
        Self { message: Some(text.chars().take(SHOWN).collect()), ..Self::default() }
    }
}

macro_rules! errors {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $status:literal;)+) => {
        /// Which of AWS's exceptions.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ErrorKind {
            $($(#[$meta])* $variant,)+
            /// One this version does not know, by its name.
            Other(String),
        }

        impl ErrorKind {
            /// All that are known by name.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// AWS's name.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }

            /// The status AWS's model gives it; 500 for unknown ones.
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                    Self::Other(_) => 500,
                }
            }

            fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// The request breaks a rule.
    Validation = "ValidationException", 400;
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 403;
    /// There is no such thing here.
    ResourceNotFound = "ResourceNotFoundException", 404;
    /// It contradicts what exists.
    Conflict = "ConflictException", 400;
    /// It is in use.
    ResourceInUse = "ResourceInUseException", 400;
    /// An account quota is used up.
    ServiceQuotaExceeded = "ServiceQuotaExceededException", 400;
    /// More tags than allowed.
    TooManyTags = "TooManyTagsException", 400;
    /// Too many requests or tokens.
    Throttling = "ThrottlingException", 429;
    /// The model took too long.
    ModelTimeout = "ModelTimeoutException", 408;
    /// The model failed.
    ModelError = "ModelErrorException", 424;
    /// The model failed in mid-stream.
    ModelStreamError = "ModelStreamErrorException", 424;
    /// The model is being loaded.
    ModelNotReady = "ModelNotReadyException", 429;
    /// AWS failed.
    InternalServer = "InternalServerException", 500;
    /// AWS is unavailable.
    ServiceUnavailable = "ServiceUnavailableException", 503;
    /// The signature does not match.
    InvalidSignature = "InvalidSignatureException", 403;
    /// The access key or token is unknown.
    UnrecognizedClient = "UnrecognizedClientException", 403;
    /// The session token is no longer valid.
    ExpiredToken = "ExpiredTokenException", 403;
    /// No credentials were sent.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 403;
    /// The authorization header lacks a part.
    IncompleteSignature = "IncompleteSignatureException", 403;
    /// The body is no JSON of the right shape.
    Serialization = "SerializationException", 400;
    /// There is no such operation.
    UnknownOperation = "UnknownOperationException", 404;
}

impl ErrorKind {
    /// Reads any of the forms AWS uses: `Name:http://…`, `prefix#Name`, and the lower camel case of stream exceptions.
    pub fn from_wire(text: &str) -> Self {
        let name = text.split(':').next().unwrap_or(text);
        let name = name.rsplit('#').next().unwrap_or(name);
        let mut capitalised = name.to_owned();
        if let Some(first) = capitalised.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self::of_name(&capitalised).unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The name as it stands in `:exception-type`: lower camel case.
    pub fn exception_type(&self) -> String {
        let mut name = self.name().to_owned();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_lowercase();
        }
        name
    }

    /// The same in a stream of the gateway's own making: AWS's SDKs know the exceptions that the stream's model names, and
    /// boto3 shows neither name nor words of any other (botocore's model: `ConverseStreamOutput`, and `ResponseStream`, which
    /// has `modelTimeoutException` too).
    pub fn stream_exception(&self, of_invoke: bool) -> &'static str {
        match self {
            Self::ModelTimeout if of_invoke => "modelTimeoutException",
            _ => match self.status() {
                408 | 424 => "modelStreamErrorException",
                429 => "throttlingException",
                503 => "serviceUnavailableException",
                400..=499 => "validationException",
                _ => "internalServerException",
            },
        }
    }

    /// The kind behind OpenAI's or Anthropic's word, or a status; AWS's own names are taken, too (OpenAI's and Anthropic's API
    /// references, "Errors").
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "invalid_request_error" | "invalid_prompt" | "request_too_large" => Self::Validation,
            "authentication_error" | "invalid_api_key" => Self::UnrecognizedClient,
            "permission_error" => Self::AccessDenied,
            "not_found_error" | "model_not_found" => Self::ResourceNotFound,
            "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => Self::Throttling,
            "timeout_error" => Self::ModelTimeout,
            "overloaded_error" | "service_unavailable_error" => Self::ServiceUnavailable,
            "server_error" | "api_error" => Self::InternalServer,
            _ => match (word.parse(), Self::from_wire(word)) {
                (Ok(status), _) => Self::of_status(status),
                (Err(_), Self::Other(_)) => return None,
                (Err(_), known) => known,
            },
        })
    }

    /// The likeliest kind when an answer names none.
    fn of_status(status: u16) -> Self {
        match status {
            400 | 413 | 422 => Self::Validation,
            401 => Self::UnrecognizedClient,
            403 => Self::AccessDenied,
            404 => Self::ResourceNotFound,
            408 => Self::ModelTimeout,
            424 => Self::ModelError,
            429 => Self::Throttling,
            503 | 529 => Self::ServiceUnavailable,
            _ => Self::InternalServer,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
