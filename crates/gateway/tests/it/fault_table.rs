//! The fault table: what goes wrong upstream and at the client, on every surface, streamed and not; then the books are compared.
//!
//! `make faults` prints it. Numbers F1–F27 are those of the design's catalogue of faults (docs/reliability.md lists them). After every row:
//! the gateway answers, nothing is under way any more, each upstream call has exactly one row, and exact rows are what the emulator would charge.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::rig::{Answer, Books, Plan, Rig};
use crate::ways_in::{SURFACES, ended_well, request};

/// What the client must see.
#[derive(Clone, Copy)]
enum Seen {
    /// A whole answer.
    Whole,
    /// This status, streamed or not.
    Status(u16),
    /// Streamed: 200, and an error in the client's dialect at the end. Not streamed: this status.
    Broken(u16),
    /// Streamed: as [`Seen::Broken`]. Not streamed: a whole answer, for the fault is of streams.
    BrokenStream,
}

struct Row {
    number: &'static str,
    name: &'static str,
    fault: &'static str,
    seen: Seen,
}

const fn row(number: &'static str, name: &'static str, fault: &'static str, seen: Seen) -> Row {
    Row { number, name, fault, seen }
}

/// Faults that a header asks for.
const ROWS: [Row; 28] = [
    row("F15", "pieces that break every frame", "slow-drip;bytes=701", Seen::Whole),
    row("F15", "end within a frame", "cut;at=mid", Seen::Broken(502)),
    row("F15", "end before the first byte", "cut;bytes=0", Seen::Status(502)),
    row("F15", "end within the prelude", "cut;bytes=7", Seen::Status(502)),
    row("F16", "bad checksum", "bad-crc;at=mid", Seen::BrokenStream),
    row("F17", "first frame: validation", "ValidationException;at=first", Seen::Status(400)),
    row("F17", "first frame: throttling", "ThrottlingException;at=first", Seen::Status(429)),
    row("F17", "first frame: internal", "InternalServerException;at=first", Seen::Status(500)),
    row("F17", "first frame: unavailable", "ServiceUnavailableException;at=first", Seen::Status(503)),
    row("F17", "first frame: model stream", "ModelStreamErrorException;at=first", Seen::Status(424)),
    row("F17", "first frame: model timeout", "ModelTimeoutException;at=first", Seen::Status(408)),
    row("F18", "mid-stream: throttling", "ThrottlingException;at=mid", Seen::Broken(429)),
    row("F18", "mid-stream: internal", "InternalServerException;at=mid", Seen::Broken(500)),
    row("F18", "mid-stream: unavailable", "ServiceUnavailableException;at=mid", Seen::Broken(503)),
    row("F18", "mid-stream: model stream", "ModelStreamErrorException;at=mid", Seen::Broken(424)),
    row("F20", "429, which passes", "ThrottlingException;count=1", Seen::Whole),
    row("F20", "503, which passes", "ServiceUnavailableException;count=2", Seen::Whole),
    row("F20", "500, which passes", "InternalServerException;count=1", Seen::Whole),
    row("F20", "500, which stays", "InternalServerException", Seen::Status(500)),
    row("F20", "429: model not ready, which passes", "ModelNotReadyException;count=1", Seen::Whole),
    row("F20", "408: model timeout", "ModelTimeoutException", Seen::Status(408)),
    row("F20", "424: model error", "ModelErrorException", Seen::Status(424)),
    row("F20", "400: validation", "ValidationException", Seen::Status(400)),
    row("F20", "400: quota", "ServiceQuotaExceededException", Seen::Status(400)),
    row("F20", "403: access denied", "AccessDeniedException", Seen::Status(403)),
    row("F20", "404: gone", "ResourceNotFoundException", Seen::Status(404)),
    row("F23", "the Region is out", "region-outage", Seen::Status(503)),
    row("F26", "no usage", "missing-metadata", Seen::BrokenStream),
];

/// Streams that say no usage of their own are whole without `metadata`: InvokeModel's.
const INVOKE_SURFACES: [&str; 2] = ["messages→claude", "invoke"];

/// Bedrock's own API, where a lost answer has the status of AWS's name for it: AWS's SDKs send a 502 again.
const NATIVE_SURFACES: [&str; 2] = ["converse", "invoke"];
const LOST: u16 = 502;
const LOST_TO_AWS_SDKS: u16 = 424;

/// Whether the client saw what it must; `Err` says what it saw instead.
fn judge(row: &Row, surface: &str, stream: bool, answer: &Answer) -> Result<(), String> {
    let status = |wanted: u16| {
        // What was lost may have been billed: no client is to send for it again.
        if wanted == LOST && answer.header("x-should-retry") != "false" {
            return Err(format!("it may be sent for again: {:?}", answer.headers));
        }
        let wanted =
            if wanted == LOST && NATIVE_SURFACES.contains(&surface) { LOST_TO_AWS_SDKS } else { wanted };
        match answer.status.as_u16() == wanted && answer.json().is_object() {
            true => Ok(()),
            false => Err(format!("{} {}", answer.status, answer.text())),
        }
    };
    let end = |wanted: bool| {
        status_of(answer, 200)?;
        match !stream || ended_well(surface, answer)? == wanted {
            true => Ok(()),
            false => Err(if wanted { "an error".to_owned() } else { "a quiet end".to_owned() }),
        }
    };
    let whole_all_the_same = row.fault == "missing-metadata" && INVOKE_SURFACES.contains(&surface);
    match row.seen {
        Seen::Whole => end(true),
        Seen::Status(wanted) => status(wanted),
        Seen::BrokenStream | Seen::Broken(_) if stream => end(whole_all_the_same),
        Seen::Broken(wanted) => status(wanted),
        Seen::BrokenStream => end(true),
    }
}

