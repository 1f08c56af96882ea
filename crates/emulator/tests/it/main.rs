//! Tests of the emulator over real sockets, one binary.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accounts;
mod actors;
mod caching;
mod client;
mod control;
mod delivery;
mod families;
mod faults;
mod guardrails;
mod jobs;
mod keys;
mod recorded;
mod refusals;
mod replay;
mod resources;
mod rules;
mod runtime;
mod server;
mod surfaces;
mod upstreams;
