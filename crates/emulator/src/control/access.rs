//! Access to models: availability, agreements and the use-case form.
//!
//! In the emulator everything is agreed to until somebody deletes the agreement; from then on the model is refused.

use serde_json::{Value, json};

use super::{Context, Refused, internal, models};
use crate::failure::Failure;
use crate::reply::Reply;

/// `GET /foundation-model-availability/{modelId}`.
///
/// # Errors
/// Validation for a model that nobody knows.
pub(super) fn availability(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let id = input["modelId"].as_str().unwrap_or_default();
    let model = ctx.state.facts.model(id).ok_or_else(models::invalid_identifier)?;
    let is_here = models::of_region(ctx, id).is_ok();
    let yes = |holds: bool| if holds { "AVAILABLE" } else { "NOT_AVAILABLE" };
    let is_agreed = ctx.state.account.read(|account| !account.disagreed.contains(&model.id));
    Ok(ctx.answer(json!({
        "modelId": model.id,
        "agreementAvailability": { "status": yes(is_agreed) },
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": yes(is_agreed),
        "regionAvailability": yes(is_here),
    })))
}

/// `GET /list-foundation-model-agreement-offers/{modelId}`: one offer, at the catalog's prices.
///
/// # Errors
/// Validation for a model that is not here.
pub(super) fn offers(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = models::of_region(ctx, input["modelId"].as_str().unwrap_or_default())?;
    let price = ctx.state.facts.price(&model.id, ctx.region);
    let rates = [
        ("InputTokens", price.as_ref().and_then(|price| price.input)),
        ("OutputTokens", price.as_ref().and_then(|price| price.output)),
    ];
    let rate_card: Vec<Value> = rates
        .into_iter()
        .filter_map(|(dimension, price)| {
            let price = format!("{}", price?);
            Some(json!({
                "dimension": dimension, "price": price, "unit": "1M tokens",
                "description": format!("{dimension} of {}", model.id),
            }))
        })
        .collect();
    Ok(ctx.answer(json!({
        "modelId": model.id,
        "offers": [{
            "offerId": format!("offer-{}", model.id),
            "offerToken": token(&model.id),
            "termDetails": {
                "legalTerm": { "url": "https://aws.amazon.com/legal/bedrock/third-party-models/" },
                "supportTerm": { "refundPolicyDescription": "An emulated offer: nothing is sold." },
                "usageBasedPricingTerm": { "rateCard": rate_card },
            },
        }],
    })))
}

/// `POST /create-foundation-model-agreement` → 202.
///
/// # Errors
/// Validation for a model that is not here, or another offer's token.
pub(super) fn agree(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = models::of_region(ctx, input["modelId"].as_str().unwrap_or_default())?;
    if input["offerToken"] != token(&model.id).as_str() {
        return Err(Failure::validation("The provided offerToken is invalid."));
    }
    let changed = ctx.state.account.change(|account| {
        account.disagreed.retain(|known| *known != model.id);
        Ok::<(), Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({ "modelId": model.id })))
}

/// `POST /delete-foundation-model-agreement` → 202.
///
/// # Errors
/// Validation for a model that is not here.
pub(super) fn disagree(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = models::of_region(ctx, input["modelId"].as_str().unwrap_or_default())?;
    let changed = ctx.state.account.change(|account| {
        if !account.disagreed.contains(&model.id) {
            account.disagreed.push(model.id.clone());
        }
        Ok::<(), Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({})))
}

/// What an offer is accepted with: the same in every run.
fn token(model: &str) -> String {
    format!("outcrop-offer-{model}")
}

/// `POST /use-case-for-model-access` → 201.
///
/// # Errors
/// None of its own.
pub(super) fn put_use_case(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let form = input["formData"].as_str().map(str::to_owned);
    let changed = ctx.state.account.change(|account| {
        account.use_case = form;
        Ok::<(), Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({})))
}

/// `GET /use-case-for-model-access`.
///
/// # Errors
/// ResourceNotFound before a form was put.
pub(super) fn use_case(ctx: &Context<'_>, _: Value) -> Result<Reply, Failure> {
    let form = ctx.state.account.read(|account| account.use_case.clone());
    let form = form.ok_or_else(|| Failure::not_found("Use case form not found."))?;
    Ok(ctx.answer(json!({ "formData": form })))
}
