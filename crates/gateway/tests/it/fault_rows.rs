//! Rows of the fault table that a header cannot ask for: the network, certificates, silence, clocks, keys, and what is not known yet.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use outcrop_bedrock::{Endpoint, Network, Timeouts};
use outcrop_linger::tls::Tls;
use outcrop_wire::eventstream::write_event;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::fault_table::{TEXT, at_rest, reconcile, say};
use crate::relay::Toxic;
use crate::rig::{Answer, Plan, Rig};
use crate::ways_in::{SURFACES, ended_well, request};

type Verdict = Result<(), String>;

/// Every surface, streamed and not; what is wrong, the books included.
async fn everywhere(
    rig: Rig,
    streams: &[bool],
    judge: impl Fn(&str, bool, &Answer) -> Verdict,
) -> (usize, Vec<String>) {
    let (mut cases, mut wrong) = (0, Vec::new());
    for surface in SURFACES {
        for stream in streams {
            let (path, body) = request(&rig, surface, *stream, TEXT);
            let answer = rig.post(&path, body).await;
            if let Err(why) = judge(surface, *stream, &answer) {
                wrong.push(format!("{surface}, streamed {stream}: {why}"));
            }
            cases += 1;
        }
    }
    if !at_rest(&rig).await {
        wrong.push("something is still under way".to_owned());
    }
    wrong.extend(reconcile(&rig.books().await, cases));
    (cases, wrong)
}

fn status(answer: &Answer, wanted: u16, words: &str) -> Verdict {
    match answer.status.as_u16() == wanted && answer.text().contains(words) {
        true => Ok(()),
        false => Err(format!("{} {}", answer.status, answer.text())),
    }
}

fn whole(surface: &str, stream: bool, answer: &Answer) -> Verdict {
    status(answer, 200, "")?;
    match !stream || ended_well(surface, answer)? {
        true => Ok(()),
        false => Err("an error at the end".to_owned()),
    }
}

fn table(number: &str, name: &str, (cases, wrong): (usize, Vec<String>)) {
    say(number, name, cases, &wrong);
    assert!(wrong.is_empty(), "the line above says what failed");
}

fn at(url: &str) -> Plan {
    Plan { runtime: Some(Endpoint::parse(url).unwrap()), ..Plan::default() }
}

const BOTH: [bool; 2] = [false, true];

#[tokio::test]
async fn f11_nobody_listens() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let rig = Rig::start(at(&format!("http://{closed}"))).await;
    let judged = everywhere(rig, &BOTH, |_, _, answer| status(answer, 503, "no connection to 127.0.0.1"));
    table("F11", "nobody listens", judged.await);
}

#[tokio::test]
async fn f11_the_name_does_not_exist() {
    let rig = Rig::start(at("https://bedrock-runtime.invalid")).await;
    let judged = everywhere(rig, &[true], |_, _, answer| {
        status(answer, 503, "no connection to bedrock-runtime.invalid")
    });
    table("F11", "the name does not exist", judged.await);
}

#[tokio::test]
async fn f12_the_certificate_is_of_nobody_we_know() {
    let folder = TempDir::new().unwrap();
    let tls = Tls::self_made(folder.path(), [127, 0, 0, 1].into()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let shaken = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever gets through the handshake could read what comes after it.
            assert!(tls.accept(stream).await.is_err());
        }
    });
    let rig = Rig::start(at(&url)).await;
    let judged = everywhere(rig, &BOTH, |_, _, answer| status(answer, 503, "cannot be trusted")).await;
    assert!(!shaken.is_finished(), "a handshake went through");
    table("F12", "an unknown certificate authority", judged);
}

#[tokio::test]
async fn f12_the_handshake_is_broken_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let rig = Rig::start(at(&url)).await;
    let judged = everywhere(rig, &[true], |_, _, answer| status(answer, 503, "no connection to 127.0.0.1"));
    table("F12", "the handshake is broken off", judged.await);
}

/// A pause of long thinking; five minutes with `OUTCROP_FULL`, for which the gateway keeps its client awake.
fn pause() -> Duration {
    Duration::from_millis(if std::env::var_os("OUTCROP_FULL").is_some() { 300_000 } else { 200 })
}

