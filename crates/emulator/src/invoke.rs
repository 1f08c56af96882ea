//! The runtime: a model is asked, in whatever dialect, and the invocation is entered on the bill.

use base64::Engine as _;
use http::StatusCode;
use outcrop_catalog::{Model, ReasoningMode};
use outcrop_wire::bedrock::ConverseRequest;
use serde::Deserialize;
use serde_json::json;

use crate::bill::{Entry, Receipt};
use crate::cache::Cached;
use crate::control::profiles::now;
use crate::dialect::{claude, converse};
use crate::exchange::Call;
use crate::failure::Failure;
use crate::native::{Body, Signature};
use crate::operation::Runtime;
use crate::prompt::{Prompt, Thinking, Turn};
use crate::quirks::Quirks;
use crate::reply::Reply;
use crate::rules::{self, Case, Surface};
use crate::state::{BASE62, State};
use crate::target::{self, Target};
use crate::tokens;

/// Answers one of the operations that invoke a model.
///
/// # Errors
/// AWS's own: the identifier, the body, and every rule of [`rules`].
pub(crate) async fn invoke(
    state: &State,
    call: &Call<'_>,
    kind: Runtime,
    identifier: &str,
    region: &str,
) -> Result<Reply, Failure> {
    let found = || {
        let target = target::resolve(state, identifier, region)?;
        Ok::<_, Failure>(Invocation { state, call, operation: kind.name(), region, target })
    };
    match kind {
        Runtime::Converse => found()?.converse(false).await,
        Runtime::ConverseStream => found()?.converse(true).await,
        Runtime::InvokeModel => found()?.native(false).await,
        Runtime::InvokeModelWithResponseStream => found()?.native(true).await,
        Runtime::CountTokens => count_tokens(state, call.body, identifier, region),
    }
}

/// A request whose target is known.
pub(crate) struct Invocation<'a> {
    pub(crate) state: &'a State,
    pub(crate) call: &'a Call<'a>,
    /// AWS's name of what is done.
    pub(crate) operation: &'static str,
    pub(crate) region: &'a str,
    pub(crate) target: Target,
}

