//! Who may do what: the caller's policies and the organisation's service control policies, evaluated on each call.
//!
//! Without any policy everything is allowed. `POST /_emulator/policies` sets them:
//! `{"identity": [DOCUMENT…], "serviceControl": [DOCUMENT…]}`, each document as IAM writes it. With identity policies only
//! what they allow is allowed; a service control policy only takes away (an empty list of them allows everything).
//!
//! Sources: the evaluation order and the sentences are AWS's ("Policy evaluation logic", "Troubleshoot access denied error
//! messages"); what an invocation through a profile is checked against is reference `bedrock.md` §5.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use outcrop_wire::bedrock::ErrorKind;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::failure::Failure;

/// What is asked: may the caller do `action` on `resource`?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// `bedrock:InvokeModel`
    pub(crate) action: &'a str,
    /// An ARN, or `*` where the action knows no resource.
    pub(crate) resource: &'a str,
    /// The values of condition keys.
    pub(crate) context: Vec<(&'static str, String)>,
}

/// Where a request goes; `unspecified` for the part of a global profile that has no Region (reference `bedrock.md` §5).
pub(crate) const REQUESTED_REGION: &str = "aws:RequestedRegion";
/// The profile that a model is invoked through.
pub(crate) const INFERENCE_PROFILE: &str = "bedrock:InferenceProfileArn";
/// The keys that conditions may use here; any other is refused rather than passed over.
const KNOWN_KEYS: [&str; 2] = [REQUESTED_REGION, INFERENCE_PROFILE];

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// No policy of this kind allows it.
    Implicit(Kind),
    /// A policy of this kind denies it.
    Explicit(Kind),
}

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    ServiceControl,
}

/// The policies in force.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Policies>);

/// The policies in force, as they are set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Policies {
    /// The caller's; `null` allows everything.
    #[serde(default)]
    identity: Option<Vec<Document>>,
    /// The organisation's.
    #[serde(default)]
    service_control: Vec<Document>,
}

impl Denials {
    /// Sets the policies in force from a request's body, and tells how many there are; `{}` lifts them all.
    ///
    /// # Errors
    /// 400 for what is no policy, and for conditions that are not evaluated here.
    pub(crate) fn set(&self, body: &[u8]) -> Result<usize, Failure> {
        let policies: Policies = serde_json::from_slice(body).map_err(|error| {
            Failure::validation(format!(
                "expected {{\"identity\": [POLICY…], \"serviceControl\": [POLICY…]}}, each as IAM writes it: {error}"
            ))
        })?;
        let count = policies.identity.as_ref().map_or(0, Vec::len) + policies.service_control.len();
        *self.lock() = policies;
        Ok(count)
    }

    /// Lifts them all.
    pub(crate) fn clear(&self) {
        *self.lock() = Policies::default();
    }

    /// Whether the caller may.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Decision {
        self.lock().decide(question)
    }

    /// Lets pass, or refuses in AWS's words.
    ///
    /// # Errors
    /// AccessDenied.
    pub(crate) fn check(&self, caller: &str, question: &Question<'_>) -> Result<(), Failure> {
        let Question { action, resource, .. } = question;
        let because = match self.decide(question) {
            Decision::Allowed => return Ok(()),
            Decision::Implicit(kind) => {
                format!("because no {} policy allows the {action} action", kind.name())
            }
            Decision::Explicit(kind) => {
                format!("with an explicit deny in {} {} policy", kind.article(), kind.name())
            }
        };
        let text = format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} {because}"
        );
        Err(Failure::new(ErrorKind::AccessDenied, text))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Policies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based",
            Self::ServiceControl => "service control",
        }
    }

    fn article(self) -> &'static str {
        match self {
            Self::Identity => "an",
            Self::ServiceControl => "a",
        }
    }
}

impl Policies {
    /// A denial anywhere first, then each kind must allow.
    fn decide(&self, question: &Question<'_>) -> Decision {
        let identity = self.identity.as_deref();
        let denies = |documents: &[Document]| documents.iter().any(|it| it.has(Effect::Deny, question));
        let allows = |documents: &[Document]| documents.iter().any(|it| it.has(Effect::Allow, question));
        if denies(&self.service_control) {
            return Decision::Explicit(Kind::ServiceControl);
        }
        if identity.is_some_and(denies) {
            return Decision::Explicit(Kind::Identity);
        }
        // Every organisation has FullAWSAccess beside its own; a list of denials alone takes nothing else away.
        let is_allow_list = self.service_control.iter().any(Document::allows_anything);
        if is_allow_list && !allows(&self.service_control) {
            return Decision::Implicit(Kind::ServiceControl);
        }
        match identity {
            Some(identity) if !allows(identity) => Decision::Implicit(Kind::Identity),
            _ => Decision::Allowed,
        }
    }
}

/// A policy document, as IAM writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(default, rename = "Version")]
    _version: Option<String>,
    #[serde(default, rename = "Id")]
    _id: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    #[serde(default, deserialize_with = "one_or_many")]
    action: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    not_action: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    resource: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    not_resource: Vec<String>,
    #[serde(default, deserialize_with = "conditions")]
    condition: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

impl Document {
    fn has(&self, effect: Effect, question: &Question<'_>) -> bool {
        self.statement.iter().any(|statement| statement.effect == effect && statement.matches(question))
    }

