//! How a request travels: in whose words, to which of AWS's endpoints, and why. The same answer in the gateway and in
//! `outcrop explain`.
//!
//! A request is relayed where client and model speak the same API, and translated otherwise: to Converse, or to what the
//! model speaks where Converse does not serve it. What a model speaks, and where, is data ([`Model::surface`], [`Model::routes`]). A profile is for InvokeModel and Converse: an
//! application profile never reaches the OpenAI-style endpoints, and mantle knows no profiles at all (reference
//! `bedrock.md` §0, §2.5).

use outcrop_texts::{self as texts, Text};
use serde::Serialize;

use crate::{Model, Resolution, Surface};

/// The API a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Api {
    /// OpenAI's Chat Completions.
    ChatCompletions,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages, and their `count_tokens`.
    Messages,
    /// Bedrock's `Converse` and `ConverseStream`, and `CountTokens`.
    Converse,
    /// Bedrock's `InvokeModel` and `InvokeModelWithResponseStream`.
    InvokeModel,
}

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// As it came, but for its envelope.
    Relay,
    /// As a request of another API: Converse, or what the model speaks where it lives.
    Translate,
}

/// A lane that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Passage<'a> {
    /// Relayed or translated.
    pub lane: Lane,
    /// Where it goes.
    pub surface: Surface,
    /// Why.
    pub reason: Reason,
    /// What is spoken there.
    #[serde(skip)]
    pub speaks: Api,
    /// The path of an OpenAI- or Anthropic-style API; `None` for Bedrock's own operations, whose path names the target.
    #[serde(skip)]
    pub path: Option<&'a str>,
}

/// Why a request travels as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The client speaks Bedrock's own API.
    SpeaksBedrock,
    /// The model's own body is that of the Messages API.
    SpeaksMessages,
    /// The model lives on this endpoint only, and speaks the client's API there.
    LivesThere,
    /// The model lives on this endpoint only, and speaks Chat Completions there.
    ChatThere,
    /// The model lives on this endpoint only, and speaks Messages there.
    MessagesThere,
    /// The model lives on this endpoint only, and its own body is what is spoken there.
    OwnBodyThere,
    /// An application profile is for InvokeModel and Converse only.
    ApplicationProfile,
    /// Converse serves it under every identifier.
    Converse,
    /// The configuration asks for Converse (`lane: converse`).
    Configured,
    /// Embeddings have no API but InvokeModel.
    Embeddings,
    /// A schema is prescribed that the model does not enforce by itself.
    Form,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SpeaksBedrock,
        Self::SpeaksMessages,
        Self::LivesThere,
        Self::ChatThere,
        Self::MessagesThere,
        Self::OwnBodyThere,
        Self::ApplicationProfile,
        Self::Converse,
        Self::Configured,
        Self::Embeddings,
        Self::Form,
    ];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpeaksBedrock => "the client speaks Bedrock's own API",
            Self::SpeaksMessages => "InvokeModel takes the model's Messages as they are",
            Self::LivesThere => "the model is served there only and speaks the client's API",
            Self::ChatThere => "the model is served there only and speaks Chat Completions",
            Self::MessagesThere => "the model is served there only and speaks Messages",
            Self::OwnBodyThere => "the model is served there only and takes its own body there",
            Self::ApplicationProfile => "an application profile is for InvokeModel and Converse only",
            Self::Converse => "Converse serves the model under each of its identifiers",
            Self::Configured => "the configuration says lane: converse",
            Self::Embeddings => "InvokeModel serves embeddings",
            Self::Form => "the model does not enforce the schema by itself, and a tool can",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// No lane leads from this API to this model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Impassable {
    /// The model.
    pub model: String,
    /// The only endpoint that serves it.
    pub surface: Surface,
    /// What the client speaks.
    pub api: Api,
    /// What it could speak instead.
    pub instead: Vec<Api>,
}

impl Impassable {
    /// What leads nowhere, and how to reach the model, or the same one elsewhere.
    pub fn text(&self) -> Text {
        let apis: Vec<&str> = self.instead.iter().map(|api| api.name()).collect();
        let instead = if apis.is_empty() { texts::NO_API_KNOWN } else { texts::ask_with(apis.join(" or ")) };
        texts::impassable(&self.model, place(self.surface), self.api.name()).with_hint(instead)
    }
}

/// The endpoint, as a person names it.
fn place(surface: Surface) -> &'static str {
    match surface {
        Surface::Mantle => "the bedrock-mantle endpoint",
        Surface::RuntimeOpenai => "the OpenAI-style paths of bedrock-runtime",
        Surface::RuntimeConverse | Surface::RuntimeInvoke => "bedrock-runtime",
    }
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ChatCompletions, Self::Responses, Self::Messages, Self::Converse, Self::InvokeModel];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "Chat Completions",
            Self::Responses => "Responses",
            Self::Messages => "Messages",
            Self::Converse => "Converse",
            Self::InvokeModel => "InvokeModel",
        }
    }

    /// What ends the paths on which AWS offers it; Bedrock's own operations have none.
    fn ending(self) -> Option<&'static str> {
        match self {
            Self::ChatCompletions => Some("/chat/completions"),
            Self::Responses => Some("/responses"),
            Self::Messages => Some("/messages"),
            Self::Converse | Self::InvokeModel => None,
        }
    }
}

