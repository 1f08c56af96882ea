//! Silence upstream: signs of life for the client, in its own dialect. When they are due: the tests of `stream.rs`; the end
//! of waiting: [`crate::fault_rows`].

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use outcrop_bedrock::{Network, Timeouts};
use outcrop_gateway::{Failover, Step};
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::relay::Toxic;
use crate::rig::{Answer, Books, Plan, Rig};

/// Bytes of an answer, its head included, after which nothing comes: past the first event, before the last.
const HEARD: usize = 1300;
const COMMENT: &str = ": keep-alive\n\n";
const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// Path, body, and what a sign of life looks like: each dialect, translated and relayed.
fn ways(rig: &Rig) -> Vec<(String, Value, &'static str)> {
    let (claude, nova) = (&rig.profiles[0], &rig.profiles[1]);
    let text = "count to 60";
    let chat = |model: &str| json!({"model": model, "stream": true, "messages": [{"role": "user", "content": text}]});
    let response = |model: &str| json!({"model": model, "stream": true, "input": text, "store": false});
    let message = |model: &str| {
        let mut body = chat(model);
        body["max_tokens"] = 500.into();
        body
    };
    let converse = json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
    vec![
        ("/v1/chat/completions".to_owned(), chat(nova), COMMENT),
        ("/v1/chat/completions".to_owned(), chat("openai.gpt-oss-120b"), COMMENT),
        ("/v1/responses".to_owned(), response(nova), COMMENT),
        ("/v1/responses".to_owned(), response("openai.gpt-oss-120b"), COMMENT),
        ("/v1/messages".to_owned(), message(nova), PING),
        ("/v1/messages".to_owned(), message(claude), PING),
        ("/v1/messages".to_owned(), message("anthropic.claude-haiku-4-5"), PING),
        (format!("/model/{nova}/converse-stream"), converse, ""),
    ]
}

/// Reads an answer until so many signs of life were seen, lets the rest of it come, and reads that.
async fn read(rig: &Rig, path: &str, body: &Value, sign: &str, permits: &Semaphore, fault: &str) -> Answer {
    let (head, mut body) = rig.begin(path, body.to_string(), fault).await;
    assert_eq!(head.status, StatusCode::OK, "{path}");
    let mut seen = Vec::new();
    let signs = |seen: &[u8]| String::from_utf8_lossy(seen).matches(sign).count();
    while seen.is_empty() || !sign.is_empty() && signs(&seen) < 3 {
        let frame = body.frame().await.unwrap_or_else(|| panic!("{path}: it ended")).unwrap();
        seen.extend_from_slice(&frame.into_data().unwrap());
    }
    permits.add_permits(1);
    seen.extend_from_slice(&body.collect().await.unwrap().to_bytes());
    Answer { status: head.status, headers: head.headers, body: seen.into() }
}

#[tokio::test]
async fn a_silent_stream_has_signs_of_life_in_every_dialect() {
    let permits: &Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let timeouts = Timeouts { sign_of_life: Duration::from_millis(10), ..Timeouts::default() };
    let network = Network { timeouts, ..Network::default() };
    let rig = Rig::start(Plan { relay: Some(Toxic::Held(HEARD, permits)), network, ..Plan::default() }).await;
    for (path, body, sign) in ways(&rig) {
        let answer = read(&rig, &path, &body, sign, permits, "none").await;
        if sign.is_empty() {
            assert_eq!(events(&answer).last().map(String::as_str), Some("metadata"), "{path}");
            continue;
        }
        let text = answer.text();
        assert!(text.contains("60"), "{path}: what comes after the silence is heard: {text}");
        assert!(!text.contains("\"error\":{"), "{path}: {text}");
    }
    let books = rig.books().await;
    assert!(books.rows.iter().all(|row| row.usage == "exact"), "{:?}", books.rows);
}

/// A rig whose answers stop after their heads.
async fn held_at_the_head(permits: &'static Semaphore, failover: Failover) -> Rig {
    let timeouts = Timeouts { sign_of_life: Duration::from_millis(10), ..Timeouts::default() };
    let network = Network { timeouts, ..Network::default() };
    let relay = Some(Toxic::HeldAtHead(permits));
    Rig::start(Plan { relay, network, failover, ..Plan::default() }).await
}

