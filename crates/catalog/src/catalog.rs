//! The catalog: an immutable snapshot of everything known, in layers.

use std::collections::BTreeMap;

use crate::{ApplicationProfile, Context, Resolution, ResolveError};

/// Where a fact comes from, weakest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The data compiled into the binary.
    BuiltIn,
    /// Asked of AWS (or of the emulator).
    Discovered,
    /// A configuration file, with its name.
    File(String),
    /// An environment variable, with its name.
    Environment(String),
    /// A flag on the command line, with its name.
    Flag(String),
}

/// One source's contribution: what it adds to or overrides in the layers below.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// Friendly name → identifier.
    pub aliases: BTreeMap<String, String>,
    /// LibreChat's direction: the identifier a client writes → the profile ARN to invoke.
    pub inference_profiles: BTreeMap<String, String>,
    /// Application profiles by ARN (mapping or discovery).
    pub application_profiles: BTreeMap<String, ApplicationProfile>,
    /// Identifiers to offer in model lists, in order.
    pub offered: Vec<String>,
}

/// Everything known, as one immutable value; cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Catalog;

impl Catalog {
    /// The data compiled into the binary.
    pub fn built_in() -> Self {
        Catalog
    }

    /// This catalog with one more layer; stronger sources win whatever the order of calls.
    #[must_use]
    pub fn with(&self, _source: Source, _layer: Layer) -> Self {
        Catalog
    }

    /// Resolves any identifier a client wrote.
    pub fn resolve(&self, _identifier: &str, _context: &Context) -> Result<Resolution, ResolveError> {
        Err(ResolveError::Unknown { message: String::new(), hint: None })
    }
}
