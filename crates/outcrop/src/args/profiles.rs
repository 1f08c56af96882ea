//! `outcrop profiles`, as it is typed.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// `outcrop profiles`
#[derive(Debug, Subcommand)]
pub enum Profiles {
    /// List them
    List {
        /// Only AWS's own, or only the account's
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<ProfileKind>,
        /// Show those whose id or name holds this text
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
    },
    /// One of them, as AWS describes it
    Get {
        /// Its name, id or ARN
        profile: String,
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
    },
    /// Create an application profile
    Create(Create),
    /// Put tags on a profile
    Tag {
        /// Its name, id or ARN
        profile: String,
        /// The tags; a tag that is there gets the new value
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
    },
    /// Take tags off a profile
    Untag {
        /// Its name, id or ARN
        profile: String,
        /// The tags' keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
    },
    /// Delete an application profile
    Delete {
        /// Its name, id or ARN
        profile: String,
        /// The Region it is in
        #[arg(long)]
        region: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print the account's profiles as lines for .env and a block for librechat.yaml
    Env {
        /// The Region to ask in
        #[arg(long)]
        region: Option<String>,
        /// Those whose id, name or model holds this text
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
    },
    /// Show what `apply` would change
    Plan {
        /// The profiles as they should be
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Also show what `apply --prune` would delete
        #[arg(long)]
        prune: bool,
    },
    /// Make the account's profiles what a file says
    Apply(Apply),
    /// Create one profile a model, named PREFIX-MODEL
    Bootstrap(Bootstrap),
    /// Write what exists as profiles.yaml
    Import(Import),
    /// Print what exists for Terraform or CloudFormation
    Export(Export),
}

/// `outcrop profiles import`
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A Region to ask in (may be given more than once)
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,
    /// Those whose id, name or model holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Overwrite the file without asking
    #[arg(long)]
    pub yes: bool,
}

/// `outcrop profiles export`
#[derive(Debug, clap::Args)]
pub struct Export {
    /// In which language
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub format: ExportFormat,
    /// A Region to ask in (may be given more than once)
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,
    /// Those whose id, name or model holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

/// The languages of `outcrop profiles export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// profiles.yaml, for `outcrop profiles apply`.
    Yaml,
    /// `aws_bedrock_inference_profile`, with import blocks.
    Terraform,
    /// `AWS::Bedrock::ApplicationInferenceProfile`, as a JSON template.
    Cloudformation,
}

/// `outcrop profiles apply`
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// The profiles as they should be
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Delete the application profiles that the file does not have, in the Regions it names
    #[arg(long)]
    pub prune: bool,
    /// Replace in place what AWS cannot change, instead of beside it: whoever uses the old ARN fails at once
    #[arg(long)]
    pub replace: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `outcrop profiles bootstrap`
#[derive(Debug, clap::Args)]
pub struct Bootstrap {
    /// What the names begin with
    #[arg(long)]
    pub prefix: String,
    /// Model ids, system profile ids or aliases
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// The Region to create them in
    #[arg(long)]
    pub region: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `outcrop profiles create`
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What to call it: letters, digits, single blanks, hyphens and underscores
    pub name: String,
    /// What to copy: a model id, a system profile id, an ARN or an alias
    #[arg(long, value_name = "SOURCE")]
    pub from: String,
    /// What it is for
    #[arg(long)]
    pub description: Option<String>,
    /// A tag (may be given more than once)
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// The Region to create it in
    #[arg(long)]
    pub region: Option<String>,
    /// Print the request instead of sending it
    #[arg(long)]
    pub dry_run: bool,
}

/// Who made a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileKind {
    /// AWS.
    System,
    /// The account.
    Application,
}

/// `key=value`; the value may hold further equals signs, or nothing.
fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| "write it as KEY=VALUE, such as team=search".to_owned())?;
    Ok((key.to_owned(), value.to_owned()))
}
