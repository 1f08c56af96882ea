//! One streamed Chat Completion: the question on the wire, the answer read event by event.

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

use super::screen::Screen;
use crate::client::Client;
use crate::failure::Failure;

/// The request body.
#[derive(Serialize)]
pub struct Question {
    /// Any identifier the gateway resolves.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<String>,
    stream: bool,
    stream_options: StreamOptions,
}

impl Question {
    /// An empty conversation, or one that begins with a system prompt.
    pub fn new(
        model: String,
        messages: Vec<Message>,
        max_tokens: Option<u32>,
        reasoning_effort: Option<String>,
    ) -> Self {
        let stream_options = StreamOptions { include_usage: true };
        Self { model, messages, max_tokens, reasoning_effort, stream: true, stream_options }
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// One turn.
#[derive(Serialize)]
pub struct Message {
    role: Role,
    content: String,
}

impl Message {
    /// A turn of plain text.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// Who speaks.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// A whole answer.
#[derive(Default)]
pub struct Answer {
    /// What the model said.
    pub text: String,
    /// What it thought, as far as it is shown.
    pub reasoning: String,
    /// Why it stopped.
    pub finish_reason: Option<String>,
    /// What it cost in tokens.
    pub usage: Option<Usage>,
    /// The response's headers.
    pub headers: HeaderMap,
    done: bool,
}

/// Tokens, in OpenAI's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Usage {
    /// Input, what was read from the cache included.
    pub prompt_tokens: u64,
    /// Output, reasoning included.
    pub completion_tokens: u64,
    /// How much of the input came from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptDetails>,
}

/// How much of the input came from the cache.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PromptDetails {
    /// Read from the prompt cache.
    #[serde(default)]
    pub cached_tokens: u64,
}

/// Asks, and shows the answer while it comes. A stream that ends before `[DONE]` is a failure, never a short answer.
pub async fn stream(client: &Client, question: &Question, screen: &mut Screen) -> Result<Answer, Failure> {
    let body = Bytes::from(serde_json::to_vec(question)?);
    let response = client.send(Method::POST, "/v1/chat/completions", body).await?;
    let (head, mut body) = response.into_parts();
    let mut answer = Answer { headers: head.headers, ..Answer::default() };
    let mut lines = Lines::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cut(&error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        for line in lines.complete(&data)? {
            if let Some(event) = line.strip_prefix("data:") {
                answer.take(event.trim(), screen)?;
            }
        }
    }
    if answer.done { Ok(answer) } else { Err(cut("it ended in the middle of the answer")) }
}

fn cut(why: &str) -> Failure {
    Failure::new(format!("the answer was cut off: {why}"))
}

impl Answer {
    fn take(&mut self, event: &str, screen: &mut Screen) -> Result<(), Failure> {
        if event == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(event)
            .map_err(|error| Failure::new(format!("the gateway sent an event that is no JSON: {error}")))?;
        let Chunk { choices, usage, error } = chunk;
        if let Some(error) = error {
            return Err(Failure::new(error.message));
        }
        self.usage = usage.or(self.usage.take());
        for Choice { delta, finish_reason } in choices {
            if let Some(text) = delta.reasoning_content {
                screen.reasoning(&text)?;
                self.reasoning.push_str(&text);
            }
            if let Some(text) = delta.content {
                screen.text(&text)?;
                self.text.push_str(&text);
            }
            self.finish_reason = finish_reason.or(self.finish_reason.take());
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
}

/// Cuts bytes into lines wherever the network cut them.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

/// No event of a chat is near this; without a bound a broken server could fill the memory.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

impl Lines {
    fn complete(&mut self, data: &[u8]) -> Result<Vec<String>, Failure> {
        self.rest.extend_from_slice(data);
        if self.rest.len() > MAX_LINE_BYTES {
            return Err(Failure::new("the gateway sent an event of more than 16 MiB"));
        }
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_the_network_cuts() {
        let text = "data: {\"é\"}\n\ndata: [DONE]\n";
        let whole: Vec<String> = text.lines().map(str::to_owned).collect();
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut read = lines.complete(&text.as_bytes()[..cut]).unwrap();
            read.extend(lines.complete(&text.as_bytes()[cut..]).unwrap());
            assert_eq!(read, whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_error_event_is_a_failure_and_done_is_noticed() {
        let mut screen = Screen::new(true);
        let mut answer = Answer::default();
        answer.take(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#, &mut screen).unwrap();
        answer
            .take(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#, &mut screen)
            .unwrap();
        assert!(!answer.done && answer.text == "a");
        assert!(answer.take(r#"{"error":{"message":"stalled"}}"#, &mut screen).is_err());
        answer.take("[DONE]", &mut screen).unwrap();
        assert!(answer.done);
        assert_eq!(answer.usage.unwrap().prompt_tokens, 3);
    }
}
