//! As whom AWS is called: accounts of keys and routes, roles assumed at the emulator's STS, and keys that rotate under load.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::Method;
use outcrop_bedrock::control::NewProfile;
use outcrop_bedrock::control::sts::RoleToAssume;
use outcrop_bedrock::{Chain, Client, Container, Credentials, Endpoint, Endpoints, Given, Network, Service};
use outcrop_emulator::{Config, Emulator, Keys};
use outcrop_gateway::keys::{Keys as Keyring, NewKey};
use outcrop_gateway::{Accounts, Failover, Key, Settings, Step};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fault_table::say;
use crate::rig::{Books, Plan, Rig, own_keys};

/// An emulated account, by the address of all its services.
struct Account {
    client: Client,
}

impl Account {
    /// The account of the emulator's own keys.
    async fn at(url: &str) -> Self {
        Self::of(url, &Keys::default().access_key_id)
    }

    /// The account whose user has this access key id.
    fn of(url: &str, access_key_id: &str) -> Self {
        let endpoint = Endpoint::parse(url).unwrap();
        let endpoints = Endpoints {
            runtime: Some(endpoint.clone()),
            control: Some(endpoint.clone()),
            neighbours: Service::ALL.map(|service| (service, endpoint.clone())).into(),
            ..Endpoints::default()
        };
        let keys = Keys { access_key_id: access_key_id.to_owned(), ..Keys::default() };
        Self { client: Client::new(own_keys(&keys), endpoints) }
    }

