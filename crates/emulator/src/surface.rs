//! The endpoints beside Bedrock's own operations: OpenAI's and Anthropic's APIs as AWS itself offers them.
//!
//! AWS has two hosts for them: the runtime (`/openai/v1/…`, `/anthropic/v1/messages`) and mantle (`/v1/…`, and the same
//! again). The emulator has one address, so a model is found under every path that either host serves it on; which those
//! are is data (the catalog's `routes`). Application profiles are for InvokeModel and Converse alone, and mantle knows no
//! profiles at all (reference `bedrock.md` §0, §2.5). Reading and most of the writing is the wire crate's.

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use outcrop_wire::bedrock::{BedrockError, ConverseResponse, StreamEvent};
use outcrop_wire::dialect::{Answer, Dialect, Head, error_body};
use outcrop_wire::eventstream::{Decoder, Message};
use outcrop_wire::{openai_responses, sse};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::dialect::chat::{self, Naming};
use crate::dialect::{claude, converse};
use crate::exchange::Call;
use crate::facts::Standing;
use crate::failure::Failure;
use crate::invoke::Invocation;
use crate::operation::{Operation, Runtime};
use crate::permission;
use crate::prompt::Turn;
use crate::reply::{Framing, Payload, Reply};
use crate::rules::Surface;
use crate::state::{BASE36, BASE62, State};
use crate::target::{self, Target};
use crate::tokens;

/// A path beside Bedrock's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    api: Api,
    /// The path, which is also the route's name in the data.
    path: &'static str,
}

/// What is asked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    ChatCompletions,
    Responses,
    Messages,
    CountTokens,
    Models,
}

const MESSAGES: &str = "/anthropic/v1/messages";

/// All of them.
const ROUTES: [(Method, Api, &str); 8] = [
    (Method::POST, Api::ChatCompletions, "/openai/v1/chat/completions"),
    (Method::POST, Api::ChatCompletions, "/v1/chat/completions"),
    (Method::POST, Api::Responses, "/openai/v1/responses"),
    (Method::POST, Api::Responses, "/v1/responses"),
    (Method::POST, Api::Messages, MESSAGES),
    (Method::POST, Api::CountTokens, "/anthropic/v1/messages/count_tokens"),
    (Method::GET, Api::Models, "/openai/v1/models"),
    (Method::GET, Api::Models, "/v1/models"),
];

impl Route {
    /// By method and path; `None` for everything else.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        ROUTES
            .iter()
            .find(|(known, _, name)| known == method && *name == path)
            .map(|(_, api, path)| Self { api: *api, path })
    }

    /// Whose words are spoken there.
    fn dialect(self) -> Dialect {
        match self.api {
            Api::ChatCompletions | Api::Models => Dialect::ChatCompletions,
            Api::Responses => Dialect::Responses,
            Api::Messages | Api::CountTokens => Dialect::Messages,
        }
    }

    /// Whether the runtime serves it, which takes system profiles; mantle alone serves the others.
    fn takes_profiles(self) -> bool {
        !self.path.starts_with("/v1/")
    }

    /// The name under which invocations are billed.
    fn operation(self) -> &'static str {
        match self.api {
            Api::ChatCompletions => "ChatCompletions",
            Api::Responses => "Responses",
            Api::Messages => "Messages",
            Api::CountTokens => "CountTokens",
            Api::Models => "ListModels",
        }
    }

    /// A refusal in the route's own shape.
    pub(crate) fn refusal(self, failure: &Failure, request_id: &str) -> Reply {
        let status = StatusCode::from_u16(failure.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = error_body(self.dialect(), failure.error.status, &failure.error, request_id, None);
        let reply = Reply::new(status, "application/json", Payload::Whole(body.into()));
        match failure.retry_after {
            // In whole seconds, as OpenAI and Anthropic say it (their API references, "Rate limits").
            Some(millis) => reply.with_number("retry-after", millis.div_ceil(1000)),
            None => reply,
        }
    }
}

/// Answers a request on one of the routes.
///
/// # Errors
/// What the route, the model or the rules refuse; [`Route::refusal`] puts it into the route's shape.
pub(crate) async fn answer(
    state: &State,
    call: &Call<'_>,
    route: Route,
    caller: &Caller,
) -> Result<Reply, Failure> {
    let region = caller.region.as_str();
    if route.api == Api::Models {
        return Ok(models(state, route, region));
    }
    let head = Head::read(call.body).map_err(chat::refused)?;
    let invocation = Invocation {
        state,
        call,
        operation: route.operation(),
        region,
        target: resolve(state, &head.model, route, region)?,
    };
    if route.takes_profiles() {
        // The rights to the runtime's routes are those to InvokeModel.
        let kind = if head.stream { Runtime::InvokeModelWithResponseStream } else { Runtime::InvokeModel };
        permission::check(state, caller, &Operation::Runtime { kind, model: head.model.into_owned() })?;
    } else {
        permission::check_mantle(state, caller)?;
    }
    match route.api {
        Api::ChatCompletions => chat_completion(&invocation, route, head.stream).await,
        Api::Responses => response(&invocation, head.stream).await,
        Api::Messages => message(&invocation, head.stream).await,
        Api::CountTokens | Api::Models => count(&invocation),
    }
}

