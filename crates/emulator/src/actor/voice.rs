//! Who answers: the default actor, an echo, a caller of tools, a script, or another server's model.

use super::script::{Script, Scripted};
use super::upstream::Upstream;
use super::{Limits, act, reasoning, tools};
use crate::actor::reading::Question;
use crate::failure::Failure;
use crate::prompt::{Block, Prompt, Turn};
use crate::tokens;

/// Who answers.
#[derive(Debug, Default)]
pub(crate) enum Voice {
    /// The words a test can rely on.
    #[default]
    Words,
    /// What the user said.
    Echo,
    /// Every tool on offer, first one first, until a result is there; then words.
    ToolCaller,
    /// The turns of a file.
    Scripted(Script),
    /// A model behind an OpenAI-compatible server.
    Upstream(Box<Upstream>),
}

impl Voice {
    /// Answers a prompt of the model `model`. `think` puts reasoning first; `new_id` makes ids for tool calls.
    ///
    /// # Errors
    /// What a script or a server upstream answers instead.
    pub(crate) async fn answer(
        &self,
        prompt: &Prompt,
        model: &str,
        think: bool,
        mut new_id: impl FnMut() -> String,
    ) -> Result<Turn, Failure> {
        Ok(match self {
            Self::Words => act(prompt, think, new_id),
            Self::Echo => echo(prompt, think),
            Self::ToolCaller => call_a_tool(prompt, think, &mut new_id),
            Self::Scripted(script) => match script.next(prompt, model, &mut new_id)? {
                Scripted::Turn(turn) => *turn,
                Scripted::Words => act(prompt, think, new_id),
                Scripted::Echo => echo(prompt, think),
            },
            Self::Upstream(upstream) => upstream.answer(prompt, model, think, &mut new_id).await?,
        })
    }

    /// Begins again, where there is a beginning.
    pub(crate) fn reset(&self) {
        if let Self::Scripted(script) = self {
            script.reset();
        }
    }
}

/// The user's words back, or what tools answered.
fn echo(prompt: &Prompt, think: bool) -> Turn {
    let question = Question::read(&prompt.request);
    let words = match question.tool_results.is_empty() {
        true => question.text.clone(),
        false => question.tool_results.join("\n"),
    };
    let mut blocks = Vec::new();
    if think {
        blocks.push(reasoning(&question));
    }
    blocks.push(Block::Text(words));
    Limits::of(prompt).apply(blocks, tokens::of_request(&prompt.request))
}

/// Calls a tool whatever the text says; once there is a result, answers with it.
fn call_a_tool(prompt: &Prompt, think: bool, new_id: &mut impl FnMut() -> String) -> Turn {
    let question = Question::read(&prompt.request);
    let named = tools::wanted(prompt, &question);
    let calls = match (named.is_empty(), question.tool_results.is_empty()) {
        (true, true) => prompt.tools().take(1).collect(),
        _ => named,
    };
    if calls.is_empty() {
        return act(prompt, think, new_id);
    }
    let mut blocks = Vec::new();
    if think {
        blocks.push(reasoning(&question));
    }
    blocks.extend(calls.into_iter().map(|tool| tools::call(tool, &question, new_id())));
    Limits::of(prompt).apply(blocks, tokens::of_request(&prompt.request))
}
