//! `outcrop profiles plan|apply|bootstrap`: what is shown is what is made, once, whatever happens on the way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::outcrop::Run;
use crate::profiles::Aws;

const FILE: &str = "\
profiles:
  - name: team-a
    from: us.anthropic.claude-sonnet-4-5-20250929-v1:0
    description: Chat of team a
    tags: {team: a, env: prod}
  - name: team-b
    from: amazon.nova-lite-v1:0
    account: '123456789012'
  - name: team-a
    region: eu-west-1
    from: eu.amazon.nova-lite-v1:0
    tags: {team: a}
";

fn run(aws: &Aws, command: &str, text: &str, flags: &[&str]) -> Run {
    let args = [&[command, "-f", "profiles.yaml"], flags].concat();
    aws.profiles(&args).file("profiles.yaml", text).run()
}

fn apply(aws: &Aws, text: &str, flags: &[&str]) -> Run {
    run(aws, "apply", text, &[&["--yes"], flags].concat())
}

/// Every application profile of two Regions with its tags, without ARNs, which are new in each account.
fn state(aws: &Aws) -> Vec<Value> {
    let mut state = Vec::new();
    for region in ["us-east-1", "eu-west-1"] {
        for name in aws.names(region) {
            let mut it = aws.profiles(&["get", &name, "--region", region, "--json"]).run().json();
            for key in ["arn", "id", "createdAt"] {
                it[key] = Value::Null;
            }
            state.push(it);
        }
    }
    state
}

#[test]
fn a_plan_is_shown_applied_and_then_there_is_nothing_to_do() {
    let aws = Aws::start();
    assert_snapshot!(run(&aws, "plan", FILE, &[]).succeeded(), @r"
      + team-a (us-east-1): create from arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0
          tag env=prod
          tag team=a
      + team-b (us-east-1): create from arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0
      + team-a (eu-west-1): create from arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0
          tag team=a
        local-claude (us-east-1): not in the file, left alone (--prune deletes it)
        local-nova (us-east-1): not in the file, left alone (--prune deletes it)
    3 to create, 2 not in the file and left alone
    ");
    assert!(state(&aws).is_empty(), "a plan makes nothing");
    let applied = apply(&aws, FILE, &["--json"]).json();
    assert!(applied["changes"][0]["arn"].as_str().unwrap().contains(":application-inference-profile/"));
    let made = state(&aws);
    assert_eq!(made.len(), 3);
    assert_eq!(made[0]["tags"], json!({"env": "prod", "team": "a"}));
    // Nothing to do takes no confirmation.
    let again = run(&aws, "apply", FILE, &["--json"]).json();
    assert_eq!(again["summary"], "3 unchanged, 2 not in the file and left alone");
    assert_eq!(state(&aws), made);
}

#[test]
fn tags_change_in_place_and_the_rest_only_when_told() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    let arn = aws.profiles(&["get", "team-b", "--json"]).run().json()["arn"].clone();
    let text =
        FILE.replace("env: prod", "cost: x").replace("from: amazon.nova-lite", "from: us.amazon.nova-lite");
    let planned = run(&aws, "plan", &text, &[]).succeeded();
    assert_snapshot!(planned.lines().take(6).collect::<Vec<_>>().join("\n"), @r"
      ~ team-a (us-east-1): tags
          + cost=x
          - env
    +/- team-b (us-east-1): replace: AWS cannot change it, so team-b-v2 is created beside it, with another ARN
          models: us-east-1/amazon.nova-lite-v1:0 → us-east-1/amazon.nova-lite-v1:0 us-east-2/amazon.nova-lite-v1:0 us-west-2/amazon.nova-lite-v1:0
      = team-a (eu-west-1): unchanged
    ");
    let applied = apply(&aws, &text, &["--json"]).json();
    assert_eq!(state(&aws)[0]["tags"], json!({"cost": "x", "team": "a"}));
    assert_eq!(aws.profiles(&["get", "team-b", "--json"]).run().json()["arn"], arn, "the old one is kept");
    let beside = aws.profiles(&["get", "team-b-v2", "--json"]).run().json();
    assert_eq!(applied["changes"][1]["arn"], beside["arn"]);
    assert_eq!(beside["destinationRegions"], json!(["us-east-1", "us-east-2", "us-west-2"]));
    // From now on the new one stands for the name, and the old one goes only when asked for and no longer needed.
    let again = run(&aws, "plan", &text, &["--prune", "--json"]).json();
    assert_eq!(again["changes"][2]["action"], "superseded", "{again}");
    apply(&aws, &text, &["--prune"]).succeeded();
    assert_eq!(aws.names("us-east-1"), ["team-a", "team-b", "team-b-v2"]);
    let third = text.replace("us.amazon.nova-lite", "us.amazon.nova-pro");
    apply(&aws, &third, &[]).succeeded();
    assert_eq!(aws.names("us-east-1"), ["team-a", "team-b", "team-b-v2", "team-b-v3"]);
}

#[test]
fn what_was_replaced_goes_once_its_replacement_is_in_use() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    let text = FILE.replace("from: amazon.nova-lite", "from: us.amazon.nova-lite");
    apply(&aws, &text, &[]).succeeded();
    let new = aws.profiles(&["get", "team-b-v2", "--json"]).run().json()["arn"].as_str().unwrap().to_owned();
    let kept = apply(&aws, &text, &["--prune"]);
    assert!(kept.stderr.contains("kept until that one is in use"), "{}", kept.stderr);
    aws.post(
        &format!("/model/{}/converse", new.replace('/', "%2F")),
        r#"{"messages": [{"role": "user", "content": [{"text": "hello"}]}]}"#,
    );
    apply(&aws, &text, &["--prune"]).succeeded();
    assert_eq!(aws.names("us-east-1"), ["team-a", "team-b-v2"]);
    assert_eq!(run(&aws, "plan", &text, &["--prune", "--json"]).json()["summary"], "3 unchanged");
}

