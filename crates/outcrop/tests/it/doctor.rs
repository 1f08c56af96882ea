//! `outcrop doctor`: each broken set-up is told by its own cause.

use outcrop_bedrock::control::logging::{CloudWatchConfig, LoggingConfig};
use serde_json::Value;

use crate::outcrop::Outcrop;
use crate::profiles::Aws;

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// `outcrop doctor ARGS… --json` with the emulated account's variables.
fn doctor(aws: &Aws, args: &[&str]) -> Outcrop {
    let prepared = Outcrop::new(&[&["doctor", "--json"], args].concat()).env("AWS_REGION", "us-east-1");
    aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value))
}

fn findings(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_sound_account_has_nothing_broken_and_one_call_is_made() {
    let aws = Aws::start();
    let run = doctor(&aws, &[SONNET]).env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &aws.url).run();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let found = findings(&run.stdout);
    assert!(found.iter().all(|it| it["status"] != "error"), "{}", run.stdout);
    assert!(found.iter().any(|it| it["check"] == "invocation" && it["status"] == "ok"), "{}", run.stdout);
    for it in &found {
        let keys: Vec<_> = it.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["check", "detail", "fix", "status"]);
        assert_eq!(it["status"] == "ok", it["fix"].is_null(), "{it}");
    }
}

/// The policy is asked about what AWS says of the profile, not about what the configuration says; what it refuses is not called.
#[test]
fn the_residency_policy_judges_what_aws_lists() {
    let aws = Aws::start();
    let created =
        aws.profiles(&["create", "team-a", "--from", SONNET, "--region", "us-east-1", "--json"]).run().json();
    let arn = created["arn"].as_str().unwrap();
    let examined = |policy: &str| {
        let run = doctor(&aws, &[arn])
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &aws.url)
            .file("outcrop.yaml", &format!("residency: {policy}\n"))
            .run();
        let found = findings(&run.stdout);
        let of = |check: &str| found.iter().find(|it| it["check"] == check).cloned().unwrap_or_default();
        (of("residency"), of("profile"), of("invocation"))
    };
    let (residency, profile, invocation) = examined("{allow_geographies: [us]}");
    assert_eq!(
        (&residency["status"], &profile["status"], &invocation["status"]),
        (&"ok".into(), &"ok".into(), &"ok".into())
    );
    let (residency, profile, invocation) = examined("{allow_regions: [us-east-1, us-west-2]}");
    assert_eq!((&residency["status"], &profile["status"]), (&"error".into(), &"ok".into()));
    let detail = residency["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("outcrop.yaml:1: ")
            && detail.contains("refused: it may be processed in us-east-2"),
        "{detail}"
    );
    assert!(invocation.is_null(), "what is refused is not called: {invocation}");
}

/// What holds for the account is asked; where that is not allowed, AWS's default is said to be one.
#[test]
fn the_quota_of_profiles_is_the_accounts_own() {
    let aws = Aws::start();
    let quota = |run: crate::outcrop::Run| {
        let found = findings(&run.stdout).into_iter().find(|it| it["check"] == "quota");
        found.unwrap_or_else(|| panic!("{}", run.stdout))["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(quota(doctor(&aws, &[]).run()), "2 of 1000 application profiles are used in us-east-1");
    let unasked = quota(doctor(&aws, &[]).env("AWS_ENDPOINT_URL_SERVICE_QUOTAS", "http://127.0.0.1:1").run());
    assert!(unasked.contains("AWS's default; allow servicequotas:GetServiceQuota"), "{unasked}");
}

#[test]
fn local_needs_no_account_and_keeps_what_is_made() {
    let run = Outcrop::new(&["doctor", "--local", "--json", "local-claude"]).run();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let data = tempfile::TempDir::new().unwrap();
    let local = |args: &[&str]| {
        let args = [args, &["--local", "--json"]].concat();
        Outcrop::new(&args).env("OUTCROP_DATA_DIR", data.path().to_str().unwrap()).run().json()
    };
    let made = local(&["profiles", "create", "mine", "--from", "us.amazon.nova-2-lite-v1:0"]);
    let listed = local(&["profiles", "list", "--type", "application"]);
    assert!(listed.as_array().unwrap().iter().any(|it| it["arn"] == made["arn"]), "{listed}");
    assert_eq!(Outcrop::new(&["chat", "--local", "hello"]).run().code, 2);
}

/// One way to be broken, and what the doctor must say of it.
struct Broken {
    name: &'static str,
    /// What the emulated account is told first: path and body.
    account: &'static [(&'static str, &'static str)],
    /// And what is made in it.
    prepare: fn(&Aws),
    variables: &'static [(&'static str, &'static str)],
    files: &'static [(&'static str, &'static str)],
    args: &'static [&'static str],
    /// The check that must be in error (or, with a leading `~`, a warning).
    check: &'static str,
    /// Parts of the detail.
    says: &'static [&'static str],
    /// Parts of the cure.
    fix: &'static [&'static str],
}