fn status_of(answer: &Answer, wanted: u16) -> Result<(), String> {
    if answer.status.as_u16() == wanted {
        Ok(())
    } else {
        Err(format!("{} {}", answer.status, answer.text()))
    }
}

/// Long enough for a fault in the middle.
pub const TEXT: &str = "count to 30";

/// Says one line of the table.
pub fn say(number: &str, name: &str, cases: usize, wrong: &[String]) {
    #![expect(clippy::print_stdout, reason = "`make faults` prints the table")]
    let verdict = if wrong.is_empty() { "survived" } else { "FAILED" };
    println!("{number:<4}  {name:<36}  {cases:>3} cases  {verdict}");
    wrong.iter().for_each(|line| println!("        {line}"));
}

/// Ours against the emulator's: every billed call has one row, exact rows agree to the token.
pub fn reconcile(books: &Books, requests: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    if books.rows.len() != requests {
        wrong.push(format!("{} rows of {requests} requests", books.rows.len()));
    }
    let mut rows: HashMap<&str, Vec<_>> = HashMap::new();
    for row in &books.rows {
        if let Some(id) = row.request_id.as_deref() {
            rows.entry(id).or_default().push(row);
        }
    }
    for entry in &books.bill {
        let id = entry["requestId"].as_str().unwrap();
        let of_call = rows.remove(id).unwrap_or_default();
        let [row] = of_call[..] else {
            wrong.push(format!("{} rows of the billed call {entry}", of_call.len()));
            continue;
        };
        let billed = (entry["inputTokens"].as_i64().unwrap(), entry["outputTokens"].as_i64().unwrap());
        match row.usage.as_str() {
            "exact" if (row.input, row.output) == billed => {}
            "estimated" if row.error.is_some() => {}
            _ => wrong.push(format!("{row:?} for the billed call {entry}")),
        }
    }
    let unbilled = rows.values().flatten().filter(|row| row.usage == "exact");
    wrong.extend(unbilled.map(|row| format!("{row:?} was never billed")));
    wrong
}

/// Waits until nothing is under way.
pub async fn at_rest(rig: &Rig) -> bool {
    for _ in 0..400 {
        let figures = rig.get("/metrics").await.text();
        let gauge = figures.lines().find(|line| line.starts_with("outcrop_open_invocations"));
        if gauge.is_none_or(|line| line.ends_with(" 0")) {
            return gauge.is_some();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_on_every_surface() {
    let (mut failed, mut all) = (0, 0);
    for row in &ROWS {
        let rig = Rig::start(Plan::default()).await;
        let cases: Vec<_> = SURFACES.iter().flat_map(|surface| [(surface, false), (surface, true)]).collect();
        let mut wrong = Vec::new();
        for (surface, stream) in &cases {
            let (path, body) = request(&rig, surface, *stream, TEXT);
            // A counted fault is counted by its text; each case has one of its own.
            let fault = format!("{}{}", row.fault, ";".repeat(all % 1000));
            all += 1;
            let answer = rig.send(Method::POST, &path, &[("x-outcrop-fault", &fault)], body).await;
            if let Err(why) = judge(row, surface, *stream, &answer) {
                wrong.push(format!("{surface}{}: {why}", if *stream { ", streamed" } else { "" }));
            }
        }
        if !at_rest(&rig).await {
            wrong.push("something is still under way".to_owned());
        }
        wrong.extend(reconcile(&rig.books().await, cases.len()));
        say(row.number, row.name, cases.len(), &wrong);
        failed += wrong.len();
    }
    assert_eq!(failed, 0, "the table above says what failed");
}

/// F21: with every call refused, retries add at most one in a hundred. The emulator refuses exactly so many calls; if the gateway had tried
/// more often, one of its requests would have been answered, and billed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_adds_one_attempt_in_a_hundred_at_most() {
    const REQUESTS: u64 = 4_000;
    let rig = Rig::start(Plan::default()).await;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string();
    let path = "/model/us.amazon.nova-lite-v1:0/converse";
    let fault = format!("ServiceUnavailableException;count={}", REQUESTS + REQUESTS / 100);
    let headers = [("x-outcrop-fault", fault.as_str())];
    for _ in 0..REQUESTS / 50 {
        let at_once = (0..50).map(|_| rig.send(Method::POST, path, &headers, body.clone()));
        for answer in futures_util::future::join_all(at_once).await {
            assert_eq!(answer.status, 503);
        }
    }
    let books = rig.books().await;
    say("F21", "every call is refused", REQUESTS as usize, &[]);
    assert!(books.bill.is_empty(), "the gateway tried more than {} times", REQUESTS + REQUESTS / 100);
    assert_eq!(books.rows.len(), REQUESTS as usize);
}

/// F22: what was sent and not refused may be billed; it is not sent again.
#[tokio::test]
async fn nothing_is_sent_twice_that_may_have_been_accepted() {
    let rig = Rig::start(Plan::default()).await;
    let (path, body) = request(&rig, "chat", false, TEXT);
    // The second attempt would be answered.
    for fault in ["ModelTimeoutException;count=1", "ModelErrorException;count=1", "cut;count=1;bytes=0"] {
        let answer = rig.send(Method::POST, &path, &[("x-outcrop-fault", fault)], body.clone()).await;
        assert!(answer.status.as_u16() >= 400, "{fault}: {}", answer.text());
    }
    say("F22", "accepted, then lost", 3, &[]);
}
