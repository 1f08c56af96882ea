//! What travels in pieces: the same however it is cut. And what proves who calls.

use bytes::BytesMut;
use http::HeaderMap;
use outcrop_wire::dialect::Dialect;
use outcrop_wire::eventstream::{Decoder, write_frame};
use outcrop_wire::relayed::Stream;
use outcrop_wire::sigv4::{RequestHead, claimed_service, verify};
use outcrop_wire::sse::Reader;

/// Any bytes are frames or an error, the same ones however they arrive; any header and payload come out as they went in.
pub fn eventstream(bytes: &[u8]) {
    let whole = frames(std::iter::once(bytes));
    assert_eq!(whole, frames(bytes.chunks(1)));
    assert_eq!(whole, frames(bytes.chunks(7)));
    if let Ok(name) = std::str::from_utf8(&bytes[..bytes.len().min(20)]) {
        let mut out = BytesMut::new();
        write_frame(&[(":event-type", name), (":message-type", "event")], bytes, &mut out);
        let (frames, failed) = frames(out.chunks(3));
        assert!(!failed && frames == [out.to_vec()]);
    }
}

/// The frames that a decoder finds in pieces, and whether it failed.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    let _ = frame.message();
                    let _ = frame.headers().count();
                    frames.push(frame.bytes().to_vec());
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Any bytes are server-sent events, the same ones however they arrive.
pub fn sse(bytes: &[u8]) {
    let whole = Reader::default().push(bytes);
    let mut reader = Reader::default();
    let split: Vec<_> = bytes.chunks(1).flat_map(|piece| reader.push(piece)).collect();
    assert_eq!(whole, split);
}

/// A stream in a client's own dialect: what is handed on, what is remembered and whether it failed do not depend on the
/// pieces in which it arrives.
pub fn relayed(bytes: &[u8]) {
    for dialect in [Dialect::ChatCompletions, Dialect::Responses, Dialect::Messages] {
        for hides_usage in [false, true] {
            let whole = passed(Stream::new(dialect, hides_usage), std::iter::once(bytes));
            assert_eq!(whole, passed(Stream::new(dialect, hides_usage), bytes.chunks(1)));
            assert_eq!(whole, passed(Stream::new(dialect, hides_usage), bytes.chunks(5)));
        }
    }
}

fn passed<'a>(mut stream: Stream, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, String) {
    let mut out = BytesMut::new();
    for piece in pieces {
        stream.push(piece);
        loop {
            match stream.next_event(&mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    stream.error(&error, "id", &mut out);
                    return (out.to_vec(), format!("{error} {:?}", stream.report()));
                }
            }
        }
    }
    let failed = stream.finish(&mut out).err();
    (out.to_vec(), format!("{failed:?} {:?}", stream.report()))
}

/// An authorization header, a query and a date that a stranger wrote prove nothing.
pub fn signature(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (authorization, date, query, path) = (next(), next(), next(), next());
    let mut headers = HeaderMap::new();
    for (name, value) in [("authorization", authorization), ("x-amz-date", date), ("host", "localhost")] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    let _ = claimed_service(&headers, query);
    let head =
        RequestHead { method: "POST", raw_path: path, raw_query: query, headers: &headers, authority: None };
    let secret = |_: &str| Some("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
    assert!(verify(&head, b"", "bedrock", secret, 1_795_280_400).is_err(), "nobody signed this");
}
