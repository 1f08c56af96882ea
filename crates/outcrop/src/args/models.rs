//! `outcrop models`, as it is typed.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Custom, Explain};

/// `outcrop models`
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List what can be named from a Region
    List(List),
    /// The same as `outcrop explain`
    Show(Explain),
    /// Models of the account's own
    #[command(subcommand)]
    Custom(Custom),
    /// Where a model can be called, through what, and where the call is then processed
    Regions {
        /// Model id, profile id, ARN or alias
        model: String,
        /// This Region only
        #[arg(long)]
        region: Option<String>,
    },
    /// Models side by side
    Compare {
        /// Model ids, profile ids, ARNs or aliases
        #[arg(required = true, num_args = 1..)]
        models: Vec<String>,
        /// The Region to call from
        #[arg(long)]
        region: Option<String>,
    },
    /// Whether the account may use models, as AWS says
    Access {
        /// Model ids, profile ids, ARNs or aliases; without any, all that the Region serves
        models: Vec<String>,
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
    },
    /// Save what AWS lists, to be used without asking it (`catalog.snapshot` of outcrop.yaml)
    Snapshot {
        /// The Regions to ask in (may be given more than once) [default: the Region to call from]
        #[arg(long)]
        region: Vec<String>,
        /// The file to write, instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `outcrop models list`
#[derive(Debug, clap::Args)]
pub struct List {
    /// The Region to call from
    #[arg(long)]
    pub region: Option<String>,
    /// Show those whose id, name or publisher holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Also what cannot be invoked from the Region, with the reason
    #[arg(long)]
    pub all: bool,
}
