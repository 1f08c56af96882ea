//! Policy documents: read strictly, and asked whether they allow something.
//!
//! Wildcards, `Not…` elements, principals and the condition operators people use with Bedrock. An operator that is not here
//! refuses the document, so that no condition is ever read over. Policy variables (`${aws:PrincipalTag/team}`) stand for what the
//! question's context says; a statement whose variable has no value matches nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::variables;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy(Vec<Statement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    is_deny: bool,
    /// Kind (`AWS`, `Service`, `*`) and value; `None` in policies of identities.
    principals: Option<Vec<(String, String)>>,
    actions: Patterns,
    resources: Option<Patterns>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patterns {
    is_negated: bool,
    patterns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    operator: Operator,
    /// Of `StringNotEquals` and its like.
    is_negated: bool,
    if_exists: bool,
    for_all: bool,
    /// Lower case: condition keys have no case.
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    /// `StringLike`, and the ARN operators, which AWS treats alike.
    Like,
    Bool,
    /// The key must be absent (`true`) or present (`false`).
    Null,
}

/// What is to be decided.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    /// `bedrock:InvokeModel`.
    pub(crate) action: &'a str,
    /// An ARN, or `*`.
    pub(crate) resource: &'a str,
    /// Who asks: kinds and names that a `Principal` may give; empty for policies of identities.
    pub(crate) principals: &'a [(&'a str, &'a str)],
    /// Condition keys, in lower case, and their values.
    pub(crate) context: &'a BTreeMap<String, Vec<String>>,
}

/// AWS's three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

impl Decision {
    /// AWS's word (`PolicyEvaluationDecisionType`).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ExplicitDeny => "explicitDeny",
            Self::ImplicitDeny => "implicitDeny",
        }
    }
}

/// What several policies together say: one deny outweighs every allow.
pub(crate) fn decide<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    question: &Question<'_>,
) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for policy in policies {
        match policy.decide(question) {
            Decision::ExplicitDeny => return Decision::ExplicitDeny,
            Decision::Allowed => decision = Decision::Allowed,
            Decision::ImplicitDeny => {}
        }
    }
    decision
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub(crate) fn parse(document: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(document)
            .map_err(|error| format!("This policy contains invalid Json: {error}"))?;
        let statements = match &value["Statement"] {
            Value::Array(statements) => statements.as_slice(),
            statement @ Value::Object(_) => std::slice::from_ref(statement),
            _ => return Err("Syntax errors in policy: Statement is missing.".to_owned()),
        };
        statements.iter().map(Statement::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it allows anything at all.
    pub(crate) fn allows_anything(&self) -> bool {
        self.0.iter().any(|statement| !statement.is_deny)
    }

    /// What this policy alone says.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Decision {
        let mut matching = self.0.iter().filter(|statement| statement.matches(question)).peekable();
        if matching.peek().is_none() {
            return Decision::ImplicitDeny;
        }
        if matching.any(|statement| statement.is_deny) { Decision::ExplicitDeny } else { Decision::Allowed }
    }
}

impl Statement {
    fn parse(value: &Value) -> Result<Self, String> {
        let is_deny = match value["Effect"].as_str() {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err("Syntax errors in policy: Effect must be Allow or Deny.".to_owned()),
        };
        let patterns = |positive: &str, negative: &str| -> Result<Option<Patterns>, String> {
            let (is_negated, value) = match (&value[positive], &value[negative]) {
                (Value::Null, Value::Null) => return Ok(None),
                (value, Value::Null) => (false, value),
                (Value::Null, value) => (true, value),
                _ => return Err(format!("Syntax errors in policy: both {positive} and {negative}.")),
            };
            Ok(Some(Patterns { is_negated, patterns: texts(value, positive)? }))
        };
        if !value["NotPrincipal"].is_null() {
            return Err("The emulator knows no NotPrincipal.".to_owned());
        }
        Ok(Self {
            is_deny,
            principals: (!value["Principal"].is_null())
                .then(|| principals(&value["Principal"]))
                .transpose()?,
            actions: patterns("Action", "NotAction")?
                .ok_or_else(|| "Syntax errors in policy: Action is missing.".to_owned())?,
            resources: patterns("Resource", "NotResource")?,
            conditions: conditions(&value["Condition"])?,
        })
    }

