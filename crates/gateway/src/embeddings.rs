//! `POST /v1/embeddings`: one request, as many invocations as the model needs for it.
//!
//! Cohere embeds a batch at once; Titan and Nova take one text. Each invocation is signed, sent and entered in the ledger
//! by itself, as AWS's own log has it. Where a way fails, the texts that have no vectors yet go the next one, which leads to the same model:
//! vectors of two models have nothing to do with each other.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyper::body::Incoming;
use outcrop_catalog::{Lane, Model, Reason, Surface};
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::{Dialect, Head, RequestError};
use outcrop_wire::embeddings::{self, EmbeddingFamily, EmbeddingsRequest, Vectors};
use outcrop_wire::{Json, Notices};

use crate::access::Caller;
use crate::exchange::{admit, disclose, invocation, open, pass_fault};
use crate::failover::Course;
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
    let embedding = Embedding { state, caller: &caller, family, id, headers, bodies };
    let notices = std::mem::take(&mut request.notices);
    let course = Course::of_embeddings(state, &live, route, &caller).await;
    let (disclosed, answers) = embedding.run(course, &notices).await;
    match answers.and_then(|answers| render(&request, &model, answers)) {
        Ok(body) => {
            let mut response = Response::new(ReplyBody::whole(body));
            *response.headers_mut() = disclosed;
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok(response)
        }
        Err(mut failure) => {
            *failure.disclosed = disclosed;
            Err(failure)
        }
    }
}

/// The texts of one request, on their way.
struct Embedding<'a> {
    state: &'a Arc<State>,
    caller: &'a Caller,
    family: EmbeddingFamily,
    id: &'a str,
    headers: HeaderMap,
    bodies: Vec<Vec<u8>>,
}

/// The vectors of an invocation, and the tokens it took.
type Embedded = (Vec<Json>, u64);

impl Embedding<'_> {
    /// Goes one way after the other until every text has its vectors: those that were made stay, for every way leads to the same
    /// model. Hands back what the client is told of the last way, too.
    async fn run(
        &self,
        mut course: Course,
        notices: &Notices,
    ) -> (HeaderMap, Result<Vec<Embedded>, Failure>) {
        let mut done: Vec<Option<Embedded>> = self.bodies.iter().map(|_| None).collect();
        loop {
            let mut told = call(self.id, &self.headers, Bytes::new(), notices.clone());
            course.tell(&mut told.notices);
            let mut disclosed = HeaderMap::new();
            disclose(course.route(), &told, &mut disclosed);
            match self.go(&course, &told.notices, &mut done).await {
                None => {
                    course.succeeded(self.state);
                    return (disclosed, Ok(done.into_iter().flatten().collect()));
                }
                Some(failure) if course.finds_a_profile(self.state, self.caller, &failure).await => {}
                Some(failure) if course.goes_on(self.state, self.caller, &failure).await => {}
                Some(failure) => return (disclosed, Err(failure)),
            }
        }
    }

    /// Embeds on one way what is not done yet. After a failure nothing is begun any more; what is under way ends.
    async fn go(&self, course: &Course, notices: &Notices, done: &mut [Option<Embedded>]) -> Option<Failure> {
        let has_failed = AtomicBool::new(false);
        let open = done.iter().enumerate().filter(|(_, done)| done.is_none()).map(|(index, _)| index);
        let first = open.clone().next();
        let each = open.collect::<Vec<_>>().into_iter().map(|index| {
            let notices = if Some(index) == first { notices.clone() } else { Notices::default() };
            let has_failed = &has_failed;
            async move {
                if has_failed.load(Ordering::Relaxed) {
                    return None;
                }
                let embedded = self.embed(course, index, notices).await;
                has_failed.fetch_or(embedded.is_err(), Ordering::Relaxed);
                Some((index, embedded))
            }
        });
        let mut answers = stream::iter(each).buffered(AT_ONCE);
        let mut failure = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Some((index, Ok(embedded))) => done[index] = Some(embedded),
                Some((_, Err(error))) => failure = failure.or(Some(error)),
                None => {}
            }
        }
        failure
    }

    /// One invocation.
    async fn embed(&self, course: &Course, index: usize, notices: Notices) -> Result<Embedded, Failure> {
        let (state, route) = (self.state, course.route());
        let id = self.entry_id(course, index);
        let call = call(&id, &self.headers, self.bodies[index].clone().into(), notices);
        let entry = open(state, route, &call, self.caller, Dialect::ChatCompletions, &id);
        let client = &route.account.client;
        let (invocation, target) = (invocation(&call, route), &route.target_health);
        let sent = client.send_within(&invocation, &target.bucket, course.attempts()).await;
        let (headers, body) = reply::collect(&call, sent, entry, client.timeouts()).await?;
        let Vectors { vectors, tokens } =
            embeddings::vectors(self.family, &body).map_err(|error| reply::unreadable(&error))?;
        let counted = || reply::usage_of_headers(&headers).map(|usage| usage.input_tokens);
        Ok((vectors, tokens.or_else(counted).unwrap_or(0)))
    }

    /// In the ledger each invocation has an id of its own: the request's, with the number of the text and of the way.
    fn entry_id(&self, course: &Course, index: usize) -> String {
        let text = format!("{}.{}", self.id, index + 1);
        match (index, course.entry_id(&text)) {
            (0, Cow::Borrowed(_)) => self.id.to_owned(),
            (_, id) => id.into_owned(),
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
        return Err(RequestError::at("model", texts::model_behind(target)));
    };
    let none = || RequestError::at("model", texts::no_embeddings(&model.id));
    let family = EmbeddingFamily::of(model).ok_or_else(none)?;
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

/// OpenAI's answer; a model that made fewer vectors than it was given texts has failed.
fn render(request: &EmbeddingsRequest, model: &str, answers: Vec<Embedded>) -> Result<Vec<u8>, Failure> {
    let tokens = answers.iter().map(|(_, tokens)| tokens).sum();
    let vectors: Vec<Json> = answers.into_iter().flat_map(|(vectors, _)| vectors).collect();
    if vectors.len() != request.texts.len() {
        let text = texts::vectors_missing(vectors.len(), request.texts.len());
        return Err(Failure::new(ErrorKind::ModelError, text));
    }
    embeddings::render_response(&vectors, request.encoding, model, tokens)
        .map_err(|error| reply::unreadable(&error).into())
}
