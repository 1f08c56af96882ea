//! How Outcrop talks to AWS: endpoints, credentials, signatures, retries, and the few control-plane calls it needs.
//!
//! This is the only crate that knows credentials. It does not know client dialects, configuration files or the ledger,
//! and it does not know whether AWS or the emulator is at the other end.

mod bearer;
mod breaker;
pub mod client;
mod clock;
pub mod control;
pub mod credentials;
pub mod denial;
pub mod diagnosis;
pub mod endpoint;
mod env_file;
pub mod network;
pub mod retry;
mod sdk_http;
pub mod sign;
pub mod sources;
mod transport;
mod unattended;

pub use bearer::{MAX_LIFETIME, MintError, MintedKey};
pub use breaker::Breaker;
pub use client::{Client, Invocation, SendError, ServiceError};
pub use credentials::{Auth, Credentials, CredentialsError};
pub use endpoint::{Endpoint, EndpointError, Endpoints, Service, Variant};
pub use env_file::{Container, Given, WebIdentity};
pub use network::{Authorities, Network, Proxies, ProxyError, Timeouts};
pub use sources::{Chain, Outcome, Tried};
pub use unattended::{is_unattended, unattended};