    fn allows_anything(&self) -> bool {
        self.statement.iter().any(|statement| statement.effect == Effect::Allow)
    }
}

impl Statement {
    fn matches(&self, question: &Question<'_>) -> bool {
        let Question { action, resource, context } = question;
        let action = action.to_ascii_lowercase();
        let is_action = |patterns: &[String]| {
            patterns.iter().any(|pattern| is_like(&pattern.to_ascii_lowercase(), &action))
        };
        let is_resource = |patterns: &[String]| patterns.iter().any(|pattern| is_like(pattern, resource));
        let action_fits =
            if self.not_action.is_empty() { is_action(&self.action) } else { !is_action(&self.not_action) };
        let resource_fits = match (self.resource.is_empty(), self.not_resource.is_empty()) {
            (true, false) => !is_resource(&self.not_resource),
            _ => is_resource(&self.resource),
        };
        action_fits && resource_fits && self.condition.iter().all(|condition| condition.holds(context))
    }
}

/// One operator on one key.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    operator: Operator,
    key: &'static str,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    StringNotLike,
    ArnEquals,
    ArnLike,
    ArnNotEquals,
    ArnNotLike,
    Null,
}

impl Condition {
    fn holds(&self, context: &[(&'static str, String)]) -> bool {
        let value = context.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value.as_str());
        let equals = |value: &str| self.values.iter().any(|wanted| wanted == value);
        let like = |value: &str| self.values.iter().any(|wanted| is_like(wanted, value));
        match self.operator {
            Operator::StringEquals => value.is_some_and(equals),
            Operator::StringLike | Operator::ArnLike | Operator::ArnEquals => value.is_some_and(like),
            // A negated operator holds where the key is missing.
            Operator::StringNotEquals => !value.is_some_and(equals),
            Operator::StringNotLike | Operator::ArnNotLike | Operator::ArnNotEquals => {
                !value.is_some_and(like)
            }
            Operator::Null => self.values.iter().any(|wanted| (wanted == "true") == value.is_none()),
        }
    }
}

/// `{"StringEquals": {"aws:RequestedRegion": ["a", "b"]}}`
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let blocks = BTreeMap::<Operator, BTreeMap<String, OneOrMany>>::deserialize(deserializer)?;
    let mut conditions = Vec::new();
    for (operator, keys) in blocks {
        for (key, values) in keys {
            let known = KNOWN_KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(&key));
            let known = known.ok_or_else(|| {
                D::Error::custom(format!(
                    "the condition key {key} is not evaluated here; known are {}",
                    KNOWN_KEYS.join(", ")
                ))
            })?;
            conditions.push(Condition { operator, key: known, values: values.into_vec() });
        }
    }
    Ok(conditions)
}

/// IAM takes a text where it takes a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T = String> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

fn one_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    OneOrMany::deserialize(deserializer).map(OneOrMany::into_vec)
}

/// IAM's wildcards: `*` any text, `?` any one character.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut matched) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while matched < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, matched));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[matched] => {
                at += 1;
                matched += 1;
            }
            _ => {
                let Some((star_at, eaten)) = star else { return false };
                star = Some((star_at, eaten + 1));
                at = star_at + 1;
                matched = eaten + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(text: &str) -> Policies {
        serde_json::from_str(text).unwrap()
    }

    fn ask<'a>(action: &'a str, resource: &'a str, region: &str) -> Question<'a> {
        Question { action, resource, context: vec![(REQUESTED_REGION, region.to_owned())] }
    }

    const MODEL: &str = "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0";

    #[test]
    fn without_policies_everything_is_allowed_and_with_them_only_what_they_say() {
        let invoke = ask("bedrock:InvokeModel", MODEL, "us-west-2");
        assert_eq!(policies("{}").decide(&invoke), Decision::Allowed);
        let some = policies(
            r#"{"identity": [{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "bedrock:Invoke*", "Resource": "arn:aws:bedrock:*::foundation-model/amazon.*"}}]}"#,
        );
        assert_eq!(some.decide(&invoke), Decision::Allowed);
        assert_eq!(
            some.decide(&ask("bedrock:GetInferenceProfile", MODEL, "us-west-2")),
            Decision::Implicit(Kind::Identity)
        );
    }

    #[test]
    fn a_service_control_policy_denies_one_region_and_outweighs_what_is_allowed() {
        let denies_elsewhere = policies(
            r#"{"serviceControl": [{"Statement": [{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "us-east-2"]}}}]}],
                "identity": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]}"#,
        );
        let decide = |region| denies_elsewhere.decide(&ask("bedrock:InvokeModel", MODEL, region));
        assert_eq!(decide("us-east-1"), Decision::Allowed);
        assert_eq!(decide("us-west-2"), Decision::Explicit(Kind::ServiceControl));
        assert_eq!(decide("unspecified"), Decision::Explicit(Kind::ServiceControl));
    }

    #[test]
    fn what_would_not_be_evaluated_is_refused() {
        let set = |text: &str| Denials::default().set(text.as_bytes()).is_err();
        assert!(set(
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}]}"#
        ));
        assert!(set(
            r#"{"identity": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "x"}}}]}]}"#
        ));
        assert!(set(r#"{"identity": [{"Statement": [{"Effect": "Maybe", "Action": "*"}]}]}"#));
        assert!(!set("{}"));
    }

    #[test]
    fn wildcards_are_iams() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
