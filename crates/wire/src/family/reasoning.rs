//! Reasoning: five ways to ask for it, six ways models take it.

use outcrop_catalog::{Reasoning, ReasoningMode};
use serde::Serialize;

use super::lessons::refuses_budgets;
use super::output::DEFAULT_TOKENS;
use super::{Draft, ThinkingState};
use crate::bedrock::ContentBlock;
use crate::dialect::ReasoningIntent;

/// The smallest budget Claude takes, where the catalog says nothing (`bedrock.md` §6.1).
const MIN_BUDGET: u32 = 1_024;

/// Efforts, weakest first. Source: `bedrock.md` §2.1 (`outputConfig.effort`), OpenAI's `reasoning_effort`.
const EFFORTS: [&str; 6] = ["minimal", "low", "medium", "high", "xhigh", "max"];

/// The budget an effort stands for on models that want tokens: doubling from Claude's minimum, roomy at the top.
const BUDGETS: [u32; 6] = [1_024, 2_048, 8_192, 16_384, 24_576, 32_768];

/// The effort Claude itself uses when none is named (`bedrock.md` §6.1).
const DEFAULT_EFFORT: &str = "high";

/// Says what the client asked for in the model's words.
///
/// Sources: `bedrock.md` §6.1 and §6.2; the error texts in its §5.
pub(super) fn render(draft: &mut Draft<'_>) {
    let Some(model) = draft.model else { return as_written(draft) };
    render_for(draft, model);
    if let Some(display) = draft.intent.reasoning_display.take() {
        let done = "only Claude's adaptive thinking takes it";
        draft.misfit("dropped", "thinking.display", (display, "none"), done);
    }
}

fn render_for(draft: &mut Draft<'_>, model: &outcrop_catalog::Model) {
    let wanted = draft.intent.reasoning.take();
    let learned = taught(draft, model.capabilities.reasoning.as_ref());
    let Some(reasoning) = learned.as_ref().or(model.capabilities.reasoning.as_ref()) else {
        return drop_all(draft, wanted, "the catalog does not know how this model reasons");
    };
    match reasoning.mode {
        ReasoningMode::None => drop_all(draft, wanted, "the model does not reason"),
        ReasoningMode::Fixed => drop_all(draft, wanted, "the model always reasons and takes no setting"),
        ReasoningMode::Budget | ReasoningMode::BudgetOrAdaptive | ReasoningMode::Adaptive => {
            claude(draft, wanted, reasoning);
        }
        ReasoningMode::NovaEffort => nova(draft, wanted, reasoning),
        ReasoningMode::Effort => plain_effort(draft, wanted, reasoning),
    }
}

/// How the model reasons, where a refusal taught that it takes no budget and the catalog does not know.
fn taught(draft: &Draft<'_>, known: Option<&Reasoning>) -> Option<Reasoning> {
    let known = known.filter(|known| {
        matches!(known.mode, ReasoningMode::Budget | ReasoningMode::BudgetOrAdaptive)
            && refuses_budgets(draft)
    })?;
    Some(Reasoning { mode: ReasoningMode::Adaptive, ..known.clone() })
}

/// For a model that is not in the catalog: what the client wrote, where its own dialect's models take it.
fn as_written(draft: &mut Draft<'_>) {
    let display = draft.intent.reasoning_display.take();
    match draft.intent.reasoning.take() {
        Some(ReasoningIntent::Effort(effort)) => draft.fields.set("reasoning_effort", &effort),
        Some(ReasoningIntent::Budget(budget)) if refuses_budgets(draft) => {
            let effort = effort_of_budget(budget);
            not_a_budget(draft, budget, effort);
            set_thinking(draft, "adaptive", None, display);
            draft.request.output_config.get_or_insert_default().effort = Some(effort.to_owned());
        }
        Some(ReasoningIntent::Budget(budget)) => set_thinking(draft, "enabled", Some(budget), display),
        Some(ReasoningIntent::Adaptive { .. }) => set_thinking(draft, "adaptive", None, display),
        Some(ReasoningIntent::Off) | None => {}
    }
    if let Some(effort) = draft.intent.effort.take() {
        draft.request.output_config.get_or_insert_default().effort = Some(effort);
    }
}

