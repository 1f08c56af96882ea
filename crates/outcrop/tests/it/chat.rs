//! `outcrop chat` and `outcrop usage` against a running gateway.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::outcrop::Outcrop;
use crate::serve::Gateway;

#[test]
fn a_pipe_gets_the_text_alone() {
    let gateway = Gateway::start();
    for arn in &gateway.arns {
        let answer =
            Outcrop::new(&["chat", "--url", &gateway.url, "-m", arn, "repeat after me: good morning"]).run();
        assert_eq!((answer.stderr.as_str(), answer.stdout.trim_end()), ("", "good morning"), "{answer:?}");
    }
}

#[test]
fn the_question_can_come_through_a_pipe() {
    let gateway = Gateway::start();
    let (_folder, mut command) =
        Outcrop::new(&["chat", "--url", &gateway.url, "-m", &gateway.arns[0]]).into_parts();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"repeat after me: through a pipe").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), "through a pipe");
}

#[test]
fn json_has_usage_and_cost_and_the_ledger_agrees() {
    let gateway = Gateway::start();
    let arn = &gateway.arns[0];
    let answer =
        Outcrop::new(&["chat", "--json", "--url", &gateway.url, "-m", arn, "repeat after me: hello"])
            .run()
            .json();
    assert_eq!(answer["text"], "hello");
    assert_eq!(answer["target"], arn.as_str());
    let (input, output) = (&answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]);
    assert!(input.as_u64() > Some(0) && output.as_u64() > Some(0), "{answer}");
    let cost = answer["costUsd"].as_f64().unwrap();
    assert!(cost > 0.0, "{answer}");

    let data = gateway.folder.path().join("data").display().to_string();
    let usage = |by: &str| Outcrop::new(&["usage", "--json", "--by", by, "--data-dir", &data]).run().json();
    let row = wait_for(|| usage("profile").as_array().and_then(|rows| rows.first().cloned()));
    assert_eq!(row["name"], arn.as_str());
    assert_eq!(
        (&row["invocations"], &row["inputTokenCount"], &row["outputTokenCount"]),
        (&1.into(), input, output)
    );
    assert!((row["costUsd"].as_f64().unwrap() - cost).abs() < 1e-12, "{row} {cost}");
    assert_eq!(usage("model")[0]["invocations"], 1);
}

#[test]
fn no_gateway_is_said_with_the_remedy() {
    let stderr = Outcrop::new(&["chat", "--url", "http://127.0.0.1:1", "-m", "x", "hello"]).run().failed();
    assert_eq!(
        stderr,
        "error: no gateway answers at http://127.0.0.1:1\n  hint: start it with `outcrop serve --local`, or name another one with --url\n"
    );
    let stderr = Outcrop::new(&["chat", "--url", "127.0.0.1:4141", "hello"]).run().failed();
    assert!(stderr.contains("is no address of a gateway"), "{stderr}");
}

#[test]
fn the_gateways_refusal_is_handed_on() {
    let gateway = Gateway::start();
    let stderr =
        Outcrop::new(&["chat", "--url", &gateway.url, "-m", "no such model", "hello"]).run().failed();
    assert!(stderr.contains("the gateway answered 4"), "{stderr}");
}

#[test]
fn an_answer_that_is_cut_off_is_a_failure() {
    let gateway = Gateway::start();
    for fault in ["cut;at=mid", "bad-crc;at=mid", "ThrottlingException;at=mid"] {
        set_fault(&gateway.emulator, fault);
        let args = ["chat", "--url", &gateway.url, "-m", &gateway.arns[0], "count to 50"];
        let run = Outcrop::new(&args).run();
        assert_eq!(run.code, 1, "{fault}: {run:?}");
        assert!(run.stderr.starts_with("error: ") && run.stdout.starts_with("1, 2"), "{fault}: {run:?}");
    }
}

/// Asks the emulator for a fault in every answer.
fn set_fault(emulator: &str, fault: &str) {
    let mut stream = std::net::TcpStream::connect(emulator).unwrap();
    let body = serde_json::json!({ "fault": fault }).to_string();
    let length = body.len();
    write!(stream, "POST /_emulator/faults HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
}

#[test]
fn a_folder_without_a_ledger_is_said_and_left_empty() {
    let folder = tempfile::TempDir::new().unwrap();
    let run = Outcrop::new(&["usage", "--data-dir", &folder.path().display().to_string()]).run();
    assert!(run.failed().starts_with("error: there is no ledger in "));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Asks until there is an answer: the ledger is written in batches.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..100 {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing came within five seconds");
}