#[test]
fn another_account_is_reached_by_its_role() {
    let aws = Aws::start();
    const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}}]}"#;
    const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}"#;
    aws.with_client(async |client| {
        client.create_role("deployer", TRUST, "makes profiles").await.unwrap();
        client.put_role_policy("deployer", "bedrock", ALLOW).await.unwrap();
    });
    // The caller itself may do nothing but assume the role.
    aws.tell(
        "policies",
        r#"{"identity": [{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}]}"#,
    );
    let file = |external_id: &str| {
        format!(
            "accounts:\n  '123456789012': {{role: 'arn:aws:iam::123456789012:role/deployer', external_id: {external_id}}}\nprofiles:\n  - {{name: a, from: amazon.nova-lite-v1:0, account: '123456789012'}}\n"
        )
    };
    let plain = "profiles: [{name: a, from: amazon.nova-lite-v1:0}]\n";
    assert!(
        apply(&aws, plain, &[])
            .failed()
            .contains("is not authorized to perform: bedrock:ListInferenceProfiles")
    );
    let refused = apply(&aws, &file("wrong"), &[]).failed();
    assert!(refused.contains("role/deployer cannot be assumed") && refused.contains("hint: "), "{refused}");
    apply(&aws, &file("x1"), &[]).succeeded();
    assert_eq!(
        run(&aws, "plan", &file("x1"), &["--json"]).json()["summary"],
        "1 unchanged, 2 not in the file and left alone"
    );
    let wrong = file("x1").replace("iam::123456789012", "iam::999999999999");
    assert!(run(&aws, "plan", &wrong, &[]).failed().contains("is no role of the account 123456789012"));
}