fn drop_all(draft: &mut Draft<'_>, wanted: Option<ReasoningIntent>, why: &str) {
    if wanted.is_some_and(|wanted| wanted != ReasoningIntent::Off) {
        draft.misfit("dropped", "reasoning", ("asked for", NO_SETTING), why);
    }
    if let Some(effort) = draft.intent.effort.take() {
        draft.misfit("dropped", "effort", (effort, NO_SETTING), why);
    }
}

/// What a model takes whose reasoning cannot be steered.
const NO_SETTING: &str = "no such setting";

/// Claude: `thinking` in the native fields, effort in Converse's `outputConfig`.
fn claude(draft: &mut Draft<'_>, wanted: Option<ReasoningIntent>, reasoning: &Reasoning) {
    match wanted {
        None => {}
        Some(ReasoningIntent::Off) => turn_off(draft, reasoning),
        Some(ReasoningIntent::Budget(budget)) if reasoning.mode == ReasoningMode::Adaptive => {
            let effort = effort_of_budget(budget);
            not_a_budget(draft, budget, effort);
            adaptive(draft, Some(effort.to_owned()), reasoning);
        }
        Some(ReasoningIntent::Budget(budget)) => manual(draft, budget, None, reasoning),
        Some(ReasoningIntent::Adaptive { effort }) => adaptive_or_budget(draft, effort, reasoning),
        Some(ReasoningIntent::Effort(effort)) => adaptive_or_budget(draft, Some(effort), reasoning),
    }
    answer_effort(draft, reasoning);
}

fn not_a_budget(draft: &mut Draft<'_>, budget: u32, effort: &str) {
    let done = format!("this model takes no budget; {budget} tokens became effort {effort}");
    draft.misfit("rewritten", "thinking.budget_tokens", (budget, "an effort"), done);
}

fn turn_off(draft: &mut Draft<'_>, reasoning: &Reasoning) {
    if reasoning.always_on {
        let done = "this model always reasons, it cannot be turned off";
        draft.misfit("dropped", "reasoning", ("turned off", "no other than on"), done);
    } else if reasoning.mode == ReasoningMode::Adaptive {
        set_thinking(draft, "disabled", None, None);
    }
}

fn adaptive_or_budget(draft: &mut Draft<'_>, effort: Option<String>, reasoning: &Reasoning) {
    if reasoning.mode != ReasoningMode::Budget {
        return adaptive(draft, effort, reasoning);
    }
    let effort = effort.unwrap_or_else(|| DEFAULT_EFFORT.to_owned());
    let budget = rank(&effort).map_or(MIN_BUDGET, |rank| BUDGETS[rank]);
    manual(draft, budget, Some(&effort), reasoning);
}

fn adaptive(draft: &mut Draft<'_>, effort: Option<String>, reasoning: &Reasoning) {
    let display = draft.intent.reasoning_display.take();
    set_thinking(draft, "adaptive", None, display);
    draft.thinking = ThinkingState::On;
    draft.intent.effort = None;
    if let Some(effort) = effort {
        let effort = nearest_effort(draft, effort, reasoning);
        draft.request.output_config.get_or_insert_default().effort = Some(effort);
    }
}

