//! Any body is answered as a Messages request, relayed and translated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::{anthropic, envelope, family};

fuzz_target!(|body: &[u8]| {
    let _ = envelope::relay_messages(body, &["a, b"]);
    if let Ok(translated) = anthropic::translate(body, &["a"]) {
        let _ = family::apply(translated, None);
    }
});
