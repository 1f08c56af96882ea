//! The answer on its way back: whole, or as a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use outcrop_bedrock::{SendError, Timeouts};
use outcrop_texts::{self as texts, Text};
use outcrop_wire::bedrock::{BedrockError, ConverseResponse, Usage};
use outcrop_wire::{anthropic, counting, envelope, openai_chat, openai_responses, relayed, upstream};
use serde::Deserialize;

use crate::disconnect::Drains;
use crate::entry::Entry;
use crate::failure::{Failure, hand_on};
use crate::lane::{Answer, Call};
use crate::router::Operation;
use crate::stream::{StreamBody, Streaming, silent};

/// Turns what AWS sent into what the client asked for; records failures and usage.
pub(crate) async fn answer(
    call: &Call,
    sent: Result<Response<Incoming>, SendError>,
    mut entry: Entry,
    drains: Drains,
    timeouts: Timeouts,
) -> Result<Response<ReplyBody>, Failure> {
    let (head, body) = accept(sent, &mut entry).map_err(|failure| failure.said_in(call))?;
    if let Some(why) = of_somebody_else(&head.headers) {
        return Err(entry.failed(BedrockError::cut(why).into()).of_answer(&head.headers));
    }
    let mut headers = headers(call, &head.headers);
    let body = if call.stream {
        headers.entry(header::CONTENT_TYPE).or_insert(stream_type(call));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let opened = StreamBody::open(call, body, entry, timeouts).await;
        let stream = opened.map_err(|failure| failure.of_answer(&head.headers))?;
        ReplyBody::Stream(Streaming::new(stream, drains))
    } else {
        headers.entry(header::CONTENT_TYPE).or_insert(JSON);
        let whole = whole(call, &head.headers, body, entry, timeouts).await;
        ReplyBody::whole(whole.map_err(|failure| failure.of_answer(&head.headers))?)
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

/// The whole answer of a call whose answer is not rendered; records failures and usage.
pub(crate) async fn collect(
    call: &Call,
    sent: Result<Response<Incoming>, SendError>,
    mut entry: Entry,
    timeouts: Timeouts,
) -> Result<(HeaderMap, Bytes), Failure> {
    let (head, body) = accept(sent, &mut entry)?;
    let body = whole(call, &head.headers, body, entry, timeouts).await?;
    Ok((head.headers, body))
}

/// The head and body of an answer that AWS gave, the entry told of it.
fn accept(
    sent: Result<Response<Incoming>, SendError>,
    entry: &mut Entry,
) -> Result<(Parts, Incoming), Failure> {
    match sent {
        Ok(sent) => {
            let (head, body) = sent.into_parts();
            entry.accepted();
            entry.request_id(&head.headers);
            Ok((head, body))
        }
        Err(error) => {
            if matches!(error, SendError::Broken { .. } | SendError::Timeout { .. }) {
                entry.accepted();
            }
            Err(entry.failed(error.into()))
        }
    }
}

/// AWS's id of the request.
pub(crate) const AWS_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const SSE: HeaderValue = HeaderValue::from_static("text/event-stream");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The largest unstreamed answer: embeddings of a full batch in text form stay well below.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A client of Bedrock gets AWS's headers; any other only the id that AWS's support asks for.
fn headers(call: &Call, from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if matches!(call.answer, Answer::Native | Answer::Relayed(_)) {
        hand_on(from, &mut headers);
    } else if let Some(id) = from.get(AWS_REQUEST_ID) {
        headers.insert(AWS_REQUEST_ID, id.clone());
    }
    headers
}

/// What a stream is where AWS's own words do not say it.
fn stream_type(call: &Call) -> HeaderValue {
    if matches!(call.answer, Answer::Converse { .. } | Answer::Invoked { .. }) { EVENT_STREAM } else { SSE }
}

/// Why an answer is none of AWS's, where its head tells: a proxy or a portal answered. Nothing that we send asks for an encoding.
fn of_somebody_else(head: &HeaderMap) -> Option<Text> {
    let text = |name| head.get(name).and_then(|value| value.to_str().ok());
    if text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")) {
        return Some(texts::WEB_PAGE);
    }
    text(header::CONTENT_ENCODING).filter(|how| *how != "identity").map(texts::encoded)
}

/// An answer that is handed on as it came is an object all the same, but for InvokeModel's, which is the model's own.
fn check(call: &Call, body: &[u8]) -> Result<(), BedrockError> {
    let whole = body.trim_ascii();
    let is_object = whole.starts_with(b"{") && whole.ends_with(b"}");
    let is_any = call.operation == Operation::InvokeModel && call.answer == Answer::Native;
    if !is_object && (!is_any || whole.is_empty()) {
        return Err(BedrockError::cut(texts::answer_unreadable(texts::NO_OBJECT)));
    }
    match &call.answer {
        Answer::Relayed(relayed) => relayed::failure(relayed.dialect, body).map_or(Ok(()), Err),
        _ => Ok(()),
    }
}

/// An answer that is not streamed.
async fn whole(
    call: &Call,
    headers: &HeaderMap,
    body: Incoming,
    mut entry: Entry,
    timeouts: Timeouts,
) -> Result<Bytes, Failure> {
    // It has been generated when its head comes; what is left is to send it.
    let collected = Limited::new(body, MAX_ANSWER).collect();
    let body = match tokio::time::timeout(timeouts.between_events, collected).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) => return Err(entry.failed(BedrockError::cut(error).into())),
        Err(_) => return Err(entry.failed(silent(timeouts.between_events).into())),
    };
    if let Err(error) = check(call, &body) {
        return Err(entry.failed(Failure::from(error)));
    }
    let rendered = match &call.answer {
        Answer::Native | Answer::MessagesRelay => {
            entry.used(usage(call.operation, headers, &body).as_ref());
            entry.done();
            return Ok(body);
        }
        Answer::Invoked { language } => {
            entry.reported(&upstream::invoked_report(*language, &body));
            entry.done();
            return Ok(body);
        }
        Answer::Relayed(relayed) => {
            let report = relayed::report(relayed.dialect, &body);
            entry.reported(&report);
            if let Some(keeper) = &call.keeper {
                keeper.keep(&body);
            }
            entry.done();
            return Ok(body);
        }
        Answer::Count => counting::render_response(&body).map_err(|error| unreadable(&error)),
        Answer::Converse { answer } => converse(call, &body, &mut entry)
            .map(|response| upstream::render_response(response, answer, entry.millis())),
        Answer::Chat { answer, .. } => {
            converse(call, &body, &mut entry).map(|response| openai_chat::render_response(response, answer))
        }
        Answer::Responses { answer, echo } => converse(call, &body, &mut entry)
            .map(|response| openai_responses::render_response(response, answer, echo)),
        Answer::Messages { answer } => {
            converse(call, &body, &mut entry).map(|response| anthropic::render_response(response, answer))
        }
    };
    match rendered {
        Ok(rendered) => {
            if let Some(keeper) = &call.keeper {
                keeper.keep(&rendered);
            }
            entry.done();
            Ok(Bytes::from(rendered))
        }
        Err(error) => Err(entry.failed(error.into())),
    }
}

