//! Embeddings: the bodies of Titan, Cohere, Nova and Marengo, with vectors that depend on the content alone.
//!
//! Texts that share words have vectors that are near each other, so that a search over a few of them behaves like one.
//! Shapes: recorded, but for Titan's pictures and Marengo (AWS user guide, `model-parameters-…`).

use base64::Engine as _;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::malformed;
use super::prompted::{extraneous_key, required_key, wrong_type};
use crate::failure::Failure;
use crate::quirks::Embedding;
use crate::reply::Reply;
use crate::tokens;

/// An answer and the tokens it took.
pub(crate) type Embedded = (Reply, u64);

/// What is known of a model's vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The lengths it can give; the largest one unless asked otherwise.
    pub(crate) sizes: &'a [u32],
    /// How the answer looks.
    pub(crate) shape: &'a Embedding,
}

/// Titan: `{inputText, inputImage, dimensions, normalize, embeddingTypes, embeddingConfig}`, each where the model has it.
///
/// # Errors
/// 400 in the recorded form for a body of the wrong shape.
pub(crate) fn titan(body: &[u8], facts: Facts<'_>, takes_images: bool) -> Result<Embedded, Failure> {
    let body = object(body)?;
    let known: &[&str] = match (takes_images, facts.shape.by_type) {
        (true, _) => &["inputText", "inputImage", "embeddingConfig"],
        (false, true) => &["inputText", "dimensions", "normalize", "embeddingTypes"],
        (false, false) => &["inputText"],
    };
    only(&body, known)?;
    let text = string(&body, "inputText")?;
    let image = string(&body, "inputImage")?;
    if text.is_none() && image.is_none() {
        return Err(required_key("inputText"));
    }
    let asked = body.get("dimensions").or_else(|| body.get("embeddingConfig")?.get("outputEmbeddingLength"));
    let length = dimensions(asked, facts, "dimensions")?;
    let content = [image, text].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let vector = vector(&content, length);
    let used = text.map_or(0, tokens::count);
    let mut answer = json!({ "embedding": vector, "inputTextTokenCount": used });
    if facts.shape.by_type {
        let types = strings(&body, "embeddingTypes")?.unwrap_or_else(|| vec!["float"]);
        answer["embeddingsByType"] = by_type(&types, &vector);
        if !types.contains(&"float") {
            answer.as_object_mut().map(|members| members.remove("embedding"));
        }
    }
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

/// Cohere: `{texts | images | inputs, input_type, embedding_types, output_dimension, …}`.
///
/// # Errors
/// 400 in the recorded form for a body of the wrong shape.
pub(crate) fn cohere(body: &[u8], facts: Facts<'_>, id: &str) -> Result<Embedded, Failure> {
    const KNOWN: [&str; 8] = [
        "texts",
        "images",
        "inputs",
        "input_type",
        "truncate",
        "embedding_types",
        "output_dimension",
        "max_tokens",
    ];
    let body = object(body)?;
    only(&body, &KNOWN)?;
    if !body.contains_key("input_type") {
        return Err(required_key("input_type"));
    }
    let texts = strings(&body, "texts")?;
    let contents: Vec<String> = match (&texts, body.get("images"), body.get("inputs")) {
        (Some(texts), _, _) => texts.iter().map(|text| (*text).to_owned()).collect(),
        (None, Some(Value::Array(pictures)), _) => pictures.iter().map(Value::to_string).collect(),
        (None, _, Some(Value::Array(inputs))) => inputs.iter().map(words_within).collect(),
        _ => return Err(required_key("texts")),
    };
    let length = dimensions(body.get("output_dimension"), facts, "output_dimension")?;
    let vectors: Vec<Vec<f64>> = contents.iter().map(|content| vector(content, length)).collect();
    let used = texts.iter().flatten().map(|text| tokens::count(text)).sum();
    let types = strings(&body, "embedding_types")?;
    let (embeddings, kind) = match types.or_else(|| facts.shape.by_type.then(|| vec!["float"])) {
        Some(types) => (all_by_type(&types, &vectors), "embeddings_by_type"),
        None => (json!(vectors), "embeddings_floats"),
    };
    let echoed: Vec<String> = texts
        .iter()
        .flatten()
        .map(|text| if facts.shape.lower_case { text.to_lowercase() } else { (*text).to_owned() })
        .collect();
    let answer = json!({ "embeddings": embeddings, "id": id, "response_type": kind, "texts": echoed });
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

/// Nova: `{taskType: SINGLE_EMBEDDING, singleEmbeddingParams: {embeddingPurpose, embeddingDimension, text | image | …}}`.
///
/// # Errors
/// 400 in the recorded form for a body of the wrong shape.
pub(crate) fn nova(body: &[u8], facts: Facts<'_>) -> Result<Embedded, Failure> {
    const KINDS: [(&str, &str); 4] =
        [("text", "TEXT"), ("image", "IMAGE"), ("video", "VIDEO"), ("audio", "AUDIO")];
    let body = object(body)?;
    only(&body, &["schemaVersion", "taskType", "singleEmbeddingParams"])?;
    if body.get("taskType").and_then(Value::as_str) != Some("SINGLE_EMBEDDING") {
        return Err(match body.get("taskType") {
            None => required_key("taskType"),
            Some(other) => Failure::validation(format!(
                "Malformed input request: #/taskType: {other} is not a valid enum value, please reformat your input and try \
                 again."
            )),
        });
    }
    let Some(params) = body.get("singleEmbeddingParams").and_then(Value::as_object) else {
        return Err(required_key("singleEmbeddingParams"));
    };
    if !params.contains_key("embeddingPurpose") {
        return Err(required_key("embeddingPurpose"));
    }
    let found = KINDS.iter().find_map(|(member, kind)| Some((params.get(*member)?, *kind)));
    let Some((content, kind)) = found else { return Err(required_key("text")) };
    let length = dimensions(params.get("embeddingDimension"), facts, "embeddingDimension")?;
    let text = content.get("value").and_then(Value::as_str);
    let used = text.map_or(0, tokens::count);
    let vector = vector(text.unwrap_or(&content.to_string()), length);
    let answer = json!({ "embeddings": [{ "embedding": vector, "embeddingType": kind }] });
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

/// Marengo: `{inputType, inputText | text: {inputText} | mediaSource | image}`.
///
/// # Errors
/// 400 in the recorded form for a body of the wrong shape.
pub(crate) fn marengo(body: &[u8], facts: Facts<'_>) -> Result<Embedded, Failure> {
    let body = object(body)?;
    let Some(kind) = string(&body, "inputType")? else { return Err(required_key("inputType")) };
    let text = string(&body, "inputText")?
        .or_else(|| body.get("text").and_then(|text| text.get("inputText")).and_then(Value::as_str));
    let media = body.get("mediaSource").or_else(|| body.get(kind));
    let content = match (text, media) {
        (Some(text), _) => text.to_owned(),
        (None, Some(media)) => media.to_string(),
        (None, None) => return Err(required_key("inputText")),
    };
    let used = text.map_or(0, tokens::count);
    let vector = vector(&content, dimensions(None, facts, "")?);
    let answer = json!({ "data": [{ "embedding": vector }] });
    Ok((counted(Reply::json(StatusCode::OK, &answer), used), used))
}

/// Cohere's and Amazon's rerankers: `{query, documents, top_n}` → `{results: [{index, relevance_score}]}`, best first.
///
/// # Errors
/// 400 in the recorded form for a body of the wrong shape.
pub(crate) fn rerank(body: &[u8]) -> Result<Embedded, Failure> {
    /// Enough to tell texts apart, and quick.
    const DIMENSIONS: usize = 256;
    let body = object(body)?;
    only(
        &body,
        &[
            "query",
            "documents",
            "top_n",
            "api_version",
            "return_documents",
            "rank_fields",
            "max_chunks_per_doc",
        ],
    )?;
    let Some(query) = string(&body, "query")? else { return Err(required_key("query")) };
    let Some(documents) = body.get("documents").and_then(Value::as_array) else {
        return Err(required_key("documents"));
    };
    let asked = vector(query, DIMENSIONS);
    let mut results: Vec<(usize, f64)> = documents
        .iter()
        .map(|document| closeness(&asked, &vector(&words_within(document), DIMENSIONS)))
        .enumerate()
        .collect();
    results.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let most =
        body.get("top_n").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let results: Vec<Value> = results
        .into_iter()
        .take(most)
        .map(|(index, score)| json!({ "index": index, "relevance_score": score }))
        .collect();
    let used =
        tokens::count(query) + documents.iter().map(|text| tokens::count(&words_within(text))).sum::<u64>();
    let reply = Reply::json(StatusCode::OK, &json!({ "results": results }));
    Ok((reply.with_number("x-amzn-bedrock-invocation-latency", super::FIRST_BYTE_MS), used))
}

fn counted(reply: Reply, used: u64) -> Reply {
    reply
        .with_number("x-amzn-bedrock-input-token-count", used)
        .with_number("x-amzn-bedrock-invocation-latency", super::FIRST_BYTE_MS)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    serde_json::from_slice(body).map_err(|_| malformed())
}

fn only(body: &Map<String, Value>, known: &[&str]) -> Result<(), Failure> {
    match body.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(extraneous_key(name)),
        None => Ok(()),
    }
}

fn string<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Failure> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(name, "String", other)),
    }
}

