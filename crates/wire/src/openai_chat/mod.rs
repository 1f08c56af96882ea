//! OpenAI's Chat Completions, in both directions.
//!
//! [`translate()`] reads a request into the canonical form; [`render_response`] and [`StreamWriter`] write the answer, whole
//! or streamed, and the two agree: what the chunks of a stream add up to is what the whole answer would have said.
//!
//! Where Bedrock says more than Chat Completions has words for, nothing is thrown away. These members are additions,
//! on the message of a whole answer and on the deltas of a stream alike, and are understood when they come back:
//!
//! | member | holds |
//! |---|---|
//! | `reasoning_content` | the words of the reasoning (the name DeepSeek and most clients use) |
//! | `reasoning_details` | `{type: "reasoning.text", text, signature, index}` or `{type: "reasoning.encrypted", data, index}`, one for each reasoning block that must come back unchanged; in a stream each arrives whole, when its block ends |
//! | `citations` | the sources of cited text, as Bedrock states them |
//! | `bedrock_blocks` | whole Converse content blocks of any other kind (a tool Bedrock ran itself, a picture, what is not yet known) |
//!
//! `finish_reason` is OpenAI's word, and `error` for output that Bedrock could not parse (`malformed_model_output`,
//! `malformed_tool_use`): those answers are broken and must not look like a plain `stop`. Bedrock's own word stands beside
//! it in `native_finish_reason`.

mod conversation;
mod request;
mod response;
mod stream;
mod translate;

pub use response::render_response;
pub use stream::StreamWriter;
pub use translate::{ChatRequest, Reading, translate};

pub(crate) use conversation::tool_arguments;
pub(crate) use translate::{bedrock_tier, no_arguments, request_metadata};
