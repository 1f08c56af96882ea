//! The policy of sensitive information: what has a form of its own is found by that form; names, addresses and ages
//! need a model and are not found.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{Action, Finding, Source};
use crate::failure::Failure;

/// Entity types and the form that each is found by.
const FORMS: [(&str, &str); 13] = [
    ("EMAIL", r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
    ("PHONE", r"(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\)|\b\d{3})[ .-]?\d{3}[ .-]\d{4}\b"),
    ("URL", r#"\bhttps?://[^\s<>"]+"#),
    ("IP_ADDRESS", r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    ("MAC_ADDRESS", r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"),
    ("CREDIT_DEBIT_CARD_NUMBER", r"\b\d(?:[ -]?\d){12,18}\b"),
    ("US_SOCIAL_SECURITY_NUMBER", r"\b\d{3}-\d{2}-\d{4}\b"),
    ("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", r"\b9\d{2}-\d{2}-\d{4}\b"),
    ("AWS_ACCESS_KEY", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("SWIFT_CODE", r"\b[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b"),
    ("UK_NATIONAL_INSURANCE_NUMBER", r"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
    ("VEHICLE_IDENTIFICATION_NUMBER", r"\b[A-HJ-NPR-Z0-9]{17}\b"),
];

static COMPILED: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let compile = |(name, form): &(&'static str, &str)| {
        (*name, Regex::new(form).expect("the forms above are regular expressions"))
    };
    FORMS.iter().map(compile).collect()
});

/// Refuses regular expressions that are none.
///
/// # Errors
/// Validation that names the entry. The words are our own.
pub(super) fn check(policies: &Map<String, Value>) -> Result<(), Failure> {
    for entry in entries(policies, "regexes") {
        let pattern = entry["pattern"].as_str().unwrap_or_default();
        if Regex::new(pattern).is_err() {
            return Err(Failure::validation(format!("The regex pattern of {} is invalid.", entry["name"])));
        }
    }
    Ok(())
}

/// What the policy finds in a text.
pub(super) fn find(policies: &Map<String, Value>, source: Source, text: &str) -> Vec<Finding> {
    let entities = entries(policies, "piiEntities").flat_map(|entry| {
        let kind = entry["type"].as_str().unwrap_or_default();
        let form = COMPILED.iter().find(|(name, _)| *name == kind).map(|(_, form)| form);
        let found = form.into_iter().flat_map(|form| form.find_iter(text)).map(|found| found.as_str());
        let told = json!({ "type": kind });
        matches(found.filter(|found| is_real(kind, found)), entry, source, "piiEntities", kind, &told)
    });
    let regexes = entries(policies, "regexes").flat_map(|entry| {
        let name = entry["name"].as_str().unwrap_or_default();
        let form = Regex::new(entry["pattern"].as_str().unwrap_or_default()).ok();
        let found: Vec<&str> =
            form.iter().flat_map(|form| form.find_iter(text)).map(|found| found.as_str()).collect();
        let told = json!({ "name": name, "regex": entry["pattern"] });
        matches(found.into_iter(), entry, source, "regexes", name, &told)
    });
    entities.chain(regexes).collect()
}

fn entries<'a>(policies: &'a Map<String, Value>, list: &str) -> impl Iterator<Item = &'a Value> {
    let policy = policies.get("sensitiveInformationPolicy");
    policy.and_then(|policy| policy.get(list)?.as_array()).into_iter().flatten()
}

/// Each text once, in the order of the text.
fn matches<'a>(
    found: impl Iterator<Item = &'a str>,
    entry: &Value,
    source: Source,
    list: &'static str,
    mask: &str,
    told: &Value,
) -> Vec<Finding> {
    let Some(action) = Action::of(entry, source) else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    for found in found.filter(|found| !found.is_empty()) {
        if findings.iter().all(|known| known.found != found) {
            findings.push(Finding {
                action,
                found: found.to_owned(),
                mask: format!("{{{mask}}}"),
                list,
                told: told.as_object().cloned().unwrap_or_default(),
                is_detected: true,
            });
        }
    }
    findings
}

/// What a form cannot say: the check digit of a card number.
fn is_real(kind: &str, found: &str) -> bool {
    if kind != "CREDIT_DEBIT_CARD_NUMBER" {
        return true;
    }
    let digits = found.chars().rev().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_have_a_check_digit() {
        assert!(is_real("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1111"));
        assert!(!is_real("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1112"));
    }
}
