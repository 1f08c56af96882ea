//! `catalog:` of outcrop.yaml: facts of one's own, and what is wrong with them.

use insta::assert_snapshot;

use crate::outcrop::Outcrop;

const OWN: &str = "\
catalog:
  models:
    anthropic.claude-opus-5-5:
      limits: {maxOutputTokens: 64000}
      capabilities: {reasoning: null}
    acme.rocket-v1:0:
      name: Rocket
      onDemand: [us-east-1]
  profiles:
    mx.acme.rocket-v1:0:
      routes: {mx-central-1: [mx-central-1, us-east-1]}
  prices:
    acme.rocket-v1:0:
      base: {input: 3, output: 1.5}
";

fn explain(identifier: &str, flags: &[&str]) -> serde_json::Value {
    let run = Outcrop::new(&[&["explain", identifier, "--offline", "--json"], flags].concat());
    run.file("outcrop.yaml", OWN).run().json()
}

#[test]
fn facts_of_ones_own_win_and_say_where_they_stand() {
    let answer = explain("us.anthropic.claude-opus-5-5", &[]);
    assert_eq!(answer["limits"]["maxOutputTokens"], 64000);
    assert_eq!(answer["capabilities"]["reasoning"]["mode"], serde_json::Value::Null);
    let limits = answer["why"].as_array().unwrap().iter().find(|why| why["step"] == "limits").unwrap();
    assert_eq!(limits["source"], "outcrop.yaml");
    let own = explain("acme.rocket-v1:0", &[]);
    assert_eq!((&own["price"]["output"], &own["price"]["unit"]), (&1.5.into(), &"per_million_tokens".into()));
    let routed = explain("acme.rocket-v1:0", &["--region", "mx-central-1"]);
    assert_eq!(routed["target"], "mx.acme.rocket-v1:0");
}

#[test]
fn a_slip_is_found_where_it_stands() {
    let check = |yaml: &str| Outcrop::new(&["config", "check"]).file("outcrop.yaml", yaml).run().failed();
    assert_snapshot!(check(
        "catalog:\n  models:\n    anthropic.claude-opus-5-5:\n      limits: {maxOutput: 1}\n"
    ));
    assert_snapshot!(check("catalog:\n  models:\n    rocket: {}\n"));
    assert_snapshot!(check("catalog:\n  price: {}\n"));
}
