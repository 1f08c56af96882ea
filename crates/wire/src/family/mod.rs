//! The rules of the models: what a translated request must look like for the model it goes to.
//!
//! [`apply`] applies the list of `rules` in its order; each is one named function that says where it is written down.
//! Facts about models (limits, capabilities, which parameters they take) are data in the catalog; a rule only knows what
//! follows from them. Nothing is changed without a notice, except where two spellings mean the same.
//!
//! `bedrock.md` and `reliability.md` in the sources named below are the project's collected facts about Bedrock.

mod answer;
mod betas;
mod caching;
mod history;
mod lessons;
mod names;
mod native;
mod openai_members;
mod output;
mod placing;
mod policy;
mod prefill;
mod reasoning;
mod repair;
mod rules;
mod sampling;
mod tools;

use outcrop_catalog::{Model, Reasoning};
use serde::Serialize;

pub use betas::vouches_for;
pub(crate) use betas::{Way, welcome_betas};
pub use lessons::holds;
pub(crate) use names::messages_id;
pub(crate) use native::{Edits, fit_members};
pub(crate) use openai_members::{MOST_STOPS, fit_openai_members};
pub use placing::CachePlacement;
pub use policy::{ParameterPolicy, Terms};

use rules::RULES;

use crate::bedrock::{ConverseRequest, InferenceConfig};
use crate::dialect::{Intent, Names, RequestError, Translated};
use crate::{Json, Notices};

/// A request as it goes to Bedrock.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The body of `Converse` or `ConverseStream`.
    pub request: ConverseRequest,
    /// What was dropped, clamped or rewritten, by the dialect and by the rules.
    pub notices: Notices,
    /// Names to put back into the answer ([`crate::dialect::Answer::names`]).
    pub names: Names,
}

/// Makes the request that the model takes.
///
/// With `model: None` (unknown to the catalog) only the rules of Converse itself apply; what clients asked beyond it
/// goes out in the form they wrote, nothing is clamped.
pub fn apply(translated: Translated, model: Option<&Model>) -> Prepared {
    let prepared = apply_under(translated, model, &Terms::default());
    prepared.expect("parameters are refused under `ParameterPolicy::Refuse` only")
}

/// As [`apply`], under the terms of an operator.
///
/// # Errors
/// Under [`ParameterPolicy::Refuse`], a parameter that the model does not take as it is: its name, what the model takes,
/// and the model.
pub fn apply_under(
    translated: Translated,
    model: Option<&Model>,
    terms: &Terms<'_>,
) -> Result<Prepared, RequestError> {
    let mut draft = Draft::new(translated, model, terms);
    for rule in &RULES {
        (rule.apply)(&mut draft);
    }
    draft.finish()
}

/// The rules by name, in their order; beside it, of those that say nothing, why.
pub fn rules() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    RULES.iter().map(|rule| (rule.name, rule.silent))
}

/// A request on its way through the rules.
struct Draft<'m> {
    request: ConverseRequest,
    config: InferenceConfig,
    intent: Intent,
    notices: Notices,
    model: Option<&'m Model>,
    names: Names,
    /// What goes into `additionalModelRequestFields`.
    fields: Fields,
    /// Whether the model will reason in this answer, and how it was told to.
    thinking: ThinkingState,
    terms: &'m Terms<'m>,
    /// The client offers tools, beside those that its history needs.
    offers_tools: bool,
    /// The beta features that go out.
    betas: Vec<String>,
    /// The first parameter that does not fit, where such are refused.
    refusal: Option<RequestError>,
}

/// Whether the model will reason in this answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ThinkingState {
    Off,
    /// Claude's manual mode, with a budget.
    Budget,
    /// Any other way.
    On,
}

impl<'m> Draft<'m> {
    fn new(translated: Translated, model: Option<&'m Model>, terms: &'m Terms<'m>) -> Self {
        let Translated { mut request, intent, notices } = translated;
        let offers_tools = request.tool_config.is_some();
        Self {
            config: request.inference_config.take().unwrap_or_default(),
            fields: Fields::of(request.additional_model_request_fields.take()),
            request,
            intent,
            notices,
            model,
            names: Names::default(),
            thinking: ThinkingState::Off,
            terms,
            offers_tools,
            betas: Vec::new(),
            refusal: None,
        }
    }

    fn finish(self) -> Result<Prepared, RequestError> {
        let Self {
            mut request,
            config,
            intent: _,
            mut notices,
            model: _,
            names,
            fields,
            thinking: _,
            terms,
            offers_tools: _,
            betas,
            refusal,
        } = self;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        request.inference_config = (!config.is_empty()).then_some(config);
        request.additional_model_request_fields = fields.into_json();
        if request.output_config.as_ref().is_some_and(|config| *config == Default::default()) {
            request.output_config = None;
        }
        lessons::leave_out_what_was_refused(&mut request, terms.refused, &betas, &mut notices);
        Ok(Prepared { request, notices, names })
    }

    fn reasoning(&self) -> Option<&'m Reasoning> {
        self.model.and_then(|model| model.capabilities.reasoning.as_ref())
    }

    fn family(&self) -> Family {
        self.model.and_then(|model| model.family.as_deref()).map_or(Family::Unknown, Family::of)
    }

    /// Whether the model reasons in this answer, told to or not.
    fn is_thinking(&self) -> bool {
        self.thinking != ThinkingState::Off || self.reasoning().is_some_and(|reasoning| reasoning.always_on)
    }
}

/// Families whose native request has a place for what Converse has none for. The word comes from the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Anthropic,
    Nova,
    Cohere,
    Mistral,
    Other,
    /// The model is not in the catalog, or its family is not known.
    Unknown,
}

impl Family {
    fn of(word: &str) -> Self {
        match word {
            "anthropic" => Self::Anthropic,
            "nova" => Self::Nova,
            "cohere-command" | "cohere-command-r" => Self::Cohere,
            "mistral" => Self::Mistral,
            _ => Self::Other,
        }
    }
}

/// The members of `additionalModelRequestFields`.
#[derive(Default)]
struct Fields(Vec<(String, Json)>);

impl Fields {
    /// The members of an object; anything else cannot be added to and is none.
    fn of(json: Option<Json>) -> Self {
        let members =
            json.and_then(|json| serde_json::from_str::<std::collections::BTreeMap<_, _>>(json.get()).ok());
        Self(members.into_iter().flatten().collect())
    }

    fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let value = Json::of(value).expect("our own values hold string keys only, so they are JSON");
        self.0.push((name.to_owned(), value));
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| key != name);
    }

    fn into_json(self) -> Option<Json> {
        let members: std::collections::BTreeMap<_, _> = self.0.into_iter().collect();
        (!members.is_empty()).then(|| Json::of(&members).expect("a map of texts to JSON is JSON"))
    }
}
