//! Nothing is lost without a word: every key path of the recorded requests and answers arrives, is named in a notice, or
//! stands in a table below with the reason why it need not.
//!
//! The table of all paths is printed (`cargo nextest run key_paths --no-capture`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_catalog::{Catalog, Context, Model};
use outcrop_wire::bedrock::{ConverseResponse, Message, Output, Role, StopReason, Usage};
use outcrop_wire::dialect::{RequestError, Translated};
use outcrop_wire::upstream::{self, Ask, Calls, Language};
use outcrop_wire::{Notices, anthropic, family, openai_chat, openai_responses};
use serde_json::{Value, json};

use crate::{assembled, heard, recorded};

/// Paths that say how to read their neighbours, or that travel outside the body. A trailing `*` stands for any end.
const STRUCTURE: &[(&str, &str)] = &[
    ("model", "in the URL"),
    ("stream", "the operation"),
    ("stream_options.include_usage", "the last chunk"),
    ("store", "the gateway's store"),
    ("include[]", "reasoning is always enclosed"),
    ("prompt_cache_key", "a hint to OpenAI's own cache"),
    ("tools[].defer_loading", "all tools are offered at once"),
    ("reasoning.summary", "summaries are always given"),
    ("input[].id", "an id of the answer it came from"),
    ("input[].status", "a state of the answer it came from"),
    ("input[].phase", "a state of the answer it came from"),
    ("response_format.json_schema.strict", "a schema is always enforced"),
    ("text.format.strict", "a schema is always enforced"),
    ("messages[].content[].type", "the block's member"),
    ("messages[].content[].content[].type", "the block's member"),
    ("messages[].content[].source.type", "the source's member"),
    ("messages[].content[].content[].source.type", "the source's member"),
    ("messages[].tool_calls[].type", "the block's member"),
    ("messages[].tool_calls[].index", "the call's place among the pieces of a stream"),
    ("system[].type", "the block's member"),
    ("tools[].type", "the tool's member"),
    ("input[].type", "the block's member"),
    ("input[].content[].type", "the block's member"),
    ("input[].output[].type", "the block's member"),
    ("input[].summary[].type", "the block's member"),
    ("input[].role", "the turn it is in"),
    ("messages[].role", "the turn it is in"),
    ("tool_choice.type", "the choice's member"),
    ("messages[].content[].cache_control.type", "a cache point"),
    ("system[].cache_control.type", "a cache point"),
    ("messages[].content[].source.media_type", "the block's format"),
    ("messages[].content[].content[].source.media_type", "the block's format"),
    ("messages[].content[].is_error", "the result's status"),
    ("messages[].content[].input{}", "an empty object stays one"),
    ("response_format.type", "outputConfig"),
    ("text.format.type", "outputConfig"),
    ("output_config.format.type", "outputConfig"),
    ("output_format.type", "outputConfig"),
    ("thinking.type", "the kind of thinking"),
    ("input[].content[].filename", "the document's name"),
    ("messages[].content[].file.filename", "the document's name"),
    ("messages[].content[].title", "the document's name"),
    ("user", "requestMetadata"),
];

/// Values that ask for nothing.
const NOTHING_ASKED: &[(&str, &str)] = &[
    ("n", "1"),
    ("logprobs", "false"),
    ("presence_penalty", "0"),
    ("top_k", "-1"),
    ("frequency_penalty", "0"),
    ("background", "false"),
    ("store", "false"),
    ("service_tier", "\"auto\""),
    ("tool_choice", "\"auto\""),
    ("tool_choice.type", "\"auto\""),
    ("parallel_tool_calls", "true"),
    ("tool_choice.disable_parallel_tool_use", "false"),
    ("input[].output[].detail", "\"auto\""),
    ("modalities[]", "\"text\""),
    ("tools[].strict", "false"),
    ("tools[].function.strict", "false"),
    ("messages[].content[].is_error", "false"),
];

