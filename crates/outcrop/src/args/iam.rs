//! `outcrop iam`, as it is typed.

use clap::Subcommand;

/// `outcrop iam`
#[derive(Debug, Subcommand)]
pub enum Iam {
    /// Print the least policy that what is configured, or named here, needs
    Policy(Policy),
}

/// `outcrop iam policy`
#[derive(Debug, clap::Args)]
pub struct Policy {
    /// Model ids, profile ids, ARNs or aliases; without any, what the configuration names
    #[arg(value_name = "IDENTIFIER")]
    pub identifiers: Vec<String>,
    /// The Region to call from
    #[arg(long)]
    pub region: Option<String>,
    /// The account of the system profiles' ARNs [default: that of the application profiles, else any]
    #[arg(long, value_name = "NUMBER")]
    pub account: Option<String>,
    /// What a key of the gateway may name, instead of the whole configuration
    #[arg(long, value_name = "NAME", conflicts_with = "identifiers")]
    pub key: Option<String>,
    /// What is called as this account of the configuration (`accounts`), by its name or its role's ARN
    #[arg(long, value_name = "NAME|ARN", conflicts_with_all = ["identifiers", "key"])]
    pub role: Option<String>,
    /// Also allow to find out what models and profiles there are, and whether the account may use them
    #[arg(long)]
    pub discovery: bool,
    /// Also allow to read AWS's invocation log and metrics
    #[arg(long)]
    pub logging: bool,
    /// Also allow the `outcrop profiles` commands to create, change and delete
    #[arg(long)]
    pub manage: bool,
    /// Say why each statement is there
    #[arg(long)]
    pub explain: bool,
}