fn strings<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map(Some).ok_or_else(malformed)
        }
        Some(other) => Err(wrong_type(name, "JSONArray", other)),
    }
}

/// All strings in a value, for inputs of mixed kinds.
fn words_within(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words_within).collect::<Vec<_>>().join(" "),
        Value::Object(members) => members.values().map(words_within).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn dimensions(asked: Option<&Value>, facts: Facts<'_>, member: &str) -> Result<usize, Failure> {
    let length = match asked {
        None | Some(Value::Null) => facts.sizes.iter().max().copied(),
        Some(asked) => {
            asked.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|length| facts.sizes.contains(length))
        }
    };
    length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| {
        let asked = asked.unwrap_or(&Value::Null);
        Failure::validation(format!(
            "Malformed input request: #/{member}: {asked} is not a valid enum value, please reformat your input and try again."
        ))
    })
}

/// One vector under each type that was asked for.
fn by_type(types: &[&str], vector: &[f64]) -> Value {
    types.iter().map(|kind| ((*kind).to_owned(), quantised(kind, vector))).collect::<Map<_, _>>().into()
}

/// The same for several vectors.
fn all_by_type(types: &[&str], vectors: &[Vec<f64>]) -> Value {
    let all = |kind: &str| vectors.iter().map(|vector| quantised(kind, vector)).collect::<Vec<_>>();
    types.iter().map(|kind| ((*kind).to_owned(), json!(all(kind)))).collect::<Map<_, _>>().into()
}

