//! The matrix of errors: every error of AWS's × every client × every place a model lives × every moment at which it can
//! strike. What a client must see is written down here, from the references; nothing of it is asked of the code under test.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderMap, Method};
use outcrop_emulator::Keys;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Value, json};

use crate::fault_table::{at_rest, reconcile};
use crate::rig::{Answer, Plan, Rig, Row};

/// An error of AWS's: its name and status (reference `bedrock.md` §1.8), its words as the emulator says them (§5), and the way
/// out that a client is told, for these words or for the kind.
#[derive(Debug, Clone, Copy)]
struct Error {
    name: &'static str,
    status: u16,
    words: &'static str,
    for_words: &'static str,
    for_kind: &'static str,
}

const fn error(name: &'static str, status: u16, words: &'static str) -> Error {
    Error { name, status, words, for_words: "", for_kind: "" }
}

impl Error {
    const fn words(self, for_words: &'static str) -> Self {
        Self { for_words, ..self }
    }

    const fn kind(self, for_kind: &'static str) -> Self {
        Self { for_kind, ..self }
    }
}

const ELSEWHERE: &str = "add a way with `failover`";
const WHO_IS_THERE: &str = "a proxy on the way";

const ERRORS: [Error; 21] = [
    error("ValidationException", 400, "The provided model identifier is invalid.")
        .words("`outcrop explain IDENTIFIER`"),
    error("AccessDeniedException", 403, "You don't have access to the model with the specified model ID.")
        .words("ask for it on the model's page"),
    error("ResourceNotFoundException", 404, "This model version has reached the end of its life.")
        .words("`outcrop models list`"),
    error("ConflictException", 400, "Error occurred because of a conflict while performing an operation."),
    error("ResourceInUseException", 400, "The resource is in use. Wait and try your request again."),
    error("ServiceQuotaExceededException", 400, "Your request exceeds a service quota.")
        .kind("Service Quotas"),
    error("TooManyTagsException", 400, "The number of tags exceeds the limit for a resource."),
    error("ThrottlingException", 429, "Too many requests, please wait before trying again.")
        .words("wait, send less at once")
        .kind("wait, send less at once"),
    error("ModelTimeoutException", 408, "The model took too long to answer.").kind("may have been billed"),
    error("ModelErrorException", 424, "The model returned an error.").kind("may have been billed"),
    error("ModelStreamErrorException", 424, "The model returned an error while it streamed its answer.")
        .kind("may have been billed"),
    error("ModelNotReadyException", 429, "Model is not ready for inference.").kind("in a moment"),
    error("InternalServerException", 500, "The system encountered an unexpected error").kind(ELSEWHERE),
    error("ServiceUnavailableException", 503, "Bedrock is unable to process your request.").kind(ELSEWHERE),
    error("InvalidSignatureException", 403, "The request signature we calculated does not match")
        .kind("check the secret access key"),
    error("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
        .words("check the access key id"),
    error("ExpiredTokenException", 403, "The security token included in the request is expired")
        .words("get new temporary credentials"),
    error("MissingAuthenticationTokenException", 403, "Missing Authentication Token").kind(WHO_IS_THERE),
    error("IncompleteSignatureException", 403, "Authorization header requires 'Credential' parameter.")
        .kind(WHO_IS_THERE),
    error("SerializationException", 400, "The request body cannot be read"),
    error("UnknownOperationException", 404, "The emulator does not serve this operation.")
        .kind("AWS_ENDPOINT_URL"),
];

/// AWS refuses the gateway's own credentials: no fault of a client that has none of AWS's.
const OF_CREDENTIALS: [&str; 5] = [
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
];

/// What the dialects call a status (OpenAI's and Anthropic's API references, "Errors"; OpenAI's, "The response object", for
/// the codes of a response that failed).
struct Called {
    status: u16,
    openai: (&'static str, Option<&'static str>),
    response: &'static str,
    anthropic: &'static str,
}

const fn called(
    status: u16,
    openai: (&'static str, Option<&'static str>),
    response: &'static str,
    anthropic: &'static str,
) -> Called {
    Called { status, openai, response, anthropic }
}

const CALLED: [Called; 8] = [
    called(400, ("invalid_request_error", None), "invalid_prompt", "invalid_request_error"),
    called(403, ("permission_error", None), "invalid_prompt", "permission_error"),
    called(404, ("invalid_request_error", Some("model_not_found")), "invalid_prompt", "not_found_error"),
    called(408, ("server_error", None), "server_error", "timeout_error"),
    called(424, ("server_error", None), "server_error", "api_error"),
    called(429, ("rate_limit_error", Some("rate_limit_exceeded")), "rate_limit_exceeded", "rate_limit_error"),
    called(500, ("server_error", None), "server_error", "api_error"),
    called(503, ("server_error", None), "server_error", "overloaded_error"),
];
/// AWS refused who *we* are.
const BAD_GATEWAY: Called = called(502, ("server_error", None), "server_error", "api_error");

/// What is left of AWS's name where an endpoint answers in another API's shape: the likeliest one of the status, …
const BY_STATUS: [(u16, &str); 8] = [
    (400, "ValidationException"),
    (403, "AccessDeniedException"),
    (404, "ResourceNotFoundException"),
    (408, "ModelTimeoutException"),
    (424, "ModelErrorException"),
    (429, "ThrottlingException"),
    (500, "InternalServerException"),
    (503, "ServiceUnavailableException"),
];
/// … or of the word, which is all that an event has.
const BY_WORD: [(&str, &str); 11] = [
    ("invalid_request_error", "ValidationException"),
    ("invalid_prompt", "ValidationException"),
    ("permission_error", "AccessDeniedException"),
    ("not_found_error", "ResourceNotFoundException"),
    ("model_not_found", "ResourceNotFoundException"),
    ("rate_limit_error", "ThrottlingException"),
    ("rate_limit_exceeded", "ThrottlingException"),
    ("timeout_error", "ModelTimeoutException"),
    ("overloaded_error", "ServiceUnavailableException"),
    ("server_error", "InternalServerException"),
    ("api_error", "InternalServerException"),
];

/// What the streams of both operations may hold (botocore's model: `ConverseStreamOutput`, `ResponseStream`); AWS's SDKs know
/// no others there, and boto3 shows neither name nor words of one.
const IN_STREAMS: [&str; 5] = [
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "serviceUnavailableException",
];
/// `ResponseStream` alone.
const IN_INVOKE_STREAMS: &str = "modelTimeoutException";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Chat,
    Responses,
    Messages,
    Converse,
    Invoke,
}

