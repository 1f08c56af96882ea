//! One module per command. Each takes what was typed and the settings, and prints its answer.

mod ask;
mod batch;
mod bench;
mod chat;
mod completions;
mod config;
mod confirm;
mod custom;
mod doctor;
mod emulate;
mod explain;
mod iam;
mod keys;
mod local;
mod logging;
mod metrics;
mod models;
mod picture;
pub mod profiles;
mod serve;
mod topics;
mod usage;
mod verify;

use std::collections::BTreeSet;

use outcrop_catalog::Catalog;
use std::io::IsTerminal;

use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Command, LogFormat};
use crate::failure::Failure;

/// Runs the command a person typed.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { mut global, command } = args;
    let _emulated = local::start(&mut global, &command)?;
    match command {
        Command::Serve(serve) => serve::run(&global, &serve),
        Command::Emulate(emulate) => emulate::run(&global, &emulate),
        Command::Chat(chat) => chat::run(&global, &chat),
        Command::Explain(explain) => explain::run(&global, &explain),
        Command::Models(models) => models::run(&global, models),
        Command::Profiles(profiles) => profiles::run(&global, profiles),
        Command::Doctor(doctor) => doctor::run(&global, &doctor),
        Command::Batch(batch) => batch::run(&global, batch),
        Command::Iam(iam) => iam::run(&global, &iam),
        Command::Keys(keys) => keys::run(&global, &keys),
        Command::Logging(logging) => logging::run(&global, &logging),
        Command::Verify(verify) => verify::run(&global, &verify),
        Command::Metrics(metrics) => metrics::run(&global, &metrics),
        Command::Bench(bench) => bench::run(&global, &bench),
        Command::Usage(usage) => usage::run(&global, &usage),
        Command::Config(config) => config::run(&global, &config),
        Command::Help(help) => topics::run(&help),
        Command::Completions { shell } => completions::script(shell),
        Command::Man { command, dir } => completions::manual(&command, dir.as_deref()),
    }
}

/// A runtime for a command that waits for one answer at a time.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

/// A runtime for a server. Few workers: its work is waiting, and each worker costs memory.
fn serve_on(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let workers = cores.clamp(2, MAX_WORKERS);
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(future)
}

/// At 60 µs a request eight cores serve more than Bedrock's quotas allow.
const MAX_WORKERS: usize = 8;

/// A future that resolves at SIGINT or SIGTERM. Both are caught from the call on, so that a signal that comes right after
/// the start is not missed.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The log goes to standard error; `OUTCROP_LOG` chooses what (`warn`, `info`, `outcrop_gateway=debug`).
fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("OUTCROP_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,outcrop::reload=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// A server holds a file handle for each connection. The usual soft limit of 1,024 is there for old programs that put
/// handles into bit sets; whoever does not, may take what the hard limit allows.
fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Everything the configuration names: what it offers, what its aliases mean, what it calls instead.
pub fn configured(catalog: &Catalog) -> Vec<String> {
    let named = catalog.offered().iter().map(String::as_str);
    let named = named.chain(catalog.aliases()).chain(catalog.application_profiles());
    named.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}
