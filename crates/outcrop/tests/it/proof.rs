//! `outcrop verify`, `metrics` and `bench` against the emulator, whose own log and bill are the judges.

use outcrop_bedrock::control::logging::{LoggingConfig, S3Config};
use serde_json::Value;

use crate::logging::outcrop;
use crate::outcrop::Outcrop;
use crate::profiles::Aws;

const NOVA: &str = "us.amazon.nova-lite-v1:0";

#[test]
fn a_profile_is_proven_by_the_invocation_log() {
    let aws = Aws::start();
    aws.profiles(&["create", "team-a", "--from", NOVA]).run().succeeded();
    let arn = aws.profiles(&["get", "team-a", "--json"]).run().json()["arn"].as_str().unwrap().to_owned();

    let unlogged = outcrop(&aws, &["verify", &arn, "--json"]).json();
    assert_eq!(unlogged[0]["proof"]["verdict"], "unlogged", "{unlogged}");

    outcrop(&aws, &["logging", "setup", "--yes"]).succeeded();
    let proven = outcrop(&aws, &["verify", &arn, "--tools", "--json"]).json();
    let report = &proven[0];
    assert_eq!(report["proof"]["verdict"], "proven", "{report}");
    assert_eq!(report["proof"]["modelId"], arn);
    assert_eq!(report["target"], arn);
    let status: Vec<_> = report["trials"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(status, ["passed", "passed"]);
    let said = outcrop(&aws, &["verify", "team-a"]).succeeded();
    assert!(said.contains("proven  the log names the application profile"), "{said}");

    let id = arn.rsplit('/').next().unwrap();
    let tailed =
        outcrop(&aws, &["logging", "tail", "--since", "1h", "--profile", "team-a", "--json"]).succeeded();
    let records: Vec<Value> = tailed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 3, "{tailed}");
    assert!(records.iter().all(|record| record["modelId"] == arn && record["outputTokenCount"].is_u64()));
    let other = outcrop(&aws, &["logging", "tail", "--since", "1h", "--profile", "us.amazon.nova-pro-v1:0"]);
    assert_eq!(other.succeeded(), "");

    let counted = outcrop(&aws, &["metrics", "--filter", "team-a", "--json"]).json();
    assert_eq!(counted[0]["modelId"], id);
    assert_eq!(counted[0]["invocations"], 4.0);
    let table = outcrop(&aws, &["metrics"]).succeeded();
    assert!(table.contains(&format!("team-a ({id})")), "{table}");
    assert!(!table.contains("-0"), "nothing was counted, and nothing is 0: {table}");
    assert!(!counted.to_string().contains("-0.0"), "{counted}");
}

/// Without a log group the proof comes from the objects that Bedrock writes into a bucket, and other calls' do not count.
#[test]
fn a_log_in_a_bucket_proves_as_well() {
    let aws = Aws::start();
    let bucket = S3Config { bucket_name: "records".to_owned(), key_prefix: Some("team".to_owned()) };
    aws.with_client(async |client| {
        client.create_bucket("records", "us-east-1").await.unwrap();
        let config = LoggingConfig { s3_config: Some(bucket), ..LoggingConfig::default() };
        client.set_logging(&config, "us-east-1").await.unwrap();
    });
    let other = outcrop(&aws, &["verify", "us.amazon.nova-pro-v1:0", "--json"]).json();
    assert_eq!(other[0]["proof"]["modelId"], "us.amazon.nova-pro-v1:0", "{other}");
    let proven = outcrop(&aws, &["verify", NOVA, "--json"]).json();
    assert_eq!(proven[0]["proof"]["verdict"], "proven", "{proven}");
    assert_eq!(proven[0]["proof"]["modelId"], NOVA);
    let tailed = outcrop(&aws, &["logging", "tail", "--since", "1h", "--json"]).succeeded();
    assert_eq!(tailed.lines().count(), 2, "{tailed}");
}

#[test]
fn all_that_a_model_can_do_is_written_down() {
    let aws = Aws::start();
    let (folder, mut command) = Outcrop::new(&[
        "verify",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        NOVA,
        "--all",
        "--wait",
        "0",
    ])
    .into_parts();
    command.env("AWS_ENDPOINT_URL", &aws.url).envs(aws.variables());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let written: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("verify-20"))
        .collect();
    assert_eq!(written.len(), 2, "{written:?}");
    let read = |ending| {
        let name = written.iter().find(|name| name.ends_with(ending)).unwrap();
        std::fs::read_to_string(folder.path().join(name)).unwrap()
    };
    let json: Value = serde_json::from_str(&read(".json")).unwrap();
    assert_eq!(json["reports"][0]["trials"].as_array().unwrap().len(), 5);
    assert!(
        json["reports"][0]["trials"].as_array().unwrap().iter().all(|trial| trial["status"] == "passed"),
        "{json}"
    );
    let rows = read(".md").lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, 2);
}

#[test]
fn a_call_that_fails_is_told_and_fails() {
    let aws = Aws::start();
    aws.tell("faults", r#"{"fault":"AccessDeniedException"}"#);
    let run = outcrop(&aws, &["verify", NOVA, "--json"]);
    assert_eq!(run.code, 1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report[0]["trials"][0]["status"], "failed");
    let run = outcrop(&aws, &["bench", NOVA, "--requests", "2", "--json"]);
    assert_eq!(run.code, 1);
    let results: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(results[0]["errors"]["AccessDeniedException"], 2, "{results}");
}

#[test]
fn models_are_measured_and_drawn() {
    let aws = Aws::start();
    let (folder, mut command) = Outcrop::new(&[
        "bench",
        NOVA,
        "us.amazon.nova-pro-v1:0",
        "--requests",
        "4",
        "--concurrency",
        "2",
        "--json",
    ])
    .into_parts();
    command.args(["--region", "us-east-1", "--region", "us-west-2", "--chart", "chart.svg"]);
    command.env("AWS_ENDPOINT_URL", &aws.url).envs(aws.variables());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        assert_eq!(result["answered"], 4, "{result}");
        assert!(
            result["firstTokenMs"]["p50"].as_f64().unwrap() <= result["totalMs"]["max"].as_f64().unwrap()
        );
        assert!(result["outputTokens"].as_u64().unwrap() > 0 && result["costUsd"].as_f64().unwrap() > 0.0);
    }
    let chart = std::fs::read_to_string(folder.path().join("chart.svg")).unwrap();
    assert!(chart.starts_with("<svg ") && chart.matches("<rect").count() == 9, "{chart}");

    let path = folder.path().join("chart.png").display().to_string();
    let table = outcrop(&aws, &["bench", NOVA, "--requests", "1", "--chart", &path]).succeeded();
    assert!(table.contains("1/1"), "{table}");
    assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(outcrop(&aws, &["bench", NOVA, "--chart", "chart.gif"]).code, 2);
}
