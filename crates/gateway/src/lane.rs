//! Makes the call of a request: relayed as it is, or translated to Converse, and from there to what a model speaks that
//! Converse does not serve. Which of them is the catalog's to say ([`outcrop_catalog::lane`]), so that `outcrop explain`
//! says the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use outcrop_catalog::{Api, Lane, Model, Passage, Reason, Surface};
use outcrop_texts as texts;
use outcrop_wire::dialect::{self, DeclaredTools, Dialect, Head, Names, RequestError, Translated};
use outcrop_wire::envelope::Members;
use outcrop_wire::family::{self, Terms};
use outcrop_wire::lesson::{self, Refused};
use outcrop_wire::upstream::{self, Asked, Language};
use outcrop_wire::{Notices, anthropic, counting, envelope, openai_chat, openai_responses, relayed, remote};

use crate::router::{Endpoint, Operation};
use crate::settings::LanePolicy;
use crate::state::Route;
use crate::stored::Keeper;
use crate::travel::Travel;

/// What a client asks of a model, read as far as routing needs.
#[derive(Debug)]
pub(crate) struct Inbound<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) model: Cow<'a, str>,
    pub(crate) stream: bool,
    /// AWS's operation, where the client speaks Bedrock.
    operation: Option<Operation>,
    /// The tokens are to be counted, no model is to answer (Messages `count_tokens`).
    counts: bool,
    headers: &'a HeaderMap,
    body: &'a Bytes,
    read: Read<'a>,
}

/// A body as it was read to find out where it goes. Long ones are read once: a translation goes on with what was read.
#[derive(Debug)]
enum Read<'a> {
    /// Nothing of it: the client speaks Bedrock.
    Nothing,
    Members(Members<'a>),
    Chat(RefCell<Option<Box<openai_chat::Reading<'a>>>>),
    Responses(RefCell<Option<Box<openai_responses::Reading<'a>>>>),
}

impl<'a> Read<'a> {
    /// A body that does not have its dialect's shape may still be relayed: its members are read then.
    fn of(dialect: Dialect, body: &'a [u8]) -> Result<(Head<'a>, Self), RequestError> {
        if dialect == Dialect::ChatCompletions
            && let Ok(reading) = openai_chat::Reading::of(body)
        {
            return Ok((reading.head()?, Self::Chat(RefCell::new(Some(Box::new(reading))))));
        }
        if dialect == Dialect::Responses
            && let Ok(reading) = openai_responses::Reading::of(body)
        {
            return Ok((reading.head()?, Self::Responses(RefCell::new(Some(Box::new(reading))))));
        }
        let members = Members::read(body)?;
        Ok((Head::of(&members)?, Self::Members(members)))
    }
}

impl<'a> Inbound<'a> {
    /// Reads model and stream flag: from the path where the client speaks Bedrock, else from the body.
    pub(crate) fn read(
        endpoint: Endpoint<'a>,
        headers: &'a HeaderMap,
        body: &'a Bytes,
    ) -> Result<Self, RequestError> {
        if let Endpoint::Model { id, operation } = endpoint {
            let stream = operation.is_stream();
            return Ok(Self {
                dialect: Dialect::Bedrock,
                model: id,
                stream,
                operation: Some(operation),
                counts: false,
                headers,
                body,
                read: Read::Nothing,
            });
        }
        let counts = endpoint == Endpoint::CountTokens;
        let dialect = match endpoint {
            Endpoint::Messages | Endpoint::CountTokens => Dialect::Messages,
            Endpoint::Responses => Dialect::Responses,
            _ => Dialect::ChatCompletions,
        };
        let (Head { model, stream }, read) = Read::of(dialect, body)?;
        Ok(Self { dialect, model, stream, operation: None, counts, headers, body, read })
    }

    /// The members of the body.
    fn members(&self) -> Result<Cow<'_, Members<'a>>, RequestError> {
        match &self.read {
            Read::Members(members) => Ok(Cow::Borrowed(members)),
            _ => Members::read(self.body).map(Cow::Owned),
        }
    }

    /// The body in its dialect's shape; read again for whoever comes second.
    fn chat(&self) -> Result<openai_chat::Reading<'a>, RequestError> {
        match &self.read {
            Read::Chat(reading) if let Some(reading) = reading.take() => Ok(*reading),
            _ => openai_chat::Reading::of(self.body),
        }
    }

    /// As [`Self::chat`].
    fn responses(&self) -> Result<openai_responses::Reading<'a>, RequestError> {
        match &self.read {
            Read::Responses(reading) if let Some(reading) = reading.take() => Ok(*reading),
            _ => openai_responses::Reading::of(self.body),
        }
    }

    /// What the client speaks.
    pub(crate) fn api(&self) -> Api {
        match (self.operation, self.dialect) {
            (Some(Operation::InvokeModel | Operation::InvokeModelWithResponseStream), _) => Api::InvokeModel,
            (Some(_), _) => Api::Converse,
            (None, Dialect::Messages) => Api::Messages,
            (None, Dialect::Responses) => Api::Responses,
            (None, Dialect::ChatCompletions | Dialect::Bedrock) => Api::ChatCompletions,
        }
    }

    fn betas(&self) -> Vec<&'a str> {
        betas_in(self.headers)
    }
}

