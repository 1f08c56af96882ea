//! Pictures and documents that a client names by address: where they stand in a request, and the request with their bytes
//! in place of the addresses.
//!
//! Bedrock takes bytes only. Somebody else fetches (this crate knows no network); a request is edited as text, so that
//! everything but the addresses stays as the client wrote it. Addresses are looked for where a dialect has media only:
//! in turns and in tool results, never in what a tool is called with.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::dialect::RequestError;
use crate::envelope::Members;
use crate::media;
use crate::place::Place;

/// A picture or document by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Its address, as the client wrote it.
    pub url: String,
    /// Where it stands: `messages[0].content[1].image_url.url`.
    pub path: String,
    /// The JSON value that is replaced.
    at: Range<usize>,
    form: Form,
}

/// What stands in place of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// OpenAI's `data:` URL.
    DataUrl,
    /// Anthropic's `source`.
    Source,
}

/// Deeper than a picture in a tool's result in a turn nothing is looked for.
const DEEPEST: usize = 8;

/// The media of a request body that are named by an `http` or `https` address, in their order.
pub fn find(body: &[u8]) -> Vec<RemoteMedia> {
    let mut found = Vec::new();
    let Ok(Members(members)) = serde_json::from_slice::<Members<'_>>(body) else { return found };
    for (key, value) in members.iter().filter(|(key, _)| matches!(key.as_ref(), "messages" | "input")) {
        Walk { body, found: &mut found }.value(value, key, DEEPEST);
    }
    found
}

/// The first picture or document of a Messages body that is named by address: Claude on Bedrock does not fetch.
pub fn first_by_address(body: &[u8]) -> Option<RequestError> {
    if !names_url_source(body) {
        return None;
    }
    find(body).into_iter().next().map(|media| media.refusal())
}

/// Whether `"url"` stands in the body as a value, as it does in a source by address and seldom elsewhere.
fn names_url_source(body: &[u8]) -> bool {
    memchr::memmem::find_iter(body, b"\"url\"").any(|at| {
        let before = body[..at].iter().rev().find(|byte| !byte.is_ascii_whitespace());
        before == Some(&b':')
    })
}

impl RemoteMedia {
    /// Why it is refused, where nothing is fetched.
    pub fn refusal(&self) -> RequestError {
        media::remote_image(&self.url, Place::Named(&self.path))
    }
}

/// Bytes that were fetched, and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Told from the bytes: `image/png`.
    pub media_type: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// Takes bytes that are a picture or a PDF, by what they begin with; nothing else.
    pub fn of(bytes: Vec<u8>) -> Option<Self> {
        let media_type = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
            _ => return None,
        };
        Some(Self { media_type, bytes })
    }
}

