//! The form of the answer: enforced by the model where it does that, else made by a tool, else asked for in words.

use serde::Serialize;

use super::lessons::{refuses_forced_tools, refuses_schemas};
use super::{Draft, Family, ThinkingState};
use crate::Json;
use crate::bedrock::{Empty, InputSchema, NamedTool, SystemBlock, Tool, ToolChoice, ToolConfig, ToolSpec};
use crate::dialect::{AnswerForm, AnswerSchema};
use crate::formed::{AnswerTool, tool_schema};

/// A JSON schema goes into Converse's `outputConfig` where the catalog knows that the model enforces it, and it has not
/// refused that before. Elsewhere, and for any JSON, the model is made to call a tool with the schema, and its arguments
/// are the answer. Where no tool can be forced (while Claude thinks, and on models that refuse it), the form is asked for
/// in words, and the notice says that nobody enforces it.
///
/// Source: `bedrock.md` §2.1 (`outputConfig.textFormat`; the schema is a string), §6.1 (forced tool choice);
/// `peers.md` (`output_config.format: Extra inputs are not permitted`: a forced tool instead, remembered per model).
pub(super) fn shape_answer(draft: &mut Draft<'_>) {
    let Some(form) = draft.intent.answer.take() else { return };
    match (&form, force(draft)) {
        (AnswerForm::Schema(schema), _) if enforces_schemas(draft) => set_schema(draft, schema),
        (_, Force::Tool) => by_tool(draft, &form),
        (_, Force::Claimed) => {
            let why = "a call is forced, so the answer is its arguments";
            draft.notices.dropped("response_format", why);
        }
        (_, Force::Impossible(why)) => in_words(draft, &form, why),
    }
}

fn enforces_schemas(draft: &Draft<'_>) -> bool {
    draft.model.is_none_or(|model| model.capabilities.structured_output == Some(true))
        && !refuses_schemas(draft)
}

fn set_schema(draft: &mut Draft<'_>, schema: &AnswerSchema) {
    let AnswerSchema { schema, name, description } = schema;
    let json_schema =
        JsonSchema { schema: schema.get(), name: name.as_deref(), description: description.as_deref() };
    let format = TextFormat { kind: "json_schema", structure: Structure { json_schema } };
    let format = Json::of(&format).expect("texts are JSON");
    draft.request.output_config.get_or_insert_default().text_format = Some(format);
}

/// Whether the model can be made to call a tool.
enum Force {
    Tool,
    /// The client forces one of its own.
    Claimed,
    /// And why not.
    Impossible(&'static str),
}

fn force(draft: &Draft<'_>) -> Force {
    let choice = draft.request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    let thinks =
        draft.thinking == ThinkingState::Budget || draft.is_thinking() && draft.family() == Family::Anthropic;
    let Some(model) = draft.model else { return Force::Impossible("the catalog does not know the model") };
    let able = model.capabilities.tools == Some(true) && model.capabilities.forced_tools != Some(false);
    match choice {
        Some(ToolChoice::Tool(_)) => Force::Claimed,
        _ if thinks => Force::Impossible("no tool can be forced while it thinks"),
        _ if !able || refuses_forced_tools(draft) => {
            Force::Impossible("it is not known to enforce a schema, nor that a tool can be forced on it")
        }
        _ => Force::Tool,
    }
}

/// Beside tools that the client offers the model chooses: one of them, or the answer.
fn by_tool(draft: &mut Draft<'_>, form: &AnswerForm) {
    const NAME: &str = "give_answer";
    const WHY: &str = "Give your answer by calling this tool. The arguments are the whole answer.";
    let (schema, description) = match form {
        AnswerForm::Schema(schema) => (schema.schema.clone(), schema.description.as_deref()),
        AnswerForm::AnyJson => (any_object(), None),
    };
    let (schema, wrapped) = tool_schema(&schema);
    let offers_tools = draft.offers_tools && !draft.intent.no_tool_calls;
    let config = draft.request.tool_config.get_or_insert(ToolConfig { tools: Vec::new(), tool_choice: None });
    let is_taken =
        |name: &str| config.tools.iter().any(|tool| matches!(tool, Tool::Spec(spec) if spec.name == name));
    let mut name = NAME.to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    config.tools.push(Tool::Spec(ToolSpec {
        name: name.clone(),
        description: Some(
            description.map_or(WHY.into(), |description| format!("{WHY} {description}").into()),
        ),
        input_schema: InputSchema { json: schema },
        strict: None,
    }));
    config.tool_choice = Some(match offers_tools {
        true => ToolChoice::Any(Empty {}),
        false => ToolChoice::Tool(NamedTool { name: name.clone() }),
    });
    // Two choices cannot stand together; the one that is made here is of one call.
    draft.fields.remove("tool_choice");
    draft.names.answer_with(AnswerTool { name, wrapped });
    let done = "the model answers by calling a tool with this schema; the arguments are the answer";
    draft.notices.push("rewritten", "response_format", done);
}

fn any_object() -> Json {
    Json::parse(r#"{"type":"object","additionalProperties":true}"#).expect("the text is JSON")
}

fn in_words(draft: &mut Draft<'_>, form: &AnswerForm, why: &str) {
    const ONLY: &str = "Answer with JSON only: no other words before or after it, and no code fence.";
    let text = match form {
        AnswerForm::AnyJson => format!("{ONLY} It is one object."),
        AnswerForm::Schema(schema) => format!("{ONLY} It fits this JSON schema:\n{}", schema.schema.get()),
    };
    draft.request.system.push(SystemBlock::Text(text.into()));
    let done = format!("asked for in the system prompt, nobody enforces it: {why}");
    draft.notices.push("rewritten", "response_format", done);
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}
