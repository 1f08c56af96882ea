//! `outcrop models custom`, as it is typed.

use clap::{Subcommand, ValueEnum};

/// `outcrop models custom`
#[derive(Debug, Subcommand)]
pub enum Custom {
    /// List custom models, deployments, imported models, provisioned throughput and jobs, with the model behind each
    List {
        /// Only these (may be given more than once)
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<CustomKind>,
        /// Show those whose name, ARN or base model holds this text
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
    },
}

/// What an account can have of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CustomKind {
    /// Customised models.
    Model,
    /// Customised models that can be invoked on demand.
    Deployment,
    /// Imported models.
    Imported,
    /// Provisioned throughput.
    Provisioned,
    /// Jobs that customise or import.
    Job,
}
