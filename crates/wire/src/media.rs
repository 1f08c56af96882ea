//! Pictures, sounds and documents as clients send them, in Converse's words.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_texts as texts;

use crate::Notices;
use crate::bedrock::{Document, DocumentSource, Media, MediaSource};
use crate::dialect::RequestError;
use crate::place::Place;

/// A `data:` URL: its media type and its base64 text.
pub(crate) struct DataUrl<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) data: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Takes a base64 data URL apart; `None` for anything else.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let rest = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &url[5..])?;
        let (head, data) = rest.split_once(',')?;
        let (media_type, encoding) = head.rsplit_once(';')?;
        let media_type = media_type.split(';').next().unwrap_or_default();
        encoding.eq_ignore_ascii_case("base64").then_some(Self { media_type, data })
    }
}

/// A picture from base64 text. What its first bytes say wins over what the client says.
pub(crate) fn image(
    media_type: &str,
    data: &str,
    path: Place<'_>,
    notices: &mut Notices,
) -> Result<Media, RequestError> {
    let declared = media_type.strip_prefix("image/").unwrap_or(media_type);
    let declared = if declared == "jpg" { "jpeg" } else { declared };
    let format = match sniff_image(data) {
        Some(found) if found != declared => {
            notices.push("rewritten", path, format!("declared as `{media_type}`, its bytes are `{found}`"));
            found
        }
        Some(found) => found,
        None => known_image(declared).ok_or_else(|| unsupported_image(media_type, path))?,
    };
    Ok(Media { format: format.to_owned(), source: MediaSource::Bytes(base64_text(data, path)?) })
}

/// Why a picture behind an address is refused.
pub(crate) fn remote_image(url: &str, path: Place<'_>) -> RequestError {
    let scheme = url.split(':').next().unwrap_or_default();
    RequestError::at(path, texts::image_by_address(shown(scheme)))
}

fn unsupported_image(media_type: &str, path: Place<'_>) -> RequestError {
    RequestError::at(path, texts::image_type(shown(media_type)))
}

/// Formats of Converse's image block (botocore 1.43.11, `ImageFormat`).
fn known_image(format: &str) -> Option<&'static str> {
    ["png", "jpeg", "gif", "webp"].into_iter().find(|known| *known == format)
}

/// The format that the first bytes of a picture announce.
fn sniff_image(data: &str) -> Option<&'static str> {
    /// 16 base64 characters are 12 bytes: enough for the longest mark (`RIFF....WEBP`).
    const MARK: usize = 16;
    let head = STANDARD.decode(data.get(..MARK)?).ok()?;
    match head.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some("webp"),
        _ => None,
    }
}

/// A sound recording from base64 text.
pub(crate) fn audio(format: &str, data: &str, path: Place<'_>) -> Result<Media, RequestError> {
    Ok(Media { format: format.to_owned(), source: MediaSource::Bytes(base64_text(data, path)?) })
}

/// A document from base64 text; its format is told by its media type, else by its name.
pub(crate) fn document(
    media_type: &str,
    name: Option<&str>,
    data: &str,
    path: Place<'_>,
) -> Result<Document, RequestError> {
    let extension = name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    let format = document_format(media_type).or_else(|| extension.and_then(document_extension));
    let format = format.ok_or_else(|| RequestError::at(path, texts::document_type(shown(media_type))))?;
    Ok(new_document(Some(format), name, DocumentSource::Bytes(base64_text(data, path)?)))
}

/// A document from plain text.
pub(crate) fn text_document(name: Option<&str>, text: &str) -> Document {
    new_document(Some("txt"), name, DocumentSource::Bytes(STANDARD.encode(text)))
}

/// A document from any source, by the name that the client gave it; the rules make that fit for Bedrock.
pub(crate) fn new_document(format: Option<&str>, name: Option<&str>, source: DocumentSource) -> Document {
    Document {
        format: format.map(str::to_owned),
        name: name.unwrap_or_default().to_owned(),
        source,
        context: None,
        citations: None,
    }
}

fn document_format(media_type: &str) -> Option<&'static str> {
    Some(match media_type.split(';').next().unwrap_or_default().trim() {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/markdown" => "md",
        _ => return None,
    })
}

fn document_extension(extension: &str) -> Option<&'static str> {
    let known = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
    known.into_iter().find(|known| known.eq_ignore_ascii_case(extension))
}

/// Base64 text without the line breaks some encoders put in; AWS takes the standard alphabet only.
fn base64_text(data: &str, path: Place<'_>) -> Result<String, RequestError> {
    let data: Cow<'_, str> = match is_standard(data) {
        true => data.into(),
        false => data.split_ascii_whitespace().collect::<String>().into(),
    };
    if data.is_empty() || !is_standard(&data) {
        return Err(RequestError::at(path, texts::NOT_BASE64));
    }
    Ok(data.into_owned())
}

/// Whether all of it is of the standard alphabet. Pieces are looked at as a whole, which the compiler does many bytes at a
/// time.
fn is_standard(data: &str) -> bool {
    const PIECE: usize = 64;
    let is_standard =
        |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/') | (byte == b'=');
    data.as_bytes().chunks(PIECE).all(|piece| piece.iter().fold(true, |all, byte| all & is_standard(*byte)))
}

/// A client's word, short enough to stand in a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const P: Place<'_> = Place::Named("p");

    #[test]
    fn data_urls_are_taken_apart() {
        let url = DataUrl::parse("data:image/png;charset=x;base64,AAAA").unwrap();
        assert_eq!((url.media_type, url.data), ("image/png", "AAAA"));
        assert!(DataUrl::parse("https://example.com/a.png").is_none());
        assert!(DataUrl::parse("data:text/plain,hello").is_none());
        assert!(DataUrl::parse("dät").is_none());
    }

    #[test]
    fn base64_is_told_from_what_is_none_wherever_that_stands() {
        let long = "iVBORw0KGgo+/".repeat(20) + "==";
        assert_eq!(base64_text(&long, P).unwrap(), long);
        for at in [0, 1, 63, 64, 65, long.len() - 1] {
            let (head, tail) = long.split_at(at);
            assert_eq!(base64_text(&format!("{head} \r\n{tail}"), P).unwrap(), long, "a break at {at}");
            for wrong in ["-", "_", "\u{e9}", "\0"] {
                assert!(base64_text(&format!("{head}{wrong}{tail}"), P).is_err(), "{wrong:?} at {at}");
            }
        }
        assert!(base64_text("", P).is_err() && base64_text(" \n", P).is_err());
    }

    #[test]
    fn bytes_win_over_words() {
        let mut notices = Notices::default();
        let gif =
            image("image/png", "R0lGODdhAQABAPAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=", P, &mut notices).unwrap();
        assert_eq!(gif.format, "gif");
        assert_eq!(notices.iter().count(), 1);
    }
}
