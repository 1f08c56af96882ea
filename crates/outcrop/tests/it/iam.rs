//! `outcrop iam policy`: what is used is allowed, wherever it may be processed, and nothing else.

use serde_json::{Value, json};

use crate::outcrop::Outcrop;
use crate::profiles::Aws;
use crate::serve::Gateway;

const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    let statements = policy["Statement"].as_array().unwrap();
    statements.iter().find(|it| it["Sid"] == sid).unwrap_or_else(|| panic!("no {sid} in {policy:#}"))
}

fn models(regions: &[&str]) -> Value {
    regions.iter().map(|region| format!("arn:aws:bedrock:{region}::foundation-model/{SONNET}")).collect()
}

#[test]
fn a_system_profile_takes_rights_in_every_destination_region() {
    let id = format!("us.{SONNET}");
    let policy = Outcrop::new(&["iam", "policy", &id, "--account", "123456789012"]).run().json();
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{id}");
    assert_eq!(policy["Version"], "2012-10-17");
    assert_eq!(statement(&policy, "InvokeProfiles")["Resource"], json!([arn]));
    let through = statement(&policy, "ThroughProfiles1");
    assert_eq!(through["Resource"], models(&["us-east-1", "us-east-2", "us-west-2"]));
    assert_eq!(through["Condition"], json!({"StringLike": {"bedrock:InferenceProfileArn": [arn]}}));
    assert_eq!(through["Action"], json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]));
    assert!(!policy.to_string().contains("Create"), "managing is not invoking");
}

#[test]
fn a_global_profile_takes_the_model_without_a_region() {
    let policy = Outcrop::new(&["iam", "policy", &format!("global.{SONNET}"), "--region", "eu-west-1"]).run();
    assert!(policy.stderr.contains("--account NUMBER"), "{}", policy.stderr);
    let policy = policy.json();
    assert_eq!(statement(&policy, "ThroughProfiles1")["Resource"], models(&["", "eu-west-1"]));
    let any = format!("arn:aws:bedrock:eu-west-1:*:inference-profile/global.{SONNET}");
    assert_eq!(statement(&policy, "InvokeProfiles")["Resource"], json!([any]));
}

#[test]
fn what_is_configured_is_allowed() {
    let aws = Aws::start();
    let arn = aws.profiles(&["create", "a", "--from", &format!("us.{SONNET}")]).run().succeeded();
    let arn = arn.trim();
    let yaml = format!("aliases: {{team: '{arn}', fast: amazon.nova-lite-v1:0}}\n");
    let run = |args: &[&str]| {
        let prepared = Outcrop::new(args).file("outcrop.yaml", &yaml);
        aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value)).run()
    };
    let policy = run(&["iam", "policy"]).json();
    assert_eq!(
        statement(&policy, "InvokeModels")["Resource"],
        json!(["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"])
    );
    assert_eq!(statement(&policy, "InvokeProfiles")["Resource"], json!([arn]));
    assert_eq!(
        statement(&policy, "ThroughProfiles1")["Resource"],
        models(&["us-east-1", "us-east-2", "us-west-2"])
    );
    let explained = run(&["iam", "policy", "--explain", "--manage"]);
    assert!(explained.stderr.contains("ThroughProfiles1: ") && explained.stderr.contains("ManageProfiles: "));
    assert!(explained.json().to_string().contains("bedrock:CreateInferenceProfile"));
}