/// All surfaces at once, so that their pauses are one.
async fn thinks_long(after: usize) -> (usize, Vec<String>) {
    let timeouts = Timeouts { between_events: pause() * 2, ..Timeouts::default() };
    let network = Network { timeouts, ..Network::default() };
    let rig =
        Rig::start(Plan { relay: Some(Toxic::Pause(after, pause())), network, ..Plan::default() }).await;
    let asked = SURFACES.map(|surface| {
        let rig = &rig;
        async move {
            let (path, body) = request(rig, surface, true, TEXT);
            whole(surface, true, &rig.post(&path, body).await)
                .map_err(|why| format!("{surface}, streamed true: {why}"))
        }
    });
    let judged = futures_util::future::join_all(asked).await;
    let (cases, mut wrong) = (judged.len(), judged.into_iter().filter_map(Result::err).collect::<Vec<_>>());
    if !at_rest(&rig).await {
        wrong.push("something is still under way".to_owned());
    }
    wrong.extend(reconcile(&rig.books().await, cases));
    (cases, wrong)
}

#[tokio::test]
async fn f13_nothing_comes_for_a_long_time() {
    table("F13", "long thinking before the first event", thinks_long(0).await);
}

#[tokio::test]
async fn f13_nothing_comes_between_two_events_for_a_long_time() {
    table("F13", "long thinking between two events", thinks_long(1_200).await);
}

#[tokio::test]
async fn f14_a_stream_falls_silent() {
    let timeouts = Timeouts { between_events: Duration::from_millis(200), ..Timeouts::default() };
    let network = Network { timeouts, ..Network::default() };
    let rig = Rig::start(Plan { relay: Some(Toxic::Silence(1_200)), network, ..Plan::default() }).await;
    let judged = everywhere(rig, &[true], |surface, _, answer| {
        status(answer, 200, "no event for 0.2 seconds")?;
        match ended_well(surface, answer)? {
            false => Ok(()),
            true => Err("a quiet end".to_owned()),
        }
    });
    table("F14", "a stream falls silent", judged.await);
}

#[tokio::test]
async fn f25_the_clock_is_wrong() {
    let rig = Rig::start(Plan { relay: Some(Toxic::AheadOnce), ..Plan::default() }).await;
    // Teaches the gateway a clock that is 20 minutes ahead: this request is signed for then, and refused.
    let (path, body) = request(&rig, "chat", false, TEXT);
    let misled = rig.post(&path, body).await;
    assert_eq!(misled.status, 502, "{}", misled.text());
    let (mut cases, mut wrong) = (1, Vec::new());
    for surface in SURFACES {
        let (path, body) = request(&rig, surface, true, TEXT);
        let answer = rig.post(&path, body).await;
        wrong.extend(whole(surface, true, &answer).err());
        cases += 1;
    }
    if !at_rest(&rig).await {
        wrong.push("something is still under way".to_owned());
    }
    wrong.extend(reconcile(&rig.books().await, cases));
    table("F25", "our clock is 20 minutes ahead", (cases, wrong));
}

/// A recording of the emulator's replay that answers every request for a path.
fn recording(path: &str, response: Value) -> String {
    json!({"id": path, "wire": "http", "request": {"method": "POST", "path": path}, "response": response})
        .to_string()
}

fn stream(events: &[(&str, Value)]) -> Value {
    let mut bytes = BytesMut::new();
    for (name, payload) in events {
        write_event(name, payload.to_string().as_bytes(), &mut bytes);
    }
    let headers =
        json!({"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "replayed"});
    json!({"status": 200, "headers": headers, "body_base64": STANDARD.encode(&bytes)})
}

fn replay(folder: &TempDir, recordings: &[String]) -> Vec<PathBuf> {
    let path = folder.path().join("recordings.jsonl");
    std::fs::write(&path, recordings.join("\n")).unwrap();
    vec![path]
}

const MODEL: &str = "us.amazon.nova-lite-v1:0";
const STREAMED: &str = "/model/us.amazon.nova-lite-v1%3A0/converse-stream";
const UNARY: &str = "/model/us.amazon.nova-lite-v1%3A0/converse";

async fn ask(rig: &Rig, surface: &str) -> Answer {
    let messages = json!([{"role": "user", "content": "hi"}]);
    match surface {
        "chat" => {
            rig.post(
                "/v1/chat/completions",
                json!({"model": MODEL, "stream": true, "messages": messages}).to_string(),
            )
            .await
        }
        "responses" => {
            rig.post("/v1/responses", json!({"model": MODEL, "stream": true, "input": "hi"}).to_string())
                .await
        }
        "messages→nova" => {
            let body = json!({"model": MODEL, "stream": true, "max_tokens": 99, "messages": messages});
            rig.post("/v1/messages", body.to_string()).await
        }
        _ => {
            rig.post(
                STREAMED,
                json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}).to_string(),
            )
            .await
        }
    }
}

