//! What becomes of a client's wishes, against the translation to Converse.

use outcrop_wire::bedrock::Usage;
use outcrop_wire::{anthropic, family};
use serde_json::{Value, json};

use super::models::{meant, takes_adaptive};
use super::{Verdict, same};

/// A budget that LibreChat sends when nobody chose one.
const BUDGET: u64 = 2000;

/// The same wishes in a Messages request: what goes to Converse is the same kind of thinking, the same budget and effort, and the same
/// sampling parameters. LibreChat's user interface has thinking on unless it is switched off. Which betas a client asks for is its own affair, and so are
/// the defaults of its caching and of its limit.
pub fn input(row: &Value) -> Verdict {
    let (input, theirs) = (&row["input"][0], &row["expected"]);
    let Some(model) = meant(input["model"].as_str().unwrap_or_default()) else {
        return Err("no model of that name is known".to_owned());
    };
    let translated = anthropic::translate(wish(input, takes_adaptive(&model)).to_string().as_bytes(), &[])
        .map_err(|error| error.to_string())?;
    let request = serde_json::to_value(family::apply(translated, Some(&model)).request).expect("JSON");
    if row["fn"] == "bedrockInputSchema.parse" {
        // A saved preset read back: it says whether thinking is on, and nothing of the request.
        let on = thinking(&request["additionalModelRequestFields"]["thinking"], None) != "off";
        return same("thinking", &on, &(theirs["thinking"] == true));
    }
    let (ours, fields) = (&request["additionalModelRequestFields"], &theirs["additionalModelRequestFields"]);
    same(
        "thinking",
        &thinking(&ours["thinking"], None),
        &thinking(&fields["thinking"], fields["thinkingBudget"].as_u64()),
    )?;
    let effort = ours["output_config"]["effort"].as_str().or(request["outputConfig"]["effort"].as_str());
    same("effort", &effort, &fields["output_config"]["effort"].as_str())?;
    same(
        "temperature",
        &request["inferenceConfig"]["temperature"].as_f64(),
        &theirs["temperature"].as_f64(),
    )?;
    same("topP", &request["inferenceConfig"]["topP"].as_f64(), &theirs["topP"].as_f64())?;
    same("topK", &ours["top_k"].as_f64(), &fields["top_k"].as_f64())
}

fn wish(input: &Value, adaptive: bool) -> Value {
    let persisted = &input["additionalModelRequestFields"];
    let off = input["thinking"] == false || persisted["thinking"]["type"] == "disabled";
    let budget = input["thinkingBudget"].as_u64().unwrap_or(BUDGET);
    let first =
        |values: &[&Value]| values.iter().find(|it| !it.is_null()).map_or(Value::Null, |it| (*it).clone());
    let thinking = match (off, adaptive && input["thinkingBudget"].is_null()) {
        (true, _) => json!({ "type": "disabled" }),
        (false, true) => json!({ "type": "adaptive" }),
        (false, false) => json!({ "type": "enabled", "budget_tokens": budget }),
    };
    let mut wish = json!({
        "model": input["model"],
        "max_tokens": input["maxTokens"].as_u64().unwrap_or(4 * budget),
        "messages": [{ "role": "user", "content": "hi" }],
        "thinking": thinking,
        "temperature": first(&[&input["temperature"], &persisted["temperature"]]),
        "top_p": first(&[&input["topP"], &input["top_p"]]),
        "top_k": first(&[&input["topK"], &persisted["top_k"]]),
    });
    let effort = input.get("effort").unwrap_or(&persisted["output_config"]["effort"]);
    if effort.as_str().is_some_and(|effort| !effort.is_empty()) {
        wish["output_config"] = json!({ "effort": effort });
    }
    wish
}

/// `adaptive`, `enabled 2000`, `off`.
fn thinking(value: &Value, budget: Option<u64>) -> String {
    match (value, value["type"].as_str()) {
        (Value::Bool(true), _) => format!("enabled {}", budget.unwrap_or(BUDGET)),
        (_, Some("enabled")) => format!("enabled {}", value["budget_tokens"]),
        (_, Some("adaptive")) => "adaptive".to_owned(),
        _ => "off".to_owned(),
    }
}

/// What a client sends goes to AWS, which knows its limits best: a valid document passes, and one that LibreChat stops before it is sent
/// differs.
pub fn document(row: &Value) -> Verdict {
    match row["expected"]["isValid"].as_bool() {
        Some(true) => Ok(()),
        _ => Err("AWS judges documents, not the gateway".to_owned()),
    }
}

/// Bedrock's counts are additive: what was read from the cache is no part of the input.
pub fn usage(row: &Value) -> Verdict {
    let count = |name: &str| row["input"][name].as_u64();
    let usage = Usage {
        input_tokens: count("input_tokens").unwrap_or_default(),
        output_tokens: count("output_tokens").unwrap_or_default(),
        cache_read_input_tokens: count("cache_read"),
        cache_write_input_tokens: count("cache_write"),
        ..Usage::default()
    };
    let ours = serde_json::to_value(&usage).expect("JSON");
    let theirs = &row["expected"]["prompt"];
    same("input", &ours["inputTokens"], &theirs["input"])?;
    same("cache reads", &ours["cacheReadInputTokens"].as_u64(), &theirs["read"].as_u64())?;
    same("cache writes", &ours["cacheWriteInputTokens"].as_u64(), &theirs["write"].as_u64())
}