/// One file for two accounts: each profile is made in its own, as the role there, and nothing is made in the other.
#[test]
fn each_profile_is_made_in_its_own_account() {
    const OTHER: &str = "210987654321";
    const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}]}"#;
    const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}"#;
    let aws = Aws::start();
    aws.with_client_of(OTHER, async |client| {
        client.create_role("deployer", TRUST, "makes profiles").await.unwrap();
        client.put_role_policy("deployer", "bedrock", ALLOW).await.unwrap();
    });
    let file = format!(
        "accounts:\n  '{OTHER}': {{role: 'arn:aws:iam::{OTHER}:role/deployer'}}\nprofiles:\n  - {{name: here, from: amazon.nova-lite-v1:0, account: '123456789012'}}\n  - {{name: there, from: us.amazon.nova-lite-v1:0, account: '{OTHER}', tags: {{team: a}}}}\n"
    );
    let applied = apply(&aws, &file, &[]).succeeded();
    let prefix = format!("arn:aws:bedrock:us-east-1:{OTHER}:application-inference-profile/");
    assert!(applied.contains(&prefix), "{applied}");
    let names = |id: &str| {
        aws.with_client_of(id, async |client| {
            let survey = client.survey("us-east-1").await.unwrap();
            let profiles: Vec<_> = survey.application_profiles().collect();
            profiles.into_iter().filter_map(|profile| profile.name).collect::<Vec<_>>()
        })
    };
    assert_eq!(names(OTHER), ["there"]);
    assert!(names("123456789012").contains(&"here".to_owned()));
    assert!(!names("123456789012").contains(&"there".to_owned()));
    let again = run(&aws, "plan", &file, &["--json"]).json();
    assert!(again["summary"].as_str().unwrap().starts_with("2 unchanged"), "{again}");
    let without_a_role = "profiles: [{name: x, from: amazon.nova-lite-v1:0, account: '210987654321'}]\n";
    assert!(apply(&aws, without_a_role, &[]).failed().contains(OTHER));
}

#[test]
fn in_place_is_only_when_told() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    let arn = aws.profiles(&["get", "team-b", "--json"]).run().json()["arn"].clone();
    let text = FILE.replace("from: amazon.nova-lite", "from: us.amazon.nova-lite");
    apply(&aws, &text, &["--replace"]).succeeded();
    let replaced = aws.profiles(&["get", "team-b", "--json"]).run().json();
    assert_ne!(replaced["arn"], arn);
    assert_eq!(replaced["destinationRegions"], json!(["us-east-1", "us-east-2", "us-west-2"]));
    assert_eq!(replaced["tags"], json!({}));
}

