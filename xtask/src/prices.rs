//! `prices.json`: what a million tokens cost, per model and per way of calling it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::overlay::{Overlay, PricedAs};
use crate::sources::{Endpoint, Row, Sources};

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
pub fn build(sources: &Sources, overlay: &Overlay, ids: &BTreeSet<&str>) -> Result<Vec<Value>, Failure> {
    let mut prices: BTreeMap<&str, BTreeMap<String, Value>> =
        ids.iter().map(|id| (*id, prices_of(sources, id))).collect();
    overlay.prices.iter().try_for_each(|rule| rule.apply(&mut prices))?;
    let priced = prices.into_iter().filter(|(_, prices)| !prices.is_empty());
    Ok(priced.map(|(id, prices)| json!({"model": id, "prices": prices})).collect())
}

fn prices_of(sources: &Sources, id: &str) -> BTreeMap<String, Value> {
    let endpoint = match sources.live.get(id) {
        Some(live) if !live.runtime => Endpoint::Mantle,
        _ => Endpoint::Runtime,
    };
    sources
        .rows_of(id)
        .filter(|row| row.endpoint == endpoint)
        .filter_map(|row| Some((scope(row, id)?, per_million(row)?)))
        .collect()
}

impl PricedAs {
    /// Takes over the standard tier; of the others the source says nothing. What litellm has by now makes the rule a dead one.
    fn apply(&self, prices: &mut BTreeMap<&str, BTreeMap<String, Value>>) -> Result<(), Failure> {
        let Self { source, models, geography, as_geography } = self;
        for model in models {
            let refused = |why: &str| {
                Failure::new(format!(
                    "overlay.json: \"{source}\" prices {geography}.{model} as {as_geography}, {why}"
                ))
            };
            let known =
                prices.get_mut(model.as_str()).ok_or_else(|| refused("but there is no such model"))?;
            if known.contains_key(geography) {
                return Err(refused("which litellm prices itself; remove it"));
            }
            let same = known.get(as_geography).ok_or_else(|| refused("which has no price"))?;
            known.insert(geography.clone(), standard_tier(same));
        }
        Ok(())
    }
}

fn standard_tier(price: &Value) -> Value {
    let mut price = price.clone();
    let keep = |key: &str| !["tiers", "batchInput", "batchOutput"].contains(&key);
    let Some(rates) = price.as_object_mut() else { return price };
    rates.retain(|key, _| keep(key));
    let steps = rates.get_mut("longContext").and_then(Value::as_array_mut).into_iter().flatten();
    steps.filter_map(Value::as_object_mut).for_each(|step| step.retain(|key, _| keep(key)));
    price
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
