//! `outcrop logging …` as it is typed.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// `outcrop logging`
#[derive(Debug, Subcommand)]
pub enum Logging {
    /// Let Bedrock write down what is invoked: log group, bucket, role, configuration
    #[command(
        after_help = "Examples:\n  outcrop logging setup\n  outcrop logging setup --yes\n  outcrop logging setup \
                            --format terraform > logging.tf"
    )]
    Setup(LoggingSetup),
    /// What is configured, and whether it can work
    Status(LoggingWhere),
    /// Show what was invoked, from AWS's invocation log
    #[command(
        after_help = "Examples:\n  outcrop logging tail --follow\n  outcrop logging tail --since 5m --profile \
                            team-a\n  outcrop logging tail --file logs/2026-11/ --json"
    )]
    Tail(LoggingTail),
    /// Stop the log; what was written stays
    Disable(LoggingDisable),
}

/// Where a command looks.
#[derive(Debug, clap::Args)]
pub struct LoggingWhere {
    /// The Region whose log is meant
    #[arg(long)]
    pub region: Option<String>,
}

/// `outcrop logging setup`
#[derive(Debug, clap::Args)]
pub struct LoggingSetup {
    /// The CloudWatch log group
    #[arg(long, value_name = "GROUP", default_value = "/aws/bedrock/model-invocations")]
    pub log_group: String,
    /// The S3 bucket for bodies too large for a log event [default: bedrock-logs-ACCOUNT]
    #[arg(long)]
    pub bucket: Option<String>,
    /// The folder in the bucket
    #[arg(long, value_name = "PREFIX", default_value = "large-data")]
    pub key_prefix: String,
    /// The role that Bedrock writes as
    #[arg(long, default_value = "BedrockLoggingRole")]
    pub role: String,
    /// Delete events after so many days (without it, they are kept for ever)
    #[arg(long, value_name = "DAYS")]
    pub retention: Option<u32>,
    /// Leave the text of prompts and answers out
    #[arg(long)]
    pub no_text: bool,
    /// Leave images out
    #[arg(long)]
    pub no_images: bool,
    /// Leave embeddings out
    #[arg(long)]
    pub no_embeddings: bool,
    /// The Region whose log is meant
    #[arg(long)]
    pub region: Option<String>,
    /// The number of the account; asked of AWS without it
    #[arg(long, value_name = "NUMBER")]
    pub account: Option<String>,
    /// Change nothing; print what it takes
    #[arg(long)]
    pub print_only: bool,
    /// As what to print it (implies --print-only) [default: json]
    #[arg(long, value_enum)]
    pub format: Option<LoggingFormat>,
    /// Show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// As what `--print-only` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoggingFormat {
    /// The documents, as the AWS CLI takes them.
    Json,
    /// A CloudFormation template.
    Cloudformation,
    /// Terraform.
    Terraform,
}

/// `outcrop logging tail`
#[derive(Debug, clap::Args)]
pub struct LoggingTail {
    /// Go on, showing what comes
    #[arg(long)]
    pub follow: bool,
    /// From when on: 2026-11-01, 2026-11-01T12:00:00Z, 5m, 24h, 7d [default: 10m; of files, everything]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only what was invoked through this profile: a name, an id or an ARN
    #[arg(long)]
    pub profile: Option<String>,
    /// This log group instead of the configured one
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["bucket", "file"])]
    pub log_group: Option<String>,
    /// This bucket, with a prefix if need be: BUCKET or BUCKET/PREFIX
    #[arg(long, value_name = "BUCKET", conflicts_with = "file")]
    pub bucket: Option<String>,
    /// Log files on this machine, plain or gzip; a folder stands for all in it (may be given more than once)
    #[arg(long, value_name = "PATH", conflicts_with = "follow")]
    pub file: Vec<PathBuf>,
    /// The Region whose log is meant
    #[arg(long)]
    pub region: Option<String>,
}

/// `outcrop logging disable`
#[derive(Debug, clap::Args)]
pub struct LoggingDisable {
    /// The Region whose log is meant
    #[arg(long)]
    pub region: Option<String>,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}