    fn matches(&self, question: &Question<'_>) -> bool {
        self.is_for(question.principals)
            && self.actions.matches(&question.action.to_ascii_lowercase(), str::to_ascii_lowercase)
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.matches_in(question.resource, question.context))
            && self.conditions.iter().all(|condition| condition.holds(question.context))
    }

    fn is_for(&self, asking: &[(&str, &str)]) -> bool {
        let Some(principals) = &self.principals else { return true };
        principals.iter().any(|(kind, value)| {
            kind == "*"
                || asking.iter().any(|(asking_kind, asking_value)| {
                    asking_kind == kind && (value == "*" || value == asking_value)
                })
        })
    }

    /// Whether a principal is named itself, not only as one of its account.
    fn names(&self, arn: &str) -> bool {
        self.principals.iter().flatten().any(|(_, value)| value == arn)
    }
}

impl Policy {
    /// Whether a statement names this principal itself.
    pub(crate) fn names(&self, arn: &str) -> bool {
        self.0.iter().any(|statement| statement.names(arn))
    }
}

impl Patterns {
    /// As `matches`, with the variables of the patterns filled in.
    fn matches_in(&self, text: &str, context: &BTreeMap<String, Vec<String>>) -> bool {
        let patterns: Option<Vec<_>> =
            self.patterns.iter().map(|pattern| variables::filled(pattern, context)).collect();
        // AWS leaves a statement out of account whose variable has no value, also a negated one.
        patterns.is_some_and(|all| all.iter().any(|pattern| glob(pattern, text)) != self.is_negated)
    }

    fn matches(&self, text: &str, form: impl Fn(&str) -> String) -> bool {
        self.patterns.iter().any(|pattern| glob(&form(pattern), text)) != self.is_negated
    }
}

impl Condition {
    fn holds(&self, context: &BTreeMap<String, Vec<String>>) -> bool {
        let Some(actual) = context.get(&self.key).filter(|values| !values.is_empty()) else {
            let absent_is_fine = self.if_exists || self.is_negated || self.for_all;
            return match self.operator {
                Operator::Null => self.values.iter().any(|value| value == "true"),
                _ => absent_is_fine,
            };
        };
        let values: Option<Vec<_>> =
            self.values.iter().map(|value| variables::filled(value, context)).collect();
        let Some(values) = values else { return false };
        let is_one = |actual: &String| values.iter().any(|value| self.operator.matches(value, actual));
        match (self.operator, self.is_negated) {
            (Operator::Null, _) => self.values.iter().any(|value| value == "false"),
            (_, false) if self.for_all => actual.iter().all(is_one),
            (_, false) => actual.iter().any(is_one),
            (_, true) => !actual.iter().any(is_one),
        }
    }
}

impl Operator {
    fn matches(self, value: &str, actual: &str) -> bool {
        match self {
            Self::Equals => value == actual,
            Self::EqualsIgnoreCase | Self::Bool => value.eq_ignore_ascii_case(actual),
            Self::Like => glob(value, actual),
            Self::Null => false,
        }
    }
}

fn principals(value: &Value) -> Result<Vec<(String, String)>, String> {
    match value {
        Value::String(any) if any == "*" => Ok(vec![("*".to_owned(), "*".to_owned())]),
        Value::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, values) in kinds {
                if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                    return Err(format!("Invalid principal in policy: \"{kind}\""));
                }
                all.extend(texts(values, "Principal")?.into_iter().map(|value| (kind.clone(), value)));
            }
            Ok(all)
        }
        _ => Err("Invalid principal in policy".to_owned()),
    }
}

fn conditions(value: &Value) -> Result<Vec<Condition>, String> {
    let Value::Object(operators) = value else {
        return if value.is_null() {
            Ok(Vec::new())
        } else {
            Err("Syntax errors in policy: Condition.".to_owned())
        };
    };
    let mut all = Vec::new();
    for (written, keys) in operators {
        let Value::Object(keys) = keys else {
            return Err(format!("Syntax errors in policy: {written} must hold condition keys."));
        };
        for (key, values) in keys {
            all.push(condition(written, key, texts(values, key)?)?);
        }
    }
    Ok(all)
}

