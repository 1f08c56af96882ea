//! Another way where the first one fails: taken before anything was generated, kept by the conversation, told to the client.

use std::collections::BTreeSet;

use http::Method;
use outcrop_catalog::Residency;
use outcrop_gateway::{Failover, Step};
use serde_json::json;

use crate::rig::{Answer, Books, Plan, Rig};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

fn to_oregon() -> Failover {
    Failover::new([(Failover::ANY.to_owned(), vec![Step::Region("us-west-2".to_owned())])])
}

fn chat(text: &str, stream: bool) -> String {
    json!({"model": MODEL, "stream": stream, "max_tokens": 60, "messages": [{"role": "user", "content": text}]})
        .to_string()
}

async fn ask(rig: &Rig, text: &str) -> Answer {
    rig.post("/v1/chat/completions", chat(text, false)).await
}

fn regions(books: &Books) -> BTreeSet<&str> {
    books.bill.iter().filter_map(|entry| entry["region"].as_str()).collect()
}

#[tokio::test]
async fn a_region_that_is_out_is_left_on_every_surface() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    rig.stand(Some("region-outage;region=us-east-1")).await;
    // Each is a conversation of its own: one that has moved would not ask us-east-1 again.
    let converse =
        |text: &str| json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string();
    let responses = |text: &str, stream| json!({"model": MODEL, "stream": stream, "input": text}).to_string();
    let requests = [
        ("/v1/chat/completions".to_owned(), chat("a", false)),
        ("/v1/chat/completions".to_owned(), chat("b", true)),
        ("/v1/responses".to_owned(), responses("c", false)),
        ("/v1/responses".to_owned(), responses("d", true)),
        ("/v1/messages".to_owned(), chat("e", false)),
        ("/v1/messages".to_owned(), chat("f", true)),
        (format!("/model/{MODEL}/converse"), converse("g")),
        (format!("/model/{MODEL}/converse-stream"), converse("h")),
    ];
    for (path, body) in &requests {
        let answer = rig.post(path, body.clone()).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        assert_eq!(answer.header("outcrop-region"), "us-west-2", "{path}");
        let told = answer.headers.get_all("outcrop-notice").iter().any(|notice| {
            notice.to_str().is_ok_and(|it| it.starts_with("failover us.amazon.nova-lite-v1:0 in us-east-1"))
        });
        assert!(told, "{path}: {:?}", answer.headers);
    }
    let books = rig.books().await;
    assert_eq!(regions(&books), BTreeSet::from(["us-west-2"]));
    assert_eq!(books.bill.len(), requests.len());
    assert!(books.rows.iter().all(|row| row.target == MODEL));
    let (out, served): (Vec<_>, Vec<_>) = books.rows.iter().partition(|row| row.region == "us-east-1");
    assert_eq!(served.len(), requests.len());
    assert!(
        served.iter().all(|row| row.usage == "exact" && row.notices.as_deref().unwrap().contains("failover"))
    );
    assert!(out.iter().all(|row| row.usage == "none" && row.status == 503));
    assert_eq!(out.len(), 5, "the circuit breaker opened; nobody asked there any more");
}

/// A model that takes only Chat Completions is no way for a Messages request: the next one is taken.
#[tokio::test]
async fn a_way_that_does_not_take_the_clients_api_is_passed_over() {
    let to = |identifier: &str| Step::Identifier { identifier: identifier.to_owned(), region: None };
    let ways = vec![to("deepseek.v3.1"), Step::Region("us-west-2".to_owned())];
    let failover = Failover::new([(Failover::ANY.to_owned(), ways)]);
    let rig = Rig::start(Plan { failover, ..Plan::default() }).await;
    rig.stand(Some("ThrottlingException;region=us-east-1")).await;
    let answer = rig.post("/v1/messages", chat("a", false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("outcrop-region"), "us-west-2");
}

#[tokio::test]
async fn what_was_left_and_given_up_is_counted() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    rig.stand(Some("region-outage;region=us-east-1")).await;
    let figure = async |name: &str| {
        let figures = rig.get("/metrics").await.text();
        let line = figures.lines().find(|line| line.starts_with(&format!("{name} "))).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {figures}"))
    };
    assert_eq!(figure("outcrop_breakers_open").await, "outcrop_breakers_open 0");
    for text in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(ask(&rig, text).await.header("outcrop-region"), "us-west-2");
    }
    assert_eq!(figure("outcrop_failovers_total").await, "outcrop_failovers_total 6");
    assert_eq!(figure("outcrop_breakers_open").await, "outcrop_breakers_open 1");
    assert_eq!(figure("outcrop_drains").await, "outcrop_drains 0");
}