/// The values of `anthropic-beta`.
fn betas_in(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(BETAS).iter().filter_map(|value| value.to_str().ok()).collect()
}

const BETAS: &str = "anthropic-beta";

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    /// Ours, as in `outcrop-request-id`.
    pub(crate) request_id: String,
    pub(crate) operation: Operation,
    pub(crate) travel: Travel,
    /// What is spoken to the endpoint in place of Bedrock's words or the client's own.
    pub(crate) language: Option<Language>,
    /// The answer is a stream.
    pub(crate) stream: bool,
    pub(crate) answer: Answer,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) notices: Notices,
    /// Stores the response, where it is to be stored.
    pub(crate) keeper: Option<Keeper>,
}

impl Call {
    /// Whether the endpoint speaks words that are nothing to the client.
    pub(crate) fn is_foreign(&self) -> bool {
        self.language.is_some() || matches!(self.answer, Answer::Invoked { .. })
    }

    /// Whether the member that was refused is in its body.
    pub(crate) fn holds(&self, refused: &Refused) -> bool {
        match self.operation {
            Operation::Converse | Operation::ConverseStream => family::holds(&self.body, refused),
            _ => {
                let named = refused.beta().is_some_and(|beta| self.betas().iter().any(|named| named == beta));
                named || str::from_utf8(&self.body).is_ok_and(|body| refused.is_in(body))
            }
        }
    }

    /// The beta features that it names, in its body or in a header.
    pub(crate) fn betas(&self) -> Vec<String> {
        let headers: Vec<&str> = betas_in(&self.headers);
        let named = envelope::beta_list(&headers).into_iter().map(str::to_owned);
        named.chain(lesson::betas_of(&self.body)).collect()
    }
}

/// How the answer is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// As AWS wrote it.
    Native,
    /// As Converse's answer, of a model that was asked in another language.
    Converse { answer: dialect::Answer },
    /// As the model wrote it, for a client of InvokeModel.
    Invoked { language: Language },
    /// As a chat completion; with a usage chunk at the end of a stream where the client asked for one.
    Chat { answer: dialect::Answer, include_usage: bool },
    /// As a response, which repeats what it answers.
    Responses { answer: dialect::Answer, echo: Box<openai_responses::Echo> },
    /// As an Anthropic message, from Converse.
    Messages { answer: dialect::Answer },
    /// As an Anthropic message, which the answer already is.
    MessagesRelay,
    /// As Anthropic's count of tokens.
    Count,
    /// As AWS wrote it, in the client's own dialect.
    Relayed(Relayed),
}

/// An answer in the client's own dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relayed {
    pub(crate) dialect: Dialect,
    /// The usage at the end of the stream is for the ledger alone.
    pub(crate) hides_usage: bool,
    /// The client wants the response to be stored.
    pub(crate) stores: bool,
}

/// Chooses the lane and makes the call.
pub(crate) fn prepare(
    inbound: &Inbound<'_>,
    route: &Route,
    policy: LanePolicy,
    terms: &Terms<'_>,
    request_id: &str,
) -> Result<Call, RequestError> {
    let passage = route.resolution.passage(inbound.api(), policy == LanePolicy::Converse);
    let passage = passage.map_err(|none| RequestError::at("model", none.text()))?;
    let travel = Travel::from(passage);
    let request = Request { inbound, route, terms, request_id };
    match (inbound.operation, passage.lane) {
        (Some(_), Lane::Relay) if passage.reason == Reason::OwnBodyThere => {
            request.invoke(travel, passage.speaks)
        }
        (_, Lane::Relay) if passage.path.is_some() => match request.forms_there(&passage) {
            Some((travel, speaks)) => request.write(travel, speaks),
            None => request.relay(travel),
        },
        (_, Lane::Translate) if passage.path.is_some() => request.write(travel, passage.speaks),
        (Some(operation), _) => Ok(request.native(operation, travel)),
        (None, _) if inbound.counts => request.count(travel),
        (None, Lane::Relay) if request.must_form_answer() => request.translate(FORMED),
        (None, Lane::Relay) => request.relay_messages(travel),
        (None, Lane::Translate) => request.translate(travel),
    }
}