/// Each role is allowed what is called as it, and the gateway's own credentials to assume them.
#[test]
fn each_account_has_its_own_policy() {
    const YAML: &str = "\
aliases: {fast: us.amazon.nova-2-lite-v1:0, cheap: amazon.nova-lite-v1:0}
accounts:
  research: {role: 'arn:aws:iam::222222222222:role/bedrock', tags: {team: research}}
  sandbox: {role: 'arn:aws:iam::333333333333:role/sandbox'}
routes: {cheap: {account: sandbox}}
keys: [{name: alice, key: a-long-key-of-alice, account: research}]
";
    let run =
        |args: &[&str]| Outcrop::new(&[&["iam", "policy"], args].concat()).file("outcrop.yaml", YAML).run();
    let nova = json!(["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"]);
    let fast = |account: &str| {
        json!([format!("arn:aws:bedrock:us-east-1:{account}:inference-profile/us.amazon.nova-2-lite-v1:0")])
    };

    let own = run(&["--account", "123456789012"]).json();
    assert_eq!(statement(&own, "InvokeProfiles")["Resource"], fast("123456789012"));
    assert_eq!(statement(&own, "AssumeRoles")["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
    assert_eq!(
        statement(&own, "AssumeRoles")["Resource"],
        json!(["arn:aws:iam::222222222222:role/bedrock", "arn:aws:iam::333333333333:role/sandbox"])
    );
    assert!(!own.to_string().contains("nova-lite-v1"), "another account calls it: {own:#}");

    let sandbox = run(&["--role", "sandbox"]).json();
    assert_eq!(statement(&sandbox, "InvokeModels")["Resource"], nova);
    assert!(
        !sandbox.to_string().contains("AssumeRole") && !sandbox.to_string().contains("nova-2"),
        "{sandbox:#}"
    );
    // By its role; and a key's requests are made as its account.
    let research = run(&["--role", "arn:aws:iam::222222222222:role/bedrock"]).json();
    assert_eq!(statement(&research, "InvokeProfiles")["Resource"], fast("222222222222"));
    let alice = run(&["--key", "alice"]);
    assert!(alice.stderr.contains("made as the account `research`"), "{}", alice.stderr);
    assert_eq!(statement(&alice.json(), "InvokeProfiles")["Resource"], fast("222222222222"));
    assert!(run(&["--role", "sandbx"]).failed().contains("did you mean sandbox?"));
}

#[test]
fn models_of_the_accounts_own_are_called_by_their_arn() {
    let own = |resource: &str| format!("arn:aws:bedrock:us-east-1:123456789012:{resource}");
    let (throughput, deployment) =
        (own("provisioned-model/abcdefghijkl"), own("custom-model-deployment/abcdefghijkl"));
    let imported = own("imported-model/abcdefghijkl");
    let args = ["iam", "policy", &throughput, &deployment, &imported];
    let policy = Outcrop::new(&args).env("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1").run().json();
    let arns = [&deployment, &imported, &throughput];
    assert_eq!(statement(&policy, "InvokeOwnModels")["Resource"], json!(arns));
    let read = statement(&policy, "ReadOwnModels");
    assert_eq!(read["Resource"], json!([&deployment, &imported, &throughput, &own("custom-model/*")]));
    assert_eq!(
        read["Action"],
        json!([
            "bedrock:GetCustomModel",
            "bedrock:GetCustomModelDeployment",
            "bedrock:GetImportedModel",
            "bedrock:GetProvisionedModelThroughput"
        ])
    );
    let prompt = own("prompt/ABCDEFGHIJ");
    let refused = Outcrop::new(&["iam", "policy", &prompt]).run().failed();
    assert!(refused.contains("is not known") && refused.contains("those it leads to"), "{refused}");
}

/// The mapping tells the model; only AWS tells the Regions.
#[test]
fn a_profile_that_is_mapped_to_a_bare_model_is_looked_up() {
    let aws = Aws::start();
    let arn = aws.profiles(&["create", "a", "--from", &format!("us.{SONNET}")]).run().succeeded();
    let mappings = json!({ arn.trim(): SONNET }).to_string();
    let run =
        Outcrop::new(&["iam", "policy", arn.trim()]).env("BEDROCK_INFERENCE_PROFILE_MAPPINGS", &mappings);
    let run = aws.variables().into_iter().fold(run, |it, (name, value)| it.env(name, value));
    let through = statement(&run.run().json(), "ThroughProfiles1")["Resource"].clone();
    assert_eq!(through, models(&["us-east-1", "us-east-2", "us-west-2"]));
}

#[test]
fn an_unknown_profile_is_no_silent_gap() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/unknown";
    let run = Outcrop::new(&["iam", "policy", arn])
        .env("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("of 1 profiles the models are not known"), "{}", run.stderr);
    assert!(Outcrop::new(&["iam", "policy"]).run().failed().contains("names no model"));
}

#[test]
fn a_keys_policy_is_what_it_may_name() {
    let data = tempfile::TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap().to_owned();
    let outcrop = |args: &[&str]| Outcrop::new(args).env("OUTCROP_DATA_DIR", &folder).run();
    outcrop(&["keys", "create", "--name", "search", "--model", "us.amazon.nova-2-lite-v1:0"]).succeeded();
    let policy = outcrop(&["iam", "policy", "--key", "search", "--account", "123456789012"]).json();
    let profiles =
        json!(["arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0"]);
    assert_eq!(statement(&policy, "InvokeProfiles")["Resource"], profiles);
    assert!(outcrop(&["iam", "policy", "--key", "nobody"]).failed().contains("no key is called `nobody`"));
    let more = [
        "iam",
        "policy",
        "us.amazon.nova-2-lite-v1:0",
        "--account",
        "123456789012",
        "--logging",
        "--discovery",
    ];
    let policy = outcrop(&more).json();
    assert_eq!(
        statement(&policy, "ReadInvocationLog")["Resource"][0],
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/bedrock/model-invocations:*"
    );
    assert!(statement(&policy, "Discovery")["Action"].to_string().contains("ListFoundationModels"));
}

/// Mantle has rights of its own, and is called with keys, which take another.
#[test]
fn models_of_mantle_take_its_own_rights() {
    let policy =
        Outcrop::new(&["iam", "policy", "openai.gpt-oss-120b", "--account", "123456789012"]).run().json();
    assert_eq!(
        statement(&policy, "InferOnMantle")["Resource"],
        json!(["arn:aws:bedrock-mantle:us-east-1:123456789012:project/*"])
    );
    assert_eq!(statement(&policy, "InferOnMantle")["Action"], json!(["bedrock-mantle:CreateInference"]));
    assert_eq!(statement(&policy, "CallWithKeys")["Action"], json!(["bedrock-mantle:CallWithBearerToken"]));
    assert!(!policy.to_string().contains("bedrock:InvokeModel"), "{policy:#}");
    let both = Outcrop::new(&["iam", "policy", "openai.gpt-oss-120b", "us.amazon.nova-lite-v1:0"]);
    let both = both.env("AWS_BEARER_TOKEN_BEDROCK", "ABSKkey").run().json();
    let keys = json!(["bedrock-mantle:CallWithBearerToken", "bedrock:CallWithBearerToken"]);
    assert_eq!(statement(&both, "CallWithKeys")["Action"], keys);
    statement(&both, "InvokeProfiles");
}

/// What is printed is enough, and nothing of it is too much: the emulator judges.
#[test]
fn what_is_printed_is_enough_and_needed() {
    let gateway = Gateway::start();
    let (mantle, profile) = ("openai.gpt-oss-120b", "us.amazon.nova-2-lite-v1:0");
    let printed = Outcrop::new(&["iam", "policy", mantle, profile, "--account", "123456789012"]).run().json();
    let ask = |model: &str, policy: &Value| {
        gateway.tell("policies", &json!({ "identity": [policy] }).to_string());
        let chat = Outcrop::new(&["chat", "-m", model, "repeat after me: well"]);
        chat.env("OUTCROP_URL", &gateway.url).run()
    };
    for model in [mantle, profile] {
        assert!(ask(model, &printed).succeeded().contains("well"), "{model}");
    }
    for (sid, model, action) in [
        ("InferOnMantle", mantle, "bedrock-mantle:CreateInference"),
        ("CallWithKeys", mantle, "bedrock-mantle:CallWithBearerToken"),
        ("InvokeProfiles", profile, "bedrock:InvokeModel"),
        ("ThroughProfiles1", profile, "bedrock:InvokeModel"),
    ] {
        let mut less = printed.clone();
        less["Statement"].as_array_mut().unwrap().retain(|it| it["Sid"] != sid);
        let told = ask(model, &less).failed();
        assert!(told.contains(action), "{sid}: {told}");
        assert!(
            told.contains("\"Action\"") || told.contains("outcrop iam policy"),
            "it says what to do: {told}"
        );
    }
}
