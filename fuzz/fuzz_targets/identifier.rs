//! Any text as an identifier: read or refused, never a panic; what is read prints as it was, and resolves.
//!
//! `cargo +nightly fuzz run identifier`
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use outcrop_catalog::{Catalog, Context, Identifier};

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(Catalog::built_in)
}

fuzz_target!(|text: &str| {
    let catalog = catalog();
    if let Ok(identifier) = Identifier::parse(text, catalog.vocabulary()) {
        let printed = identifier.to_string();
        let again = Identifier::parse(&printed, catalog.vocabulary());
        assert_eq!(again.as_ref(), Ok(&identifier), "{text:?} prints as {printed:?}");
    }
    let context = Context { region: "us-east-1".to_owned() };
    if let Ok(resolution) = catalog.resolve(text, &context) {
        assert!(!resolution.target.is_empty(), "{text:?} has no target");
    }
});
