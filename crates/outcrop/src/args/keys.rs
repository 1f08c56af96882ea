//! `outcrop keys` as it is typed.

use std::path::PathBuf;

use clap::Subcommand;

/// `outcrop keys`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and print it, once
    Create(CreateKey),
    /// The keys that were made, without the keys themselves
    List {
        #[command(flatten)]
        folder: KeyFolder,
    },
    /// Make a key useless, at once
    Revoke {
        /// The name it was made under
        name: String,
        #[command(flatten)]
        folder: KeyFolder,
    },
}

/// `outcrop keys create`
#[derive(Debug, clap::Args)]
pub struct CreateKey {
    /// What the ledger and `outcrop usage --by key` call it
    #[arg(long)]
    pub name: String,
    /// Let it name this model, profile or alias only (may be given more than once)
    #[arg(long = "model", value_name = "IDENTIFIER")]
    pub models: Vec<String>,
    /// Send all its requests through this inference profile
    #[arg(long, value_name = "IDENTIFIER")]
    pub profile: Option<String>,
    /// Make its requests as this account of `accounts` in outcrop.yaml
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    #[command(flatten)]
    pub folder: KeyFolder,
}

/// Where the keys are.
#[derive(Debug, clap::Args)]
pub struct KeyFolder {
    /// The gateway's data folder [env: OUTCROP_DATA_DIR; default ~/.local/share/outcrop]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}