/// Members whose name in Converse is another: (the client's path, where it is sent).
const ELSEWHERE: &[(&str, &str)] = &[
    ("max_tokens", "/inferenceConfig/maxTokens"),
    ("max_completion_tokens", "/inferenceConfig/maxTokens"),
    ("max_output_tokens", "/inferenceConfig/maxTokens"),
    ("temperature", "/inferenceConfig/temperature"),
    ("top_p", "/inferenceConfig/topP"),
    ("tool_choice", "/toolConfig/toolChoice"),
    ("tool_choice.name", "/toolConfig/toolChoice"),
    ("thinking.budget_tokens", "/additionalModelRequestFields/thinking/budget_tokens"),
    ("top_k", "/additionalModelRequestFields"),
    ("service_tier", "/serviceTier"),
    ("tools[].strict", "/toolConfig/tools"),
    ("tools[].function.strict", "/toolConfig/tools"),
    ("tools[].display_height_px", "/additionalModelRequestFields/tools"),
    ("tools[].display_width_px", "/additionalModelRequestFields/tools"),
    ("messages[].content[].citations.enabled", "/messages"),
    ("messages[].content[].citations[].document_index", "/content"),
    ("messages[].content[].citations[].start_char_index", "/content"),
    ("messages[].content[].citations[].end_char_index", "/content"),
    ("messages[].content[].content[].citations.enabled", "/messages"),
];

/// Paths that a notice names by another word.
const ALSO_NAMED: &[(&str, &str)] = &[
    ("reasoning_effort", "reasoning"),
    ("reasoning.effort", "reasoning"),
    ("thinking", "reasoning"),
    ("output_config.effort", "effort"),
    ("stop", "stop"),
    ("response_format", "response_format"),
    ("text.format", "response_format"),
    ("output_config.format", "response_format"),
    ("output_format", "response_format"),
    ("tool_choice.disable_parallel_tool_use", "parallel_tool_calls"),
    ("messages[].content[].cache_control", "cache_control"),
    ("messages[].content[].content[].cache_control", "cache_control"),
    ("system[].cache_control", "cache_control"),
    ("messages[].content[].signature", "messages[].reasoning"),
    ("messages[].content[].thinking", "messages[].reasoning"),
    ("messages[].content[].data", "messages[].reasoning"),
    ("input[].summary", "messages[].reasoning"),
    ("input[].encrypted_content", "messages[].reasoning"),
    ("tools[].function.strict", "tools[].strict"),
    ("max_completion_tokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
];

/// The leaves of a body: path without indexes, and value.
fn leaves(value: &Value, path: String, found: &mut Vec<(String, Value)>) {
    /// JSON that is carried as one value, never looked at.
    const OPAQUE: [&str; 6] = [".parameters", ".input_schema", ".schema", ".input", ".arguments", "metadata"];
    match value {
        Value::Object(members) if !members.is_empty() && !OPAQUE.iter().any(|end| path.ends_with(end)) => {
            for (key, value) in members {
                leaves(value, if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, format!("{path}[]"), found)),
        Value::Null => {}
        value => found.push((path, value.clone())),
    }
}

/// All that a body says, in any place: texts, objects, numbers.
#[derive(Default)]
struct Said {
    values: BTreeSet<String>,
    texts: String,
}

impl Said {
    fn of(value: &Value) -> Self {
        let mut said = Self::default();
        said.add(value);
        said
    }

    fn add(&mut self, value: &Value) {
        self.values.insert(canonical(value));
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    self.values.insert(Value::String(key.clone()).to_string());
                    self.add(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::String(text) => {
                self.texts.push_str(text);
                self.texts.push('\n');
                // Schemas of answers, and arguments, travel as texts.
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    self.add(&inner);
                }
            }
            _ => {}
        }
    }

    fn holds(&self, value: &Value) -> bool {
        if self.values.contains(&canonical(value)) {
            return true;
        }
        let Value::String(text) = value else { return false };
        let data = text.split_once(";base64,").map_or(text.as_str(), |(_, data)| data);
        let object = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
        text.trim().is_empty()
            || self.texts.contains(data)
            || self.texts.contains(&STANDARD.encode(text))
            || object.is_some_and(|object| self.values.contains(&object.to_string()))
    }
}

/// `1` and `1.0` are one number.
fn canonical(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string())
}

/// The words in base64, where it holds any.
fn words_of(value: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok()
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Arrived,
    Noticed,
    Structure,
    NothingAsked,
    Lost,
}

/// The table: path → fate → how often.
#[derive(Default)]
struct Table {
    paths: BTreeMap<String, BTreeMap<Fate, usize>>,
    lost: BTreeMap<String, String>,
}

impl Table {
    fn note(&mut self, path: &str, fate: Fate, value: &Value) {
        *self.paths.entry(path.to_owned()).or_default().entry(fate).or_default() += 1;
        if fate == Fate::Lost {
            self.lost.entry(path.to_owned()).or_insert_with(|| value.to_string().chars().take(120).collect());
        }
    }

