//! Anthropic's Messages API, in both directions, for models that are reached through Converse.
//!
//! [`translate()`] reads a request into the canonical form; [`render_response`] and [`StreamWriter`] write the answer, whole
//! or streamed, and the two agree. Claude itself is reached on the relay lane: [`crate::envelope`] edits the request and
//! [`RelayWriter`] passes the events on.
//!
//! Where Bedrock says more than the Messages API has words for, a content block of type `bedrock_block` carries the
//! Converse block as it is (`{"type":"bedrock_block","block":{"toolResult":…}}`); it is understood when it comes back.
//! Stop reasons keep Bedrock's words where the Messages API has the same, content filters and guardrails are a
//! `refusal`, and `malformed_model_output` and `malformed_tool_use` stay as they are: those answers are broken and must
//! not look like `end_turn`.

mod citation;
mod conversation;
mod relay;
mod request;
mod response;
mod stream;
mod translate;

pub use relay::RelayWriter;
pub use response::render_response;
pub use stream::StreamWriter;
pub use translate::translate;

pub(crate) use citation::{citation, cited_source};
