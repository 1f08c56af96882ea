//! What a Chat Completions body must look like on AWS's OpenAI-style endpoints: types, ranges and names.
//!
//! Source: OpenAI's API reference, "Create chat completion", which those endpoints offer (reference `bedrock.md` §2.5);
//! members that it does not know pass. The texts are in OpenAI's style; what AWS itself says is not recorded.

use serde_json::{Map, Value};

use crate::failure::Failure;

type Verdict = Result<(), Failure>;
type Members = Map<String, Value>;

/// Checks a body; the first thing that is wrong answers.
///
/// # Errors
/// 400 that names the parameter.
pub(super) fn check(body: &[u8]) -> Verdict {
    let body: Value = serde_json::from_slice(body).map_err(|_| super::malformed())?;
    let Some(members) = body.as_object() else { return Err(super::malformed()) };
    for (name, least, most) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        number(members, name, least, most)?;
    }
    for name in ["max_tokens", "max_completion_tokens", "n"] {
        whole_number(members, name)?;
    }
    word_of(members, "service_tier", &["auto", "default", "flex", "scale", "priority"])?;
    word_of(members, "reasoning_effort", &["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
    stop(members)?;
    tools(members)?;
    tool_choice(members)?;
    response_format(members)?;
    if sent(members, "stream_options").is_some() && members.get("stream") != Some(&Value::Bool(true)) {
        return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    messages(members)
}

fn refuse(text: impl Into<String>) -> Verdict {
    Err(Failure::validation(text.into()))
}

fn missing(place: impl std::fmt::Display) -> Verdict {
    refuse(format!("Missing required parameter: '{place}'."))
}

fn wrong_type(place: impl std::fmt::Display, expected: &str) -> Verdict {
    refuse(format!("Invalid type for '{place}': expected {expected}."))
}

/// A member that is there and not `null`.
fn sent<'a>(members: &'a Members, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn number(members: &Members, name: &str, least: f64, most: f64) -> Verdict {
    match sent(members, name).map(Value::as_f64) {
        None => Ok(()),
        Some(None) => wrong_type(name, "a decimal"),
        Some(Some(value)) if value < least => {
            refuse(format!("Invalid '{name}': decimal below minimum value. Expected a value >= {least}."))
        }
        Some(Some(value)) if value > most => {
            refuse(format!("Invalid '{name}': decimal above maximum value. Expected a value <= {most}."))
        }
        Some(Some(_)) => Ok(()),
    }
}

fn whole_number(members: &Members, name: &str) -> Verdict {
    match sent(members, name) {
        None => Ok(()),
        Some(value) if value.as_u64().is_some_and(|value| value >= 1) => Ok(()),
        Some(_) => refuse(format!("Invalid '{name}': integer below minimum value. Expected a value >= 1.")),
    }
}

fn word_of(members: &Members, name: &str, words: &[&str]) -> Verdict {
    match sent(members, name) {
        Some(value) if !value.as_str().is_some_and(|word| words.contains(&word)) => {
            refuse(format!("Invalid value: {value}. '{name}' supports: {}.", words.join(", ")))
        }
        _ => Ok(()),
    }
}

fn stop(members: &Members) -> Verdict {
    const MOST: usize = 4;
    match sent(members, "stop") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(list)) if list.len() > MOST => refuse(format!(
            "Invalid 'stop': array too long. Expected an array with maximum length {MOST}, but got an array with length {} \
             instead.",
            list.len()
        )),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => Ok(()),
        Some(_) => wrong_type("stop", "a string or an array of strings"),
    }
}

/// Names of functions and of forms.
fn name(place: &str, name: Option<&Value>) -> Verdict {
    const LONGEST: usize = 64;
    let fits = |name: &str| {
        !name.is_empty()
            && name.len() <= LONGEST
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
    };
    match name {
        None => missing(place),
        Some(Value::String(text)) if fits(text) => Ok(()),
        Some(_) => refuse(format!(
            "Invalid '{place}': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]{{1,64}}$'."
        )),
    }
}

