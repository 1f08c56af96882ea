//! `outcrop help`, as it is typed.

use clap::ValueEnum;

/// `outcrop help`
#[derive(Debug, clap::Args)]
pub struct Help {
    /// What to read about [default: the list of topics]
    pub topic: Option<Topic>,
    /// In which language
    #[arg(long, value_enum, default_value = "en")]
    pub lang: Language,
}

/// What there is a page about.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Topic {
    /// What inference profiles are, and why most models need one
    Profiles,
    /// What Bedrock's errors mean, and what to do
    Errors,
    /// Where to read on
    Links,
}

/// The languages of the pages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Language {
    /// English
    En,
    /// Portuguese
    Pt,
}
