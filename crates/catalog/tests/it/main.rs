//! The catalog from outside: its data and its resolver.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod data;
