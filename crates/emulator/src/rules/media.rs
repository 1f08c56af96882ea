//! Pictures, documents and videos: which the model takes, from whom, how many and how large.
//!
//! Limits: reference `bedrock.md` §2.1.

use outcrop_wire::bedrock::{
    ContentBlock, Document, DocumentSource, Media, MediaSource, Message, Role, ToolResultBlock,
};

use super::{Case, Verdict, unsupported_field};
use crate::failure::Failure;
use crate::picture::{decoded, dimensions};

pub(super) fn check(case: Case<'_>) -> Verdict {
    let found = Found::of(&case.prompt.request.messages);
    if found.is_empty() {
        return Ok(());
    }
    kinds_are_taken(&found, case)?;
    are_said_by_the_user(&found, case)?;
    tool_results_hold_no_video(&found, case)?;
    documents_have_unlike_names(&found, case)?;
    document_names_are_well_formed(&found, case)?;
    documents_are_few_and_small(&found, case)?;
    documents_come_with_text(case)?;
    places_in_s3_are_taken(&found, case)?;
    images_are_few(&found, case)?;
    images_are_small(&found, case)
}

/// An attachment and where it stands.
struct Attachment<'a> {
    message: usize,
    block: usize,
    role: &'a Role,
    in_tool_result: bool,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Image(&'a Media),
    Video,
    Document(&'a Document),
}

impl Kind<'_> {
    /// The member's name.
    fn name(self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Video => "video",
            Self::Document(_) => "document",
        }
    }
}

/// All attachments of a conversation, in order.
struct Found<'a>(Vec<Attachment<'a>>);

impl<'a> Found<'a> {
    fn of(messages: &'a [Message]) -> Self {
        let mut found = Vec::new();
        for (message, said) in messages.iter().enumerate() {
            for (block, content) in said.content.iter().enumerate() {
                let kinds: Vec<(bool, Kind<'a>)> = match content {
                    ContentBlock::Image(media) => vec![(false, Kind::Image(media))],
                    ContentBlock::Video(_) => vec![(false, Kind::Video)],
                    ContentBlock::Document(document) => vec![(false, Kind::Document(document))],
                    ContentBlock::ToolResult(result) => {
                        result.content.iter().filter_map(within_result).map(|kind| (true, kind)).collect()
                    }
                    _ => continue,
                };
                let role = &said.role;
                let attachment =
                    |(in_tool_result, kind)| Attachment { message, block, role, in_tool_result, kind };
                found.extend(kinds.into_iter().map(attachment));
            }
        }
        Self(found)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn images(&self) -> impl Iterator<Item = (&Attachment<'a>, &'a Media)> {
        self.0.iter().filter_map(|it| match it.kind {
            Kind::Image(media) => Some((it, media)),
            _ => None,
        })
    }

    fn documents(&self) -> impl Iterator<Item = &'a Document> {
        self.0.iter().filter_map(|it| match it.kind {
            Kind::Document(document) => Some(document),
            _ => None,
        })
    }
}

fn within_result(block: &ToolResultBlock) -> Option<Kind<'_>> {
    match block {
        ToolResultBlock::Image(media) => Some(Kind::Image(media)),
        ToolResultBlock::Video(_) => Some(Kind::Video),
        ToolResultBlock::Document(document) => Some(Kind::Document(document)),
        _ => None,
    }
}

/// Source: recorded for a video and Claude, also inside a tool result; the same words for the other kinds. On InvokeModel
/// the body says it its own way.
fn kinds_are_taken(found: &Found<'_>, case: Case<'_>) -> Verdict {
    let Some(takes) = case.model.map(|model| &model.capabilities).filter(|_| case.is_converse()) else {
        return Ok(());
    };
    let is_refused = |kind: Kind<'_>| match kind {
        Kind::Image(_) => takes.images == Some(false),
        Kind::Video => takes.video == Some(false),
        Kind::Document(_) => takes.documents == Some(false),
    };
    match found.0.iter().find(|it| is_refused(it.kind)) {
        Some(Attachment { kind, .. }) => Err(Failure::validation(format!(
            "This model doesn't support the {} content block that you provided. Update the content block and try again.",
            kind.name()
        ))),
        None => Ok(()),
    }
}

/// The description of the service model; the words are ours.
fn are_said_by_the_user(found: &Found<'_>, case: Case<'_>) -> Verdict {
    match found.0.iter().find(|it| *it.role == Role::Assistant && !it.in_tool_result) {
        Some(Attachment { message, block, kind, .. }) if case.is_converse() => {
            let kind = kind.name();
            Err(Failure::validation(format!(
                "The {kind} content block at messages.{message}.content.{block} isn't allowed in a message with the role \
                 assistant. Move the {kind} to a message with the role user and try again."
            )))
        }
        _ => Ok(()),
    }
}

/// Source: recorded for Nova 2 Lite.
fn tool_results_hold_no_video(found: &Found<'_>, case: Case<'_>) -> Verdict {
    match found.0.iter().find(|it| it.in_tool_result && matches!(it.kind, Kind::Video)) {
        Some(Attachment { message, block, .. }) if case.is_nova() => Err(case.model_says(format!(
            "Malformed input request: #/messages/{message}/content/{block}: extraneous key [toolResult] is not permitted, \
             please reformat your input and try again."
        ))),
        _ => Ok(()),
    }
}

