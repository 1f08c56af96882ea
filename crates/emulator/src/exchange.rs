//! One request, from its bytes to its answer.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use outcrop_wire::bedrock::ErrorKind;

use crate::access;
use crate::actor;
use crate::bill::Entry;
use crate::body::ReplyBody;
use crate::control::profiles;
use crate::dialect::converse;
use crate::failure::Failure;
use crate::operation::{Operation, Runtime};
use crate::prompt::{Prompt, Turn};
use crate::reply::Reply;
use crate::state::{BASE62, State};
use crate::target::{self, Target};

/// Answers a request; whatever is wrong with it becomes an answer in AWS's shape.
pub(crate) async fn exchange(state: &State, request: Request<Incoming>) -> Response<ReplyBody> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (head, body) = request.into_parts();
    let reply = match read_body(body).await {
        Ok(body) => answer(state, &Call { head: &head, body: &body, request_id: &request_id }),
        Err(failure) => Err(failure),
    };
    reply.unwrap_or_else(Failure::into_reply).into_response(&request_id)
}

/// A request that was read whole.
pub(crate) struct Call<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    pub(crate) request_id: &'a str,
}

fn answer(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    let operation = Operation::of(&call.head.method, call.head.uri.path())?;
    let caller = access::check(&state.keys, call.head, call.body, jiff::Timestamp::now().as_second())?;
    let region = caller.region.as_str();
    match operation {
        Operation::Runtime { kind, model } => invoke(state, call, kind, &model, region),
        Operation::GetInferenceProfile(id) => profiles::get(state, &id, region),
        _ => Err(Failure::new(ErrorKind::UnknownOperation, "")),
    }
}

/// A model is asked.
fn invoke(
    state: &State,
    call: &Call<'_>,
    kind: Runtime,
    model: &str,
    region: &str,
) -> Result<Reply, Failure> {
    let target = target::resolve(state, model, region)?;
    let style = converse::Style { counts_cache: false };
    match kind {
        Runtime::Converse => {
            let prompt = converse::read(call.body)?;
            let turn = ask(state, &prompt);
            let mut reply = converse::write(&turn, style);
            reply.receipt = Some(state.bill.enter(entry(call, kind, &target, region, &turn)));
            Ok(reply)
        }
        Runtime::ConverseStream => {
            let prompt = converse::read(call.body)?;
            let turn = ask(state, &prompt);
            let mut reply = Reply::stream(converse::stream(&turn, style));
            reply.receipt = Some(state.bill.enter(entry(call, kind, &target, region, &turn)));
            Ok(reply)
        }
        _ => Err(Failure::new(ErrorKind::UnknownOperation, "")),
    }
}

fn ask(state: &State, prompt: &Prompt) -> Turn {
    actor::act(prompt, prompt.thinking.is_on(), || {
        format!("tooluse_{}", state.new_id(BASE62, TOOL_ID_LENGTH))
    })
}

/// Recorded: `tooluse_XaQHWn1gW8bA6RHCR5fue8`.
const TOOL_ID_LENGTH: usize = 22;

fn entry(call: &Call<'_>, kind: Runtime, target: &Target, region: &str, turn: &Turn) -> Entry {
    Entry {
        timestamp: profiles::now(),
        request_id: call.request_id.to_owned(),
        operation: kind.name(),
        model_id: target.identifier.clone(),
        model: target.model.clone(),
        region: region.to_owned(),
        input_tokens: turn.input_tokens,
        output_tokens: turn.output_tokens,
        client_disconnected: None,
    }
}

/// The largest body taken: AWS takes 25 MB on InvokeModel (reference `bedrock.md` §2).
const MAX_BODY: usize = 25 * 1024 * 1024;

async fn read_body(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut failure = Failure::validation(format!("The request body is over {MAX_BODY} bytes."));
            failure.error.status = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
            Err(failure)
        }
        Err(error) => Err(Failure::validation(format!("The request body could not be read: {error}"))),
    }
}
