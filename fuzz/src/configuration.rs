//! What people write: identifiers, configuration files, `.env` files and mappings.

use std::sync::OnceLock;

use outcrop_catalog::{Catalog, Context, Identifier};

use crate::environment::Environment;
use crate::librechat::LibreChat;
use crate::outcrop_yaml::OutcropYaml;
use crate::yaml::Source;
use crate::{dotenv, mappings};

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(Catalog::built_in)
}

/// Any text as an identifier: read or refused; what is read prints as it was, and resolves to something.
pub fn identifier(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let catalog = catalog();
    if let Ok(identifier) = Identifier::parse(text, catalog.vocabulary()) {
        let printed = identifier.to_string();
        let again = Identifier::parse(&printed, catalog.vocabulary());
        assert_eq!(again.as_ref(), Ok(&identifier), "{text:?} prints as {printed:?}");
    }
    let context = Context { region: "us-east-1".to_owned() };
    if let Ok(resolution) = catalog.resolve(text, &context) {
        assert!(!resolution.target.is_empty(), "{text:?} has no target");
        let _ = serde_json::to_vec(&resolution.explain()).expect("an explanation is JSON");
    }
}

/// Any text as each of the configuration files, as an `.env` file and as a list of mappings: read, or refused at a place in it.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = Source { name: "test.yaml", text };
    for problem in [file.read::<OutcropYaml>().err(), file.read::<LibreChat>().err()].into_iter().flatten() {
        assert!(!problem.to_string().is_empty());
    }
    let (entries, _) = dotenv::parse(text);
    for entry in entries {
        assert!(!entry.name.is_empty(), "{text:?}");
    }
    let set = [("BEDROCK_INFERENCE_PROFILE_MAPPINGS".to_owned(), text.to_owned())];
    let _ = mappings::read(&Environment::of(set), &mut Vec::new());
}
