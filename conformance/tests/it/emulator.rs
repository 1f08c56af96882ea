//! A running `outcrop emulate`, and AWS's clients for it.

use std::path::Path;
use std::process::Stdio;

use aws_sdk_bedrock::config::http::HttpResponse;
use aws_sdk_bedrock::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_bedrock::error::SdkError;
use aws_smithy_http_client::{Builder, tls};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How the clients reach it: HTTP/1.1 in the clear, or h2 over TLS with the emulator's own CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Clear,
    Tls,
}

/// Both.
pub const TRANSPORTS: [Transport; 2] = [Transport::Clear, Transport::Tls];

/// An emulator, and the clients that know it. It ends with the value.
pub struct Emulator {
    _process: Child,
    /// Kept open, because it may go on printing.
    _stdout: Lines<BufReader<ChildStdout>>,
    _folder: tempfile::TempDir,
    pub control: aws_sdk_bedrock::Client,
    pub runtime: aws_sdk_bedrockruntime::Client,
}

/// Starts one.
pub async fn start(transport: Transport) -> Emulator {
    let binary = std::env::var("OUTCROP_BIN").expect("OUTCROP_BIN names the binary under test");
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let mut command = Command::new(binary);
    command.args(["emulate", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    if transport == Transport::Tls {
        command.arg("--tls");
    }
    let mut process = command
        .env_clear()
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary can be started");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let (mut url, mut ca) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await.expect("it prints text") {
        if let Some(value) = line.strip_prefix("export AWS_ENDPOINT_URL_BEDROCK=") {
            url = value.to_owned();
        }
        if let Some(value) = line.strip_prefix("export AWS_CA_BUNDLE=") {
            ca = value.trim_matches('\'').to_owned();
        }
        if line.starts_with("# profile") {
            break;
        }
    }
    let http = match transport {
        Transport::Clear => Builder::new().build_http(),
        Transport::Tls => trusting(Path::new(&ca)),
    };
    let (control, runtime) = clients(&url, &http);
    Emulator { _process: process, _stdout: lines, _folder: folder, control, runtime }
}

fn trusting(ca: &Path) -> SharedHttpClient {
    let certificate = std::fs::read(ca).unwrap_or_else(|error| panic!("{}: {error}", ca.display()));
    let store = tls::TrustStore::empty().with_pem_certificate(certificate);
    let context =
        tls::TlsContext::builder().with_trust_store(store).build().expect("the CA is a certificate");
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Builder::new().tls_provider(provider).tls_context(context).build_https()
}

fn clients(url: &str, http: &SharedHttpClient) -> (aws_sdk_bedrock::Client, aws_sdk_bedrockruntime::Client) {
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let keys = Credentials::new(KEY, SECRET, None, None, "conformance");
    let control = aws_sdk_bedrock::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(keys.clone())
        .http_client(http.clone())
        .endpoint_url(url)
        .build();
    let runtime = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(keys)
        .http_client(http.clone())
        .endpoint_url(url)
        .build();
    (aws_sdk_bedrock::Client::from_conf(control), aws_sdk_bedrockruntime::Client::from_conf(runtime))
}

/// What went well, or a panic with the whole error.
pub trait Done<T> {
    fn done(self, what: &str) -> T;
}

impl<T, E: std::fmt::Debug> Done<T> for Result<T, SdkError<E, HttpResponse>> {
    fn done(self, what: &str) -> T {
        self.unwrap_or_else(|error| panic!("{what}: {error:?}"))
    }
}
