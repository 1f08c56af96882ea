//! `outcrop logging …`: the set-up of the guide against the emulator, and logs read in both forms.

use std::io::Write;

use serde_json::Value;

use crate::outcrop::{Outcrop, Run, fixture};
use crate::profiles::Aws;

/// `outcrop ARGS…` in an emulated account, all services of it.
pub fn outcrop(aws: &Aws, args: &[&str]) -> Run {
    let prepared = Outcrop::new(args).env("AWS_ENDPOINT_URL", &aws.url);
    aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value)).run()
}

const GROUP: &str = "/aws/bedrock/model-invocations";

#[test]
fn logging_is_planned_made_once_judged_and_stopped() {
    let aws = Aws::start();
    let planned = outcrop(&aws, &["logging", "setup", "--dry-run"]).succeeded();
    insta::assert_snapshot!(planned, @r"
    + create the log group /aws/bedrock/model-invocations
    + create the bucket bedrock-logs-123456789012
    + let Bedrock write to the bucket bedrock-logs-123456789012
    + create the role BedrockLoggingRole, which Bedrock may assume
    + put the policy BedrockLoggingPolicy on the role BedrockLoggingRole
    + put the policy BedrockS3Policy on the role BedrockLoggingRole
    + turn the invocation log of us-east-1 on
    ");
    let before = outcrop(&aws, &["logging", "status"]).succeeded();
    assert!(before.contains("nothing is logged in us-east-1"), "{before}");
    assert_eq!(outcrop(&aws, &["logging", "setup"]).code, 2, "it takes a confirmation");

    let done = outcrop(&aws, &["logging", "setup", "--yes", "--json"]).json();
    assert_eq!(done["done"].as_array().unwrap().len(), 7);
    let again = outcrop(&aws, &["logging", "setup", "--yes"]).succeeded();
    assert!(again.contains("nothing to do"), "{again}");
    let kept = outcrop(&aws, &["logging", "setup", "--yes", "--retention", "30", "--no-images"]).succeeded();
    insta::assert_snapshot!(kept, @r"
    + keep events of /aws/bedrock/model-invocations for 30 days
    + turn the invocation log of us-east-1 on
    ");

    insta::assert_snapshot!(outcrop(&aws, &["logging", "status"]).succeeded(), @r"
    the invocation log of us-east-1
      ok  log-group: /aws/bedrock/model-invocations exists; events are kept for 30 days
      ok  trust: Bedrock may assume BedrockLoggingRole
      ok  permission: the role may logs:CreateLogStream and logs:PutLogEvents
      ok  permission: the role may s3:PutObject
      ok  bucket: bedrock-logs-123456789012 exists in us-east-1
    ");
    let status = outcrop(&aws, &["logging", "status", "--json"]).json();
    assert_eq!(status["loggingConfig"]["cloudWatchConfig"]["logGroupName"], GROUP);
    assert_eq!(status["loggingConfig"]["imageDataDeliveryEnabled"], false);

    outcrop(&aws, &["logging", "disable", "--yes"]).succeeded();
    let after = outcrop(&aws, &["logging", "status", "--json"]).json();
    assert_eq!(after["loggingConfig"], Value::Null);
}

#[test]
fn a_local_account_remembers_its_log() {
    let home = tempfile::TempDir::new().unwrap();
    let local = |args: &[&str]| {
        let args = [args, &["--local"]].concat();
        Outcrop::new(&args).env("HOME", home.path().to_str().unwrap()).run().succeeded()
    };
    local(&["logging", "setup", "--yes", "--json"]);
    let status = local(&["logging", "status"]);
    assert!(
        status.contains("Bedrock may assume BedrockLoggingRole") && !status.contains("error"),
        "{status}"
    );
    let verified = local(&["verify", "us.amazon.nova-lite-v1:0"]);
    assert!(verified.contains("proven"), "{verified}");
    let tailed = local(&["logging", "tail", "--since", "1h"]);
    assert!(tailed.contains("us.amazon.nova-lite-v1:0"), "{tailed}");
}

#[test]
fn names_are_checked_before_anything_is_sent() {
    for (args, wrong) in [
        (["--bucket", "Not_Legal"], "no legal name of a bucket"),
        (["--log-group", "a b"], "no legal name of a log group"),
        (["--role", "arn:aws:iam::1:role/x"], "no legal name of a role"),
        (["--account", "12"], "no account number"),
    ] {
        let account = if args[0] == "--account" { &[][..] } else { &["--account", "123456789012"] };
        let run = Outcrop::new(&[&["logging", "setup", "--print-only"], account, &args].concat()).run();
        assert!(run.failed().contains(wrong), "{args:?}");
    }
}

#[test]
fn the_set_up_is_printed_without_an_account_or_a_network() {
    for format in ["json", "cloudformation", "terraform"] {
        let args = ["logging", "setup", "--account", "123456789012", "--retention", "7", "--format", format];
        insta::assert_snapshot!(format!("logging-setup-{format}"), Outcrop::new(&args).run().succeeded());
    }
}

#[test]
fn files_are_read_in_both_forms_plain_and_packed() {
    let folder = fixture("invocation-log").display().to_string();
    let run = Outcrop::new(&["logging", "tail", "--file", &folder]).run();
    assert!(run.stderr.contains("1 lines are no records of invocations"), "{}", run.stderr);
    insta::assert_snapshot!(run.succeeded(), @r"
    2026-01-16T16:56:15Z  ConverseStream  abc123  us-east-1 -> us-west-2  in - out -  a8b9d8c9-87b3-41ea-8a02-e8bfdba7782f
    2026-04-19T23:57:01Z  ConverseStream  abc123def456  us-east-1 -> us-west-2  in 1 out 42 cached 129709  a8b9d8c9-87b3-41ea-8a02-e8bfdba7782f
    2026-04-19T23:58:01Z  InvokeModel  us.amazon.nova-lite-v1:0  us-east-1 -> us-east-2  in 9 out 3  b8b9d8c9-87b3-41ea-8a02-e8bfdba7782f
    2026-04-20T00:00:00Z  Converse  abc123def456  us-east-1 -> -  in - out -  ThrottlingException  c8b9d8c9-87b3-41ea-8a02-e8bfdba7782f
    ");
    let of_one = [
        "logging",
        "tail",
        "--file",
        &folder,
        "--profile",
        "abc123def456",
        "--since",
        "2026-04-20",
        "--json",
    ];
    let lines = Outcrop::new(&of_one).run().succeeded();
    let record: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(record["errorCode"], "ThrottlingException");

    let packed = tempfile::NamedTempFile::with_suffix(".json.gz").unwrap();
    let mut encoder = flate2::write::GzEncoder::new(packed.as_file(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(fixture("invocation-log/nested.jsonl")).unwrap()).unwrap();
    encoder.finish().unwrap();
    let path = packed.path().display().to_string();
    let lines = Outcrop::new(&["logging", "tail", "--file", &path, "--json"]).run().succeeded();
    assert_eq!(lines.lines().count(), 3);
    let broken = Outcrop::new(&["logging", "tail", "--file", "/nowhere/at/all"]).run().failed();
    assert!(broken.contains("/nowhere/at/all cannot be read"), "{broken}");
}
