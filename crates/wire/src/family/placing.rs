//! Cache points that nobody asked for: placed where an operator wants the prompt cached and the client said nothing.
//!
//! A point is worth its place after what stays the same from turn to turn: the tools, the system prompt, and the turns up
//! to the latest question. Each must have the model's minimum before it, or the model would not cache there.

use std::borrow::Cow;

use outcrop_catalog::{Model, PromptCaching};
use serde_json::value::RawValue;

use super::native::Edits;
use super::{Draft, Family};
use crate::bedrock::{CachePoint, ContentBlock, Message, Role, SystemBlock, Tool};
use crate::dialect::to_vec;
use crate::{Json, Notices};

/// Where cache points stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CachePlacement {
    /// Where the client asks for them.
    #[default]
    Asked,
    /// There; and where it asks for none, where they pay, for five minutes.
    Automatic,
    /// The same, for an hour on models that cache for so long.
    AutomaticHour,
}

/// Text has about this many bytes a token; fewer would place points that the model ignores.
const BYTES_A_TOKEN: usize = 4;

/// Places points after the tools (Claude), the system prompt and the latest question, as many as the model takes, where
/// the prompt before is long enough, in a request without any.
///
/// Sources: `bedrock.md` §6.1 and §6.2 (minimum, number, times to live); LibreChat places them likewise (`chat-apps.md`).
pub(super) fn place_cache_points(draft: &mut Draft<'_>) {
    let Some((placing, ttl)) = Placing::of(draft.terms.cache, draft.model) else { return };
    if super::caching::count(draft) > 0 {
        return;
    }
    let before_tools = 0;
    let after_tools = before_tools + draft.request.tool_config.as_ref().map_or(0, size);
    let after_system = after_tools + draft.request.system.iter().map(size).sum::<usize>();
    let after_turns = after_system + draft.request.messages.iter().map(size).sum::<usize>();
    let claude = draft.family() == Family::Anthropic;
    let point = || CachePoint::with_ttl(ttl.clone());
    let mut left = placing.most;
    // The longest prefix pays most.
    left -= usize::from(
        left > 0 && placing.pays(after_turns) && point_in_turns(&mut draft.request.messages, point()),
    );
    if left > 0 && placing.pays(after_system) && !draft.request.system.is_empty() {
        draft.request.system.push(SystemBlock::CachePoint(point()));
        left -= 1;
    }
    if let Some(config) =
        draft.request.tool_config.as_mut().filter(|_| claude && left > 0 && placing.pays(after_tools))
    {
        config.tools.push(Tool::CachePoint(point()));
        left -= 1;
    }
    if left < placing.most {
        draft.notices.push("added", "cache_control", placed(placing.most - left));
    }
}

fn placed(points: usize) -> String {
    format!("{points} cache points, as the configuration wants prompts cached (`prompt_cache`)")
}

fn point_in_turns(messages: &mut [Message], point: CachePoint) -> bool {
    let latest = messages.iter_mut().rev().find(|message| message.role == Role::User);
    let Some(latest) = latest else { return false };
    // A point is refused after some kinds of blocks (`reliability.md` §1.4: documents that are no PDF).
    let may_follow = |block: &ContentBlock| {
        matches!(block, ContentBlock::Text(_) | ContentBlock::ToolResult(_) | ContentBlock::Image(_))
    };
    let may = latest.content.last().is_some_and(may_follow);
    if may {
        latest.content.push(ContentBlock::CachePoint(point));
    }
    may
}

/// The bytes of its JSON; pictures and documents count by theirs, which is more than they are worth and does no harm.
fn size<T: serde::Serialize>(part: &T) -> usize {
    to_vec(part).len()
}

struct Placing {
    most: usize,
    least_bytes: usize,
}

