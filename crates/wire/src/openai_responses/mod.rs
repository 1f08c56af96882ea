//! OpenAI's Responses API, in both directions.
//!
//! [`translate()`] reads a request into the canonical form; [`render_response`] and [`StreamWriter`] write the answer, whole
//! or streamed. Both make the same items of the same blocks.
//!
//! What must come back travels with the client, whether or not the response is [`stored`] as well:
//!
//! | item | holds |
//! |---|---|
//! | `reasoning` | one for each reasoning block. `summary` is its words. `encrypted_content` is `bedrock:` and, in base64, the Converse block with its signature or its encrypted data; a block without either has none. Sent always, whatever `include` says |
//! | `message` | the text blocks that follow one another, one `output_text` each; `citations` beside the text are the sources as Bedrock states them |
//! | `function_call` | a tool call, with its `namespace` where it was declared in one |
//! | `custom_tool_call` | the call of a custom tool; its text travels as the one argument of a function |
//! | `bedrock_block` | `block`: a whole Converse content block of any other kind |
//!
//! `native_stop_reason` of a response is Bedrock's word. Bedrock does not say how many output tokens were reasoning:
//! `reasoning_tokens` is always 0.

mod conversation;
mod items;
mod request;
mod response;
pub mod stored;
mod stream;
mod tools;
mod translate;

pub use request::Echo;
pub use response::render_response;
pub use stream::StreamWriter;
pub(crate) use stream::write_error;
pub use translate::{Reading, ResponsesRequest, translate};