/// Claude's manual mode: the budget is at least the model's minimum and below `max_tokens`.
///
/// A budget the client named keeps its size and `max_tokens` grows around it; one that stands for an effort yields to
/// the client's `max_tokens`, as OpenAI counts reasoning in it. Source: `bedrock.md` §6.1, `reliability.md` §1.4.
fn manual(draft: &mut Draft<'_>, budget: u32, effort: Option<&str>, reasoning: &Reasoning) {
    if lacks_reasoning_in_tool_loop(draft) {
        draft.notices.dropped(
            "reasoning",
            "the turn that called the tools came back without its reasoning, which Claude insists on",
        );
        return;
    }
    let least = reasoning.min_budget.unwrap_or(MIN_BUDGET);
    let max_tokens = draft.config.max_tokens.unwrap_or(DEFAULT_TOKENS);
    let fitted = match effort {
        Some(_) => half(max_tokens).min(budget).max(least),
        None => budget.max(least),
    };
    let fitted = make_room(draft, fitted, max_tokens).max(least);
    match effort {
        Some(effort) => {
            let detail = format!("this model takes a budget; {effort} became {fitted} tokens");
            draft.notices.push("rewritten", "reasoning_effort", detail);
        }
        None if fitted != budget => {
            let allowed = format!("{least} or more, and less than max_tokens");
            let done = format!("{budget} → {fitted}: at least {least} and below the answer's limit");
            draft.misfit("clamped", "thinking.budget_tokens", (budget, &allowed), done);
        }
        None => {}
    }
    set_thinking(draft, "enabled", Some(fitted), None);
    draft.thinking = ThinkingState::Budget;
}

/// Raises `max_tokens` around a budget that would not be below it; what the model's limit leaves is the budget.
fn make_room(draft: &mut Draft<'_>, budget: u32, max_tokens: u64) -> u32 {
    if u64::from(budget) < max_tokens {
        return budget;
    }
    let limit = draft.model.and_then(|model| model.limits.max_output_tokens).unwrap_or(u64::MAX);
    let raised = max_tokens.saturating_add(u64::from(budget)).min(limit);
    draft.config.max_tokens = Some(raised);
    let allowed = format!("more than the {budget} tokens of its reasoning");
    let done = format!("{max_tokens} → {raised}, to leave room beside {budget} tokens of reasoning");
    draft.misfit("rewritten", "max_tokens", (max_tokens, &allowed), done);
    if u64::from(budget) < raised { budget } else { half(raised) }
}

fn half(tokens: u64) -> u32 {
    u32::try_from(tokens / 2).unwrap_or(u32::MAX)
}

/// Whether the conversation is in the middle of a tool loop whose call came back without its reasoning.
///
/// Source: Anthropic's documentation, "Thinking in tool and multi-turn workflows" (manual mode only).
fn lacks_reasoning_in_tool_loop(draft: &Draft<'_>) -> bool {
    let [.., call, result] = draft.request.messages.as_slice() else { return false };
    result.content.iter().any(|block| matches!(block, ContentBlock::ToolResult(_)))
        && call.content.iter().any(|block| matches!(block, ContentBlock::ToolUse(_)))
        && !matches!(call.content.first(), Some(ContentBlock::Reasoning(_)))
}

/// Effort of the whole answer, asked for beside or without reasoning; above `high` it needs reasoning (`bedrock.md` §2.1).
fn answer_effort(draft: &mut Draft<'_>, reasoning: &Reasoning) {
    let Some(effort) = draft.intent.effort.take() else { return };
    if reasoning.efforts.is_empty() {
        return draft.misfit("dropped", "effort", (effort, "none"), "this model takes no effort");
    }
    let mut effort = nearest_effort(draft, effort, reasoning);
    if rank(&effort) > rank(DEFAULT_EFFORT) && !draft.is_thinking() {
        let allowed = format!("{DEFAULT_EFFORT} at most while it does not reason");
        let done = format!("{effort} → {DEFAULT_EFFORT}: more needs reasoning turned on");
        draft.misfit("clamped", "effort", (effort, &allowed), done);
        effort = DEFAULT_EFFORT.to_owned();
    }
    draft.request.output_config.get_or_insert_default().effort = Some(effort);
}