impl Placing {
    /// And how long the points live; `None` where none are to be placed.
    fn of(policy: CachePlacement, model: Option<&Model>) -> Option<(Self, Option<String>)> {
        let caching = model?.capabilities.prompt_caching.as_ref()?;
        let PromptCaching { supported, min_tokens, max_points, ttls } = caching;
        let hour = || ttls.iter().any(|ttl| ttl == "1h").then(|| "1h".to_owned());
        let ttl = match policy {
            CachePlacement::Asked => return None,
            CachePlacement::Automatic => None,
            CachePlacement::AutomaticHour => hour(),
        };
        let placing = Self {
            most: max_points.map_or(1, |most| most as usize),
            least_bytes: min_tokens.map_or(0, |least| least as usize) * BYTES_A_TOKEN,
        };
        supported.then_some((placing, ttl))
    }

    fn pays(&self, bytes: usize) -> bool {
        bytes >= self.least_bytes
    }
}

/// The same in a native Claude body, which says `cache_control` in its parts.
pub(super) fn place_in_members(
    members: &[(Cow<'_, str>, &RawValue)],
    model: &Model,
    policy: CachePlacement,
    notices: &mut Notices,
) -> Edits {
    let Some((placing, ttl)) = Placing::of(policy, Some(model)) else { return Edits::new() };
    let asks = |raw: &RawValue| memchr::memmem::find(raw.get().as_bytes(), b"\"cache_control\"").is_some();
    if members.iter().any(|(key, value)| key == "cache_control" || asks(value)) {
        return Edits::new();
    }
    let control = match ttl {
        Some(ttl) => format!(r#"{{"type":"ephemeral","ttl":"{ttl}"}}"#),
        None => r#"{"type":"ephemeral"}"#.to_owned(),
    };
    let mut edits = Edits::new();
    let mut bytes = 0;
    for name in ["tools", "system", "messages"] {
        let Some((_, value)) = members.iter().find(|(key, _)| key == name) else { continue };
        bytes += value.get().len();
        if placing.pays(bytes) {
            edits.extend(with_control(name, value.get(), &control).map(|value| (name, Some(value))));
        }
    }
    // The longest prefix pays most.
    edits.drain(..edits.len().saturating_sub(placing.most));
    if !edits.is_empty() {
        notices.push("added", "cache_control", placed(edits.len()));
    }
    edits
}

/// The value with the control at its last part; `None` where it has no part that takes one.
fn with_control(name: &str, value: &str, control: &str) -> Option<String> {
    if name != "messages" {
        return with_control_at_end(value, control);
    }
    let turns: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    let (last, before) = turns.split_last()?;
    let crate::envelope::Members(members) = serde_json::from_str(last.get()).ok()?;
    let (_, content) = members.iter().find(|(key, _)| key == "content")?;
    let content = Json::parse(with_control_at_end(content.get(), control)?).ok()?;
    let (turn, _) = crate::envelope::with_member(last.get().as_bytes(), "content", &content).ok()?;
    Some(joined(before, &String::from_utf8(turn).ok()?))
}

fn with_control_at_end(value: &str, control: &str) -> Option<String> {
    if value.starts_with('"') {
        let is_blank = serde_json::from_str::<String>(value).ok()?.trim().is_empty();
        return (!is_blank)
            .then(|| format!(r#"[{{"type":"text","text":{value},"cache_control":{control}}}]"#));
    }
    let parts: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    let (last, before) = parts.split_last()?;
    let control = Json::parse(control).ok()?;
    let refused = ["\"thinking\"", "\"redacted_thinking\""];
    let kind = serde_json::from_str::<Kind<'_>>(last.get()).ok()?.kind;
    if kind.is_some_and(|kind| refused.contains(&kind.get())) {
        return None;
    }
    let (part, _) = crate::envelope::with_member(last.get().as_bytes(), "cache_control", &control).ok()?;
    Some(joined(before, &String::from_utf8(part).ok()?))
}

#[derive(serde::Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

fn joined(before: &[&RawValue], last: &str) -> String {
    let mut out = String::from("[");
    for item in before {
        out.push_str(item.get());
        out.push(',');
    }
    out + last + "]"
}