impl Model {
    /// The path on which AWS offers an API for it.
    pub fn route(&self, api: Api) -> Option<&str> {
        let ending = api.ending()?;
        self.routes.iter().map(String::as_str).find(|route| route.ends_with(ending))
    }
}

/// The family whose InvokeModel body is that of the Messages API.
const ANTHROPIC: &str = "anthropic";

impl Resolution {
    /// How a request in `api` travels to it; `converse_only` is the configuration's `lane: converse`.
    ///
    /// # Errors
    /// [`Impassable`] when its only endpoint does not speak the client's API, and Converse does not serve it.
    pub fn passage(&self, api: Api, converse_only: bool) -> Result<Passage<'_>, Impassable> {
        match self.surface {
            Surface::Mantle | Surface::RuntimeOpenai => self.only_there(api),
            Surface::RuntimeConverse | Surface::RuntimeInvoke => Ok(self.on_runtime(api, converse_only)),
        }
    }

    fn only_there(&self, api: Api) -> Result<Passage<'_>, Impassable> {
        let model = self.model.as_deref();
        let surface = self.surface;
        let way = |lane, speaks, reason| {
            let path = Some(model?.route(speaks)?);
            Some(Passage { lane, surface, reason, speaks, path })
        };
        let relayed = way(Lane::Relay, api, Reason::LivesThere);
        let by = |lane, messages, chat| {
            let by_messages = way(lane, Api::Messages, messages);
            by_messages.or_else(|| way(lane, Api::ChatCompletions, chat))
        };
        // The body of InvokeModel is the model's own, which is one of the two.
        let passage = relayed.or_else(|| match api {
            Api::InvokeModel => by(Lane::Relay, Reason::OwnBodyThere, Reason::OwnBodyThere),
            _ => by(Lane::Translate, Reason::MessagesThere, Reason::ChatThere),
        });
        if let Some(passage) = passage {
            return Ok(passage);
        }
        let speaks = |api: &Api| model.is_some_and(|model| model.route(*api).is_some());
        Err(Impassable {
            model: model.map_or_else(|| self.target.clone(), |model| model.id.clone()),
            surface: self.surface,
            api,
            instead: Api::ALL.into_iter().filter(speaks).collect(),
        })
    }

    fn on_runtime(&self, api: Api, converse_only: bool) -> Passage<'_> {
        let model = self.model.as_deref();
        let speaks_messages = model.is_some_and(|model| model.family.as_deref() == Some(ANTHROPIC));
        let has_route = model.is_some_and(|model| model.route(api).is_some());
        let (lane, surface, reason) = match api {
            Api::Converse => (Lane::Relay, Surface::RuntimeConverse, Reason::SpeaksBedrock),
            Api::InvokeModel => (Lane::Relay, Surface::RuntimeInvoke, Reason::SpeaksBedrock),
            Api::Messages if speaks_messages && !converse_only => {
                (Lane::Relay, Surface::RuntimeInvoke, Reason::SpeaksMessages)
            }
            Api::Messages if speaks_messages => {
                (Lane::Translate, Surface::RuntimeConverse, Reason::Configured)
            }
            _ if has_route && self.is_application_profile() => {
                (Lane::Translate, Surface::RuntimeConverse, Reason::ApplicationProfile)
            }
            _ => (Lane::Translate, Surface::RuntimeConverse, Reason::Converse),
        };
        let speaks = match surface {
            Surface::RuntimeInvoke => Api::InvokeModel,
            Surface::RuntimeConverse | Surface::RuntimeOpenai | Surface::Mantle => Api::Converse,
        };
        Passage { lane, surface, reason, speaks, path: None }
    }

    fn is_application_profile(&self) -> bool {
        let profile = self.profile.as_ref();
        profile.is_some_and(|profile| profile.profile_type == crate::ProfileType::Application)
    }
}

/// How each API travels, as `explain --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lanes<'a> {
    chat_completions: Way<'a>,
    responses: Way<'a>,
    messages: Way<'a>,
    converse: Way<'a>,
    invoke_model: Way<'a>,
}

/// One lane, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Way<'a> {
    lane: Option<Lane>,
    surface: Option<Surface>,
    path: Option<&'a str>,
    reason: String,
}

impl<'a> Lanes<'a> {
    /// Those of a resolution.
    pub fn of(resolution: &'a Resolution, converse_only: bool) -> Self {
        let way = |api| Way::of(resolution.passage(api, converse_only));
        Self {
            chat_completions: way(Api::ChatCompletions),
            responses: way(Api::Responses),
            messages: way(Api::Messages),
            converse: way(Api::Converse),
            invoke_model: way(Api::InvokeModel),
        }
    }
}

impl<'a> Way<'a> {
    fn of(passage: Result<Passage<'a>, Impassable>) -> Self {
        match passage {
            Ok(Passage { lane, surface, reason, speaks: _, path }) => {
                Self { lane: Some(lane), surface: Some(surface), path, reason: reason.as_str().to_owned() }
            }
            Err(none) => Self { lane: None, surface: None, path: None, reason: format!("{:#}", none.text()) },
        }
    }
}