#[tokio::test]
async fn an_answer_begins_before_its_first_event_when_that_is_late() {
    let permits: &Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let rig = held_at_the_head(permits, Failover::default()).await;
    for (path, body, sign) in ways(&rig) {
        if sign.is_empty() {
            // Bedrock's own stream has no sign of life: its head waits for the first event.
            permits.add_permits(1);
        }
        let answer = read(&rig, &path, &body, sign, permits, "none").await;
        if sign.is_empty() {
            assert_eq!(events(&answer).last().map(String::as_str), Some("metadata"), "{path}");
            continue;
        }
        let text = answer.text();
        assert!(text.starts_with(sign), "{path}: {text}");
        assert!(text.contains("60") && !text.contains("\"error\":{"), "{path}: {text}");
    }
    let books = rig.books().await;
    assert!(books.rows.iter().all(|row| row.usage == "exact"), "{:?}", books.rows);
}

#[tokio::test]
async fn an_exception_that_comes_late_in_place_of_the_first_event_is_an_error_event() {
    let permits: &Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let rig = held_at_the_head(permits, Failover::default()).await;
    let ways = ways(&rig);
    for (path, body, sign) in &ways {
        if sign.is_empty() {
            permits.add_permits(1);
            let (head, _) = rig.begin(path, body.to_string(), LATE).await;
            assert_eq!(head.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
            continue;
        }
        let answer = read(&rig, path, body, sign, permits, LATE).await;
        let text = answer.text();
        let said = text.rsplit_once(sign).map_or("", |(_, said)| said);
        let word = if path.contains("responses") { "rate_limit_exceeded" } else { "rate_limit_error" };
        assert!(said.contains(word), "{path}: {text}");
        assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{path}: {text}");
    }
    let Books { rows, bill } = rig.books().await;
    assert!(bill.is_empty() && rows.len() == ways.len(), "{bill:?} {rows:?}");
    for row in rows {
        assert_eq!(
            (row.usage.as_str(), row.error.as_deref()),
            ("none", Some("ThrottlingException")),
            "{row:?}"
        );
    }
}

const LATE: &str = "ThrottlingException;at=first";

/// An answer that has begun with a sign of life says nothing of its target yet: five failures in a row open its breaker, an
/// event between them begins the row anew.
#[tokio::test]
async fn a_target_is_judged_by_what_comes_after_the_signs_of_life() {
    let permits: &Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let away = vec![Step::Region("us-west-2".to_owned())];
    let rig = held_at_the_head(permits, Failover::new([(Failover::ANY.to_owned(), away)])).await;
    let (path, body, sign) = ways(&rig).remove(0);
    let ask = async |fault: &str| {
        let answer = read(&rig, &path, &body, sign, permits, fault).await;
        assert_eq!(answer.text().contains("\"error\":{"), fault != "none", "{fault}: {}", answer.text());
        let figures = rig.get("/metrics").await.text();
        let open = figures.lines().find(|line| line.starts_with("outcrop_breakers_open ")).unwrap();
        (answer.header("outcrop-region").to_owned(), open.ends_with(" 1"))
    };
    let here = |is_open| ("us-east-1".to_owned(), is_open);
    // Refused and cut: nobody was served. A request that is wrong says that the target lives.
    let failures = [LATE, "bad-crc;at=first", "ServiceUnavailableException;at=first", "cut;bytes=7"];
    for between in ["none", "ValidationException;at=first"] {
        for fault in failures {
            assert_eq!(ask(fault).await, here(false), "{fault}");
        }
        assert_eq!(ask(between).await, here(false), "{between}");
    }
    for fault in failures {
        assert_eq!(ask(fault).await, here(false), "{fault}");
    }
    assert_eq!(ask(LATE).await, here(true));
    assert_eq!(ask("none").await.0, "us-west-2", "nobody asks there any more");
}

/// The kinds of the frames of Bedrock's own stream: nothing stands between them.
fn events(answer: &Answer) -> Vec<String> {
    let mut decoder = Decoder::default();
    decoder.push(&answer.body);
    let mut kinds = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        kinds.push(match frame.message() {
            Message::Event { event_type, .. } => event_type.to_owned(),
            Message::Exception { exception_type, .. } => exception_type.to_owned(),
            Message::Error { code, .. } => code.to_owned(),
        });
    }
    assert!(!decoder.has_partial_frame());
    kinds
}