/// Of a request whose schema the model does not enforce by itself.
const FORMED: Travel =
    Travel { lane: Lane::Translate, surface: Surface::RuntimeConverse, reason: Reason::Form };

/// A request and what it is prepared for.
struct Request<'a, 'b> {
    inbound: &'a Inbound<'b>,
    route: &'a Route,
    terms: &'a Terms<'a>,
    request_id: &'a str,
}

impl Request<'_, '_> {
    fn call(
        &self,
        operation: Operation,
        travel: Travel,
        answer: Answer,
        headers: HeaderMap,
        body: Bytes,
        notices: Notices,
    ) -> Call {
        Call {
            request_id: self.request_id.to_owned(),
            operation,
            travel,
            language: None,
            stream: self.inbound.stream && !self.inbound.counts,
            answer,
            headers,
            body,
            notices,
            keeper: None,
        }
    }

    fn model(&self) -> Option<&Model> {
        self.route.resolution.model.as_deref()
    }

    /// Whether a schema is prescribed to a Claude that enforces none: a translated request has another way to the form.
    fn must_form_answer(&self) -> bool {
        let enforces = |model: &Model| model.capabilities.structured_output == Some(true);
        (!self.model().is_some_and(enforces) || self.terms.have_refused_schemas())
            && envelope::prescribes_form(self.inbound.body)
    }

    /// The same for a model that lives elsewhere: how it is asked to keep a form that its endpoint does not enforce, or has
    /// refused. What no source tells is tried.
    fn forms_there(&self, passage: &Passage<'_>) -> Option<(Travel, Api)> {
        let Self { inbound, terms, .. } = self;
        let model = self.model()?;
        let refuses = model.capabilities.structured_output == Some(false) || terms.have_refused_schemas();
        let is_asked = refuses && !inbound.counts && inbound.operation.is_none();
        if !is_asked || !relayed::prescribes_form(inbound.dialect, &*inbound.members().ok()?) {
            return None;
        }
        let speaks = if passage.speaks == Api::Messages { Api::Messages } else { Api::ChatCompletions };
        model.route(speaks)?;
        Some((Travel { lane: Lane::Translate, surface: passage.surface, reason: Reason::Form }, speaks))
    }

    /// AWS's own Chat Completions, Responses or Messages, for a model that lives there: nothing changes but the envelope.
    fn relay(&self, travel: Travel) -> Result<Call, RequestError> {
        let inbound = self.inbound;
        let dialect = inbound.dialect;
        let there = (self.name_there(travel), inbound.stream);
        let relayed::Request { body, hides_usage, stores, mut notices } = relayed::request_to(
            self.model(),
            dialect,
            inbound.body,
            &*inbound.members()?,
            there,
            self.terms,
        )?;
        let operation = match dialect {
            Dialect::Responses => Operation::Responses,
            Dialect::Messages if inbound.counts => Operation::CountMessages,
            Dialect::Messages => Operation::Messages,
            Dialect::ChatCompletions | Dialect::Bedrock => Operation::ChatCompletions,
        };
        let answer = Answer::Relayed(Relayed { dialect, hides_usage, stores });
        let mut headers = relayed_headers(inbound);
        let betas = self.leave_out_betas(&mut headers, &mut notices);
        let body = match self.terms.refused {
            [] => body,
            refused => Bytes::from(lesson::leave_out_beside(body.to_vec(), &betas, refused, &mut notices)),
        };
        Ok(self.call(operation, travel, answer, headers, body, notices))
    }

    /// Beta features that the model has refused before go; the others are said. A header without any of those stays as it
    /// came.
    fn leave_out_betas(&self, headers: &mut HeaderMap, notices: &mut Notices) -> Vec<String> {
        let named: Vec<String> =
            envelope::beta_list(&betas_in(headers)).into_iter().map(str::to_owned).collect();
        let before = named.len();
        let welcome = lesson::welcome_betas(named, self.terms.refused, notices);
        if welcome.len() < before {
            headers.remove(BETAS);
            if let Some(Ok(left)) = (!welcome.is_empty()).then(|| HeaderValue::try_from(welcome.join(","))) {
                headers.insert(BETAS, left);
            }
        }
        welcome
    }

    /// Converse, InvokeModel, CountTokens: nothing changes but URL, Region and signature.
    fn native(&self, operation: Operation, travel: Travel) -> Call {
        let inbound = self.inbound;
        let (headers, body) = (native_headers(inbound.headers), inbound.body.clone());
        self.call(operation, travel, Answer::Native, headers, body, Notices::default())
    }

