//! Prompts of Agents for Amazon Bedrock, as far as they can be invoked: the model of the default variant answers.
//!
//! There are no versions but the draft, and a template is not put before the messages of a call.

use serde_json::{Value, json};

use super::resource::{self, Kind, Resource};
use super::{Context, text};
use crate::failure::Failure;
use crate::reply::Reply;

/// The length of a prompt's id (botocore, `PromptId`), which is shorter than others'.
const ID_LENGTH: usize = 10;

/// `POST /prompts/` → 201.
///
/// # Errors
/// Conflict.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let id: String = resource::new_id(ctx.state).chars().take(ID_LENGTH).collect();
    let mut prompt = ctx.resource(Kind::Prompt, &format!("prompt/{id}"), &id, text(&input, "name"));
    let members = ["name", "description", "customerEncryptionKeyArn", "defaultVariant", "variants"];
    prompt.copy(&input, &members);
    prompt.set("id", id);
    prompt.set("arn", prompt.arn.clone());
    prompt.set("version", "DRAFT");
    prompt.set("createdAt", prompt.created_at.clone());
    prompt.set("updatedAt", prompt.created_at.clone());
    // Tags are a map here, and nothing of the emulator's asks for those of a prompt.
    let made = resource::add(ctx, prompt, &Value::Null, "tags")?;
    Ok(ctx.answer(Value::Object(made.document)))
}

/// `GET /prompts/{id or ARN}/`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::Prompt, text(&input, "promptIdentifier"))
}

/// `DELETE /prompts/{id or ARN}/`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let prompt = resource::find(ctx, Kind::Prompt, text(&input, "promptIdentifier"))?;
    resource::remove(ctx, Kind::Prompt, &prompt.id)?;
    Ok(ctx.answer(json!({ "id": prompt.id })))
}

/// The model of the default variant; of one that names none, of the first.
pub(crate) fn model(prompt: &Resource) -> Option<String> {
    let variants = prompt.document.get("variants")?.as_array()?;
    let wanted = prompt.text("defaultVariant");
    let default = variants.iter().find(|it| wanted.is_some() && it["name"].as_str() == wanted);
    default.or(variants.first())?["modelId"].as_str().map(str::to_owned)
}
