//! What is done with any bytes: one function for each reader that takes bytes from strangers. A target of the fuzzer calls
//! one of them (`fuzz_targets/`); `scripts/fuzz` builds and runs them all.

// The binary is no library: its readers are compiled here from their sources, of which only the readers are called.
#[path = "../../crates/outcrop/src/dotenv.rs"]
mod dotenv;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/environment.rs"]
mod environment;
#[path = "../../crates/outcrop/src/expand.rs"]
mod expand;
#[path = "../../crates/outcrop/src/js_yaml.rs"]
mod js_yaml;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/librechat.rs"]
mod librechat;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/mappings.rs"]
mod mappings;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/outcrop_yaml.rs"]
mod outcrop_yaml;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/problem.rs"]
mod problem;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/secret.rs"]
mod secret;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/tag_policy.rs"]
mod tag_policy;
#[allow(dead_code)]
#[path = "../../crates/outcrop/src/yaml.rs"]
mod yaml;

mod answers;
mod configuration;
mod frames;
mod requests;
mod upstream;

pub use answers::{answers, embeddings, events, invoke};
pub use configuration::{configuration, identifier};
pub use frames::{eventstream, relayed, signature, sse};
pub use requests::{chat, converse, messages, responses};
pub use upstream::{upstream, written};