fn condition(written: &str, key: &str, values: Vec<String>) -> Result<Condition, String> {
    let (quantifier, rest) = written.split_once(':').unwrap_or(("", written));
    let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
    let (operator, is_negated) = match name {
        "StringEquals" => (Operator::Equals, false),
        "StringNotEquals" => (Operator::Equals, true),
        "StringEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, true),
        "StringLike" | "ArnLike" | "ArnEquals" => (Operator::Like, false),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Operator::Like, true),
        "Bool" => (Operator::Bool, false),
        "Null" => (Operator::Null, false),
        _ => return Err(format!("The emulator knows no condition operator {written}.")),
    };
    if !matches!(quantifier, "" | "ForAnyValue" | "ForAllValues") {
        return Err(format!("Syntax errors in policy: {written}."));
    }
    let for_all = quantifier == "ForAllValues";
    Ok(Condition { operator, is_negated, if_exists, for_all, key: key.to_ascii_lowercase(), values })
}

/// One text or a list of texts; a boolean counts as its word.
fn texts(value: &Value, member: &str) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(format!("Syntax errors in policy: {member} must be text.")),
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

/// Whether `text` is of the form `pattern`, in which `*` stands for any text and `?` for any character.
///
/// Goes back to the last star alone, so that no pattern takes more than quadratic time.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut of, mut star) = (0, 0, None);
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star_of, star_at)) = star else { return false };
                star = Some((star_of, star_at + 1));
                (of, at) = (star_of + 1, star_at + 1);
            }
        }
    }
    pattern[of..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(policy: &Value, action: &str, resource: &str, context: &[(&str, &str)]) -> Decision {
        let context =
            context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
        let question = Question { action, resource, principals: &[], context: &context };
        Policy::parse(&policy.to_string()).unwrap().decide(&question)
    }

    #[test]
    fn a_deny_outweighs_an_allow() {
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "bedrock:Invoke*", "Resource": "arn:aws:bedrock:*:*:inference-profile/us.*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]}}},
        ]});
        let resource = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x";
        assert_eq!(decision(&policy, "bedrock:invokemodel", resource, &[]), Decision::Allowed);
        assert_eq!(decision(&policy, "bedrock:InvokeModel", "arn:aws:s3:::b", &[]), Decision::ImplicitDeny);
        let europe = [("aws:requestedregion", "eu-west-2")];
        assert_eq!(decision(&policy, "bedrock:InvokeModel", resource, &europe), Decision::ExplicitDeny);
    }

    #[test]
    fn conditions_hold_as_aws_means_them() {
        let of = |operator: &str, value: Value| {
            serde_json::json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {operator: {"aws:SourceArn": value}}}})
        };
        let arn = [("aws:sourcearn", "arn:aws:bedrock:us-east-1:1:x")];
        let is_allowed = |operator: &str, value: &str, context: &[(&str, &str)]| {
            decision(&of(operator, value.into()), "a:b", "*", context) == Decision::Allowed
        };
        assert!(is_allowed("ArnLike", "arn:aws:bedrock:us-east-1:1:*", &arn));
        assert!(!is_allowed("ArnLike", "arn:aws:bedrock:us-east-1:1:*", &[]));
        assert!(!is_allowed("StringEquals", "arn:aws:bedrock:us-east-1:1:*", &arn));
        assert!(is_allowed("StringNotEquals", "other", &[]));
        assert!(!is_allowed("StringNotLike", "arn:*", &arn));
        assert!(is_allowed("StringLikeIfExists", "nothing", &[]));
        assert!(is_allowed("Null", "true", &[]) && !is_allowed("Null", "true", &arn));
        assert!(Policy::parse(&of("IpAddress", "10.0.0.0/8".into()).to_string()).is_err());
    }

    #[test]
    fn broken_documents_are_refused() {
        for document in [
            "",
            "{}",
            "[]",
            r#"{"Statement":[{"Effect":"Maybe","Action":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":{}}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Principal":"arn:x"}]}"#,
        ] {
            assert!(Policy::parse(document).is_err(), "{document}");
        }
    }

    #[test]
    fn stars_match_any_text() {
        for (pattern, text) in [("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*a*a", "xaya"), ("a**", "a")] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a?c", "ac"), ("a*c", "acb"), ("?", "")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
        assert!(!glob(&"*a".repeat(500), &"a".repeat(400)));
    }
}