#[test]
fn a_tag_policy_is_kept_before_anything_is_sent() {
    let aws = Aws::start();
    let file = |more: &str| {
        format!(
            "tags: {{owner: platform}}\nrequired_tags: [team, owner]\ntag_values: {{env: [prod, test]}}\nprofiles:\n  - name: a\n    from: amazon.nova-lite-v1:0\n{more}"
        )
    };
    assert_snapshot!(run(&aws, "plan", &file("    tags: {env: staging}\n"), &[]).failed(), @r"
    error: profiles.yaml:5:11: the profile `a` lacks the required tag `team`
      5 |   - name: a
        |           ^
      hint: give it the tag, or have `team` among the policy's `tags` for every profile
    error: profiles.yaml:7:17: the tag `env` of `a` may not be `staging`
      7 |     tags: {env: staging}
        |                 ^
      hint: allowed are prod, test
    2 errors in the configuration
    ");
    apply(&aws, &file("    tags: {team: a, env: prod}\n"), &[]).succeeded();
    let tags = aws.profiles(&["get", "a", "--json"]).run().json()["tags"].clone();
    assert_eq!(tags, json!({"owner": "platform", "team": "a", "env": "prod"}));
    apply(&aws, &file("    tags: {team: a, owner: me}\n"), &[]).succeeded();
    let tags = aws.profiles(&["get", "a", "--json"]).run().json()["tags"].clone();
    assert_eq!(tags, json!({"owner": "me", "team": "a"}));
}

/// The policy of the configuration holds for every command that makes or changes a profile.
#[test]
fn a_configured_tag_policy_holds_for_every_command() {
    const POLICY: &str =
        "profile_tags: {tags: {owner: platform}, required_tags: [team], tag_values: {env: [prod, test]}}\n";
    const FROM: [&str; 2] = ["--from", "amazon.nova-lite-v1:0"];
    let aws = Aws::start();
    let run = |args: &[&str]| {
        let args = [args, &["--config", "outcrop.yaml"]].concat();
        aws.profiles(&args).file("outcrop.yaml", POLICY).file("profiles.yaml", PROFILES).run()
    };
    const PROFILES: &str =
        "required_tags: [cost]\nprofiles: [{name: b, from: amazon.nova-lite-v1:0, tags: {env: prod}}]\n";
    let refused = run(&[&["create", "a", "--tag", "env=staging"], &FROM[..]].concat()).failed();
    assert!(refused.contains("lacks the required tag `team`"), "{refused}");
    assert!(refused.contains("`env` of `a` may not be `staging`"), "{refused}");
    run(&[&["create", "a", "--tag", "team=a", "--tag", "env=test"], &FROM[..]].concat()).succeeded();
    let tags = || aws.profiles(&["get", "a", "--json"]).run().json()["tags"].clone();
    assert_eq!(tags(), json!({"owner": "platform", "team": "a", "env": "test"}));

    assert!(run(&["tag", "a", "env=staging"]).failed().contains("may not be `staging`"));
    assert!(run(&["untag", "a", "team"]).failed().contains("lacks the required tag `team`"));
    run(&["tag", "a", "env=prod"]).succeeded();
    run(&["untag", "a", "owner"]).succeeded();
    assert_eq!(tags(), json!({"team": "a", "env": "prod"}));

    let refused = run(&["plan", "-f", "profiles.yaml"]).failed();
    assert!(
        refused.contains("the required tag `cost`") && refused.contains("the required tag `team`"),
        "{refused}"
    );
    let refused = run(&["bootstrap", "--prefix", "x", "us.amazon.nova-lite-v1:0", "--yes"]).failed();
    assert!(refused.contains("`bootstrap` gives the tags"), "{refused}");
    assert_eq!(aws.names("us-east-1"), ["a"]);
}

#[test]
fn a_bad_tag_in_the_policy_is_refused_with_its_place() {
    let aws = Aws::start();
    let refused = aws
        .profiles(&["list", "--config", "outcrop.yaml"])
        .file("outcrop.yaml", "listen: 127.0.0.1:4141\nprofile_tags: {tags: {'aws:x': y}}\n")
        .run()
        .failed();
    assert!(refused.contains("outcrop.yaml:2") && refused.contains("only AWS itself"), "{refused}");
}

#[test]
fn a_name_that_is_written_is_nobodys_replacement() {
    let aws = Aws::start();
    let two =
        "profiles: [{name: a, from: amazon.nova-lite-v1:0}, {name: a-v2, from: us.amazon.nova-lite-v1:0}]\n";
    apply(&aws, two, &[]).succeeded();
    assert_eq!(
        run(&aws, "plan", two, &["--json"]).json()["summary"],
        "2 unchanged, 2 not in the file and left alone"
    );
    // One that somebody made by hand is none either.
    let one = "profiles: [{name: a, from: amazon.nova-lite-v1:0}]\n";
    assert_eq!(
        run(&aws, "plan", one, &["--json"]).json()["summary"],
        "1 unchanged, 3 not in the file and left alone"
    );
}

#[test]
fn only_prune_deletes_and_only_in_the_files_regions() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    aws.profiles(&["create", "other", "--from", "amazon.nova-lite-v1:0", "--region", "us-west-2"])
        .run()
        .succeeded();
    let smaller = "profiles: [{name: team-b, from: amazon.nova-lite-v1:0}]\n";
    apply(&aws, smaller, &[]).succeeded();
    assert_eq!(state(&aws).len(), 3);
    let asked = run(&aws, "apply", smaller, &["--prune"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("hint: add --yes"), "{}", asked.stderr);
    assert_eq!(state(&aws).len(), 3);
    apply(&aws, smaller, &["--prune"]).succeeded();
    assert_eq!(aws.names("us-east-1"), ["team-b"]);
    assert_eq!(
        (aws.names("eu-west-1"), aws.names("us-west-2")),
        (vec!["team-a".to_owned()], vec!["other".to_owned()])
    );
}

#[test]
fn every_mistake_of_the_file_is_shown_with_its_place() {
    let aws = Aws::start();
    let plan = |text: &str| run(&aws, "plan", text, &[]).failed();
    assert_snapshot!(plan("profiles:\n  - name: Sonnet 4.5\n    from: a.b\n    region: us-east-1a\n    tags: {x: 'a&b'}\n"), @r"
    error: profiles.yaml:2:11: the name `Sonnet 4.5` is not one AWS takes: letters, digits, and single blanks, hyphens or underscores between them
      2 |   - name: Sonnet 4.5
        |           ^
      hint: write `Sonnet 4-5`
    error: profiles.yaml:5:15: the value of the tag x holds '&'; AWS takes letters, digits, blanks and ._:/=+@-
      5 |     tags: {x: 'a&b'}
        |               ^
      hint: write `a-b`
    error: profiles.yaml:4:13: `us-east-1a` is an availability zone, not a Region
      4 |     region: us-east-1a
        |             ^
      hint: write `us-east-1`
    3 errors in the configuration
    ");
    assert!(plan("profiles:\n  - nmae: a\n").contains("profiles.yaml:2:5: unknown key `nmae`"));
    assert!(plan("profiles:\n  - name: a\n").contains("`from` is missing"));
    let twice = "profiles:\n  - {name: a, from: x.y}\n  - {name: a, from: x.y, region: us-east-1}\n";
    assert!(
        plan(twice).contains("profiles.yaml:3:12: the profile `a` is written twice for us-east-1; line 2")
    );
    let wrong = "profiles:\n  - {name: a, from: nonsense}\n  - {name: b, from: eu.amazon.nova-lite-v1:0}\n";
    let stderr = plan(wrong);
    assert!(stderr.contains("profiles.yaml:2:21: the source is not found"), "{stderr}");
    assert!(stderr.contains("profiles.yaml:3:21: ") && stderr.contains("2 errors"), "{stderr}");
    let account = FILE.replace("123456789012", "999999999999");
    assert!(plan(&account).contains("the credentials belong to 123456789012, not to 999999999999"));
    assert!(state(&aws).is_empty());
}

/// Hands requests on to the emulator, except that the answer of one of them is lost: what the caller sees is what a program
/// sees that is stopped there and started again.
struct Wire {
    url: String,
}

impl Wire {
    /// Before or after AWS has worked on the request numbered `lost`.
    fn losing(lost: usize, is_worked_on: bool, aws: &Aws) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let upstream = aws.url.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for (number, caller) in listener.incoming().enumerate() {
                let mut caller = caller.unwrap();
                let request = whole_request(&mut caller);
                if number == lost && !is_worked_on {
                    continue;
                }
                let mut server = TcpStream::connect(&upstream).unwrap();
                server.write_all(&request).unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).unwrap();
                if number != lost {
                    caller.write_all(&answer).unwrap();
                }
            }
        });
        Self { url }
    }
}

