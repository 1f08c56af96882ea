//! `ListFoundationModels` and `GetFoundationModel`.

use std::sync::Arc;

use outcrop_catalog::Model;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use crate::facts::{Standing, model_arn};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::state::State;

/// `GET /foundation-models?byProvider&byCustomizationType&byOutputModality&byInferenceType`; not paginated.
///
/// # Errors
/// None of its own.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let filters: Filters = super::read(input)?;
    let models = ctx.state.facts.models_of(ctx.region);
    let summaries = models.iter().map(|model| describe(ctx.state, model, ctx.region));
    let summaries: Vec<Value> = summaries.filter(|summary| filters.let_pass(summary)).collect();
    Ok(ctx.answer(json!({ "modelSummaries": summaries })))
}

/// `GET /foundation-models/{id or ARN}`.
///
/// # Errors
/// Validation for an id that is not known here.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let identifier = input["modelIdentifier"].as_str().unwrap_or_default();
    let model = of_region(ctx, identifier)?;
    Ok(ctx.answer(json!({ "modelDetails": describe(ctx.state, &model, ctx.region) })))
}

/// The foundation model that an id or ARN means in this Region.
///
/// # Errors
/// Validation for one that is not known here.
pub(super) fn of_region(ctx: &Context<'_>, identifier: &str) -> Result<Arc<Model>, Failure> {
    let id = identifier.rsplit_once('/').map_or(identifier, |(_, id)| id);
    let model = ctx.state.facts.models_of(ctx.region).into_iter().find(|model| model.id == id);
    model.ok_or_else(invalid_identifier)
}

/// Recorded for unknown ids (reference `bedrock.md` §5).
pub(super) fn invalid_identifier() -> Failure {
    Failure::validation("The provided model identifier is invalid.")
}

fn describe(state: &State, model: &Arc<Model>, region: &str) -> Value {
    let inference_type = match state.facts.standing(&model.id, region) {
        // Returned by the service though its own model does not list it (reference `bedrock.md` §1.9).
        Standing::ProfileOnly => "INFERENCE_PROFILE",
        _ => "ON_DEMAND",
    };
    json!({
        "customizationsSupported": [],
        "inferenceTypesSupported": [inference_type],
        "inputModalities": model.input_modalities,
        "modelArn": model_arn(region, &model.id),
        "modelId": model.id,
        "modelLifecycle": { "status": model.lifecycle.as_deref().unwrap_or("ACTIVE") },
        "modelName": model.name.as_deref().unwrap_or(&model.id),
        "outputModalities": model.output_modalities,
        "providerName": model.publisher.as_deref().unwrap_or_default(),
        "responseStreamingSupported": model.capabilities.streaming.unwrap_or(false),
    })
}

#[derive(Deserialize)]
struct Filters {
    #[serde(rename = "byProvider")]
    provider: Option<String>,
    #[serde(rename = "byCustomizationType")]
    customization: Option<String>,
    #[serde(rename = "byOutputModality")]
    output: Option<String>,
    #[serde(rename = "byInferenceType")]
    inference: Option<String>,
}

impl Filters {
    fn let_pass(&self, summary: &Value) -> bool {
        let has = |member: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| {
                summary[member]
                    .as_array()
                    .is_some_and(|values| values.iter().any(|value| value == wanted.as_str()))
            })
        };
        let provider = summary["providerName"].as_str().unwrap_or_default();
        self.provider.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(provider))
            && has("customizationsSupported", &self.customization)
            && has("outputModalities", &self.output)
            && has("inferenceTypesSupported", &self.inference)
    }
}
