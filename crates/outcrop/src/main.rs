//! The binary: arguments become settings, settings become a running command. Nothing else reads files, the environment
//! or arguments.
//!
//! A visitor starts at [`commands::run`]; what a value means and where it comes from is [`settings::Settings`].

mod accounts;
mod args;
mod changes;
mod checks;
mod client;
mod collector;
mod commands;
mod credentials;
mod dotenv;
mod environment;
mod expand;
mod failure;
mod file;
mod js_yaml;
mod librechat;
mod mappings;
mod outcrop_yaml;
mod paper;
mod problem;
mod progress;
mod region;
mod reload;
mod running;
mod secret;
mod settings;
mod shared_config;
mod shown;
mod tag_policy;
mod way;
mod yaml;

use std::process::ExitCode;

use clap::FromArgMatches;

/// The standard allocator costs more per request than anything else on the relay lane.
#[cfg(not(test))] // the tests count what is allocated
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_small_pages();
    let matches = args::command().get_matches();
    let args = args::Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    paper::choose_color(args.global.color);
    match commands::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The allocator asks for pages of 2 MiB, which makes an idle gateway hold 12 MiB of which it uses little: with pages of
/// 4 KiB what is not used is not resident. Where that cannot be said (another system, an old kernel), nothing is lost but memory.
fn keep_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
