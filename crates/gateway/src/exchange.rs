//! The hot path: one request, one function.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use outcrop_bedrock::Invocation;
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::Dialect;
use outcrop_wire::family::Terms;
use uuid::Uuid;

use crate::access::Caller;
use crate::conversation::Conversation;
use crate::disconnect::Attended;
use crate::entry::Entry;
use crate::failover::Course;
use crate::failure::{self, Failure};
use crate::lane::{self, Call, Inbound};
use crate::ledger::{Record, UsageKind};
use crate::reply::{self, ReplyBody};
use crate::router::{self, Endpoint};
use crate::state::{Route, State};
use crate::{body, control, embeddings, models, remote, stored, tenant};

/// Answers one request, whatever it is. Never fails: a failure is an answer in the client's dialect.
pub(crate) async fn exchange(state: Arc<State>, request: Request<Incoming>) -> Response<ReplyBody> {
    Attended::new(Arc::clone(&state), answer(state, request)).await
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let id = Uuid::now_v7().to_string();
    let dialect = router::dialect(head.uri.path());
    let answered = match router::route(&head.method, head.uri.path()) {
        Ok(
            endpoint @ (Endpoint::ChatCompletions
            | Endpoint::Responses
            | Endpoint::Messages
            | Endpoint::CountTokens
            | Endpoint::Model { .. }),
        ) => invoke(&state, &head, body, endpoint, &id).await,
        Ok(Endpoint::Embeddings) => embeddings::answer(&state, &head, body, &id).await,
        Ok(Endpoint::StoredResponse { id: stored, part }) => {
            stored::answer(&state, &head, &stored, part).await
        }
        Ok(Endpoint::Models) => models::list(&state, &head).await,
        Ok(Endpoint::ModelNamed(id)) => models::named(&state, &head, &id).await,
        Ok(Endpoint::Control) => control::forward(&state, &head, body).await,
        Ok(Endpoint::Health) => Ok(Response::new(ReplyBody::whole("ok\n"))),
        Ok(Endpoint::Ready) => Ok(state.ledger.telemetry().health.readiness()),
        Ok(Endpoint::Metrics) => metrics(&state, &head).await,
        Ok(Endpoint::Root) => Ok(Response::new(ReplyBody::whole(ROOT))),
        Err(unroutable) => Err(unroutable.into()),
    };
    let mut response = answered.unwrap_or_else(|failure| {
        tracing::info!(id, path = head.uri.path(), status = failure.error.status, error = %failure.error, "failed");
        state.ledger.telemetry().refused(failure.error.status);
        failure.response(dialect, &id)
    });
    if let Ok(id) = HeaderValue::try_from(id) {
        failure::name_request(dialect, id, response.headers_mut());
    }
    response
}

/// An invocation: read, resolve, prepare, send, stream back.
async fn invoke(
    state: &Arc<State>,
    head: &Parts,
    body: Incoming,
    endpoint: Endpoint<'_>,
    id: &str,
) -> Result<Response<ReplyBody>, Failure> {
    let (caller, body) = admit(state, head, body, router::dialect(head.uri.path())).await?;
    let continued = stored::continued(state, &caller, &endpoint, body).await?;
    let live = state.live();
    let brought = remote::bring(live.requests.remote_images.as_ref(), &continued.body).await?;
    let inbound = Inbound::read(endpoint, &head.headers, &brought.body)?;
    let route = state.route_of(&caller, &inbound.model, inbound.dialect).await?;
    let conversation = || Conversation::of(&head.headers, &continued.body);
    let mut course = Course::of(state, &live, route, &caller, inbound.api(), conversation).await;
    loop {
        let route = Arc::clone(course.route());
        let refused = state.lessons.refused_by(route.subject());
        let terms = Terms {
            parameters: live.requests.parameters,
            cache: live.requests.prompt_cache,
            refused: &refused,
        };
        let mut call = lane::prepare(&inbound, &route, live.lane, &terms, id)?;
        if let Some(guardrail) = &live.guardrail {
            guardrail.apply(&mut call)?;
        }
        call.notices.append(brought.notices.clone());
        course.tell(&mut call.notices);
        pass_fault(state, &head.headers, &mut call.headers);
        continued.keep(state, &caller, &mut call);
        let entry = open(state, &route, &call, &caller, inbound.dialect, &course.entry_id(id));
        let (invocation, target) = (invocation(&call, &route), &route.target_health);
        let client = &route.account.client;
        let sent = client.send_within(&invocation, &target.bucket, course.attempts()).await;
        match reply::answer(&call, sent, entry, state.drains(), client.timeouts()).await {
            Ok(mut response) => {
                course.answered(state, response.body_mut());
                disclose(&route, &call, response.headers_mut());
                return Ok(response);
            }
            Err(failure) if course.may_learn() && state.lessons.teaches(&route, &call, &failure) => {
                course.learned();
            }
            Err(failure) if course.finds_a_profile(state, &caller, &failure).await => {}
            Err(failure) if course.goes_on(state, &caller, &failure).await => {}
            Err(mut failure) => {
                failure.name_what_was_meant(&live.catalog, &route.resolution);
                disclose(&route, &call, &mut failure.disclosed);
                return Err(failure);
            }
        }
    }
}

