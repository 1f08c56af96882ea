//! Any body is answered as a Responses request, with what it leans on; what is understood becomes a request for Bedrock.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::openai_responses::{self, stored};
use outcrop_wire::family;

fuzz_target!(|body: &[u8]| {
    let _ = stored::leaning(body);
    let _ = stored::joined(body, &[], &Default::default());
    if let Ok(request) = openai_responses::translate(body) {
        let _ = family::apply(request.translated, None);
    }
});
