//! What the bytes mean: Bedrock's wire types, the client dialects, and the frames they travel in.
//!
//! The canonical form of a conversation is Bedrock's own [`bedrock::ConverseRequest`]; every dialect is read into it and
//! written from it. This crate is pure: no runtime, clock, environment or network, so each rule can be tested with a
//! string. It deliberately does not know credentials, endpoints or configuration.

#[macro_use]
mod union;

pub mod bedrock;
pub mod eventstream;
pub mod json;
pub mod notice;
pub mod sigv4;

pub use json::Json;
pub use notice::{Notice, Notices};
