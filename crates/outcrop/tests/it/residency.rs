//! `residency:` and `regions:` of outcrop.yaml: what they refuse, and what of them is refused.

use insta::assert_snapshot;

use crate::outcrop::Outcrop;

const EU: &str = "regions: [eu-west-1, eu-central-1]\nresidency:\n  allow_geographies: [eu]\n";

fn explain(identifier: &str, yaml: &str) -> Outcrop {
    Outcrop::new(&["explain", identifier, "--offline", "--json"]).file("outcrop.yaml", yaml)
}

#[test]
fn a_bare_id_stays_inside_and_the_first_region_is_the_default() {
    let answer = explain("anthropic.claude-sonnet-4-6", EU).run().json();
    assert_eq!(answer["target"], "eu.anthropic.claude-sonnet-4-6");
    assert_eq!(answer["sourceRegion"], "eu-west-1");
    assert_eq!(answer["residency"]["allowed"], true);
    assert_eq!(answer["residency"]["source"], "outcrop.yaml:3");
}

#[test]
fn what_is_refused_is_explained_and_fails() {
    let ran = explain("global.anthropic.claude-sonnet-4-6", EU).run();
    assert_eq!(ran.code, 1);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["residency"]["allowed"], false);
    assert_snapshot!(ran.stderr);
}

#[test]
fn a_region_outside_the_list_is_refused() {
    let ran = explain("eu.anthropic.claude-sonnet-4-6", EU).env("AWS_REGION", "eu-north-1").run();
    assert!(
        ran.stderr.contains("outcrop.yaml:1") && ran.stderr.contains("eu-north-1 is not among"),
        "{}",
        ran.stderr
    );
}

#[test]
fn mistakes_are_found_where_they_stand() {
    let check = |yaml: &str| Outcrop::new(&["config", "check"]).file("outcrop.yaml", yaml).run().failed();
    assert_snapshot!(check("residency: {}\n"));
    assert_snapshot!(check("residency:\n  allow_geographies: [europe]\n"));
    assert_snapshot!(check("residency:\n  allow_regions: [eu-west-1a]\n"));
    assert_snapshot!(check("residency:\n  allowed: [eu]\n"));
    assert_snapshot!(check("regions: []\n"));
}

const LIBRECHAT: &str = "endpoints:
  bedrock:
    models: [anthropic.claude-sonnet-4-6, 'arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc']
    availableRegions: [us-west-2, eu-west-1]
";

fn in_librechat(identifier: &str) -> Outcrop {
    Outcrop::new(&["explain", identifier, "--offline", "--json"]).file("librechat.yaml", LIBRECHAT)
}

fn chosen(region: &str) -> Outcrop {
    let args = ["explain", "anthropic.claude-sonnet-4-6", "--offline", "--json", "--region", region];
    Outcrop::new(&args).file("librechat.yaml", LIBRECHAT)
}

#[test]
fn librechats_available_regions_restrict_what_is_chosen() {
    let model = "anthropic.claude-sonnet-4-6";
    let default = in_librechat(model).run().json();
    assert_eq!(default["sourceRegion"], "us-west-2", "the first is the default");
    assert_eq!(default["residency"]["source"], "librechat.yaml:4 (availableRegions)");
    assert_eq!(chosen("eu-west-1").run().json()["target"], "eu.anthropic.claude-sonnet-4-6");
    let refused = chosen("eu-central-1").run().stderr;
    assert!(refused.contains("eu-central-1 is not among the Regions that may be called"), "{refused}");
    let arn = "arn:aws:bedrock:ap-south-1:123456789012:application-inference-profile/abc";
    assert!(in_librechat(arn).run().stderr.contains("ap-south-1 is not among"));
}

#[test]
fn what_the_operator_wrote_is_no_choice() {
    let model = "anthropic.claude-sonnet-4-6";
    let default = in_librechat(model).env("BEDROCK_AWS_DEFAULT_REGION", "us-east-1").run().json();
    assert_eq!(default["sourceRegion"], "us-east-1");
    let arn = "arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc";
    assert_eq!(in_librechat(arn).run().json()["sourceRegion"], "eu-west-3");
}
