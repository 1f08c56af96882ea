//! The service's rules alone, for whoever wants to know whether a request would be taken without a server.

use outcrop_catalog::Catalog;
use outcrop_wire::openai_responses;

use crate::dialect::{chat, claude, converse};
use crate::failure::Failure;
use crate::prompt::Prompt;
use crate::quirks::AllQuirks;
use crate::rules::{self, Case, Surface};
use crate::surface;

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
        self.check(model, converse::read(body), Surface::Converse)
    }

    /// Checks the body of a Chat Completions request, as the OpenAI-style endpoints do.
    ///
    /// # Errors
    /// The words for the first rule that is broken.
    pub fn chat_completions(&self, model: &str, body: &[u8]) -> Result<(), String> {
        self.check(model, chat::read_on_route(body).map(|(prompt, _)| prompt), Surface::Invoke)
    }

    /// Checks the body of a Responses request, as the OpenAI-style endpoints do.
    ///
    /// # Errors
    /// The words for the first rule that is broken.
    pub fn responses(&self, model: &str, body: &[u8]) -> Result<(), String> {
        let read = openai_responses::translate(body).map_err(chat::refused);
        self.check(model, read.map(|request| chat::prompt_of(request.translated)), Surface::Invoke)
    }

    /// Checks the body of a Messages request with these values of `anthropic-beta`, as the Anthropic-style endpoints do.
    ///
    /// # Errors
    /// The words for the first rule that is broken.
    pub fn messages(&self, model: &str, body: &[u8], betas: &[&str]) -> Result<(), String> {
        let read = surface::native(body, betas).and_then(|body| claude::read(&body));
        self.check(model, read, Surface::Invoke)
    }

    fn check(&self, model: &str, read: Result<Prompt, Failure>, surface: Surface) -> Result<(), String> {
        let check = |prompt: Prompt| {
            rules::check(Case {
                prompt: &prompt,
                model: self.catalog.models().find(|known| known.id == model).map(AsRef::as_ref),
                quirks: self.quirks.of_model(model),
                surface,
            })
        };
        read.and_then(check).map_err(|failure| failure.error.to_string())
    }
}
