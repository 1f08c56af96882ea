//! Why a request is refused: all texts, in English, in one table. What each dialect calls the error is in [`crate::errors`];
//! what AWS refuses is said in its own words.
//!
//! `{}` stands for a word of the request or a fact about it; a client's word is shown cut to a readable length.

use crate::dialect::RequestError;

/// One reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    message: &'static str,
    /// The way out.
    hint: Option<&'static str>,
}

impl Refusal {
    /// Said of the member at `param`.
    pub(crate) fn at(self, param: impl Into<String>) -> RequestError {
        self.error(param, self.message.to_owned())
    }

    /// The same, with a word in its place.
    pub(crate) fn about(self, param: impl Into<String>, word: impl std::fmt::Display) -> RequestError {
        /// Longer than any path or word that a person would read.
        const SHOWN: usize = 1_000;
        let word: String = word.to_string().chars().take(SHOWN).collect();
        self.error(param, self.message.replacen("{}", &word, 1))
    }

    fn error(self, param: impl Into<String>, message: String) -> RequestError {
        let error = RequestError::at(param, message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

macro_rules! refusals {
    ($($name:ident = $message:literal $(=> $hint:literal)?;)+) => {
        $(pub(crate) const $name: Refusal = Refusal { message: $message, hint: refusals!(@ $($hint)?) };)+

        #[cfg(test)]
        const ALL: &[(&str, Refusal)] = &[$((stringify!($name), $name)),+];
    };
    (@) => { None };
    (@ $hint:literal) => { Some($hint) };
}

refusals! {
    // Any member.
    MISSING = "`{}` is required";
    TWICE = "duplicate field `{}`" => "two readers of one body must not be able to disagree: send it once";
    NO_LIMIT = "`max_tokens` is required" => "the Messages API has no default for it";
    UNREADABLE = "{}";
    NOT_STRINGS = "`{}` must be a list of strings";
    NOT_AN_OBJECT = "`{}` must be an object";

    // Turns and what they hold.
    CHAT_ROLE = "a role must be `system`, `developer`, `user`, `assistant` or `tool`";
    RESPONSES_ROLE = "a role must be `system`, `developer`, `user` or `assistant`";
    MESSAGES_ROLE = "a role must be `user` or `assistant`";
    SYSTEM_IS_TEXT = "a system prompt is made of text only";
    TEXT_ONLY = "only text is possible here";
    TOOL_ANSWER = "a tool's answer is text, pictures or documents";
    CLAUDE_TOOL_ANSWER = "a tool's answer is text, pictures, documents or search results";
    BEDROCK_BLOCK = "a `bedrock_block` can stand in an assistant's turn only";
    FOREIGN_CONTENT = "content of type `{}` cannot be sent to Bedrock";
    FOREIGN_CHAT_CONTENT = "content of type `{}` cannot be sent to Bedrock" => "text, image_url, input_audio and file can";
    FOREIGN_INPUT = "content of this type cannot be sent to Bedrock"
        => "input_text, output_text, refusal, input_image and input_file can";
    FUNCTION_CALL = "`function_call` is not supported" => "OpenAI replaced it by `tool_calls`; send those";

    // Pictures, sounds, documents.
    IMAGE_BY_ADDRESS = "pictures must be sent as data, not by address (`{}:…`)"
        => "Bedrock takes bytes only: send the picture as base64 (`data:image/png;base64,…`), or let the gateway fetch: `fetch_remote_images` in outcrop.yaml";
    IMAGE_TYPE = "pictures of type `{}` are not supported" => "Bedrock takes image/png, image/jpeg, image/gif and image/webp";
    DOCUMENT_TYPE = "documents of type `{}` are not supported" => "Bedrock takes pdf, csv, doc, docx, xls, xlsx, html, txt and md";
    NOT_BASE64 = "the data are not standard base64";
    FILE_ELSEWHERE = "files must be sent as data, not by address or by id"
        => "send the file itself: `data:…;base64,…` in `image_url` or `file_data`";
    STORED_FILE = "`file_id` names a file that OpenAI stores"
        => "send the file itself: `file_data: \"data:application/pdf;base64,…\"`";
    NO_FILE = "`file_data` is required" => "send the file itself: `file_data: \"data:application/pdf;base64,…\"`";
    SOURCE_ELSEWHERE = "a source of type `{}` cannot be sent to Bedrock, or lacks its data"
        => "Bedrock takes the bytes themselves: `{\"type\": \"base64\", \"media_type\": …, \"data\": …}`";

    // Parameters.
    SEVERAL_ANSWERS = "Bedrock gives one answer for each request; `n` must be 1" => "send the request as often as you need answers";
    FUNCTIONS = "`functions` and `function_call` are not supported" => "OpenAI replaced them by `tools` and `tool_choice`; send those";
    RESPONSE_FORMAT = "`response_format.type` must be `text`, `json_object` or `json_schema`";
    TEXT_FORMAT = "`text.format.type` must be `text`, `json_object` or `json_schema`";
    TOOL_CHOICE = "`tool_choice` must be `none`, `auto`, `required` or name a function";
    CLAUDE_TOOL_CHOICE = "`tool_choice.type` must be `auto`, `any`, `tool` or `none`";
    THINKING = "`thinking.type` must be `enabled`, `adaptive` or `disabled`";
    MISFIT = "{}" => "change it, or let Outcrop repair it and say so: `parameters: fix` in outcrop.yaml";

    // What is stored, and what runs without a listener.
    STORED = "`{}` names something stored; stored responses are not supported yet"
        => "send the whole conversation in `input`, the items of earlier answers included";
    BACKGROUND = "responses in the background are not supported" => "leave `background` out and wait for the answer, or stream it";
    ITEM_REFERENCE = "nothing is stored here to refer to" => "send the item itself, as the answer held it";
    NO_SUCH_ITEM = "there is no stored item `{}`"
        => "send the item itself, as the answer held it; responses with `store: false` are not kept";

    // Requests that are written for another endpoint.
    UNKNOWN_ROLE = "turns of role `{}` are not known";
    NO_TEXT_DOCUMENT = "the document is said to be text, and its bytes are none";
    FOREIGN_BODY = "the body is not this model's own, which is that of {}"
        => "send that body, or ask with Converse, Messages, Chat Completions or Responses, which are translated";
    NO_GUARDRAIL = "no guardrail can be put on a request to this model"
        => "name a model that Converse serves (`outcrop explain` says where a model is served)";
    DATA_ONLY = "{}, which the model speaks, takes pictures, sounds and documents as data only"
        => "send the bytes themselves instead of a place in S3";
    NO_MEDIA = "{}" => "leave it out, or name a model that takes it (`outcrop models list`)";

    // Embeddings.
    EMPTY_TEXT = "`input` must not hold empty texts";
    TOO_MANY_TEXTS = "`input` must hold 1 to {} texts";
    NO_TEXT = "what is to be embedded must be text";
    TOKEN_IDS = "`input` holds token ids; they belong to OpenAI's tokenizer, no model on Bedrock can read them"
        => "send the text itself (LangChain: `OpenAIEmbeddings(check_embedding_ctx_length=False)`)";
    ENCODING = "`encoding_format` must be `float` or `base64`";
    PURPOSE = "`input_type` must be `search_document`, `search_query`, `classification` or `clustering`";
    DIMENSIONS = "this model makes no vectors of {} dimensions";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_said_once_and_its_word_has_a_place() {
        for (index, (name, refusal)) in ALL.iter().enumerate() {
            let Refusal { message, hint } = refusal;
            assert!(!message.trim().is_empty() && !message.ends_with('.'), "{name}: {message}");
            assert!(message.matches("{}").count() <= 1, "{name}: {message}");
            let same = |(_, other): &(&str, Refusal)| other.message == *message && other.hint == *hint;
            assert!(!ALL[..index].iter().any(same), "{name} says what another says");
        }
    }

    /// Whoever refuses a request takes the words from here.
    #[test]
    fn no_text_stands_elsewhere() {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let is_table = path.ends_with("refusals.rs") || path.ends_with("dialect.rs");
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(is_table || !text.contains("RequestError::at("), "{}", path.display());
            }
        }
    }

    #[test]
    fn a_word_is_put_in_its_place_and_cut() {
        let refused = IMAGE_TYPE.about("p", "image/x");
        assert_eq!(refused.message, "pictures of type `image/x` are not supported");
        assert!(refused.hint.unwrap().starts_with("Bedrock takes image/png"));
        assert!(FOREIGN_CONTENT.about("p", "{}".repeat(9_000)).message.chars().count() < 1_100);
    }
}