#[tokio::test]
async fn a_conversation_stays_where_its_prompt_is_cached() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    let throttled = [("x-outcrop-fault", "ThrottlingException;region=us-east-1")];
    let first = rig.send(Method::POST, "/v1/chat/completions", &throttled, chat("one", false)).await;
    assert_eq!(first.header("outcrop-region"), "us-west-2");
    let later = json!({"model": MODEL, "max_tokens": 60, "messages": [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}]});
    let later = rig.post("/v1/chat/completions", later.to_string()).await;
    assert_eq!(later.header("outcrop-region"), "us-west-2");
    assert_eq!(ask(&rig, "another").await.header("outcrop-region"), "us-east-1");
}

#[tokio::test]
async fn an_exception_in_the_first_frame_goes_elsewhere_and_one_in_the_middle_does_not() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    for (fault, region) in [
        ("ThrottlingException;at=first;region=us-east-1", "us-west-2"),
        ("ThrottlingException;at=mid;region=us-east-1", "us-east-1"),
        ("cut;at=mid;region=us-east-1", "us-east-1"),
    ] {
        rig.stand(Some(fault)).await;
        let answer = rig.post("/v1/chat/completions", chat(fault, true)).await;
        assert_eq!((answer.status.as_u16(), answer.header("outcrop-region")), (200, region), "{fault}");
        let failed = answer.events().last().unwrap()["error"].is_object();
        assert_eq!(failed, region == "us-east-1", "{fault}");
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_wrong_everywhere() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    for fault in
        ["ValidationException", "AccessDeniedException", "ModelTimeoutException", "ModelErrorException"]
    {
        rig.stand(Some(&format!("{fault};region=us-east-1"))).await;
        let answer = ask(&rig, fault).await;
        assert_eq!(answer.header("outcrop-region"), "us-east-1", "{fault}");
        assert_ne!(answer.status, 200, "{fault}");
    }
    assert!(rig.books().await.rows.iter().all(|row| row.region == "us-east-1"));
}

#[tokio::test]
async fn no_way_leaves_the_residency_policy() {
    let ways = ["us-west-2", "us-west-1", "ap-northeast-1"].map(|region| Step::Region(region.to_owned()));
    let ways = ways.into_iter().chain([
        Step::Geography("global".to_owned()),
        Step::Identifier {
            identifier: "us.amazon.nova-pro-v1:0".to_owned(),
            region: Some("us-east-2".to_owned()),
        },
        Step::Region("eu-west-1".to_owned()),
    ]);
    let failover = Failover::new([(Failover::ANY.to_owned(), ways.collect())]);
    let rig = Rig::start(Plan { failover, ..Plan::default() }).await;
    let mut settings = rig.settings.clone();
    settings.region = "eu-central-1".to_owned();
    let policy = Residency::default().processed_in(&[], &["eu".to_owned()], "test").unwrap();
    settings.catalog = settings.catalog.under(policy);
    rig.reloader.apply(&settings).await.unwrap();
    rig.stand(Some("region-outage;region=eu-central-1")).await;
    let body = json!({"model": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": "hi"}]})
        .to_string();
    let answer = rig.post("/v1/chat/completions", body.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("outcrop-region")),
        (200, "eu-west-1"),
        "{}",
        answer.text()
    );
    rig.stand(Some("region-outage")).await;
    let answer = rig.post("/v1/chat/completions", body).await;
    assert_eq!(answer.status, 503);
    let books = rig.books().await;
    assert_eq!(regions(&books), BTreeSet::from(["eu-west-1"]));
    assert!(books.rows.iter().all(|row| row.region.starts_with("eu-")), "{:?}", books.rows);
}

#[tokio::test]
async fn what_a_region_lacks_is_found_in_another() {
    let rig = Rig::start(Plan { failover: to_oregon(), ..Plan::default() }).await;
    rig.stand(Some("ModelNotReadyException;region=us-east-1")).await;
    assert_eq!(ask(&rig, "a").await.header("outcrop-region"), "us-west-2");
    rig.stand(Some("ServiceQuotaExceededException;region=us-east-1")).await;
    assert_eq!(ask(&rig, "b").await.header("outcrop-region"), "us-west-2");
    let books = rig.books().await;
    assert_eq!(regions(&books), BTreeSet::from(["us-west-2"]));
}