    /// Makes an application profile over a system profile of Nova Lite; its ARN.
    async fn profile(&self, account: &str) -> String {
        let profile = NewProfile {
            name: "team".to_owned(),
            copy_from: format!("arn:aws:bedrock:us-east-1:{account}:inference-profile/{LITE}"),
            description: None,
            tags: BTreeMap::new(),
        };
        self.client.create_inference_profile(&profile, "us-east-1").await.unwrap().inference_profile_arn
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

/// Two accounts behind one gateway: its own, and one that it assumes a role of for the key `b`; and the ARN of a profile that the other
/// alone has.
async fn two_accounts(change: impl FnOnce(&mut Settings, &str)) -> (Rig, String) {
    let keys = ["a", "b"].map(|key| Key::new(key, format!("secret-{key}"))).to_vec();
    let rig = Rig::start(Plan { keys, ..Plan::default() }).await;
    let (own, other) = (Account::at(&rig.emulator).await, Account::of(&rig.emulator, OTHER));
    let role = other.role("guest", Some(EVERYTHING)).await;
    let arn = other.profile(OTHER).await;
    let mut settings = rig.settings.clone();
    settings.accounts = Accounts {
        credentials: BTreeMap::from([("other".to_owned(), own.as_role(role))]),
        routes: BTreeMap::new(),
        keys: BTreeMap::from([("b".to_owned(), "other".to_owned())]),
    };
    change(&mut settings, &arn);
    rig.reloader.apply(&settings).await.unwrap();
    (rig, arn)
}

/// Who is billed for each call.
fn payers(books: &Books) -> Vec<&str> {
    books.bill.iter().filter_map(|entry| entry["accountId"].as_str()).collect()
}

const OWN: &str = "123456789012";
const OTHER: &str = "210987654321";
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

/// The profile is in the other account alone. A key of that account may use it, others are told how; that they may not, and that they asked
/// first, is nothing to it.
#[tokio::test]
async fn a_profile_of_another_account_is_called_as_that_account() {
    let (rig, arn) = two_accounts(|_, _| {}).await;
    let (status, text) = ask(&rig, "secret-a", &arn).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("no resource-based policy allows"), "{text}");
    assert!(text.contains(&format!("arn:aws:iam::{OTHER}:role/")), "a hint says what to do: {text}");
    for _ in 0..2 {
        let (status, text) = ask(&rig, "secret-b", &arn).await;
        assert_eq!(status, 200, "{text}");
    }
    let of_own = rig.profiles[0].clone();
    assert_eq!(ask(&rig, "secret-b", &of_own).await.0, 403, "nor is the first account's for the other");
    assert_eq!(ask(&rig, "secret-a", LITE).await.0, 200);
    assert_eq!(ask(&rig, "secret-b", LITE).await.0, 200);
    let books = rig.books().await;
    let served = books.rows.iter().filter(|row| row.status == 200);
    let rows: Vec<_> = served.map(|row| (row.target.as_str(), row.account.as_deref())).collect();
    assert_eq!(rows, [(&*arn, Some("other")), (&arn, Some("other")), (LITE, None), (LITE, Some("other"))]);
    assert_eq!(payers(&books), [OTHER, OTHER, OWN, OTHER]);
}

#[tokio::test]
async fn a_route_leads_to_its_account_whoever_asks() {
    let (rig, arn) = two_accounts(|settings, arn| {
        settings.accounts.routes = [MICRO, arn].map(|route| (route.to_owned(), "other".to_owned())).into();
    })
    .await;
    for model in [MICRO, &arn, LITE] {
        let (status, text) = ask(&rig, "secret-a", model).await;
        assert_eq!(status, 200, "{model}: {text}");
    }
    assert_eq!(payers(&rig.books().await), [OTHER, OTHER, OWN]);
}

/// Quotas are an account's: that one is throttled opens no circuit breaker of another.
#[tokio::test]
async fn an_account_that_is_throttled_is_no_matter_of_another() {
    let (rig, _) = two_accounts(|settings, _| {
        let way = vec![Step::Region("us-west-2".to_owned())];
        settings.failover = Failover::new([(Failover::ANY.to_owned(), way)]);
    })
    .await;
    rig.stand(Some(&format!("ThrottlingException;region=us-east-1;account={OTHER}"))).await;
    for number in 0..8 {
        let body = json!({"model": LITE, "messages": [{"role": "user", "content": format!("{number}")}]});
        let headers = [("authorization", "Bearer secret-b")];
        let answer = rig.send(Method::POST, "/v1/chat/completions", &headers, body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(ask(&rig, "secret-a", LITE).await.0, 200);
    let books = rig.books().await;
    let refused = books.rows.iter().filter(|row| row.status == 429).count();
    assert!((1..8).contains(&refused), "the breaker of the other account opened: {refused}");
    let own: Vec<_> = books.bill.iter().filter(|entry| entry["accountId"] == OWN).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["region"], "us-east-1", "its own breaker is closed");
}

/// A key that was made at run time for an account is never served by another.
#[tokio::test]
async fn a_key_made_at_run_time_has_its_account() {
    let (rig, arn) = two_accounts(|_, _| {}).await;
    let keys = Keyring::open(&rig.settings.data_dir).await.unwrap();
    let made = async |name: &str, account: Option<&str>| {
        let account = account.map(str::to_owned);
        keys.create(&NewKey { name: name.to_owned(), account, ..NewKey::default() }).await.unwrap()
    };
    let (own, other) = (made("x", None).await, made("y", Some("other")).await);
    let lost = made("z", Some("gone")).await;
    assert_eq!(ask(&rig, &own, LITE).await.0, 200);
    assert_eq!(ask(&rig, &other, &arn).await.0, 200);
    let (status, text) = ask(&rig, &lost, LITE).await;
    assert_eq!(status, 403);
    assert!(text.contains("`gone`"), "{text}");
    assert_eq!(payers(&rig.books().await), [OWN, OTHER]);
}

/// AWS's chain over these two files, and a container's agent at this address.
fn chain(files: [PathBuf; 2], agent: Option<String>) -> Credentials {
    let container = agent.map(|address| Container { address, token_file: None, token: None });
    let given = Given { files: Some(files.clone()), container, no_metadata: true, ..Given::default() };
    Credentials::chain(Chain {
        profile: None,
        region: "us-east-1".to_owned(),
        network: Network::default(),
        fips: false,
        dual_stack: false,
        files: files.to_vec(),
        given,
    })
}

/// F24: the shared file is replaced, and written in place by somebody who stops half way, while requests run: the new keys are used
/// soon, and nobody notices. Each file has the keys of another account, so that the bill tells which were in use.
#[tokio::test]
async fn a_shared_file_is_swapped_under_load_and_no_client_sees_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = ["config", "credentials"].map(|name| folder.path().join(name));
    let secret = Keys::default().secret_access_key;
    let text = |account: &str| {
        format!("[default]\naws_access_key_id = {account}\naws_secret_access_key = {secret}\n")
    };
    let accounts = ["000000000001", "000000000002", "000000000003"];
    std::fs::write(&files[1], text(accounts[0])).unwrap();
    let rig = Rig::start(Plan { credentials: Some(chain(files.clone(), None)), ..Plan::default() }).await;
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string();
    let path = format!("/model/{LITE}/converse");
    let load = || async {
        while !done.load(Ordering::Relaxed) {
            let answer = rig.post(&path, body.clone()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    let is_billed = async |account: &str| {
        while !rig.bill().await.iter().any(|entry| entry["accountId"] == account) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let rotate = async {
        is_billed(accounts[0]).await;
        // Half of a file: keys that are none.
        let half = text(accounts[1]);
        std::fs::write(&files[1], &half[..half.len() - secret.len() - 1]).unwrap();
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 20 {
            tokio::task::yield_now().await;
        }
        std::fs::write(&files[1], half).unwrap();
        is_billed(accounts[1]).await;
        let beside = folder.path().join("credentials.new");
        std::fs::write(&beside, text(accounts[2])).unwrap();
        std::fs::rename(beside, &files[1]).unwrap();
        is_billed(accounts[2]).await;
        // A file that is broken for good leaves the keys in use that were.
        std::fs::write(&files[1], "[default").unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        done.store(true, Ordering::Relaxed);
    };
    let rotated =
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(rotate, load(), load()) });
    rotated.await.expect("each file is noticed");
    let bill = rig.books().await;
    let mut used: Vec<_> = payers(&bill);
    used.dedup();
    assert_eq!(used, accounts, "each once, in order");
    say("F24", "a shared file is swapped under load", sent.into_inner().try_into().unwrap(), &[]);
}

/// The agent of a container whose first keys are about to end; counts how often it was asked.
async fn agent() -> (String, Arc<AtomicU64>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut heard = Vec::new();
                while stream.read_buf(&mut heard).await.is_ok_and(|bytes| bytes > 0) {
                    let Some(end) = heard.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
                    heard.drain(..end + 4);
                    let answer = keys_from_agent(&count).await;
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, asked)
}

async fn keys_from_agent(count: &AtomicU64) -> String {
    let lives = match count.fetch_add(1, Ordering::Relaxed) {
        // They end within the five minutes, and are renewed early.
        0 => Duration::from_secs(4 * 60),
        _ => {
            // Long enough for everybody to meet the old ones.
            tokio::time::sleep(Duration::from_millis(300)).await;
            Duration::from_secs(60 * 60)
        }
    };
    let Keys { access_key_id, secret_access_key, .. } = Keys::default();
    let ends = jiff::Timestamp::try_from(SystemTime::now() + lives).unwrap();
    json!({"AccessKeyId": access_key_id, "SecretAccessKey": secret_access_key, "Expiration": ends.to_string()})
        .to_string()
}

/// F24: keys that end in less than five minutes are renewed once, by one request, while the others go on with the old ones.
#[tokio::test]
async fn keys_are_renewed_early_and_once_under_load() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = ["config", "credentials"].map(|name| folder.path().join(name));
    let (address, asked) = agent().await;
    let rig = Rig::start(Plan { credentials: Some(chain(files, Some(address))), ..Plan::default() }).await;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string();
    let path = format!("/model/{LITE}/converse");
    for _ in 0..10 {
        let requests = (0..20).map(|_| rig.post(&path, body.clone()));
        for answer in futures_util::future::join_all(requests).await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "the first time, and once early");
    say("F24", "keys are renewed early and once", 200, &[]);
}