/// Source: public reports (maximhq/bifrost#7003, ag-ui-protocol/ag-ui#2425): in the whole request.
fn documents_have_unlike_names(found: &Found<'_>, case: Case<'_>) -> Verdict {
    let mut seen = std::collections::HashSet::new();
    if case.is_converse() && found.documents().any(|document| !seen.insert(document.name.as_str())) {
        return Err(Failure::validation(
            "Messages can't contain duplicate document names. Rename the document and retry your request.",
        ));
    }
    Ok(())
}

/// Source: public reports. Underscores are taken, whatever the words say (vercel/ai#20366, checked against the service).
fn document_names_are_well_formed(found: &Found<'_>, case: Case<'_>) -> Verdict {
    let fits = |name: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "-()[]_".contains(c);
        let chars: Vec<char> = name.chars().collect();
        !chars.is_empty()
            && chars.iter().copied().all(known)
            && !chars.windows(2).any(|pair| pair.iter().all(|c| c.is_whitespace()))
    };
    if case.is_converse() && !found.documents().all(|document| fits(&document.name)) {
        return Err(Failure::validation(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, \
             and square brackets. The name can't contain more than one consecutive whitespace character.",
        ));
    }
    Ok(())
}

/// Source of the count: aws-samples/generative-ai-use-cases#1685. The words for the size are ours.
fn documents_are_few_and_small(found: &Found<'_>, case: Case<'_>) -> Verdict {
    const MOST: usize = 5;
    /// 4.5 MB.
    const LARGEST: usize = 4_718_592;
    if !case.is_converse() {
        return Ok(());
    }
    if found.documents().count() > MOST {
        return Err(Failure::validation(format!(
            "You can't include more than {MOST} documents in a request."
        )));
    }
    let size = |document: &Document| match &document.source {
        DocumentSource::Bytes(base64) => decoded_length(base64),
        DocumentSource::Text(text) => text.len(),
        _ => 0,
    };
    match found.documents().find(|document| size(document) > LARGEST) {
        Some(document) => Err(Failure::validation(format!(
            "The document {} exceeds the maximum size of 4.5 MB. Reduce its size and try again.",
            document.name
        ))),
        None => Ok(()),
    }
}

/// Source: public reports (maximhq/bifrost#5817, archestra-ai/archestra#4220).
fn documents_come_with_text(case: Case<'_>) -> Verdict {
    let lacks_text = |message: &Message| {
        let has_document = message.content.iter().any(|block| matches!(block, ContentBlock::Document(_)));
        has_document && !message.content.iter().any(|block| matches!(block, ContentBlock::Text(_)))
    };
    if case.is_converse() && case.prompt.request.messages.iter().any(lacks_text) {
        return Err(Failure::validation("A text block must be included when using documents."));
    }
    Ok(())
}

/// Source: recorded for Claude, a picture and a document.
fn places_in_s3_are_taken(found: &Found<'_>, case: Case<'_>) -> Verdict {
    if !(case.is_claude() && case.is_converse()) {
        return Ok(());
    }
    for Attachment { message, block, kind, .. } in &found.0 {
        match kind {
            Kind::Image(media) if matches!(media.source, MediaSource::S3(_)) => {
                return Err(unsupported_field("s3Uri"));
            }
            Kind::Document(document) if matches!(document.source, DocumentSource::S3(_)) => {
                return Err(case.model_says(format!(
                    "messages.{message}.content.{block}.document.source.type: Field required"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// More pictures than this are too many, or have to be small.
const MANY_IMAGES: usize = 20;

/// Source: public reports (boto/boto3#4632, cline/cline#1844).
fn images_are_few(found: &Found<'_>, case: Case<'_>) -> Verdict {
    let (images, documents) = (found.images().count(), found.documents().count());
    if images > MANY_IMAGES && !case.quirks.takes_many_images {
        let text = format!("too many images and documents: {images} + {documents} > {MANY_IMAGES}");
        return Err(case.model_says(text));
    }
    Ok(())
}

/// 5 MiB in base64 (which is 3.75 MiB of picture) and 8000 pixels a side; 2000 where there are many.
/// Source: aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#778 and #994, where the exact
/// words of the first and the last are.
fn images_are_small(found: &Found<'_>, case: Case<'_>) -> Verdict {
    const LARGEST: usize = 5 * 1024 * 1024;
    const WIDEST: u32 = 8000;
    const WIDEST_OF_MANY: u32 = 2000;
    let is_many = found.images().count() > MANY_IMAGES;
    for (Attachment { message, block, .. }, media) in found.images() {
        let MediaSource::Bytes(base64) = &media.source else { continue };
        let place = format!("messages.{message}.content.{block}.image.source.bytes");
        if base64.len() > LARGEST {
            let size = base64.len();
            return Err(case
                .model_says(format!("{place}: image exceeds 5 MB maximum: {size} bytes > {LARGEST} bytes")));
        }
        let Some((width, height)) = dimensions(&decoded(base64)) else { continue };
        let longest = width.max(height);
        if is_many && longest > WIDEST_OF_MANY {
            return Err(case.model_says(format!(
                "{place}: At least one of the image dimensions exceed max allowed size for many-image requests: \
                 {WIDEST_OF_MANY} pixels"
            )));
        }
        if longest > WIDEST {
            return Err(case.model_says(format!(
                "{place}: At least one of the image dimensions exceed max allowed size: {WIDEST} pixels"
            )));
        }
    }
    Ok(())
}

/// How many bytes base64 text stands for.
fn decoded_length(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}
