//! An answer before it becomes bytes on a connection.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use outcrop_wire::dialect::Dialect;
use serde::Serialize;

use crate::bill::Receipt;
use crate::body::{Ending, ReplyBody};

/// The content type of event streams.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// Status, headers and body of an answer, and how it is to be delivered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) payload: Payload,
    pub(crate) pause: Option<Duration>,
    pub(crate) ending: Ending,
    pub(crate) receipt: Option<Receipt>,
    pub(crate) framing: Framing,
}

/// How the pieces of a streamed answer are framed, and so how an error among them looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Framing {
    /// AWS's event stream.
    #[default]
    EventStream,
    /// Server-sent events of OpenAI or Anthropic.
    ServerSent(Dialect),
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Payload {
    /// One body of known length.
    Whole(Bytes),
    /// The frames of an event stream.
    Frames(Vec<Bytes>),
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Self {
        let body = serde_json::to_vec(value).expect("the emulator's own answers are JSON");
        Self::new(status, "application/json", Payload::Whole(body.into()))
    }

    /// An event stream.
    pub(crate) fn stream(frames: Vec<Bytes>) -> Self {
        Self::new(StatusCode::OK, EVENT_STREAM, Payload::Frames(frames))
    }

    /// An answer with the given content type.
    pub(crate) fn new(status: StatusCode, content_type: &'static str, payload: Payload) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self {
            status,
            headers,
            payload,
            pause: None,
            ending: Ending::Whole,
            receipt: None,
            framing: Framing::default(),
        }
    }

    /// Adds a header with a numeric value.
    pub(crate) fn with_number(mut self, name: &'static str, value: u64) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from(value)));
        self
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
        self
    }

    /// The HTTP answer; `request_id` becomes `x-amzn-requestid` unless one is set (a recorded one).
    pub(crate) fn into_response(self, request_id: &str) -> Response<ReplyBody> {
        let Self { status, headers, payload, pause, ending, receipt, framing: _ } = self;
        let body = match payload {
            Payload::Whole(bytes) => ReplyBody::whole(bytes),
            Payload::Frames(frames) => ReplyBody::pieces(frames),
        };
        let mut response = Response::new(body.with_pause(pause).with_ending(ending).with_receipt(receipt));
        *response.status_mut() = status;
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        if let Ok(value) = HeaderValue::from_str(request_id) {
            response.headers_mut().entry("x-amzn-requestid").or_insert(value);
        }
        response
    }
}
