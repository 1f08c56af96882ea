//! The control plane: inference profiles, tags, foundation models.

pub(crate) mod models;
pub(crate) mod profiles;
pub(crate) mod seeds;
pub(crate) mod store;
pub(crate) mod tags;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_wire::bedrock::ErrorKind;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::operation::query_pairs;

/// Reads a JSON body.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            Failure::validation(format!("1 validation error detected: {error}"))
        }
        _ => Failure::new(ErrorKind::Serialization, format!("The request body cannot be read: {error}")),
    })
}

/// A change that was refused, or could not be written down.
enum Refused {
    By(Failure),
    Io(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::By(failure)
    }
}

impl From<String> for Refused {
    fn from(detail: String) -> Self {
        Self::Io(detail)
    }
}

fn internal(refused: Refused) -> Failure {
    match refused {
        Refused::By(failure) => failure,
        Refused::Io(detail) => Failure::new(ErrorKind::InternalServer, detail),
    }
}

/// One page of a list: `maxResults` (1 to 1,000) from `nextToken` on, and the token of the next page.
fn page<T>(all: Vec<T>, query: &str) -> Result<(Vec<T>, Option<String>), Failure> {
    /// The service's default page size is not known; one page for all is the largest it takes.
    const MOST: usize = 1_000;
    let (mut size, mut from) = (MOST, 0);
    for (name, value) in query_pairs(query) {
        match name.as_str() {
            "maxResults" => size = max_results(&value, MOST)?,
            "nextToken" => from = read_token(&value)?,
            _ => {}
        }
    }
    let total = all.len();
    let page: Vec<T> = all.into_iter().skip(from).take(size).collect();
    let end = from + page.len();
    Ok((page, (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{end}")))))
}

/// What is inside a token; nobody's business but ours.
const TOKEN_PREFIX: &str = "from:";

fn max_results(value: &str, most: usize) -> Result<usize, Failure> {
    let broken = |rule: &str| {
        Failure::validation(format!(
            "1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: Member must have \
             value {rule}"
        ))
    };
    match value.parse::<usize>() {
        Ok(size) if size > most => Err(broken("less than or equal to 1000")),
        Ok(size) if size > 0 => Ok(size),
        _ => Err(broken("greater than or equal to 1")),
    }
}

fn read_token(value: &str) -> Result<usize, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let from = text.strip_prefix(TOKEN_PREFIX).and_then(|from| from.parse().ok());
    from.ok_or_else(|| Failure::validation("The provided nextToken is invalid."))
}

/// The wording AWS services share for a value outside a pattern or length.
fn not_in_pattern(value: &str, member: &str, pattern: &str) -> Failure {
    Failure::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {pattern}"
    ))
}

/// The wording AWS services share for a value outside an enum.
fn not_in_enum(value: &str, member: &str, values: &[&str]) -> Failure {
    Failure::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum \
         value set: [{}]",
        values.join(", ")
    ))
}
