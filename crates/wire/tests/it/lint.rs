//! Converse's rules as a judge of what goes out (`reliability.md` §1.4; botocore's patterns).

use outcrop_catalog::{Model, ParameterRule, ReasoningMode};
use outcrop_wire::JsonText;
use outcrop_wire::bedrock::{ContentBlock, ConverseRequest, Role, SystemBlock, Tool, ToolResultBlock};
use serde_json::Value;

/// Panics with the rule that `request` breaks.
pub fn check(request: &ConverseRequest) {
    let blank = |text: &JsonText| text.to_str().trim().is_empty();
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

/// Panics with the rule of the model's that `request` breaks, as far as the catalog knows them.
pub fn check_for(request: &ConverseRequest, model: &Model) {
    check(request);
    let config = request.inference_config.clone().unwrap_or_default();
    let fields: Value = request
        .additional_model_request_fields
        .as_ref()
        .map_or(Value::Null, |fields| serde_json::from_str(fields.get()).unwrap());
    if let Some(limit) = model.limits.max_output_tokens {
        assert!(config.max_tokens.is_some_and(|tokens| tokens <= limit), "maxTokens {:?}", config.max_tokens);
    }
    let refused = |rule: &Option<ParameterRule>| rule.as_ref().is_some_and(|rule| !rule.allowed);
    assert!(!(refused(&model.parameters.temperature) && config.temperature.is_some()), "temperature");
    assert!(!(refused(&model.parameters.top_p) && config.top_p.is_some()), "topP");
    assert!(!(refused(&model.parameters.top_k) && fields.get("top_k").is_some()), "topK");
    assert!(!refused(&model.parameters.stop_sequences) || config.stop_sequences.is_empty(), "stopSequences");
    assert!(
        model.parameters.conflicts.is_empty() || config.temperature.is_none() || config.top_p.is_none(),
        "conflict"
    );
    assert!(config.temperature.is_none_or(|value| (0.0..=1.0).contains(&value)), "temperature out of range");
    let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    assert!(model.capabilities.forced_tools != Some(false) || choice.is_none(), "forced tool");
    let thinking = &fields["thinking"];
    let mode = model.capabilities.reasoning.as_ref().map(|reasoning| reasoning.mode);
    match thinking["type"].as_str() {
        Some("enabled") => {
            assert!(matches!(mode, Some(ReasoningMode::Budget | ReasoningMode::BudgetOrAdaptive)), "budget");
            let budget = thinking["budget_tokens"].as_u64().unwrap();
            assert!(
                budget >= 1024 && budget < config.max_tokens.unwrap(),
                "budget {budget} of {:?}",
                config.max_tokens
            );
            assert!(config.temperature.is_none_or(|value| value == 1.0), "temperature while thinking");
            assert!(config.top_p.is_none_or(|value| value >= 0.95), "topP while thinking");
            assert!(fields.get("top_k").is_none() && choice.is_none(), "topK or forced tool while thinking");
        }
        Some(_) => assert!(
            matches!(mode, Some(ReasoningMode::Adaptive | ReasoningMode::BudgetOrAdaptive)),
            "adaptive"
        ),
        None => {}
    }
    let native_effort = fields.get("reasoning_effort").is_some();
    assert!(!native_effort || mode == Some(ReasoningMode::Effort), "reasoning_effort");
    assert!(
        fields.get("reasoningConfig").is_none() || mode == Some(ReasoningMode::NovaEffort),
        "reasoningConfig"
    );
}

fn is_name(name: &str, also: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}