const CLIENTS: [Client; 5] =
    [Client::Chat, Client::Responses, Client::Messages, Client::Converse, Client::Invoke];

/// Where a model lives, and what it speaks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// Bedrock's runtime, behind an application profile.
    Nova,
    /// The same; takes Messages by InvokeModel.
    Claude,
    /// Mantle, Chat Completions alone.
    Qwen,
    /// Mantle, Chat Completions and Responses.
    GptOss,
    /// Mantle, Messages.
    Haiku,
}

const HOMES: [Home; 5] = [Home::Nova, Home::Claude, Home::Qwen, Home::GptOss, Home::Haiku];

/// What is spoken to the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Bedrock,
    Chat,
    Responses,
    Messages,
}

/// When the error strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strike {
    /// Instead of an answer.
    Whole,
    /// Instead of a stream.
    Http,
    /// In place of a stream's first event.
    First,
    /// After half of a stream.
    Mid,
}

const STRIKES: [Strike; 4] = [Strike::Whole, Strike::Http, Strike::First, Strike::Mid];

#[derive(Debug, Clone, Copy)]
struct Case {
    error: Error,
    client: Client,
    home: Home,
    strike: Strike,
}

/// When AWS asks to come back, in milliseconds.
const COME_BACK: &str = "1";

impl Case {
    /// The product of all.
    fn all() -> impl Iterator<Item = Self> {
        ERRORS.into_iter().flat_map(|error| {
            CLIENTS.into_iter().flat_map(move |client| {
                HOMES.into_iter().flat_map(move |home| {
                    STRIKES.into_iter().map(move |strike| Self { error, client, home, strike })
                })
            })
        })
    }

    fn fault(&self) -> String {
        let name = self.error.name;
        match self.strike {
            Strike::Whole | Strike::Http => format!("{name};retry-after={COME_BACK}"),
            Strike::First => format!("{name};at=first"),
            Strike::Mid => format!("{name};at=mid"),
        }
    }

