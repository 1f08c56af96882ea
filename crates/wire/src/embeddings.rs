//! OpenAI's embeddings, made of invocations of the models that Bedrock has for them.
//!
//! Converse knows no vectors, so [`EmbeddingsRequest::invocations`] writes each family's native body: Cohere takes a batch
//! of texts, Titan and Nova take one, so a request becomes as many invocations as it needs. Vectors are handed on digit
//! by digit where the client wants numbers.
//!
//! Sources: OpenAI's API reference, "Create embeddings"; Amazon Bedrock User Guide, "Amazon Titan Text Embeddings",
//! "Cohere Embed v3" and "v4"; Amazon Nova User Guide, "Complete embeddings request and response schema".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_catalog::Model;
use outcrop_texts as texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bedrock::Text;
use crate::dialect::{RequestError, to_vec};
use crate::shape::{TextOr, fits_request_metadata};
use crate::{Json, Notices};

/// An embeddings request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingsRequest {
    /// What to embed, in order; none is empty.
    pub texts: Vec<String>,
    /// The size of the vectors, where the client named one.
    pub dimensions: Option<u32>,
    /// How the vectors are to be written.
    pub encoding: Encoding,
    /// What the vectors are for, where the client named it (Cohere's `input_type`, an addition to OpenAI's members).
    pub purpose: Option<Purpose>,
    /// The end user, for AWS's invocation log.
    pub user: Option<String>,
    /// What could not be carried.
    pub notices: Notices,
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As numbers.
    #[default]
    Float,
    /// As the base64 text of their little-endian 32-bit floats; what OpenAI's SDKs ask for.
    Base64,
}

/// What vectors are for, in Cohere's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Documents that will be searched; also what OpenAI's requests are taken for, which do not say.
    Document,
    /// A question that searches them.
    Query,
    /// Sorting into classes.
    Classification,
    /// Finding groups.
    Clustering,
}

request_shape! {
    /// The body.
    struct Request<'a> {
        "model" => model: serde::de::IgnoredAny,
        "input" => input: TextOr<'a, Vec<&'a RawValue>>,
        "dimensions" => dimensions: u32,
        "encoding_format" => encoding_format: Text<'a>,
        "user" => user: Text<'a>,
        "input_type" => input_type: Text<'a>,
    }
}

/// Reads an embeddings request.
///
/// # Errors
/// [`RequestError`] for token ids (they belong to OpenAI's tokenizer), empty texts and too many of them.
pub fn read(body: &[u8]) -> Result<EmbeddingsRequest, RequestError> {
    let request: Request<'_> = RequestError::read(body)?;
    let Request { model: _, input, dimensions, encoding_format, user, input_type, unknown } = request;
    let mut notices = Notices::default();
    notices.unknown("", unknown);
    let texts = match input.ok_or_else(|| RequestError::missing("input"))? {
        TextOr::Text(text) => vec![text.into_owned()],
        TextOr::Else(items) => texts(&items)?,
    };
    if texts.iter().any(String::is_empty) {
        return Err(RequestError::at("input", texts::EMPTY_TEXT));
    }
    let encoding = match encoding_format.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => {
            return Err(RequestError::at("encoding_format", texts::ENCODING));
        }
    };
    let purpose = input_type.map(|word| Purpose::of(&word)).transpose()?;
    let user = user.map(|user| user.0.into_owned());
    Ok(EmbeddingsRequest { texts, dimensions, encoding, purpose, user, notices })
}

/// OpenAI's own limit of one request's array.
const MOST_TEXTS: usize = 2_048;

fn texts(items: &[&RawValue]) -> Result<Vec<String>, RequestError> {
    if items.is_empty() || items.len() > MOST_TEXTS {
        return Err(RequestError::at("input", texts::too_many_texts(MOST_TEXTS)));
    }
    let text = |(index, item): (usize, &&RawValue)| match serde_json::from_str::<Text<'_>>(item.get()) {
        Ok(text) => Ok(text.0.into_owned()),
        Err(_) if item.get().starts_with(|first: char| first == '[' || first.is_ascii_digit()) => {
            Err(token_ids())
        }
        Err(_) => Err(RequestError::at(format!("input[{index}]"), texts::NO_TEXT)),
    };
    items.iter().enumerate().map(text).collect()
}

/// LangChain's OpenAI client sends these unless it is told not to.
fn token_ids() -> RequestError {
    RequestError::at("input", texts::TOKEN_IDS)
}