fn tools(members: &Members) -> Verdict {
    let Some(list) = sent(members, "tools") else { return Ok(()) };
    let Some(list) = list.as_array() else { return wrong_type("tools", "an array of objects") };
    if list.is_empty() {
        return refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.");
    }
    for (n, tool) in list.iter().enumerate().filter(|(_, tool)| tool["type"] == "function") {
        name(&format!("tools[{n}].function.name"), tool["function"].get("name"))?;
        let parameters = tool["function"].get("parameters");
        if parameters.is_some_and(|parameters| !parameters.is_object() && !parameters.is_null()) {
            return wrong_type(format_args!("tools[{n}].function.parameters"), "an object");
        }
    }
    Ok(())
}

fn tool_choice(members: &Members) -> Verdict {
    let tools = sent(members, "tools").and_then(Value::as_array);
    for name in ["tool_choice", "parallel_tool_calls"] {
        if sent(members, name).is_some() && tools.is_none() {
            return refuse(format!("'{name}' is only allowed when 'tools' are specified."));
        }
    }
    let offers = |name: &Value| tools.into_iter().flatten().any(|tool| tool["function"]["name"] == *name);
    match sent(members, "tool_choice") {
        Some(Value::String(word)) if !["auto", "none", "required"].contains(&word.as_str()) => {
            refuse(format!("Invalid value: '{word}'. Supported values are: 'none', 'auto', and 'required'."))
        }
        Some(Value::Object(choice)) if choice.get("type").is_some_and(|kind| kind == "function") => {
            let name = choice.get("function").map_or(&Value::Null, |function| &function["name"]);
            match offers(name) {
                true => Ok(()),
                false => refuse(format!("Tool choice {name} not found in 'tools' parameter.")),
            }
        }
        _ => Ok(()),
    }
}

fn response_format(members: &Members) -> Verdict {
    let Some(format) = sent(members, "response_format") else { return Ok(()) };
    match format["type"].as_str() {
        Some("text" | "json_object") => Ok(()),
        Some("json_schema") => {
            name("response_format.json_schema.name", format["json_schema"].get("name"))?;
            match format["json_schema"].get("schema") {
                None | Some(Value::Object(_)) => Ok(()),
                Some(_) => wrong_type("response_format.json_schema.schema", "an object"),
            }
        }
        _ => refuse("Invalid value for 'response_format.type'."),
    }
}

fn messages(members: &Members) -> Verdict {
    let Some(list) = sent(members, "messages").and_then(Value::as_array) else { return missing("messages") };
    if list.is_empty() {
        return refuse("Invalid 'messages': empty array. Expected an array with minimum length 1.");
    }
    list.iter().enumerate().try_for_each(|(n, message)| self::message(&format!("messages[{n}]"), message))
}

fn message(place: &str, message: &Value) -> Verdict {
    let parts: &[&str] = match message["role"].as_str() {
        Some("system" | "developer") => &["text"],
        Some("user") => &["text", "image_url", "input_audio", "file"],
        Some("assistant") => &["text", "refusal"],
        Some("tool") => &["text"],
        Some("function") => return Ok(()),
        Some(role) => return refuse(format!("Invalid value: '{role}'. '{place}.role' has no such value.")),
        None => return missing(format_args!("{place}.role")),
    };
    calls(place, message)?;
    if message["role"] == "tool" && !message["tool_call_id"].is_string() {
        return missing(format_args!("{place}.tool_call_id"));
    }
    let says_otherwise =
        ["tool_calls", "function_call", "audio", "refusal"].iter().any(|name| !message[*name].is_null());
    match &message["content"] {
        Value::String(_) => Ok(()),
        Value::Null if message["role"] == "assistant" && says_otherwise => Ok(()),
        Value::Null => refuse(format!("Invalid value for '{place}.content': expected a string, got null.")),
        Value::Array(list) if list.is_empty() => refuse(format!(
            "Invalid '{place}.content': empty array. Expected an array with minimum length 1."
        )),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(m, part)| self::part(&format!("{place}.content[{m}]"), part, parts)),
        _ => wrong_type(format_args!("{place}.content"), "one of a string or array of objects"),
    }
}