const SOUND: Broken = Broken {
    name: "",
    account: &[],
    prepare: |_| {},
    variables: &[],
    files: &[],
    args: &[],
    check: "",
    says: &[],
    fix: &[],
};

/// Thirty and more ways in which set-ups are found broken.
const TABLE: &[Broken] = &[
    // What is written.
    Broken {
        name: "a key of the file is misspelt",
        files: &[("outcrop.yaml", "alias: {fast: us.amazon.nova-lite-v1:0}\n")],
        check: "configuration",
        says: &["outcrop.yaml:1:1", "unknown key `alias`"],
        fix: &["aliases"],
        ..SOUND
    },
    Broken {
        name: "the file is no YAML",
        files: &[("librechat.yaml", "endpoints:\n  bedrock:\n   - models: [a\n")],
        check: "configuration",
        says: &["librechat.yaml"],
        ..SOUND
    },
    Broken {
        name: "a variable of the file is not set",
        files: &[(
            "librechat.yaml",
            "endpoints: {bedrock: {inferenceProfiles: {us.amazon.nova-lite-v1:0: '${BEDROCK_NOVA_PROFILE}'}}}\n",
        )],
        check: "variables",
        says: &["BEDROCK_NOVA_PROFILE", "librechat.yaml:1"],
        ..SOUND
    },
    Broken {
        name: "a variable is misspelt",
        variables: &[("BEDROCK_AWS_REGION", "eu-west-1")],
        check: "~variables",
        says: &["BEDROCK_AWS_REGION", "not read"],
        fix: &["BEDROCK_AWS_DEFAULT_REGION"],
        ..SOUND
    },
    Broken {
        name: "a comment has become part of the Region",
        variables: &[("BEDROCK_AWS_DEFAULT_REGION", "us-west-2 # Oregon")],
        check: "region",
        says: &["a comment has become part of the value"],
        fix: &["write `us-west-2` alone"],
        ..SOUND
    },
    Broken {
        name: "an availability zone for a Region",
        args: &["--region", "us-east-1a"],
        check: "region",
        says: &["availability zone"],
        fix: &["`us-east-1`"],
        ..SOUND
    },
    Broken {
        name: "a Region that has no Bedrock",
        args: &["--region", "xx-nowhere-1"],
        check: "~region",
        says: &["no model is known to be served there"],
        ..SOUND
    },
    Broken {
        name: "mappings that are no JSON",
        variables: &[("BEDROCK_INFERENCE_PROFILE_MAPPINGS", "{arn:aws: x}")],
        check: "mappings",
        says: &["no JSON object"],
        ..SOUND
    },
    Broken {
        name: "a mapping the wrong way round",
        variables: &[(
            "BEDROCK_INFERENCE_PROFILE_MAPPINGS",
            r#"{"amazon.nova-lite-v1:0": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/novalocal123"}"#,
        )],
        check: "mappings",
        fix: &["the direction is ARN → model"],
        ..SOUND
    },
    Broken {
        name: "a mapping that contradicts AWS",
        variables: &[(
            "BEDROCK_INFERENCE_PROFILE_MAPPINGS",
            r#"{"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/novalocal123": "anthropic.claude-sonnet-4-5-20250929-v1:0"}"#,
        )],
        check: "mappings",
        says: &["stands for anthropic.claude-sonnet-4-5-20250929-v1:0, but AWS says amazon.nova-2-lite-v1:0"],
        fix: &["write amazon.nova-2-lite-v1:0"],
        ..SOUND
    },
    Broken {
        name: "a key of inferenceProfiles that differs from models in its case",
        files: &[(
            "librechat.yaml",
            "endpoints: {bedrock: {models: [us.amazon.nova-2-lite-v1:0], inferenceProfiles: {us.amazon.Nova-2-lite-v1:0: 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/novalocal123'}}}\n",
        )],
        check: "~keys",
        says: &["`us.amazon.Nova-2-lite-v1:0`", "no list of models offers"],
        fix: &["did you mean `us.amazon.nova-2-lite-v1:0`?", "case counts"],
        ..SOUND
    },
    Broken {
        name: "a key of inferenceProfiles that is not in models",
        files: &[(
            "librechat.yaml",
            "endpoints: {bedrock: {models: [us.amazon.nova-2-lite-v1:0], inferenceProfiles: {us.anthropic.claude-sonnet-4-6: 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1'}}}\n",
        )],
        check: "~keys",
        fix: &["add `us.anthropic.claude-sonnet-4-6` to `models`"],
        ..SOUND
    },
    // Who we are.
    Broken {
        name: "half a pair of keys",
        variables: &[("BEDROCK_AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")],
        check: "credentials",
        says: &["must be provided together"],
        fix: &["set BEDROCK_AWS_SECRET_ACCESS_KEY"],
        ..SOUND
    },
    Broken {
        name: "a line break in a key",
        variables: &[("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG\nbPxRfiCYEXAMPLEKEY")],
        check: "credentials",
        says: &["a line break"],
        fix: &["copy the value again"],
        ..SOUND
    },
    Broken {
        name: "keys that each user is to bring",
        variables: &[
            ("BEDROCK_AWS_ACCESS_KEY_ID", "user_provided"),
            ("BEDROCK_AWS_SECRET_ACCESS_KEY", "user_provided"),
        ],
        check: "credentials",
        says: &["user_provided"],
        ..SOUND
    },
    Broken {
        name: "no credentials at all",
        variables: &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
        check: "credentials",
        says: &["no AWS credentials were found"],
        fix: &["aws sso login"],
        ..SOUND
    },
    Broken {
        name: "an access key that AWS does not know",
        variables: &[("AWS_ACCESS_KEY_ID", "AKIAI44QH8DHBEXAMPLE")],
        check: "credentials",
        says: &["AWS does not know the access key"],
        fix: &["ASIA"],
        ..SOUND
    },
    Broken {
        name: "a secret that is not the key's",
        variables: &[("AWS_SECRET_ACCESS_KEY", "wrong")],
        check: "credentials",
        says: &["does not belong to the access key id"],
        ..SOUND
    },
    Broken {
        name: "a session token that has expired",
        account: &[("faults", r#"{"fault": "ExpiredTokenException"}"#)],
        check: "credentials",
        says: &["the session token has expired"],
        fix: &["aws sso login"],
        ..SOUND
    },
    Broken {
        name: "a bearer key that AWS does not know",
        variables: &[("AWS_BEARER_TOKEN_BEDROCK", "stale")],
        check: "credentials",
        says: &["does not know the Bedrock API key"],
        fix: &["AWS_BEARER_TOKEN_BEDROCK"],
        ..SOUND
    },
    Broken {
        name: "a clock that is an hour slow",
        account: &[("faults", r#"{"fault": "clock-skew"}"#)],
        check: "clock",
        says: &["more than five minutes"],
        fix: &["set-ntp"],
        ..SOUND
    },
    // The way to AWS.
    Broken {
        name: "an endpoint where nobody listens",
        variables: &[("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1")],
        check: "endpoint",
        says: &["no connection to 127.0.0.1:1"],
        fix: &["--local"],
        ..SOUND
    },
    Broken {
        name: "a Region that is down",
        account: &[("faults", r#"{"fault": "region-outage;region=us-east-1"}"#)],
        check: "endpoint",
        says: &["AWS is unavailable (503)"],
        fix: &["another Region"],
        ..SOUND
    },
    Broken {
        name: "an endpoint that lacks its scheme",
        variables: &[("AWS_ENDPOINT_URL_BEDROCK", "bedrock.example.com")],
        check: "variables",
        says: &["AWS_ENDPOINT_URL_BEDROCK", "https://"],
        ..SOUND
    },
    // Profiles and models.
    Broken {
        name: "a profile that was deleted",
        args: &["arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/gone12345678"],
        check: "profile",
        says: &["does not exist in us-east-1, nor in any other Region"],
        fix: &["outcrop profiles list"],
        ..SOUND
    },
    Broken {
        name: "an ARN with another profile's Region",
        args: &["arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/claudelocal1"],
        check: "profile",
        says: &["is not in eu-west-1, but in us-east-1"],
        fix: &["arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1"],
        ..SOUND
    },
    Broken {
        name: "a profile's name, asked for in the wrong Region",
        args: &["local-nova", "--region", "eu-central-1"],
        check: "profile",
        says: &["local-nova is not in eu-central-1, but in us-east-1"],
        fix: &["--region us-east-1"],
        ..SOUND
    },
    Broken {
        name: "another account's profile",
        args: &["arn:aws:bedrock:us-east-1:999999999999:application-inference-profile/abc123def456"],
        check: "profile",
        says: &["belongs to the account 999999999999, and the credentials to 123456789012"],
        ..SOUND
    },
    Broken {
        name: "a geography that cannot be called from here",
        args: &["eu.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        check: "profile",
        says: &["cannot be called from us-east-1"],
        fix: &["from us-east-1 use us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        ..SOUND
    },
    Broken {
        name: "a model that is retired",
        args: &["anthropic.claude-3-opus-20240229-v1:0"],
        check: "model",
        says: &["is retired"],
        fix: &["outcrop models list"],
        ..SOUND
    },
    Broken {
        name: "a model that will be retired",
        args: &["us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        check: "~model",
        says: &["LEGACY"],
        ..SOUND
    },
    Broken {
        name: "a model that is not served in the Region",
        args: &["anthropic.claude-sonnet-4-6", "--region", "me-south-1"],
        check: "model",
        says: &["me-south-1"],
        ..SOUND
    },
    Broken {
        name: "a name that nothing knows",
        args: &["claude sonnet"],
        check: "model",
        says: &["claude sonnet"],
        ..SOUND
    },
    // What is allowed.
    Broken {
        name: "no right to list profiles",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": {"Effect": "Allow", "Action": ["bedrock:Get*", "bedrock:Invoke*"], "Resource": "*"}}]}"#,
        )],
        check: "permission",
        says: &["may not bedrock:ListInferenceProfiles"],
        fix: &[r#""Action":"bedrock:ListInferenceProfiles""#],
        ..SOUND
    },
    Broken {
        name: "no right to look a profile up",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": {"Effect": "Allow", "NotAction": "bedrock:GetInferenceProfile", "Resource": "*"}}]}"#,
        )],
        args: &["arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1"],
        check: "permission",
        says: &[
            "bedrock:GetInferenceProfile on arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1",
        ],
        fix: &[r#""Action":"bedrock:GetInferenceProfile""#],
        ..SOUND
    },
    Broken {
        name: "no right to invoke the profile",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "NotAction": "bedrock:Invoke*", "Resource": "*"}, {"Effect": "Allow", "Action": "bedrock:Invoke*", "Resource": "arn:aws:bedrock:*::foundation-model/*"}]}]}"#,
        )],
        args: &["local-claude"],
        check: "permission",
        says: &[
            "may not bedrock:InvokeModel on arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1",
        ],
        fix: &["bedrock:InvokeModelWithResponseStream", "application-inference-profile/claudelocal1"],
        ..SOUND
    },
    Broken {
        name: "a right on the profile, and none on the model behind it",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "NotAction": "bedrock:Invoke*", "Resource": "*"}, {"Effect": "Allow", "Action": "bedrock:Invoke*", "Resource": ["arn:aws:bedrock:*:123456789012:*", "arn:aws:bedrock:us-east-1::foundation-model/*"]}]}]}"#,
        )],
        args: &["local-claude"],
        check: "permission",
        says: &[
            "may not bedrock:InvokeModel on arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-sonnet-4-6",
        ],
        fix: &["arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-sonnet-4-6"],
        ..SOUND
    },
    Broken {
        name: "a policy of the caller that denies",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "bedrock:InvokeModel", "Resource": "*"}]}]}"#,
        )],
        args: &["local-claude"],
        check: "permission",
        says: &["denies it explicitly"],
        fix: &["Deny statement"],
        ..SOUND
    },
    Broken {
        name: "a service control policy on one destination",
        account: &[(
            "policies",
            r#"{"serviceControl": [{"Statement": [{"Effect": "Deny", "Action": "bedrock:Invoke*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "us-west-2"}}}]}]}"#,
        )],
        args: &["local-claude"],
        check: "destination",
        says: &["us-west-2", "service control policy (SCP)"],
        fix: &["exempt Bedrock in the Region `us-west-2`"],
        ..SOUND
    },
    Broken {
        name: "a service control policy on all but two Regions, and a global profile",
        account: &[(
            "policies",
            r#"{"serviceControl": [{"Statement": [{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}}]}]}"#,
        )],
        args: &["global.anthropic.claude-sonnet-4-6"],
        check: "destination",
        says: &["arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-4-6"],
        fix: &["`unspecified`"],
        ..SOUND
    },
    Broken {
        name: "a right to invoke, and none to stream",
        account: &[(
            "policies",
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "NotAction": "bedrock:InvokeModelWithResponseStream", "Resource": "*"}]}]}"#,
        )],
        args: &["local-claude"],
        check: "permission",
        says: &[
            "may not bedrock:InvokeModelWithResponseStream on arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claudelocal1",
        ],
        fix: &["bedrock:InvokeModelWithResponseStream"],
        ..SOUND
    },
    Broken {
        name: "a service control policy on a configured model's destination, before anything is invoked",
        account: &[(
            "policies",
            r#"{"serviceControl": [{"Statement": [{"Effect": "Deny", "Action": "bedrock:Invoke*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-2"}}}]}]}"#,
        )],
        files: &[("outcrop.yaml", "aliases: {fast: us.amazon.nova-2-lite-v1:0}\n")],
        check: "destination",
        says: &["us-east-2", "service control policy (SCP)"],
        fix: &["exempt Bedrock in the Region `us-east-2`"],
        ..SOUND
    },
    Broken {
        name: "no agreement with the publisher",
        prepare: |aws| {
            aws.post("/delete-foundation-model-agreement", r#"{"modelId": "anthropic.claude-sonnet-4-6"}"#)
        },
        args: &["local-claude"],
        check: "access",
        says: &["anthropic.claude-sonnet-4-6: there is no agreement with its publisher"],
        fix: &["create-foundation-model-agreement --model-id anthropic.claude-sonnet-4-6"],
        ..SOUND
    },
    // The log.
    Broken {
        name: "nothing is logged",
        check: "~logging",
        says: &["are not logged"],
        fix: &["outcrop logging setup"],
        ..SOUND
    },
    Broken {
        name: "a logging role that does not trust Bedrock",
        prepare: |aws| log_with(aws, &[GROUP], TRUST.replace("bedrock.amazonaws.com", "ec2.amazonaws.com")),
        check: "logging",
        says: &["does not trust bedrock.amazonaws.com"],
        fix: &["outcrop logging setup", "\"Service\":\"bedrock.amazonaws.com\""],
        ..SOUND
    },
    Broken {
        name: "a logging role that trusts Bedrock for another account",
        prepare: |aws| log_with(aws, &[GROUP], TRUST.replace("123456789012", "999999999999")),
        check: "logging",
        says: &["for another account than 123456789012"],
        ..SOUND
    },
    Broken {
        name: "a log group that does not exist",
        prepare: |aws| log_with(aws, &[], TRUST.to_owned()),
        check: "logging",
        says: &["the log group /aws/bedrock/model-invocations does not exist"],
        ..SOUND
    },
    Broken {
        name: "a logging role that does not exist",
        prepare: |aws| {
            aws.with_client(async |client| {
                client.create_log_group(GROUP, "us-east-1").await.unwrap();
                client.set_logging(&logging(), "us-east-1").await.unwrap();
            })
        },
        check: "logging",
        says: &["role/BedrockLoggingRole", "does not exist"],
        ..SOUND
    },
    Broken {
        name: "throttled",
        account: &[("faults", r#"{"fault": "ThrottlingException"}"#)],
        check: "quota",
        says: &["requests-per-minute"],
        ..SOUND
    },
];

const GROUP: &str = "/aws/bedrock/model-invocations";
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}]}"#;