impl Invocation<'_> {
    async fn converse(&self, streamed: bool) -> Result<Reply, Failure> {
        if self.target.is_imported {
            // Reported for imported models (aws-samples/bedrock-access-gateway#99).
            return Err(Failure::validation(
                "This action doesn't support the model that you provided. Try again with a supported text or chat model.",
            ));
        }
        let prompt = converse::read(self.call.body)?;
        let turn = self.ask(&prompt, Surface::Converse).await?;
        let extras = self.extras(&prompt, &turn);
        let reply = match streamed {
            true => Reply::stream(converse::stream(&turn, &extras)),
            false => converse::write(&turn, &extras),
        };
        self.billed(reply, &turn)
    }

    /// What the request asks to be told beside the answer.
    fn extras(&self, prompt: &Prompt, turn: &Turn) -> converse::Extras {
        let request = &prompt.request;
        let caching = self.model().and_then(|model| model.capabilities.prompt_caching.as_ref());
        let paths = &request.additional_model_response_field_paths;
        let native = || claude::view(turn, &self.target.model);
        converse::Extras {
            counts_cache: caching.is_some_and(|caching| caching.supported),
            service_tier: request.service_tier.as_ref().map(|tier| tier.tier.clone()),
            latency: request.performance_config.as_ref().map(|config| config.latency.clone()),
            fields: if paths.is_empty() { None } else { converse::pick(paths, &native()) },
            trace: target::routed_to(self.state, &self.target.identifier, self.region)
                .map(|invoked| json!({ "promptRouter": { "invokedModelId": invoked } })),
        }
    }

    /// The model's own body.
    async fn native(&self, streamed: bool) -> Result<Reply, Failure> {
        let reply = self.native_answer(streamed).await?;
        Ok(self.with_what_was_asked_for(reply))
    }

    /// Says back which tier and which latency were asked for.
    fn with_what_was_asked_for(&self, mut reply: Reply) -> Reply {
        for name in ["x-amzn-bedrock-service-tier", "x-amzn-bedrock-performanceconfig-latency"] {
            if let Some(value) = self.call.head.headers.get(name) {
                reply.headers.push((http::HeaderName::from_static(name), value.clone()));
            }
        }
        reply
    }

    async fn native_answer(&self, streamed: bool) -> Result<Reply, Failure> {
        let (model, body) = (self.model(), self.call.body);
        match (Body::of(model, body), model) {
            (Some(Body::Text(text)), _) => {
                let turn = self.ask(&text.read(body)?, Surface::Invoke).await?;
                let reply = match streamed {
                    true => native_stream(text.stream(&turn, &self.signature())),
                    false => text.write(&turn, &self.signature()),
                };
                self.billed(reply, &turn)
            }
            (Some(Body::Vectors(vectors)), Some(model)) if !streamed => {
                let (reply, used) = vectors.answer(body, model, self.quirks(), self.call.request_id)?;
                Ok(self.billed_for(reply, used, Cached::default(), 0))
            }
            (Some(Body::Vectors(_)), _) => {
                Err(Failure::validation("The model is unsupported for streaming."))
            }
            (None, _) => Err(Failure::validation(format!(
                "The emulator does not know the native body of {}; use Converse or ConverseStream.",
                self.target.model
            ))),
        }
    }

    fn signature(&self) -> Signature<'_> {
        Signature {
            id: self.state.new_id(BASE62, 22),
            created: jiff::Timestamp::now().as_second(),
            model: &self.target.model,
            quirks: self.quirks(),
        }
    }

    fn quirks(&self) -> &Quirks {
        self.state.facts.quirks(&self.target.model)
    }

    /// Checks the rules, then lets the actor answer.
    pub(crate) async fn ask(&self, prompt: &Prompt, surface: Surface) -> Result<Turn, Failure> {
        let model = self.model();
        rules::check(Case { prompt, model, quirks: self.quirks(), surface })?;
        let new_id = || format!("tooluse_{}", self.state.new_id(BASE62, 22));
        let voice = &self.state.voice;
        let mut turn = voice.answer(prompt, &self.target.model, thinks(prompt, model), new_id).await?;
        if let Some(fault) = &turn.fault {
            fault.before(jiff::Timestamp::now().as_second())?;
        }
        if let Some(model) = model {
            turn.cached = self.state.cache.pass(&prompt.request, model, self.state.clock.now());
            turn.input_tokens -= turn.cached.read + turn.cached.written();
        }
        Ok(turn)
    }

    fn model(&self) -> Option<&Model> {
        self.state.facts.model(&self.target.model).map(AsRef::as_ref)
    }

    /// Enters an answer in words on the bill, and lets go wrong with it what a script says.
    ///
    /// # Errors
    /// A fault that takes the place of the answer.
    pub(crate) fn billed(&self, reply: Reply, turn: &Turn) -> Result<Reply, Failure> {
        let reply = self.billed_for(reply, turn.input_tokens, turn.cached, turn.output_tokens);
        turn.fault.iter().try_fold(reply, |reply, fault| fault.after(reply))
    }

    fn billed_for(&self, mut reply: Reply, input_tokens: u64, cached: Cached, output_tokens: u64) -> Reply {
        reply.receipt = Some(self.enter(input_tokens, cached, output_tokens));
        reply
    }

    fn enter(&self, input_tokens: u64, cached: Cached, output_tokens: u64) -> Receipt {
        self.state.bill.enter(Entry {
            timestamp: now(),
            request_id: self.call.request_id.to_owned(),
            account_id: self.state.number.clone(),
            operation: self.operation,
            model_id: self.target.identifier.clone(),
            model: self.target.model.clone(),
            region: self.region.to_owned(),
            input_tokens,
            cache_read_input_tokens: cached.read,
            cache_write_input_tokens: cached.written(),
            output_tokens,
            handed_over_output_tokens: 0,
            client_disconnected: None,
        })
    }
}

/// The content type of the chunks inside an InvokeModel stream goes into a header of its own (recorded).
fn native_stream(frames: Vec<bytes::Bytes>) -> Reply {
    Reply::stream(frames).with_header("x-amzn-bedrock-content-type", "application/json")
}

/// Whether the model thinks before it answers: asked to, or always.
fn thinks(prompt: &Prompt, model: Option<&Model>) -> bool {
    let Some(reasoning) = model.and_then(|model| model.capabilities.reasoning.as_ref()) else {
        // Not known: what is asked for is done.
        return prompt.thinking.is_on();
    };
    match reasoning.mode {
        ReasoningMode::None => false,
        ReasoningMode::Fixed => true,
        _ if reasoning.always_on => true,
        _ => prompt.thinking.is_on() && prompt.thinking != Thinking::Off,
    }
}

/// `CountTokens`: a base model id alone; a profile is refused with the recorded words (reference `bedrock.md` §2).
fn count_tokens(state: &State, body: &[u8], identifier: &str, region: &str) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    struct Request {
        input: Input,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Input {
        Converse(Box<ConverseRequest>),
        InvokeModel { body: String },
    }
    let is_counted = target::resolve_for_counting(state, identifier, region)?;
    let malformed =
        || Failure::validation("1 validation error detected: 'input' must be one of invokeModel, converse");
    let Request { input } = serde_json::from_slice(body).map_err(|_| malformed())?;
    let request = match input {
        Input::Converse(request) => *request,
        Input::InvokeModel { body } => {
            let body = base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| malformed())?;
            match Body::of(state.facts.model(&is_counted.model).map(AsRef::as_ref), &body) {
                Some(Body::Text(text)) => text.read(&body)?.request,
                _ => return Err(Failure::validation("The provided model doesn't support counting tokens.")),
            }
        }
    };
    Ok(Reply::json(StatusCode::OK, &json!({ "inputTokens": tokens::of_request(&request) })))
}
