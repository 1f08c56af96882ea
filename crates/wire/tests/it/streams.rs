//! Every way in which a stream can arrive: in any pieces, and cut anywhere.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use outcrop_wire::bedrock::{BedrockError, StreamEvent};
use outcrop_wire::eventstream::{Decoder, Message, write_event, write_exception};
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::{anthropic, openai_chat, openai_responses};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{fixtures, heard};

/// The writers under test: each dialect's, and Bedrock's own stream, which is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Chat,
    Responses,
    Messages,
    MessagesRelayed,
    Native,
}

const WAYS: [Way; 5] = [Way::Chat, Way::Responses, Way::Messages, Way::MessagesRelayed, Way::Native];

/// One of them at work.
enum Writer {
    Chat(openai_chat::StreamWriter),
    Responses(Box<openai_responses::StreamWriter>),
    Messages(anthropic::StreamWriter),
    MessagesRelayed(anthropic::RelayWriter),
    Native,
}

impl Writer {
    fn new(way: Way) -> Self {
        match way {
            Way::Chat => Self::Chat(openai_chat::StreamWriter::new(heard::answer(), true)),
            Way::Responses => Self::Responses(Box::new(openai_responses::StreamWriter::new(
                heard::answer(),
                Echo::default(),
            ))),
            Way::Messages => Self::Messages(anthropic::StreamWriter::new(heard::answer())),
            Way::MessagesRelayed => Self::MessagesRelayed(anthropic::RelayWriter::new()),
            Way::Native => Self::Native,
        }
    }

    fn event(&mut self, event_type: &str, payload: &[u8], out: &mut BytesMut) {
        let event = || StreamEvent::parse(event_type, payload).unwrap();
        match self {
            Self::Chat(writer) => writer.event(&event(), out),
            Self::Responses(writer) => writer.event(&event(), out),
            Self::Messages(writer) => writer.event(&event(), out),
            Self::MessagesRelayed(writer) => writer.chunk(payload, out).unwrap(),
            Self::Native => out.extend_from_slice(payload),
        }
    }

    /// Whether the stream was complete.
    fn finish(&mut self, out: &mut BytesMut) -> bool {
        match self {
            Self::Chat(writer) => writer.finish(out).is_ok(),
            Self::Responses(writer) => writer.finish(out).is_ok(),
            Self::Messages(writer) => writer.finish(out).is_ok(),
            Self::MessagesRelayed(writer) => writer.finish(out).is_ok(),
            Self::Native => true,
        }
    }
}

/// The frames of a fixture, as Bedrock sends them on this way.
fn frames(way: Way, events: &[(String, Value)]) -> Vec<BytesMut> {
    let frame = |event_type: &str, payload: &Value| {
        let mut out = BytesMut::new();
        write_event(event_type, payload.to_string().as_bytes(), &mut out);
        out
    };
    if way != Way::MessagesRelayed {
        return events.iter().map(|(event_type, payload)| frame(event_type, payload)).collect();
    }
    let claude = heard::message_stream_bytes(events);
    let claude = String::from_utf8(claude).unwrap();
    let chunks = claude.lines().filter_map(|line| line.strip_prefix("data: "));
    chunks.map(|data| frame("chunk", &json!({"bytes": STANDARD.encode(data)}))).collect()
}

/// What a client sees of pieces, and how it ended.
fn seen<'a>(way: Way, pieces: impl Iterator<Item = &'a [u8]>) -> (String, String) {
    let (mut decoder, mut writer, mut out) = (Decoder::default(), Writer::new(way), BytesMut::new());
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame().unwrap() {
            match frame.message() {
                Message::Event { event_type, payload } => writer.event(event_type, payload, &mut out),
                Message::Exception { exception_type, payload } => {
                    let error = BedrockError::from_exception(exception_type, payload);
                    return (text(&out), error.to_string());
                }
                Message::Error { code, message } => return (text(&out), format!("{code} {message}")),
            }
        }
    }
    let whole = writer.finish(&mut out) && !decoder.has_partial_frame();
    (text(&out), if whole { "whole" } else { "cut" }.to_owned())
}

fn text(out: &[u8]) -> String {
    String::from_utf8(out.to_vec()).unwrap()
}

/// The fixture's bytes on this way, with an exception after so many of its frames.
fn bytes(way: Way, which: usize, exception_after: Option<usize>) -> Vec<u8> {
    let fixtures = fixtures::fixtures("streams");
    let (_, body) = &fixtures[which % fixtures.len()];
    let mut frames = frames(way, &fixtures::stream(body));
    if let Some(after) = exception_after {
        frames.truncate(after % (frames.len() + 1));
        let mut out = BytesMut::new();
        write_exception("throttlingException", br#"{"message":"slow down"}"#, &mut out);
        frames.push(out);
    }
    frames.concat()
}

proptest! {
    /// However the bytes arrive, every dialect's client sees the same and the stream ends the same way.
    #[test]
    fn pieces_do_not_matter(
        way in proptest::sample::select(&WAYS[..]),
        which in 0_usize..20,
        exception_after in proptest::option::of(0_usize..40),
        end in proptest::option::of(0_usize..6_000),
        cuts in proptest::collection::vec(0_usize..6_000, 0..25),
    ) {
        let mut bytes = bytes(way, which, exception_after);
        bytes.truncate(end.unwrap_or(usize::MAX));
        let whole = seen(way, std::iter::once(bytes.as_slice()));
        prop_assert_eq!(&seen(way, bytes.chunks(1)), &whole, "{:?} byte by byte", way);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&seen(way, cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole, "{:?}", way);
    }
}

/// A stream is whole after its last frame and nowhere before: neither within a frame nor between two.
#[test]
fn a_stream_cut_anywhere_is_never_whole() {
    for way in WAYS.into_iter().filter(|way| *way != Way::Native) {
        for which in 0..fixtures::fixtures("streams").len() {
            let bytes = bytes(way, which, None);
            assert_eq!(seen(way, std::iter::once(bytes.as_slice())).1, "whole", "{way:?}");
            for end in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
                assert_eq!(seen(way, std::iter::once(&bytes[..end])).1, "cut", "{way:?} {which} at {end}");
            }
        }
    }
}

/// What a Responses client sees of each stream, event by event.
#[test]
fn streamed_responses() {
    for (name, body) in fixtures::fixtures("streams") {
        let bytes = frames(Way::Responses, &fixtures::stream(&body)).concat();
        let (events, ended) = seen(Way::Responses, std::iter::once(bytes.as_slice()));
        assert_eq!(ended, "whole", "{name}");
        fixtures::snapshot("streams", &format!("{name}.responses"), &events);
    }
}

/// Sequence numbers count, and each item and part that begins ends.
#[test]
fn a_streamed_response_is_well_formed() {
    for (name, body) in fixtures::fixtures("streams") {
        let bytes = frames(Way::Responses, &fixtures::stream(&body)).concat();
        let (events, _) = seen(Way::Responses, std::iter::once(bytes.as_slice()));
        let events: Vec<Value> = events
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect();
        let mut open = String::new();
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{name}");
            match event["type"].as_str().unwrap() {
                "response.output_item.added" => write!(open, "{} ", event["output_index"]).unwrap(),
                "response.output_item.done" => {
                    open = open.replacen(&format!("{} ", event["output_index"]), "", 1);
                }
                _ => {}
            }
        }
        assert_eq!(open, "", "{name}: items that never ended");
        assert_eq!(events[0]["type"], "response.created", "{name}");
        let last = events.last().unwrap()["type"].as_str().unwrap();
        assert!(matches!(last, "response.completed" | "response.incomplete"), "{name}: {last}");
    }
}