    /// Messages → Claude: the body is InvokeModel's, but for its envelope.
    fn relay_messages(&self, travel: Travel) -> Result<Call, RequestError> {
        let Self { inbound, terms, .. } = self;
        let operation =
            if inbound.stream { Operation::InvokeModelWithResponseStream } else { Operation::InvokeModel };
        if let Some(refused) = remote::first_by_address(inbound.body) {
            return Err(refused);
        }
        let mut notices = Notices::default();
        let model = self.model();
        let body =
            envelope::relay_messages_to(model, &*inbound.members()?, &inbound.betas(), terms, &mut notices)?;
        Ok(self.call(operation, travel, Answer::MessagesRelay, json_headers(), Bytes::from(body), notices))
    }

    /// `count_tokens`: Claude counts its native body, any other model a Converse request.
    fn count(&self, travel: Travel) -> Result<Call, RequestError> {
        let Self { inbound, terms, .. } = self;
        /// For a model whose limit is not known; the count does not depend on it.
        const ANY_LIMIT: u64 = 4096;
        let model = self.model();
        // No thinking budget is larger than the most that the model can say.
        let most = model.and_then(|model| model.limits.max_output_tokens).unwrap_or(ANY_LIMIT);
        let mut notices = Notices::default();
        let betas = inbound.betas();
        let (body, notices) = if travel.lane == Lane::Relay {
            let body =
                envelope::countable_messages(model, &*inbound.members()?, &betas, most, terms, &mut notices)?;
            (counting::of_invoke_model(&body), notices)
        } else {
            let body =
                envelope::countable_messages(None, &*inbound.members()?, &betas, most, terms, &mut notices)?;
            let translated = anthropic::translate(&body, &[])?;
            let prepared = family::apply_under(translated, model, terms)?;
            let family::Prepared { request, notices, names: _ } = prepared;
            (counting::of_converse(&request), notices)
        };
        Ok(self.call(
            Operation::CountTokens,
            travel,
            Answer::Count,
            json_headers(),
            Bytes::from(body),
            notices,
        ))
    }

    /// Everything else becomes Converse.
    fn translate(&self, travel: Travel) -> Result<Call, RequestError> {
        let (translated, rendering) = self.understand()?;
        let family::Prepared { request, notices, names } =
            family::apply_under(translated, self.model(), self.terms)?;
        let body = request.to_body(self.inbound.body.len());
        let operation = if self.inbound.stream { Operation::ConverseStream } else { Operation::Converse };
        let answer = self.rendered(rendering, names);
        Ok(self.call(operation, travel, answer, json_headers(), Bytes::from(body), notices))
    }

    /// Converse, written in what the model speaks where it lives.
    fn write(&self, travel: Travel, speaks: Api) -> Result<Call, RequestError> {
        let (language, operation) = spoken(speaks);
        if self.inbound.counts || self.inbound.operation == Some(Operation::CountTokens) {
            return Err(self.uncountable(speaks));
        }
        let (translated, rendering) = self.understand()?;
        let there = (self.name_there(travel), self.inbound.stream);
        let upstream::Prepared { asked: Asked { body, betas }, names, notices } =
            upstream::prepare(language, translated, self.model(), there, self.terms)?;
        let answer = self.rendered(rendering, names);
        let headers = written_headers(self.inbound, language, betas.as_deref());
        let call = self.call(operation, travel, answer, headers, Bytes::from(body), notices);
        Ok(Call { language: Some(language), ..call })
    }

    /// InvokeModel's body, which is the model's own, to the endpoint that speaks it.
    fn invoke(&self, travel: Travel, speaks: Api) -> Result<Call, RequestError> {
        let inbound = self.inbound;
        let (language, operation) = spoken(speaks);
        let Asked { body, betas } =
            upstream::invoked(language, inbound.body, self.name_there(travel), inbound.stream)?;
        let headers = written_headers(inbound, language, betas.as_deref());
        let answer = Answer::Invoked { language };
        Ok(self.call(operation, travel, answer, headers, Bytes::from(body), Notices::default()))
    }

    /// No endpoint but Bedrock's own, and Messages', counts tokens.
    fn uncountable(&self, speaks: Api) -> RequestError {
        let model = self.name();
        let text = texts::uncountable(model, speaks.name());
        let text = match speaks {
            Api::Messages => text.with_hint(texts::COUNT_WITH_MESSAGES),
            _ => text,
        };
        RequestError::at("model", text)
    }