/// The body with the bytes in place of the addresses; `media` in the order of [`find`] in the same body.
pub fn inline(body: &[u8], media: &[(RemoteMedia, Fetched)]) -> Vec<u8> {
    let more: usize = media.iter().map(|(_, fetched)| fetched.bytes.len() * 4 / 3 + 100).sum();
    let mut out = Vec::with_capacity(body.len() + more);
    let mut copied = 0;
    for (media, Fetched { media_type, bytes }) in media {
        out.extend_from_slice(&body[copied..media.at.start]);
        let data = STANDARD.encode(bytes);
        let value = match media.form {
            Form::DataUrl => format!(r#""data:{media_type};base64,{data}""#),
            Form::Source => format!(r#"{{"type":"base64","media_type":"{media_type}","data":"{data}"}}"#),
        };
        out.extend_from_slice(value.as_bytes());
        copied = media.at.end;
    }
    out.extend_from_slice(&body[copied..]);
    out
}

/// A walk through turns and their parts.
struct Walk<'b, 'f> {
    body: &'b [u8],
    found: &'f mut Vec<RemoteMedia>,
}

impl<'b> Walk<'b, '_> {
    fn value(&mut self, value: &'b RawValue, path: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value.get().as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&'b RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                for (index, item) in items.into_iter().enumerate() {
                    self.value(item, &format!("{path}[{index}]"), depth);
                }
            }
            Some(b'{') => {
                if let Ok(Members(members)) = serde_json::from_str(value.get()) {
                    self.object(&members, path, depth);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, members: &[(Cow<'b, str>, &'b RawValue)], path: &str, depth: usize) {
        let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        match member("type").and_then(text).as_deref() {
            Some("image_url" | "input_image") => {
                let Some(image) = member("image_url") else { return };
                let path = format!("{path}.image_url");
                match named(image, "url") {
                    Some(url) => self.keep(url, format!("{path}.url"), Form::DataUrl),
                    None => self.keep(image, path, Form::DataUrl),
                }
            }
            Some("image" | "document") => {
                let Some(source) = member("source") else { return };
                if named(source, "type").and_then(text).as_deref() == Some("url")
                    && let Some(url) = named(source, "url").and_then(text)
                {
                    self.keep_value(source, &url, format!("{path}.source"), Form::Source);
                }
            }
            _ => {
                for (key, value) in
                    members.iter().filter(|(key, _)| matches!(key.as_ref(), "content" | "output"))
                {
                    self.value(value, &format!("{path}.{key}"), depth);
                }
            }
        }
    }

    fn keep(&mut self, url: &'b RawValue, path: String, form: Form) {
        if let Some(text) = text(url) {
            self.keep_value(url, &text, path, form);
        }
    }

    fn keep_value(&mut self, value: &'b RawValue, url: &str, path: String, form: Form) {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if matches!(scheme.as_deref(), Some("http" | "https")) {
            let start = value.get().as_ptr().addr() - self.body.as_ptr().addr();
            let at = start..start + value.get().len();
            self.found.push(RemoteMedia { url: url.to_owned(), path, at, form });
        }
    }
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<crate::union::Text<'_>>(value.get()).ok().map(|text| text.0)
}

fn named<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let Members(members) = serde_json::from_str(object.get()).ok()?;
    members.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(body: &str) -> Vec<(String, String)> {
        find(body.as_bytes()).into_iter().map(|media| (media.path, media.url)).collect()
    }

    fn pair(path: &str, url: &str) -> (String, String) {
        (path.to_owned(), url.to_owned())
    }

    const PNG: [u8; 4] = [0x89, b'P', b'N', b'G'];

    #[test]
    fn addresses_are_found_where_media_stand_and_nowhere_else() {
        let chat = r#"{"messages":[{"role":"user","content":[
            {"type":"image_url","image_url":{"url":"https://a/b.png","detail":"low"}},
            {"type":"image_url","image_url":"HTTP://c"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},
            {"type":"text","text":"https://no"}]},
            {"role":"assistant","tool_calls":[{"function":{"arguments":"{\"type\":\"image\"}"}}]}]}"#;
        assert_eq!(
            urls(chat),
            [
                pair("messages[0].content[0].image_url.url", "https://a/b.png"),
                pair("messages[0].content[1].image_url", "HTTP://c")
            ]
        );
        let responses = r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https:\/\/a"}]},
            {"type":"function_call_output","output":[{"type":"input_image","image_url":"https://b"}]}]}"#;
        assert_eq!(
            urls(responses),
            [
                pair("input[0].content[0].image_url", "https://a"),
                pair("input[1].output[0].image_url", "https://b")
            ]
        );
        let source = r#"{"type":"url","url":"https://a"}"#;
        let messages = format!(
            r#"{{"system":[{{"type":"image","source":{source}}}],"messages":[{{"role":"user","content":[
            {{"type":"image","source":{source}}},
            {{"type":"tool_result","tool_use_id":"t","content":[{{"type":"document","source":{source}}}]}},
            {{"type":"tool_use","input":{{"content":[{{"type":"image","source":{source}}}]}}}}]}}]}}"#
        );
        let paths: Vec<String> = urls(&messages).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["messages[0].content[0].source", "messages[0].content[1].content[0].source"]);
        for odd in [
            "",
            "[]",
            "{",
            r#"{"messages":7}"#,
            r#"{"messages":[[[[[[[[[[[[]]]]]]]]]]]]}"#,
            r#"{"input":"https://a"}"#,
        ] {
            assert!(urls(odd).is_empty(), "{odd}");
        }
    }

    #[test]
    fn bytes_take_their_place_and_all_else_stays() {
        let body = r#"{ "messages":[{"content":[{"type":"image_url","image_url":{ "url" : "https://a" , "detail":"low"}},{"type":"image", "source":{"url":"https://b","type":"url"}, "x":1.0}]}] }"#;
        let fetched = |_: &RemoteMedia| Fetched::of(PNG.to_vec()).unwrap();
        let media: Vec<_> =
            find(body.as_bytes()).into_iter().map(|media| (media.clone(), fetched(&media))).collect();
        assert_eq!(
            String::from_utf8(inline(body.as_bytes(), &media)).unwrap(),
            r#"{ "messages":[{"content":[{"type":"image_url","image_url":{ "url" : "data:image/png;base64,iVBORw==" , "detail":"low"}},{"type":"image", "source":{"type":"base64","media_type":"image/png","data":"iVBORw=="}, "x":1.0}]}] }"#
        );
        assert_eq!(Fetched::of(b"<html>".to_vec()), None);
        assert_eq!(Fetched::of(Vec::new()), None);
    }

    #[test]
    fn a_relayed_body_is_looked_through_only_when_it_may_name_an_address() {
        let tool =
            br#"{"tools":[{"input_schema":{"properties":{"url":{"type":"string"}},"required":["url"]}}]}"#;
        assert!(!names_url_source(tool));
        let body = br#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type" : "url","url":"https://a"}}]}]}"#;
        let refused = first_by_address(body).unwrap();
        assert_eq!(refused.param.as_deref(), Some("messages[0].content[0].source"));
        assert!(refused.text.hint().unwrap().contains("base64"));
    }
}
