//! The service's rules alone, for whoever wants to know whether a request would be taken without a server.

use outcrop_catalog::Catalog;

use crate::dialect::converse;
use crate::quirks::AllQuirks;
use crate::rules::{self, Case, Surface};

/// Judges requests as the emulator does before it lets its model answer.
#[derive(Debug)]
pub struct Judge {
    catalog: Catalog,
    quirks: AllQuirks,
}

impl Judge {
    /// One that knows the models of this catalog.
    pub fn new(catalog: Catalog) -> Self {
        Self { quirks: AllQuirks::of(&catalog), catalog }
    }

    /// Checks the body of a Converse request for the model of this id.
    ///
    /// # Errors
    /// The service's words for the first rule that is broken.
    pub fn converse(&self, model: &str, body: &[u8]) -> Result<(), String> {
        let prompt = converse::read(body).map_err(|failure| failure.error.to_string())?;
        let case = Case {
            prompt: &prompt,
            model: self.catalog.models().find(|known| known.id == model).map(AsRef::as_ref),
            quirks: self.quirks.of_model(model),
            surface: Surface::Converse,
        };
        rules::check(case).map_err(|failure| failure.error.to_string())
    }
}
