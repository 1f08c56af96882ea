//! `outcrop models`: what can be named where, side by side, and without asking AWS.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::outcrop::Outcrop;
use crate::profiles::Aws;

const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn models(args: &[&str]) -> Outcrop {
    Outcrop::new(&[&["models"], args].concat())
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[test]
fn a_list_holds_what_works_in_the_region_and_all_tells_why_not() {
    let list = models(&["list", "--region", "eu-west-1", "--filter", SONNET, "--json"]).run().json();
    assert_eq!(ids(&list), [format!("eu.{SONNET}"), format!("global.{SONNET}")]);
    assert!(list[0].get("reason").is_none());
    let all = models(&["list", "--region", "eu-west-1", "--filter", SONNET, "--all", "--json"]).run().json();
    let reason =
        |id: &str| all.as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap()["reason"].clone();
    assert_eq!(reason(&format!("eu.{SONNET}")), Value::Null);
    let bare = reason(SONNET);
    assert!(bare.as_str().unwrap().contains("needs an inference profile in eu-west-1"), "{bare}");
    let us = reason(&format!("us.{SONNET}"));
    assert!(us.as_str().unwrap().contains("cannot be called from eu-west-1, but from ca-central-1"), "{us}");
    let retired = models(&["list", "--filter", "claude-3-opus", "--all", "--json"]).run().json();
    assert_eq!(retired[0]["reason"], "retired: AWS no longer serves it");
}

/// Whatever the list offers can be called from there.
#[test]
fn everything_listed_resolves_to_itself() {
    for region in ["us-east-1", "ap-northeast-1", "sa-east-1"] {
        let list = models(&["list", "--region", region, "--json"]).run().json();
        assert!(list.as_array().unwrap().len() > 20, "{region}");
        for entry in list.as_array().unwrap() {
            let destinations = entry["destinationRegions"].as_array().unwrap();
            assert!(!destinations.is_empty() && entry["through"].is_string(), "{entry}");
        }
    }
}

#[test]
fn pages_for_a_person() {
    assert_snapshot!(
        "list",
        models(&["list", "--region", "sa-east-1", "--filter", "haiku"]).run().succeeded()
    );
    assert_snapshot!("regions", models(&["regions", "us.deepseek.r1-v1:0"]).run().succeeded());
    assert_snapshot!(
        "compare",
        models(&["compare", "anthropic.claude-opus-5-5", "us.amazon.nova-lite-v1:0"]).run().succeeded()
    );
}

#[test]
fn regions_tell_through_what_and_where_to() {
    let answer = models(&["regions", SONNET, "--region", "ap-northeast-3", "--json"]).run().json();
    assert_eq!(answer["regions"][0]["requiresProfile"], true);
    let way = &answer["regions"][0]["ways"][0];
    assert_eq!(way["identifier"], format!("jp.{SONNET}"));
    assert_eq!(way["through"], "inference-profile");
    assert_eq!(way["destinationRegions"], serde_json::json!(["ap-northeast-1", "ap-northeast-3"]));
    let stderr = models(&["regions", "no such model"]).run().failed();
    assert!(stderr.contains("error: "), "{stderr}");
}

#[test]
fn compared_models_are_explained() {
    let answer = models(&["compare", SONNET, "meta.llama3-8b-instruct-v1:0", "--json"]).run().json();
    assert_eq!(answer.as_array().unwrap().len(), 2);
    assert_eq!(answer[1]["model"], "meta.llama3-8b-instruct-v1:0");
    assert!(answer[0]["limits"]["contextTokens"].is_number());
}

#[test]
fn a_snapshot_is_used_without_asking() {
    let survey = serde_json::json!({"mx-central-1": {
        "foundationModels": [{"modelId": "newcomer.one-v1:0", "modelName": "One", "inferenceTypesSupported": ["ON_DEMAND"]}],
        "inferenceProfiles": null,
    }});
    let run = |args: &[&str]| {
        Outcrop::new(args)
            .file("outcrop.yaml", "catalog:\n  snapshot: taken.json\n")
            .file("taken.json", &survey.to_string())
            .run()
    };
    let answer =
        run(&["explain", "newcomer.one-v1:0", "--region", "mx-central-1", "--offline", "--json"]).json();
    assert_eq!(answer["modelName"], "One");
    assert_eq!(answer["destinationRegions"], serde_json::json!(["mx-central-1"]));
    let broken = Outcrop::new(&["config", "check"]).file("outcrop.yaml", "catalog:\n  snapshot: none.json\n");
    assert!(broken.run().failed().contains("none.json cannot be read"));
}

#[test]
fn access_is_what_the_account_says() {
    let aws = Aws::start();
    let ask = |args: &[&str]| {
        let prepared = Outcrop::new(&[&["models", "access", "--region", "us-east-1"], args].concat());
        aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value)).run()
    };
    let page = ask(&["us.amazon.nova-lite-v1:0"]).succeeded();
    assert!(page.lines().any(|line| line.starts_with("amazon.nova-lite-v1:0  yes")), "{page}");
    let answer = ask(&["amazon.nova-lite-v1:0", "--json"]).json()[0].take();
    assert_eq!(
        (&answer["id"], &answer["access"]),
        (&json!("amazon.nova-lite-v1:0"), &json!(true)),
        "{answer}"
    );
    assert_eq!(answer["authorization"], "AUTHORIZED");
    let elsewhere = ask(&["luma.ray-v2:0", "--json"]).json()[0].take();
    assert_eq!(elsewhere["access"], false, "{elsewhere}");
    assert!(elsewhere["fix"].as_str().unwrap().contains("models regions"), "{elsewhere}");
}
