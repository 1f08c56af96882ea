//! What is wrong with a configuration is said with file, line, column and advice, all of it in one run.

use insta::assert_snapshot;

use crate::outcrop::Outcrop;

fn check(name: &str, text: &str) -> String {
    Outcrop::new(&["config", "check"]).file(name, text).run().failed()
}

#[test]
fn broken_yaml() {
    assert_snapshot!(check("outcrop.yaml", "aliases:\n  a: [x\n"), @r"
    error: outcrop.yaml:2:6: unclosed bracket '['
      2 |   a: [x
        |      ^
    ");
    assert_snapshot!(check("librechat.yaml", "endpoints:\n\tbedrock:\n"), @r"
    error: librechat.yaml:2:2: tabs disallowed within this context (block indentation)
      2 | 	bedrock:
        | 	^
    ");
}

#[test]
fn unknown_keys() {
    assert_snapshot!(check("outcrop.yaml", "alias:\n  a: b\n"), @r"
    error: outcrop.yaml:1:1: unknown key `alias`
      1 | alias:
        | ^
      hint: did you mean `aliases`?
    ");
    assert_snapshot!(check("librechat.yaml", "endpoints:\n  bedrock:\n    promptCache: true\n"), @r"
    error: librechat.yaml:3:5: unknown key `promptCache` under `endpoints.bedrock`
      3 |     promptCache: true
        |     ^
      hint: known here: models, inferenceProfiles, availableRegions, guardrailConfig, streamRate, titleMethod, titleTiming, and 27 more (`outcrop config schema` has them all)
    ");
}

#[test]
fn parameters_are_fixed_or_refused_and_nothing_else() {
    let problems = check("outcrop.yaml", "parameters: drop\n");
    assert!(
        problems.contains("1:13") && problems.contains("fix") && problems.contains("refuse"),
        "{problems}"
    );
    for policy in ["fix", "refuse"] {
        let written = format!("parameters: {policy}\n");
        Outcrop::new(&["config", "check"]).file("outcrop.yaml", &written).run().succeeded();
    }
}

#[test]
fn every_missing_variable_is_named_with_its_key() {
    let text =
        "endpoints:\n  bedrock:\n    inferenceProfiles:\n      a.b: ${ONE}/${TWO}\n      c.d: ${CREDS_KEY}\n";
    assert_snapshot!(check("librechat.yaml", text), @r"
    error: librechat.yaml:4:12: `endpoints.bedrock.inferenceProfiles.a.b` needs the variable ONE, which is not set or empty
      4 |       a.b: ${ONE}/${TWO}
        |            ^
      hint: set ONE in the environment or in the file given with --env-file
    error: librechat.yaml:4:12: `endpoints.bedrock.inferenceProfiles.a.b` needs the variable TWO, which is not set or empty
      4 |       a.b: ${ONE}/${TWO}
        |            ^
      hint: set TWO in the environment or in the file given with --env-file
    error: librechat.yaml:5:12: `endpoints.bedrock.inferenceProfiles.c.d` uses CREDS_KEY, a secret that is never put into a configuration value
      hint: copy what you need into a variable of another name
    3 errors in the configuration
    ");
}

#[test]
fn a_region_with_a_comment_in_it() {
    let run =
        Outcrop::new(&["config", "check"]).env("BEDROCK_AWS_DEFAULT_REGION", "us-west-2 # Oregon").run();
    assert_snapshot!(run.failed(), @r"
    error: BEDROCK_AWS_DEFAULT_REGION: `us-west-2 # Oregon` is no Region: a comment has become part of the value
      hint: write `us-west-2` alone, and the comment on a line of its own
    ");
    let run = Outcrop::new(&["config", "check", "--env-file", ".env"])
        .file(".env", "# region\nAWS_REGION=us-west-2# Oregon\n")
        .run();
    assert!(run.failed().starts_with("error: .env:2: AWS_REGION: `us-west-2# Oregon` is no Region"));
}

#[test]
fn mappings_that_are_no_json_or_the_wrong_way_round() {
    let run = |value: &str| {
        Outcrop::new(&["config", "check"]).env("BEDROCK_INFERENCE_PROFILE_MAPPINGS", value).run().failed()
    };
    assert_snapshot!(run("{\n  \"arn\": \"x\",\n}"), @r#"
    error: BEDROCK_INFERENCE_PROFILE_MAPPINGS: the value is no JSON object: trailing comma (line 3, column 1 of it)
      hint: write {"arn:aws:bedrock:…:application-inference-profile/…": "anthropic.claude-…"}, in single quotes on a shell's line
    "#);
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    assert!(
        run(&format!(r#"{{"anthropic.claude-3-haiku-20240307-v1:0": "{arn}"}}"#))
            .contains("the other way round")
    );
}

#[test]
fn types_are_named() {
    let bedrock = |field: &str| check("librechat.yaml", &format!("endpoints:\n  bedrock:\n    {field}\n"));
    assert!(bedrock("models: a").contains("3:13: `endpoints.bedrock.models` must be a list"));
    assert!(
        bedrock("inferenceProfiles: [arn]")
            .contains("`endpoints.bedrock.inferenceProfiles` must be a mapping")
    );
    assert!(bedrock("streamRate: -1").contains("`endpoints.bedrock.streamRate` must be 0 or more"));
    assert!(bedrock("titleMethod: foo").contains("must be one of `completion`, `functions`, `structured`"));
    assert!(bedrock("guardrailConfig: {guardrailIdentifier: x}").contains("`guardrailVersion` is missing"));
    let unquoted = bedrock("guardrailConfig: {guardrailIdentifier: x, guardrailVersion: 1}");
    assert!(unquoted.contains("guardrailVersion` must be a text in quotes"), "{unquoted}");
    assert!(
        check("librechat.yaml", "endpoints:\n  bedrock:\n").contains("`endpoints.bedrock` must be a mapping")
    );
    assert!(check("outcrop.yaml", "aliases: {a: b, a: c}\n").contains("the key `a` is given twice"));
    assert!(check("outcrop.yaml", "- a\n").contains("the file must be a mapping"));
}

#[test]
fn what_is_the_chat_applications_business_is_left_alone() {
    let text = "version: 1.3\ncache: true\nendpoints:\n  openAI: {titleConvo: 3}\n  bedrock:\n    streamRate: 25\n    headers: {X-A: '${UNSET}'}\n    availableRegions: [us-east-1]\n";
    let run = Outcrop::new(&["config", "check"]).file("librechat.yaml", text).run();
    assert_eq!(run.succeeded(), "the configuration is good\n");
}

#[test]
fn no_secret_is_ever_printed() {
    let secrets = "keys:\n  - {name: a, key: hunter2}\n  - {name: a, key: hunter2 hunter2}\n";
    for args in [&["config", "check"][..], &["config", "show"], &["config", "show", "--json"]] {
        let run = Outcrop::new(args)
            .file("outcrop.yaml", secrets)
            .env("AWS_ACCESS_KEY_ID", "AKIAhunter2")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2 hunter2")
            .env("BEDROCK_AWS_BEARER_TOKEN", "hunter2\u{7}")
            .run();
        assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
        assert_eq!(run.code, 1);
    }
}

#[test]
fn later_sources_win_and_each_is_named() {
    let show = |outcrop: Outcrop| outcrop.file("outcrop.yaml", "listen: 127.0.0.1:1111\n").run().json();
    let listen = |shown: serde_json::Value| {
        format!("{} {}", shown["listen"]["value"], shown["listen"]["source"]).replace('"', "")
    };
    let args = ["config", "show", "--json"];
    assert_eq!(listen(show(Outcrop::new(&args))), "127.0.0.1:1111 outcrop.yaml");
    let with_variable = Outcrop::new(&args).env("OUTCROP_LISTEN", "127.0.0.1:2222");
    assert_eq!(listen(show(with_variable)), "127.0.0.1:2222 OUTCROP_LISTEN");
    let regions = [
        ("OUTCROP_REGION", "eu-west-1"),
        ("BEDROCK_AWS_DEFAULT_REGION", "eu-west-2"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_DEFAULT_REGION", "eu-north-1"),
    ];
    for strongest in 0..=regions.len() {
        let outcrop =
            regions[strongest..].iter().fold(Outcrop::new(&args), |it, (name, value)| it.env(name, value));
        let expected = regions.get(strongest).map_or(("built-in", "us-east-1"), |it| *it);
        let shown = show(outcrop);
        assert_eq!(
            (shown["region"]["source"].as_str(), shown["region"]["value"].as_str()),
            (Some(expected.0), Some(expected.1))
        );
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in
        [&["explian", "x"][..], &["explain"], &["usage", "--by", "moon"], &["serve", "--listen", "4141"]]
    {
        let run = Outcrop::new(args).run();
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn aliases_that_never_end_are_errors() {
    let text = "aliases:\n  a: b\n  b: c\n  c: a\n  d: a\n  own: own\n";
    assert_snapshot!(check("outcrop.yaml", text), @r"
    error: outcrop.yaml:2:6: the alias `a` leads in a circle: a → b → c → a
      2 |   a: b
        |      ^
      hint: let it name a model id, a profile id or an ARN
    error: outcrop.yaml:6:8: the alias `own` leads in a circle: own → own
      6 |   own: own
        |        ^
      hint: let it name a model id, a profile id or an ARN
    2 errors in the configuration
    ");
    let long: String = (0..10).map(|step| format!("  s{step}: s{}\n", step + 1)).collect();
    let problems = check("outcrop.yaml", &format!("aliases:\n{long}"));
    assert!(problems.contains("the alias `s0` leads through more than 8 aliases: s0 → s1"), "{problems}");
    assert!(problems.ends_with("2 errors in the configuration\n"), "{problems}");
}

/// What `config check` says of a good configuration that has slips in it.
fn warnings(outcrop: Outcrop) -> String {
    let run = outcrop.run();
    assert_eq!((run.code, run.stdout.as_str()), (0, "the configuration is good\n"), "{}", run.stderr);
    run.stderr
}

#[test]
fn keys_that_match_nothing_are_told_with_what_was_probably_meant() {
    let arn = |id: &str| format!("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/{id}");
    let text = format!(
        "endpoints:\n  bedrock:\n    models:\n      - us.anthropic.claude-sonnet-4-5-20250929-v1:0\n      - amazon.nova-lite-v1:0\n    \
         inferenceProfiles:\n      us.anthropic.Claude-sonnet-4-5-20250929-v1:0: {}\n      \
         us.amazon.nova-lite-v1:0: {}\n      amazon.nova-lite-v1: {}\n      amazon.nova-pro-v1:0: {}\n",
        arn("aaa"),
        arn("bbb"),
        arn("ccc"),
        arn("ddd"),
    );
    let outcrop = Outcrop::new(&["config", "check"]).file("librechat.yaml", &text);
    let found = warnings(outcrop);
    for expected in [
        "librechat.yaml:7: `inferenceProfiles` has `us.anthropic.Claude-sonnet-4-5-20250929-v1:0`, which no list of models offers\n  hint: did you mean `us.anthropic.claude-sonnet-4-5-20250929-v1:0`? case counts",
        "hint: did you mean `amazon.nova-lite-v1:0`? the prefix of the geography counts",
        "hint: did you mean `amazon.nova-lite-v1:0`? the version counts",
        "hint: add `amazon.nova-pro-v1:0` to `models`",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    let mappings = format!(r#"{{"{}": "amazon.nova-lite-v1:0"}}"#, arn("aaa"));
    let outcrop = Outcrop::new(&["config", "check"])
        .env("BEDROCK_INFERENCE_PROFILE_MAPPINGS", &mappings)
        .env("BEDROCK_AWS_MODELS", &arn("bbb"));
    let found = warnings(outcrop);
    let lost =
        format!("BEDROCK_INFERENCE_PROFILE_MAPPINGS maps {}, which no list of models offers", arn("aaa"));
    assert!(found.contains(&lost), "{found}");
    let open = format!(
        "BEDROCK_AWS_MODELS: {} is offered, and BEDROCK_INFERENCE_PROFILE_MAPPINGS does not say",
        arn("bbb")
    );
    assert!(found.contains(&open), "{found}");
}

#[test]
fn resolved_values_come_with_line_and_model_and_without_secrets() {
    let text = "# ours\naliases:\n  fast: us.amazon.nova-lite-v1:0\nkeys:\n  - {name: ana, key: \"${ANA}\"}\nlane: converse\n";
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123";
    let env = format!(
        "ANA=hunter2\n\nBEDROCK_INFERENCE_PROFILE_MAPPINGS={{\"{arn}\": \"anthropic.claude-3-haiku-20240307-v1:0\"}}\n"
    );
    let show = |flag| {
        Outcrop::new(&["config", "show", flag, "--json", "--env-file", ".env"])
            .file("outcrop.yaml", text)
            .file(".env", &env)
            .env("OUTCROP_LISTEN", "127.0.0.1:9999")
            .run()
            .json()
    };
    let shown = show("--resolved");
    assert!(!shown.to_string().contains("hunter2"));
    let value = |key: &str| {
        let values = shown["values"].as_array().unwrap();
        let found = values.iter().find(|value| value["key"] == key).unwrap_or_else(|| panic!("{key}"));
        (found["value"].as_str().unwrap().to_owned(), found["source"].as_str().unwrap().to_owned())
    };
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(value("aliases.fast"), pair("us.amazon.nova-lite-v1:0", "outcrop.yaml:3"));
    assert_eq!(value("keys.ana"), pair("(hidden)", "outcrop.yaml:5"));
    assert_eq!(value("lane"), pair("converse", "outcrop.yaml:6"));
    assert_eq!(value("listen"), pair("127.0.0.1:9999", "OUTCROP_LISTEN"));
    assert_eq!(value("region"), pair("us-east-1", "built-in"));
    let mapping = format!("mappings.{arn}");
    let source = ".env:3 BEDROCK_INFERENCE_PROFILE_MAPPINGS";
    assert_eq!(value(&mapping), pair("anthropic.claude-3-haiku-20240307-v1:0", source));
    let identifiers = shown["identifiers"].as_array().unwrap();
    let of = |name: &str| identifiers.iter().find(|it| it["identifier"] == name).unwrap();
    assert_eq!(of(arn)["model"], "anthropic.claude-3-haiku-20240307-v1:0");
    assert_eq!(of(arn)["sourceRegion"], "eu-west-1");
    assert_eq!(of("fast")["target"], "us.amazon.nova-lite-v1:0");
    assert!(of("fast")["why"].is_null());
    let why = show("--why");
    assert!(why["identifiers"][0]["why"][0]["step"].is_string(), "{why}");
}

#[test]
fn failover_steps_are_checked() {
    let text = "failover:\n  fast:\n    - region: us-west-2\n    - geography: mars\n    - region: us-west-2\n      geography: eu\n  '*':\n    - { region: Oregon }\n";
    assert_snapshot!(check("outcrop.yaml", text));
}

/// What STS would refuse at every request is refused when it is read, with its line and without its value.
#[test]
fn what_no_role_can_be_assumed_with_is_refused_at_once() {
    let check = |more: &str| {
        let role = "arn:aws:iam::210987654321:role/guest";
        let file = format!("accounts:\n  other:\n    role: {role}\n    {more}\n");
        Outcrop::new(&["config", "check"]).file("outcrop.yaml", &file).run()
    };
    for (more, says) in [
        ("external_id: 'hunter2 twice'", "`accounts.other.external_id` holds a blank"),
        ("external_id: \"hunter2\\nx\"", "`accounts.other.external_id` holds a line break"),
        ("external_id: 'hunter2#'", "`accounts.other.external_id` is no external id"),
        ("session_name: 'hunter2 twice'", "`accounts.other.session_name` is no name for a session"),
    ] {
        let told = check(more).failed();
        assert!(told.contains("outcrop.yaml:4:") && told.contains(says), "{told}");
        assert!(!told.contains("hunter2") || more.starts_with("session"), "{told}");
    }
    assert_eq!(check("external_id: 'a:b/c@d-e'").code, 0);
}

/// Whoever mistakes places, or puts a colon where none belongs, makes a secret a key.
#[test]
fn a_secret_in_a_keys_place_is_not_shown() {
    // No word in it tells what it is.
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY";
    for file in [
        format!("'{secret}': alice\n"),
        format!("keys:\n  - {{'{secret}': alice}}\n"),
        format!("accounts:\n  '{secret}': {{rolle: b}}\n"),
        format!("accounts:\n  x: {{bearer: a, '{secret}': 1, '{secret}': 2}}\n"),
        format!("upstream: {{sk-outcrop-0123456789abcdef: 1, '{secret}': 2}}\n"),
    ] {
        let told = Outcrop::new(&["config", "check"]).file("outcrop.yaml", &file).run().failed();
        assert!(told.contains("outcrop.yaml:"), "{told}");
        assert!(!told.contains("wJalr") && !told.contains("sk-outcrop-0"), "{told}");
    }
}
