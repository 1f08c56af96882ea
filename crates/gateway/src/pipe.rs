//! What a stream runs through on its way back: Bedrock's frames, rewritten; events in the client's own dialect, watched; or
//! events in another language, read as Bedrock's and rewritten like them.

use bytes::BytesMut;
use outcrop_texts as texts;
use outcrop_wire::bedrock::BedrockError;
use outcrop_wire::dialect::Dialect;
use outcrop_wire::eventstream::Decoder;
use outcrop_wire::{relayed, upstream};

use crate::entry::Entry;
use crate::lane::{Answer, Call, Relayed};
use crate::stored::Keeper;
use crate::writer::{self, Writer};

/// One stream's.
#[derive(Debug)]
pub(crate) enum Pipe {
    /// Bedrock's event stream.
    Frames(Box<Frames>),
    /// The client's own dialect, as AWS wrote it.
    Events(Box<Events>),
    /// The language of an endpoint that does not speak Converse.
    Foreign(Box<Foreign>),
    /// The same for a client of InvokeModel, who knows the language.
    Invoked(Box<upstream::InvokedStream>),
}

/// Bedrock's event stream, and what it becomes.
#[derive(Debug)]
pub(crate) struct Frames {
    decoder: Decoder,
    writer: Writer,
}

/// A stream in another language, and what it becomes.
#[derive(Debug)]
pub(crate) struct Foreign {
    reader: upstream::Reader,
    writer: Writer,
}

/// A stream in the client's own dialect; its response is stored when it is whole.
#[derive(Debug)]
pub(crate) struct Events {
    dialect: Dialect,
    stream: relayed::Stream,
    keeper: Option<Keeper>,
}

impl Pipe {
    pub(crate) fn new(call: &Call) -> Self {
        if let Some(language) = call.language {
            let reader = upstream::Reader::new(language);
            return Self::Foreign(Box::new(Foreign { reader, writer: Writer::new(call) }));
        }
        match call.answer {
            Answer::Invoked { language } => Self::Invoked(Box::new(upstream::InvokedStream::new(language))),
            Answer::Relayed(Relayed { dialect, hides_usage, stores: _ }) => {
                let stream = relayed::Stream::new(dialect, hides_usage);
                Self::Events(Box::new(Events { dialect, stream, keeper: call.keeper.clone() }))
            }
            _ => Self::Frames(Box::new(Frames { decoder: Decoder::default(), writer: Writer::new(call) })),
        }
    }

    /// Takes bytes as they arrive.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Frames(frames) => frames.decoder.push(bytes),
            Self::Events(events) => events.stream.push(bytes),
            Self::Foreign(foreign) => foreign.reader.push(bytes),
            Self::Invoked(invoked) => invoked.push(bytes),
        }
    }

    /// Writes what the next frame or event is for the client; false when none is whole yet. What it says of usage goes into
    /// the ledger's record.
    ///
    /// # Errors
    /// What AWS says of a failure; a frame or event that cannot be read.
    pub(crate) fn step(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<bool, BedrockError> {
        match self {
            Self::Frames(frames) => frames.step(entry, out),
            Self::Events(events) => events.step(entry, out),
            Self::Foreign(foreign) => foreign.step(entry, out),
            Self::Invoked(invoked) => invoked_step(invoked, entry, out),
        }
    }

    /// Ends the stream in the client's dialect.
    ///
    /// # Errors
    /// When the last event has not come: AWS's stream was cut.
    pub(crate) fn finish(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<(), BedrockError> {
        match self {
            Self::Frames(frames) if frames.decoder.has_partial_frame() => {
                Err(BedrockError::cut(texts::WITHIN_A_FRAME))
            }
            Self::Frames(frames) => frames.writer.finish(out),
            Self::Events(events) => events.stream.finish(out),
            Self::Foreign(foreign) => foreign.finish(entry, out),
            Self::Invoked(invoked) => invoked.finish(),
        }
    }

    /// Says in the client's dialect that the stream failed.
    pub(crate) fn error(&mut self, error: &BedrockError, request_id: &str, out: &mut BytesMut) {
        match self {
            Self::Frames(frames) => frames.writer.error(error, request_id, out),
            Self::Events(events) => events.stream.error(error, request_id, out),
            Self::Foreign(foreign) => foreign.writer.error(error, request_id, out),
            Self::Invoked(invoked) => invoked.error(error, out),
        }
    }

    /// A sign of life for balancers that close silent connections.
    pub(crate) fn keep_alive(&self, out: &mut BytesMut) {
        out.extend_from_slice(writer::sign_of_life(self.dialect()));
    }

    /// Whether there is one in the client's dialect.
    pub(crate) fn has_sign_of_life(&self) -> bool {
        !writer::sign_of_life(self.dialect()).is_empty()
    }

    /// Whether the client gets AWS's own frames.
    pub(crate) fn hands_frames_on(&self) -> bool {
        matches!(self, Self::Frames(frames) if matches!(frames.writer, Writer::Native(_)))
    }

    /// The client's.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Frames(frames) => frames.writer.dialect(),
            Self::Events(events) => events.dialect,
            Self::Foreign(foreign) => foreign.writer.dialect(),
            Self::Invoked(_) => Dialect::Bedrock,
        }
    }
}

impl Frames {
    fn step(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<bool, BedrockError> {
        let Some(frame) = self.decoder.next_frame().map_err(BedrockError::cut)? else {
            return Ok(false);
        };
        self.writer.frame(&frame, entry, out)?;
        Ok(true)
    }
}

impl Foreign {
    fn step(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<bool, BedrockError> {
        let before = out.len();
        let Self { reader, writer } = self;
        let stepped = reader.next_event(&mut |event| writer.event(event, entry, out));
        entry.heard_event(out.len().saturating_sub(before));
        stepped
    }

    fn finish(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<(), BedrockError> {
        let Self { reader, writer } = self;
        reader.finish(&mut |event| writer.event(event, entry, out))?;
        writer.finish(out)
    }
}

fn invoked_step(
    stream: &mut upstream::InvokedStream,
    entry: &mut Entry,
    out: &mut BytesMut,
) -> Result<bool, BedrockError> {
    let before = out.len();
    let stepped = stream.next_event(out);
    entry.heard("chunk", out.len().saturating_sub(before));
    entry.reported(stream.report());
    stepped
}

impl Events {
    fn step(&mut self, entry: &mut Entry, out: &mut BytesMut) -> Result<bool, BedrockError> {
        let before = out.len();
        let stepped = self.stream.next_event(out);
        entry.heard_event(out.len() - before);
        entry.reported(self.stream.report());
        if let Some(response) = self.stream.response()
            && let Some(keeper) = self.keeper.take()
        {
            keeper.keep(response);
        }
        stepped
    }
}
