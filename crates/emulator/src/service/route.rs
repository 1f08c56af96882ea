//! From method and raw path to the operation.
//!
//! Identifiers may hold raw `:` and `/` (ARNs) or be percent-encoded; so a path is cut at the literal parts of its
//! template, and only what is between them is decoded.

use http::Method;
use percent_encoding::percent_decode_str;

use super::{Operation, Service};

/// What a path names: label and decoded value.
pub(crate) type Labels = Vec<(&'static str, String)>;

impl Service {
    /// The operation that a request asks for, and what its path names.
    pub(crate) fn route(
        &'static self,
        method: &Method,
        raw_path: &str,
    ) -> Option<(&'static Operation, Labels)> {
        let of_method = self.operations.iter().filter(|operation| operation.method == method.as_str());
        of_method.into_iter().find_map(|operation| Some((operation, operation.template.labels(raw_path)?)))
    }
}

/// The path of an operation: literal parts and labels, in turn.
#[derive(Debug)]
pub(super) struct Template {
    /// What the path begins with.
    head: String,
    /// Each label, and the literal part after it.
    rest: Vec<(String, String)>,
}

impl Template {
    /// Reads `/guardrail/{guardrailIdentifier}/version/{guardrailVersion}/apply`.
    pub(super) fn parse(uri: &str) -> Self {
        let mut parts = uri.split('{');
        let head = parts.next().unwrap_or_default().to_owned();
        let rest = parts.filter_map(|part| part.split_once('}'));
        Self { head, rest: rest.map(|(label, literal)| (label.to_owned(), literal.to_owned())).collect() }
    }

    /// How much of the path is given: the longer, the more particular.
    pub(super) fn literal_length(&self) -> usize {
        self.head.len() + self.rest.iter().map(|(_, literal)| literal.len()).sum::<usize>()
    }

    /// The labels of a path of this form. They are cut from the end, because identifiers may hold slashes.
    fn labels(&'static self, raw_path: &str) -> Option<Labels> {
        let mut remaining = raw_path.strip_prefix(self.head.as_str())?;
        let mut labels = Vec::with_capacity(self.rest.len());
        for (index, (label, literal)) in self.rest.iter().enumerate().rev() {
            remaining = remaining.strip_suffix(literal.as_str())?;
            let value = match index.checked_sub(1) {
                None => std::mem::take(&mut remaining),
                Some(before) => {
                    let (left, value) = remaining.rsplit_once(self.rest[before].1.as_str())?;
                    // Handed on with its literal, for the next turn to strip.
                    remaining = &remaining[..left.len() + self.rest[before].1.len()];
                    value
                }
            };
            labels.push((label.as_str(), decoded(value)?));
        }
        remaining.is_empty().then_some(labels)
    }
}

/// The decoded identifier; `None` when it is empty or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::service;
    use super::*;

    fn found(method: Method, path: &str) -> Option<(String, Vec<String>)> {
        let (operation, labels) = service().route(&method, path)?;
        Some((operation.name.clone(), labels.into_iter().map(|(_, value)| value).collect()))
    }

    #[test]
    fn identifiers_may_be_raw_or_encoded() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc";
        let encoded = arn.replace(':', "%3A").replace('/', "%2F");
        for spelling in [arn, encoded.as_str()] {
            let path = format!("/guardrail/{spelling}/version/DRAFT/apply");
            let expected = ("ApplyGuardrail".to_owned(), vec!["DRAFT".to_owned(), arn.to_owned()]);
            assert_eq!(found(Method::POST, &path), Some(expected));
            let path = format!("/guardrails/{spelling}");
            assert_eq!(found(Method::GET, &path), Some(("GetGuardrail".to_owned(), vec![arn.to_owned()])));
        }
    }

    #[test]
    fn the_most_particular_path_wins() {
        let stop = found(Method::POST, "/model-invocation-job/abc/stop").unwrap();
        assert_eq!(stop, ("StopModelInvocationJob".to_owned(), vec!["abc".to_owned()]));
        let create = found(Method::POST, "/custom-models/create-custom-model").unwrap();
        assert_eq!(create, ("CreateCustomModel".to_owned(), vec![]));
        for nothing in ["/guardrails/", "/nothing", "/", "/guardrail//version/1/apply"] {
            assert_eq!(found(Method::GET, nothing), None, "{nothing}");
        }
    }
}