    /// Path and body.
    fn request(&self, rig: &Rig) -> (String, String) {
        const TEXT: &str = "count to 12";
        let stream = self.strike != Strike::Whole;
        let model = match self.home {
            Home::Claude => rig.profiles[0].as_str(),
            Home::Nova => rig.profiles[1].as_str(),
            Home::Qwen => "qwen.qwen3-32b",
            Home::GptOss => "openai.gpt-oss-120b",
            Home::Haiku => "anthropic.claude-haiku-4-5",
        };
        let turns = json!([{"role": "user", "content": TEXT}]);
        let converse = json!({"messages": [{"role": "user", "content": [{"text": TEXT}]}]});
        let (path, body) = match self.client {
            Client::Chat => {
                ("/v1/chat/completions", json!({"model": model, "stream": stream, "messages": turns}))
            }
            Client::Responses => {
                ("/v1/responses", json!({"model": model, "stream": stream, "store": false, "input": TEXT}))
            }
            Client::Messages => {
                let body = json!({"model": model, "stream": stream, "max_tokens": 99, "messages": turns});
                ("/v1/messages", body)
            }
            Client::Converse => (if stream { "converse-stream" } else { "converse" }, converse),
            Client::Invoke => {
                let body = match self.home {
                    Home::Nova => converse,
                    Home::Claude | Home::Haiku => {
                        json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": turns})
                    }
                    Home::Qwen | Home::GptOss => json!({ "messages": turns }),
                };
                (if stream { "invoke-with-response-stream" } else { "invoke" }, body)
            }
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/model/{model}/{path}") };
        (path, body.to_string())
    }

    fn spoken(&self) -> Spoken {
        match (self.home, self.client) {
            (Home::Nova | Home::Claude, _) => Spoken::Bedrock,
            (Home::GptOss, Client::Responses) => Spoken::Responses,
            (Home::Qwen | Home::GptOss, _) => Spoken::Chat,
            (Home::Haiku, _) => Spoken::Messages,
        }
    }

    fn speaks_bedrock(&self) -> bool {
        matches!(self.client, Client::Converse | Client::Invoke)
    }

    /// The endpoint's words are the client's: they are handed on as they came.
    fn is_relayed(&self) -> bool {
        match self.spoken() {
            Spoken::Bedrock => self.speaks_bedrock(),
            Spoken::Chat => self.client == Client::Chat,
            Spoken::Responses => self.client == Client::Responses,
            Spoken::Messages => self.client == Client::Messages,
        }
    }

    /// What the gateway can know of the error.
    fn heard(&self) -> Error {
        let known = |table: &[(&str, &'static str)], word: &str| {
            table.iter().find(|(known, _)| *known == word).unwrap_or_else(|| panic!("{word}")).1
        };
        let called = of_status(self.error.status);
        let word = match (self.spoken(), self.strike) {
            (Spoken::Bedrock, _) => return self.error,
            (_, Strike::Whole | Strike::Http) => {
                let by_status = BY_STATUS.iter().find(|(status, _)| *status == self.error.status);
                return Error { name: by_status.unwrap().1, ..self.error };
            }
            (Spoken::Chat, _) => called.openai.1.unwrap_or(called.openai.0),
            (Spoken::Responses, _) => called.response,
            (Spoken::Messages, _) => called.anthropic,
        };
        let name = known(&BY_WORD, word);
        let status = ERRORS.iter().find(|error| error.name == name).unwrap().status;
        Error { name, status, ..self.error }
    }

    /// What the client is to call it.
    fn called(&self) -> &'static Called {
        let heard = self.heard();
        if OF_CREDENTIALS.contains(&heard.name) && !self.speaks_bedrock() {
            return &BAD_GATEWAY;
        }
        of_status(heard.status)
    }

    /// The way out stands with AWS's words, but where they are handed on as they came. Words that are known say more than the
    /// kind, which the gateway may know no better than by a status.
    fn way_out(&self) -> &'static str {
        let as_it_came = self.is_relayed() && (self.speaks_bedrock() || self.strike == Strike::Mid);
        let heard = ERRORS.iter().find(|error| error.name == self.heard().name).unwrap();
        match (as_it_came, self.error.for_words) {
            (true, _) => "",
            (false, "") => heard.for_kind,
            (false, for_words) => for_words,
        }
    }

