//! OpenAI's batch lines ↔ Bedrock's records.
//!
//! A record's id has eleven letters and digits at AWS, a `custom_id` is any text: records are numbered by their line, and the
//! original file travels with the job, so that whoever collects needs nothing but the job.

use std::collections::BTreeMap;

use outcrop_catalog::Model;
use outcrop_wire::bedrock::{ConverseRequest, ConverseResponse};
use outcrop_wire::dialect::Answer;
use outcrop_wire::{family, openai_chat};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// One line of the file, understood.
pub struct Line {
    /// The client's name for it.
    pub custom_id: String,
    /// The model its body names.
    pub model: Option<String>,
    body: Box<RawValue>,
}

/// A record as Bedrock reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    record_id: String,
    model_input: ConverseRequest,
}

/// An answer as Bedrock writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    record_id: Option<String>,
    model_output: Option<ConverseResponse>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    error_code: Option<serde_json::Value>,
    error_message: Option<String>,
}

/// Reads every line; on failure each mistake with its line.
pub fn read(name: &str, text: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let number = index + 1;
        match Line::read(text) {
            Ok(line) => {
                if let Some(first) = seen.insert(line.custom_id.clone(), number) {
                    wrong.push(format!(
                        "{name}:{number}: custom_id `{}` is that of line {first}, too",
                        line.custom_id
                    ));
                }
                lines.push(line);
            }
            Err(why) => wrong.push(format!("{name}:{number}: {why}")),
        }
    }
    if wrong.is_empty() && lines.is_empty() {
        wrong.push(format!("{name} holds no request"));
    }
    if wrong.is_empty() { Ok(lines) } else { Err(mistakes(wrong)) }
}

/// Nobody mends more at a time.
const MISTAKES_SHOWN: usize = 20;

fn mistakes(mut wrong: Vec<String>) -> Failure {
    let more = wrong.len().saturating_sub(MISTAKES_SHOWN);
    wrong.truncate(MISTAKES_SHOWN);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Failure::new(wrong.join("\n")).hint(
        "a line looks like {\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", \"body\": {\"messages\": […]}}",
    )
}

impl Line {
    fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            custom_id: String,
            method: Option<String>,
            url: Option<String>,
            body: Box<RawValue>,
        }
        #[derive(Deserialize)]
        struct Head {
            model: Option<String>,
            stream: Option<bool>,
        }
        let Written { custom_id, method, url, body } =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        if method.as_deref().is_some_and(|method| method != "POST") {
            return Err("the method must be POST".to_owned());
        }
        if let Some(url) = url.filter(|url| !url.ends_with("/chat/completions")) {
            return Err(format!("`{url}` cannot be asked in a batch; /v1/chat/completions can"));
        }
        let Head { model, stream } =
            serde_json::from_str(body.get()).map_err(|error| format!("body: {error}"))?;
        if stream == Some(true) {
            return Err("body: a batch cannot be streamed".to_owned());
        }
        Ok(Self { custom_id, model, body })
    }

    /// The request as the model takes it, and how its answer is to be written.
    fn prepare(&self, model: Option<&Model>) -> Result<family::Prepared, String> {
        let chat = openai_chat::translate(self.body.get().as_bytes()).map_err(|error| error.to_string())?;
        Ok(family::apply(chat.translated, model))
    }
}

/// The file that Bedrock reads, and what was dropped or changed on the way (each once).
pub fn records(lines: &[Line], name: &str, model: Option<&Model>) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let (mut file, mut notices, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (index, line) in lines.iter().enumerate() {
        match line.prepare(model) {
            Ok(prepared) => {
                for notice in prepared.notices.iter().map(ToString::to_string) {
                    if !notices.contains(&notice) {
                        notices.push(notice);
                    }
                }
                let record = Record { record_id: record_id(index), model_input: prepared.request };
                serde_json::to_writer(&mut file, &record)?;
                file.push(b'\n');
            }
            Err(why) => wrong.push(format!("{name}: {}: {why}", line.custom_id)),
        }
    }
    if wrong.is_empty() { Ok((file, notices)) } else { Err(mistakes(wrong)) }
}

/// Eleven letters and digits.
fn record_id(index: usize) -> String {
    format!("R{index:010}")
}

fn index_of(record_id: &str) -> Option<usize> {
    record_id.strip_prefix('R')?.parse().ok()
}

/// One line of OpenAI's answer file.
#[derive(Serialize)]
struct Out<'a> {
    id: String,
    custom_id: &'a str,
    response: Option<Response>,
    error: Option<Error>,
}

#[derive(Serialize)]
struct Response {
    status_code: u16,
    request_id: String,
    body: Box<RawValue>,
}

