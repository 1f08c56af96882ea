//! What a model has refused before goes out no more, and what follows from that.

use outcrop_catalog::{Catalog, Model};
use outcrop_wire::family::{self, Prepared, Terms};
use outcrop_wire::lesson::Refused;
use outcrop_wire::openai_chat;
use serde_json::{Value, json};

const SONNET_4_5: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn model() -> Model {
    Catalog::built_in().model(SONNET_4_5).unwrap().as_ref().clone()
}

/// The lesson of one refusal, as the gateway learns it.
fn lesson(message: &str) -> Refused {
    Refused::of(message, &[]).remove(0)
}

fn prepared(more: &Value, refused: &[Refused]) -> Prepared {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let chat = openai_chat::translate(&serde_json::to_vec(&body).unwrap()).unwrap();
    family::apply_under(chat.translated, Some(&model()), &Terms { refused, ..Terms::default() }).unwrap()
}

/// Every kind of member that can be refused in Converse: it is found in the body that was refused, it is gone from the
/// next one, and a notice says so.
#[test]
fn each_member_is_found_left_out_and_said() {
    let tool = json!({"tools": [{"type": "function", "function": {"name": "a", "strict": true, "parameters": {"type": "object"}}}]});
    let forced = json!({"tools": tool["tools"], "tool_choice": "required"});
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}});
    let table = [
        (json!({"temperature": 0.5}), "`temperature` is deprecated for this model.", "\"temperature\""),
        (
            json!({"top_p": 0.5}),
            "This model doesn't support the topP field. Remove topP and try again.",
            "\"topP\"",
        ),
        (
            json!({"stop": ["x"]}),
            "This model doesn't support the stopSequences field. Remove",
            "\"stopSequences\"",
        ),
        (
            json!({"top_k": 7}),
            "The model returned the following errors: top_k: Extra inputs are not permitted",
            "top_k",
        ),
        (
            tool,
            "The model returned the following errors: tools.0.custom.strict: Extra inputs are not permitted",
            "strict",
        ),
        (forced, "This model doesn't support the toolConfig.toolChoice.any field. Remove", "toolChoice"),
        (
            json!({}),
            "This model doesn\u{2019}t support the cachePoint field. Remove cachePoint and try again.",
            "cachePoint",
        ),
        (schema, "output_config.format: Extra inputs are not permitted", "textFormat"),
    ];
    for (more, message, word) in table {
        let lesson = lesson(message);
        let before = serde_json::to_vec(&prepared(&more, &[]).request).unwrap();
        assert!(String::from_utf8_lossy(&before).contains(word), "{word} is not sent at all");
        assert!(family::holds(&before, &lesson), "{message}");
        let after = prepared(&more, std::slice::from_ref(&lesson));
        let sent = serde_json::to_vec(&after.request).unwrap();
        assert!(!String::from_utf8_lossy(&sent).contains(word), "{word} is sent again");
        assert!(!family::holds(&sent, &lesson), "{message}");
        let told = |field: &str| after.notices.iter().any(|notice| notice.field == field);
        assert!(told(&lesson.path) || told("response_format"), "{:?}", after.notices);
    }
}

/// A model that refuses a schema is made to answer by a tool; one that refuses that as well is asked in words.
#[test]
fn a_refused_schema_becomes_a_tool_and_a_refused_tool_becomes_words() {
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}});
    let no_schema = lesson("output_config.format: Extra inputs are not permitted");
    let by_tool = prepared(&schema, std::slice::from_ref(&no_schema));
    let tool = by_tool.names.answer().unwrap();
    assert!(by_tool.request.tool_config.is_some() && !tool.wrapped);
    let no_force =
        lesson("This model doesn't support the toolConfig.toolChoice.tool field. Remove it and try again.");
    let in_words = prepared(&schema, &[no_schema, no_force]);
    assert!(in_words.names.is_empty() && in_words.request.tool_config.is_none());
    assert_eq!(in_words.request.system.len(), 1);
}
