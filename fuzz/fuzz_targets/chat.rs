//! Any body is answered as a Chat Completions request; what is understood becomes a request for Bedrock.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::{family, openai_chat};

fuzz_target!(|body: &[u8]| {
    if let Ok(request) = openai_chat::translate(body) {
        let _ = family::apply(request.translated, None);
    }
});
