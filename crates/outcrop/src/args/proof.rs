//! `outcrop verify`, `outcrop metrics` and `outcrop bench` as they are typed.

use std::path::PathBuf;

/// `outcrop verify`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  outcrop verify team-a\n  outcrop verify us.amazon.nova-lite-v1:0 --tools --image\n  \
                        outcrop verify ARN --all --out reports/"
)]
pub struct Verify {
    /// Model ids, profile ids, ARNs or aliases
    #[arg(required = true)]
    pub identifiers: Vec<String>,
    /// Also whether it calls a tool
    #[arg(long)]
    pub tools: bool,
    /// Also whether it looks at a picture
    #[arg(long)]
    pub image: bool,
    /// Also whether it thinks
    #[arg(long)]
    pub thinking: bool,
    /// Also whether it caches a long prompt
    #[arg(long)]
    pub cache: bool,
    /// All of these, written down as verify-DATE.md and verify-DATE.json
    #[arg(long)]
    pub all: bool,
    /// Where --all writes
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// How long to wait for the invocation log
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u64,
    /// The Region to call from
    #[arg(long)]
    pub region: Option<String>,
}

/// `outcrop metrics`
#[derive(Debug, clap::Args)]
pub struct Metrics {
    /// From when on: 2026-11-01, 2026-11-01T12:00:00Z, 24h, 7d
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    pub since: String,
    /// Show those whose id or name holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// The Region that was called
    #[arg(long)]
    pub region: Option<String>,
}

/// `outcrop bench`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  outcrop bench us.amazon.nova-lite-v1:0 us.amazon.nova-pro-v1:0 --requests 20\n  \
                        outcrop bench team-a --region us-east-1 --region us-west-2 --chart bench.svg"
)]
pub struct Bench {
    /// Model ids, profile ids, ARNs or aliases
    #[arg(required = true)]
    pub models: Vec<String>,
    /// How many requests to each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub requests: u32,
    /// How many at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub concurrency: u32,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..))]
    pub max_tokens: u32,
    /// What to ask
    #[arg(long, default_value = "Count to 30, one number a line.")]
    pub prompt: String,
    /// Draw the result: FILE.svg or FILE.png
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,
    /// The Region to call from (may be given more than once)
    #[arg(long)]
    pub region: Vec<String>,
}
