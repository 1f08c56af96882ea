//! What a Bedrock model is: identifiers, models, inference profiles, prices, and the resolver that joins them.
//!
//! This crate knows facts and rules. It deliberately knows nothing of clocks, networks, files, environments or
//! client dialects: everything it needs is handed to it, so each rule can be tested with a string.
//!
//! A visitor starts at [`Catalog::resolve`]: any identifier a client wrote becomes a [`Resolution`], with the reason and
//! the source of each step.

mod builtin;
pub mod catalog;
mod draft;
pub mod explain;
mod facts;
pub mod identifier;
pub mod lane;
mod layer;
pub mod model;
pub mod price;
pub mod profile;
pub mod residency;
pub mod resolve;
mod suggest;
pub mod survey;
pub mod ways;

pub use catalog::{Catalog, Contradiction, MAX_ALIASES, Source};
pub use explain::Explanation;
pub use facts::{OverrideError, Overrides};
pub use identifier::{Arn, Identifier, IdentifierError, Kind, Vocabulary};
pub use lane::{Api, Impassable, Lane, Passage, Reason};
pub use layer::{Described, Layer};
pub use model::{
    Beta, Capabilities, Limits, Model, ParameterRule, Parameters, PromptCaching, Reasoning, ReasoningMode,
};
pub use price::{LongContext, Price, Rates};
pub use profile::{ApplicationProfile, ProfileType, SystemProfile};
pub use residency::{Refused, Residency, ResidencyError, Verdict};
pub use resolve::{Context, Resolution, ResolveError, ResolvedProfile, Surface, Why};
pub use ways::{Through, Way};
