//! Any body is answered as an embeddings request, and as the answer of an embedding model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outcrop_wire::embeddings::{self, EmbeddingFamily, Encoding};

fuzz_target!(|body: &[u8]| {
    let _ = embeddings::read(body);
    for family in [EmbeddingFamily::Titan, EmbeddingFamily::Cohere, EmbeddingFamily::Nova] {
        if let Ok(found) = embeddings::vectors(family, body) {
            let _ = embeddings::render_response(&found.vectors, Encoding::Base64, "m", 0);
        }
    }
});