/// Converse's answer, or what it is in another language; what it says of its usage and end goes into the ledger's record.
fn converse(call: &Call, body: &[u8], entry: &mut Entry) -> Result<ConverseResponse, BedrockError> {
    let response = match call.language {
        None => serde_json::from_slice(body).map_err(|error| unreadable(&error))?,
        Some(language) => upstream::read_answer(language, body)?,
    };
    entry.used(Some(&response.usage));
    entry.stopped(&response.stop_reason);
    Ok(response)
}

/// What an answer that is handed on as it came says of its usage.
fn usage(operation: Operation, headers: &HeaderMap, body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Converse {
        usage: Usage,
    }
    match operation {
        Operation::Converse => serde_json::from_slice(body).ok().map(|Converse { usage }| usage),
        Operation::CountTokens => None,
        _ => envelope::invoke_usage(body).or_else(|| usage_of_headers(headers)),
    }
}

/// Token counts that InvokeModel puts into headers, for bodies that hold none.
pub(crate) fn usage_of_headers(headers: &HeaderMap) -> Option<Usage> {
    let count = |name| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let input = count("x-amzn-bedrock-input-token-count")?;
    let output = count("x-amzn-bedrock-output-token-count").unwrap_or(0);
    Some(Usage {
        input_tokens: input,
        output_tokens: output,
        total_tokens: input + output,
        ..Usage::default()
    })
}

pub(crate) fn unreadable(error: &serde_json::Error) -> BedrockError {
    BedrockError::cut(texts::answer_unreadable(error))
}

/// Whether the answer was lost on its way ([`BedrockError::cut`], silence) rather than refused: AWS says neither status.
pub(crate) fn was_lost(error: &BedrockError) -> bool {
    matches!(error.status, 502 | 504)
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// Known in full.
    Whole(Option<Bytes>),
    /// Pulled from AWS as the client reads.
    Stream(Streaming),
}

impl ReplyBody {
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        Self::Whole(Some(body.into()))
    }

    /// The stream whose first event is still to come.
    pub(crate) fn awaited(&mut self) -> Option<&mut StreamBody> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(stream) => stream.awaited(),
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let data = match self.get_mut() {
            Self::Whole(body) => body.take().filter(|body| !body.is_empty()),
            Self::Stream(stream) => ready!(stream.poll_data(cx)),
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