/// The model behind what the caller wrote, where the route serves it.
fn resolve(state: &State, identifier: &str, route: Route, region: &str) -> Result<Target, Failure> {
    let unknown = || {
        let text = format!("The model `{identifier}` does not exist or you do not have access to it.");
        Failure::not_found(text)
    };
    if target::is_application_profile(identifier) {
        return Err(Failure::validation(
            "Application inference profiles can't be used on this route. Use the ID of the model or of a system-defined \
             inference profile, or call InvokeModel or Converse.",
        ));
    }
    let profile = state.facts.profile(identifier, region);
    let model = match profile {
        Some(profile) if route.takes_profiles() => profile.model.as_str(),
        Some(_) => return Err(unknown()),
        None => match state.facts.standing(identifier, region) {
            Standing::OnDemand | Standing::ProfileOnly => identifier,
            Standing::Retired | Standing::Unknown => return Err(unknown()),
        },
    };
    let name = if route.api == Api::CountTokens { MESSAGES } else { route.path };
    if !state.facts.routes(model).iter().any(|served| served == name) {
        // Source: reference bedrock.md §2.5; others report status 400.
        return Err(Failure::validation(format!("model `{model}` isn't supported on this route")));
    }
    Ok(Target { identifier: identifier.to_owned(), model: model.to_owned(), is_imported: false })
}

async fn chat_completion(
    invocation: &Invocation<'_>,
    route: Route,
    streamed: bool,
) -> Result<Reply, Failure> {
    let state = invocation.state;
    let (prompt, with_usage) = chat::read_on_route(invocation.call.body)?;
    let turn = invocation.ask(&prompt, Surface::Invoke).await?;
    let naming = Naming {
        id: format!("chatcmpl-{}", uuid::Uuid::new_v4()),
        created: jiff::Timestamp::now().as_second(),
        model: &invocation.target.identifier,
        numbers_calls: route.takes_profiles(),
        inline_reasoning: state.facts.quirks(&invocation.target.model).inline_reasoning,
    };
    let reply = match streamed {
        true => events(chat::events(&chat::chunks(&turn, &naming, with_usage)), Dialect::ChatCompletions),
        false => Reply::json(StatusCode::OK, &chat::write(&turn, &naming)),
    };
    invocation.billed(reply, &turn)
}

async fn response(invocation: &Invocation<'_>, streamed: bool) -> Result<Reply, Failure> {
    let request = openai_responses::translate(invocation.call.body).map_err(chat::refused)?;
    let prompt = chat::prompt_of(request.translated);
    let turn = invocation.ask(&prompt, Surface::Invoke).await?;
    let answer = Answer {
        id: format!("resp_{}", invocation.state.new_id(BASE36, 52)),
        created: jiff::Timestamp::now().as_second().unsigned_abs(),
        model: invocation.target.identifier.clone(),
        ..Answer::default()
    };
    let reply = match streamed {
        true => events(response_events(&turn, answer, request.echo), Dialect::Responses),
        false => {
            let whole = openai_responses::render_response(canonical(&turn), &answer, &request.echo);
            Reply::new(StatusCode::OK, "application/json", Payload::Whole(whole.into()))
        }
    };
    invocation.billed(reply, &turn)
}

/// The answer as `Converse` gives it, for a writer that reads that.
fn canonical(turn: &Turn) -> ConverseResponse {
    let whole = converse::write(turn, &converse::Extras::default());
    let Payload::Whole(bytes) = whole.payload else {
        unreachable!("an answer that is not streamed is whole")
    };
    serde_json::from_slice(&bytes).expect("the emulator's own answers have the wire's shape")
}

fn response_events(turn: &Turn, answer: Answer, echo: openai_responses::Echo) -> Vec<Bytes> {
    let mut writer = openai_responses::StreamWriter::new(answer, echo);
    let mut decoder = Decoder::default();
    for frame in converse::stream(turn, &converse::Extras::default()) {
        decoder.push(&frame);
    }
    let mut out = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        let Message::Event { event_type, payload } = frame.message() else { continue };
        let event =
            StreamEvent::parse(event_type, payload).expect("the emulator's own events have the wire's shape");
        let mut buffer = BytesMut::new();
        writer.event(&event, &mut buffer);
        if !buffer.is_empty() {
            out.push(buffer.freeze());
        }
    }
    out
}

