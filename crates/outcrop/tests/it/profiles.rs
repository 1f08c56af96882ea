//! `outcrop profiles …` against the emulator: what is asked, what is made, what is refused before anything is sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::outcrop::Outcrop;

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// An emulated account on a free port. Killed when dropped.
pub struct Aws {
    /// Its address.
    pub url: String,
    _folder: TempDir,
    child: Child,
}

impl Aws {
    /// Starts it and waits until it is ready.
    pub fn start() -> Self {
        let (folder, mut command) =
            Outcrop::new(&["emulate", "--json", "--listen", "127.0.0.1:0"]).into_parts();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready =
            serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>();
        let ready = ready.next().unwrap().unwrap();
        Self { url: ready["url"].as_str().unwrap().to_owned(), _folder: folder, child }
    }

    /// `outcrop profiles ARGS…` with this account's keys, as the emulator prints them.
    pub fn profiles(&self, args: &[&str]) -> Outcrop {
        let prepared = Outcrop::new(&[&["profiles"], args].concat());
        self.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value))
    }

    /// The variables the emulator prints.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ENDPOINT_URL_BEDROCK", &self.url),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ]
    }

    /// A client with the account's keys, for what no command makes.
    pub fn with_client<T>(&self, ask: impl AsyncFnOnce(&outcrop_bedrock::Client) -> T) -> T {
        self.with_client_of(self.variables()[2].1, ask)
    }

    /// A client with the keys of the user who has this access key id: another account's has its number.
    pub fn with_client_of<T>(&self, id: &str, ask: impl AsyncFnOnce(&outcrop_bedrock::Client) -> T) -> T {
        let endpoint = outcrop_bedrock::Endpoint::parse(&self.url).unwrap();
        let neighbours = outcrop_bedrock::Service::ALL.map(|service| (service, endpoint.clone())).into();
        let endpoints = outcrop_bedrock::Endpoints {
            runtime: Some(endpoint.clone()),
            control: Some(endpoint),
            neighbours,
            ..outcrop_bedrock::Endpoints::default()
        };
        let secret = self.variables()[3].1;
        let credentials = outcrop_bedrock::Credentials::keys(id, secret, None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(&outcrop_bedrock::Client::new(credentials, endpoints)))
    }

    /// `POST /_emulator/WHAT`: faults, policies, reset.
    pub fn tell(&self, what: &str, body: &str) {
        self.post(&format!("/_emulator/{what}"), body);
    }

    /// `POST PATH` with the account's bearer key.
    pub fn post(&self, path: &str, body: &str) {
        let address = self.url.trim_start_matches("http://");
        let mut emulator = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            emulator,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer local\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        emulator.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
    }

    /// The names of the application profiles in a Region, without the seeded ones.
    pub fn names(&self, region: &str) -> Vec<String> {
        let listed =
            self.profiles(&["list", "--type", "application", "--region", region, "--json"]).run().json();
        let names = listed.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.filter(|name| !name.starts_with("local-")).collect()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_profiles_whole_life() {
    let aws = Aws::start();
    let created = aws
        .profiles(&[
            "create",
            "team-a",
            "--from",
            SONNET,
            "--description",
            "Chat of team a",
            "--tag",
            "team=a",
        ])
        .run();
    assert!(created.stderr.contains(&format!("created team-a in us-east-1 from arn:aws:bedrock:us-east-1:123456789012:inference-profile/{SONNET}")), "{}", created.stderr);
    let arn = created.succeeded().trim().to_owned();

    // By name, by id and by ARN: the same answer.
    let got = aws.profiles(&["get", "team-a", "--json"]).run().json();
    assert_eq!(got["arn"], arn.as_str());
    assert_eq!(got["models"], json!(["anthropic.claude-sonnet-4-5-20250929-v1:0"]));
    assert_eq!(got["destinationRegions"], json!(["us-east-1", "us-east-2", "us-west-2"]));
    assert_eq!(got["description"], "Chat of team a");
    for identifier in [got["id"].as_str().unwrap(), &arn] {
        assert_eq!(aws.profiles(&["get", identifier, "--json"]).run().json(), got);
    }

    let tagged = aws.profiles(&["tag", "team-a", "env=prod", "team=b", "--json"]).run().json();
    assert_eq!(tagged["tags"], json!({"env": "prod", "team": "b"}));
    let untagged = aws.profiles(&["untag", &arn, "env", "nosuch", "--json"]).run().json();
    assert_eq!(untagged["tags"], json!({"team": "b"}));

    let deleted = aws.profiles(&["delete", "team-a", "--yes", "--json"]).run().json();
    assert_eq!(deleted["deleted"], arn.as_str());
    assert!(aws.names("us-east-1").is_empty());
    let gone = aws.profiles(&["delete", &arn, "--yes"]).run().failed();
    assert!(gone.contains("ResourceNotFoundException") && gone.contains("hint: "), "{gone}");
}

#[test]
fn a_bare_model_becomes_the_profile_of_the_region_and_is_said_so() {
    let aws = Aws::start();
    for (region, model, source) in [
        (
            "us-east-1",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "eu-central-1",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("us-east-1", "amazon.nova-lite-v1:0", "us-east-1::foundation-model/amazon.nova-lite-v1:0"),
    ] {
        let run = aws.profiles(&["create", "x", "--from", model, "--region", region, "--dry-run"]).run();
        let is_said = run.stderr.contains("is called instead");
        assert_eq!(is_said, source.starts_with("inference-profile"), "{}", run.stderr);
        let copied = run.json()["modelSource"]["copyFrom"].as_str().unwrap().to_owned();
        assert!(copied.ends_with(source), "{copied}");
    }
    assert!(aws.names("us-east-1").is_empty(), "a dry run makes nothing");
}

#[test]
fn an_alias_is_a_source_and_librechats_copies_are_not() {
    let aws = Aws::start();
    let run = aws
        .profiles(&["create", "x", "--from", "fast", "--dry-run"])
        .file("outcrop.yaml", "aliases: {fast: us.amazon.nova-lite-v1:0}\n")
        .run();
    assert!(run.json().to_string().contains("inference-profile/us.amazon.nova-lite-v1:0"));
    let copy = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1";
    let mapped = format!("endpoints: {{bedrock: {{inferenceProfiles: {{'{SONNET}': '{copy}'}}}}}}\n");
    let run =
        aws.profiles(&["create", "x", "--from", SONNET, "--dry-run"]).file("librechat.yaml", &mapped).run();
    assert!(run.json().to_string().contains(&format!("inference-profile/{SONNET}")));
}

#[test]
fn what_cannot_be_copied_is_refused_with_the_rule() {
    let aws = Aws::start();
    for (source, rule) in [
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1",
            "AWS copies only foundation models and system profiles",
        ),
        (
            "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",
            "create it there with --region eu-west-1",
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123def456", "cannot be copied"),
        (
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "from us-east-1 use us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("us.anthropic.claude-sonnet-4-5", "hint: "),
        ("us.anthropic.claude-3-opus-20240229-v1:0", "the source cannot be looked up: "),
        ("no such thing", "the source is not found"),
    ] {
        let stderr = aws.profiles(&["create", "x", "--from", source]).run().failed();
        assert!(stderr.contains(rule), "{source}: {stderr}");
    }
    assert!(aws.names("us-east-1").is_empty());
}

#[test]
fn illegal_texts_never_leave_the_machine() {
    // No emulator: a request would fail otherwise.
    let create = |args: &[&str]| {
        let args = [&["profiles", "create"], args, &["--from", SONNET]].concat();
        Outcrop::new(&args).env("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1").run()
    };
    assert!(create(&["Sonnet 4.5"]).failed().contains("hint: write `Sonnet 4-5`"));
    assert!(create(&["a", "--description", "Chat, search"]).failed().contains("hint: write `Chat search`"));
    assert!(create(&["a", "--tag", "team=a&b"]).failed().contains("hint: write `a-b`"));
    assert!(create(&["a", "--tag", "team=a", "--tag", "team=b"]).failed().contains("given twice"));
    assert!(create(&["a", "--tag", "aws:x=a"]).failed().contains("only AWS itself"));
    assert_eq!(create(&["a", "--tag", "team"]).code, 2);
}

#[test]
fn a_taken_name_shows_whose_it_is() {
    let aws = Aws::start();
    let arn = aws.profiles(&["create", "a", "--from", SONNET]).run().succeeded();
    let stderr = aws.profiles(&["create", "a", "--from", "amazon.nova-lite-v1:0"]).run().failed();
    assert!(stderr.contains(arn.trim()) && stderr.contains("exists in us-east-1 already"), "{stderr}");
    assert_eq!(aws.names("us-east-1"), ["a"]);
}

#[test]
fn nothing_is_deleted_without_a_word() {
    let aws = Aws::start();
    aws.profiles(&["create", "team-a", "--from", SONNET]).run().succeeded();
    let run = aws.profiles(&["delete", "team-a"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("hint: add --yes"), "{}", run.stderr);
    assert_eq!(aws.names("us-east-1"), ["team-a"]);
    let stderr = aws.profiles(&["delete", "team-b", "--yes"]).run().failed();
    assert!(stderr.contains("did you mean `team-a`?"), "{stderr}");
    let stderr = aws
        .profiles(&[
            "delete",
            &format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{SONNET}"),
            "--yes",
        ])
        .run()
        .failed();
    assert!(stderr.contains("is not an application profile"), "{stderr}");
}

#[test]
fn an_arn_is_looked_for_in_its_own_region() {
    let aws = Aws::start();
    let arn = aws
        .profiles(&["create", "a", "--from", "eu.amazon.nova-lite-v1:0", "--region", "eu-west-1"])
        .run()
        .succeeded();
    let got = aws.profiles(&["get", arn.trim(), "--json"]).run().json();
    assert_eq!(got["name"], "a");
    let stderr = aws.profiles(&["get", "a"]).run().failed();
    assert!(stderr.contains("profiles are regional"), "{stderr}");
    let system = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{SONNET}");
    assert_eq!(aws.profiles(&["get", &system, "--json"]).run().json()["type"], "SYSTEM_DEFINED");
}

#[test]
fn no_permission_is_named() {
    let aws = Aws::start();
    let run = aws.profiles(&["create", "a", "--from", SONNET]).env("AWS_SECRET_ACCESS_KEY", "wrong").run();
    assert!(run.failed().contains("cannot be read in us-east-1"));
}

#[test]
fn what_env_prints_is_taken_back() {
    let aws = Aws::start();
    let arn = aws.profiles(&["create", "Team a", "--from", SONNET]).run().succeeded();
    aws.profiles(&["create", "team-b", "--from", SONNET]).run().succeeded();
    aws.profiles(&["create", "plain", "--from", "amazon.nova-lite-v1:0"]).run().succeeded();
    aws.profiles(&["create", "everywhere", "--from", "global.anthropic.claude-opus-4-5-20251101-v1:0"])
        .run()
        .succeeded();
    let run = aws.profiles(&["env"]).run();
    assert!(
        run.stderr.contains("team-b (") && run.stderr.contains("takes one profile a model"),
        "{}",
        run.stderr
    );
    let printed = run.succeeded();
    let (env, yaml) = printed.split_once("\n# librechat.yaml\n").unwrap();
    assert!(env.contains(&format!("BEDROCK_TEAM_A_PROFILE={arn}")), "{env}");
    assert!(yaml.contains(&format!("\"{SONNET}\": \"${{BEDROCK_TEAM_A_PROFILE}}\"")), "{yaml}");
    assert!(yaml.contains("\"amazon.nova-lite-v1:0\": \"${BEDROCK_PLAIN_PROFILE}\""), "{yaml}");
    assert!(yaml.contains("\"global.anthropic.claude-opus-4-5-20251101-v1:0\""), "{yaml}");
    let with = |args: &[&str]| {
        Outcrop::new(&[args, &["--env-file", ".env"]].concat()).file(".env", env).file("librechat.yaml", yaml)
    };
    let checked = with(&["config", "check"]).run();
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{printed}");
    let explained = with(&["explain", SONNET, "--json", "--offline"]).run().json();
    assert_eq!(explained["target"], arn.trim());
    assert_eq!(explained["model"], "anthropic.claude-sonnet-4-5-20250929-v1:0");
}