    fn request(&mut self, body: &Value, sent: &Value, notices: &Notices) {
        let named: BTreeSet<String> = notices.iter().map(|notice| without_indexes(&notice.field)).collect();
        // After the fortieth notice one more says that there were others.
        let all_named = notices.iter().any(|notice| notice.rule == "truncated");
        let said = Said::of(sent);
        let mut found = Vec::new();
        leaves(body, String::new(), &mut found);
        for (path, value) in found {
            let fate = fate(&path, &value, sent, &said, &named);
            let fate = if fate == Fate::Lost && all_named { Fate::Noticed } else { fate };
            self.note(&path, fate, &value);
        }
    }

    /// A request that was written for an endpoint: numbers count wherever they stand, for it has no other words for them.
    fn written(&mut self, body: &Value, said: &Said, notices: &Notices) {
        let named: BTreeSet<String> = notices.iter().map(|notice| without_indexes(&notice.field)).collect();
        let mut found = Vec::new();
        leaves(body, String::new(), &mut found);
        for (path, value) in found {
            let fate = match value {
                _ if said.holds(&value)
                    || words_of(&value).is_some_and(|words| said.texts.contains(&words)) =>
                {
                    Fate::Arrived
                }
                _ if is_named(&path, &named) => Fate::Noticed,
                _ if WRITTEN_STRUCTURE.iter().any(|(known, _)| is(&path, known.trim_end_matches("{}"))) => {
                    Fate::Structure
                }
                _ => Fate::Lost,
            };
            self.note(&path, fate, &value);
        }
    }

    /// Prints the table; nothing in it may be lost.
    fn judge(&self, name: &str) {
        println!("== {name}: {} key paths", self.paths.len());
        for (path, fates) in &self.paths {
            println!("{path}: {fates:?}");
        }
        let lost: Vec<String> = self.lost.iter().map(|(path, value)| format!("{path}: {value}")).collect();
        assert!(lost.is_empty(), "{name}: lost without a word:\n{}", lost.join("\n"));
    }
}

fn fate(path: &str, value: &Value, sent: &Value, said: &Said, named: &BTreeSet<String>) -> Fate {
    let text = canonical(value);
    if NOTHING_ASKED.iter().any(|(known, default)| *known == path && *default == text) {
        return Fate::NothingAsked;
    }
    let elsewhere = ELSEWHERE.iter().find(|(known, _)| *known == path).and_then(|(_, to)| sent.pointer(to));
    // The same wish in the opposite word.
    let one_call_at_a_time = matches!(
        (path, value),
        ("parallel_tool_calls", Value::Bool(false))
            | ("tool_choice.disable_parallel_tool_use", Value::Bool(true))
    );
    const ONE: &str = "/additionalModelRequestFields/tool_choice/disable_parallel_tool_use";
    if one_call_at_a_time && sent.pointer(ONE) == Some(&Value::Bool(true)) {
        return Fate::Arrived;
    }
    let carried = match value {
        // A number or a truth value is no proof by itself: it must stand in its place.
        Value::Bool(_) | Value::Number(_) => elsewhere.is_some_and(|sent| Said::of(sent).holds(value)),
        _ => elsewhere.is_some() || said.holds(value),
    };
    if carried {
        Fate::Arrived
    } else if is_named(path, named) {
        Fate::Noticed
    } else if STRUCTURE.iter().any(|(known, _)| is(path, known)) {
        Fate::Structure
    } else {
        Fate::Lost
    }
}

fn is(path: &str, known: &str) -> bool {
    known.strip_suffix('*').map_or(path == known, |start| path.starts_with(start))
}

/// A notice about a path names it, or what it is part of.
fn is_named(path: &str, named: &BTreeSet<String>) -> bool {
    let within = |field: &str| {
        let below = |path: &str, field: &str| {
            path.strip_prefix(field).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        // A notice may also be about a part of what is opaque here.
        path == field || below(path, field) || path == "metadata" && below(field, path)
    };
    let mut also = ALSO_NAMED.iter().filter(|(known, _)| path.starts_with(known)).map(|(_, field)| *field);
    named.iter().any(|field| within(field)) || also.any(|field| named.contains(field))
}

/// `messages[2].content[0] (thing)` → `messages[].content[]`.
fn without_indexes(field: &str) -> String {
    let mut parts = field.split(" (").next().unwrap_or(field).split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(']').map_or(part, |(_, rest)| rest);
        out.push_str("[]");
        out.push_str(rest);
    }
    out
}

