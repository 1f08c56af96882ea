//! The parameters of a native Claude body, by the same rules as those of a Converse request.
//!
//! A relayed Messages request goes to InvokeModel as it came: of its conversation only the last turn's role is looked at. Its parameters stand at
//! the top of the body, so those that the model does not take are repaired there, member by member, and all other
//! bytes stay. What a rule reads and writes is a [`Draft`] without a conversation.

use std::borrow::Cow;

use outcrop_catalog::Model;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::placing::place_in_members;
use super::{Draft, Terms, output, prefill, reasoning, sampling, tools};
use crate::bedrock::{ConverseRequest, Empty, InferenceConfig, NamedTool, ToolChoice, ToolConfig};
use crate::dialect::{Intent, RequestError, Translated, to_vec};
use crate::envelope;
use crate::shape::{self, Thinking};
use crate::{Json, Notices};

/// Members to replace; those without a text are left out.
pub(crate) type Edits = Vec<(&'static str, Option<String>)>;

/// What must change in the members of a native body for the model to take its parameters.
pub(crate) fn fit_members(
    members: &[(Cow<'_, str>, &RawValue)],
    model: Option<&Model>,
    terms: &Terms<'_>,
    notices: &mut Notices,
) -> Result<Edits, RequestError> {
    let Some(model) = model else { return Ok(Edits::new()) };
    let mut edits = place_in_members(members, model, terms.cache, notices);
    prefill::ask_to_go_on(members, model, &mut edits, notices);
    let asked = Asked::read(members);
    let mut draft = Draft::new(asked.translated(model), Some(model), terms);
    output::limit_tokens(&mut draft);
    reasoning::render(&mut draft);
    tools::relax_choice(&mut draft);
    sampling::fit_temperature_and_top_p(&mut draft);
    sampling::place_top_k(&mut draft);
    edits.extend(asked.edits(draft, notices)?);
    Ok(edits)
}

/// The parameters as the client wrote them. A value that is not what it should be is not read: AWS judges it.
#[derive(Default)]
struct Asked<'a> {
    max_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    thinking: Option<&'a RawValue>,
    output_config: Option<&'a RawValue>,
    tool_choice: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Effort {
    effort: Option<String>,
}

impl<'a> Asked<'a> {
    fn read(members: &[(Cow<'_, str>, &'a RawValue)]) -> Self {
        fn value<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
            serde_json::from_str(raw.get()).ok().flatten()
        }
        let mut asked = Self::default();
        for &(ref key, raw) in members {
            match key.as_ref() {
                "max_tokens" => asked.max_tokens = value(raw),
                "temperature" => asked.temperature = value(raw),
                "top_p" => asked.top_p = value(raw),
                "top_k" => asked.top_k = value(raw),
                "thinking" => asked.thinking = Some(raw),
                "output_config" => asked.output_config = Some(raw),
                "tool_choice" => asked.tool_choice = Some(raw),
                _ => {}
            }
        }
        asked
    }

    fn thinking(&self) -> Option<Thinking<'a>> {
        serde_json::from_str(self.thinking?.get()).ok()
    }

    fn effort(&self) -> Option<String> {
        serde_json::from_str::<Effort>(self.output_config?.get()).ok()?.effort
    }

    fn choice(&self) -> Option<Choice<'a>> {
        serde_json::from_str(self.tool_choice?.get()).ok()
    }

    fn translated(&self, model: &Model) -> Translated {
        let effort = self.effort();
        let choice = self.choice().and_then(|choice| match choice.kind.as_ref() {
            "any" => Some(ToolChoice::Any(Empty {})),
            "tool" => Some(ToolChoice::Tool(NamedTool { name: String::new() })),
            _ => None,
        });
        let request = ConverseRequest {
            inference_config: Some(InferenceConfig {
                // Absent where tokens are only counted; then nothing is to be said of it.
                max_tokens: self.max_tokens.or(model.limits.max_output_tokens).or(Some(u64::MAX)),
                temperature: self.temperature,
                top_p: self.top_p,
                stop_sequences: Vec::new(),
            }),
            tool_config: choice.map(|choice| ToolConfig { tools: Vec::new(), tool_choice: Some(choice) }),
            ..ConverseRequest::default()
        };
        let intent = Intent {
            reasoning: self.thinking().and_then(|thinking| thinking.intent(effort.clone())),
            effort,
            top_k: shape::top_k(self.top_k),
            ..Intent::default()
        };
        Translated { request, intent, notices: Notices::default() }
    }

    fn edits(&self, mut draft: Draft<'_>, notices: &mut Notices) -> Result<Edits, RequestError> {
        notices.append(std::mem::take(&mut draft.notices));
        if let Some(refusal) = draft.refusal.take() {
            return Err(refusal);
        }
        let mut edits = Edits::new();
        let config = &draft.config;
        if self.max_tokens.is_some() && config.max_tokens != self.max_tokens {
            edits.push(("max_tokens", config.max_tokens.map(|tokens| tokens.to_string())));
        }
        edits.extend(number("temperature", self.temperature, config.temperature));
        edits.extend(number("top_p", self.top_p, config.top_p));
        let top_k = shape::top_k(self.top_k);
        let fitted = draft.fields.number("top_k");
        edits.extend((top_k != fitted).then(|| ("top_k", fitted.map(|top_k| top_k.to_string()))));
        edits.extend(self.thinking_edit(&draft));
        edits.extend(self.effort_edit(&draft)?);
        edits.extend(self.choice_edit(&draft));
        Ok(edits)
    }

    /// `thinking` in another mode or with another budget; what it says beside stays.
    fn thinking_edit(&self, draft: &Draft<'_>) -> Option<(&'static str, Option<String>)> {
        let raw = self.thinking?;
        let asked = self.thinking()?;
        let Some(fitted) = draft.fields.get("thinking") else {
            // Left out is how an older model is told not to think.
            let gone = asked.kind.as_deref() != Some("disabled") || draft.is_thinking();
            return gone.then_some(("thinking", None));
        };
        let rendered: Thinking<'_> = serde_json::from_str(fitted.get()).ok()?;
        if (&rendered.kind, rendered.budget_tokens) == (&asked.kind, asked.budget_tokens) {
            return None;
        }
        let display = asked.display.as_ref().map(|display| display.to_string());
        let thinking = match display {
            Some(display) => envelope::with_member(fitted.get().as_bytes(), "display", &display).ok()?.0,
            None => fitted.get().as_bytes().to_vec(),
        };
        let thinking = String::from_utf8(thinking).ok()?;
        (thinking != raw.get()).then_some(("thinking", Some(thinking)))
    }

    /// `output_config.effort`; its form of the answer stays.
    fn effort_edit(&self, draft: &Draft<'_>) -> Result<Option<(&'static str, Option<String>)>, RequestError> {
        let fitted = draft.request.output_config.as_ref().and_then(|config| config.effort.clone());
        if fitted == self.effort() {
            return Ok(None);
        }
        let config = self.output_config.map_or("{}", RawValue::get);
        let edited = match fitted {
            Some(effort) => envelope::with_member(config.as_bytes(), "effort", &effort)?.0,
            None => envelope::without_member(config.as_bytes(), "effort")?,
        };
        let edited = String::from_utf8(edited).ok().filter(|edited| edited != "{}");
        Ok(Some(("output_config", edited)))
    }

    /// A forced choice that the model refuses is `auto`, one call at a time where that was asked for.
    fn choice_edit(&self, draft: &Draft<'_>) -> Option<(&'static str, Option<String>)> {
        let asked = draft.request.tool_config.as_ref()?;
        if asked.tool_choice.is_some() {
            return None;
        }
        let one_at_a_time = self.choice()?.disable_parallel_tool_use == Some(true);
        let auto = r#"{"type":"auto","disable_parallel_tool_use":true}"#.to_owned();
        Some(("tool_choice", one_at_a_time.then_some(auto)))
    }
}

fn number(
    name: &'static str,
    asked: Option<f64>,
    fitted: Option<f64>,
) -> Option<(&'static str, Option<String>)> {
    let text = |value: f64| String::from_utf8(to_vec(&value)).expect("a number is text");
    (asked != fitted).then(|| (name, fitted.map(text)))
}

impl super::Fields {
    fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(|value| value.get().parse().ok())
    }
}
