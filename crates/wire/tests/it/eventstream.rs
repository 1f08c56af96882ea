//! Frames against `aws-smithy-eventstream`, under every split, and damaged in every byte.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::BytesMut;
use outcrop_wire::eventstream::{Decoder, Frame, FrameError, write_event, write_exception};
use proptest::prelude::*;

fn decode(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame()? {
        frames.push(frame);
    }
    Ok(frames)
}

fn two_frames() -> BytesMut {
    let mut bytes = BytesMut::new();
    write_event(
        "contentBlockDelta",
        br#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"ab"}"#,
        &mut bytes,
    );
    write_exception("throttlingException", br#"{"message":"Too many"}"#, &mut bytes);
    bytes
}

#[test]
fn what_we_write_the_oracle_reads() {
    let bytes = two_frames();
    let message = read_message_from(&mut &bytes[..]).unwrap();
    let names: Vec<_> = message.headers().iter().map(|header| header.name().as_str().to_owned()).collect();
    assert_eq!(names, [":event-type", ":content-type", ":message-type"]);
    assert_eq!(&message.payload()[..], br#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"ab"}"#);
}

#[test]
fn every_split_gives_the_same_frames() {
    let bytes = two_frames();
    let whole = decode(&bytes).unwrap();
    assert_eq!(whole.len(), 2);
    for split in 0..=bytes.len() {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in [&bytes[..split], &bytes[split..]] {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, whole, "split at {split}");
        assert!(!decoder.has_partial_frame());
    }
}

#[test]
fn a_damaged_byte_is_never_a_frame() {
    let mut bytes = BytesMut::new();
    write_event("messageStop", br#"{"stopReason":"end_turn"}"#, &mut bytes);
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << bit;
            assert!(
                !matches!(decode(&damaged), Ok(frames) if !frames.is_empty()),
                "bit {bit} of byte {position}"
            );
        }
    }
}

#[test]
fn a_huge_length_allocates_nothing() {
    let mut prelude = [0u8; 12];
    prelude[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let crc = crc32fast::hash(&prelude[..8]);
    prelude[8..].copy_from_slice(&crc.to_be_bytes());
    assert!(matches!(decode(&prelude), Err(FrameError::TooLarge { .. })));
}

/// Frames, valid and invalid, of smithy-rs and botocore.
#[test]
fn published_vectors_agree() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/recorded/eventstream-vectors.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: the recorded vectors are not beside this checkout");
        return;
    };
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            row["frame_base64"].as_str().unwrap(),
        )
        .unwrap();
        let ok = matches!(decode(&bytes), Ok(frames) if frames.len() == 1);
        assert_eq!(ok, row["valid"].as_bool().unwrap(), "{}", row["id"]);
    }
}

proptest! {
    #[test]
    fn what_the_oracle_writes_we_read(
        headers in prop::collection::vec(("[a-z:-]{1,40}", "[ -~]{0,60}"), 0..6),
        payload in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let mut message = Message::new(payload.clone());
        for (name, value) in &headers {
            message = message.add_header(Header::new(name.clone(), HeaderValue::String(value.clone().into())));
        }
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).unwrap();
        let frames = decode(&bytes).unwrap();
        prop_assert_eq!(frames.len(), 1);
        prop_assert_eq!(frames[0].payload(), &payload[..]);
        let read: Vec<_> = frames[0].headers().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(read, headers);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
