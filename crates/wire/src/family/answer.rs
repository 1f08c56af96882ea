//! The form of the answer.

use serde::Serialize;

use super::Draft;
use super::lessons::refuses_schemas;
use crate::Json;
use crate::dialect::{AnswerForm, AnswerSchema};

/// A JSON schema goes into Converse's `outputConfig` where the catalog knows that the model enforces it.
///
/// Source: `bedrock.md` §2.1 (`outputConfig.textFormat`; the schema is a string).
pub(super) fn shape_answer(draft: &mut Draft<'_>) {
    let schema = match draft.intent.answer.take() {
        None => return,
        Some(AnswerForm::AnyJson) => {
            return draft
                .notices
                .dropped("response_format", "Bedrock enforces schemas only; ask for JSON in the prompt");
        }
        Some(AnswerForm::Schema(schema)) => schema,
    };
    if draft.model.is_some_and(|model| model.capabilities.structured_output != Some(true)) {
        return draft
            .notices
            .dropped("response_format", "the catalog does not know that this model enforces a schema");
    }
    if refuses_schemas(draft) {
        return draft.notices.dropped("response_format", "this model has refused schemas before");
    }
    let AnswerSchema { schema, name, description } = &schema;
    let json_schema =
        JsonSchema { schema: schema.get(), name: name.as_deref(), description: description.as_deref() };
    let format = TextFormat { kind: "json_schema", structure: Structure { json_schema } };
    let format = Json::of(&format).expect("texts are JSON");
    draft.request.output_config.get_or_insert_default().text_format = Some(format);
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