/// One request, asking for the connection to be closed behind it.
fn whole_request(caller: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = caller.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.map_or(0, |length| length.parse().unwrap()) {
            return format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes();
        }
    }
}

#[test]
fn a_run_that_is_cut_off_anywhere_is_finished_by_the_next() {
    let before = "profiles: [{name: team-a, from: us.anthropic.claude-sonnet-4-5-20250929-v1:0, description: Chat of team a, tags: {team: x, old: z}}, {name: team-b, from: us.amazon.nova-lite-v1:0}, {name: team-c, from: amazon.nova-lite-v1:0}]\n";
    for flags in [&["--replace", "--prune"][..], &[]] {
        cut_off_everywhere(before, flags);
    }
}

fn cut_off_everywhere(before: &str, flags: &[&str]) {
    let reference = Aws::start();
    apply(&reference, before, &[]).succeeded();
    apply(&reference, FILE, flags).succeeded();
    let expected = state(&reference);
    for is_worked_on in [false, true] {
        let (mut cut_off, mut while_changing) = (0, 0);
        for lost in 0.. {
            let aws = Aws::start();
            apply(&aws, before, &[]).succeeded();
            let wire = Wire::losing(lost, is_worked_on, &aws);
            let args = [&["apply", "-f", "profiles.yaml", "--yes"], flags].concat();
            let broken = aws
                .profiles(&args)
                .file("profiles.yaml", FILE)
                .env("AWS_ENDPOINT_URL_BEDROCK", &wire.url)
                .run();
            if broken.code == 0 {
                break;
            }
            cut_off += 1;
            while_changing += usize::from(broken.stderr.contains(" changes were made before it"));
            assert!(broken.stderr.contains("hint: run the same command again"), "{}", broken.stderr);
            apply(&aws, FILE, flags).succeeded();
            assert_eq!(state(&aws), expected, "request {lost} was lost");
        }
        // Two tag calls, a deletion and a creation for the replacement, a creation, and a deletion for each not in the file.
        let least = if flags.is_empty() { 4 } else { 6 };
        assert!(
            cut_off >= 10 && while_changing >= least,
            "only {cut_off}, {while_changing} calls were cut off"
        );
    }
}

