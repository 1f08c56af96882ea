//! A gateway with the emulator behind it, and a client in front.

use std::path::PathBuf;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use outcrop_bedrock::{Credentials, Endpoint, Endpoints, Network};
use outcrop_catalog::{Catalog, Layer, Source};
use outcrop_emulator::{Config, Emulator, Keys};
use outcrop_gateway::ledger::{By, FILE, Ledger, Summary};
use outcrop_gateway::{
    Accounts, Collector, Failover, Gateway, Guardrail, Key, LanePolicy, OnDisconnect, Reloader,
    RequestPolicy, Settings,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use tempfile::TempDir;

use crate::relay::{self, Toxic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What differs between tests.
#[derive(Default)]
pub struct Plan {
    pub replay: Vec<PathBuf>,
    pub layer: Layer,
    pub accounts: Accounts,
    /// Instead of the emulator's pair of keys.
    pub credentials: Option<Credentials>,
    /// The way to the emulator.
    pub network: Network,
    /// Where invocations go, when not straight to the emulator.
    pub runtime: Option<Endpoint>,
    /// A relay between the gateway and the emulator, and what it does to answers.
    pub relay: Option<Toxic>,
    pub keys: Vec<Key>,
    pub lane: LanePolicy,
    pub requests: RequestPolicy,
    pub guardrail: Option<Guardrail>,
    pub on_disconnect: OnDisconnect,
    pub failover: Failover,
    pub collector: Option<Collector>,
    /// Listen on every address of the machine.
    pub open: bool,
}

pub struct Rig {
    pub gateway: String,
    pub emulator: String,
    pub profiles: Vec<String>,
    pub settings: Settings,
    pub reloader: Reloader,
    client: Client<HttpConnector, Full<Bytes>>,
    data: TempDir,
    stop: Vec<oneshot::Sender<()>>,
    servers: Vec<JoinHandle<()>>,
}

/// One row of the ledger.
#[derive(Debug, Clone)]

pub struct Row {
    /// Ours, as in `outcrop-request-id`.
    pub id: String,
    pub request_id: Option<String>,
    pub region: String,
    pub target: String,
    pub status: i64,
    pub error: Option<String>,
    pub usage: String,
    pub input: i64,
    pub output: i64,
    pub notices: Option<String>,
    pub account: Option<String>,
}

impl Row {
    fn read(row: &SqliteRow) -> Self {
        Self {
            id: row.get("gatewayRequestId"),
            request_id: row.get("requestId"),
            region: row.get("region"),
            target: row.get("modelId"),
            status: row.get("status"),
            error: row.get("errorCode"),
            usage: row.get("usage"),
            input: row.get("inputTokenCount"),
            output: row.get("outputTokenCount"),
            notices: row.get("notices"),
            account: row.get("account"),
        }
    }
}

/// Ours and the emulator's.
pub struct Books {
    pub rows: Vec<Row>,
    pub bill: Vec<serde_json::Value>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of each `data:` line of a server-sent event stream; `[DONE]` as a string.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into())).collect()
    }

    /// `relay` or `translate`.
    pub fn lane(&self) -> &str {
        self.header("outcrop-lane").split(';').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The emulator's administrator.
pub fn own_keys(keys: &Keys) -> Credentials {
    Credentials::keys(&keys.access_key_id, &keys.secret_access_key, None).unwrap()
}

impl Rig {
    pub async fn start(plan: Plan) -> Self {
        let data = TempDir::new().unwrap();
        let any_port = ([127, 0, 0, 1], 0).into();
        let keys = Keys::default();
        let emulator = Emulator::bind(Config {
            listen: any_port,
            data_dir: None,
            keys: keys.clone(),
            seed_profiles: true,
            replay: plan.replay,
            ..Config::default()
        })
        .await
        .unwrap();
        let emulator_url = format!("http://{}", emulator.local_addr());
        let profiles = emulator.profiles().iter().map(|profile| profile.arn.clone()).collect();
        let endpoint = Endpoint::parse(&emulator_url).unwrap();
        let mut runtime = plan.runtime;
        if let Some(toxic) = plan.relay {
            let port = relay::start(emulator.local_addr(), toxic).await.port();
            runtime = Some(Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap());
        }
        let settings = Settings {
            listen: if plan.open { ([0, 0, 0, 0], 0).into() } else { any_port },
            data_dir: data.path().to_owned(),
            region: "us-east-1".to_owned(),
            upstream: Endpoints {
                runtime: Some(runtime.unwrap_or_else(|| endpoint.clone())),
                control: Some(endpoint),
                network: plan.network,
                ..Endpoints::default()
            },
            credentials: plan.credentials.unwrap_or_else(|| own_keys(&keys)),
            accounts: plan.accounts,
            catalog: Catalog::built_in().with(Source::File("test".to_owned()), plan.layer),
            keys: plan.keys,
            lane: plan.lane,
            requests: plan.requests,
            guardrail: plan.guardrail,
            failover: plan.failover,
            on_disconnect: plan.on_disconnect,
            collector: plan.collector,
            local: true,
        };
        let gateway = Gateway::bind(settings.clone()).await.unwrap();
        let reloader = gateway.reloader();
        let gateway_url = format!("http://127.0.0.1:{}", gateway.local_addr().port());
        let (stop_gateway, gateway_stopped) = oneshot::channel::<()>();
        let (stop_emulator, emulator_stopped) = oneshot::channel::<()>();
        let servers = vec![
            tokio::spawn(gateway.serve(async { drop(gateway_stopped.await) })),
            tokio::spawn(emulator.serve(async { drop(emulator_stopped.await) })),
        ];
        Self {
            gateway: gateway_url,
            emulator: emulator_url,
            profiles,
            settings,
            reloader,
            client: Client::builder(TokioExecutor::new()).build_http(),
            data,
            stop: vec![stop_gateway, stop_emulator],
            servers,
        }
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[], body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.gateway));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// The head of an answer, and its body still to be read.
    pub async fn begin(&self, path: &str, body: impl Into<Bytes>, fault: &str) -> (Parts, Incoming) {
        let request = Request::post(format!("{}{path}", self.gateway))
            .header("content-type", "application/json")
            .header("x-outcrop-fault", fault)
            .body(Full::new(body.into()))
            .unwrap();
        self.client.request(request).await.unwrap().into_parts()
    }

    /// Reads the first pieces of an answer and closes the connection.
    pub async fn begin_and_leave(&self, path: &str, body: &str, fault: &str) {
        let address = self.gateway.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-outcrop-fault: {fault}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        let begun = |seen: &[u8]| {
            seen.windows(4).position(|it| it == b"\r\n\r\n").is_some_and(|end| end + 1500 < seen.len())
        };
        while !begun(&seen) {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "{}", String::from_utf8_lossy(&seen));
        }
    }

    /// Makes a guardrail that refuses the word `forbidden` and masks e-mail addresses; its id.
    pub async fn guardrail(&self) -> String {
        let body = r#"{"name": "g", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no",
            "wordPolicyConfig": {"wordsConfig": [{"text": "forbidden"}]}, "sensitiveInformationPolicyConfig":
            {"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]}}"#;
        let made = self.make("/guardrails", body).await;
        made["guardrailId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Has the emulator make something; its answer.
    pub async fn make(&self, path: &str, body: impl Into<Bytes>) -> serde_json::Value {
        self.of_emulator(Method::POST, path, body).await
    }

    /// Asks the emulator itself, past the gateway.
    pub async fn of_emulator(&self, method: Method, path: &str, body: impl Into<Bytes>) -> serde_json::Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.emulator))
            .header("authorization", format!("Bearer {}", Keys::default().bearer))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        let made =
            self.client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&made).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// What the emulator would charge.
    pub async fn bill(&self) -> Vec<serde_json::Value> {
        let request =
            Request::get(format!("{}/_emulator/bill", self.emulator)).body(Full::default()).unwrap();
        let body =
            self.client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let bill: serde_json::Value = serde_json::from_slice(&body).unwrap();
        bill["invocations"].as_array().unwrap().clone()
    }

    /// Sets the fault that stands for every request, or clears it.
    pub async fn stand(&self, fault: Option<&str>) {
        let body = serde_json::json!({ "fault": fault }).to_string();
        let request = Request::post(format!("{}/_emulator/faults", self.emulator)).body(Full::from(body));
        assert_eq!(self.client.request(request.unwrap()).await.unwrap().status(), StatusCode::OK);
    }

    /// Stops the gateway and reads its books, and then what the emulator would charge.
    pub async fn books(mut self) -> Books {
        drop(self.stop.remove(0));
        self.servers.remove(0).await.unwrap();
        let options = SqliteConnectOptions::new().filename(self.data.path().join(FILE));
        let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let rows =
            sqlx::query("SELECT * FROM invocations ORDER BY timestamp").fetch_all(&pool).await.unwrap();
        let rows = rows.iter().map(Row::read).collect();
        Books { rows, bill: self.bill().await }
    }

    /// Stops both servers; their data stays until what is returned is dropped.
    pub async fn stop(self) -> TempDir {
        for stop in self.stop {
            let _ = stop.send(());
        }
        drop(self.client);
        for server in self.servers {
            server.await.unwrap();
        }
        self.data
    }

    /// Stops both servers and reads what the ledger holds.
    pub async fn ledger(self, by: By) -> Vec<Summary> {
        let data = self.stop().await;
        let (ledger, _writer) = Ledger::open(data.path()).await.unwrap();
        ledger.summary(by, None).await.unwrap()
    }
}
