//! Requests that lean on responses stored before: `previous_response_id`, and items named by `item_reference`.
//!
//! This module says what a request leans on and puts the stored items into its place; where they are stored is not its
//! business. A request that was [`joined`] reads like one whose client sent everything itself.

use std::collections::BTreeMap;

use outcrop_texts as texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Json;
use crate::bedrock::Text;
use crate::dialect::{RequestError, to_vec};
use crate::envelope::{Envelope, Members};

/// What of a request leans on stored responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaning {
    /// The response that the request continues.
    pub previous: Option<String>,
    /// Items of earlier responses that it names instead of sending them.
    pub items: Vec<String>,
}

/// Looks for what a request leans on.
pub fn leaning(body: &[u8]) -> Result<Leaning, RequestError> {
    let Request { previous_response_id, input } = RequestError::read(body)?;
    let items = input.map(items).transpose()?.unwrap_or_default();
    let referred = items.iter().filter_map(|item| reference(item)).collect();
    Ok(Leaning { previous: previous_response_id, items: referred })
}

#[derive(Deserialize)]
struct Request<'a> {
    previous_response_id: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// The raw items of an input; a text is none.
fn items(input: &RawValue) -> Result<Vec<&RawValue>, RequestError> {
    if input.get().starts_with('[') {
        return serde_json::from_str(input.get())
            .map_err(|error| RequestError::at("input", texts::unreadable("input", error)));
    }
    Ok(Vec::new())
}

fn reference(item: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
        id: Option<String>,
    }
    let Item { kind, id } = serde_json::from_str(item.get()).ok()?;
    id.filter(|_| kind.as_deref() == Some("item_reference"))
}

/// The response that an item of ours belongs to: `msg_{response}_{index}`.
pub fn response_of(item_id: &str) -> Option<String> {
    let (_, rest) = item_id.split_once('_')?;
    let (response, _) = rest.rsplit_once('_')?;
    Some(format!("resp_{response}"))
}

/// One response as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The items of its request.
    pub input: Vec<Json>,
    /// The items it answered.
    pub output: Vec<Json>,
}

/// Writes the request as if its client had sent everything itself: the items of the responses before it, oldest first,
/// and each named item in its place.
///
/// # Errors
/// An item that is not among `named`.
pub fn joined(
    body: &[u8],
    history: &[Stored],
    named: &BTreeMap<String, Json>,
) -> Result<Vec<u8>, RequestError> {
    let Members(members) = RequestError::read(body)?;
    let mut out = Envelope::with_capacity(body.len() * 2);
    for (key, value) in members {
        match key.as_ref() {
            "previous_response_id" => {}
            "input" => out.member("input", &to_vec(&input(value, history, named)?)),
            _ => out.member(&key, value.get().as_bytes()),
        }
    }
    Ok(out.finish())
}

fn input(
    current: &RawValue,
    history: &[Stored],
    named: &BTreeMap<String, Json>,
) -> Result<Vec<Json>, RequestError> {
    let before = history.iter().flat_map(|stored| stored.input.iter().chain(&stored.output));
    let mut input: Vec<Json> = before.cloned().collect();
    for item in own_items(current)? {
        match RawItem(&item).reference() {
            None => input.push(item),
            Some(id) => input.push(
                named.get(&id).cloned().ok_or_else(|| RequestError::at("input", texts::no_such_item(&id)))?,
            ),
        }
    }
    Ok(input)
}

struct RawItem<'a>(&'a Json);

impl RawItem<'_> {
    fn reference(&self) -> Option<String> {
        serde_json::from_str::<&RawValue>(self.0.get()).ok().and_then(reference)
    }
}

/// The items of an input; a text is the message of a user.
fn own_items(input: &RawValue) -> Result<Vec<Json>, RequestError> {
    if let Ok(text) = serde_json::from_str::<Text<'_>>(input.get()) {
        let content = [InputText { kind: "input_text", text: &text }];
        let message = UserMessage { kind: "message", role: "user", content };
        return Ok(vec![Json::of(&message).expect("texts are JSON")]);
    }
    Ok(items(input)?.into_iter().map(Json::keep).collect())
}

#[derive(Serialize)]
struct UserMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    content: [InputText<'a>; 1],
}

#[derive(Serialize)]
struct InputText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

/// What is to be stored of an exchange: the items of the request and of the response.
pub fn stored(request: &[u8], response: &[u8]) -> Result<Stored, RequestError> {
    #[derive(Deserialize)]
    struct Response {
        output: Vec<Json>,
    }
    let Request { input, .. } = RequestError::read(request)?;
    let Response { output } = RequestError::read(response)?;
    Ok(Stored { input: input.map(own_items).transpose()?.unwrap_or_default(), output })
}

/// The answer to `GET /v1/responses/{id}/input_items`: each item with an id, those without one get one of ours.
pub fn render_input_items(response_id: &str, items: &[Json]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: &'a [Json],
        first_id: Option<&'a str>,
        last_id: Option<&'a str>,
        has_more: bool,
    }
    let named: Vec<(String, Json)> =
        items.iter().enumerate().map(|(index, item)| with_id(response_id, index, item)).collect();
    let data: Vec<Json> = named.iter().map(|(_, item)| item.clone()).collect();
    let first_id = named.first().map(|(id, _)| id.as_str());
    let last_id = named.last().map(|(id, _)| id.as_str());
    to_vec(&List { object: "list", data: &data, first_id, last_id, has_more: false })
}

fn with_id(response_id: &str, index: usize, item: &Json) -> (String, Json) {
    let id = format!("in_{}_{index}", response_id.strip_prefix("resp_").unwrap_or(response_id));
    let Ok(Members(members)) = serde_json::from_str(item.get()) else { return (id, item.clone()) };
    let own = members.iter().find(|(key, _)| key == "id");
    if let Some(own) = own.and_then(|(_, value)| serde_json::from_str::<String>(value.get()).ok()) {
        return (own, item.clone());
    }
    let mut out = Envelope::with_capacity(item.get().len() + id.len());
    out.member("id", &to_vec(&id));
    for (key, value) in members.iter().filter(|(key, _)| key != "id") {
        out.member(key, value.get().as_bytes());
    }
    let with_id = String::from_utf8(out.finish()).ok().and_then(|text| Json::parse(text).ok());
    (id, with_id.unwrap_or_else(|| item.clone()))
}

/// The answer to `DELETE /v1/responses/{id}`.
pub fn render_deleted(id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Deleted<'a> {
        id: &'a str,
        object: &'static str,
        deleted: bool,
    }
    to_vec(&Deleted { id, object: "response", deleted: true })
}
