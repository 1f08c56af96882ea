//! Filter patterns: which events FilterLogEvents returns.
//!
//! Terms (`ERROR "two words" -DEBUG ?one ?other`) and JSON selectors (`{ $.modelId = "*abc" && $.input.inputTokenCount > 10 }`).
//! Case matters. What is not here (`%regex%`, `[fields]`, arrays in selectors) is refused, never taken for a match.

use serde_json::Value;

use crate::neighbours::iam::policy::glob;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    /// All of the first, none of the second, and one of the third unless it is empty.
    Terms {
        all: Vec<String>,
        none: Vec<String>,
        any: Vec<String>,
    },
    Json(Selector),
}

/// What is between the braces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selector {
    And(Vec<Selector>),
    Or(Vec<Selector>),
    Compare { path: Vec<String>, operator: Operator, value: Operand },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    Number(f64),
}

impl Pattern {
    /// Reads a pattern; `None` when it is not understood.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix('{') {
            Some(rest) => {
                let mut reader = Reader(rest.strip_suffix('}')?);
                let selector = reader.or()?;
                reader.0.trim().is_empty().then_some(Self::Json(selector))
            }
            None => terms(text),
        }
    }

    /// Whether an event's message is meant.
    pub(crate) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms { all, none, any } => {
                let holds = |term: &String| message.contains(term.as_str());
                all.iter().all(holds) && !none.iter().any(holds) && (any.is_empty() || any.iter().any(holds))
            }
            Self::Json(selector) => {
                serde_json::from_str::<Value>(message).is_ok_and(|event| selector.matches(&event))
            }
        }
    }
}

fn terms(text: &str) -> Option<Pattern> {
    let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (list, after) = match rest.as_bytes()[0] {
            b'-' => (&mut none, &rest[1..]),
            b'?' => (&mut any, &rest[1..]),
            b'%' | b'[' => return None,
            _ => (&mut all, rest),
        };
        let (term, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        list.push(term.to_owned());
        rest = after.trim_start();
    }
    Some(Pattern::Terms { all, none, any })
}

impl Selector {
    fn matches(&self, event: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(event)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(event)),
            Self::Compare { path, operator, value } => {
                let found = path.iter().try_fold(event, |value, name| value.get(name));
                found.is_some_and(|found| operator.holds(found, value))
            }
        }
    }
}

impl Operator {
    fn holds(self, found: &Value, wanted: &Operand) -> bool {
        match (wanted, found) {
            (Operand::Text(wanted), Value::String(found)) => match self {
                Self::Equal => glob(wanted, found),
                Self::NotEqual => !glob(wanted, found),
                _ => false,
            },
            (Operand::Number(wanted), Value::Number(found)) => {
                let order = found.as_f64().and_then(|found| found.partial_cmp(wanted));
                order.is_some_and(|order| match self {
                    Self::Equal => order.is_eq(),
                    Self::NotEqual => order.is_ne(),
                    Self::Less => order.is_lt(),
                    Self::LessOrEqual => order.is_le(),
                    Self::Greater => order.is_gt(),
                    Self::GreaterOrEqual => order.is_ge(),
                })
            }
            _ => self == Self::NotEqual,
        }
    }
}

/// Reads what is left of a selector.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn or(&mut self) -> Option<Selector> {
        let mut parts = vec![self.and()?];
        while self.take("||") {
            parts.push(self.and()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Selector::Or(parts) })
    }

    fn and(&mut self) -> Option<Selector> {
        let mut parts = vec![self.one()?];
        while self.take("&&") {
            parts.push(self.one()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Selector::And(parts) })
    }

    fn one(&mut self) -> Option<Selector> {
        if self.take("(") {
            let inner = self.or()?;
            return self.take(")").then_some(inner);
        }
        let path = self.path()?;
        let operators = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let operator = operators.into_iter().find(|(sign, _)| self.take(sign))?.1;
        Some(Selector::Compare { path, operator, value: self.operand()? })
    }

    fn path(&mut self) -> Option<Vec<String>> {
        if !self.take("$.") {
            return None;
        }
        let end = self.0.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))?;
        let path: Vec<String> = self.0[..end].split('.').map(str::to_owned).collect();
        self.0 = &self.0[end..];
        path.iter().all(|name| !name.is_empty()).then_some(path)
    }

    fn operand(&mut self) -> Option<Operand> {
        if self.take("\"") {
            let (text, rest) = self.0.split_once('"')?;
            self.0 = rest;
            return Some(Operand::Text(text.to_owned()));
        }
        let end = self.0.find(|c: char| c.is_whitespace() || "&|()".contains(c)).unwrap_or(self.0.len());
        let word = &self.0[..end];
        self.0 = &self.0[end..];
        match word.parse() {
            _ if word.is_empty() || word.contains('%') => None,
            Ok(number) => Some(Operand::Number(number)),
            Err(_) => Some(Operand::Text(word.to_owned())),
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(sign);
        if let Some(rest) = rest {
            self.0 = if sign == "\"" { rest } else { rest.trim_start() };
        }
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_pick_the_events_they_mean() {
        let event = r#"{"modelId":"arn:x:application-inference-profile/abc123","input":{"inputTokenCount":12},"operation":"Converse"}"#;
        for pattern in [
            "",
            "Converse",
            "\"abc123\"",
            "abc123 -Invoke",
            "?Invoke ?Converse",
            "{ $.modelId = \"*/abc123\" }",
            "{$.operation=Converse}",
            "{ $.input.inputTokenCount >= 12 && $.operation != \"Invoke*\" }",
            "{ ($.operation = \"x\") || ($.input.inputTokenCount < 13) }",
        ] {
            assert!(Pattern::parse(pattern).expect(pattern).matches(event), "{pattern}");
        }
        for pattern in [
            "converse",
            "-Converse",
            "?Invoke ?Stream",
            "{ $.modelId = \"abc123\" }",
            "{ $.missing != \"x\" }",
            "{ $.input.inputTokenCount > 12 }",
        ] {
            assert!(!Pattern::parse(pattern).expect(pattern).matches(event), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            "{",
            "{}",
            "{ $.a }",
            "{ $.a = }",
            "{ a = 1 }",
            "%regex%",
            "[a, b]",
            "\"open",
            "{ $.a = %x% }",
            "{ $.a = 1 && }",
            "{ ($.a = 1 }",
            "{ $.a[0] = 1 }",
            "{ $.a = 1 } x",
        ] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }
}
