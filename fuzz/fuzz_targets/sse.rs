//! Any bytes are events, and the same ones however they arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::sse::Reader;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::default();
    let whole = reader.push(bytes);
    let mut reader = Reader::default();
    let split: Vec<_> = bytes.chunks(1).flat_map(|piece| reader.push(piece)).collect();
    assert_eq!(whole, split);
});
