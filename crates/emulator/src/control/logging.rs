//! The configuration of the model-invocation log, one a Region. What it leads to is in [`crate::invocation_log`].

use serde_json::{Value, json};

use super::{Context, Refused, internal};
use crate::failure::Failure;
use crate::reply::Reply;

/// `PUT /logging/modelinvocations`.
///
/// # Errors
/// None of its own: log group and bucket are made when the first record goes there.
pub(super) fn put(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let config = with_defaults(input["loggingConfig"].clone());
    let changed = ctx.state.account.change(|account| {
        account.logging.insert(ctx.region.to_owned(), config);
        Ok::<(), Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({})))
}

/// Everything is delivered unless it is turned off.
fn with_defaults(mut config: Value) -> Value {
    if let Value::Object(members) = &mut config {
        for kind in ["text", "image", "embedding", "video", "audio"] {
            members.entry(format!("{kind}DataDeliveryEnabled")).or_insert(Value::Bool(true));
        }
    }
    config
}

/// `GET /logging/modelinvocations`: `{}` when nothing is configured (assumed, reference `bedrock.md` §1.4).
///
/// # Errors
/// None of its own.
pub(super) fn get(ctx: &Context<'_>, _: Value) -> Result<Reply, Failure> {
    let config = ctx.state.account.read(|account| account.logging.get(ctx.region).cloned());
    Ok(ctx.answer(json!({ "loggingConfig": config })))
}

/// `DELETE /logging/modelinvocations`.
///
/// # Errors
/// None of its own.
pub(super) fn delete(ctx: &Context<'_>, _: Value) -> Result<Reply, Failure> {
    let changed = ctx.state.account.change(|account| {
        account.logging.remove(ctx.region);
        Ok::<(), Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({})))
}
