//! The gateway's configuration, as meant.

use std::net::SocketAddr;
use std::path::PathBuf;

use outcrop_bedrock::{Credentials, Endpoints};
use outcrop_catalog::Catalog;
use outcrop_wire::family::{CachePlacement, ParameterPolicy};

use crate::{Accounts, Collector, Failover, Guardrail, Key, RemoteImages};

/// Everything the gateway needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Without keys, loopback only.
    pub listen: SocketAddr,
    /// Where the ledger lives.
    pub data_dir: PathBuf,
    /// The Region of a request that names none itself.
    pub region: String,
    /// AWS, or what stands in for it.
    pub upstream: Endpoints,
    /// Who we are to AWS.
    pub credentials: Credentials,
    /// Who we are for some identifiers and keys.
    pub accounts: Accounts,
    /// What is known before AWS is asked.
    pub catalog: Catalog,
    /// Who may call; empty lets anybody on this machine.
    pub keys: Vec<Key>,
    /// Whether relaying is allowed.
    pub lane: LanePolicy,
    /// What is done to requests.
    pub requests: RequestPolicy,
    /// Put on every invocation.
    pub guardrail: Option<Guardrail>,
    /// What to try where a target fails.
    pub failover: Failover,
    /// What becomes of an invocation whose client leaves.
    pub on_disconnect: OnDisconnect,
    /// Where traces and metrics go; nowhere without it.
    pub collector: Option<Collector>,
    /// The emulator is upstream: fault headers are handed on.
    pub local: bool,
}

/// What is done to requests that do not go to AWS as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestPolicy {
    /// What becomes of a parameter that the model does not take as it is.
    pub parameters: ParameterPolicy,
    /// Where cache points stand.
    pub prompt_cache: CachePlacement,
    /// Which pictures that are named by address are fetched; none without it.
    pub remote_images: Option<RemoteImages>,
}

/// What becomes of an invocation whose client leaves. Bedrock bills what it generates either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// Read to its end, within limits of time and bytes, so that the ledger knows what it cost.
    #[default]
    Drain,
    /// The connection to AWS is closed; the ledger's figures are an estimate.
    Cancel,
}

/// How requests may travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LanePolicy {
    /// Relay where client and model speak the same dialect, translate otherwise.
    #[default]
    Auto,
    /// Translate everything that can be translated to Converse.
    Converse,
}
