//! `GET /v1/models` and `/v1/models/{id}`, in OpenAI's shape, and in Anthropic's where `anthropic-version` is sent.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderValue, Response, header};
use outcrop_catalog::{Catalog, Context, Resolution, ResolveError};
use outcrop_texts as texts;
use serde::Serialize;

use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::{Dialect, RequestError};
use percent_encoding::percent_decode_str;

use crate::failure::Failure;
use crate::reply::ReplyBody;
use crate::state::State;
use crate::tenant;

/// The models a client may name: those the configuration offers, else every application profile and all that the
/// Region serves.
pub(crate) async fn list(state: &State, head: &Parts) -> Result<Response<ReplyBody>, Failure> {
    let live = state.live();
    let made = state.keys.current().await;
    let caller = live.access.caller(head, b"", &made);
    let caller = caller.map_err(|failure| failure.denied(Dialect::ChatCompletions))?;
    let query = head.uri.query().unwrap_or_default();
    let asked = value(query, "region").filter(|region| !region.is_empty());
    let region = asked.as_deref().or(caller.region.as_deref()).unwrap_or(&live.region);
    let context = Context { region: region.to_owned() };
    let allowed = tenant::offered(&caller, &live.catalog, &context);
    let offers =
        offers(&live.catalog, &context, |resolution| allowed.as_ref().is_none_or(|it| it(resolution)));
    Ok(answer(match shape(head) {
        Shape::Anthropic => anthropic(Page::of(&offers, query)?),
        Shape::OpenAi => openai(&offers, region),
    }))
}

/// A value of the query.
fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    percent_decode_str(value).decode_utf8().ok()
}

/// One model by any identifier that a request may name, offered in the list or not.
pub(crate) async fn named(state: &State, head: &Parts, id: &str) -> Result<Response<ReplyBody>, Failure> {
    let live = state.live();
    let made = state.keys.current().await;
    let caller = live.access.caller(head, b"", &made);
    let caller = caller.map_err(|failure| failure.denied(Dialect::ChatCompletions))?;
    let region = caller.region.as_deref().unwrap_or(&live.region);
    let route = state.route_of(&caller, id, Dialect::ChatCompletions).await?;
    let known = route.resolution.model.is_some() || route.resolution.profile.is_some();
    // The route may have taught the catalog a profile.
    let offer = offer(&state.live().catalog, id.to_owned(), &Context { region: region.to_owned() }, |_| true)
        .filter(|_| known)
        .ok_or_else(|| Failure::new(ErrorKind::ResourceNotFound, texts::no_model(id)))?;
    Ok(answer(match shape(head) {
        Shape::Anthropic => json(&AnthropicModel::of(&offer)),
        Shape::OpenAi => json(&OpenAiModel::of(&offer)),
    }))
}

enum Shape {
    OpenAi,
    Anthropic,
}

fn shape(head: &Parts) -> Shape {
    let anthropic =
        head.headers.contains_key("anthropic-version") || head.uri.path().starts_with("/anthropic/");
    if anthropic { Shape::Anthropic } else { Shape::OpenAi }
}

fn answer(body: Vec<u8>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A part of the list, by Anthropic's cursors. Without a limit it is the whole list: not every client asks for more.
struct Page<'a> {
    offers: &'a [Offer],
    has_more: bool,
}

impl<'a> Page<'a> {
    /// Anthropic's own bound.
    const MOST: usize = 1000;

    fn of(offers: &'a [Offer], query: &str) -> Result<Self, Failure> {
        let value = |name: &str| value(query, name);
        let refuse = || RequestError::at("limit", texts::page_limit(Self::MOST));
        let limit = match value("limit") {
            None => Self::MOST,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=Self::MOST).contains(limit)).ok_or_else(refuse)?
            }
        };
        let place = |id: &str| offers.iter().position(|offer| offer.id == id);
        let (start, end) = match (value("after_id"), value("before_id")) {
            (Some(after), _) => (place(&after).map_or(offers.len(), |at| at + 1), offers.len()),
            (None, Some(before)) => {
                let end = place(&before).unwrap_or(0);
                (end.saturating_sub(limit), end)
            }
            (None, None) => (0, offers.len()),
        };
        let last = end.min(start + limit);
        let backwards = value("before_id").is_some() && value("after_id").is_none();
        let has_more = if backwards { start > 0 } else { last < offers.len() };
        Ok(Self { offers: &offers[start..last], has_more })
    }
}

/// One entry of the list.
struct Offer {
    id: String,
    name: String,
    publisher: Option<String>,
}

fn offers(catalog: &Catalog, context: &Context, allowed: impl Fn(&Resolution) -> bool) -> Vec<Offer> {
    let offers = catalog.offers(&context.region).into_iter();
    offers.filter_map(|id| offer(catalog, id, context, &allowed)).collect()
}

/// `None` for what the residency policy refuses; an application profile whose Regions AWS has not told yet is offered.
fn offer(
    catalog: &Catalog,
    id: String,
    context: &Context,
    allowed: impl Fn(&Resolution) -> bool,
) -> Option<Offer> {
    let resolution = match catalog.resolve(&id, context) {
        Ok(resolution) => Some(resolution),
        Err(ResolveError::Residency(refused)) if refused.unproven => Some(refused.resolution),
        Err(ResolveError::Residency(_)) => return None,
        Err(ResolveError::Unknown { .. }) => None,
    };
    if resolution.as_ref().is_some_and(|resolution| !allowed(resolution)) {
        return None;
    }
    let model = resolution.as_ref().and_then(|resolution| resolution.model.clone());
    let profile = resolution.and_then(|resolution| resolution.profile).and_then(|profile| profile.name);
    let model_name = model.as_ref().and_then(|model| model.name.clone());
    let name = match (profile, model_name) {
        (Some(profile), Some(model)) => format!("{profile} ({model})"),
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => id.clone(),
    };
    Some(Offer { name, publisher: model.and_then(|model| model.publisher.clone()), id })
}

/// Neither AWS nor the catalog says when a model was made; both dialects require a date.
const CREATED: &str = "1970-01-01T00:00:00Z";

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    name: &'a str,
}

impl<'a> OpenAiModel<'a> {
    fn of(Offer { id, name, publisher }: &'a Offer) -> Self {
        let owned_by = publisher.as_deref().unwrap_or("unknown");
        Self { id, object: "model", created: 0, owned_by, name }
    }
}

/// Beside OpenAI's members: from which Region these can be called, and how many they are.
fn openai(offers: &[Offer], region: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct List<'a> {
        object: &'static str,
        data: Vec<OpenAiModel<'a>>,
        region: &'a str,
        total_count: usize,
    }
    let data: Vec<_> = offers.iter().map(OpenAiModel::of).collect();
    json(&List { object: "list", total_count: data.len(), data, region })
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

impl<'a> AnthropicModel<'a> {
    fn of(Offer { id, name, publisher: _ }: &'a Offer) -> Self {
        Self { kind: "model", id, display_name: name, created_at: CREATED }
    }
}

fn anthropic(Page { offers, has_more }: Page<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        data: Vec<AnthropicModel<'a>>,
        has_more: bool,
        first_id: Option<&'a str>,
        last_id: Option<&'a str>,
    }
    let data: Vec<_> = offers.iter().map(AnthropicModel::of).collect();
    let first_id = data.first().map(|entry| entry.id);
    let last_id = data.last().map(|entry| entry.id);
    json(&List { first_id, last_id, data, has_more })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a list of texts is JSON")
}
