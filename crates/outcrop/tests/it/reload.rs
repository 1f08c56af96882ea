//! Another configuration while the gateway serves: at once, as a whole, or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::outcrop::Outcrop;

/// A gateway that looks at its files all the time, and its log.
struct Watched {
    folder: TempDir,
    address: String,
    log: Receiver<String>,
    child: Child,
}

/// Longer than anything takes on the slowest machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

impl Watched {
    fn start(outcrop: Outcrop) -> Self {
        let (folder, mut command) = outcrop.env("OUTCROP_RELOAD_INTERVAL_MS", "1").into_parts();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ready = serde_json::Deserializer::from_reader(child.stdout.take().unwrap())
            .into_iter::<Value>()
            .next()
            .unwrap()
            .unwrap();
        let address = ready["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let (line, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|it| line.send(it)));
        Self { folder, address, log, child }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file in one step, as an editor or Kubernetes does.
    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path("new"), content).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// The next line of the log about a reload.
    fn verdict(&self) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the log says something");
            if line.contains("reloaded") || line.contains("restart") {
                return line;
            }
        }
    }

    /// Status and headers of one request.
    fn ask(&self, model: &str, key: &str) -> String {
        ask(&self.address, model, key)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: &str, model: &str, key: &str) -> String {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

const SERVE: [&str; 7] = ["serve", "--local", "--json", "--listen", "127.0.0.1:0", "--data-dir", "data"];

const GOOD: &str = "aliases:\n  fast: amazon.nova-lite-v1:0\nkeys:\n  - {name: ana, key: \"${ANA}\"}\n";

fn serve_good() -> Watched {
    let mut args = SERVE.to_vec();
    args.extend(["--env-file", ".env"]);
    Watched::start(Outcrop::new(&args).file("outcrop.yaml", GOOD).file(".env", "ANA=secret-a\n"))
}

#[test]
fn names_keys_and_variables_follow_at_once() {
    let gateway = serve_good();
    assert!(gateway.ask("fast", "secret-a").contains("outcrop-model: amazon.nova-lite-v1:0"));
    gateway.write("outcrop.yaml", GOOD.replace("lite", "pro").as_bytes());
    let line = gateway.verdict();
    assert!(line.contains("aliases.fast: amazon.nova-lite-v1:0 → amazon.nova-pro-v1:0"), "{line}");
    assert!(gateway.ask("fast", "secret-a").contains("outcrop-model: amazon.nova-pro-v1:0"));
    gateway.write(".env", b"ANA=secret-b\nBEDROCK_AWS_DEFAULT_REGION=eu-central-1\n");
    let line = gateway.verdict();
    assert!(line.contains("region: us-east-1 → eu-central-1"), "{line}");
    assert!(line.contains("keys.ana: another secret") && !line.contains("secret-b"), "{line}");
    assert!(gateway.ask("fast", "secret-a").starts_with("HTTP/1.1 401"));
    assert!(gateway.ask("fast", "secret-b").contains("outcrop-region: eu-central-1"));
}

#[test]
fn what_cannot_follow_is_said_and_a_lost_file_changes_nothing() {
    let mut args = SERVE.to_vec();
    args.drain(3..5);
    let file = |port: &str| format!("{GOOD}listen: 127.0.0.1:{port}\n");
    let gateway = Watched::start(Outcrop::new(&args).file("outcrop.yaml", &file("0")).env("ANA", "secret-a"));
    gateway.write("outcrop.yaml", file("1").as_bytes());
    let line = gateway.verdict();
    assert!(line.contains("needs a restart: listen: 127.0.0.1:0 → 127.0.0.1:1"), "{line}");
    std::fs::remove_file(gateway.path("outcrop.yaml")).unwrap();
    let line = gateway.verdict();
    assert!(line.contains("outcrop.yaml: the file cannot be read any more"), "{line}");
    assert!(gateway.ask("fast", "nobody").starts_with("HTTP/1.1 401"), "the keys still hold");
    assert!(gateway.ask("fast", "secret-a").starts_with("HTTP/1.1 200"));
}

/// What may stand in the file while somebody edits it, or after a slip; no two of the 500 are the same.
fn broken(number: usize) -> Vec<u8> {
    let ways: [&dyn Fn() -> Vec<u8>; 20] = [
        &|| Vec::new(),
        &|| format!("{GOOD}alias{number}: {{}}\n").into_bytes(),
        &|| format!("{GOOD}aliases: {{x{number}: y}}\n").into_bytes(),
        &|| format!("{GOOD}  broken{number}\n").into_bytes(),
        &|| format!("aliases: [fast{number}\n").into_bytes(),
        &|| format!("aliases:\n\tfast: x{number}\n").into_bytes(),
        &|| format!("aliases: {{fast: ${{UNSET_{number}}}}}\n").into_bytes(),
        &|| format!("aliases: {{fast: ${{UNSET_{number}}}\n").into_bytes(),
        &|| format!("aliases: text {number}\n").into_bytes(),
        &|| format!("- {number}\n").into_bytes(),
        &|| format!("\"{number}").into_bytes(),
        &|| format!("lane: fast{number}\n").into_bytes(),
        &|| format!("listen: {number}\n").into_bytes(),
        &|| format!("keys:\n  - {{name: a{number}, key: b}}\n  - {{name: a{number}, key: c}}\n").into_bytes(),
        &|| format!("keys:\n  - {{name: a{number}}}\n").into_bytes(),
        &|| format!("upstream: {{runtime: 'http://example{number}.com'}}\n").into_bytes(),
        &|| [format!("# {number}\naliases: ").into_bytes(), vec![0xff, 0xfe, 0x00]].concat(),
        &|| format!("aliases: {}{number}\n", "{a: ".repeat(2000)).into_bytes(),
        &|| format!("a: &a [x, {number}]\nb: &b [*a, *a]\n<<: *b\n").into_bytes(),
        &|| format!("endpoints:\n  bedrock:\n    models: {number}\n").into_bytes(),
    ];
    ways[number % ways.len()]()
}

/// Ends the load when the test ends, however that is.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks without a pause while one file is broken in so many ways; each is refused by its name, and every answer is the one there was.
fn survives(gateway: &Watched, file: &str, variants: usize, broken: impl Fn(usize) -> Vec<u8>) {
    let (done, served, address) = (AtomicBool::new(false), AtomicUsize::new(0), &gateway.address);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = ask(address, "fast", "secret-a");
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    assert!(answer.contains("outcrop-model: amazon.nova-lite-v1:0"), "{answer}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _done = Done(&done);
        for number in 0..variants {
            gateway.write(file, &broken(number));
            let line = gateway.verdict();
            assert!(line.contains("not reloaded") && line.contains(file), "{number}: {line}");
            assert!(!line.contains("secret-a"), "{number}: {line}");
        }
    });
    assert!(served.into_inner() > 0);
}