    fn name(&self) -> &str {
        let resolution = &self.route.resolution;
        resolution.model.as_ref().map_or(&resolution.target, |model| &model.id)
    }

    /// Mantle knows models by their ids alone: an ARN of one is none of its names.
    fn name_there(&self, travel: Travel) -> &str {
        if travel.surface == Surface::Mantle { self.name() } else { &self.route.resolution.target }
    }

    /// The request in the canonical form, and how its answer is to be rendered.
    fn understand(&self) -> Result<(Translated, Rendering), RequestError> {
        let inbound = self.inbound;
        Ok(match inbound.dialect {
            Dialect::Messages => (anthropic::translate(inbound.body, &inbound.betas())?, Rendering::Messages),
            Dialect::Responses => {
                let openai_responses::ResponsesRequest { translated, echo, declared, .. } =
                    inbound.responses()?.translate()?;
                (translated, Rendering::Responses { echo: Box::new(echo), declared })
            }
            Dialect::ChatCompletions => {
                let openai_chat::ChatRequest { translated, include_usage } = inbound.chat()?.translate()?;
                (translated, Rendering::Chat { include_usage })
            }
            Dialect::Bedrock => (upstream::read_request(inbound.body)?, Rendering::Converse),
        })
    }

    fn rendered(&self, rendering: Rendering, mut names: Names) -> Answer {
        if let Rendering::Responses { declared, .. } = &rendering {
            names.declare(declared.clone());
        }
        let answer = dialect::Answer {
            id: answer_id(self.inbound.dialect, self.request_id),
            created: unix_seconds(),
            model: self.inbound.model.to_string(),
            names,
        };
        match rendering {
            Rendering::Messages => Answer::Messages { answer },
            Rendering::Responses { echo, declared: _ } => Answer::Responses { answer, echo },
            Rendering::Chat { include_usage } => Answer::Chat { answer, include_usage },
            Rendering::Converse => Answer::Converse { answer },
        }
    }
}

/// The language of an endpoint, and the operation there.
fn spoken(speaks: Api) -> (Language, Operation) {
    match speaks {
        Api::Messages => (Language::Messages, Operation::Messages),
        _ => (Language::Chat, Operation::ChatCompletions),
    }
}

/// How the answer to a translated request is rendered.
enum Rendering {
    Chat { include_usage: bool },
    Responses { echo: Box<openai_responses::Echo>, declared: DeclaredTools },
    Messages,
    Converse,
}

/// With the prefix that clients of the dialect know.
fn answer_id(dialect: Dialect, request_id: &str) -> String {
    let prefix = match dialect {
        Dialect::Messages => "msg_",
        Dialect::Responses => "resp_",
        Dialect::ChatCompletions | Dialect::Bedrock => "chatcmpl-",
    };
    format!("{prefix}{}", request_id.replace('-', ""))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn json_headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    HeaderMap::from_iter([(CONTENT_TYPE, json.clone()), (ACCEPT, json)])
}

/// What a client says in headers to the dialect's own endpoint: its version and betas, its project, and Bedrock's settings.
fn relayed_headers(inbound: &Inbound<'_>) -> HeaderMap {
    const WANTED: [&str; 3] = ["anthropic-version", BETAS, "openai-project"];
    let mut headers = json_headers();
    if inbound.dialect == Dialect::Messages {
        headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    let is_wanted =
        |name: &HeaderName| WANTED.contains(&name.as_str()) || name.as_str().starts_with("x-amzn-bedrock-");
    for name in inbound.headers.keys().filter(|name| is_wanted(name)) {
        headers.remove(name);
        for value in inbound.headers.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// What an endpoint is told in headers beside a request that was written for it: the project that pays, and Messages' own.
fn written_headers(inbound: &Inbound<'_>, language: Language, betas: Option<&str>) -> HeaderMap {
    const PROJECT: &str = "openai-project";
    let mut headers = json_headers();
    if let Some(project) = inbound.headers.get(PROJECT) {
        headers.insert(PROJECT, project.clone());
    }
    if language == Language::Messages {
        headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    if let Some(Ok(betas)) = betas.map(HeaderValue::try_from) {
        headers.insert(BETAS, betas);
    }
    headers
}

/// The only version there is of the Messages API, for clients that name none (Anthropic's API reference, "Versions").
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// What a Bedrock client says in headers: content types and the `x-amzn-bedrock-…` settings.
fn native_headers(from: &HeaderMap) -> HeaderMap {
    let wanted = |name: &HeaderName| {
        name == CONTENT_TYPE || name == ACCEPT || name.as_str().starts_with("x-amzn-bedrock-")
    };
    from.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
