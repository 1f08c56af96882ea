//! The binary as people run it: arguments and an environment in, standard output, standard error and an exit code out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stdout, reason = "what was replayed and what was skipped is said")]

mod batch;
mod chat;
mod checklist;
mod cli;
mod config;
mod doctor;
mod explain;
mod from_the_seeds;
mod iam;
mod keys;
mod logging;
mod models;
mod outcrop;
mod overrides;
mod profiles;
mod profiles_as_code;
mod proof;
mod reload;
mod residency;
mod schema;
mod seeds;
mod serve;
mod sources;
mod vectors;
mod way;