#[test]
fn bootstrap_names_profiles_like_the_guides_script() {
    let aws = Aws::start();
    let sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let args = ["bootstrap", "--prefix", "LibreChat", sonnet, "us.amazon.nova-pro-v1:0", "--yes"];
    let table = aws.profiles(&args).run().succeeded();
    let names =
        ["LibreChat-us-amazon-nova-pro-v1-0", "LibreChat-us-anthropic-claude-sonnet-4-5-20250929-v1-0"];
    assert_eq!(aws.names("us-east-1"), [names[0], names[1]]);
    assert!(names.iter().all(|name| table.contains(name)), "{table}");
    // Again: the same profiles, and one that has no source does not keep the others from being made.
    let run = aws.profiles(&[&args[..], &["us.amazon.nova-micro-v1:0", "us.no.such"]].concat()).run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("no source, so no profile: us.no.such"), "{}", run.stderr);
    assert!(table.lines().all(|line| run.stdout.contains(line.split(' ').next().unwrap())));
    assert_eq!(aws.names("us-east-1").len(), 3);
    let long = aws.profiles(&["bootstrap", "--prefix", &"x".repeat(40), sonnet, "--yes"]).run().failed();
    assert!(long.contains("AWS takes 64") && long.contains("shorten the prefix"), "{long}");
    assert_eq!(aws.profiles(&args[..4]).run().code, 0, "nothing to do takes no confirmation");
}

#[test]
fn what_is_imported_needs_no_change() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    aws.profiles(&[
        "create",
        "everywhere",
        "--from",
        "global.anthropic.claude-sonnet-4-6",
        "--tag",
        "a:b=c d",
    ])
    .run()
    .succeeded();
    let both = ["--region", "us-east-1", "--region", "eu-west-1"];
    let text = aws.profiles(&[&["import"], &both[..]].concat()).run().succeeded();
    assert!(text.contains("from: \"global.anthropic.claude-sonnet-4-6\""), "{text}");
    let planned = run(&aws, "plan", &text, &["--prune", "--json"]).json();
    assert_eq!(planned["summary"], "6 unchanged", "{text}");
    // A file that exists is somebody's.
    let again = aws.profiles(&["import", "-f", "mine.yaml"]).file("mine.yaml", "x").run();
    assert_eq!(again.code, 2, "{}", again.stderr);
    let empty = aws.profiles(&["import", "--region", "eu-west-3"]).run().succeeded();
    assert_eq!(run(&aws, "plan", &empty, &[]).succeeded(), "no profiles\n");
}

#[test]
fn the_exports_say_the_same_in_other_languages() {
    let aws = Aws::start();
    apply(&aws, FILE, &[]).succeeded();
    let export = |format: &str, more: &[&str]| {
        aws.profiles(&[&["export", "--format", format, "--filter", "team"], more].concat()).run()
    };
    let arn = aws.profiles(&["get", "team-a", "--json"]).run().json()["arn"].as_str().unwrap().to_owned();
    let id = arn.rsplit('/').next().unwrap();
    let terraform = export("terraform", &[]).succeeded().replace(id, "[ID]");
    let (first, _) = terraform.split_once("\nimport {\n  to = aws_bedrock_inference_profile.team_b").unwrap();
    assert_snapshot!(first, @r#"
    # Terraform 1.5 or newer takes over what exists by the import blocks; `region` and `@REGION` need the AWS provider 6 or newer.

    import {
      to = aws_bedrock_inference_profile.team_a
      id = "[ID]@us-east-1"
    }

    resource "aws_bedrock_inference_profile" "team_a" {
      name        = "team-a"
      region      = "us-east-1"
      description = "Chat of team a"

      model_source {
        copy_from = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
      }

      tags = {
        "env" = "prod"
        "team" = "a"
      }
    }
    "#);
    let template = export("cloudformation", &[]).json();
    assert_eq!(
        template["Resources"]["ProfileTeamA"]["Properties"],
        json!({
            "InferenceProfileName": "team-a",
            "Description": "Chat of team a",
            "ModelSource": { "CopyFrom": "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0" },
            "Tags": [{ "Key": "env", "Value": "prod" }, { "Key": "team", "Value": "a" }],
        })
    );
    assert_eq!(template["Resources"].as_object().unwrap().len(), 2);
    let refused = export("cloudformation", &["--region", "us-east-1", "--region", "eu-west-1"]).failed();
    assert!(refused.contains("one Region"), "{refused}");
}
