//! AWS's SDK for Rust against `outcrop emulate`: what its own types and parsers make of the answers.

mod control;
mod emulator;
mod runtime;

/// A model that is invoked by its own id.
const NOVA: &str = "amazon.nova-lite-v1:0";
/// A system profile over a Claude that thinks within a budget.
const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
