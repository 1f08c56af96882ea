//! `outcrop doctor`, as it is typed.

use clap::Subcommand;

/// `outcrop doctor`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Doctor {
    /// Model id, profile id, ARN or alias: checked closely, and invoked once with a few tokens
    pub identifier: Option<String>,
    /// The Region to call from
    #[arg(long)]
    pub region: Option<String>,
    /// One part of it alone.
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// A part of `outcrop doctor` on its own.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Part {
    /// Where the credentials come from, and whose they are
    Credentials,
}
