//! How a command ends when it does not succeed: what a person reads on standard error, and the exit code.

use std::io;
use std::process::ExitCode;

use crate::paper;
use crate::problem::{Problem, Severity};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The configuration cannot be used.
    Configuration(Vec<Problem>),
    /// Something else, with advice.
    Message {
        /// What went wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Something that was left out on the command line, with advice.
    Usage {
        /// What is missing.
        message: String,
        /// What to add.
        hint: String,
    },
    /// The answer itself says what is wrong.
    Reported,
    /// The reader of our output went away (`outcrop … | head`): nothing is wrong.
    NobodyReads,
}

impl Failure {
    /// A failure in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), hint: None }
    }

    /// With advice.
    #[must_use]
    pub fn hint(self, advice: impl Into<String>) -> Self {
        match self {
            Self::Message { message, .. } => Self::Message { message, hint: Some(advice.into()) },
            other => other,
        }
    }

    /// For a server: that nobody reads what it says at its start is no reason to stop.
    pub fn unless_unread(said: Result<(), Self>) -> Result<(), Self> {
        match said {
            Err(Self::NobodyReads) => Ok(()),
            other => other,
        }
    }

    /// Tells the person and chooses the exit code: 1, and 2 for wrong usage, as clap does.
    pub fn report(self) -> ExitCode {
        match self {
            Self::NobodyReads => return ExitCode::SUCCESS,
            Self::Reported => {}
            Self::Configuration(problems) => {
                paper::problems(&problems);
                let errors = problems.iter().filter(|it| it.severity == Severity::Error).count();
                if errors > 1 {
                    paper::say(&format!("{errors} errors in the configuration"));
                }
            }
            Self::Message { message, hint } => paper::error(&message, hint.as_deref()),
            Self::Usage { message, hint } => {
                paper::error(&message, Some(&hint));
                return ExitCode::from(WRONG_USAGE);
            }
        }
        ExitCode::FAILURE
    }
}

/// clap's exit code.
const WRONG_USAGE: u8 = 2;

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Configuration(problems)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(io::ErrorKind::BrokenPipe) => Self::NobodyReads,
            _ => Self::new(format!("the answer cannot be written as JSON: {error}")),
        }
    }
}
