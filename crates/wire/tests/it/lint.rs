//! Converse's rules as a judge of what goes out (`reliability.md` §1.4; botocore's patterns).

use outcrop_wire::bedrock::{ContentBlock, ConverseRequest, Role, SystemBlock, Tool, ToolResultBlock};

/// Panics with the rule that `request` breaks.
pub fn check(request: &ConverseRequest) {
    let blank = |text: &str| text.trim().is_empty();
    for pair in request.messages.windows(2) {
        assert_ne!(pair[0].role, pair[1].role, "roles must alternate");
    }
    for block in &request.system {
        assert!(!matches!(block, SystemBlock::Text(text) if blank(text)), "blank system text");
    }
    let mut documents = Vec::new();
    for message in &request.messages {
        assert!(!message.content.is_empty(), "empty turn");
        assert!(!matches!(message.content[0], ContentBlock::CachePoint(_)), "a cache point opens a turn");
        let mut others = false;
        for block in &message.content {
            match block {
                ContentBlock::Text(text) => assert!(!blank(text), "blank text"),
                ContentBlock::ToolUse(call) => {
                    assert!(is_name(&call.name, "_-"), "tool name {}", call.name);
                    assert!(is_name(&call.tool_use_id, "_-.:"), "id {}", call.tool_use_id);
                    assert!(call.input.is_object(), "input must be an object");
                    assert!(
                        call.tool_type.is_some() || request.tool_config.is_some(),
                        "tools must be declared"
                    );
                }
                ContentBlock::ToolResult(result) => {
                    assert!(!others, "results come first");
                    assert!(is_name(&result.tool_use_id, "_-.:"), "id {}", result.tool_use_id);
                    for block in &result.content {
                        assert!(!matches!(block, ToolResultBlock::Text(text) if blank(text)), "blank result");
                    }
                }
                ContentBlock::Document(document) => documents.push(document.name.clone()),
                _ => {}
            }
            others |= !matches!(block, ContentBlock::ToolResult(_) | ContentBlock::CachePoint(_));
        }
        let has = |wanted: fn(&ContentBlock) -> bool| message.content.iter().any(wanted);
        if message.role == Role::User && has(|block| matches!(block, ContentBlock::Document(_))) {
            assert!(has(|block| matches!(block, ContentBlock::Text(_))), "a document needs text");
        }
    }
    let count = documents.len();
    documents.sort();
    documents.dedup();
    assert_eq!(documents.len(), count, "document names must differ");
    if let Some(config) = &request.tool_config {
        assert!(!config.tools.is_empty(), "toolConfig without tools");
        for tool in &config.tools {
            if let Tool::Spec(spec) = tool {
                assert!(is_name(&spec.name, "_-"), "tool name {}", spec.name);
            }
        }
    }
}

fn is_name(name: &str, also: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}
