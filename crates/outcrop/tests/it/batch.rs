//! `outcrop batch …` from an OpenAI batch file to its answers, through S3 and a job.

use serde_json::Value;

use crate::outcrop::Outcrop;
use crate::profiles::Aws;

const ROLE: &str = "arn:aws:iam::123456789012:role/batch";
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
const ALLOW: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
const FILE: &str = r#"{"custom_id": "one", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "us.amazon.nova-2-lite-v1:0", "messages": [{"role": "user", "content": "repeat after me: pine"}]}}
{"custom_id": "two", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "us.amazon.nova-2-lite-v1:0", "messages": [{"role": "user", "content": "repeat after me: oak"}], "max_tokens": 50}}
"#;

fn batch(aws: &Aws, args: &[&str]) -> Outcrop {
    let prepared = Outcrop::new(&[&["batch"], args].concat()).file("trees.jsonl", FILE);
    aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value))
}

#[test]
fn a_file_is_submitted_followed_and_collected() {
    let aws = Aws::start();
    aws.with_client(async |client| {
        client.create_bucket("batch-files", "us-east-1").await.unwrap();
        client.create_role("batch", TRUST, "reads and writes batches").await.unwrap();
        client.put_role_policy("batch", "s3", ALLOW).await.unwrap();
    });
    let submit = ["submit", "trees.jsonl", "--bucket", "s3://batch-files/team", "--role", ROLE];
    let arn = batch(&aws, &submit).run().succeeded().trim().to_owned();
    // The same file again is the same job.
    assert_eq!(batch(&aws, &submit).run().succeeded().trim(), arn);
    let watched = batch(&aws, &["watch", &arn, "--interval", "1"]).run().succeeded();
    assert!(watched.contains("Completed 2/2 processed, 0 refused"), "{watched}");
    let listed = batch(&aws, &["list", "--json"]).run().json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["jobArn"]), (1, &Value::from(arn.as_str())));
    let name = listed[0]["jobName"].as_str().unwrap();
    assert!(name.starts_with("trees-"), "{name}");
    let collected = batch(&aws, &["collect", name]).run().succeeded();
    let lines: Vec<Value> = collected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, (id, tree)) in lines.iter().zip([("one", "pine"), ("two", "oak")]) {
        assert_eq!(line["custom_id"], id);
        let body = &line["response"]["body"];
        assert_eq!(
            (&body["object"], &body["model"]),
            (&"chat.completion".into(), &"us.amazon.nova-2-lite-v1:0".into())
        );
        assert!(body["choices"][0]["message"]["content"].as_str().unwrap().contains(tree), "{line}");
    }
    assert_eq!(lines.len(), 2);
}

#[test]
fn what_cannot_run_is_refused_before_anything_is_put() {
    let aws = Aws::start();
    let submit = |more: &[&str]| {
        let args = [&["submit", "trees.jsonl", "--role", ROLE], more].concat();
        batch(&aws, &args)
    };
    let dry = submit(&["--bucket", "s3://b", "--dry-run", "--name", "mine"]).run().json();
    assert_eq!(dry["inputDataConfig"]["s3InputDataConfig"]["s3Uri"], "s3://b/mine/records.jsonl");
    assert!(submit(&["--bucket", "b"]).run().failed().contains("is no place on S3"));
    assert!(submit(&["--bucket", "s3://b", "--name", "a b"]).run().failed().contains("is no name of a job"));
    let two = FILE.replacen("us.amazon.nova-2-lite-v1:0", "us.amazon.nova-pro-v1:0", 1);
    let refused = submit(&["--bucket", "s3://b"]).file("trees.jsonl", &two).run().failed();
    assert!(refused.contains("the lines name 2 models") && refused.contains("-m MODEL"), "{refused}");
    assert!(submit(&["--bucket", "s3://nowhere"]).run().failed().contains("s3://nowhere"));
    assert!(batch(&aws, &["watch", "nosuch"]).run().failed().contains("no batch job is called `nosuch`"));
}
