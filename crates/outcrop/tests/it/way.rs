//! The way to AWS, as a person sets it: proxies, certificates, FIPS and dual-stack.

use crate::outcrop::Outcrop;

fn upstream(run: Outcrop) -> serde_json::Value {
    run.run().json()["upstream"].clone()
}

#[test]
fn a_proxy_is_shown_without_its_password() {
    let run = || Outcrop::new(&["config", "show", "--json"]);
    let with = run().env("https_proxy", "http://me:canary@proxy.corp:3128").run().succeeded();
    assert!(with.contains("\"proxy.corp:3128\"") && !with.contains("canary"), "{with}");
    let without = run().env("HTTPS_PROXY", "http://proxy.corp:3128").env("NO_PROXY", "amazonaws.com");
    assert!(upstream(without)["proxy"].is_null());
}

#[test]
fn fips_and_dual_stack_come_from_the_environment_the_file_and_awss_files() {
    let run = || Outcrop::new(&["config", "show", "--json"]);
    let switches = |found: serde_json::Value| (found["fips"] == true, found["dualStack"] == true);
    assert_eq!(switches(upstream(run())), (false, false));
    assert_eq!(switches(upstream(run().env("AWS_USE_FIPS_ENDPOINT", "true"))), (true, false));
    let file = "upstream: { fips: true, dual_stack: true }\n";
    assert_eq!(switches(upstream(run().file("outcrop.yaml", file))), (true, true));
    let shared = "[profile dev]\nuse_dualstack_endpoint = true\n";
    let run = run().file("config", shared).env("AWS_CONFIG_FILE", "config").env("AWS_PROFILE", "dev");
    assert_eq!(switches(upstream(run)), (false, true));
}

#[test]
fn an_address_of_ones_own_is_no_variant() {
    let run = Outcrop::new(&["config", "check"])
        .env("AWS_USE_FIPS_ENDPOINT", "true")
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:4142")
        .run();
    assert_eq!(run.code, 1);
    let said = run.stdout + &run.stderr;
    assert!(said.contains("FIPS and custom endpoint are not supported"), "{said}");
}

#[test]
fn what_stands_in_the_way_is_named() {
    let run = Outcrop::new(&["config", "check"])
        .env("HTTPS_PROXY", "socks5://me:canary@10.0.0.1")
        .env("AWS_CA_BUNDLE", "nowhere.pem")
        .file("outcrop.yaml", "upstream: { connect_timeout_ms: 0 }\n")
        .run();
    assert_eq!(run.code, 1);
    let said = run.stdout + &run.stderr;
    for words in ["HTTPS_PROXY", "SOCKS", "AWS_CA_BUNDLE: nowhere.pem", "`upstream.connect_timeout_ms` is 0"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_key_with_a_line_break_is_refused_with_its_line() {
    let from_file = Outcrop::new(&["config", "check"])
        .file(".env", "# keys\nAWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=\"canary\n\"\n")
        .env("OUTCROP_ENV_FILE", ".env")
        .run();
    let said = from_file.stdout + &from_file.stderr;
    assert!(said.contains(".env:3: AWS_SECRET_ACCESS_KEY: the value holds a line break"), "{said}");
    let shared = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = cana ry\n";
    let from_aws = Outcrop::new(&["config", "check"])
        .file("credentials", shared)
        .env("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        .run();
    let told = from_aws.stdout + &from_aws.stderr;
    assert!(told.contains("credentials:3: aws_secret_access_key: the value holds a blank"), "{told}");
    assert_eq!((from_file.code, from_aws.code), (1, 1));
    assert!(!(said + &told).contains("canary"));
}
