//! What each dialect calls an error: one table, by status. What is said of it is in the texts crate.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::bedrock::BedrockError;
use crate::dialect::{Dialect, to_vec};

/// The words for a status. Sources: OpenAI's and Anthropic's API references, "Errors".
struct Row {
    status: u16,
    /// OpenAI's `type`.
    chat: &'static str,
    /// OpenAI's `code`, where its clients branch on one.
    code: Option<&'static str>,
    /// Anthropic's `type`.
    messages: &'static str,
}

/// The statuses that Bedrock and the gateway answer with. 408 (the model took too long) and 424 (the model failed) are no
/// fault of the request, whatever their numbers say.
const TABLE: [Row; 13] = [
    words(400, "invalid_request_error", None, "invalid_request_error"),
    words(401, "authentication_error", Some("invalid_api_key"), "authentication_error"),
    words(403, "permission_error", None, "permission_error"),
    words(404, "invalid_request_error", Some("model_not_found"), "not_found_error"),
    words(408, "server_error", None, "timeout_error"),
    words(413, "invalid_request_error", None, "request_too_large"),
    words(424, "server_error", None, "api_error"),
    words(429, "rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error"),
    words(500, "server_error", None, "api_error"),
    words(502, "server_error", None, "api_error"),
    words(503, "server_error", None, "overloaded_error"),
    words(504, "server_error", None, "timeout_error"),
    words(529, "server_error", None, "overloaded_error"),
];

/// Any other status: a fault of the request, or of the server.
const CLIENT: Row = words(400, "invalid_request_error", None, "invalid_request_error");
const SERVER: Row = words(500, "server_error", None, "api_error");

const fn words(status: u16, chat: &'static str, code: Option<&'static str>, messages: &'static str) -> Row {
    Row { status, chat, code, messages }
}

fn row(status: u16) -> &'static Row {
    let other = if (400..500).contains(&status) { &CLIENT } else { &SERVER };
    TABLE.iter().find(|row| row.status == status).unwrap_or(other)
}

/// An error in the dialect's own JSON (`application/json`), for an answer with the given status.
///
/// Sources: OpenAI's and Anthropic's API references, "Errors"; reference `bedrock.md` §1.8 for Bedrock.
pub fn error_body(
    dialect: Dialect,
    status: u16,
    error: &BedrockError,
    request_id: &str,
    hint: Option<&str>,
) -> Vec<u8> {
    Words { status, message: &error.message, param: None }.render(dialect, request_id, hint)
}

/// A message and the way out.
pub fn with_hint(message: &str, hint: &str) -> String {
    format!("{message} (hint: {hint})")
}

/// An error that an OpenAI- or Anthropic-style endpoint told in its own words, with our way out at the end of its message:
/// whatever else it says stays. `None` where it has not that shape.
pub fn said_with_hint(body: &Bytes, hint: Option<&str>) -> Option<Bytes> {
    let mut said: Value = serde_json::from_slice(body).ok()?;
    let message = said.get_mut("error")?.get_mut("message")?;
    let words = message.as_str()?;
    let Some(hint) = hint else { return Some(body.clone()) };
    *message = Value::String(with_hint(words, hint));
    Some(Bytes::from(to_vec(&said)))
}

/// An error before it has a dialect.
pub(crate) struct Words<'a> {
    pub(crate) status: u16,
    pub(crate) message: &'a str,
    pub(crate) param: Option<&'a str>,
}

impl Words<'_> {
    pub(crate) fn render(self, dialect: Dialect, request_id: &str, hint: Option<&str>) -> Vec<u8> {
        let Self { status, message, param } = self;
        let &Row { chat, code, messages, .. } = row(status);
        let message: &str = &match hint {
            Some(hint) => Cow::Owned(with_hint(message, hint)),
            None => Cow::Borrowed(message),
        };
        match dialect {
            Dialect::ChatCompletions | Dialect::Responses => {
                let error = ChatError { message, kind: chat, param, code };
                to_vec(&ChatErrorBody { error })
            }
            Dialect::Messages => {
                let error = MessagesError { kind: messages, message };
                to_vec(&MessagesErrorBody { kind: "error", error, request_id })
            }
            Dialect::Bedrock => to_vec(&BedrockErrorBody { message }),
        }
    }
}

#[derive(Serialize)]
struct ChatErrorBody<'a> {
    error: ChatError<'a>,
}

#[derive(Serialize)]
struct ChatError<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct MessagesErrorBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: MessagesError<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct MessagesError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct BedrockErrorBody<'a> {
    message: &'a str,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use outcrop_texts::SECTIONS;

    use super::*;
    use crate::bedrock::ErrorKind;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

    /// `OUTCROP_WRITE_DOCS=1` writes the tables anew.
    #[test]
    fn the_page_has_every_status_and_every_text() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let written = with_part(&with_part(&page, "statuses", &statuses()), "texts", &texts());
        if std::env::var_os("OUTCROP_WRITE_DOCS").is_some() {
            return std::fs::write(PAGE, written).unwrap();
        }
        assert!(page == written, "docs/errors.md is out of date: OUTCROP_WRITE_DOCS=1 writes it");
    }

    /// The page with what stands between the two marks of a part replaced.
    fn with_part(page: &str, name: &str, part: &str) -> String {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
        let (before, rest) = page.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        format!("{before}{begin}{part}{end}{after}")
    }

    fn statuses() -> String {
        let mut out = "| Status | AWS's names | OpenAI's `type` | OpenAI's `code` | Anthropic's `type` |\n|---|---|---|---|---|\n".to_owned();
        for Row { status, chat, code, messages } in &TABLE {
            let named = ErrorKind::ALL.iter().filter(|kind| kind.status() == *status);
            let names: Vec<_> = named.map(|kind| format!("`{}`", kind.name())).collect();
            let code = code.map_or("`null`".to_owned(), |code| format!("`{code}`"));
            writeln!(out, "| {status} | {} | `{chat}` | {code} | `{messages}` |", names.join(", ")).unwrap();
        }
        out
    }

    fn texts() -> String {
        let mut out = String::new();
        for (title, rows) in SECTIONS {
            writeln!(out, "\n### {title}\n\n| What is said | Hint |\n|---|---|").unwrap();
            for row in *rows {
                writeln!(out, "| {} | {} |", shown(row.message), row.hint.map(shown).unwrap_or_default())
                    .unwrap();
            }
        }
        out + "\n"
    }

    /// As a person reads it: braces that the table doubles stand once.
    fn shown(text: &str) -> String {
        text.replace("{{", "{").replace("}}", "}").replace('|', "\\|")
    }

    #[test]
    fn every_kind_of_aws_has_a_row() {
        for kind in ErrorKind::ALL {
            assert!(TABLE.iter().any(|row| row.status == kind.status()), "{kind}");
        }
    }
}
