//! Tests of the emulator over real sockets, one binary.
#![allow(clippy::unwrap_used)]

mod client;
mod replay;
mod runtime;
