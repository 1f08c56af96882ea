//! Embeddings: Titan and Cohere bodies, with vectors that depend on the text alone.
//!
//! Texts that share words have vectors that are near each other, so that a search over a few of them behaves like one.

use http::StatusCode;
use serde_json::{Value, json};

use super::malformed;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::tokens;

/// An answer and the tokens it took.
pub(crate) type Embedded = (Reply, u64);

/// Titan: `{inputText, dimensions, normalize}`.
///
/// # Errors
/// 400 with the recorded words for a body of the wrong shape.
pub(crate) fn titan(body: &[u8]) -> Result<Embedded, Failure> {
    /// Titan v2's default.
    const DIMENSIONS: u64 = 1024;
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let text = body.get("inputText").and_then(Value::as_str).ok_or_else(malformed)?;
    let vector = vector(text, dimensions(body.get("dimensions"), DIMENSIONS)?);
    let used = tokens::count(text);
    let answer = json!({
        "embedding": vector,
        "embeddingsByType": { "float": vector },
        "inputTextTokenCount": used,
    });
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

/// Cohere: `{texts, input_type, embedding_types, output_dimension}`.
///
/// # Errors
/// 400 with the recorded words for a body of the wrong shape.
pub(crate) fn cohere(body: &[u8], id: &str) -> Result<Embedded, Failure> {
    /// Embed v3's size; v4's default is 1536, but it takes this too.
    const DIMENSIONS: u64 = 1024;
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let texts: Vec<&str> = body
        .get("texts")
        .and_then(Value::as_array)
        .ok_or_else(malformed)?
        .iter()
        .map(|text| text.as_str().ok_or_else(malformed))
        .collect::<Result<_, _>>()?;
    let dimensions = dimensions(body.get("output_dimension"), DIMENSIONS)?;
    let vectors: Vec<Vec<f64>> = texts.iter().map(|text| vector(text, dimensions)).collect();
    let used = texts.iter().map(|text| tokens::count(text)).sum();
    let (embeddings, kind) = match body.get("embedding_types").is_some() {
        true => (json!({ "float": vectors }), "embeddings_by_type"),
        false => (json!(vectors), "embeddings_floats"),
    };
    let answer = json!({ "embeddings": embeddings, "id": id, "response_type": kind, "texts": texts });
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

fn counted(reply: Reply, used: u64) -> Reply {
    reply
        .with_number("x-amzn-bedrock-input-token-count", used)
        .with_number("x-amzn-bedrock-invocation-latency", super::FIRST_BYTE_MS)
}

fn dimensions(asked: Option<&Value>, default: u64) -> Result<usize, Failure> {
    /// Larger than any model's; a bound on memory.
    const MOST: u64 = 4096;
    let dimensions = asked.map_or(Some(default), Value::as_u64).filter(|n| (1..=MOST).contains(n));
    dimensions.and_then(|n| usize::try_from(n).ok()).ok_or_else(malformed)
}

/// The normalised sum of one pseudo-random vector a word.
fn vector(text: &str, dimensions: usize) -> Vec<f64> {
    let mut sum = vec![0.0; dimensions];
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words.map(str::to_lowercase).chain([String::new()]) {
        let mut random = fastrand::Rng::with_seed(seed(&word));
        // The empty word keeps an empty text from having no direction; it weighs little.
        let weight = if word.is_empty() { 0.1 } else { 1.0 };
        sum.iter_mut().for_each(|value| *value += weight * (random.f64() - 0.5));
    }
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    sum.iter().map(|value| (value / length * 1e8).round() / 1e8).collect()
}

/// FNV-1a.
fn seed(word: &str) -> u64 {
    word.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
