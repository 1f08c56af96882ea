//! `BEDROCK_INFERENCE_PROFILE_MAPPINGS`: a JSON object, application profile ARN → the model behind it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::environment::Environment;
use crate::problem::Problem;

/// The variable's name.
pub const VARIABLE: &str = "BEDROCK_INFERENCE_PROFILE_MAPPINGS";

/// ARN → model id, as far as it can be used; the rest becomes `problems`.
pub fn read(environment: &Environment, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let Some(variable) = environment.variable(VARIABLE) else { return BTreeMap::new() };
    let place = environment.place(VARIABLE);
    let pairs = match serde_json::from_str::<Pairs>(&variable.value) {
        Ok(Pairs(pairs)) => pairs,
        Err(error) => {
            problems.push(unreadable(&place, &error));
            return BTreeMap::new();
        }
    };
    let mut mappings = BTreeMap::new();
    for (arn, model) in pairs {
        match checked(&arn, &model) {
            Ok(model) => {
                if let Some(before) = mappings.insert(arn.clone(), model.clone()) {
                    problems.push(twice(&place, &arn, &before, &model));
                }
            }
            Err((message, hint)) => problems.push(Problem::error(&place, message).hint(hint)),
        }
    }
    mappings
}

fn checked(arn: &str, model: &serde_json::Value) -> Result<String, (String, String)> {
    let Some(model) = model.as_str().map(str::trim).filter(|model| !model.is_empty()) else {
        return Err((
            format!("the value of `{arn}` is no model id"),
            "write the id of the model behind the profile in quotes".to_owned(),
        ));
    };
    if is_application_profile(arn) {
        return Ok(model.to_owned());
    }
    let message = format!("the key `{arn}` is no application inference profile ARN");
    let hint = if is_application_profile(model) {
        "the direction is ARN → model; write the pair the other way round, or use `inferenceProfiles` of librechat.yaml, which maps model → ARN".to_owned()
    } else {
        "a key looks like arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
            .to_owned()
    };
    Err((message, hint))
}

fn twice(place: &str, arn: &str, before: &str, after: &str) -> Problem {
    if before == after {
        Problem::warning(place, format!("`{arn}` is mapped twice, both times to {after}"))
    } else {
        Problem::error(place, format!("`{arn}` is mapped twice: to {before} and to {after}"))
            .hint("a profile has one model behind it; remove the wrong pair")
    }
}

fn unreadable(place: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let message = format!(
        "the value is no JSON object: {what} (line {}, column {} of it)",
        error.line(),
        error.column()
    );
    Problem::error(place, message)
        .hint(r#"write {"arn:aws:bedrock:…:application-inference-profile/…": "anthropic.claude-…"}, in single quotes on a shell's line"#)
}

/// `arn:PARTITION:bedrock:REGION:ACCOUNT:application-inference-profile/ID`. The id is opaque: no length is assumed.
pub fn is_application_profile(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "bedrock", region, account, resource] = parts.as_slice() else { return false };
    let id = resource.strip_prefix("application-inference-profile/");
    partition.starts_with("aws")
        && !region.is_empty()
        && !account.is_empty()
        && id.is_some_and(|id| !id.is_empty() && !id.contains(char::is_whitespace))
}

/// The object's pairs in order, a repeated key included.
struct Pairs(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";

    fn mapped(json: &str) -> (BTreeMap<String, String>, Vec<String>) {
        let environment = Environment::of([(VARIABLE.to_owned(), json.to_owned())]);
        let mut problems = Vec::new();
        let mappings = read(&environment, &mut problems);
        (mappings, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_object_is_read() {
        let (mappings, problems) = mapped(&format!(r#"{{"{ARN}": " anthropic.claude-3 "}}"#));
        assert_eq!((mappings[ARN].as_str(), problems.len()), ("anthropic.claude-3", 0));
    }

    #[test]
    fn a_broken_object_is_placed() {
        let (_, problems) = mapped("{\n  \"a\": \"b\",\n}");
        assert!(problems[0].contains("trailing comma (line 3, column 1 of it)"), "{}", problems[0]);
        let (_, problems) = mapped("[]");
        assert!(problems[0].contains("expected an object"), "{}", problems[0]);
    }

    #[test]
    fn a_repeated_arn_is_reported() {
        let (_, same) = mapped(&format!(r#"{{"{ARN}":"a.b","{ARN}":"a.b"}}"#));
        assert!(same[0].starts_with("warning"), "{}", same[0]);
        let (_, different) = mapped(&format!(r#"{{"{ARN}":"a.b","{ARN}":"c.d"}}"#));
        assert!(different[0].contains("to a.b and to c.d"), "{}", different[0]);
    }

    #[test]
    fn the_wrong_direction_gets_its_own_hint_and_all_pairs_are_looked_at() {
        let (mappings, problems) = mapped(&format!(r#"{{"a.b":"{ARN}", "x":"y", "{ARN}": 3}}"#));
        assert!(mappings.is_empty());
        assert_eq!(problems.len(), 3);
        assert!(problems[0].contains("the other way round"), "{}", problems[0]);
        assert!(problems[2].contains("is no model id"), "{}", problems[2]);
    }
}
