//! Endpoints that do not speak Converse: what is asked of them, and what they answer.

use bytes::BytesMut;
use outcrop_wire::Notices;
use outcrop_wire::bedrock::StreamEvent;
use outcrop_wire::dialect::Answer;
use outcrop_wire::eventstream::Decoder;
use outcrop_wire::upstream::{self, Ask, Calls, Language, Reader, StreamWriter};
use serde_json::Value;

const LANGUAGES: [Language; 2] = [Language::Chat, Language::Messages];

/// Any bytes are a stream or an error, the same one however they arrive, and frames for a client of Bedrock; or a whole
/// answer.
pub fn upstream(bytes: &[u8]) {
    for language in LANGUAGES {
        let whole = heard(language, std::iter::once(bytes));
        assert_eq!(whole, heard(language, bytes.chunks(1)));
        assert_eq!(whole, heard(language, bytes.chunks(5)));
        if let Ok(response) = upstream::read_answer(language, bytes) {
            let native = upstream::render_response(response, &Answer::default(), 1);
            let _: Value = serde_json::from_slice(&native).expect("an answer is JSON");
        }
    }
}

/// The frames of what was heard, and how it ended.
fn heard<'a>(language: Language, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, String) {
    let (mut reader, mut writer, mut out) =
        (Reader::new(language), StreamWriter::new(Answer::default()), BytesMut::new());
    let mut hear = |event: &StreamEvent<'_>| writer.event(event, 1, &mut out);
    let ended = 'ended: {
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next_event(&mut hear) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => break 'ended Err(error),
                }
            }
        }
        reader.finish(&mut hear)
    };
    if ended.is_ok() {
        writer.finish().expect("what is whole is whole for the client, too");
    }
    let mut decoder = Decoder::default();
    decoder.push(&out);
    while decoder.next_frame().expect("our own frames").is_some() {}
    assert!(!decoder.has_partial_frame());
    (out.to_vec(), format!("{ended:?}"))
}

/// A client's Converse request becomes JSON of the endpoint's, or is refused.
pub fn written(body: &[u8]) {
    let Ok(translated) = upstream::read_request(body) else { return };
    for language in LANGUAGES {
        for stream in [false, true] {
            let ask = Ask { model: "m", stream, calls: Calls { parallel: Some(stream), forbidden: stream } };
            let mut notices = Notices::default();
            if let Ok(asked) = upstream::invoked(language, body, "m", stream) {
                let _: Value = serde_json::from_slice(&asked.body).expect("a request is JSON");
            }
            if let Ok(asked) = upstream::write(language, &translated.request, &ask, &mut notices) {
                let _: Value = serde_json::from_slice(&asked.body).expect("a request is JSON");
            }
        }
    }
}
