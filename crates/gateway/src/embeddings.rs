//! `POST /v1/embeddings`: one request, as many invocations as the model needs for it.
//!
//! Cohere embeds a batch at once; Titan and Nova take one text. Each invocation is signed, sent and entered in the ledger
//! by itself, as AWS's own log has it; the first failure ends the request.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyper::body::Incoming;
use outcrop_catalog::{Lane, Model, Reason, Surface};
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::{Dialect, Head, RequestError};
use outcrop_wire::embeddings::{self, EmbeddingFamily, EmbeddingsRequest, Vectors};
use outcrop_wire::{Json, Notices};

use crate::access::Caller;
use crate::exchange::{admit, disclose, invocation, open, pass_fault};
use crate::failure::Failure;
use crate::lane::{Answer, Call, json_headers};
use crate::reply::{self, ReplyBody};
use crate::router::Operation;
use crate::state::{Route, State};
use crate::travel::Travel;

/// Answers one embeddings request.
pub(crate) async fn answer(
    state: &Arc<State>,
    head: &Parts,
    body: Incoming,
    id: &str,
) -> Result<Response<ReplyBody>, Failure> {
    let (caller, body) = admit(state, head, body, Dialect::ChatCompletions).await?;
    let Head { model, .. } = Head::read(&body)?;
    let mut request = embeddings::read(&body)?;
    let route = state.route_of(&caller, &model, Dialect::ChatCompletions).await?;
    let (family, facts) = embedding_model(&route)?;
    let live = state.live();
    if let Some(guardrail) = &live.guardrail {
        let client = &route.account.client;
        guardrail.judge(client, &route, &mut request.texts, &mut request.notices).await?;
    }
    let bodies = request.invocations(family, facts)?;
    let mut headers = json_headers();
    pass_fault(state, &head.headers, &mut headers);
    name_user(&mut request, &mut headers);
    let mut disclosed = HeaderMap::new();
    let told = call(id, &headers, Bytes::new(), std::mem::take(&mut request.notices));
    disclose(&route, &told, &mut disclosed);
    let each = bodies.into_iter().enumerate().map(|(index, body)| {
        // In the ledger each invocation has an id of its own; the notices of the request stand there once.
        let (id, notices) = match index {
            0 => (id.to_owned(), told.notices.clone()),
            _ => (format!("{id}.{}", index + 1), Notices::default()),
        };
        embed(state, &route, family, call(&id, &headers, body.into(), notices), &caller)
    });
    let answers = stream::iter(each).buffered(AT_ONCE).try_collect::<Vec<_>>().await;
    match answers.and_then(|answers| render(&request, &model, answers)) {
        Ok(body) => {
            disclosed.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut response = Response::new(ReplyBody::whole(body));
            *response.headers_mut() = disclosed;
            Ok(response)
        }
        Err(mut failure) => {
            *failure.disclosed = disclosed;
            Err(failure)
        }
    }
}

/// Invocations of one request that are under way at once: enough to hide the latency, few enough for the quota.
const AT_ONCE: usize = 8;

/// AWS's header for pairs that appear in the invocation log (botocore 1.43.11, `InvokeModel.requestMetadata`).
const REQUEST_METADATA: HeaderName = HeaderName::from_static("x-amzn-bedrock-request-metadata");

fn embedding_model(route: &Route) -> Result<(EmbeddingFamily, &Model), RequestError> {
    let target = &route.resolution.target;
    let Some(model) = route.resolution.model.as_deref() else {
        return Err(RequestError::at("model", format!("it is not known which model is behind `{target}`"))
            .hint("name the model behind the profile: BEDROCK_INFERENCE_PROFILE_MAPPINGS, or let the gateway look it up"));
    };
    let family = EmbeddingFamily::of(model).ok_or_else(|| {
        RequestError::at("model", format!("`{}` makes no embeddings of text here", model.id))
            .hint("Titan Embeddings, Cohere Embed and Nova Multimodal Embeddings do: `outcrop models list --filter embed`")
    })?;
    Ok((family, model))
}

/// `user` goes into AWS's invocation log.
fn name_user(request: &mut EmbeddingsRequest, headers: &mut HeaderMap) {
    let Some(user) = request.user.take() else { return };
    match embeddings::request_metadata(&user).and_then(|json| HeaderValue::try_from(json).ok()) {
        Some(value) => drop(headers.insert(REQUEST_METADATA, value)),
        None => request.notices.dropped("user", "it breaks the rules of Bedrock's request metadata"),
    }
}

fn call(id: &str, headers: &HeaderMap, body: Bytes, notices: Notices) -> Call {
    Call {
        request_id: id.to_owned(),
        operation: Operation::InvokeModel,
        travel: TRAVEL,
        language: None,
        stream: false,
        answer: Answer::Native,
        headers: headers.clone(),
        body,
        notices,
        keeper: None,
    }
}

const TRAVEL: Travel =
    Travel { lane: Lane::Translate, surface: Surface::RuntimeInvoke, reason: Reason::Embeddings };

/// One invocation: its vectors, and the tokens it took.
async fn embed(
    state: &Arc<State>,
    route: &Route,
    family: EmbeddingFamily,
    call: Call,
    caller: &Caller,
) -> Result<(Vec<Json>, u64), Failure> {
    let entry = open(state, route, &call, caller, Dialect::ChatCompletions, &call.request_id);
    let client = &route.account.client;
    let sent = client.send(&invocation(&call, route)).await;
    let (headers, body) = reply::collect(&call, sent, entry, client.timeouts()).await?;
    let Vectors { vectors, tokens } =
        embeddings::vectors(family, &body).map_err(|error| reply::unreadable(&error))?;
    let counted = || reply::usage_of_headers(&headers).map(|usage| usage.input_tokens);
    Ok((vectors, tokens.or_else(counted).unwrap_or(0)))
}

/// OpenAI's answer; a model that made fewer vectors than it was given texts has failed.
fn render(
    request: &EmbeddingsRequest,
    model: &str,
    answers: Vec<(Vec<Json>, u64)>,
) -> Result<Vec<u8>, Failure> {
    let tokens = answers.iter().map(|(_, tokens)| tokens).sum();
    let vectors: Vec<Json> = answers.into_iter().flat_map(|(vectors, _)| vectors).collect();
    if vectors.len() != request.texts.len() {
        let message = format!("The model made {} vectors of {} texts.", vectors.len(), request.texts.len());
        return Err(Failure::new(ErrorKind::ModelError, message));
    }
    embeddings::render_response(&vectors, request.encoding, model, tokens)
        .map_err(|error| reply::unreadable(&error).into())
}
