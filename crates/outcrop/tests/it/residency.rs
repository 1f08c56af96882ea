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
