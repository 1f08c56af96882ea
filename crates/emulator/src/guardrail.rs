//! What a guardrail's policies find in a text, and what becomes of the text.
//!
//! Words and sensitive information are found by looking; denied topics, content filters and grounding, which AWS has a model
//! judge, are [approximated](judged). Automated reasoning is kept and told but finds nothing.

mod judged;
mod sensitive;
mod words;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
pub(crate) use judged::Grounds;

/// Whose text is looked at: policies may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// What the user wrote.
    Input,
    /// What the model wrote.
    Output,
}

/// What a policy does about what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Block,
    Anonymize,
    /// It is only told.
    None,
}

impl Action {
    /// The action of a policy's entry for a source: its own one goes before the one for both. `None` is an entry that
    /// is turned off for this source.
    fn of(entry: &Value, source: Source) -> Option<Self> {
        let (action, enabled) = match source {
            Source::Input => ("inputAction", "inputEnabled"),
            Source::Output => ("outputAction", "outputEnabled"),
        };
        if entry[enabled] == false {
            return None;
        }
        let asked = entry[action].as_str().or(entry["action"].as_str());
        Some(match asked {
            Some("ANONYMIZE") => Self::Anonymize,
            Some("NONE") => Self::None,
            _ => Self::Block,
        })
    }

    /// AWS's word for what was done.
    fn done(self) -> &'static str {
        match self {
            Self::Block => "BLOCKED",
            Self::Anonymize => "ANONYMIZED",
            Self::None => "NONE",
        }
    }
}

/// Something that a policy found.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    action: Action,
    /// The text that was found; empty when it is the text as a whole.
    found: String,
    /// What stands in its place when it is made anonymous.
    mask: String,
    /// The list of the assessment that tells it, and its other members there.
    list: &'static str,
    told: Map<String, Value>,
    /// The policy was breached, rather than just measured.
    is_detected: bool,
}

impl Finding {
    fn describe(&self) -> Value {
        let mut told = self.told.clone();
        if !self.found.is_empty() {
            told.insert("match".to_owned(), self.found.clone().into());
        }
        told.insert("action".to_owned(), self.action.done().into());
        told.insert("detected".to_owned(), self.is_detected.into());
        Value::Object(told)
    }
}

/// What all policies of a guardrail say to some texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// What is to be said instead: one text when blocked, the same number of texts when made anonymous.
    pub(crate) outputs: Vec<String>,
    is_blocked: bool,
    is_masked: bool,
    assessment: Value,
    usage: Value,
    coverage: Value,
}

impl Verdict {
    /// The guardrail did something about the texts.
    pub(crate) fn intervened(&self) -> bool {
        self.is_blocked || self.is_masked
    }

    /// Nothing of the texts may pass.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// The assessment, as traces tell it.
    pub(crate) fn assessment(&self) -> &Value {
        &self.assessment
    }

    /// Why it intervened, in words; "Guardrail blocked." is recorded.
    pub(crate) fn reason(&self) -> &'static str {
        match (self.is_blocked, self.is_masked) {
            (true, _) => "Guardrail blocked.",
            (false, true) => "Guardrail masked.",
            (false, false) => "No action.",
        }
    }

    /// The answer of `ApplyGuardrail`.
    pub(crate) fn answer(&self) -> Value {
        let texts = if self.intervened() { self.outputs.as_slice() } else { &[] };
        let outputs: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
        json!({
            "action": if self.intervened() { "GUARDRAIL_INTERVENED" } else { "NONE" },
            "actionReason": self.reason(),
            "outputs": outputs,
            "assessments": [self.assessment],
            "usage": self.usage,
            "guardrailCoverage": self.coverage,
        })
    }
}

/// Refuses policies that cannot be kept.
///
/// # Errors
/// Validation for a regular expression that is none.
pub(crate) fn check(policies: &Map<String, Value>) -> Result<(), Failure> {
    sensitive::check(policies)
}

/// Lets the policies look at texts; an answer is held against the `grounds`, too.
pub(crate) fn assess(
    policies: &Map<String, Value>,
    source: Source,
    texts: &[&str],
    grounds: &Grounds,
) -> Verdict {
    let looks = [judged::topics, judged::filters, words::find, sensitive::find];
    let by_text = texts.iter().flat_map(|text| looks.iter().flat_map(|look| look(policies, source, text)));
    let grounded = match source {
        Source::Input => Vec::new(),
        Source::Output => judged::grounding(policies, grounds, &texts.join("\n")),
    };
    let findings: Vec<Finding> = by_text.chain(grounded).collect();
    let is_blocked = findings.iter().any(|finding| finding.action == Action::Block);
    let masks: Vec<&Finding> =
        findings.iter().filter(|finding| finding.action == Action::Anonymize).collect();
    let message = match source {
        Source::Input => "blockedInputMessaging",
        Source::Output => "blockedOutputsMessaging",
    };
    let outputs = match is_blocked {
        true => vec![policies.get(message).and_then(Value::as_str).unwrap_or_default().to_owned()],
        false => texts.iter().map(|text| masked(text, &masks)).collect(),
    };
    let characters = texts.iter().map(|text| text.chars().count()).sum();
    Verdict {
        outputs,
        is_blocked,
        is_masked: !is_blocked && !masks.is_empty(),
        assessment: describe(&findings, policies, characters),
        usage: usage(policies, characters),
        coverage: coverage(characters),
    }
}

fn masked(text: &str, masks: &[&Finding]) -> String {
    masks.iter().fold(text.to_owned(), |text, finding| text.replace(&finding.found, &finding.mask))
}

