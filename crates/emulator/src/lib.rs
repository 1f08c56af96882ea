//! A Bedrock of our own: the service's wire protocol, rules and profiles, without an account and without a network.
//!
//! One address serves every Region (taken from the signature's scope), the runtime and the control plane. Answers come
//! from an [actor]: deterministic and model-like. Recorded exchanges can be served back byte for byte, and faults
//! be asked for by header. It knows the wire types and the catalog; it deliberately knows nothing of the gateway, so
//! that it can examine it.
//!
//! A visitor starts at [`exchange::exchange`]: one request, from its bytes to its answer.

mod access;
mod accounts;
mod actor;
mod admin;
mod batch;
mod bill;
mod body;
mod cache;
mod clock;
mod control;
mod dialect;
mod exchange;
mod facts;
mod failure;
mod fault;
mod guarded;
mod guardrail;
mod invocation_log;
mod invoke;
mod judge;
mod native;
mod neighbours;
mod operation;
mod outbound;
mod permission;
mod picture;
mod prompt;
mod quirks;
mod record;
mod replay;
mod reply;
mod rules;
mod server;
mod service;
mod state;
mod surface;
mod target;
mod tokens;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use accounts::Accounts;
pub use judge::Judge;
pub use outcrop_linger::tls;
use outcrop_linger::tls::Tls;
pub use replay::ReplayReport;
use state::State;

/// The account that the emulator's own keys belong to; also the one in AWS's own documentation.
pub const ACCOUNT: &str = "123456789012";

/// How an emulator is to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where application profiles and tags are kept (`emulator.json`); in memory alone when `None`.
    pub data_dir: Option<PathBuf>,
    /// Who may call.
    pub keys: Keys,
    /// Create the two application profiles of `serve --local`, unless they exist.
    pub seed_profiles: bool,
    /// Speak TLS, with this; clear text when `None`.
    pub tls: Option<Tls>,
    /// Files of recorded exchanges (JSON lines). With any, runtime calls are answered from them alone.
    pub replay: Vec<PathBuf>,
    /// Who answers.
    pub actor: Actor,
    /// A file of faults, one a line, that stand from the start.
    pub faults: Option<PathBuf>,
}

/// Who answers runtime calls.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Actor {
    /// Deterministic and model-like, in words a test can rely on.
    #[default]
    Words,
    /// What the user said.
    Echo,
    /// A tool is called whenever one is on offer, whatever the text says.
    ToolCaller,
    /// The turns of a YAML file.
    Scripted(PathBuf),
    /// The model of an OpenAI-compatible server.
    Upstream {
        /// Where `/chat/completions` is: `http://127.0.0.1:11434/v1`.
        url: String,
        /// The model to ask for there; the Bedrock model's id when `None`.
        model: Option<String>,
        /// The server's key.
        key: Option<String>,
    },
    /// A real endpoint, whose answers are written down.
    Record {
        /// The file, which is appended to.
        file: PathBuf,
        /// The endpoint: `https://bedrock-runtime.us-east-1.amazonaws.com`.
        endpoint: String,
        /// A Bedrock API key for it; without one, calls go out as they came.
        key: Option<String>,
    },
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Words => "Words",
            Self::Echo => "Echo",
            Self::ToolCaller => "ToolCaller",
            Self::Scripted(_) => "Scripted",
            Self::Upstream { .. } => "Upstream",
            Self::Record { .. } => "Record",
        })
    }
}

impl Actor {
    fn voice(&self) -> Result<actor::Voice, StartError> {
        let wrong = |detail| StartError::Actor { detail };
        Ok(match self {
            Self::Words | Self::Record { .. } => actor::Voice::Words,
            Self::Echo => actor::Voice::Echo,
            Self::ToolCaller => actor::Voice::ToolCaller,
            Self::Scripted(path) => actor::Voice::Scripted(
                actor::Script::read(path)
                    .map_err(|detail| wrong(format!("the script {}: {detail}", path.display())))?,
            ),
            Self::Upstream { url, model, key } => actor::Voice::Upstream(Box::new(
                actor::Upstream::to(url, model.clone(), key.as_deref()).map_err(wrong)?,
            )),
        })
    }

