//! Tests of the wire crate, one binary.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod assembled;
mod citations;
mod dialect;
mod documents;
mod embeddings;
mod eventstream;
mod fixtures;
mod heard;
mod hostile;
mod keypaths;
mod lessons;
mod lint;
mod native;
mod placing;
mod properties;
mod recorded;
mod relayed;
mod signing_suite;
mod sigv4;
mod streams;
mod upstream;
mod usage;
