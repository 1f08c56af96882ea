//! `--local`: the emulated account of a command that would otherwise need AWS.
//!
//! It is the account of `outcrop serve --local`: what one command makes there, the next one finds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::JoinHandle;

use outcrop_emulator::{Config, Emulator};
use tokio::sync::oneshot;

use super::emulate;

use crate::args::{Command, Global};
use crate::failure::Failure;
use crate::running::data_dir;
use crate::settings::{Flags, Settings};

/// An emulator on a thread of its own. When this is dropped it stops, and has written down what it holds.
pub struct Emulated {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Emulated {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A thread that panicked has said so itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Starts the emulator where `--local` asks for one and the command talks to AWS, and points the settings at it.
pub fn start(global: &mut Global, command: &Command) -> Result<Option<Emulated>, Failure> {
    if !global.local {
        return Ok(None);
    }
    match command {
        // These have their own way with it.
        Command::Serve(_) | Command::Usage(_) | Command::Keys(_) => return Ok(None),
        // These ask nobody.
        Command::Config(_) | Command::Completions { .. } | Command::Man { .. } => return Ok(None),
        Command::Emulate(_) => return Err(meaningless("`outcrop emulate` is the emulator")),
        Command::Chat(_) => {
            return Err(meaningless(
                "`outcrop chat` talks to a gateway: start `outcrop serve --local` first",
            ));
        }
        _ => {}
    }
    let (address, emulated) = spawn(folder(global))?;
    global.emulated = Some(address);
    Ok(Some(emulated))
}

fn meaningless(why: &str) -> Failure {
    Failure::Usage { message: "--local means nothing here".to_owned(), hint: why.to_owned() }
}

/// That of `serve --local`. A configuration that cannot be read is for the command to report.
fn folder(global: &Global) -> Option<PathBuf> {
    let settings = Settings::load(global, &Flags::default()).ok()?;
    Some(data_dir(&settings, true))
}

fn spawn(data_dir: Option<PathBuf>) -> Result<(SocketAddr, Emulated), Failure> {
    let config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data_dir,
        seed_profiles: true,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let emulator = runtime.block_on(Emulator::bind(config)).map_err(emulate::failure)?;
    let address = emulator.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        runtime.block_on(emulator.serve(async {
            // An error means that the sender is gone, which is the same message.
            let _ = stopped.await;
        }));
    });
    Ok((address, Emulated { stop: Some(stop), thread: Some(thread) }))
}
