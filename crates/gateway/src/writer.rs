//! Frames from AWS, rewritten in the client's dialect.

use bytes::{Bytes, BytesMut};
use outcrop_texts as texts;
use outcrop_wire::bedrock::{BedrockError, ErrorKind, StreamEvent};
use outcrop_wire::chunks::ChunkObserver;
use outcrop_wire::dialect::Dialect;
use outcrop_wire::eventstream::{self, Frame, Message};
use outcrop_wire::{anthropic, openai_chat, openai_responses, upstream};

use crate::entry::Entry;
use crate::lane::{Answer, Call};
use crate::router::Operation;
use crate::stored::Keeper;

/// Rewrites the frames of one stream.
#[derive(Debug)]
pub(crate) enum Writer {
    /// Bedrock's own stream, as it came.
    Native(Native),
    /// Chat Completions events.
    Chat(openai_chat::StreamWriter),
    /// Events of a response.
    Responses(Box<Responses>),
    /// Anthropic events, from Converse.
    Messages(anthropic::StreamWriter),
    /// Bedrock's own stream, of a model that was asked in another language.
    Converse(Box<upstream::StreamWriter>),
    /// Anthropic events, unpacked from InvokeModel's.
    MessagesRelay(anthropic::RelayWriter),
}

/// Events of a response, which is stored when it is whole.
#[derive(Debug)]
pub(crate) struct Responses {
    writer: openai_responses::StreamWriter,
    keeper: Option<Keeper>,
}

/// Bedrock's own stream: handed on byte for byte, watched for usage and for its end.
#[derive(Debug)]
pub(crate) struct Native {
    watched: Watched,
    /// An exception's frame, as it came.
    exception: Option<Bytes>,
}

#[derive(Debug)]
enum Watched {
    Converse { stopped: bool, complete: bool },
    Invoke(Box<ChunkObserver>),
}

impl Writer {
    pub(crate) fn new(call: &Call) -> Self {
        match &call.answer {
            Answer::Chat { answer, include_usage } => {
                Self::Chat(openai_chat::StreamWriter::new(answer.clone(), *include_usage))
            }
            Answer::Responses { answer, echo } => Self::Responses(Box::new(Responses {
                writer: openai_responses::StreamWriter::new(answer.clone(), (**echo).clone()),
                keeper: call.keeper.clone(),
            })),
            Answer::Messages { answer } => Self::Messages(anthropic::StreamWriter::new(answer.clone())),
            Answer::Converse { answer } => {
                Self::Converse(Box::new(upstream::StreamWriter::new(answer.clone())))
            }
            Answer::MessagesRelay => Self::MessagesRelay(anthropic::RelayWriter::new()),
            Answer::Native | Answer::Count | Answer::Relayed(_) | Answer::Invoked { .. } => {
                Self::Native(Native::new(call.operation))
            }
        }
    }

    /// Rewrites one frame; what it says of usage goes into the ledger's record.
    ///
    /// # Errors
    /// AWS's exception, or a frame that cannot be read.
    pub(crate) fn frame(
        &mut self,
        frame: &Frame,
        entry: &mut Entry,
        out: &mut BytesMut,
    ) -> Result<(), BedrockError> {
        let (event_type, payload) = match frame.message() {
            Message::Event { event_type, payload } => (event_type, payload),
            Message::Exception { exception_type, payload } => {
                return Err(self.exception(frame, BedrockError::from_exception(exception_type, payload)));
            }
            Message::Error { code, message } => {
                return Err(self.exception(frame, BedrockError::new(ErrorKind::from_wire(code), message)));
            }
        };
        entry.heard(event_type, payload.len());
        match self {
            Self::Native(native) => {
                out.extend_from_slice(frame.bytes());
                native.watch(event_type, payload, entry)?;
            }
            Self::Chat(_) | Self::Responses(_) | Self::Messages(_) | Self::Converse(_) => {
                self.event(&read(event_type, payload)?, entry, out);
            }
            Self::MessagesRelay(writer) => {
                writer.chunk(payload, out)?;
                entry.relayed(writer);
            }
        }
        Ok(())
    }

