//! As whom AWS is called: accounts of keys and routes, roles assumed at the emulator's STS, and keys that rotate under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use outcrop_bedrock::control::sts::RoleToAssume;
use outcrop_bedrock::{Client, Credentials, Endpoint, Endpoints, Service};
use outcrop_emulator::{Config, Emulator, Keys};
use outcrop_gateway::{Accounts, Key};
use serde_json::json;

use crate::fault_table::say;
use crate::rig::{Plan, Rig, own_keys};

/// An emulated account, by the address of all its services.
struct Account {
    client: Client,
}

impl Account {
    async fn at(url: &str) -> Self {
        let endpoint = Endpoint::parse(url).unwrap();
        let endpoints = Endpoints {
            runtime: Some(endpoint.clone()),
            control: Some(endpoint.clone()),
            neighbours: Service::ALL.map(|service| (service, endpoint.clone())).into(),
            ..Endpoints::default()
        };
        Self { client: Client::new(own_keys(&Keys::default()), endpoints) }
    }

    /// Makes a role for whoever knows its external id and tags the session with its name, with a policy of its own.
    async fn role(&self, name: &str, policy: Option<&str>) -> RoleToAssume {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {"sts:ExternalId": "handshake", "aws:RequestTag/team": name}}}]});
        let arn = self.client.create_role(name, &trust.to_string(), "a team's").await.unwrap();
        if let Some(policy) = policy {
            self.client.put_role_policy(name, "bedrock", policy).await.unwrap();
        }
        RoleToAssume {
            arn,
            session_name: "outcrop".to_owned(),
            external_id: Some("handshake".to_owned()),
            tags: vec![("team".to_owned(), name.to_owned())],
            duration_seconds: Some(900),
        }
    }

    fn as_role(&self, role: RoleToAssume) -> Credentials {
        Credentials::role(self.client.acting_as(own_keys(&Keys::default())), role, "us-east-1")
    }
}

const EVERYTHING: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}"#;
/// The emulator whose STS is asked has to be there before the gateway that asks it.
async fn account() -> (Account, String, tokio::task::JoinHandle<()>) {
    let listen = ([127, 0, 0, 1], 0).into();
    let emulator = Emulator::bind(Config { listen, data_dir: None, ..Config::default() }).await.unwrap();
    let url = format!("http://{}", emulator.local_addr());
    let serving = tokio::spawn(emulator.serve(std::future::pending()));
    (Account::at(&url).await, url, serving)
}

const LITE: &str = "us.amazon.nova-lite-v1:0";
const MICRO: &str = "us.amazon.nova-micro-v1:0";

async fn ask(rig: &Rig, key: &str, model: &str) -> (u16, String) {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    let answer = rig.send(Method::POST, "/v1/chat/completions", &headers, body).await;
    (answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn a_key_and_a_route_choose_the_account_and_the_route_decides() {
    let (account, url, _serving) = account().await;
    let credentials = BTreeMap::from([
        ("able".to_owned(), account.as_role(account.role("able", Some(EVERYTHING)).await)),
        ("unable".to_owned(), account.as_role(account.role("unable", None).await)),
    ]);
    let name = |name: &str| name.to_owned();
    let accounts = Accounts {
        credentials,
        routes: BTreeMap::from([(name(MICRO), name("unable"))]),
        keys: BTreeMap::from([(name("a"), name("able")), (name("b"), name("unable"))]),
    };
    let keys = ["a", "b", "d"].map(|key| Key::new(key, format!("secret-{key}"))).to_vec();
    let runtime = Some(Endpoint::parse(&url).unwrap());
    let rig = Rig::start(Plan { accounts, keys, runtime, ..Plan::default() }).await;
    assert_eq!(ask(&rig, "secret-a", LITE).await.0, 200);
    let (status, text) = ask(&rig, "secret-b", LITE).await;
    assert_eq!(status, 403, "{text}");
    assert!(
        text.contains("assumed-role/unable/outcrop is not authorized to perform: bedrock:InvokeModel"),
        "{text}"
    );
    assert_eq!(ask(&rig, "secret-d", LITE).await.0, 200, "the gateway's own credentials");
    let (status, text) = ask(&rig, "secret-a", MICRO).await;
    assert_eq!((status, text.contains("assumed-role/unable")), (403, true), "{text}");
}

/// F24: what AWS refuses as expired is renewed once and sent again, whoever else asks meanwhile: nobody sees it. Each rotation is a new
/// session of the emulator's STS. `OUTCROP_FULL` makes it a thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_under_load_and_no_client_sees_it() {
    let rotations: u64 = if std::env::var_os("OUTCROP_FULL").is_some() { 1_000 } else { 60 };
    let (account, url, _serving) = account().await;
    let credentials = Some(account.as_role(account.role("rotating", Some(EVERYTHING)).await));
    let runtime = Some(Endpoint::parse(&url).unwrap());
    let rig = Rig::start(Plan { credentials, runtime, ..Plan::default() }).await;
    let (next, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string();
    let path = format!("/model/{LITE}/converse");
    let rotate = || async {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= rotations {
                return;
            }
            // A counted fault is counted by its text.
            let fault =
                format!("ExpiredTokenException;count=1{}", ";".repeat(usize::try_from(number).unwrap()));
            let headers = [("x-outcrop-fault", fault.as_str())];
            let rotated = rig.send(Method::POST, &path, &headers, body.clone());
            let plain = [(); 3].map(|()| rig.post(&path, body.clone()));
            let (rotated, plain) = tokio::join!(rotated, futures_util::future::join_all(plain));
            for answer in plain.into_iter().chain([rotated]) {
                assert_eq!(answer.status, 200, "{}", answer.text());
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    tokio::join!(rotate(), rotate(), rotate(), rotate());
    assert_eq!(sent.load(Ordering::Relaxed), rotations * 4);
    say("F24", "keys rotate under load", usize::try_from(rotations * 4).unwrap(), &[]);
}