impl Purpose {
    fn of(word: &str) -> Result<Self, RequestError> {
        match word {
            "search_document" => Ok(Self::Document),
            "search_query" => Ok(Self::Query),
            "classification" => Ok(Self::Classification),
            "clustering" => Ok(Self::Clustering),
            _ => Err(RequestError::at("input_type", texts::PURPOSE)),
        }
    }

    fn cohere(self) -> &'static str {
        match self {
            Self::Document => "search_document",
            Self::Query => "search_query",
            Self::Classification => "classification",
            Self::Clustering => "clustering",
        }
    }

    fn nova(self) -> &'static str {
        match self {
            Self::Document => "GENERIC_INDEX",
            Self::Query => "GENERIC_RETRIEVAL",
            Self::Classification => "CLASSIFICATION",
            Self::Clustering => "CLUSTERING",
        }
    }
}

/// A family of embedding models: one native body. The word comes from the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingFamily {
    /// `{inputText, dimensions, normalize}`.
    Titan,
    /// `{inputText, embeddingConfig}`: Titan's model for pictures and text.
    TitanImage,
    /// `{texts, input_type, output_dimension}`.
    Cohere,
    /// `{taskType, singleEmbeddingParams}`.
    Nova,
}

impl EmbeddingFamily {
    /// The family of a model; `None` for one whose vectors are not spoken here.
    pub fn of(model: &Model) -> Option<Self> {
        match model.family.as_deref()? {
            "titan-embed" => Some(Self::Titan),
            "titan-embed-image" => Some(Self::TitanImage),
            "cohere-embed" => Some(Self::Cohere),
            "nova-embed" => Some(Self::Nova),
            _ => None,
        }
    }

    /// How many texts one invocation takes.
    fn batch(self) -> usize {
        match self {
            Self::Titan | Self::TitanImage | Self::Nova => 1,
            Self::Cohere => 96,
        }
    }
}

impl EmbeddingsRequest {
    /// The InvokeModel bodies that embed all texts, in their order.
    ///
    /// # Errors
    /// A size of vectors that the model does not make: an index takes one size only, so it is never replaced by another.
    pub fn invocations(
        &mut self,
        family: EmbeddingFamily,
        model: &Model,
    ) -> Result<Vec<Vec<u8>>, RequestError> {
        let dimensions = self.dimensions_for(model)?;
        match (family, self.purpose) {
            (EmbeddingFamily::Cohere | EmbeddingFamily::Nova, None) => self.notices.push(
                "defaulted",
                "input_type",
                "search_document: OpenAI's API does not say what vectors are for; send `input_type` to say it",
            ),
            (EmbeddingFamily::Titan | EmbeddingFamily::TitanImage, Some(_)) => {
                self.notices.dropped("input_type", "the model makes one kind of vectors for all purposes");
            }
            _ => {}
        }
        let purpose = self.purpose.unwrap_or(Purpose::Document);
        Ok(self.texts.chunks(family.batch()).map(|texts| body(family, texts, dimensions, purpose)).collect())
    }

    /// The size to ask the model for; `None` where it is the model's only one, or the client named none.
    fn dimensions_for(&self, model: &Model) -> Result<Option<u32>, RequestError> {
        let Some(asked) = self.dimensions else { return Ok(None) };
        match model.embedding_dimensions.as_slice() {
            [] => Ok(Some(asked)),
            [only] if *only == asked => Ok(None),
            known if known.contains(&asked) => Ok(Some(asked)),
            known => {
                let known = known.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                Err(RequestError::at("dimensions", texts::dimensions(asked, known)))
            }
        }
    }
}