    /// Rewrites one of Converse's events; relayed streams have none.
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>, entry: &mut Entry, out: &mut BytesMut) {
        entry.observe(event);
        match self {
            Self::Chat(writer) => writer.event(event, out),
            Self::Responses(responses) => responses.event(event, out),
            Self::Messages(writer) => writer.event(event, out),
            Self::Converse(writer) => writer.event(event, entry.millis(), out),
            Self::Native(_) | Self::MessagesRelay(_) => {}
        }
    }

    /// Ends the stream in the client's dialect.
    ///
    /// # Errors
    /// When the last event has not come: AWS's stream was cut.
    pub(crate) fn finish(&mut self, out: &mut BytesMut) -> Result<(), BedrockError> {
        match self {
            Self::Native(native) if native.is_complete() => Ok(()),
            Self::Native(_) => Err(BedrockError::cut(texts::BEFORE_THE_LAST_EVENT)),
            Self::Chat(writer) => writer.finish(out).map_err(BedrockError::from),
            Self::Responses(responses) => responses.writer.finish(out).map_err(BedrockError::from),
            Self::Messages(writer) => writer.finish(out).map_err(BedrockError::from),
            Self::Converse(writer) => writer.finish().map_err(BedrockError::from),
            Self::MessagesRelay(writer) => writer.finish(out).map_err(BedrockError::from),
        }
    }

    /// Says in the client's dialect that the stream failed.
    pub(crate) fn error(&mut self, error: &BedrockError, request_id: &str, out: &mut BytesMut) {
        match self {
            Self::Native(native) => match native.exception.take() {
                Some(frame) => out.extend_from_slice(&frame),
                None => {
                    let exception_type = error.kind.exception_type();
                    eventstream::write_exception(&exception_type, error.body().as_bytes(), out);
                }
            },
            Self::Chat(writer) => writer.error(error, out),
            Self::Responses(responses) => responses.writer.error(error, out),
            Self::Messages(writer) => writer.error(error, request_id, out),
            Self::Converse(writer) => writer.error(error, out),
            Self::MessagesRelay(writer) => writer.error(error, request_id, out),
        }
    }

    /// What it writes.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Native(_) | Self::Converse(_) => Dialect::Bedrock,
            Self::Chat(_) => Dialect::ChatCompletions,
            Self::Responses(_) => Dialect::Responses,
            Self::Messages(_) | Self::MessagesRelay(_) => Dialect::Messages,
        }
    }

    fn exception(&mut self, frame: &Frame, error: BedrockError) -> BedrockError {
        if let Self::Native(native) = self {
            native.exception = Some(frame.bytes().clone());
        }
        error
    }
}

/// A comment in OpenAI's dialects, Anthropic's own event in its own; Bedrock's event stream has nothing that says nothing.
pub(crate) fn sign_of_life(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Bedrock => b"",
        Dialect::ChatCompletions | Dialect::Responses => b": keep-alive\n\n",
        Dialect::Messages => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
    }
}

impl Responses {
    /// The response is kept before the client can see its last event, and so can continue it at once.
    fn event(&mut self, event: &StreamEvent<'_>, out: &mut BytesMut) {
        self.writer.event(event, out);
        if let Some(response) = self.writer.response()
            && let Some(keeper) = self.keeper.take()
        {
            keeper.keep(response);
        }
    }
}

impl Native {
    fn new(operation: Operation) -> Self {
        let watched = match operation {
            Operation::InvokeModelWithResponseStream => Watched::Invoke(Default::default()),
            _ => Watched::Converse { stopped: false, complete: false },
        };
        Self { watched, exception: None }
    }

    fn watch(&mut self, event_type: &str, payload: &[u8], entry: &mut Entry) -> Result<(), BedrockError> {
        match &mut self.watched {
            Watched::Converse { stopped, complete } => {
                if matches!(event_type, "messageStop" | "metadata") {
                    let event = read(event_type, payload)?;
                    *stopped |= matches!(event, StreamEvent::MessageStop(_));
                    *complete = *stopped && matches!(event, StreamEvent::Metadata(_));
                    entry.observe(&event);
                }
            }
            Watched::Invoke(observer) => {
                observer.chunk(payload)?;
                if observer.is_complete() {
                    entry.used(observer.usage().as_ref());
                }
            }
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        match &self.watched {
            Watched::Converse { complete, .. } => *complete,
            Watched::Invoke(observer) => observer.is_complete(),
        }
    }
}

fn read<'a>(event_type: &'a str, payload: &'a [u8]) -> Result<StreamEvent<'a>, BedrockError> {
    StreamEvent::parse(event_type, payload).map_err(|error| BedrockError::cut(texts::event_unreadable(error)))
}