/// No model, and one of each great family.
fn models() -> Vec<Option<Model>> {
    let context = Context { region: "us-east-1".to_owned() };
    let of = |id: &str| Catalog::built_in().resolve(id, &context).unwrap().model.as_deref().cloned();
    vec![None, of("us.anthropic.claude-sonnet-4-6"), of("us.amazon.nova-2-lite-v1:0")]
}

fn requests(file: &str, read: impl Fn(&[u8]) -> Result<Translated, RequestError>) {
    let Some(exchanges) = recorded::exchanges(file) else { return };
    let (mut table, mut refused) = (Table::default(), 0);
    for exchange in exchanges {
        let body = &exchange["request"]["body"];
        let Ok(translated) = read(&serde_json::to_vec(body).unwrap()) else {
            refused += 1;
            continue;
        };
        for model in models() {
            let prepared = family::apply(translated.clone(), model.as_ref());
            let sent = serde_json::to_value(&prepared.request).unwrap();
            table.request(body, &sent, &prepared.notices);
        }
    }
    println!("{file}: {refused} refused as a whole, with a reason");
    table.judge(file);
}

#[test]
fn key_paths_of_chat_requests() {
    requests("openai-chat.jsonl", |body| openai_chat::translate(body).map(|chat| chat.translated));
}

#[test]
fn key_paths_of_responses_requests() {
    requests("openai-responses.jsonl", |body| {
        openai_responses::translate(body).map(|asked| asked.translated)
    });
}

#[test]
fn key_paths_of_messages_requests() {
    requests("anthropic-messages.jsonl", |body| anthropic::translate(body, &[]));
}

/// Members of Converse's requests whose place says what they are, where they are written in another language.
const WRITTEN_STRUCTURE: &[(&str, &str)] = &[
    ("messages[].content[].cachePoint.type", "the one type there is"),
    ("system[].cachePoint.type", "the one type there is"),
    ("toolConfig.tools[].cachePoint.type", "the one type there is"),
    ("messages[].content[].toolResult.status", "is_error; success says nothing"),
    ("toolConfig.toolChoice.auto{}", "the choice's word"),
    ("toolConfig.toolChoice.any{}", "the choice's word"),
    ("outputConfig.textFormat.type", "the form's word"),
    ("messages[].content[].document.format", "words are words"),
    ("inferenceConfig", "it says nothing"),
];

/// What a client of Bedrock says to a model that does not speak Converse.
#[test]
fn key_paths_of_written_requests() {
    let files = ["bedrock-converse.jsonl", "bedrock-converse-stream.jsonl"];
    for language in [Language::Chat, Language::Messages] {
        let (mut table, mut refused) = (Table::default(), 0);
        for exchange in files.iter().filter_map(|file| recorded::exchanges(file)).flatten() {
            let body = &exchange["request"]["body"];
            let Ok(translated) = upstream::read_request(body.to_string().as_bytes()) else { continue };
            let mut notices = translated.notices;
            let ask = Ask { model: "m", stream: true, calls: Calls::default() };
            let Ok(asked) = upstream::write(language, &translated.request, &ask, &mut notices) else {
                refused += 1;
                continue;
            };
            let sent: Value = serde_json::from_slice(&asked.body).unwrap();
            let mut said = Said::of(&sent);
            said.texts.push_str(&asked.betas.unwrap_or_default());
            table.written(body, &said, &notices);
        }
        println!("{language:?}: {refused} refused, with a reason");
        table.judge(&format!("Converse requests in {language:?}"));
    }
}

/// Members of Converse's answers that every dialect says in its own form; `recorded` compares their values.
const ANSWER_STRUCTURE: &[(&str, &str)] = &[
    ("output.message.role", "an answer is the assistant's"),
    ("stopReason", "each dialect's own word"),
    ("usage.*", "each dialect's own algebra"),
];

