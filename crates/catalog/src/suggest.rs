//! What was probably meant by an identifier that nothing knows.

use crate::Catalog;

/// A sentence with the likeliest identifiers, if any comes near.
pub(crate) fn suggestion(catalog: &Catalog, text: &str) -> Option<String> {
    let geography = wrong_geography(catalog, text);
    let meant = if geography.is_empty() { nearest(catalog, text).into_iter().collect() } else { geography };
    (!meant.is_empty()).then(|| format!("did you mean {}?", meant.join(" or ")))
}

/// `ap.anthropic.…`: the geographies that do have the model, where the first part is no geography of Bedrock's.
fn wrong_geography(catalog: &Catalog, text: &str) -> Vec<String> {
    let Some((first, model)) = text.split_once('.') else { return Vec::new() };
    if catalog.vocabulary().geographies.contains(first) || catalog.vocabulary().publishers.contains(first) {
        return Vec::new();
    }
    catalog
        .system_profiles()
        .filter(|profile| profile.model == model)
        .map(|profile| profile.id.clone())
        .collect()
}

/// The nearest id, by letters: case, a missing publisher, a wrong version, a slip of the pen.
fn nearest(catalog: &Catalog, text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let ids = catalog.models().map(|model| model.id.as_str());
    let ids =
        ids.chain(catalog.system_profiles().map(|profile| profile.id.as_str())).chain(catalog.aliases());
    let bare = |id: &str| id.split_once('.').map_or(id, |(_, rest)| rest).to_owned();
    ids.map(|id| (strsim::levenshtein(id, &text).min(strsim::levenshtein(&bare(id), &text)), id))
        .min()
        .filter(|(distance, id)| *distance <= MAX_DISTANCE.min(id.len() / 3))
        .map(|(_, id)| id.to_owned())
}

/// More slips than this make another word.
const MAX_DISTANCE: usize = 6;
