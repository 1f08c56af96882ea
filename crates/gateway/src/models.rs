//! `GET /v1/models`, in OpenAI's shape, and in Anthropic's where `anthropic-version` is sent.

use http::request::Parts;
use http::{HeaderValue, Response, header};
use outcrop_catalog::{Catalog, Context, Resolution, ResolveError};
use serde::Serialize;

use outcrop_wire::dialect::Dialect;

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
    let caller = caller.map_err(|error| Failure::denied(error, Dialect::ChatCompletions))?;
    let region = caller.region.as_deref().unwrap_or(&live.region);
    let context = Context { region: region.to_owned() };
    let allowed = tenant::offered(&caller, &live.catalog, &context);
    let offers =
        offers(&live.catalog, &context, |resolution| allowed.as_ref().is_none_or(|it| it(resolution)));
    let body =
        if head.headers.contains_key("anthropic-version") { anthropic(&offers) } else { openai(&offers) };
    let mut response = Response::new(ReplyBody::whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
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

fn openai(offers: &[Offer]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'a str,
        data: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        id: &'a str,
        object: &'a str,
        created: u64,
        owned_by: &'a str,
        name: &'a str,
    }
    let data = offers.iter().map(|Offer { id, name, publisher }| {
        let owned_by = publisher.as_deref().unwrap_or("unknown");
        Entry { id, object: "model", created: 0, owned_by, name }
    });
    json(&List { object: "list", data: data.collect() })
}

fn anthropic(offers: &[Offer]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        data: Vec<Entry<'a>>,
        has_more: bool,
        first_id: Option<&'a str>,
        last_id: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        id: &'a str,
        display_name: &'a str,
        created_at: &'a str,
    }
    let data: Vec<_> = offers
        .iter()
        .map(|Offer { id, name, publisher: _ }| Entry {
            kind: "model",
            id,
            display_name: name,
            created_at: CREATED,
        })
        .collect();
    let first_id = data.first().map(|entry| entry.id);
    let last_id = data.last().map(|entry| entry.id);
    json(&List { first_id, last_id, data, has_more: false })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a list of texts is JSON")
}
