//! One request, from its bytes to its answer.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::access::{self, Caller, Times};
use crate::accounts::Accounts;
use crate::admin;
use crate::body::ReplyBody;
use crate::control::{self, Context};
use crate::failure::Failure;
use crate::guarded::invoke_guarded;
use crate::invocation_log::{self, Invocation};
use crate::neighbours;
use crate::operation::Operation;
use crate::permission;
use crate::record::Recorder;
use crate::reply::Reply;
use crate::service::{Sources, service};
use crate::state::State;
use crate::surface::{self, Route};

/// Answers a request; whatever is wrong with it becomes an answer in AWS's shape.
pub(crate) async fn exchange(accounts: &Accounts, request: Request<Incoming>) -> Response<ReplyBody> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (head, body) = request.into_parts();
    let limit = neighbours::max_body(&head).unwrap_or(MAX_BODY);
    let outcome = match read_body(body, limit).await {
        Ok(body) => answer(accounts, &Call { head: &head, body: &body, request_id: &request_id }).await,
        Err(failure) => Err(failure),
    };
    let reply = match outcome {
        Ok(Outcome::Reply(reply)) => *reply,
        Ok(Outcome::Silence) => std::future::pending().await,
        Err(failure) => match Route::of(&head.method, head.uri.path()) {
            Some(route) => route.refusal(&failure, &request_id),
            None => failure.into_reply(),
        },
    };
    reply.into_response(&request_id)
}

/// A request that was read whole.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    pub(crate) request_id: &'a str,
}

/// What becomes of a request.
enum Outcome {
    Reply(Box<Reply>),
    /// The fault that never answers.
    Silence,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

async fn answer(accounts: &Accounts, call: &Call<'_>) -> Result<Outcome, Failure> {
    let (method, path) = (&call.head.method, call.head.uri.path());
    if let Some(reply) = admin::answer(accounts, method, path, call.body)? {
        return Ok(reply.into());
    }
    let first = accounts.first();
    let now = jiff::Timestamp::now().as_second();
    let times = Times { real: now, emulated: first.clock.now().as_second() };
    if let Some(reply) = neighbours::answer(accounts, call, times) {
        return Ok(reply.into());
    }
    if let Some(recorder) = first.recorder.as_ref().filter(|_| Recorder::is_for(path)) {
        return Ok(recorder.exchange(call).await?.into());
    }
    let caller = access::check(&first.keys, &first.sessions, call.head, call.body, times)?;
    let state = accounts.enter(caller.principal.account())?;
    serve(&state, call, &caller, now).await.inspect_err(|failure| {
        if let Ok(Operation::Runtime { model, .. }) = Operation::of(method, path) {
            state.failures.count(&caller.region, &model, failure.error.status);
        }
    })
}

/// Answers a caller that proved who it is.
async fn serve(state: &State, call: &Call<'_>, caller: &Caller, now: i64) -> Result<Outcome, Failure> {
    let (method, path) = (&call.head.method, call.head.uri.path());
    let fault = state.faults.for_request(&call.head.headers, state.home(&caller.region))?;
    if let Some(fault) = &fault {
        fault.before(now)?;
        if fault.never_answers() {
            return Ok(Outcome::Silence);
        }
    }
    let reply = match state.replay.as_ref().and_then(|replay| replay.answer(method, path, call.body)) {
        Some(recorded) => recorded,
        None => match Route::of(method, path) {
            Some(route) => surface::answer(state, call, route, caller).await?,
            None => perform(state, call, Operation::of(method, path)?, caller).await?,
        },
    };
    match fault {
        Some(fault) => Ok(fault.after(reply)?.into()),
        None => Ok(reply.into()),
    }
}

async fn perform(
    state: &State,
    call: &Call<'_>,
    operation: Operation,
    caller: &Caller,
) -> Result<Reply, Failure> {
    permission::check(state, caller, &operation)?;
    let region = caller.region.as_str();
    let query = call.head.uri.query().unwrap_or_default();
    let sources = Sources { query, headers: &call.head.headers, body: call.body };
    match operation {
        Operation::Runtime { kind, model } => match &state.replay {
            Some(replay) => Err(replay.no_match(&call.head.method, call.head.uri.path(), call.body)),
            None => {
                let operation =
                    service().operation(kind.name()).expect("the model has the runtime's operations");
                let labels = vec![("modelId", model.clone())];
                let input = service().input(operation, labels, sources)?;
                let outcome = invoke_guarded(state, call, kind, &model, region, &input).await;
                let invocation = Invocation { kind, model: &model, caller, call };
                invocation_log::record(state, &invocation, &outcome);
                outcome
            }
        },
        Operation::Control { operation, labels } => {
            let input = service().input(operation, labels, sources)?;
            control::perform(&Context { state, operation, region }, input)
        }
    }
}

/// The largest body taken: AWS takes 25 MB on InvokeModel (reference `bedrock.md` §2).
const MAX_BODY: usize = 25 * 1024 * 1024;

async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut failure = Failure::validation(format!("The request body is over {limit} bytes."));
            failure.error.status = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
            Err(failure)
        }
        Err(error) => Err(Failure::validation(format!("The request body could not be read: {error}"))),
    }
}
