//! Every source of AWS's chain, from its own service to `outcrop doctor credentials`: STS of the emulator, and a double of the
//! metadata services, of SSO and of web identity, which the emulator does not play.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::outcrop::Outcrop;
use crate::profiles::Aws;

/// EC2's and ECS's metadata services, SSO's portal, and STS for web identities. Hands out session keys.
fn metadata_services() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    url
}

fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = first.split_whitespace().nth(1).unwrap().to_owned();
        let answer = answer(&path, &String::from_utf8(body).unwrap());
        let status = if answer.is_empty() { "404 Not Found" } else { "200 OK" };
        let head = format!(
            "HTTP/1.1 {status}\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if (&stream).write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

const EXPIRES: &str = "2099-01-02T03:04:05Z";

fn answer(path: &str, body: &str) -> String {
    let keys = |id: &str| {
        let keys = json!({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": "canary-secret",
            "Token": "canary-token", "Expiration": EXPIRES, "AccountId": "123456789012"});
        keys.to_string()
    };
    match path {
        "/latest/api/token" => "token".to_owned(),
        "/latest/meta-data/iam/security-credentials/" => "role".to_owned(),
        "/latest/meta-data/iam/security-credentials/role" => keys("ASIAINSTANCE"),
        "/ecs" => keys("ASIACONTAINER"),
        path if path.starts_with("/federation/credentials") => json!({"roleCredentials": {
            "accessKeyId": "ASIASSO", "secretAccessKey": "canary-secret", "sessionToken": "canary-token",
            "expiration": 4_070_905_445_000_u64}})
        .to_string(),
        _ if body.contains("Action=AssumeRoleWithWebIdentity") && body.contains("canary-web-token") => {
            format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>\
             <SecretAccessKey>canary-secret</SecretAccessKey><SessionToken>canary-token</SessionToken>\
             <Expiration>{EXPIRES}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
            )
        }
        _ => String::new(),
    }
}

/// `outcrop doctor credentials` against the emulator, which answers for Bedrock and STS.
fn doctor(aws: &Aws) -> Outcrop {
    Outcrop::new(&["doctor", "credentials", "--json"])
        .env("AWS_ENDPOINT_URL_BEDROCK", &aws.url)
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &aws.url)
        .env("AWS_ENDPOINT_URL_STS", &aws.url)
        .env("AWS_REGION", "us-east-1")
}

/// What it says of the sources, one a line; no canary is in it.
fn said(run: Outcrop) -> Vec<String> {
    let run = run.run();
    assert!(!run.stdout.contains("canary") && !run.stderr.contains("canary"), "{run:?}");
    let findings: Vec<Value> = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let of_sources = findings.iter().filter(|it| it["check"] == "credentials");
    of_sources.map(|it| it["detail"].as_str().unwrap().to_owned()).collect()
}

fn has(said: &[String], words: &[&str]) {
    assert!(said.iter().any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {said:#?}");
}

#[test]
fn each_source_is_named_in_order_with_the_reason_why_it_was_passed_over() {
    let aws = Aws::start();
    let said = said(doctor(&aws));
    let order = [
        "BEDROCK_AWS_BEARER_TOKEN: passed over, it is not set",
        "BEDROCK_AWS_ACCESS_KEY_ID: passed over",
        "BEDROCK_AWS_PROFILE: passed over",
        "AWS_BEARER_TOKEN_BEDROCK: passed over",
        "AWS_ACCESS_KEY_ID: passed over",
        "AWS's chain, environment: passed over",
        "AWS's chain, profile `default` (not in",
        "AWS's chain, web identity: passed over",
        "AWS's chain, container: passed over",
        "AWS's chain, instance: passed over",
    ];
    for (line, wanted) in said.iter().zip(order) {
        assert!(line.starts_with(wanted), "{wanted}: {said:#?}");
    }
    assert!(said.len() > order.len(), "and that there are none: {said:#?}");
}

#[test]
fn keys_of_the_environment_are_used_and_shown_by_their_public_half() {
    let aws = Aws::start();
    let [_, _, id, secret] = aws.variables();
    let said = said(doctor(&aws).env(id.0, id.1).env(secret.0, secret.1));
    has(&said, &["access keys from AWS_ACCESS_KEY_ID: used: AKIAIOSFODNN7EXAMPLE, without an end"]);
}

#[test]
fn a_process_a_container_an_instance_sso_and_a_web_identity_give_credentials() {
    let (aws, metadata) = (Aws::start(), metadata_services());
    let process = "[default]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"ASIAPROCESS\", \
        \"SecretAccessKey\": \"canary-secret\", \"SessionToken\": \"canary-token\", \"Expiration\": \"2099-01-02T03:04:05Z\"}'\n";
    let run = doctor(&aws).file("config", process).env("AWS_CONFIG_FILE", "config");
    has(
        &said(run),
        &["profile `default` (runs a credential_process): used: ASIAPROCESS, until 2099-01-02T03:04:05Z"],
    );

    let container = doctor(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{metadata}/ecs"));
    has(&said(container), &["container: used: ASIACONTAINER, until 2099-"]);

    let instance = doctor(&aws)
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata);
    has(&said(instance), &["instance: used: ASIAINSTANCE, until 2099-"]);

    let sso = "[default]\nsso_start_url = https://me.awsapps.com/start\nsso_region = us-east-1\n\
        sso_account_id = 123456789012\nsso_role_name = dev\n";
    // The SHA-1 of the start URL names the file.
    let cache = ".aws/sso/cache/3911600267c0d9cc9afec1c3050024e8476136ad.json";
    let token =
        json!({"accessToken": "canary-access", "expiresAt": EXPIRES, "region": "us-east-1"}).to_string();
    let run = doctor(&aws).file("config", sso).file(cache, &token);
    let run = run.env("AWS_CONFIG_FILE", "config").env("AWS_ENDPOINT_URL_SSO", &metadata);
    has(
        &said(run),
        &["profile `default` (signs in through IAM Identity Center (SSO)): used: ASIASSO, until 2098-"],
    );

    let web = doctor(&aws)
        .file("token", "canary-web-token")
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web")
        .env("AWS_ENDPOINT_URL_STS", &metadata);
    has(&said(web), &["web identity: used: ASIAWEB, until 2099-"]);
}

/// Whoever has the external id may.
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "secret-handshake"}}}]}"#;