fn calls(place: &str, message: &Value) -> Verdict {
    let calls = match &message["tool_calls"] {
        Value::Null => return Ok(()),
        Value::Array(calls) if !calls.is_empty() => calls,
        _ => return refuse(format!("Invalid '{place}.tool_calls': empty array.")),
    };
    for (n, call) in calls.iter().enumerate().filter(|(_, call)| call["type"] != "custom") {
        let place = format!("{place}.tool_calls[{n}]");
        name(&format!("{place}.function.name"), call["function"].get("name"))?;
        for (member, value) in [("id", &call["id"]), ("function.arguments", &call["function"]["arguments"])] {
            if !value.is_string() {
                return missing(format_args!("{place}.{member}"));
            }
        }
    }
    Ok(())
}

fn part(place: &str, part: &Value, allowed: &[&str]) -> Verdict {
    let kind = part["type"].as_str().unwrap_or_default();
    if !allowed.contains(&kind) {
        let allowed = allowed.join(" or ");
        return refuse(format!(
            "Invalid '{place}'. Content blocks are expected to be either {allowed} type."
        ));
    }
    let (member, value) = match kind {
        "text" | "refusal" => (kind, &part[kind]),
        "image_url" => ("image_url.url", &part["image_url"]["url"]),
        "input_audio" => {
            let format = part["input_audio"]["format"].as_str().unwrap_or_default();
            if !["wav", "mp3"].contains(&format) {
                return refuse(format!(
                    "Invalid value: '{format}'. '{place}.input_audio.format' supports: 'wav' and 'mp3'."
                ));
            }
            ("input_audio.data", &part["input_audio"]["data"])
        }
        _ => return Ok(()),
    };
    if value.is_string() { Ok(()) } else { missing(format_args!("{place}.{member}")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::recorded;
    use super::*;

    #[test]
    fn every_recorded_body_that_was_answered_passes() {
        let Some(records) = recorded(&["openai-chat.jsonl", "bedrock-mantle.jsonl"]) else { return };
        let mut seen = 0;
        for record in records {
            let body = &record["request"]["body"];
            let is_chat = record["request"]["path"].as_str().unwrap().ends_with("/chat/completions");
            if record["response"]["status"] == 200 && is_chat && body.is_object() {
                assert_eq!(check(body.to_string().as_bytes()), Ok(()), "{}", record["id"]);
                seen += 1;
            }
        }
        assert!(seen > 200, "only {seen} recorded bodies");
    }

    #[test]
    fn what_the_reference_forbids_is_named() {
        use serde_json::json;
        let user = json!([{"role": "user", "content": "hi"}]);
        let tool = json!([{"type": "function", "function": {"name": "a", "parameters": {}}}]);
        let cases = [
            (json!({}), "'messages'"),
            (json!({"messages": []}), "'messages'"),
            (json!({"messages": user, "stop": ["a", "b", "c", "d", "e"]}), "'stop'"),
            (json!({"messages": user, "temperature": 3}), "'temperature'"),
            (json!({"messages": user, "service_tier": "reserved"}), "'service_tier'"),
            (json!({"messages": user, "tool_choice": "auto"}), "'tool_choice'"),
            (json!({"messages": user, "stream_options": {}}), "'stream_options'"),
            (json!({"messages": user, "tools": []}), "'tools'"),
            (
                json!({"messages": user, "tools": tool, "tool_choice": {"type": "function", "function": {"name": "b"}}}),
                "\"b\"",
            ),
            (
                json!({"messages": user, "response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}}),
                "name",
            ),
            (json!({"messages": [{"role": "assistant", "content": null}]}), "messages[0].content"),
            (json!({"messages": [{"role": "user", "content": []}]}), "messages[0].content"),
            (json!({"messages": [{"role": "tool", "content": "x"}]}), "tool_call_id"),
            (
                json!({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
                "messages[0].content[0]",
            ),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "ogg"}}]}]}),
                "format",
            ),
            (
                json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "x", "type": "function", "function": {"name": "a b", "arguments": ""}}]}]}),
                "tool_calls[0].function.name",
            ),
        ];
        for (body, named) in cases {
            let refused = check(body.to_string().as_bytes()).unwrap_err().error.message;
            assert!(refused.contains(named), "{body}: {refused}");
        }
    }
}