fn logging() -> LoggingConfig {
    let cloud_watch_config = CloudWatchConfig {
        log_group_name: GROUP.to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/BedrockLoggingRole".to_owned(),
        large_data_delivery_s3_config: None,
    };
    LoggingConfig { cloud_watch_config: Some(cloud_watch_config), ..LoggingConfig::default() }
}

/// The guides' logging, with these groups and this trust policy.
fn log_with(aws: &Aws, groups: &[&str], trust: String) {
    aws.with_client(async |client| {
        for group in groups {
            client.create_log_group(group, "us-east-1").await.unwrap();
        }
        client.create_role("BedrockLoggingRole", &trust, "writes the log").await.unwrap();
        client.set_logging(&logging(), "us-east-1").await.unwrap();
    });
}

#[test]
fn each_broken_set_up_is_diagnosed_with_its_own_cause() {
    let aws = Aws::start();
    let mut wrong = Vec::new();
    for broken in TABLE {
        aws.tell("reset", "");
        broken.account.iter().for_each(|(what, body)| aws.tell(what, body));
        (broken.prepare)(&aws);
        let mut run = doctor(&aws, broken.args).env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &aws.url);
        run = broken.files.iter().fold(run, |run, (name, text)| run.file(name, text));
        run = broken.variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        let run = run.run();
        if let Err(why) = diagnosed(broken, &run) {
            wrong.push(format!("{}: {why}\n{}{}", broken.name, run.stdout, run.stderr));
        }
    }
    assert!(TABLE.len() >= 30);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n\n"));
}

