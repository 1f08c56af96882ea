//! `prices.json`: what a million tokens cost, per model and per way of calling it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sources::{Row, Sources};

/// Our field → litellm's price of one token; its variants have a suffix (`_flex`, `_above_200k_tokens`).
const FIELDS: [(&str, &str); 5] = [
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cacheRead", "cache_read_input_token_cost"),
    ("cacheWrite5m", "cache_creation_input_token_cost"),
    ("cacheWrite1h", "cache_creation_input_token_cost_above_1hr"),
];

/// AWS's word for a tier → litellm's suffix.
const TIERS: [(&str, &str); 4] =
    [("batch", "_batches"), ("flex", "_flex"), ("priority", "_priority"), ("ultrafast", "_ultrafast")];

/// From which length of the prompt on all of a request costs more → litellm's suffix.
const STEPS: [(u64, &str); 3] =
    [(100_000, "_above_100k_tokens"), (200_000, "_above_200k_tokens"), (272_000, "_above_272k_tokens")];

/// What is sold by the piece → litellm's price of one.
const PIECES: [(&str, &str); 5] = [
    ("outputImage", "output_cost_per_image"),
    ("inputImage", "input_cost_per_image"),
    ("inputVideoSecond", "input_cost_per_video_per_second"),
    ("inputAudioSecond", "input_cost_per_audio_per_second"),
    ("query", "input_cost_per_query"),
];

/// One entry per model that has a price, in the order of `ids`.
///
/// A price of a geography is kept whether or not a profile of it is live: GovCloud's are in no public list, and
/// configurations still name profiles that AWS has withdrawn. It is no proof that the profile exists.
pub fn build(sources: &Sources, ids: &BTreeSet<&str>) -> Vec<Value> {
    ids.iter()
        .filter_map(|id| {
            let prices = prices_of(sources, id);
            (!prices.is_empty()).then(|| json!({"model": id, "prices": prices}))
        })
        .collect()
}

fn prices_of(sources: &Sources, id: &str) -> BTreeMap<String, Value> {
    let endpoint = if sources.live.get(id).is_some_and(|live| !live.runtime) { "mantle" } else { "runtime" };
    sources
        .rows_of(id)
        .filter(|row| row.endpoint == endpoint)
        .filter_map(|row| Some((scope(row, id)?, per_million(row)?)))
        .collect()
}

/// `base`, a geography or a Region; `None` for commitments, image sizes and duplicate spellings.
fn scope(row: &Row, id: &str) -> Option<String> {
    let place = row.key.strip_suffix(id)?;
    let place =
        place.strip_prefix("bedrock/").or_else(|| place.strip_prefix("bedrock_mantle/")).unwrap_or(place);
    match (row.geo.as_deref(), row.region.as_deref()) {
        (None, None) if place.is_empty() => Some("base".to_owned()),
        (Some(geo), None) if row.key == format!("{geo}.{id}") => Some(geo.to_owned()),
        (None, Some(region)) if place == format!("{region}/") => Some(region.to_owned()),
        _ => None,
    }
}

/// `None` for what has no price: packages write zero there, which must not become a cost of nothing.
fn per_million(row: &Row) -> Option<Value> {
    let mut prices = rates(row, "");
    let by_the_piece = pieces(row);
    let is_priced = prices.values().any(|price| price.as_f64() > Some(0.0));
    if !is_priced && by_the_piece.is_empty() {
        return None;
    }
    if !is_priced {
        prices.clear();
    }
    let tiers = tiers(row, "");
    for (ours, theirs) in [("batchInput", "input"), ("batchOutput", "output")] {
        if let Some(price) = tiers.get("batch").and_then(|batch| batch.get(theirs)) {
            prices.insert(ours.to_owned(), price.clone());
        }
    }
    let steps = steps(row);
    let more = [("tiers", json!(tiers)), ("longContext", json!(steps)), ("perPiece", json!(by_the_piece))];
    prices.extend(
        more.into_iter().filter(|(_, value)| !is_empty(value)).map(|(key, value)| (key.to_owned(), value)),
    );
    Some(json!(prices))
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// One price a kind of token.
fn rates(row: &Row, suffix: &str) -> BTreeMap<String, Value> {
    let price = |theirs: &str| row.price(&format!("{theirs}{suffix}"));
    FIELDS
        .iter()
        .filter_map(|(ours, theirs)| Some(((*ours).to_owned(), json!(rounded(price(theirs)?)))))
        .collect()
}

fn tiers(row: &Row, step: &str) -> BTreeMap<&'static str, BTreeMap<String, Value>> {
    let tiers = TIERS.iter().map(|(tier, suffix)| (*tier, rates(row, &format!("{step}{suffix}"))));
    tiers.filter(|(_, rates)| !rates.is_empty()).collect()
}

fn steps(row: &Row) -> Vec<Value> {
    STEPS
        .iter()
        .filter_map(|(above, suffix)| {
            let rates = rates(row, suffix);
            let tiers = tiers(row, suffix);
            let step = match tiers.is_empty() {
                true => json!({"aboveTokens": above, "rates": rates}),
                false => json!({"aboveTokens": above, "rates": rates, "tiers": tiers}),
            };
            (!rates.is_empty()).then_some(step)
        })
        .collect()
}

fn pieces(row: &Row) -> BTreeMap<&'static str, f64> {
    let priced = PIECES.iter().filter_map(|(ours, theirs)| Some((*ours, row.price(theirs)?)));
    priced.filter(|(_, price)| *price > 0.0).collect()
}

/// US dollars for a million tokens, to a millionth of a dollar: below that is floating-point noise.
fn rounded(per_token: f64) -> f64 {
    (per_token * 1e12).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_rounded_away() {
        assert_eq!(rounded(0.1 * 3.3e-6), 0.33);
        assert_eq!(rounded(1.5e-5), 15.0);
    }
}
