//! Tests of the wire crate, one binary.
#![allow(clippy::unwrap_used)]

mod eventstream;
mod heard;
mod recorded;
mod sigv4;
