//! Any bytes are frames or an error, and the same ones however they arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::eventstream::Decoder;

/// The frames that a decoder finds in pieces, and whether it failed.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame.bytes().to_vec()),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = frames(std::iter::once(bytes));
    let split = frames(bytes.chunks(1));
    assert_eq!(whole, split);
});