#[test]
fn key_paths_of_bedrocks_answers() {
    let Some(exchanges) = recorded::exchanges("bedrock-converse.jsonl") else { return };
    let mut tables: [Table; 3] = Default::default();
    for exchange in exchanges {
        let body = &exchange["response"]["body_json"];
        let response = || serde_json::from_value(body.clone()).unwrap();
        let answers = [
            openai_chat::render_response(response(), &heard::answer()),
            openai_responses::render_response(response(), &heard::answer(), &Default::default()),
            anthropic::render_response(response(), &heard::answer()),
        ];
        let mut found = Vec::new();
        leaves(body, String::new(), &mut found);
        for (table, answer) in tables.iter_mut().zip(answers) {
            let said = said_in_answer(&serde_json::from_slice(&answer).unwrap());
            for (path, value) in &found {
                let fate = match said.holds(value) {
                    _ if ANSWER_STRUCTURE.iter().any(|(known, _)| is(path, known)) => Fate::Structure,
                    true => Fate::Arrived,
                    false => Fate::Lost,
                };
                table.note(path, fate, value);
            }
        }
    }
    for (table, name) in tables.iter().zip(["Chat Completions", "Responses", "Messages"]) {
        table.judge(&format!("Converse answers in {name}"));
    }
}

/// What an answer says; the enclosed reasoning of a Responses item is opened.
fn said_in_answer(answer: &Value) -> Said {
    let mut said = Said::of(answer);
    for item in answer["output"].as_array().into_iter().flatten() {
        let Some(enclosed) = item["encrypted_content"].as_str() else { continue };
        let text = enclosed.strip_prefix("bedrock:").unwrap();
        let json = STANDARD.decode(text).unwrap();
        said.add(&serde_json::from_slice(&json).unwrap());
    }
    said
}

/// Answers that OpenAI and Anthropic gave, read as the history of a conversation and printed again.
fn printed_back(file: &str, history: impl Fn(&Value) -> Option<Value>, print: impl Fn(&[u8]) -> Printed) {
    let Some(exchanges) = recorded::exchanges(file) else { return };
    let (mut table, mut printed) = (Table::default(), 0);
    for exchange in exchanges {
        let Some(mut body) = history(&assembled::answer(&exchange)) else { continue };
        let (answer, notices) = print(&serde_json::to_vec(&body).unwrap());
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        body.as_object_mut().unwrap().remove("max_tokens");
        table.request(&body, &answer, &notices);
        printed += 1;
    }
    table.judge(&format!("{printed} answers of {file}, whole and streamed, printed back"));
    assert!(printed >= 20);
}

type Printed = (Vec<u8>, Notices);

fn as_answer(translated: &Translated) -> ConverseResponse {
    let message = translated.request.messages.last().cloned();
    let content = message.map(|message| message.content).unwrap_or_default();
    ConverseResponse {
        output: Output::Message(Message { role: Role::Assistant, content }),
        stop_reason: StopReason::EndTurn,
        usage: Usage::default(),
        metrics: None,
        additional_model_response_fields: None,
        trace: None,
        performance_config: None,
        service_tier: None,
    }
}

#[test]
fn key_paths_of_anthropics_answers() {
    let history = |answer: &Value| {
        let content = answer["content"].as_array().filter(|content| !content.is_empty())?;
        Some(json!({"max_tokens": 1, "messages": [{"role": "assistant", "content": content}]}))
    };
    printed_back("anthropic-messages.jsonl", history, |body| {
        let translated = anthropic::translate(body, &[]).unwrap();
        let answer = anthropic::render_response(as_answer(&translated), &heard::answer());
        (answer, translated.notices)
    });
}

#[test]
fn key_paths_of_openais_chat_answers() {
    let history = |answer: &Value| {
        let message = answer["choices"][0]["message"].as_object()?;
        // The form that OpenAI retired is refused by name.
        if message.contains_key("function_call") {
            return None;
        }
        Some(json!({"messages": [message]}))
    };
    printed_back("openai-chat.jsonl", history, |body| {
        let translated = openai_chat::translate(body).unwrap().translated;
        let answer = openai_chat::render_response(as_answer(&translated), &heard::answer());
        (answer, translated.notices)
    });
}

#[test]
fn key_paths_of_openais_responses() {
    let history = |answer: &Value| {
        let output = answer["output"].as_array().filter(|output| !output.is_empty())?;
        Some(json!({"input": output}))
    };
    printed_back("openai-responses.jsonl", history, |body| {
        let asked = openai_responses::translate(body).unwrap();
        let answer = as_answer(&asked.translated);
        let answer = openai_responses::render_response(answer, &heard::answer(), &asked.echo);
        (answer, asked.translated.notices)
    });
}