fn diagnosed(broken: &Broken, run: &crate::outcrop::Run) -> Result<(), String> {
    let found: Vec<Value> = serde_json::from_str(&run.stdout).map_err(|error| error.to_string())?;
    let (status, check) = match broken.check.strip_prefix('~') {
        Some(check) => ("warning", check),
        None => ("error", broken.check),
    };
    let has = |it: &Value, key: &str, parts: &[&str]| {
        let text = it[key].as_str().unwrap_or_default();
        parts.iter().all(|part| text.contains(part))
    };
    let meant = |it: &&Value| {
        it["check"] == check
            && it["status"] == status
            && has(it, "detail", broken.says)
            && has(it, "fix", broken.fix)
    };
    if !found.iter().any(|it| meant(&it)) {
        return Err(format!("no {status} of {check} that says {:?} and {:?}", broken.says, broken.fix));
    }
    // Only the cause is named: nothing else is broken.
    let others: Vec<_> = found.iter().filter(|it| it["status"] == "error" && it["check"] != check).collect();
    if !others.is_empty() {
        return Err(format!("also {others:?}"));
    }
    let expected = i32::from(status == "error");
    (run.code == expected).then_some(()).ok_or_else(|| format!("exit code {}", run.code))
}

/// Secrets are told by where they lie; what they are is never printed.
#[test]
fn secrets_that_others_can_read_are_found() {
    const ID: &str = "AKIAABCDEFGHIJKLMNOP";
    const SECRET: &str = "wJalrXUtnFEMIcanarycanarycanary";
    let aws = Aws::start();
    let env = format!("BEDROCK_AWS_ACCESS_KEY_ID={ID}\nBEDROCK_AWS_SECRET_ACCESS_KEY={SECRET}\n");
    let yaml = format!(
        "aliases: {{fast: us.amazon.nova-2-lite-v1:0}}\nupstream: {{runtime: 'http://127.0.0.1:1/{ID}'}}\n"
    );
    let prepared = doctor(&aws, &["--env-file", ".env"]).file(".env", &env).file("outcrop.yaml", &yaml);
    let (folder, mut command) = prepared.into_parts();
    let run = command.output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let secrets = |text: &str| -> Vec<String> {
        let found = findings(text).into_iter().filter(|it| it["check"] == "secrets");
        found
            .map(|it| format!("{}: {}", it["status"].as_str().unwrap(), it["detail"].as_str().unwrap()))
            .collect()
    };
    let found = secrets(&text);
    assert!(
        found.iter().any(|it| it.contains("outcrop.yaml:2 holds an AWS access key id in clear")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|it| it.contains(".env holds secrets, and others on this machine")),
        "{found:?}"
    );

    let git = |arguments: &[&str]| {
        std::process::Command::new("git").arg("-C").arg(folder.path()).args(arguments).output().ok()
    };
    let Some(_) = git(&["init", "--quiet"]) else {
        println!("skipped: there is no git here");
        return;
    };
    let again = |command: &mut std::process::Command| {
        secrets(&String::from_utf8(command.output().unwrap().stdout).unwrap())
    };
    assert!(
        again(&mut command).iter().any(|it| it.contains(".env holds secrets, and git does not ignore it"))
    );
    git(&["add", ".env"]).unwrap();
    let found = again(&mut command);
    assert!(
        found.iter().any(|it| it.starts_with("error: ") && it.contains("is under version control")),
        "{found:?}"
    );
    git(&["rm", "--cached", "--quiet", ".env"]).unwrap();
    std::fs::write(folder.path().join(".gitignore"), ".env\n").unwrap();
    assert!(!again(&mut command).iter().any(|it| it.contains(".env") && it.contains("git")));
}