const CONVERSE_SURFACES: [&str; 4] = ["chat", "responses", "messages→nova", "converse"];

#[tokio::test]
async fn f19_what_is_not_known_yet_is_no_error() {
    let folder = TempDir::new().unwrap();
    let answer = stream(&[
        ("messageStart", json!({"role": "assistant", "mood": "bright"})),
        ("futureEvent", json!({"anything": [1, 2, 3]})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "hello "}, "since": 2030})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"hologram": {"depth": 3}}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "world"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "went_home", "additional": {}})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "dreamTokens": 4}, "metrics": {"latencyMs": 1}}),
        ),
    ]);
    let rig =
        Rig::start(Plan { replay: replay(&folder, &[recording(STREAMED, answer)]), ..Plan::default() }).await;
    let mut wrong = Vec::new();
    for surface in CONVERSE_SURFACES {
        let answer = ask(&rig, surface).await;
        wrong.extend(whole(surface, true, &answer).err().map(|why| format!("{surface}: {why}")));
        let text = answer.text();
        if !text.contains("hello ") || !text.contains("world") {
            wrong.push(format!("{surface}: text was lost: {text}"));
        }
    }
    table("F19", "unknown event, delta, stop reason, member", (CONVERSE_SURFACES.len(), wrong));
}

#[tokio::test]
async fn f27_a_tool_call_is_handed_on_as_it_came() {
    let folder = TempDir::new().unwrap();
    let answer = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t1", "name": "weather"}}}),
        ),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{\"city\": \"Pa"}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "malformed_tool_use"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}}),
        ),
    ]);
    let rig =
        Rig::start(Plan { replay: replay(&folder, &[recording(STREAMED, answer)]), ..Plan::default() }).await;
    let mut wrong = Vec::new();
    for surface in CONVERSE_SURFACES {
        let text = ask(&rig, surface).await.text();
        if !text.contains(r#"{\"city\": \"Pa"#)
            || text.contains(r#""finish_reason":"stop""#)
            || text.contains("end_turn")
        {
            wrong.push(format!("{surface}: {text}"));
        }
    }
    table("F27", "a tool call that is cut", (CONVERSE_SURFACES.len(), wrong));
}

#[tokio::test]
async fn f27_every_stop_reason_is_mapped() {
    const REASONS: [(&str, &str); 9] = [
        ("end_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_model_output", ""),
        ("malformed_tool_use", ""),
        ("model_context_window_exceeded", "length"),
    ];
    let folder = TempDir::new().unwrap();
    let answer = |reason: &str| {
        let content = match reason {
            "tool_use" => json!([{"toolUse": {"toolUseId": "t1", "name": "weather", "input": {}}}]),
            _ => json!([{"text": "hi"}]),
        };
        json!({"status": 200, "headers": {"content-type": "application/json"}, "body_json": {
            "output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason,
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}})
    };
    let recordings: Vec<_> = REASONS.iter().map(|(reason, _)| recording(UNARY, answer(reason))).collect();
    let rig = Rig::start(Plan { replay: replay(&folder, &recordings), ..Plan::default() }).await;
    let mut wrong = Vec::new();
    for (reason, wanted) in REASONS {
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}).to_string();
        let answer = rig.post("/v1/chat/completions", body).await.json();
        let finish = answer["choices"][0]["finish_reason"].as_str().unwrap_or_default().to_owned();
        let right = if wanted.is_empty() { finish != "stop" && !finish.is_empty() } else { finish == wanted };
        if !right {
            wrong.push(format!("{reason} became {finish:?}: {answer}"));
        }
    }
    table("F27", "every stop reason", (REASONS.len(), wrong));
}
