//! A script: a YAML file of turns, for tests that need an answer exactly so.
//!
//! ```yaml
//! turns:
//!   - match: weather                 # the user's text holds this, whatever the case; or {text, model, tool_result}
//!     reasoning: I should look it up.
//!     answer: One moment.
//!     tools: [{ name: get_weather, input: { city: Paris } }]
//!   - match: { tool_result: true }
//!     answer: "It is {text}."        # {text}: what the user said or a tool answered
//!     times: 1                       # then this turn is used up
//!   - match: { text: boom, model: "amazon.*" }
//!     fault: ThrottlingException
//!   - answer: Done.
//!     stop_reason: max_tokens
//! otherwise: words                   # words (the default), echo or refuse
//! ```
//!
//! The first turn that matches and is not used up answers. Unknown members are mistakes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use outcrop_wire::bedrock::{ErrorKind, StopReason};
use serde::Deserialize;
use serde_json::Value;

use super::reading::Question;
use super::{Limits, seal};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::prompt::{Block, Prompt, Turn};
use crate::quirks::matches as fits;
use crate::tokens;

/// A script that was read.
#[derive(Debug)]
pub(crate) struct Script {
    turns: Vec<Line>,
    otherwise: Otherwise,
}

/// What a script says next.
pub(crate) enum Scripted {
    Turn(Box<Turn>),
    /// The default actor is to answer.
    Words,
    /// The echo is to answer.
    Echo,
}

/// One turn and how often it was used.
#[derive(Debug)]
struct Line {
    written: WrittenTurn,
    fault: Option<Fault>,
    used: AtomicU64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScript {
    turns: Vec<WrittenTurn>,
    #[serde(default)]
    otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Otherwise {
    #[default]
    Words,
    Echo,
    Refuse,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTurn {
    #[serde(rename = "match", default)]
    matching: Option<WrittenMatch>,
    answer: Option<String>,
    reasoning: Option<String>,
    #[serde(default)]
    tools: Vec<WrittenCall>,
    stop_reason: Option<String>,
    fault: Option<String>,
    times: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenMatch {
    Text(String),
    Members(WrittenConditions),
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConditions {
    text: Option<String>,
    model: Option<String>,
    tool_result: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    name: String,
    #[serde(default = "empty_object")]
    input: Value,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let WrittenScript { turns, otherwise } =
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let turns = turns
            .into_iter()
            .enumerate()
            .map(|(n, turn)| Line::of(turn).map_err(|detail| format!("turns[{n}]: {detail}")));
        Ok(Self { turns: turns.collect::<Result<_, _>>()?, otherwise })
    }

    /// The turn for a prompt of the model `model`.
    ///
    /// # Errors
    /// 404 when nothing matches and the script says to refuse.
    pub(crate) fn next(
        &self,
        prompt: &Prompt,
        model: &str,
        new_id: &mut impl FnMut() -> String,
    ) -> Result<Scripted, Failure> {
        let question = Question::read(&prompt.request);
        if let Some(line) = self.turns.iter().find(|line| line.is_for(&question, model) && line.take()) {
            return Ok(Scripted::Turn(Box::new(line.turn(prompt, &question, new_id))));
        }
        match self.otherwise {
            Otherwise::Words => Ok(Scripted::Words),
            Otherwise::Echo => Ok(Scripted::Echo),
            Otherwise::Refuse => Err(Failure::new(
                ErrorKind::ResourceNotFound,
                format!(
                    "No turn of the script is for {model} and this text: {}",
                    super::quoted(&question.text)
                ),
            )),
        }
    }

    /// All turns can be used again.
    pub(crate) fn reset(&self) {
        self.turns.iter().for_each(|line| line.used.store(0, Ordering::Relaxed));
    }
}

impl Line {
    fn of(written: WrittenTurn) -> Result<Self, String> {
        if let Some(reason) = &written.stop_reason
            && let StopReason::Other(_) = StopReason::from(reason.as_str())
        {
            return Err(format!("`{reason}` is none of the stop reasons"));
        }
        let fault = written.fault.as_deref().map(Fault::parse).transpose();
        let fault = fault.map_err(|failure| failure.error.message)?;
        if written.answer.is_none() && written.tools.is_empty() && fault.is_none() {
            return Err("a turn has an `answer`, `tools` or a `fault`".to_owned());
        }
        Ok(Self { written, fault, used: AtomicU64::new(0) })
    }

    fn is_for(&self, question: &Question, model: &str) -> bool {
        let conditions = match &self.written.matching {
            None => return true,
            Some(WrittenMatch::Text(text)) => {
                WrittenConditions { text: Some(text.clone()), ..WrittenConditions::default() }
            }
            Some(WrittenMatch::Members(conditions)) => conditions.clone(),
        };
        let WrittenConditions { text, model: pattern, tool_result } = conditions;
        let said = question.text.to_lowercase();
        text.is_none_or(|text| said.contains(&text.to_lowercase()))
            && pattern.is_none_or(|pattern| fits(&pattern, model))
            && tool_result.is_none_or(|wanted| wanted != question.tool_results.is_empty())
    }

    /// Uses the turn, unless it is used up.
    fn take(&self) -> bool {
        let most = self.written.times.unwrap_or(u64::MAX);
        let one_more = |used: u64| (used < most).then_some(used.saturating_add(1));
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn turn(&self, prompt: &Prompt, question: &Question, new_id: &mut impl FnMut() -> String) -> Turn {
        let mut blocks = Vec::new();
        if let Some(text) = &self.written.reasoning {
            blocks.push(Block::Reasoning { signature: seal::sign(text), text: text.clone() });
        }
        if let Some(answer) = &self.written.answer {
            let heard = match question.tool_results.is_empty() {
                true => question.text.clone(),
                false => question.tool_results.join("\n"),
            };
            blocks.push(Block::Text(answer.replace("{text}", &heard)));
        }
        blocks.extend(self.written.tools.iter().map(|call| Block::ToolUse {
            id: new_id(),
            name: call.name.clone(),
            input: call.input.clone(),
        }));
        let mut turn = Limits::of(prompt).apply(blocks, tokens::of_request(&prompt.request));
        if let Some(reason) = &self.written.stop_reason {
            turn.stop_reason = reason.as_str().into();
        }
        turn.fault = self.fault.clone();
        turn
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, words) in [
            ("turns: [{ anwser: x }]", "anwser"),
            ("turns: [{ answer: x, stop_reason: tired }]", "turns[0]: `tired` is none of the stop reasons"),
            (
                "turns: [{ answer: x }, { fault: Nonsense }]",
                "turns[1]: x-outcrop-fault: no fault is called `Nonsense`",
            ),
            ("turns: [{ match: x }]", "a turn has an `answer`, `tools` or a `fault`"),
            ("turns: 5", "turns"),
        ] {
            let message = Script::parse(text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
        assert!(Script::parse("turns: []\notherwise: echo").is_ok());
    }
}
