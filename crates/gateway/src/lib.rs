//! The server: any client's request in, one invocation out, the answer streamed back.
//!
//! A visitor starts at [`exchange`]: one request is one function. This crate does not know whether AWS or the emulator is
//! at the endpoint, reads no files but its own ledger, and takes its configuration as one value, [`Settings`].

mod access;
mod accounts;
mod body;
mod control;
mod conversation;
mod disconnect;
mod discovery;
mod embeddings;
mod entry;
mod exchange;
mod failover;
mod failure;
mod guardrail;
mod health;
pub mod keys;
mod lane;
pub mod ledger;
pub mod lessons;
mod models;
mod pipe;
mod reload;
mod remote;
mod reply;
mod router;
mod server;
mod settings;
mod state;
mod stored;
mod stream;
mod targets;
mod telemetry;
mod tenant;
mod travel;
mod writer;

pub use access::Key;
pub use accounts::Accounts;
pub use failover::{Failover, Step};
pub use guardrail::{Guardrail, UnusableGuardrail};
pub use outcrop_wire::family::{CachePlacement, ParameterPolicy};
pub use reload::Reloader;
pub use remote::{Network, NoNetwork, RemoteImages};
pub use server::{Gateway, StartError};
pub use settings::{LanePolicy, OnDisconnect, RequestPolicy, Settings};
pub use telemetry::{Collector, CollectorError};