/// The variables, in the ways in which a file of them goes wrong.
fn broken_variables(number: usize) -> Vec<u8> {
    let with = |line: String| format!("ANA=secret-a\n{line}\n").into_bytes();
    match number % 10 {
        0 => with(format!("no assignment {number}")),
        1 => with(format!("=nameless{number}")),
        2 => with(format!("OPEN='quote {number}")),
        3 => with(format!("BEDROCK_AWS_DEFAULT_REGION=us-west-2a{number}")),
        4 => with(format!("AWS_REGION=\"us-west-2 # comment {number}\"")),
        5 => with(format!("AWS_USE_FIPS_ENDPOINT=perhaps{number}")),
        6 => with(format!("BEDROCK_INFERENCE_PROFILE_MAPPINGS={{broken{number}")),
        7 => with(format!("AWS_ENDPOINT_URL_STS=ftp://host{number}")),
        8 => with(format!("1NAME{number}=x")),
        _ => [format!("ANA=secret-a\n# {number} ").into_bytes(), vec![0xff, 0xfe]].concat(),
    }
}

/// What AWS listed once, cut off and misspelt.
fn broken_survey(number: usize) -> Vec<u8> {
    match number % 5 {
        0 => Vec::new(),
        1 => format!("{{\"us-east-{number}\": ").into_bytes(),
        2 => format!("[{number}]").into_bytes(),
        3 => format!("{{\"us-east-1\": {number}}}").into_bytes(),
        _ => [format!("{{\"{number}").into_bytes(), vec![0xff, 0x00]].concat(),
    }
}

/// The chat application's file: what is wrong is under `endpoints.bedrock`, or the whole file is no YAML.
fn broken_librechat(number: usize) -> Vec<u8> {
    let bedrock = |line: String| format!("endpoints:\n  bedrock:\n    {line}\n").into_bytes();
    match number % 8 {
        0 => bedrock(format!("models: {number}")),
        1 => bedrock(format!("inferenceProfiles: [a{number}]")),
        2 => bedrock(format!("inferenceProfiles: {{fast: '${{UNSET_{number}}}'}}")),
        3 => bedrock(format!("unknown{number}: true")),
        4 => bedrock(format!("guardrailConfig: {{guardrailIdentifier: g{number}}}")),
        5 => format!("endpoints:\n\tbedrock: {{models: [a{number}]}}\n").into_bytes(),
        6 => bedrock(format!("availableRegions: [nowhere_{number}]")),
        _ => format!("endpoints: {{bedrock: {{models: [a{number}\n").into_bytes(),
    }
}

#[test]
fn five_hundred_broken_variants_cost_no_request() {
    let gateway = serve_good();
    survives(&gateway, "outcrop.yaml", 500, broken);
    gateway.write("outcrop.yaml", GOOD.replace("lite", "pro").as_bytes());
    assert!(gateway.verdict().contains("the configuration was reloaded"));
    assert!(gateway.ask("fast", "secret-a").contains("outcrop-model: amazon.nova-pro-v1:0"));
}

/// The other files that are followed: the variables, a saved survey, and LibreChat's own file.
#[test]
fn every_other_file_may_be_broken_as_well() {
    let gateway = serve_good();
    survives(&gateway, ".env", 200, broken_variables);
    gateway.write(".env", b"ANA=secret-b\n");
    assert!(gateway.verdict().contains("keys.ana: another secret"));

    let mut args = SERVE.to_vec();
    args.extend(["--config", "outcrop.yaml"]);
    let good = "aliases: {fast: amazon.nova-lite-v1:0}\ncatalog: {snapshot: discovered.json}\n";
    let surveyed =
        Outcrop::new(&args).file("outcrop.yaml", good).file("discovered.json", "{\"us-east-1\": {}}");
    let gateway = Watched::start(surveyed);
    survives(&gateway, "discovered.json", 100, broken_survey);
    gateway.write("discovered.json", b"{}");
    assert!(gateway.verdict().contains("the configuration was reloaded"));

    let mut args = SERVE.to_vec();
    args.extend(["--config", "librechat.yaml"]);
    let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    let good =
        format!("endpoints:\n  bedrock:\n    models: [fast]\n    inferenceProfiles: {{fast: '{arn}'}}\n");
    let gateway = Watched::start(Outcrop::new(&args).file("librechat.yaml", &good));
    survives(&gateway, "librechat.yaml", 200, broken_librechat);
    gateway.write("librechat.yaml", good.replace("lite", "pro").as_bytes());
    assert!(gateway.verdict().contains("the configuration was reloaded"));
    assert!(gateway.ask("fast", "secret-a").contains("outcrop-model: amazon.nova-pro-v1:0"));
}
