//! `prices.json`: what a million tokens cost, per model and per way of calling it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sources::{Row, Sources};

/// Our field → litellm's price of one token.
const FIELDS: [(&str, &str); 7] = [
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cacheRead", "cache_read_input_token_cost"),
    ("cacheWrite5m", "cache_creation_input_token_cost"),
    ("cacheWrite1h", "cache_creation_input_token_cost_above_1hr"),
    ("batchInput", "input_cost_per_token_batches"),
    ("batchOutput", "output_cost_per_token_batches"),
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

/// `None` for what is not sold by the token: packages write zero there, which must not become a cost of nothing.
fn per_million(row: &Row) -> Option<Value> {
    let fields = FIELDS.iter().filter_map(|(ours, theirs)| Some((*ours, json!(rounded(row.price(theirs)?)))));
    let prices: BTreeMap<&str, Value> = fields.collect();
    prices.values().any(|price| price.as_f64() > Some(0.0)).then(|| json!(prices))
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
