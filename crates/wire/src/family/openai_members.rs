//! The parameters of a relayed Chat Completions or Responses body: what the model or the dialect does not take is
//! repaired member by member, and all other bytes stay. The conversation is not looked at.

use std::borrow::Cow;

use outcrop_catalog::{Model, ParameterRule};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Draft, Edits, Terms};
use crate::Notices;
use crate::dialect::{RequestError, Translated, to_vec};
use crate::shape::TextOr;

/// What must change in the members for the model to take its parameters.
///
/// Sources: the catalog's limits and rules; OpenAI's API reference for the ranges, and for `stop` (four at most).
pub(crate) fn fit_openai_members(
    members: &[(Cow<'_, str>, &RawValue)],
    model: Option<&Model>,
    terms: &Terms<'_>,
    notices: &mut Notices,
) -> Result<Edits, RequestError> {
    let Some(model) = model else { return Ok(Edits::new()) };
    let mut fitting =
        Fitting { draft: Draft::new(Translated::default(), Some(model), terms), edits: Edits::new() };
    let rules = &model.parameters;
    for &(ref key, value) in members {
        match key.as_ref() {
            "max_tokens" => fitting.limit("max_tokens", value, model),
            "max_completion_tokens" => fitting.limit("max_completion_tokens", value, model),
            "max_output_tokens" => fitting.limit("max_output_tokens", value, model),
            "temperature" => fitting.number("temperature", value, (0.0, 2.0), rules.temperature.as_ref()),
            "top_p" => fitting.number("top_p", value, (0.0, 1.0), rules.top_p.as_ref()),
            "stop" => fitting.stop(value, rules.stop_sequences.as_ref()),
            _ => {}
        }
    }
    let Fitting { mut draft, edits } = fitting;
    notices.append(std::mem::take(&mut draft.notices));
    draft.refusal.take().map_or(Ok(edits), Err)
}

struct Fitting<'m> {
    draft: Draft<'m>,
    edits: Edits,
}

/// A value that is not what it should be is not read: the endpoint judges it.
fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok().flatten()
}

fn text<T: serde::Serialize + ?Sized>(value: &T) -> Option<String> {
    Some(String::from_utf8(to_vec(value)).expect("JSON is text"))
}

impl Fitting<'_> {
    fn limit(&mut self, name: &'static str, value: &RawValue, model: &Model) {
        let Some(asked) = read::<u64>(value) else { return };
        let (least, most) = (model.min_output_tokens.unwrap_or(1), model.limits.max_output_tokens);
        let fitted = asked.max(least).min(most.unwrap_or(u64::MAX));
        if fitted != asked {
            let allowed = most.map_or(format!("{least} or more"), |most| format!("{least} to {most}"));
            let done = format!("{asked} → {fitted}: the model takes {allowed}");
            self.draft.misfit("clamped", name, (asked, &allowed), done);
            self.edits.push((name, text(&fitted)));
        }
    }

    fn number(
        &mut self,
        name: &'static str,
        value: &RawValue,
        (least, most): (f64, f64),
        rule: Option<&ParameterRule>,
    ) {
        let Some(asked) = read::<f64>(value) else { return };
        if rule.is_some_and(|rule| !rule.allowed) {
            self.draft.misfit("dropped", name, (asked, "none"), "the model does not take it");
            return self.edits.push((name, None));
        }
        let fitted = asked.clamp(least, most);
        if fitted != asked {
            let allowed = format!("{least} to {most}");
            let done = format!("{asked} → {fitted}: {allowed} is possible");
            self.draft.misfit("clamped", name, (asked, &allowed), done);
            self.edits.push((name, text(&fitted)));
        }
    }

    fn stop(&mut self, value: &RawValue, rule: Option<&ParameterRule>) {
        let Some(asked) = read::<TextOr<'_, Vec<Cow<'_, str>>>>(value) else { return };
        if rule.is_some_and(|rule| !rule.allowed) {
            let done = "the model does not take stop sequences";
            self.draft.misfit("dropped", "stop", (value.get(), "none"), done);
            return self.edits.push(("stop", None));
        }
        let TextOr::Else(mut sequences) = asked else { return };
        let asked = sequences.len();
        if asked > MOST_STOPS {
            sequences.truncate(MOST_STOPS);
            let done = format!("Chat Completions takes {MOST_STOPS} stop sequences, the first ones stay");
            let allowed = format!("{MOST_STOPS} at most");
            self.draft.misfit("clamped", "stop", (format!("{asked} sequences"), &allowed), done);
            self.edits.push(("stop", text(&sequences)));
        }
    }
}

/// How many stop sequences Chat Completions takes (OpenAI's API reference, `stop`).
pub(crate) const MOST_STOPS: usize = 4;