fn body(family: EmbeddingFamily, texts: &[String], dimensions: Option<u32>, purpose: Purpose) -> Vec<u8> {
    let text = texts.first().map_or("", String::as_str);
    match family {
        EmbeddingFamily::Titan => to_vec(&Titan { input_text: text, dimensions }),
        EmbeddingFamily::TitanImage => to_vec(&TitanImage {
            input_text: text,
            embedding_config: dimensions.map(|output_embedding_length| TitanSize { output_embedding_length }),
        }),
        EmbeddingFamily::Cohere => {
            to_vec(&Cohere { texts, input_type: purpose.cohere(), output_dimension: dimensions })
        }
        EmbeddingFamily::Nova => to_vec(&Nova {
            task_type: "SINGLE_EMBEDDING",
            single_embedding_params: NovaParams {
                embedding_purpose: purpose.nova(),
                embedding_dimension: dimensions,
                text: NovaText { value: text, truncation_mode: "NONE" },
            },
        }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Titan<'a> {
    input_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TitanImage<'a> {
    input_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_config: Option<TitanSize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TitanSize {
    output_embedding_length: u32,
}

#[derive(Serialize)]
struct Cohere<'a> {
    texts: &'a [String],
    input_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nova<'a> {
    task_type: &'static str,
    single_embedding_params: NovaParams<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaParams<'a> {
    embedding_purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u32>,
    text: NovaText<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaText<'a> {
    value: &'a str,
    truncation_mode: &'static str,
}

/// The value of InvokeModel's request-metadata header that names the end user; `None` where AWS's rules refuse the name.
pub fn request_metadata(user: &str) -> Option<String> {
    #[derive(Serialize)]
    struct Pairs<'a> {
        user: &'a str,
    }
    fits_request_metadata("user", user)
        .then(|| String::from_utf8_lossy(&to_vec(&Pairs { user })).into_owned())
}

/// The vectors of one invocation, in the order of its texts, and the tokens it took where the body says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Each a JSON array of numbers, as it came.
    pub vectors: Vec<Json>,
    /// Titan's `inputTextTokenCount`; the other families say it in a header.
    pub tokens: Option<u64>,
}

/// Reads the answer of an invocation.
pub fn vectors(family: EmbeddingFamily, body: &[u8]) -> Result<Vectors, serde_json::Error> {
    match family {
        EmbeddingFamily::Titan | EmbeddingFamily::TitanImage => {
            let TitanAnswer { embedding, input_text_token_count } = serde_json::from_slice(body)?;
            Ok(Vectors { vectors: vec![embedding], tokens: input_text_token_count })
        }
        EmbeddingFamily::Cohere => {
            let CohereAnswer { embeddings } = serde_json::from_slice(body)?;
            Ok(Vectors { vectors: embeddings.vectors(), tokens: None })
        }
        EmbeddingFamily::Nova => {
            let NovaAnswer { embeddings } = serde_json::from_slice(body)?;
            let vectors = embeddings.into_iter().map(|NovaVector { embedding }| embedding).collect();
            Ok(Vectors { vectors, tokens: None })
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TitanAnswer {
    embedding: Json,
    input_text_token_count: Option<u64>,
}

#[derive(Deserialize)]
struct CohereAnswer {
    embeddings: CohereVectors,
}

/// A list for v3, lists by type for v4 and wherever types were asked for.
enum CohereVectors {
    List(Vec<Json>),
    ByType { float: Vec<Json> },
}

impl<'de> Deserialize<'de> for CohereVectors {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct ByType {
            float: Vec<Json>,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let read = if raw.get().starts_with('{') {
            serde_json::from_str(raw.get()).map(|ByType { float }| Self::ByType { float })
        } else {
            serde_json::from_str(raw.get()).map(Self::List)
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl CohereVectors {
    fn vectors(self) -> Vec<Json> {
        match self {
            Self::List(vectors) | Self::ByType { float: vectors } => vectors,
        }
    }
}

#[derive(Deserialize)]
struct NovaAnswer {
    embeddings: Vec<NovaVector>,
}

#[derive(Deserialize)]
struct NovaVector {
    embedding: Json,
}

/// OpenAI's answer: all vectors, in the order of the request's texts.
///
/// # Errors
/// A vector that is no list of numbers, where it has to be encoded.
pub fn render_response(
    vectors: &[Json],
    encoding: Encoding,
    model: &str,
    tokens: u64,
) -> Result<Vec<u8>, serde_json::Error> {
    let written = |vector: &Json| match encoding {
        Encoding::Float => Ok(vector.clone()),
        Encoding::Base64 => encoded(vector),
    };
    let data = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| Ok(Datum { object: "embedding", index, embedding: written(vector)? }))
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    let usage = EmbeddingsUsage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(to_vec(&List { object: "list", data, model, usage }))
}

fn encoded(vector: &Json) -> Result<Json, serde_json::Error> {
    let numbers: Vec<f32> = serde_json::from_str(vector.get())?;
    let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    Json::of(&STANDARD.encode(bytes))
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Datum>,
    model: &'a str,
    usage: EmbeddingsUsage,
}

#[derive(Serialize)]
struct Datum {
    object: &'static str,
    index: usize,
    embedding: Json,
}

#[derive(Serialize)]
struct EmbeddingsUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}
