//! Lists: filtered, sorted and cut into pages, as the members of the input ask.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Context;
use super::resource::{self, Kind};
use crate::failure::Failure;
use crate::reply::Reply;

/// How one kind of resource is listed.
pub(super) struct Listing {
    /// What is listed.
    pub(super) kind: Kind,
    /// The member of the answer that holds the list.
    pub(super) items: &'static str,
    /// The member of a resource's document that `creationTimeAfter` and the like speak of.
    pub(super) time: &'static str,
    /// Members of the input that must equal a member of the document.
    pub(super) equals: &'static [(&'static str, &'static str)],
}

/// One page of all resources of a kind.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: &Value, listing: &Listing) -> Result<Reply, Failure> {
    let mut found = resource::all(ctx, listing.kind);
    found.retain(|it| is_wanted(listing, input, &it.name, &it.document));
    // Newest first unless asked otherwise, like the lists of recordings.
    if input["sortOrder"] != "Ascending" {
        found.reverse();
    }
    let documents = found.into_iter().map(|it| Value::Object(it.document)).collect();
    let (page, next) = page(documents, input)?;
    Ok(ctx.answer(json!({ listing.items: page, "nextToken": next })))
}

fn is_wanted(listing: &Listing, input: &Value, name: &str, document: &Map<String, Value>) -> bool {
    let part = input["nameContains"].as_str();
    part.is_none_or(|part| name.contains(part))
        && is_in_time(input, document.get(listing.time))
        && listing
            .equals
            .iter()
            .all(|(asked, member)| input[*asked].is_null() || document.get(*member) == Some(&input[*asked]))
}

/// The pairs of members that bound a time.
const BOUNDS: [(&str, &str); 3] = [
    ("creationTimeAfter", "creationTimeBefore"),
    ("createdAfter", "createdBefore"),
    ("submitTimeAfter", "submitTimeBefore"),
];

fn is_in_time(input: &Value, time: Option<&Value>) -> bool {
    let Some(time) = time.and_then(instant) else { return true };
    BOUNDS.iter().all(|(after, before)| {
        instant(&input[*after]).is_none_or(|bound| time > bound)
            && instant(&input[*before]).is_none_or(|bound| time < bound)
    })
}

/// ISO 8601 text, or seconds since 1970.
fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        #[allow(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
        Value::Number(seconds) => Timestamp::from_millisecond((seconds.as_f64()? * 1000.0) as i64).ok(),
        _ => None,
    }
}

/// One page of a list: `maxResults` (1 to 1,000) from `nextToken` on, and the token of the next page.
///
/// # Errors
/// Validation of the token.
pub(super) fn page<T>(all: Vec<T>, input: &Value) -> Result<(Vec<T>, Option<String>), Failure> {
    /// The service's default page size is not known; one page for all is the largest it takes.
    const MOST: u64 = 1_000;
    let size = input["maxResults"].as_u64().unwrap_or(MOST);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let from = input["nextToken"].as_str().map_or(Ok(0), read_token)?;
    let total = all.len();
    let page: Vec<T> = all.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(page.len());
    Ok((page, (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{end}")))))
}

/// What is inside a token; nobody's business but ours.
const TOKEN_PREFIX: &str = "from:";

fn read_token(value: &str) -> Result<usize, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let from = text.strip_prefix(TOKEN_PREFIX).and_then(|from| from.parse().ok());
    from.ok_or_else(|| Failure::validation("The provided nextToken is invalid."))
}