/// A vector in one of Cohere's types (Cohere's API reference, `embedding_types`); Titan's `binary` is the same bits unpacked
/// in the service, packed here.
fn quantised(kind: &str, vector: &[f64]) -> Value {
    /// Spreads components of a unit vector over the range of a byte.
    const SPREAD: f64 = 127.0 * 8.0;
    let byte = |value: &f64| (value * SPREAD).round().clamp(-128.0, 127.0) as i64;
    let bits = |offset: i64| {
        let packed =
            |eight: &[f64]| eight.iter().fold(0_i64, |bits, value| bits << 1 | i64::from(*value > 0.0));
        vector.chunks(8).map(|eight| packed(eight) - offset).collect::<Vec<_>>()
    };
    match kind {
        "int8" => json!(vector.iter().map(byte).collect::<Vec<_>>()),
        "uint8" => json!(vector.iter().map(|value| byte(value) + 128).collect::<Vec<_>>()),
        "binary" => json!(bits(128)),
        "ubinary" => json!(bits(0)),
        "base64" => {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
            json!(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        _ => json!(vector),
    }
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

/// The cosine of two unit vectors, as a share of 1.
fn closeness(a: &[f64], b: &[f64]) -> f64 {
    let cosine: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    (cosine.clamp(0.0, 1.0) * 1e7).round() / 1e7
}

/// FNV-1a.
fn seed(word: &str) -> u64 {
    word.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_words_are_near_and_vectors_have_length_one() {
        let of = |text| vector(text, 256);
        let (cat, kitten, tax) = (of("the cat sat"), of("a cat sat down"), of("income tax form"));
        assert!(closeness(&cat, &kitten) > 0.4, "{}", closeness(&cat, &kitten));
        assert!(closeness(&cat, &tax) < 0.3, "{}", closeness(&cat, &tax));
        for vector in [&cat, &kitten, &tax, &of("")] {
            let length: f64 = vector.iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-4, "{length}");
        }
        assert_eq!(of("the cat sat"), cat);
    }
}
