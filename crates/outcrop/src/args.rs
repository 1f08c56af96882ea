//! The command line as it is typed. What it means is decided in `settings`.

mod batch;
mod custom;
mod doctor;
mod examples;
mod help;
mod iam;
mod keys;
mod logging;
mod models;
mod profiles;
mod proof;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use batch::{Batch, Submit};
pub use custom::{Custom, CustomKind};
pub use doctor::{Doctor, Part};
pub use examples::command;
pub use help::{Help, Language, Topic};
pub use iam::{Iam, Policy};
pub use keys::{CreateKey, KeyFolder, Keys};
pub use logging::{Logging, LoggingDisable, LoggingFormat, LoggingSetup, LoggingTail, LoggingWhere};
pub use models::{List, Models};
pub use profiles::{Apply, Bootstrap, Create, Export, ExportFormat, Import, ProfileKind, Profiles};
pub use proof::{Bench, Metrics, Verify};

/// Amazon Bedrock within reach of any client: gateway, command line, emulator.
#[derive(Debug, Parser)]
#[command(name = "outcrop", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Args {
    /// Flags every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// librechat.yaml or outcrop.yaml [env: OUTCROP_CONFIG; else ./outcrop.yaml, ./librechat.yaml]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// A file of NAME=value lines; the process's own variables win [env: OUTCROP_ENV_FILE]
    #[arg(long, value_name = "FILE", global = true)]
    pub env_file: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Use an emulated account instead of AWS's: no account, no network
    #[arg(long, global = true)]
    pub local: bool,
    /// Where `--local` made the emulator listen.
    #[arg(skip)]
    pub emulated: Option<SocketAddr>,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: Color,
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway
    Serve(Serve),
    /// Run the Bedrock emulator alone
    Emulate(Emulate),
    /// Talk to a model through the gateway
    Chat(Chat),
    /// Say what an identifier stands for, and why
    Explain(Explain),
    /// The models that can be named
    #[command(subcommand)]
    Models(Models),
    /// The account's inference profiles
    #[command(subcommand)]
    Profiles(Profiles),
    /// Many requests at half the price: batch jobs on S3
    #[command(subcommand)]
    Batch(Batch),
    /// Find out what is wrong: configuration, credentials, access, profiles
    Doctor(Doctor),
    /// Policies for AWS's access management
    #[command(subcommand)]
    Iam(Iam),
    /// Who may use the gateway
    #[command(subcommand)]
    Keys(Keys),
    /// AWS's log of invocations
    #[command(subcommand)]
    Logging(Logging),
    /// Ask a model for real, and prove by AWS's log what was invoked
    Verify(Verify),
    /// What CloudWatch counted, by model and profile
    Metrics(Metrics),
    /// How fast, reliable and dear models are
    Bench(Bench),
    /// What was spent, from the ledger
    Usage(Usage),
    /// The configuration
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script
    Completions {
        /// bash, elvish, fish, powershell, zsh
        shell: clap_complete::Shell,
    },
    /// Short pages about profiles and errors, in English and Portuguese
    Help(Help),
    /// Print a manual page, or write all of them
    Man {
        /// The command it is about [default: outcrop itself]
        command: Vec<String>,
        /// Write the page of every command into this folder
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        dir: Option<PathBuf>,
    },
}

