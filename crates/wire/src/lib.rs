//! What the bytes mean: Bedrock's wire types, the client dialects, and the frames they travel in.
//!
//! The canonical form of a conversation is Bedrock's own [`bedrock::ConverseRequest`]; every dialect is read into it and
//! written from it. This crate is pure: no runtime, clock, environment or network, so each rule can be tested with a
//! string. It deliberately does not know credentials, endpoints or configuration.

#[macro_use]
mod union;
#[macro_use]
mod shape;

pub mod anthropic;
pub mod bedrock;
pub mod chunks;
mod citing;
pub mod counting;
pub mod dialect;
pub mod embeddings;
pub mod envelope;
mod errors;
pub mod eventstream;
pub mod family;
pub mod formed;
pub mod guarding;
mod incoming;
pub mod json;
pub mod lesson;
mod media;
pub mod notice;
pub mod openai_chat;
pub mod openai_responses;
mod place;
pub mod relayed;
pub mod remote;
pub mod sigv4;
pub mod sse;
pub mod upstream;
pub mod xml;

pub use json::{Json, JsonText};
pub use notice::{Notice, Notices};