#[derive(Serialize)]
struct Error {
    code: String,
    message: String,
}

/// What became of the records.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub answered: usize,
    pub refused: usize,
    /// Records that no answer came for.
    pub missing: usize,
}

/// Writes Bedrock's answers as OpenAI's batch API gives them, in the order of the requests.
pub fn answers(
    lines: &[Line],
    output: &[u8],
    asked_for: &str,
    model: Option<&Model>,
    created: u64,
) -> Result<(Vec<u8>, Tally), Failure> {
    let mut by_index = BTreeMap::new();
    for text in output.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        let answered: Answered = serde_json::from_slice(text)
            .map_err(|error| Failure::new(format!("an answer cannot be read: {error}")))?;
        if let Some(index) = answered.record_id.as_deref().and_then(index_of) {
            by_index.insert(index, answered);
        }
    }
    let (mut file, mut tally) = (Vec::new(), Tally::default());
    for (index, line) in lines.iter().enumerate() {
        let out = match by_index.remove(&index) {
            Some(Answered { model_output: Some(output), .. }) => {
                tally.answered += 1;
                line.answered(index, output, asked_for, model, created)?
            }
            Some(Answered { error, .. }) => {
                tally.refused += 1;
                line.refused(index, error)
            }
            None => {
                tally.missing += 1;
                continue;
            }
        };
        serde_json::to_writer(&mut file, &out)?;
        file.push(b'\n');
    }
    Ok((file, tally))
}

impl Line {
    fn answered(
        &self,
        index: usize,
        output: ConverseResponse,
        asked_for: &str,
        model: Option<&Model>,
        created: u64,
    ) -> Result<Out<'_>, Failure> {
        // The same translation as when it was sent tells which names to put back.
        let names = self.prepare(model).map(|prepared| prepared.names).unwrap_or_default();
        let id = record_id(index);
        let answer = Answer {
            id: format!("chatcmpl-{id}"),
            created,
            model: self.model.clone().unwrap_or_else(|| asked_for.to_owned()),
            names,
        };
        let body = String::from_utf8(openai_chat::render_response(output, &answer))
            .map_err(|error| Failure::new(error.to_string()))?;
        let response =
            Response { status_code: 200, request_id: id.clone(), body: RawValue::from_string(body)? };
        Ok(Out {
            id: format!("batch_req_{id}"),
            custom_id: &self.custom_id,
            response: Some(response),
            error: None,
        })
    }

    fn refused(&self, index: usize, error: Option<Refused>) -> Out<'_> {
        let (code, message) = error.map_or((None, None), |it| (it.error_code, it.error_message));
        let code = code.map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
        let error = Error {
            code: code.unwrap_or_else(|| "unknown".to_owned()),
            message: message.unwrap_or_else(|| "Bedrock gave no answer and no reason".to_owned()),
        };
        let id = format!("batch_req_{}", record_id(index));
        Out { id, custom_id: &self.custom_id, response: None, error: Some(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}}
{"custom_id": "b", "body": {"messages": [{"role": "user", "content": "ho"}], "max_tokens": 5}}
"#;

    #[test]
    fn lines_become_records_and_answers_become_lines_again() {
        let lines = read("f.jsonl", FILE).unwrap();
        let (file, _) = records(&lines, "f.jsonl", None).unwrap();
        let records: Vec<serde_json::Value> =
            file.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(records[0]["recordId"], "R0000000000");
        assert_eq!(records[1]["modelInput"]["inferenceConfig"]["maxTokens"], 5);
        let output = br#"{"recordId": "R0000000001", "error": {"errorCode": 400, "errorMessage": "too long"}}
{"recordId": "R0000000000", "modelInput": {}, "modelOutput": {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}}}
"#;
        let (file, tally) = answers(&lines, output, "m", None, 0).unwrap();
        let out: Vec<serde_json::Value> =
            file.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(out[0]["custom_id"], "a");
        assert_eq!(out[0]["response"]["body"]["choices"][0]["message"]["content"], "hello");
        assert_eq!(out[1]["error"]["message"], "too long");
        assert_eq!(tally, Tally { answered: 1, refused: 1, missing: 0 });
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "{\n{\"custom_id\": \"a\", \"url\": \"/v1/embeddings\", \"body\": {}}\n{\"custom_id\": \"b\", \"body\": {\"stream\": true}}\n{\"custom_id\": \"c\", \"body\": {}}\n{\"custom_id\": \"c\", \"body\": {}}\n";
        let Err(Failure::Message { message, .. }) = read("f", text) else { panic!("accepted") };
        let told: Vec<_> = message.lines().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(told, ["f:1", "f:2", "f:3", "f:5"]);
        assert!(read("f", "\n").is_err());
    }
}