/// `outcrop serve`
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where to listen [env: OUTCROP_LISTEN; default 127.0.0.1:4141]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where the ledger lives [env: OUTCROP_DATA_DIR; default ~/.local/share/outcrop]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The Region to call from [env: OUTCROP_REGION, BEDROCK_AWS_DEFAULT_REGION, AWS_REGION]
    #[arg(long)]
    pub region: Option<String>,
    /// Speak TLS (h2 and HTTP/1.1), with a certificate of a CA that is made for it; its path is printed
    #[arg(long)]
    pub tls: bool,
    /// Speak TLS with this certificate chain, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How the log on stderr is written; what is in it: OUTCROP_LOG
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, env = "OUTCROP_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `outcrop emulate`
#[derive(Debug, clap::Args)]
pub struct Emulate {
    /// Where to listen [default 127.0.0.1:4142]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// How the log on stderr is written; what is in it: OUTCROP_LOG
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, env = "OUTCROP_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Keep the state in this folder (without it, in memory)
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Speak TLS (h2 and HTTP/1.1), with a certificate of a CA that is made for it; its path is printed
    #[arg(long)]
    pub tls: bool,
    /// Serve recorded exchanges back byte for byte (may be given more than once)
    #[arg(long, value_name = "FILE")]
    pub replay: Vec<PathBuf>,
    /// Who answers [default: words, or what --script, --record and --upstream ask for]
    #[arg(long, value_name = "WHO")]
    pub actor: Option<Actor>,
    /// Answer with the turns of this YAML file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "record"])]
    pub script: Option<PathBuf>,
    /// Hand runtime calls on to --upstream, a Bedrock endpoint, and append what it answers to this file
    #[arg(long, value_name = "FILE", requires = "upstream", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// An OpenAI-compatible server that gives the words, or with --record the Bedrock endpoint [key: OUTCROP_UPSTREAM_KEY]
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// The model to ask for at --upstream [default: the Bedrock model's id]
    #[arg(long, value_name = "NAME", requires = "upstream", conflicts_with = "record")]
    pub upstream_model: Option<String>,
    /// Faults that stand from the start, one a line, as the header x-outcrop-fault writes them
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

/// Who answers in the emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Actor {
    /// Deterministic and model-like
    Words,
    /// What the user said
    Echo,
    /// Calls a tool whenever one is on offer
    ToolCaller,
    /// The turns of --script
    Scripted,
    /// The recordings of --replay
    Replay,
    /// The endpoint of --upstream, written down to --record
    Record,
    /// The model of --upstream
    Upstream,
}

/// `outcrop chat`
#[derive(Debug, clap::Args)]
pub struct Chat {
    /// What to ask; without it, standard input, or a conversation on a terminal
    pub prompt: Vec<String>,
    /// Model id, profile id, ARN or alias [env: OUTCROP_MODEL; default: the first the gateway offers]
    #[arg(short, long)]
    pub model: Option<String>,
    /// The system prompt
    #[arg(long)]
    pub system: Option<String>,
    /// At most this many tokens in the answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: Option<u32>,
    /// How hard to think: minimal, low, medium, high, xhigh
    #[arg(long, value_name = "LEVEL")]
    pub effort: Option<String>,
    /// The gateway [env: OUTCROP_URL; default http://127.0.0.1:4141]
    #[arg(long)]
    pub url: Option<String>,
}

/// `outcrop explain`
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Model id, profile id, ARN or alias
    pub identifier: String,
    /// The Region to call from
    #[arg(long)]
    pub region: Option<String>,
    /// Ask nobody: use what is built in and configured
    #[arg(long)]
    pub offline: bool,
    /// Show the reasons only, and who says what of each field
    #[arg(long)]
    pub why: bool,
}

/// `outcrop usage`
#[derive(Debug, clap::Args)]
pub struct Usage {
    /// What to sum by
    #[arg(long, default_value = "model")]
    pub by: By,
    /// From when on: 2026-11-01, 2026-11-01T12:00:00Z, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Where the ledger lives [env: OUTCROP_DATA_DIR; default ~/.local/share/outcrop]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What `outcrop usage` sums by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The inference profile invoked.
    Profile,
    /// The model behind it.
    Model,
    /// The client's key.
    Key,
    /// The profile's tags.
    Tag,
    /// The user the client named.
    User,
    /// The account called, by its name in the configuration.
    Account,
}

/// `outcrop config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Find every mistake; exit 1 when there is one
    Check,
    /// Show what holds, and where each value comes from
    Show {
        /// Also what every identifier stands for: what is invoked, and the model behind it
        #[arg(long)]
        resolved: bool,
        /// Also why, step by step (implies --resolved)
        #[arg(long)]
        why: bool,
    },
    /// The JSON Schema of outcrop.yaml and librechat.yaml
    Schema,
}
