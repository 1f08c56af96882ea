//! `outcrop chat`: one question, or a conversation, through the gateway's Chat Completions.
//!
//! On a terminal: a spinner until the first token, the reasoning dimmed, then tokens and cost. Piped: the text alone.

mod completion;
mod screen;

use std::io::{self, BufRead, IsTerminal, Read, Write};

use http::HeaderMap;
use outcrop_catalog::price::TokenCounts;
use outcrop_catalog::{Catalog, Layer, Source};
use serde::Deserialize;
use serde_json::json;

use self::completion::{Answer, Message, Question, Role};
use self::screen::Screen;
use crate::args::{Chat, Global};
use crate::client::Client;
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop chat`.
pub fn run(global: &Global, chat: &Chat) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags::default())?;
    super::block_on(async {
        let mut session = Session::start(chat, &settings, global.json).await?;
        match prompt(chat)? {
            Some(prompt) => session.ask(prompt).await,
            None => session.converse().await,
        }
    })?
}

/// The words on the command line, else standard input; `None` is a conversation on a terminal.
fn prompt(chat: &Chat) -> Result<Option<String>, Failure> {
    if !chat.prompt.is_empty() {
        return Ok(Some(chat.prompt.join(" ")));
    }
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    if text.trim().is_empty() {
        return Err(Failure::new("there is no question: standard input is empty")
            .hint("outcrop chat \"…\", or pipe the question in"));
    }
    Ok(Some(text))
}

struct Session<'a> {
    client: Client,
    question: Question,
    catalog: Catalog,
    settings: &'a Settings,
    json: bool,
}

impl<'a> Session<'a> {
    async fn start(chat: &Chat, settings: &'a Settings, json: bool) -> Result<Self, Failure> {
        let client = Client::of(settings, chat.url.as_deref())?;
        let model = match chat.model.clone().or_else(|| settings.client.model.clone()) {
            Some(model) => model,
            None => first_offered(&client).await?,
        };
        let system = chat.system.iter().map(|text| Message::new(Role::System, text)).collect();
        let question = Question::new(model, system, chat.max_tokens, chat.effort.clone());
        Ok(Self { client, question, catalog: settings.catalog(), settings, json })
    }

    /// One question and its answer.
    async fn ask(&mut self, text: String) -> Result<(), Failure> {
        self.question.messages.push(Message::new(Role::User, text));
        let mut screen = Screen::new(self.json);
        let answer = completion::stream(&self.client, &self.question, &mut screen).await;
        screen.end()?;
        let answer = answer?;
        let cost = self.cost(&answer).await;
        if self.json {
            paper::json(&document(&answer, cost))?;
        } else {
            screen.account(&answer, cost);
        }
        self.question.messages.push(Message::new(Role::Assistant, answer.text));
        Ok(())
    }

    /// Question after question until the end of the input. An answer that fails is taken back; the conversation goes on.
    async fn converse(&mut self) -> Result<(), Failure> {
        paper::say(&format!("{} — end with Ctrl-D", self.question.model));
        loop {
            write!(io::stderr(), "\n> ")?;
            io::stderr().flush()?;
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 {
                paper::say("");
                return Ok(());
            }
            if line.trim().is_empty() {
                continue;
            }
            let before = self.question.messages.len();
            match self.ask(line.trim().to_owned()).await {
                Err(failure @ Failure::Message { .. }) => {
                    self.question.messages.truncate(before);
                    failure.report();
                }
                other => other?,
            }
        }
    }

    /// In US dollars, where the price is known.
    async fn cost(&mut self, answer: &Answer) -> Option<f64> {
        let target = answer.header("outcrop-target").unwrap_or(&self.question.model).to_owned();
        let context = self.settings.context();
        let mut resolution = self.catalog.resolve(&target, &context).ok()?;
        if resolution.needs_lookup {
            let profile = self.client.inference_profile(&target).await.ok()?;
            let application_profiles = [(profile.arn.clone(), profile)].into();
            let layer = Layer { application_profiles, ..Layer::default() };
            self.catalog = self.catalog.with(Source::Discovered, layer);
            resolution = self.catalog.resolve(&target, &context).ok()?;
        }
        resolution.price?.cost(answer.tokens()?)
    }
}

async fn first_offered(client: &Client) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Offer>,
    }
    #[derive(Deserialize)]
    struct Offer {
        id: String,
    }
    let list: List = client.read("/v1/models").await?;
    let first = list.data.into_iter().next();
    first.map(|offer| offer.id).ok_or_else(|| {
        Failure::new("the gateway offers no model").hint("name one with -m, or set OUTCROP_MODEL")
    })
}

fn document(answer: &Answer, cost: Option<f64>) -> serde_json::Value {
    json!({
        "text": answer.text,
        "reasoning": answer.reasoning,
        "finishReason": answer.finish_reason,
        "target": answer.header("outcrop-target"),
        "model": answer.header("outcrop-model"),
        "notices": notices(&answer.headers),
        "usage": answer.usage,
        "costUsd": cost,
    })
}

fn notices(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("outcrop-notice").iter().filter_map(|value| value.to_str().ok()).collect()
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn tokens(&self) -> Option<TokenCounts> {
        let usage = self.usage.as_ref()?;
        let cached = usage.prompt_tokens_details.as_ref().map_or(0, |details| details.cached_tokens);
        Some(TokenCounts {
            input: usage.prompt_tokens.saturating_sub(cached),
            output: usage.completion_tokens,
            cache_read: cached,
            ..TokenCounts::default()
        })
    }
}