/// Identifies the caller and reads the body; whoever is not let in is told so before the body is read.
pub(crate) async fn admit(
    state: &State,
    head: &Parts,
    body: Incoming,
    dialect: Dialect,
) -> Result<(Caller, Bytes), Failure> {
    let denied = |failure: Failure| failure.denied(dialect);
    let live = state.live();
    let known = live.access.by_head(head, &*state.keys.current().await).map_err(denied)?;
    let body = body::read(body, &state.bodies).await?;
    let mut caller = match known {
        Some(caller) => caller,
        None => live.access.by_signature(head, &body).map_err(denied)?,
    };
    live.accounts.check(&caller)?;
    caller.trace_parent = head.headers.get("traceparent").cloned();
    Ok((caller, body))
}

/// Figures tell who spends what: whoever may not call may not read them.
async fn metrics(state: &State, head: &Parts) -> Result<Response<ReplyBody>, Failure> {
    let access = Arc::clone(&state.live().access);
    let caller = access.caller(head, b"", &*state.keys.current().await);
    let caller = caller.map_err(|failure| failure.denied(Dialect::ChatCompletions))?;
    if tenant::is_bound(&caller) {
        return Err(Failure::new(ErrorKind::AccessDenied, texts::KEY_SEES_ITSELF));
    }
    Ok(state.exposition())
}

const ROOT: &str = "Outcrop: Amazon Bedrock for any client.\n\
    POST /v1/chat/completions  /v1/responses  /v1/embeddings  /v1/messages[/count_tokens]  /model/{id}/converse[-stream]  /model/{id}/invoke[-with-response-stream]\n\
    GET  /v1/models  /inference-profiles  /foundation-models  /healthz  /readyz  /metrics\n";

pub(crate) fn invocation<'a>(call: &Call, route: &'a Route) -> Invocation<'a> {
    Invocation {
        method: Method::POST,
        endpoint: &route.endpoint,
        region: &route.resolution.source_region,
        path: route.path(call.operation),
        headers: call.headers.clone(),
        body: call.body.clone(),
    }
}

/// Begins the ledger's record; it is written when the answer ends, or is dropped.
pub(crate) fn open(
    state: &State,
    route: &Route,
    call: &Call,
    caller: &Caller,
    dialect: Dialect,
    id: &str,
) -> Entry {
    let record = Record {
        gateway_request_id: id.to_owned(),
        timestamp: SystemTime::now(),
        trace_parent: caller.trace_parent.clone(),
        request_id: None,
        operation: call.operation.name(),
        resolution: Arc::clone(&route.resolution),
        identity: caller.name.clone(),
        account: route.account.name.clone(),
        user: None,
        status: 200,
        error_code: None,
        stop_reason: None,
        tokens: Default::default(),
        usage: UsageKind::None,
        dialect: word(dialect),
        lane: call.travel.lane(),
        first_event: None,
        latency: Duration::ZERO,
        notices: call.notices.iter().map(ToString::to_string).collect(),
    };
    Entry::new(state.ledger.clone(), record, call.body.len())
}

/// Faults are for the emulator alone; AWS never sees the header.
pub(crate) fn pass_fault(state: &State, from: &HeaderMap, to: &mut HeaderMap) {
    const FAULT: &str = "x-outcrop-fault";
    if let (true, Some(fault)) = (state.local, from.get(FAULT)) {
        to.insert(FAULT, fault.clone());
    }
}

/// Says what was done with the request.
pub(crate) fn disclose(route: &Route, call: &Call, headers: &mut HeaderMap) {
    let facts = [(TARGET, &route.target), (MODEL, &route.model), (REGION, &route.region)];
    for (name, value) in facts {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(LANE, call.travel.header());
    let notices =
        call.notices.iter().map(ToString::to_string).chain(route.resolution.notices.iter().cloned());
    for notice in notices {
        if let Ok(value) = HeaderValue::try_from(ascii(&notice)) {
            headers.append(NOTICE, value);
        }
    }
}

const TARGET: HeaderName = HeaderName::from_static("outcrop-target");
const MODEL: HeaderName = HeaderName::from_static("outcrop-model");
const REGION: HeaderName = HeaderName::from_static("outcrop-region");
const LANE: HeaderName = HeaderName::from_static("outcrop-lane");
const NOTICE: HeaderName = HeaderName::from_static("outcrop-notice");

/// A header value holds visible ASCII; the rest is written as `?` (the log and the ledger have the original).
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// The dialect's word in the ledger.
fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::ChatCompletions => "chat-completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
        Dialect::Bedrock => "bedrock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Thousands of requests wait at once for their first event, each with this.
    #[test]
    fn what_a_waiting_request_holds_is_small() {
        assert!(size(answer) <= 8 * 1024, "{}", size(answer));
    }
}