async fn message(invocation: &Invocation<'_>, streamed: bool) -> Result<Reply, Failure> {
    let prompt = claude::read(&native(invocation.call.body, &betas(invocation.call))?)?;
    let turn = invocation.ask(&prompt, Surface::Invoke).await?;
    let (model, id) =
        (&invocation.target.model, format!("msg_bdrk_01{}", invocation.state.new_id(BASE62, 22)));
    let reply = match streamed {
        true => {
            let event = |event: &Value| {
                let mut out = BytesMut::new();
                sse::write(&mut out, event["type"].as_str(), event);
                out.freeze()
            };
            events(claude::events(&turn, model, &id).iter().map(event).collect(), Dialect::Messages)
        }
        false => Reply::json(StatusCode::OK, &claude::answer(&turn, model, &id)),
    };
    invocation.billed(reply, &turn)
}

/// `POST …/count_tokens`.
fn count(invocation: &Invocation<'_>) -> Result<Reply, Failure> {
    let mut body: Value = serde_json::from_slice(&native(invocation.call.body, &betas(invocation.call))?)
        .map_err(|_| crate::dialect::malformed())?;
    // Nothing is to be answered, so nothing needs to say how long it may be.
    if body.get("max_tokens").is_none() {
        body["max_tokens"] = json!(1);
    }
    let prompt = claude::read(body.to_string().as_bytes())?;
    Ok(Reply::json(StatusCode::OK, &json!({ "input_tokens": tokens::of_request(&prompt.request) })))
}

/// The same body as `InvokeModel` takes it: what Bedrock has in the URL and in headers goes, what it has in the body comes.
///
/// # Errors
/// A body that is no object, or that names beta features itself: Anthropic's API has a header for them.
pub(crate) fn native(body: &[u8], betas: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut body: Value = serde_json::from_slice(body).map_err(|_| crate::dialect::malformed())?;
    let Some(members) = body.as_object_mut() else { return Err(crate::dialect::malformed()) };
    if let Some(name) =
        ["anthropic_beta", "anthropic_version"].iter().find(|name| members.contains_key(**name))
    {
        return Err(Failure::validation(format!("{name}: Extra inputs are not permitted")));
    }
    members.remove("model");
    members.remove("stream");
    members.insert("anthropic_version".to_owned(), json!("bedrock-2023-05-31"));
    let betas = outcrop_wire::envelope::beta_list(betas);
    if !betas.is_empty() {
        members.insert("anthropic_beta".to_owned(), json!(betas));
    }
    Ok(body.to_string().into_bytes())
}

/// The values of `anthropic-beta`.
fn betas<'a>(call: &Call<'a>) -> Vec<&'a str> {
    call.head.headers.get_all("anthropic-beta").iter().filter_map(|value| value.to_str().ok()).collect()
}

/// `GET …/models`: what the routes under the same prefix serve in the Region.
fn models(state: &State, route: Route, region: &str) -> Reply {
    let prefix = route.path.trim_end_matches("models");
    let served = |id: &str| state.facts.routes(id).iter().any(|route| route.starts_with(prefix));
    let data: Vec<Value> = state
        .facts
        .models_of(region)
        .iter()
        .filter(|model| served(&model.id))
        .map(|model| {
            let owner = model.id.split('.').next();
            json!({ "id": model.id, "object": "model", "created": 0, "owned_by": owner })
        })
        .collect();
    Reply::json(StatusCode::OK, &json!({ "object": "list", "data": data }))
}

fn events(pieces: Vec<Bytes>, dialect: Dialect) -> Reply {
    let mut reply = Reply::new(StatusCode::OK, "text/event-stream", Payload::Frames(pieces));
    reply.framing = Framing::ServerSent(dialect);
    reply
}

/// An error inside a stream of server-sent events, after so many of them.
pub(crate) fn error_event(dialect: Dialect, error: &BedrockError, after: usize) -> Bytes {
    let mut out = BytesMut::new();
    let body = error_body(dialect, error.status, error, "", None);
    match dialect {
        // OpenAI's API reference, "Streaming events": `error` has a shape of its own, and codes of its own.
        Dialect::Responses => {
            let code = match error.status {
                429 => "rate_limit_exceeded",
                400..=499 if ![408, 424].contains(&error.status) => "invalid_prompt",
                _ => "server_error",
            };
            let event = json!({ "type": "error", "sequence_number": after, "code": code,
                "message": error.message, "param": null });
            sse::write(&mut out, Some("error"), &event);
        }
        Dialect::ChatCompletions => {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&body);
            out.extend_from_slice(b"\n\n");
        }
        Dialect::Messages | Dialect::Bedrock => sse::write_raw(&mut out, "error", &body),
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    #[test]
    fn every_route_of_the_data_exists() {
        let facts = Facts::built_in();
        for model in facts.models_of("us-east-1") {
            for name in facts.routes(&model.id) {
                assert!(Route::of(&Method::POST, name).is_some(), "{name}");
            }
        }
        assert_eq!(Route::of(&Method::GET, "/v1/chat/completions"), None);
    }
}
