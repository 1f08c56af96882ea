//! Relayed Messages bodies: parameters and betas that the model does not take are repaired, every other byte stays.

use outcrop_catalog::{Catalog, Model};
use outcrop_wire::Notices;
use outcrop_wire::envelope::{self, Members};
use outcrop_wire::family::{ParameterPolicy, Terms};
use outcrop_wire::lesson::Refused;
use serde_json::Value;

const HAIKU_3: &str = "anthropic.claude-3-haiku-20240307-v1:0";
const SONNET_4_5: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const OPUS_4_5: &str = "anthropic.claude-opus-4-5-20251101-v1:0";
const OPUS_5_5: &str = "anthropic.claude-opus-5-5";

fn model(id: &str) -> Model {
    Catalog::built_in().model(id).unwrap().as_ref().clone()
}

fn relayed(id: &str, members: &str, headers: &[&str], terms: &Terms<'_>) -> (String, Vec<String>) {
    let body = format!(r#"{{"model":"m","messages":[ {{"role":"user", "content":"a\u0062"}} ],{members}}}"#);
    let mut notices = Notices::default();
    let members = Members::read(body.as_bytes()).unwrap();
    let relayed = envelope::relay_messages_to(Some(&model(id)), &members, headers, terms, &mut notices);
    let relayed = relayed.map(|relayed| String::from_utf8(relayed).unwrap());
    let relayed = relayed.unwrap_or_else(|error| format!("{error}"));
    assert!(
        !relayed.starts_with('{')
            || relayed.contains(r#""messages":[ {"role":"user", "content":"a\u0062"} ]"#)
    );
    (relayed, notices.iter().map(|notice| format!("{} {}", notice.rule, notice.field)).collect())
}

/// Members after the envelope, as they went out.
fn members(relayed: &str, names: &[&str]) -> Vec<Value> {
    let body: Value = serde_json::from_str(relayed).unwrap();
    names.iter().map(|name| body[*name].clone()).collect()
}

#[test]
fn what_a_model_takes_travels_untouched() {
    let table = [
        (HAIKU_3, r#""max_tokens":100,"temperature":0.50,"top_p":9.0e-1,"top_k":5,"x":{"a": 1}"#),
        (
            SONNET_4_5,
            r#""max_tokens":4096,"thinking":{"type":"enabled", "budget_tokens":2048, "new": 1},"temperature":1"#,
        ),
        (SONNET_4_5, r#""max_tokens":4096,"thinking":{"type": "disabled"},"tool_choice":{"type":"any"}"#),
        (
            OPUS_5_5,
            r#""max_tokens":4096,"thinking":{"type":"adaptive","display": "omitted"},"output_config":{"effort": "max"}"#,
        ),
        (OPUS_5_5, r#""max_tokens":10,"stop_sequences":["x"],"metadata":{"user_id":"u"}"#),
        (
            OPUS_5_5,
            r#""max_tokens":10,"thinking":7,"temperature":"warm","tool_choice":[],"output_config":null"#,
        ),
    ];
    for (id, sent) in table {
        let (relayed, notices) = relayed(id, sent, &[], &Terms::default());
        if sent.contains("warm") {
            assert!(relayed.contains(sent), "what cannot be read is for AWS to judge: {relayed}");
        }
        assert!(relayed.ends_with(&format!("{sent}}}")), "{id}: {relayed}");
        assert!(notices.is_empty(), "{id}: {notices:?}");
    }
}

#[test]
fn what_it_does_not_take_is_repaired_and_said() {
    let table = [
        (
            OPUS_5_5,
            r#""max_tokens":10,"temperature":0.5,"top_p":0.9,"top_k":4"#,
            vec![("temperature", "null"), ("top_p", "null"), ("top_k", "null"), ("max_tokens", "10")],
            vec!["dropped temperature", "dropped top_p", "dropped top_k"],
        ),
        (
            OPUS_5_5,
            r#""max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8192},"output_config":{"format":{"a": 1}}"#,
            vec![
                ("thinking", r#"{"type":"adaptive"}"#),
                ("output_config", r#"{"effort":"medium","format":{"a":1}}"#),
            ],
            vec!["rewritten thinking.budget_tokens"],
        ),
        (
            OPUS_5_5,
            r#""max_tokens":10,"thinking":{"type":"disabled"},"tool_choice":{"type":"any","disable_parallel_tool_use":true}"#,
            vec![
                ("thinking", "null"),
                ("tool_choice", r#"{"disable_parallel_tool_use":true,"type":"auto"}"#),
            ],
            vec!["dropped reasoning", "rewritten tool_choice"],
        ),
        (
            SONNET_4_5,
            r#""max_tokens":4096,"thinking":{"type":"adaptive","display":"omitted"},"temperature":0.3"#,
            vec![
                ("thinking", r#"{"budget_tokens":2048,"display":"omitted","type":"enabled"}"#),
                ("temperature", "null"),
            ],
            vec!["rewritten reasoning_effort", "dropped temperature"],
        ),
        (
            SONNET_4_5,
            r#""max_tokens":10,"temperature":0.3,"top_p":0.5"#,
            vec![("temperature", "0.3"), ("top_p", "null")],
            vec!["dropped top_p"],
        ),
        (
            SONNET_4_5,
            r#""max_tokens":999999,"thinking":{"type":"enabled","budget_tokens":100}"#,
            vec![("max_tokens", "64000"), ("thinking", r#"{"budget_tokens":1024,"type":"enabled"}"#)],
            vec!["clamped max_tokens", "clamped thinking.budget_tokens"],
        ),
        (
            SONNET_4_5,
            r#""max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":2000},"tool_choice":{"type":"tool","name":"a"}"#,
            vec![("max_tokens", "4000"), ("tool_choice", "null")],
            vec!["rewritten max_tokens", "rewritten tool_choice"],
        ),
        (
            HAIKU_3,
            r#""max_tokens":10,"temperature":1.5,"thinking":{"type":"enabled","budget_tokens":2000}"#,
            vec![("temperature", "1.0"), ("thinking", "null")],
            vec!["dropped reasoning", "clamped temperature"],
        ),
        (
            OPUS_4_5,
            r#""max_tokens":10,"output_config":{"effort":"max"}"#,
            vec![("output_config", r#"{"effort":"high"}"#)],
            vec!["clamped effort"],
        ),
        (
            HAIKU_3,
            r#""max_tokens":10,"output_config":{"effort":"max"}"#,
            vec![("output_config", "null")],
            vec!["dropped effort"],
        ),
    ];
    for (id, sent, expected, told) in table {
        let (relayed, notices) = relayed(id, sent, &[], &Terms::default());
        for (name, value) in expected {
            assert_eq!(
                members(&relayed, &[name])[0],
                serde_json::from_str::<Value>(value).unwrap(),
                "{id} {name}: {relayed}"
            );
        }
        assert_eq!(notices, told, "{id}: {sent}");
        let again = relayed.trim_start_matches('{').trim_end_matches('}').to_owned();
        assert!(!again.contains("warm"));
    }
}

#[test]
fn a_strict_gateway_refuses_what_it_would_repair() {
    let terms = Terms { parameters: ParameterPolicy::Refuse, ..Terms::default() };
    let (refusal, notices) = relayed(OPUS_5_5, r#""max_tokens":10,"temperature":0.5"#, &[], &terms);
    assert_eq!(refusal, "`temperature` is 0.5; anthropic.claude-opus-5-5 takes none");
    assert!(notices.is_empty());
    let (relayed, _) = relayed(OPUS_5_5, r#""max_tokens":10"#, &[], &terms);
    assert!(relayed.starts_with('{'));
}

#[test]
fn betas_go_by_what_the_catalog_says_of_the_model() {
    let headers =
        ["context-1m-2025-08-07,files-api-2025-04-14", "advanced-tool-use-2025-11-20", "of-tomorrow"];
    let sent = r#""max_tokens":10,"anthropic_beta":["context-management-2025-06-27","skills-2025-10-02"]"#;
    let (relayed, notices) = relayed(SONNET_4_5, sent, &headers, &Terms::default());
    let expected = [
        "context-management-2025-06-27",
        "context-1m-2025-08-07",
        "tool-search-tool-2025-10-19",
        "tool-examples-2025-10-29",
        "of-tomorrow",
    ];
    assert_eq!(members(&relayed, &["anthropic_beta"])[0], serde_json::json!(expected));
    assert_eq!(notices, ["dropped anthropic-beta", "dropped anthropic-beta", "rewritten anthropic-beta"]);
}

/// What a model has refused before goes out no more, wherever it stands.
#[test]
fn lessons_are_applied() {
    let refused = |path: &str| Refused { path: path.to_owned(), betas: Vec::new() };
    let lessons = [refused("context_management"), refused("tools.*.custom.defer_loading"), refused("other")];
    let terms = Terms { refused: &lessons, ..Terms::default() };
    let sent = r#""max_tokens":10,"context_management":{"edits":[]},"tools":[{"name":"a","defer_loading":true,"input_schema":{"x": 1}}]"#;
    let (relayed, notices) = relayed(SONNET_4_5, sent, &[], &terms);
    assert!(
        relayed.ends_with(r#""max_tokens":10,"tools":[{"name":"a","input_schema":{"x": 1}}]}"#),
        "{relayed}"
    );
    assert_eq!(notices, ["dropped context_management", "dropped tools.*.custom.defer_loading"]);
}

/// The beginning of an answer: kept where the model takes it, else one turn more asks to go on, and nothing else changes.
#[test]
fn a_prefilled_answer_is_gone_on_with() {
    let relay = |id: &str, turns: &str| {
        let body = format!(r#"{{"model":"m","max_tokens":9,"messages":{turns}}}"#);
        let mut notices = Notices::default();
        let terms = Terms::default();
        let members = Members::read(body.as_bytes()).unwrap();
        let relayed = envelope::relay_messages_to(Some(&model(id)), &members, &[], &terms, &mut notices);
        (String::from_utf8(relayed.unwrap()).unwrap(), notices.iter().count())
    };
    let user = r#"{"role":"user","content":"a\u0062 \"role\":\"assistant\""}"#;
    let prefilled =
        format!(r#"[ {user}, {{"content": [{{"type":"text","text":"{{"}}],"role" : "assistant"}} ] "#);
    let (relayed, notices) = relay(SONNET_4_5, &prefilled);
    assert!(relayed.contains(prefilled.trim_end()) && notices == 0, "it takes it: {relayed}");
    let (relayed, notices) = relay(OPUS_5_5, &prefilled);
    let kept = prefilled.trim_end().strip_suffix(']').unwrap();
    let asked = r#",{"role":"user","content":"Go on exactly where your last message ends."}]"#;
    assert!(relayed.contains(&format!("{kept}{asked}")), "{relayed}");
    assert_eq!(notices, 1);
    let called = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[]}],"x":{"role":"assistant"}}"#;
    for turns in [format!("[{user}]"), format!("[{user},{called}]"), "[]".to_owned(), "7".to_owned()] {
        let (relayed, notices) = relay(OPUS_5_5, &turns);
        assert!(relayed.contains(&turns) && notices == 0, "{relayed}");
    }
    let escaped = format!(r#"[{user},{{"role":"\u0061ssistant","content":"x"}}]"#);
    assert_eq!(relay(OPUS_5_5, &escaped).1, 1);
}
