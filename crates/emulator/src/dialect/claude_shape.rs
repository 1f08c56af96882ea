//! What a Messages body must look like before it is read: members, types and ranges, in Anthropic's words.
//!
//! `NAME: Field required` and `NAME: Extra inputs are not permitted` are the model's (public reports). The other texts are
//! ours, in the same style.

use serde_json::{Map, Value};

use crate::failure::Failure;

type Verdict = Result<(), Failure>;

/// Checks a body; the first thing that is wrong answers.
///
/// # Errors
/// 400 `ValidationException` that names the member.
pub(super) fn check(body: &Value) -> Verdict {
    let Some(members) = body.as_object() else { return Err(super::malformed()) };
    for name in ["anthropic_version", "max_tokens", "messages"] {
        if !members.contains_key(name) {
            return refuse(name, "Field required");
        }
    }
    if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return refuse(name, "Extra inputs are not permitted");
    }
    integer_of_at_least(members, "max_tokens", 1)?;
    integer_of_at_least(members, "top_k", 0)?;
    fraction(members, "temperature")?;
    fraction(members, "top_p")?;
    for name in
        ["tool_choice", "thinking", "metadata", "output_config", "output_format", "context_management"]
    {
        if sent(members, name).is_some_and(|value| !value.is_object()) {
            return refuse(name, "Input should be a valid dictionary or object to extract fields from");
        }
    }
    strings(members, "stop_sequences")?;
    strings(members, "anthropic_beta")?;
    content("system", sent(members, "system"))?;
    tools(members)?;
    messages(members)
}

/// The members of a Messages body on Bedrock: Anthropic's API without `model` and `stream`, which are in the URL.
pub(crate) const MEMBERS: &[&str] = &[
    "amazon-bedrock-guardrailConfig", // Bedrock's own, beside the guardrail's headers
    "anthropic_beta",
    "anthropic_version",
    "cache_control",
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "stop_sequences",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

fn refuse(place: impl std::fmt::Display, reason: &str) -> Verdict {
    Err(Failure::validation(format!("{place}: {reason}")))
}

/// A member that is there and not `null`.
fn sent<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn integer_of_at_least(members: &Map<String, Value>, name: &str, least: u64) -> Verdict {
    match members.get(name) {
        None => Ok(()),
        Some(Value::Null) if name != "max_tokens" => Ok(()),
        Some(Value::Number(number)) if number.as_u64().is_some_and(|number| number >= least) => Ok(()),
        Some(Value::Number(number)) if number.is_u64() || number.is_i64() => {
            refuse(name, &format!("Input should be greater than or equal to {least}"))
        }
        Some(_) => refuse(name, "Input should be a valid integer"),
    }
}

fn fraction(members: &Map<String, Value>, name: &str) -> Verdict {
    match sent(members, name).map(Value::as_f64) {
        None => Ok(()),
        Some(None) => refuse(name, "Input should be a valid number"),
        Some(Some(value)) if value < 0.0 => refuse(name, "Input should be greater than or equal to 0"),
        Some(Some(value)) if value > 1.0 => refuse(name, "Input should be less than or equal to 1"),
        Some(Some(_)) => Ok(()),
    }
}

fn strings(members: &Map<String, Value>, name: &str) -> Verdict {
    let Some(list) = sent(members, name) else { return Ok(()) };
    let Some(list) = list.as_array() else { return refuse(name, "Input should be a valid list") };
    match list.iter().position(|entry| !entry.is_string()) {
        Some(n) => refuse(format_args!("{name}.{n}"), "Input should be a valid string"),
        None => Ok(()),
    }
}

fn tools(members: &Map<String, Value>) -> Verdict {
    let Some(list) = sent(members, "tools") else { return Ok(()) };
    let Some(list) = list.as_array() else { return refuse("tools", "Input should be a valid list") };
    for (n, tool) in list.iter().enumerate() {
        let Some(tool) = tool.as_object() else {
            return refuse(format_args!("tools.{n}"), "Input should be a valid dictionary");
        };
        if let Some(kind) = tool.get("type").and_then(Value::as_str).filter(|kind| runs_at_anthropic(kind)) {
            let reason = format!(
                "Input tag '{kind}' found using 'type' does not match any of the expected tags: 'bash_20250124', 'custom', \
                 'text_editor_20250124', 'text_editor_20250429', 'text_editor_20250728'"
            );
            return refuse(format_args!("tools.{n}"), &reason);
        }
        match tool.get("name") {
            Some(Value::String(_)) => {}
            Some(_) => return refuse(format_args!("tools.{n}.name"), "Input should be a valid string"),
            None => return refuse(format_args!("tools.{n}.name"), "Field required"),
        }
    }
    Ok(())
}

/// Tools that Anthropic runs itself, which Bedrock does not have (recorded; reference `bedrock.md` §6.1).
fn runs_at_anthropic(kind: &str) -> bool {
    ["web_search_", "web_fetch_", "code_execution_"].iter().any(|prefix| kind.starts_with(prefix))
}

fn messages(members: &Map<String, Value>) -> Verdict {
    let Some(list) = members.get("messages").and_then(Value::as_array) else {
        return refuse("messages", "Input should be a valid list");
    };
    for (n, message) in list.iter().enumerate() {
        let Some(message) = message.as_object() else {
            return refuse(format_args!("messages.{n}"), "Input should be a valid dictionary");
        };
        match message.get("role").map(Value::as_str) {
            // Models of 2026 take instructions in the middle of a conversation.
            Some(Some("user" | "assistant" | "system")) => {}
            Some(_) => {
                return refuse(format_args!("messages.{n}.role"), "Input should be 'user' or 'assistant'");
            }
            None => return refuse(format_args!("messages.{n}.role"), "Field required"),
        }
        let place = format!("messages.{n}.content");
        match message.get("content") {
            None => return refuse(place, "Field required"),
            written => content(&place, written)?,
        }
    }
    Ok(())
}

/// A string, or a list of blocks that each have a type.
fn content(place: &str, content: Option<&Value>) -> Verdict {
    let blocks = match content {
        None | Some(Value::String(_)) => return Ok(()),
        Some(Value::Array(blocks)) => blocks,
        Some(_) => return refuse(place, "Input should be a valid list"),
    };
    for (n, block) in blocks.iter().enumerate() {
        let Some(block) = block.as_object() else {
            return refuse(format_args!("{place}.{n}"), "Input should be a valid dictionary");
        };
        match block.get("type") {
            Some(Value::String(kind)) if kind == "text" => match block.get("text") {
                Some(Value::String(_)) => {}
                Some(_) => {
                    return refuse(format_args!("{place}.{n}.text.text"), "Input should be a valid string");
                }
                None => return refuse(format_args!("{place}.{n}.text.text"), "Field required"),
            },
            Some(Value::String(_)) => {}
            Some(_) => return refuse(format_args!("{place}.{n}.type"), "Input should be a valid string"),
            None => return refuse(format_args!("{place}.{n}.type"), "Field required"),
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::recorded;
    use super::*;

    #[test]
    fn every_recorded_body_that_was_answered_passes() {
        let Some(records) = recorded(&["bedrock-invoke.jsonl", "bedrock-invoke-stream.jsonl"]) else {
            return;
        };
        let mut seen = 0;
        for record in records {
            let body = &record["request"]["body"];
            if record["response"]["status"] == 200 && body.get("anthropic_version").is_some() {
                assert_eq!(check(body), Ok(()), "{}", record["id"]);
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} recorded Messages bodies");
    }
}
