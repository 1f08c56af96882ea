//! What a model has refused before is not sent to it again.

use super::Draft;
use super::policy::SCHEMA_WORDS;
use crate::bedrock::{ContentBlock, ConverseRequest, InferenceConfig, SystemBlock, Tool};
use crate::lesson::{BOTH, BUDGET, Refused};
use crate::{Json, Notices};

/// Leaves out the members that this model has refused, where they were refused with the same beta features.
///
/// Source: `bedrock.md` §5 (`Extra inputs are not permitted`, `This model doesn't support the stopSequences field`).
pub(super) fn leave_out_what_was_refused(
    request: &mut ConverseRequest,
    refused: &[Refused],
    betas: &[String],
    notices: &mut Notices,
) {
    for refused in refused.iter().filter(|refused| refused.concerns(betas)) {
        if is_left_out(request, refused) {
            notices.dropped(refused.path.as_str(), "this model has refused it before");
        }
    }
}

/// Whether a Converse body would be another one without the member that was refused.
pub fn holds(body: &[u8], refused: &Refused) -> bool {
    let is_in = str::from_utf8(body).is_ok_and(|body| refused.is_in(body));
    let request = || serde_json::from_slice::<ConverseRequest>(body);
    is_in || request().is_ok_and(|mut request| is_left_out(&mut request, refused))
}

/// Whether the model has refused before to be given a budget for its reasoning: it takes an effort.
///
/// Source: `bedrock.md` §5 (`"thinking.type.enabled" is not supported for this model.`).
pub(super) fn refuses_budgets(draft: &Draft<'_>) -> bool {
    draft.terms.refused.iter().any(|refused| refused.path == BUDGET)
}

/// Whether the model has refused temperature and top_p together before.
///
/// Source: `bedrock.md` §5 (`` `temperature` and `top_p` cannot both be specified for this model.``).
pub(super) fn refuses_both(draft: &Draft<'_>) -> bool {
    draft.terms.refused.iter().any(|refused| refused.path == BOTH)
}

/// Whether the model has refused before to have the form of its answer prescribed.
pub(super) fn refuses_schemas(draft: &Draft<'_>) -> bool {
    has_refused(draft, &SCHEMA_WORDS)
}

/// Whether the model has refused before to be forced to use a tool.
pub(super) fn refuses_forced_tools(draft: &Draft<'_>) -> bool {
    let words = [
        "tool_choice",
        "toolChoice",
        "toolConfig.toolChoice",
        "toolConfig.toolChoice.any",
        "toolConfig.toolChoice.tool",
    ];
    has_refused(draft, &words)
}

fn has_refused(draft: &Draft<'_>, words: &[&str]) -> bool {
    let mut refused = draft.terms.refused.iter().filter(|refused| refused.concerns(&draft.betas));
    refused.any(|refused| words.contains(&refused.path.as_str()))
}

fn is_left_out(request: &mut ConverseRequest, refused: &Refused) -> bool {
    member_left_out(request, &refused.path) || native_left_out(request, refused)
}

/// Members of Converse itself, under its own name and under the native one.
fn member_left_out(request: &mut ConverseRequest, path: &str) -> bool {
    let output = &mut request.output_config;
    match path {
        "output_config" | "outputConfig" => output.take().is_some(),
        "output_config.effort" | "outputConfig.effort" => {
            output.as_mut().is_some_and(|output| output.effort.take().is_some())
        }
        "output_config.format" | "output_format" | "outputConfig.textFormat" => {
            output.as_mut().is_some_and(|output| output.text_format.take().is_some())
        }
        "tools.*.custom.strict" | "tools.*.strict" | "strict" => strict_left_out(request),
        "tool_choice"
        | "toolChoice"
        | "toolConfig.toolChoice"
        | "toolConfig.toolChoice.any"
        | "toolConfig.toolChoice.tool" => {
            request.tool_config.as_mut().is_some_and(|config| config.tool_choice.take().is_some())
        }
        "cachePoint" => points_left_out(request),
        path => request.inference_config.as_mut().is_some_and(|config| parameter_left_out(config, path)),
    }
}

fn parameter_left_out(config: &mut InferenceConfig, path: &str) -> bool {
    match path.trim_start_matches("inferenceConfig.") {
        "temperature" => config.temperature.take().is_some(),
        "top_p" | "topP" => config.top_p.take().is_some(),
        "stop_sequences" | "stopSequences" => !std::mem::take(&mut config.stop_sequences).is_empty(),
        _ => false,
    }
}

fn strict_left_out(request: &mut ConverseRequest) -> bool {
    let tools = request.tool_config.iter_mut().flat_map(|config| &mut config.tools);
    tools.fold(false, |left_out, tool| match tool {
        Tool::Spec(spec) => spec.strict.take().is_some() || left_out,
        _ => left_out,
    })
}

fn points_left_out(request: &mut ConverseRequest) -> bool {
    let mut left_out = false;
    let mut keep = |is_point: bool| {
        left_out |= is_point;
        !is_point
    };
    request.system.retain(|block| keep(matches!(block, SystemBlock::CachePoint(_))));
    for message in &mut request.messages {
        message.content.retain(|block| keep(matches!(block, ContentBlock::CachePoint(_))));
    }
    if let Some(config) = &mut request.tool_config {
        config.tools.retain(|tool| keep(matches!(tool, Tool::CachePoint(_))));
    }
    left_out
}

/// Members that are the model's alone.
fn native_left_out(request: &mut ConverseRequest, refused: &Refused) -> bool {
    let fields = request.additional_model_request_fields.as_ref();
    let without = fields.and_then(|fields| refused.left_out_of(fields.get()));
    let Some(without) = without.and_then(|without| Json::parse(without).ok()) else { return false };
    request.additional_model_request_fields = Some(without).filter(|without| without.get() != "{}");
    true
}