    fn recorder(&self) -> Result<Option<record::Recorder>, StartError> {
        let Self::Record { file, endpoint, key } = self else { return Ok(None) };
        let recorder = record::Recorder::open(file, endpoint, key.as_deref());
        recorder.map(Some).map_err(|detail| StartError::Actor { detail })
    }
}

impl Default for Config {
    /// The documented address, AWS's documentation keys, no state, no seeds.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)),
            data_dir: None,
            keys: Keys::default(),
            seed_profiles: false,
            tls: None,
            replay: Vec::new(),
            actor: Actor::default(),
            faults: None,
        }
    }
}

/// The emulator's documented port.
pub const DEFAULT_PORT: u16 = 4142;

/// The credentials that the emulator knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The Bedrock API key (`Authorization: Bearer …`).
    pub bearer: String,
}

impl Default for Keys {
    /// The pair in AWS's documentation, and `local`.
    fn default() -> Self {
        Self {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            bearer: "local".to_owned(),
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A seeded application profile, as the start message prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededProfile {
    /// `inferenceProfileName`.
    pub name: String,
    /// Its ARN: the same in every run.
    pub arn: String,
    /// The system profile it was copied from.
    pub source: String,
}

/// A bound emulator, ready to serve.
#[derive(Debug)]
pub struct Emulator {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    accounts: Arc<Accounts>,
    seeded: Vec<SeededProfile>,
}

impl Emulator {
    /// Reads state and recordings, and binds the address; nothing is served before [`Emulator::serve`].
    ///
    /// # Errors
    /// [`StartError`] says what is wrong and what to do.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let Config { listen, data_dir, keys, seed_profiles, tls, replay, actor, faults } = config;
        let accounts = Accounts::new(State::load(keys, data_dir, &replay, &actor, faults.as_deref())?);
        let seeded = if seed_profiles { accounts.plant_seeds()? } else { Vec::new() };
        let listener =
            TcpListener::bind(listen).await.map_err(|source| StartError::Bind { address: listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Bind { address: listen, source })?;
        Ok(Self { listener, address, tls, accounts: Arc::new(accounts), seeded })
    }

    /// The address in use, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The profiles that were seeded; empty without `seed_profiles`.
    pub fn profiles(&self) -> &[SeededProfile] {
        &self.seeded
    }

    /// What the recordings hold: how many can be served and how many cannot; `None` without recordings.
    pub fn replay(&self) -> Option<&ReplayReport> {
        self.accounts.first().replay.as_deref().map(replay::Replay::report)
    }

    /// Serves until `shutdown` resolves, then lets running exchanges end for a moment.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        server::run(self.listener, self.tls, Arc::clone(&self.accounts), shutdown).await;
        self.accounts.keep();
    }
}

/// Why an emulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be taken.
    #[error("the emulator cannot listen on {address}: {source}\nhint: {}", bind_hint(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The state file cannot be read, understood or written.
    #[error("the emulator's state {} cannot be used: {detail}\nhint: repair the file, or move it away to start empty", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// What an actor needs is not there or not understood.
    #[error("the actor cannot play: {detail}")]
    Actor {
        /// What is wrong.
        detail: String,
    },
    /// A file of faults cannot be read or understood.
    #[error("the faults {}{} cannot be set: {detail}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Faults {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
    },
    /// A file of recordings cannot be read or understood.
    #[error("the recording {}{} cannot be replayed: {detail}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Replay {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
    },
}

fn bind_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program (perhaps another emulator) uses this port; stop it, or choose another with --listen"
        }
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges; choose another with --listen"
        }
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; try 127.0.0.1",
        _ => "choose another address with --listen",
    }
}