/// Nova 2: `reasoningConfig`, on or off, with an effort.
fn nova(draft: &mut Draft<'_>, wanted: Option<ReasoningIntent>, reasoning: &Reasoning) {
    let Some(effort) = effort_wanted(draft, wanted) else { return };
    let effort = nearest_effort(draft, effort, reasoning);
    draft.fields.set("reasoningConfig", &ReasoningConfig { kind: "enabled", max_reasoning_effort: &effort });
    draft.thinking = ThinkingState::On;
}

/// gpt-oss, DeepSeek 3, Qwen and others: `reasoning_effort` as a plain native field.
fn plain_effort(draft: &mut Draft<'_>, wanted: Option<ReasoningIntent>, reasoning: &Reasoning) {
    if wanted == Some(ReasoningIntent::Off) {
        match reasoning.efforts.iter().any(|effort| effort == "none") {
            true => draft.fields.set("reasoning_effort", "none"),
            false => {
                let done = "this model cannot be told not to reason";
                draft.misfit("dropped", "reasoning", ("turned off", "no other than on"), done);
            }
        }
        return;
    }
    let Some(effort) = effort_wanted(draft, wanted) else { return };
    let effort = nearest_effort(draft, effort, reasoning);
    draft.fields.set("reasoning_effort", &effort);
    draft.thinking = ThinkingState::On;
}

/// Any wish to reason as an effort; `None` for no such wish.
fn effort_wanted(draft: &mut Draft<'_>, wanted: Option<ReasoningIntent>) -> Option<String> {
    let answer_effort = draft.intent.effort.take();
    Some(match wanted {
        Some(ReasoningIntent::Effort(effort)) => effort,
        Some(ReasoningIntent::Adaptive { effort }) => effort.unwrap_or_else(|| DEFAULT_EFFORT.to_owned()),
        Some(ReasoningIntent::Budget(budget)) => {
            let effort = effort_of_budget(budget);
            not_a_budget(draft, budget, effort);
            effort.to_owned()
        }
        Some(ReasoningIntent::Off) | None => {
            if let Some(effort) = answer_effort {
                let allowed = "it as a measure of reasoning only";
                let done = "this model knows effort as a measure of reasoning only";
                draft.misfit("dropped", "effort", (effort, allowed), done);
            }
            return None;
        }
    })
}

fn set_thinking(draft: &mut Draft<'_>, kind: &str, budget_tokens: Option<u32>, display: Option<String>) {
    draft.fields.set("thinking", &Thinking { kind, budget_tokens, display });
}

/// The effort the model takes that is nearest to the one asked for, the weaker one when between two.
fn nearest_effort(draft: &mut Draft<'_>, asked: String, reasoning: &Reasoning) -> String {
    if reasoning.efforts.is_empty() || reasoning.efforts.contains(&asked) {
        return asked;
    }
    let wanted = rank(&asked);
    let ranked = reasoning.efforts.iter().filter(|effort| rank(effort).is_some());
    let weaker = ranked.clone().filter(|effort| rank(effort) <= wanted).max_by_key(|effort| rank(effort));
    let nearest =
        weaker.or_else(|| ranked.min_by_key(|effort| rank(effort))).cloned().unwrap_or_else(|| asked.clone());
    if nearest != asked {
        let allowed = reasoning.efforts.join(", ");
        let done = format!("{asked} → {nearest}: this model takes {allowed}");
        draft.misfit("clamped", "effort", (asked, &allowed), done);
    }
    nearest
}

fn rank(effort: &str) -> Option<usize> {
    EFFORTS.iter().position(|known| *known == effort)
}

/// The strongest effort whose budget is not above this one.
fn effort_of_budget(budget: u32) -> &'static str {
    let rank = BUDGETS.iter().rposition(|known| *known <= budget).unwrap_or(0);
    // `minimal` is OpenAI's word; Claude's weakest is `low`.
    EFFORTS[rank.max(1)]
}

#[derive(Serialize)]
struct Thinking<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningConfig<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    max_reasoning_effort: &'a str,
}
