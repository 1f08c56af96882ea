//! `ListFoundationModels` and `GetFoundationModel`.

use std::sync::Arc;

use http::StatusCode;
use outcrop_catalog::Model;
use serde_json::{Value, json};

use crate::facts::{Standing, model_arn};
use crate::failure::Failure;
use crate::operation::query_pairs;
use crate::reply::Reply;
use crate::state::State;

/// `GET /foundation-models?byProvider&byCustomizationType&byOutputModality&byInferenceType`; not paginated.
///
/// # Errors
/// Validation of a filter's value.
pub(crate) fn list(state: &State, query: &str, region: &str) -> Result<Reply, Failure> {
    let filters = Filters::read(query)?;
    let summaries: Vec<Value> = state
        .facts
        .models_of(region)
        .iter()
        .map(|model| describe(state, model, region))
        .filter(|summary| filters.let_pass(summary))
        .collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "modelSummaries": summaries })))
}

/// `GET /foundation-models/{id or ARN}`.
///
/// # Errors
/// Validation for an id that is not known here.
pub(crate) fn get(state: &State, identifier: &str, region: &str) -> Result<Reply, Failure> {
    let id = identifier.rsplit_once('/').map_or(identifier, |(_, id)| id);
    let model = state.facts.models_of(region).into_iter().find(|model| model.id == id);
    let model = model.ok_or_else(|| Failure::validation("The provided model identifier is invalid."))?;
    Ok(Reply::json(StatusCode::OK, &json!({ "modelDetails": describe(state, &model, region) })))
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

#[derive(Default)]
struct Filters {
    provider: Option<String>,
    customization: Option<String>,
    output: Option<String>,
    inference: Option<String>,
}

impl Filters {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut filters = Self::default();
        for (name, value) in query_pairs(query) {
            match name.as_str() {
                "byProvider" => filters.provider = Some(value),
                "byCustomizationType" => filters.customization = Some(value),
                "byOutputModality" => filters.output = Some(value),
                "byInferenceType" => filters.inference = Some(value),
                _ => {}
            }
        }
        Ok(filters)
    }

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