fn describe(findings: &[Finding], policies: &Map<String, Value>, characters: usize) -> Value {
    let list = |name: &str| -> Vec<Value> {
        findings.iter().filter(|finding| finding.list == name).map(Finding::describe).collect()
    };
    let has = |names: &[&str]| findings.iter().any(|finding| names.contains(&finding.list));
    let mut told = Map::new();
    for (policy, name, member) in [
        ("topicPolicy", "topics", "topics"),
        ("contentPolicy", "filters", "filters"),
        ("contextualGroundingPolicy", "grounding", "filters"),
    ] {
        if has(&[name]) {
            told.insert(policy.to_owned(), json!({ member: list(name) }));
        }
    }
    if has(&["customWords", "managedWordLists"]) {
        let policy =
            json!({ "customWords": list("customWords"), "managedWordLists": list("managedWordLists") });
        told.insert("wordPolicy".to_owned(), policy);
    }
    if has(&["piiEntities", "regexes"]) {
        let policy = json!({ "piiEntities": list("piiEntities"), "regexes": list("regexes") });
        told.insert("sensitiveInformationPolicy".to_owned(), policy);
    }
    let metrics = json!({
        "guardrailProcessingLatency": LATENCY_MS,
        "usage": usage(policies, characters),
        "guardrailCoverage": coverage(characters),
    });
    told.insert("invocationMetrics".to_owned(), metrics);
    let of_guardrail = |member: &str| policies.get(member).cloned().unwrap_or_default();
    let applied = json!({
        "guardrailArn": of_guardrail("guardrailArn"),
        "guardrailId": of_guardrail("guardrailId"),
        "guardrailOrigin": ["REQUEST"],
        "guardrailOwnership": "SELF",
        "guardrailVersion": of_guardrail("version"),
    });
    told.insert("appliedGuardrailDetails".to_owned(), applied);
    Value::Object(told)
}

/// How long a guardrail might have taken, in milliseconds: one number, so that the same call has the same answer.
const LATENCY_MS: u64 = 120;
/// A text unit of the price list is up to 1,000 characters.
const CHARACTERS_PER_UNIT: usize = 1_000;

/// Each policy that is configured is charged by text units.
fn usage(policies: &Map<String, Value>, characters: usize) -> Value {
    let units = characters.div_ceil(CHARACTERS_PER_UNIT);
    let of = |policy: &str| if policies.contains_key(policy) { units } else { 0 };
    let sensitive = &policies.get("sensitiveInformationPolicy").cloned().unwrap_or_default();
    let has = |list: &str| sensitive[list].as_array().is_some_and(|entries| !entries.is_empty());
    json!({
        "contentPolicyUnits": of("contentPolicy"),
        "contextualGroundingPolicyUnits": of("contextualGroundingPolicy"),
        // Regular expressions are free.
        "sensitiveInformationPolicyFreeUnits": if has("regexes") { units } else { 0 },
        "sensitiveInformationPolicyUnits": if has("piiEntities") { units } else { 0 },
        "topicPolicyUnits": of("topicPolicy"),
        "wordPolicyUnits": of("wordPolicy"),
    })
}

fn coverage(characters: usize) -> Value {
    json!({ "textCharacters": { "guarded": characters, "total": characters } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> Map<String, Value> {
        let value = json!({
            "blockedInputMessaging": "not this",
            "blockedOutputsMessaging": "not that",
            "wordPolicy": { "words": [{ "text": "kraken" }, { "text": "only in", "outputEnabled": false }] },
            "sensitiveInformationPolicy": {
                "piiEntities": [
                    { "type": "EMAIL", "action": "ANONYMIZE" },
                    { "type": "US_SOCIAL_SECURITY_NUMBER", "action": "BLOCK", "outputAction": "NONE" },
                ],
                "regexes": [{ "name": "ticket", "pattern": "T-[0-9]+", "action": "ANONYMIZE" }],
            },
        });
        value.as_object().unwrap().clone()
    }

    fn outputs(source: Source, text: &str) -> (bool, Vec<String>) {
        let verdict = assess(&policies(), source, &[text], &Grounds::default());
        (verdict.is_blocked(), verdict.outputs)
    }

    #[test]
    fn words_block_whole_words_of_any_case() {
        assert_eq!(outputs(Source::Input, "Release the Kraken!"), (true, vec!["not this".to_owned()]));
        assert_eq!(outputs(Source::Output, "a kraken"), (true, vec!["not that".to_owned()]));
        assert!(!outputs(Source::Input, "krakens").0);
        assert!(outputs(Source::Input, "only in").0 && !outputs(Source::Output, "only in").0);
    }

    #[test]
    fn sensitive_information_is_masked_or_blocked_by_source() {
        let text = "mail a.b@example.com about T-42, T-42";
        let expected = "mail {EMAIL} about {ticket}, {ticket}".to_owned();
        assert_eq!(outputs(Source::Input, text), (false, vec![expected]));
        assert!(outputs(Source::Input, "my number is 536-22-8713").0);
        let verdict = assess(&policies(), Source::Output, &["my number is 536-22-8713"], &Grounds::default());
        assert!(!verdict.intervened());
        assert_eq!(verdict.assessment()["sensitiveInformationPolicy"]["piiEntities"][0]["action"], "NONE");
    }

    #[test]
    fn nothing_found_is_no_intervention() {
        let verdict = assess(&policies(), Source::Input, &["hello"], &Grounds::default());
        assert!(!verdict.intervened());
        assert_eq!(verdict.answer()["outputs"], json!([]));
        assert_eq!(verdict.answer()["usage"]["wordPolicyUnits"], 1);
    }
}
