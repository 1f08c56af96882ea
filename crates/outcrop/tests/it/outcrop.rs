//! Running the binary with nothing in its environment but what a test puts there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A run that is being prepared, in an empty folder of its own.
pub struct Outcrop {
    folder: TempDir,
    command: Command,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Nobody listens there, whatever else runs on the machine.
const NO_GATEWAY: &str = "http://127.0.0.1:9";

impl Outcrop {
    /// `outcrop ARGS…`
    pub fn new(args: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_outcrop"));
        command.args(args).current_dir(folder.path()).env_clear();
        command.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("OUTCROP_URL", NO_GATEWAY);
        command.stdin(Stdio::null());
        Self { folder, command }
    }

    /// With a file in the working directory, or in a folder below it.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// With a variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The prepared command, for a test that drives it itself. The folder must outlive it.
    pub fn into_parts(self) -> (TempDir, Command) {
        (self.folder, self.command)
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Run {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        let folder = self.folder.path().display().to_string();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&folder, "[HOME]");
        Run { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Run {
    /// Standard output, of a run that succeeded.
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Standard output as JSON, of a run that succeeded.
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.succeeded()).unwrap()
    }

    /// Standard error, of a run that failed with exit code 1 and nothing on standard output.
    pub fn failed(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{}", self.stderr);
        self.stderr
    }
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
