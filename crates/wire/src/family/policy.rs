//! What an operator decides about parameters, and what experience adds to the catalog.

use std::fmt::Display;

use outcrop_texts as texts;

use super::{CachePlacement, Draft};
use crate::dialect::RequestError;
use crate::lesson::Refused;

/// The terms under which requests are made fit for a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'t> {
    /// What becomes of a parameter that the model does not take as it is.
    pub parameters: ParameterPolicy,
    /// Where cache points stand.
    pub cache: CachePlacement,
    /// Members that the model has refused before.
    pub refused: &'t [Refused],
}

impl Terms<'_> {
    /// Whether the model has refused before to have the form of its answer prescribed, with whatever betas.
    pub fn have_refused_schemas(&self) -> bool {
        self.refused.iter().any(|refused| SCHEMA_WORDS.contains(&refused.path.as_str()))
    }
}

/// What models call the form of an answer when they refuse it.
pub(super) const SCHEMA_WORDS: [&str; 7] = [
    "output_config",
    "output_config.format",
    "output_format",
    "outputConfig",
    "outputConfig.textFormat",
    "response_format",
    "text.format",
];

/// What becomes of a parameter that the model does not take as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ParameterPolicy {
    /// It is made to fit, or left out, and a notice says so.
    #[default]
    Fix,
    /// The request is refused; the error names the parameter, what the model takes, and the model.
    Refuse,
}

impl Draft<'_> {
    /// `field` is `asked`, and the model takes `allowed` only: noted as `rule` with what was done about it, or refused.
    pub(super) fn misfit(
        &mut self,
        rule: &'static str,
        field: &str,
        (asked, allowed): (impl Display, &str),
        done: impl Into<String>,
    ) {
        if self.terms.parameters == ParameterPolicy::Fix {
            return match rule {
                "dropped" => self.notices.dropped(field, &done.into()),
                rule => self.notices.push(rule, field, done),
            };
        }
        let model = self.model.map_or("the model", |model| model.id.as_str());
        self.refusal
            .get_or_insert_with(|| RequestError::at(field, texts::misfit(field, asked, model, allowed)));
    }
}
