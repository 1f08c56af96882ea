//! Policy variables: `${aws:PrincipalTag/team}` in a resource or the value of a condition.
//!
//! Source: IAM's user guide, "IAM policy elements: Variables and tags". `${$}` stands for the
//! character itself; `${key, 'default'}` has a value of its own where the key has none. A value with a star or a question mark in it
//! is taken for none, so that nobody's tag becomes a wildcard; `${*}` and `${?}` are not known.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The text with its variables filled in; `None` when one has no value, or more than one.
pub(super) fn filled<'t>(text: &'t str, context: &BTreeMap<String, Vec<String>>) -> Option<Cow<'t, str>> {
    if !text.contains("${") {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, behind) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&value(variable, context)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

fn value(variable: &str, context: &BTreeMap<String, Vec<String>>) -> Option<String> {
    if variable == "$" {
        return Some(variable.to_owned());
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (variable, None),
    };
    match context.get(&key.to_ascii_lowercase()).map(Vec::as_slice) {
        Some([only]) if !only.contains(['*', '?']) => Some(only.clone()),
        Some([]) | None => default.map(str::to_owned),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_stands_for_what_the_context_says() {
        let context = BTreeMap::from([
            ("aws:principaltag/team".to_owned(), vec!["red".to_owned()]),
            ("aws:principaltag/wild".to_owned(), vec!["*".to_owned()]),
            ("aws:tagkeys".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ]);
        let filled = |text| filled(text, &context).map(Cow::into_owned);
        assert_eq!(filled("team/${aws:PrincipalTag/team}/x").as_deref(), Some("team/red/x"));
        assert_eq!(filled("${aws:PrincipalTag/none, 'blue'}").as_deref(), Some("blue"));
        assert_eq!(filled("as it is: $5 {}").as_deref(), Some("as it is: $5 {}"));
        assert_eq!(filled("a${$}b").as_deref(), Some("a$b"));
        for nothing in ["${aws:PrincipalTag/none}", "${aws:PrincipalTag/wild}", "${aws:TagKeys}", "${open"] {
            assert_eq!(filled(nothing), None, "{nothing}");
        }
    }
}
