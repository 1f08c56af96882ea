//! Faults on demand, and the bill.

use std::time::Duration;

use http::{Method, StatusCode};
use outcrop_wire::eventstream::{Decoder, FrameError};
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, eventually, start};
use crate::runtime::{CLAUDE, ask, converse};

impl Running {
    async fn with_fault(&self, operation: &str, fault: &str) -> Answer {
        let body = ask("Count to 10").to_string();
        let path = format!("/model/{CLAUDE}/{operation}");
        self.call(Method::POST, &path, body.as_bytes(), &[("x-outcrop-fault", fault)], &Access::signed())
            .await
    }

    async fn bill(&self) -> Vec<Value> {
        let bill = self.call(Method::GET, "/_emulator/bill", b"", &[], &Access::Nothing).await.json();
        bill["invocations"].as_array().unwrap().clone()
    }
}

fn names(answer: &Answer) -> Vec<String> {
    answer.events().into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn exceptions_come_at_http_level_first_or_in_mid_stream() {
    let emulator = start().await;
    for (name, status) in [
        ("ThrottlingException", 429),
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
        ("ModelNotReadyException", 429),
        ("ServiceUnavailableException", 503),
        ("InternalServerException", 500),
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
    ] {
        for operation in ["converse", "converse-stream"] {
            let answer = emulator.with_fault(operation, name).await;
            assert_eq!((answer.status.as_u16(), answer.error_type()), (status, name));
            assert!(!answer.message().is_empty());
        }
        let whole = emulator.with_fault("converse", &format!("{name};at=mid")).await;
        assert_eq!(whole.error_type(), name, "an answer that is no stream has no middle");
        let lower = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        let first = emulator.with_fault("converse-stream", &format!("{name};at=first")).await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(names(&first), std::slice::from_ref(&lower));
        let mid = names(&emulator.with_fault("converse-stream", &format!("{name};at=mid")).await);
        assert_eq!((mid.first().map(String::as_str), mid.last()), (Some("messageStart"), Some(&lower)));
        assert!(mid.len() > 5);
    }
}

/// AWS says it in milliseconds, OpenAI's and Anthropic's APIs in seconds.
#[tokio::test]
async fn a_refusal_may_say_when_to_come_back() {
    const FAULT: [(&str, &str); 1] = [("x-outcrop-fault", "ThrottlingException;retry-after=1500")];
    let emulator = start().await;
    let refused = emulator.with_fault("converse", FAULT[0].1).await;
    assert_eq!(refused.headers["x-amz-retry-after"], "1500");
    let body =
        json!({"model": "qwen.qwen3-32b", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let path = "/v1/chat/completions";
    let refused = emulator.call(Method::POST, path, body.as_bytes(), &FAULT, &Access::signed()).await;
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"2".parse().unwrap())
    );
}

#[tokio::test]
async fn streams_are_cut_damaged_dripped_and_left_without_metadata() {
    let emulator = start().await;
    let fine = emulator.with_fault("converse-stream", "none").await;
    let cut = emulator.with_fault("converse-stream", "cut;bytes=100").await;
    assert!(cut.is_cut);
    assert_eq!(cut.body, fine.body.slice(..100));
    let half = emulator.with_fault("converse-stream", "cut").await;
    assert!(half.is_cut && half.body.len() == fine.body.len() / 2);
    assert!(emulator.with_fault("converse", "cut").await.is_cut);

    let damaged = emulator.with_fault("converse-stream", "bad-crc").await;
    let mut decoder = Decoder::default();
    decoder.push(&damaged.body);
    let error = std::iter::from_fn(|| decoder.next_frame().transpose()).find_map(Result::err);
    assert_eq!(error, Some(FrameError::MessageCrc));

    let dripped = emulator.with_fault("converse-stream", "slow-drip;bytes=700").await;
    assert_eq!(dripped.body, fine.body);

    let without = names(&emulator.with_fault("converse-stream", "missing-metadata").await);
    assert_eq!(without.last().map(String::as_str), Some("messageStop"));
}

#[tokio::test]
async fn a_stall_sends_nothing_more_and_stays_open() {
    let emulator = start().await;
    for fault in ["stall", "stall;at=first", "stall;at=http"] {
        let waited =
            tokio::time::timeout(Duration::from_millis(100), emulator.with_fault("converse-stream", fault))
                .await;
        assert!(waited.is_err(), "{fault}: {waited:?}");
    }
}

#[tokio::test]
async fn clocks_and_regions_fail() {
    let emulator = start().await;
    let skewed = emulator.with_fault("converse", "clock-skew").await;
    assert_eq!((skewed.status, skewed.error_type()), (StatusCode::FORBIDDEN, "InvalidSignatureException"));
    assert!(skewed.message().starts_with("Signature expired: "));
    let out = emulator.with_fault("converse", "region-outage").await;
    assert_eq!(out.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        emulator.with_fault("converse", "region-outage;region=eu-west-1").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_counted_fault_is_used_up() {
    let emulator = start().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(emulator.with_fault("converse", "ThrottlingException;count=2").await.status.as_u16());
    }
    assert_eq!(seen, [429, 429, 200]);
}

#[tokio::test]
async fn a_standing_fault_concerns_every_request_until_it_is_cleared() {
    let emulator = start().await;
    let stand = async |fault: Value| {
        let body = json!({ "fault": fault }).to_string();
        emulator.call(Method::POST, "/_emulator/faults", body.as_bytes(), &[], &Access::Nothing).await
    };
    let status = async || emulator.post(&converse(CLAUDE), &ask("hi")).await.status.as_u16();
    assert_eq!(stand(json!("ThrottlingException")).await.status, StatusCode::OK);
    assert_eq!([status().await, status().await], [429, 429]);
    assert_eq!(emulator.with_fault("converse", "none").await.status, StatusCode::OK);
    stand(Value::Null).await;
    assert_eq!(status().await, 200);
    assert_eq!(stand(json!("nonsense")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn unknown_faults_are_refused_with_the_known_ones() {
    let emulator = start().await;
    let answer = emulator.with_fault("converse", "nonsense").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = answer.message();
    assert!(
        ["`nonsense`", "ThrottlingException", "stall", "bad-crc"].iter().all(|known| text.contains(known)),
        "{text}"
    );
    for fault in ["cut;at=end", "cut;bytes=x", "cut;bytes", "cut;speed=1"] {
        let answer = emulator.with_fault("converse", fault).await;
        assert!(answer.message().contains("is not understood"), "{fault}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn the_bill_knows_every_invocation_and_who_stayed_for_it() {
    let emulator = start().await;
    let arn = emulator.profiles[0].arn.clone();
    let answer = emulator.post(&converse(&arn), &ask("Count to 10")).await;
    emulator.with_fault("converse", "ThrottlingException").await;
    emulator.post(&converse("nonsense"), &ask("hi")).await;
    eventually(async || {
        emulator.bill().await.first().is_some_and(|entry| !entry["clientDisconnected"].is_null())
    })
    .await;
    let bill = emulator.bill().await;
    assert_eq!(bill.len(), 1, "refused calls are not charged");
    assert_eq!(bill[0]["operation"], "Converse");
    assert_eq!(bill[0]["modelId"], arn.as_str());
    assert_eq!(bill[0]["model"], "anthropic.claude-sonnet-4-6");
    assert_eq!(bill[0]["region"], "us-east-1");
    assert_eq!(bill[0]["inputTokens"], answer.json()["usage"]["inputTokens"]);
    assert_eq!(bill[0]["outputTokens"], answer.json()["usage"]["outputTokens"]);
    assert_eq!(bill[0]["requestId"], answer.headers["x-amzn-requestid"].to_str().unwrap());
    assert_eq!(bill[0]["clientDisconnected"], false);

    // A stalled stream can only end by the client going away.
    let gone =
        tokio::time::timeout(Duration::from_millis(50), emulator.with_fault("converse-stream", "stall"))
            .await;
    assert!(gone.is_err());
    eventually(async || {
        emulator.bill().await.get(1).is_some_and(|entry| entry["clientDisconnected"] == true)
    })
    .await;
    assert!(emulator.bill().await[1]["outputTokens"].as_u64().unwrap() > 0);

    emulator.call(Method::POST, "/_emulator/reset", b"", &[], &Access::Nothing).await;
    assert!(emulator.bill().await.is_empty());
}

#[tokio::test]
async fn faults_in_a_file_stand_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults");
    std::fs::write(
        &file,
        "# two things go wrong\nThrottlingException;count=1\n\nregion-outage;region=eu-west-1\n",
    )
    .unwrap();
    let config = || outcrop_emulator::Config { faults: Some(file.clone()), ..Default::default() };
    let emulator = crate::client::start_with(config()).await;
    let list = |access| {
        let emulator = &emulator;
        async move { emulator.call(Method::GET, "/foundation-models", b"", &[], &access).await.status.as_u16() }
    };
    let near = Access::signed;
    assert_eq!([list(near()).await, list(near()).await], [429, 200]);
    assert_eq!(list(Access::signed_in("eu-west-1")).await, 503);

    std::fs::write(&file, "none\nno-such-fault\n").unwrap();
    let error = outcrop_emulator::Emulator::bind(config()).await.unwrap_err().to_string();
    assert!(error.contains("faults:2 ") && error.contains("no-such-fault"), "{error}");
}

/// What a client sees of a fault.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing, for as long as it waits.
    Nothing,
    /// An error instead of an answer.
    Refused(u16, String),
    /// A stream: its events or what is wrong with a frame, whether it was cut, whether it came in drips.
    Streamed(Result<Vec<String>, FrameError>, bool, bool),
}

/// What is seen of a call, asked to fail by its header if at all. An answer that is to come is waited for long enough for
/// any machine, a stall for a moment.
async fn seen(emulator: &Running, fault: Option<&str>, is_stall: bool) -> Seen {
    let wait = if is_stall { Duration::from_millis(300) } else { Duration::from_secs(10) };
    let body = ask("Count to 10").to_string();
    let path = format!("/model/{CLAUDE}/converse-stream");
    let header: Vec<(&str, &str)> = fault.map(|fault| ("x-outcrop-fault", fault)).into_iter().collect();
    let (headers, access) = (header.as_slice(), Access::signed());
    let call = emulator.call(Method::POST, &path, body.as_bytes(), headers, &access);
    let Ok(answer) = tokio::time::timeout(wait, call).await else { return Seen::Nothing };
    if answer.status != StatusCode::OK {
        return Seen::Refused(answer.status.as_u16(), answer.error_type().to_owned());
    }
    let mut decoder = Decoder::default();
    decoder.push(&answer.body);
    let mut frames = 0;
    let error = loop {
        match decoder.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let events = error.map_or_else(|| Ok(names(&answer)), Err);
    Seen::Streamed(events, answer.is_cut, answer.pieces > frames * 3 / 2)
}

/// Every fault that there is, as the refusal of an unknown one lists them.
async fn all_faults(emulator: &Running) -> Vec<String> {
    let text = emulator.with_fault("converse", "nonsense").await.message();
    text.split("known are ").nth(1).unwrap().split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_fault_can_be_asked_for_in_all_three_ways() {
    let emulator = start().await;
    let fine = seen(&emulator, None, false).await;
    let mut faults = Vec::new();
    for name in all_faults(&emulator).await {
        match name.as_str() {
            "slow-drip" => faults.push("slow-drip;bytes=100".to_owned()),
            exception if exception.ends_with("Exception") => {
                faults.extend(["http", "first", "mid"].map(|at| format!("{exception};at={at}")));
            }
            _ => faults.push(name),
        }
    }
    assert!(faults.len() > 21 * 3 + 7, "{faults:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults");
    // Each once, so that they happen one after the other.
    let lines: Vec<String> = faults.iter().map(|fault| format!("{fault};count=1")).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let config = outcrop_emulator::Config { faults: Some(file), seed_profiles: true, ..Default::default() };
    let from_file = crate::client::start_with(config).await;
    for fault in &faults {
        let is_stall = fault == "stall";
        let by_header = seen(&emulator, Some(fault), is_stall).await;
        assert_eq!(by_header == fine, fault == "none", "{fault}: {by_header:?}");
        let standing = json!({ "fault": fault }).to_string();
        emulator.call(Method::POST, "/_emulator/faults", standing.as_bytes(), &[], &Access::Nothing).await;
        assert_eq!(seen(&emulator, None, is_stall).await, by_header, "{fault} by the control API");
        emulator.call(Method::POST, "/_emulator/faults", br#"{"fault": null}"#, &[], &Access::Nothing).await;
        assert_eq!(seen(&from_file, None, is_stall).await, by_header, "{fault} from a file");
    }
    assert_eq!(seen(&from_file, None, false).await, fine, "all are used up");
}

#[tokio::test]
async fn every_exception_happens_at_every_place() {
    let emulator = start().await;
    let all = all_faults(&emulator).await;
    let exceptions: Vec<&String> = all.iter().filter(|name| name.ends_with("Exception")).collect();
    assert!(exceptions.len() >= 21, "{exceptions:?}");
    for name in exceptions {
        let refused = emulator.with_fault("converse-stream", name).await;
        assert_eq!(refused.error_type(), *name);
        assert!(refused.status.is_client_error() || refused.status.is_server_error(), "{name}");
        let mut frame = name.clone();
        frame[..1].make_ascii_lowercase();
        let first = emulator.with_fault("converse-stream", &format!("{name};at=first")).await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(
            first.events().iter().map(|(event, _)| event.clone()).collect::<Vec<_>>(),
            [frame.clone()]
        );
        let middle = emulator.with_fault("converse-stream", &format!("{name};at=mid")).await.events();
        assert_eq!(middle[0].0, "messageStart", "{name}");
        assert_eq!(middle.last().unwrap().0, frame);
        let whole = emulator.with_fault("converse", &format!("{name};at=mid")).await;
        assert_eq!(whole.error_type(), *name, "an answer that is no stream becomes an error");
    }
}
