//! `outcrop batch`, as it is typed.

use std::path::PathBuf;

use clap::Subcommand;

/// `outcrop batch`
#[derive(Debug, Subcommand)]
pub enum Batch {
    /// Submit a file of Chat Completions requests, one a line, as OpenAI's batch API takes it
    Submit(Submit),
    /// List the jobs of a Region, newest first
    List {
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
    },
    /// Follow a job to its end; exit 1 unless every record was answered
    Watch {
        /// Its id, ARN or name
        job: String,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
        /// How often to ask
        #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=3600))]
        interval: u64,
    },
    /// Fetch the answers of a job, one a line, as OpenAI's batch API gives them
    Collect {
        /// Its id, ARN or name
        job: String,
        /// Where to write them [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
    },
    /// Stop a job; what was answered until then is kept
    Stop {
        /// Its id, ARN or name
        job: String,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `outcrop batch submit`
#[derive(Debug, clap::Args)]
pub struct Submit {
    /// Lines of {"custom_id", "method": "POST", "url": "/v1/chat/completions", "body"}
    pub file: PathBuf,
    /// Model id, profile id, ARN or alias [default: the one that every line names]
    #[arg(short, long)]
    pub model: Option<String>,
    /// Where the records and answers go: s3://bucket/prefix
    #[arg(long, value_name = "S3URI")]
    pub bucket: String,
    /// The role that Bedrock assumes to read and write there
    #[arg(long, value_name = "ARN")]
    pub role: String,
    /// What to call the job [default: the file's name and a part of its hash]
    #[arg(long)]
    pub name: Option<String>,
    /// The Region to run it in
    #[arg(long)]
    pub region: Option<String>,
    /// Print the request instead of sending anything
    #[arg(long)]
    pub dry_run: bool,
}
