//! `outcrop serve --local` and what it takes to start and stop it; the commands that need it running.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::outcrop::Outcrop;

/// A gateway with the emulator inside, on a free port. Killed when dropped.
pub struct Gateway {
    /// Its folder, which holds the ledger.
    pub folder: TempDir,
    /// Its address.
    pub url: String,
    /// The emulator's address, without `http://`.
    pub emulator: String,
    /// The seeded profiles' ARNs.
    pub arns: Vec<String>,
    child: Child,
}

impl Gateway {
    /// Starts it and waits for the line that says it is ready.
    pub fn start() -> Self {
        let (folder, mut command) =
            Outcrop::new(&["serve", "--local", "--json", "--listen", "127.0.0.1:0", "--data-dir", "data"])
                .into_parts();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready =
            serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>();
        let Some(Ok(ready)) = ready.next() else {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("the gateway does not start: {stderr}");
        };
        let profiles = ready["profiles"].as_array().unwrap().iter();
        let arns = profiles.map(|profile| profile["arn"].as_str().unwrap().to_owned()).collect();
        let emulator = ready["emulator"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { folder, url: ready["url"].as_str().unwrap().to_owned(), emulator, arns, child }
    }

    /// `POST /_emulator/WHAT` of the emulator inside.
    pub fn tell(&self, what: &str, body: &str) {
        let mut emulator = TcpStream::connect(&self.emulator).unwrap();
        let head = format!(
            "POST /_emulator/{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        emulator.write_all(head.as_bytes()).unwrap();
        emulator.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        emulator.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Asks it to stop and waits; its exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not stop on {signal}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_stops_on_both_signals_with_exit_code_0() {
    for signal in ["-TERM", "-INT"] {
        assert_eq!(Gateway::start().stop(signal), Some(0), "{signal}");
    }
}

#[test]
fn two_can_run_at_once_for_the_emulator_takes_a_free_port() {
    let (one, other) = (Gateway::start(), Gateway::start());
    assert_ne!(one.url, other.url);
    assert_eq!(one.arns, other.arns, "the seeded ARNs are the same in every run");
    assert_eq!(one.arns.len(), 2);
}

#[test]
fn a_port_in_use_is_one_clear_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for args in [&["serve", "--local", "--listen", &address][..], &["emulate", "--listen", &address]] {
        let stderr = Outcrop::new(args).run().failed();
        assert!(stderr.contains("error: ") && stderr.contains(&address), "{stderr}");
        assert!(stderr.contains("hint: ") && !stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn an_open_address_without_keys_is_refused_with_the_fix() {
    let stderr = Outcrop::new(&["serve", "--local", "--listen", "0.0.0.0:0"]).run().failed();
    assert!(stderr.contains("no keys are configured"), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
}

#[test]
fn a_gateway_has_no_user_to_ask() {
    let stderr = Outcrop::new(&["serve"]).env("BEDROCK_AWS_ACCESS_KEY_ID", "user_provided").run().failed();
    assert!(stderr.contains("a gateway has no user to ask"), "{stderr}");
}

/// Whoever starts a server and reads only its first line (`| head -n 1`) still has a server.
#[test]
fn nobody_has_to_read_what_a_server_says() {
    for command in [&["emulate"][..], &["serve", "--local"]] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let (_folder, mut server) = Outcrop::new(&[command, &["--listen", &address]].concat()).into_parts();
        let mut child = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        let started = Instant::now();
        let mut connection = loop {
            match TcpStream::connect(&address) {
                Ok(connection) => break connection,
                Err(_) if started.elapsed() < Duration::from_secs(20) => std::thread::yield_now(),
                Err(error) => panic!("{command:?} does not listen: {error}"),
            }
        };
        // It listens before it speaks, and answers after.
        connection.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{command:?}: {answer:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_emulator_prints_exports_a_shell_can_take() {
    let (_folder, mut command) = Outcrop::new(&["emulate", "--listen", "127.0.0.1:0"]).into_parts();
    let mut child = command
        .env("AWS_ACCESS_KEY_ID", "AKIAREAL")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shown: Vec<String> = lines.take_while(|line| !line.starts_with("# profile")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let text = shown.join("\n");
    assert!(text.contains("export AWS_ENDPOINT_URL_BEDROCK=http://127.0.0.1:"), "{text}");
    assert!(text.contains("export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:"), "{text}");
    let bearer = shown.iter().find(|line| line.contains("export AWS_BEARER_TOKEN_BEDROCK=local")).unwrap();
    assert!(bearer.starts_with("# "), "set with the rest it would make boto3 refuse the address: {bearer}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn explain_asks_the_running_gateway_where_aws_cannot_be_asked() {
    let gateway = Gateway::start();
    let explain = Outcrop::new(&["explain", &gateway.arns[0], "--json"]).env("OUTCROP_URL", &gateway.url);
    let answer = explain.run().json();
    assert_eq!(answer["model"], "anthropic.claude-sonnet-4-6");
    assert_eq!(answer["profile"]["name"], "local-claude");
    let notices = answer["notices"].to_string();
    assert!(notices.contains(&gateway.url), "{notices}");
}