#[test]
fn a_role_of_a_profile_is_assumed_with_its_external_id() {
    let aws = Aws::start();
    aws.with_client(async |client| client.create_role("team", TRUST, "a team's").await.unwrap());
    let profile = |external_id: &str| {
        format!(
            "[profile keys]\naws_access_key_id = {}\naws_secret_access_key = {}\n[profile team]\n\
             role_arn = arn:aws:iam::123456789012:role/team\nsource_profile = keys\nexternal_id = {external_id}\n",
            aws.variables()[2].1,
            aws.variables()[3].1
        )
    };
    let run = |external_id: &str| {
        let run = doctor(&aws).file("config", &profile(external_id)).env("AWS_CONFIG_FILE", "config");
        run.env("BEDROCK_AWS_PROFILE", "team")
    };
    has(&said(run("secret-handshake")), &["profile `team` (BEDROCK_AWS_PROFILE): used: ASIA", "until 20"]);
    has(&said(run("other")), &["profile `team`", "not authorized to perform: sts:AssumeRole"]);
}

/// AWS's own sources read the process's environment alone; what only the `--env-file` says reaches them all the same.
#[test]
fn what_the_env_file_says_is_seen_by_awss_chain() {
    let (aws, metadata) = (Aws::start(), metadata_services());
    let with = |variables: &str| doctor(&aws).file("vars.env", variables).env("OUTCROP_ENV_FILE", "vars.env");
    let container = with(&format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={metadata}/ecs\n"));
    has(&said(container), &["container: used: ASIACONTAINER, until 2099-"]);
    let token = format!(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI={metadata}/ecs\nAWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=none\n"
    );
    has(&said(with(&token)), &["container: ", "none cannot be read"]);
    let far = with("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/canary-path\n");
    has(&said(far), &["container: ", "none that may be asked"]);

    let instance = format!("AWS_EC2_METADATA_SERVICE_ENDPOINT={metadata}\n");
    let instance = with(&instance).env("AWS_EC2_METADATA_DISABLED", "false");
    has(&said(instance), &["instance: used: ASIAINSTANCE, until 2099-"]);

    let web = format!(
        "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=arn:aws:iam::123456789012:role/web\nAWS_ENDPOINT_URL_STS={metadata}\n"
    );
    let web = with(&web).file("token", "canary-web-token").env("AWS_ENDPOINT_URL_STS", &metadata);
    has(&said(web), &["web identity: used: ASIAWEB, until 2099-"]);

    let keys = "[default]\naws_access_key_id = ASIAFILE\naws_secret_access_key = canary-secret\n";
    let files = with("AWS_SHARED_CREDENTIALS_FILE=mine\n").file("mine", keys);
    has(&said(files), &["profile `default`", "used: ASIAFILE"]);
    let lost = with("AWS_CONFIG_FILE=nowhere\n");
    has(&said(lost), &["profile `default`", "passed over"]);
}
