//! The gateway, driven over real sockets, with the emulator upstream.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod access;
mod collector;
mod control;
mod count_tokens;
mod disconnect;
mod embeddings;
mod failover;
mod failures;
mod fault_table;
mod formed;
mod generated;
mod guardrail;
mod invoke;
mod keys;
mod ledger;
mod lessons;
mod listener;
mod parameters;
mod recorded;
mod reload;
mod residency;
mod responses;
mod rig;
mod surfaces;
mod telemetry;