    /// What is wrong with an answer.
    fn judge(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Wrong::default();
        if self.strike == Strike::Mid {
            wrong.same("status", answer.status.as_u16(), 200);
            self.judge_stream(answer, &mut wrong);
        } else {
            wrong.same("status", answer.status.as_u16(), self.called().status);
            wrong.same("content type", answer.header("content-type"), "application/json");
            match serde_json::from_slice(&answer.body) {
                Ok(body) => self.judge_body(&body, answer, &mut wrong),
                Err(error) => wrong.0.push(format!("{error}: {}", answer.text())),
            }
            let is_lost = self.heard().name == "ModelTimeoutException";
            wrong.same("x-should-retry", answer.header("x-should-retry"), if is_lost { "false" } else { "" });
        }
        self.judge_headers(&answer.headers, &mut wrong);
        let text = format!("{:?}{}", answer.headers, answer.text());
        wrong.0.extend(
            secrets().into_iter().filter(|secret| text.contains(secret)).map(|it| format!("it tells {it}")),
        );
        wrong.0
    }

    fn judge_headers(&self, headers: &HeaderMap, wrong: &mut Wrong) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let own = match self.client {
            Client::Chat | Client::Responses => "x-request-id",
            Client::Messages => "request-id",
            Client::Converse | Client::Invoke => "x-amzn-requestid",
        };
        for name in ["outcrop-request-id", "x-amzn-requestid", own] {
            wrong.not(header(name).is_empty(), || format!("no {name}"));
        }
        if matches!(self.strike, Strike::First | Strike::Mid) {
            return;
        }
        if self.spoken() == Spoken::Bedrock {
            wrong.same("x-amz-retry-after", header("x-amz-retry-after"), COME_BACK);
        }
        if self.spoken() != Spoken::Bedrock || !self.speaks_bedrock() {
            wrong.same("retry-after", header("retry-after"), "1");
        }
        if self.spoken() == Spoken::Bedrock && !self.speaks_bedrock() {
            wrong.same("retry-after-ms", header("retry-after-ms"), COME_BACK);
        }
    }

    /// An answer that is an error.
    fn judge_body(&self, body: &Value, answer: &Answer, wrong: &mut Wrong) {
        match self.client {
            Client::Chat | Client::Responses => self.judge_openai(&body["error"], body, wrong),
            Client::Messages => self.judge_anthropic(body, answer, wrong),
            Client::Converse | Client::Invoke => {
                wrong.same("members", names(body), "message".to_owned());
                let name = answer.header("x-amzn-errortype").split(':').next().unwrap_or_default();
                wrong.same("x-amzn-errortype", name, self.heard().name);
                self.judge_message(&body["message"], wrong);
            }
        }
    }

    fn judge_openai(&self, error: &Value, body: &Value, wrong: &mut Wrong) {
        let (kind, code) = self.called().openai;
        wrong.same(
            "members",
            (names(body), names(error)),
            ("error".to_owned(), "code message param type".to_owned()),
        );
        wrong.same("type", &error["type"], &json!(kind));
        wrong.same("code", &error["code"], &json!(code));
        wrong.same("param", &error["param"], &Value::Null);
        self.judge_message(&error["message"], wrong);
    }

    fn judge_anthropic(&self, body: &Value, answer: &Answer, wrong: &mut Wrong) {
        let error = &body["error"];
        wrong.same(
            "members",
            (names(body), names(error)),
            ("error request_id type".to_owned(), "message type".to_owned()),
        );
        wrong.same(
            "type",
            (&body["type"], &error["type"]),
            (&json!("error"), &json!(self.called().anthropic)),
        );
        self.judge_message(&error["message"], wrong);
        let ids = ["outcrop-request-id", "x-amzn-requestid"].map(|name| answer.header(name));
        let is_named = body["request_id"].as_str().is_some_and(|id| ids.contains(&id));
        // Within a stream that is handed on, the request's name is the endpoint's affair.
        let is_theirs = self.is_relayed() && self.strike == Strike::Mid;
        wrong
            .not(!is_named && !is_theirs, || format!("request_id {} is none of {ids:?}", body["request_id"]));
    }

    /// AWS's words, and the way out.
    fn judge_message(&self, message: &Value, wrong: &mut Wrong) {
        let message = message.as_str().unwrap_or_default();
        wrong.not(!message.starts_with(self.error.words), || format!("AWS's words are not in {message:?}"));
        let way_out = self.way_out();
        let hint = message.split_once("(hint: ").map_or("", |(_, hint)| hint);
        wrong.not(!hint.contains(way_out), || format!("no way out ({way_out}) in {message:?}"));
        wrong
            .not(way_out.is_empty() && !hint.is_empty(), || format!("a hint where none is due: {message:?}"));
        wrong.not(message.matches("(hint: ").count() > 1, || format!("two hints: {message:?}"));
    }

    /// A stream that breaks: what came before, the dialect's own error at its end, and nothing after.
    fn judge_stream(&self, answer: &Answer, wrong: &mut Wrong) {
        if self.speaks_bedrock() {
            return self.judge_frames(answer, wrong);
        }
        wrong.same("content type", answer.header("content-type"), "text/event-stream");
        wrong.not(!answer.text().ends_with("\n\n"), || "the last event is not whole".to_owned());
        let mut events = answer.events();
        let Some(last) = events.pop() else { return wrong.0.push("no event".to_owned()) };
        let ends = ["[DONE]", "message_stop", "response.completed", "response.incomplete"];
        let looks_whole = |event: &Value| {
            [event, &event["type"]].iter().any(|it| it.as_str().is_some_and(|it| ends.contains(&it)))
        };
        wrong.not(events.iter().any(looks_whole), || "it looks whole".to_owned());
        wrong.not(events.is_empty(), || "nothing before the error".to_owned());
        match self.client {
            Client::Chat => self.judge_openai(&last["error"], &last, wrong),
            Client::Responses => {
                let code = json!(self.called().response);
                wrong.same("type", &last["type"], &json!("error"));
                wrong.same("code", &last["code"], &code);
                wrong.not(!last["sequence_number"].is_u64(), || format!("no sequence_number: {last}"));
                self.judge_message(&last["message"], wrong);
                if !self.is_relayed() {
                    let failed = events.pop().unwrap_or_default();
                    let response = &failed["response"];
                    wrong.same(
                        "type",
                        (&failed["type"], &response["status"]),
                        (&json!("response.failed"), &json!("failed")),
                    );
                    wrong.same("code", &response["error"]["code"], &code);
                    self.judge_message(&response["error"]["message"], wrong);
                }
            }
            _ => {
                wrong.not(!answer.text().contains("event: error\ndata: "), || "no `event: error`".to_owned());
                self.judge_anthropic(&last, answer, wrong);
            }
        }
    }

    fn judge_frames(&self, answer: &Answer, wrong: &mut Wrong) {
        wrong.same("content type", answer.header("content-type"), "application/vnd.amazon.eventstream");
        let mut decoder = Decoder::default();
        decoder.push(&answer.body);
        let mut events = 0;
        loop {
            let frame = match decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return wrong.0.push("a quiet end".to_owned()),
                Err(error) => return wrong.0.push(error.to_string()),
            };
            match frame.message() {
                Message::Event { .. } => events += 1,
                Message::Error { code, .. } => wrong.0.push(format!("an error frame {code}")),
                Message::Exception { exception_type, payload } => {
                    wrong.same("exception", exception_type, self.exception().as_str());
                    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
                    self.judge_message(&payload["message"], wrong);
                    break;
                }
            }
        }
        wrong.not(events == 0, || "nothing before the exception".to_owned());
        let is_over = matches!(decoder.next_frame(), Ok(None)) && !decoder.has_partial_frame();
        wrong.not(!is_over, || "something after the exception".to_owned());
    }

    /// In a stream of Bedrock's: AWS's own frame, or one that the operation's stream has.
    fn exception(&self) -> String {
        if self.is_relayed() { exception_type(self.error.name) } else { self.written_exception() }
    }

    fn written_exception(&self) -> String {
        let Error { name, status, .. } = self.heard();
        let name = exception_type(name);
        if IN_STREAMS.contains(&name.as_str()) || self.client == Client::Invoke && name == IN_INVOKE_STREAMS {
            return name;
        }
        let nearest = match status {
            408 | 424 => "modelStreamErrorException",
            429 => "throttlingException",
            503 => "serviceUnavailableException",
            400..=499 => "validationException",
            _ => "internalServerException",
        };
        nearest.to_owned()
    }

    /// What is wrong with the ledger's row.
    fn judge_row(&self, row: Option<&Row>) -> Vec<String> {
        let heard = self.heard();
        let mut wrong = Wrong::default();
        match row {
            None => wrong.0.push("no row in the ledger".to_owned()),
            Some(row) => {
                wrong.same("errorCode", row.error.as_deref(), Some(heard.name));
                wrong.same("the row's status", row.status, i64::from(heard.status));
            }
        }
        wrong.0
    }
}

fn of_status(status: u16) -> &'static Called {
    CALLED.iter().find(|called| called.status == status).unwrap()
}

/// AWS's name as a stream's frame has it.
fn exception_type(name: &str) -> String {
    format!("{}{}", name[..1].to_lowercase(), &name[1..])
}

/// The members of an object, in alphabetical order.
fn names(object: &Value) -> String {
    let mut names: Vec<&str> =
        object.as_object().into_iter().flat_map(|it| it.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

/// What the client sent, and what the gateway signs with: nobody is to see them.
fn secrets() -> [String; 2] {
    [CLIENTS_KEY.to_owned(), Keys::default().secret_access_key]
}

const CLIENTS_KEY: &str = "key-of-a-client-7Qm2x";

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, wanted: T) {
        self.not(found != wanted, || format!("{what}: {found:?} instead of {wanted:?}"));
    }

    fn not(&mut self, is_wrong: bool, why: impl FnOnce() -> String) {
        if is_wrong {
            self.0.push(why());
        }
    }
}

/// So many at once: enough that their waits are one.
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_in_every_dialect_from_everywhere_at_every_moment() {
    let rig = Rig::start(Plan::default()).await;
    let played: Vec<(Case, Answer)> = stream::iter(Case::all())
        .map(|case| {
            let rig = &rig;
            async move {
                let ((path, body), fault) = (case.request(rig), case.fault());
                let key = format!("Bearer {CLIENTS_KEY}");
                let headers = [("x-outcrop-fault", fault.as_str()), ("authorization", key.as_str())];
                (case, rig.send(Method::POST, &path, &headers, body).await)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert!(at_rest(&rig).await);
    let books = rig.books().await;
    let mut wrong = reconcile(&books, played.len());
    let rows: HashMap<&str, &Row> = books.rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (case, answer) in &played {
        let row = rows.get(answer.header("outcrop-request-id"));
        for why in case.judge(answer).into_iter().chain(case.judge_row(row.copied())) {
            let Case { error, client, home, strike } = case;
            *found.entry(why.chars().filter(|it| !it.is_ascii_digit()).take(45).collect()).or_default() += 1;
            wrong.push(format!("{client:?} → {home:?}, {strike:?} {}: {why}", error.name));
        }
    }
    let shown: Vec<&str> = wrong.iter().take(60).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {} cases: {found:#?}\n{}", wrong.len(), played.len(), shown.join("\n"));
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

/// `OUTCROP_WRITE_DOCS=1` writes the table anew.
#[test]
fn the_page_shows_what_becomes_of_each_error() {
    const MARKS: [&str; 2] = ["<!-- names -->\n", "<!-- /names -->\n"];
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let written = format!("{before}{}{}{}{after}", MARKS[0], shown(), MARKS[1]);
    if std::env::var_os("OUTCROP_WRITE_DOCS").is_some() {
        return std::fs::write(PAGE, written).unwrap();
    }
    assert!(page == written, "docs/errors.md is out of date: OUTCROP_WRITE_DOCS=1 writes it");
}

/// What the matrix holds of each error, for people.
fn shown() -> String {
    let mut out = "| AWS's name | Status | Chat Completions, Responses: `type`, `code` | Responses, streamed: `code` | Messages: `type` | Bedrock, in a stream that is written |\n|---|---|---|---|---|---|\n".to_owned();
    for error in ERRORS {
        let case = |client| Case { error, client, home: Home::Nova, strike: Strike::Mid };
        let Called { status, openai: (kind, code), response, anthropic } = case(Client::Chat).called();
        let status = if *status == error.status {
            status.to_string()
        } else {
            format!("{}, {status} where the client does not speak Bedrock", error.status)
        };
        let code = code.map_or("`null`".to_owned(), |code| format!("`{code}`"));
        let exceptions = [Client::Converse, Client::Invoke].map(|client| case(client).written_exception());
        let exception = match &exceptions {
            [converse, invoke] if converse == invoke => format!("`{converse}`"),
            [converse, invoke] => format!("`{converse}`, InvokeModel's `{invoke}`"),
        };
        let name = error.name;
        writeln!(
            out,
            "| `{name}` | {status} | `{kind}`, {code} | `{response}` | `{anthropic}` | {exception} |"
        )
        .unwrap();
    }
    out
}

/// The table above leaves no error out.
#[test]
fn every_kind_that_is_known_is_in_the_matrix() {
    let known: Vec<(&str, u16)> = ErrorKind::ALL.iter().map(|kind| (kind.name(), kind.status())).collect();
    assert_eq!(known, ERRORS.map(|error| (error.name, error.status)));
}
