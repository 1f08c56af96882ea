//! What a refusal teaches: members of a request that a model does not take, and requests without them.
//!
//! The catalog cannot know every member of every model's native body, and AWS adds and removes some without notice. A
//! model that refuses one names it, in its own words or in Converse's; [`Refused::of`] reads the name, and the same
//! request can be made without it. What was *said* in a conversation is never left out for a refusal: those go to the client.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Notices;
use crate::envelope::{Envelope, Members};

/// A member that a model refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Where it stands: names with dots between them, `*` for any index, unions by their tag, as the model named it:
    /// `thinking.adaptive.budget_tokens`, `tools.*.custom.strict`, `stopSequences`; of a beta feature
    /// `anthropic_beta.` and its name.
    pub path: String,
    /// The beta features that the request named, sorted: with others the member may be welcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub betas: Vec<String>,
}

/// Longer paths and deeper ones are no members that a person would name.
const LONGEST_PATH: usize = 200;
const DEEPEST_PATH: usize = 16;
/// A refusal names one member, seldom some.
const MOST_NAMED: usize = 8;
/// The native member that names beta features; the first part of the path of one that was refused.
const BETAS: &str = "anthropic_beta";

/// The path of a lesson that is no member: the model takes `thinking.type: adaptive` and an effort, and no budget.
pub(crate) const BUDGET: &str = "thinking.type.enabled";
/// The path of a lesson that is no member: the model takes one of the two, not both.
pub(crate) const BOTH: &str = "temperature+top_p";

impl Refused {
    /// The members that a refusal names, of a request with these betas; none where the refusal is of another kind, or
    /// where the member holds what somebody said.
    ///
    /// Sources: reference `bedrock.md` §5 (`thinking.adaptive.budget_tokens: Extra inputs are not permitted`;
    /// `` `temperature` is deprecated for this model. ``; `This model doesn't support the stopSequences field`;
    /// `extraneous key [toolResult] is not permitted`; `"thinking.type.enabled" is not supported for this model.`;
    /// `` `temperature` and `top_p` cannot both be specified for this model.``). OpenAI's words: `Invalid parameter:
    /// 'response_format' of type 'json_schema' is not supported with this model.`
    pub fn of(message: &str, betas: &[String]) -> Vec<Self> {
        let mut betas = betas.to_vec();
        betas.sort();
        let named = extra_inputs(message).chain(deprecated(message)).chain(unsupported(message));
        let named = named.chain(uncached(message)).chain(misfits(message));
        let paths = named.chain(extraneous(message)).filter(|path| may_be_left_out(path));
        paths.take(MOST_NAMED).map(|path| Self { path, betas: betas.clone() }).collect()
    }

    /// The beta features that a refusal is about, of those that the request named. AWS seldom says which it was: then
    /// it is those that nobody vouches for, and all where somebody vouches for each.
    ///
    /// Sources: reference `peers.md` 16 (`invalid beta flag`); Anthropic's own endpoints name them (``Unexpected value(s)
    /// `x` for the `anthropic-beta` header``).
    pub fn betas(message: &str, sent: &[String], is_vouched_for: impl Fn(&str) -> bool) -> Vec<Self> {
        let lower = message.to_ascii_lowercase();
        let of = |beta: &String| Self { path: format!("{BETAS}.{beta}"), betas: Vec::new() };
        if lower.contains("for the `anthropic-beta` header") {
            return sent.iter().filter(|beta| message.contains(&format!("`{beta}`"))).map(of).collect();
        }
        if !lower.contains("invalid beta flag") {
            return Vec::new();
        }
        let suspects: Vec<Self> = sent.iter().filter(|beta| !is_vouched_for(beta)).map(of).collect();
        if suspects.is_empty() { sent.iter().map(of).collect() } else { suspects }
    }

    /// The beta feature, where it is one that was refused.
    pub fn beta(&self) -> Option<&str> {
        self.path.strip_prefix(BETAS)?.strip_prefix('.')
    }

    /// Whether it was learned from a request with the same betas; of a beta feature, whether the request names it.
    pub fn concerns(&self, betas: &[String]) -> bool {
        if let Some(refused) = self.beta() {
            return betas.iter().any(|beta| beta == refused);
        }
        let mut betas: Vec<&String> = betas.iter().collect();
        betas.sort();
        betas.into_iter().eq(&self.betas)
    }

    /// Whether the body would be another one without what was refused, or with what takes its place.
    pub fn is_in(&self, body: &str) -> bool {
        match self.path.as_str() {
            BUDGET => Parameters::of(body).has(|it| it.thinking.as_ref().is_some_and(Kind::is_enabled)),
            BOTH => Parameters::of(body).has(|it| it.temperature.is_some() && it.top_p.is_some()),
            _ => self.left_out_of(body).is_some(),
        }
    }

    /// The body without the member; `None` where it has none such. Everything else is copied byte for byte.
    pub fn left_out_of(&self, body: &str) -> Option<String> {
        if let Some(beta) = self.beta() {
            return without_beta(body, beta);
        }
        let path: Vec<&str> = self.path.split('.').collect();
        without(body, &path)
    }
}

/// The beta features without those that the model has refused.
pub fn welcome_betas(mut betas: Vec<String>, refused: &[Refused], notices: &mut Notices) -> Vec<String> {
    betas.retain(|beta| {
        let keep = !refused.iter().any(|refused| refused.beta() == Some(beta));
        if !keep {
            let done = format!("`{beta}`: this model has refused a request with it before");
            notices.push("dropped", "anthropic-beta", done);
        }
        keep
    });
    betas
}

/// The native body without the members that its model has refused before with the same beta features.
pub fn leave_out(body: Vec<u8>, refused: &[Refused], notices: &mut Notices) -> Vec<u8> {
    let betas = if refused.is_empty() { Vec::new() } else { betas_of(&body) };
    leave_out_beside(body, &betas, refused, notices)
}

/// As [`leave_out`], of a body whose beta features stand in a header.
pub fn leave_out_beside(
    body: Vec<u8>,
    betas: &[String],
    refused: &[Refused],
    notices: &mut Notices,
) -> Vec<u8> {
    if refused.is_empty() {
        return body;
    }
    let mut body = String::from_utf8(body).expect("a body that was read as JSON is text");
    for refused in refused.iter().filter(|refused| refused.concerns(betas)) {
        if let Some(without) = refused.left_out_of(&body) {
            body = without;
            notices.dropped(refused.path.as_str(), "this model has refused it before");
        }
    }
    body.into_bytes()
}

/// The beta features that a request names: in a native Claude body, or in the native fields of a Converse body.
pub fn betas_of(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        anthropic_beta: Vec<String>,
        #[serde(default, rename = "additionalModelRequestFields")]
        fields: Option<Fields>,
    }
    #[derive(Deserialize)]
    struct Fields {
        #[serde(default)]
        anthropic_beta: Vec<String>,
    }
    let Ok(Body { anthropic_beta, fields }) = serde_json::from_slice(body) else { return Vec::new() };
    match fields {
        Some(fields) if anthropic_beta.is_empty() => fields.anthropic_beta,
        _ => anthropic_beta,
    }
}

/// The parameters that lessons look at, in a native body or in a Converse body.
#[derive(Default, Deserialize)]
struct Parameters {
    thinking: Option<Kind>,
    temperature: Option<f64>,
    #[serde(alias = "topP")]
    top_p: Option<f64>,
    #[serde(rename = "inferenceConfig")]
    config: Option<Box<Parameters>>,
    #[serde(rename = "additionalModelRequestFields")]
    fields: Option<Box<Parameters>>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Kind {
    fn is_enabled(&self) -> bool {
        self.kind.as_deref() == Some("enabled")
    }
}

impl Parameters {
    fn of(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }

    fn has(&self, holds: impl Fn(&Self) -> bool + Copy) -> bool {
        let within = [&self.config, &self.fields].into_iter().flatten();
        holds(self) || within.into_iter().any(|it| holds(it))
    }
}

/// `PATH: Extra inputs are not permitted`, as often as it is said.
fn extra_inputs(message: &str) -> impl Iterator<Item = String> + '_ {
    let parts: Vec<&str> = message.split(": Extra inputs are not permitted").collect();
    let (_, before) = parts.split_last().map_or((None, &[][..]), |(last, before)| (Some(last), before));
    let named: Vec<&str> = before.iter().map(|part| trailing_path(part)).collect();
    named.into_iter().filter_map(path)
}

/// `` `NAME` is deprecated for this model ``.
fn deprecated(message: &str) -> impl Iterator<Item = String> + '_ {
    let before = message.split_once("` is deprecated for this model").map(|(before, _)| before);
    before.map(trailing_path).and_then(path).into_iter()
}

/// `This model doesn't support the NAME field.` The apostrophe comes in two forms.
fn unsupported(message: &str) -> impl Iterator<Item = String> + '_ {
    let named = message.split_once("t support the ").and_then(|(_, after)| after.split_once(" field"));
    named.and_then(|(name, _)| path(name)).into_iter()
}

/// `You invoked an unsupported model or your request did not allow prompt caching.`
fn uncached(message: &str) -> impl Iterator<Item = String> + '_ {
    let is_it = message.contains("did not allow prompt caching");
    is_it.then(|| "cachePoint".to_owned()).into_iter()
}

/// What is said of parameters that do not go together, or have another form.
fn misfits(message: &str) -> impl Iterator<Item = String> + '_ {
    const SAID: [(&str, &str); 3] = [
        ("\"thinking.type.enabled\" is not supported", BUDGET),
        ("`temperature` and `top_p` cannot both be specified", BOTH),
        ("'response_format' of type 'json_schema' is not supported", "response_format"),
    ];
    SAID.into_iter().filter(|(said, _)| message.contains(said)).map(|(_, path)| path.to_owned())
}

/// `#/POINTER: extraneous key [NAME] is not permitted`.
fn extraneous(message: &str) -> impl Iterator<Item = String> + '_ {
    let named = message.split_once(": extraneous key [").and_then(|(before, after)| {
        let (name, _) = after.split_once(']')?;
        let (_, pointer) = before.rsplit_once('#')?;
        path(format!("{}.{name}", pointer.replace('/', ".")).trim_start_matches('.'))
    });
    named.into_iter()
}

fn trailing_path(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let start = text.char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    &text[start..]
}

/// The path with `*` for every index; `None` where it is none.
fn path(text: &str) -> Option<String> {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    let parts: Vec<&str> = text.split('.').collect();
    let is_path =
        text.len() <= LONGEST_PATH && parts.len() <= DEEPEST_PATH && parts.iter().all(|it| fits(it));
    let any = |part: &&str| if part.bytes().all(|b| b.is_ascii_digit()) { "*" } else { *part }.to_owned();
    is_path.then(|| parts.iter().map(any).collect::<Vec<_>>().join("."))
}

/// What the conversation says, and what a request is nothing without, stays: better a refusal than another question.
fn may_be_left_out(path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    let last = parts.last().copied().unwrap_or_default();
    match parts[0] {
        "messages" | "system" => {
            parts.contains(&"cache_control") || matches!(last, "citations" | "caller" | "cachePoint")
        }
        "tools" => {
            parts.len() > 1
                && !parts.contains(&"input_schema")
                && !matches!(last, "*" | "name" | "description" | "type" | "custom")
        }
        first => {
            let needed = ["anthropic_version", "max_tokens", "maxTokens", "prompt", "inputText"];
            let are_tools = first == "toolConfig" && parts.get(1) != Some(&"toolChoice");
            !needed.contains(&first) && !are_tools && !matches!(last, "*" | "toolUse" | "toolResult")
        }
    }
}

/// The native body without this beta feature, and without the list where it was the only one.
fn without_beta(body: &str, beta: &str) -> Option<String> {
    let Members(members) = serde_json::from_str(body).ok()?;
    let (_, list) = members.iter().find(|(key, _)| key == BETAS)?;
    let mut named: Vec<String> = serde_json::from_str(list.get()).ok()?;
    let before = named.len();
    named.retain(|name| name != beta);
    if named.len() == before {
        return None;
    }
    let mut out = Envelope::with_capacity(body.len());
    for (key, value) in &members {
        match key.as_ref() {
            BETAS if named.is_empty() => {}
            BETAS => out.member(key, &crate::dialect::to_vec(&named)),
            _ => out.member(key, value.get().as_bytes()),
        }
    }
    String::from_utf8(out.finish()).ok()
}

/// `value` without the member at `path`; `None` where there is none.
fn without(value: &str, path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    match value.as_bytes().first()? {
        b'{' => without_member(value, first, rest),
        b'[' if *first == "*" => without_in_each(value, rest),
        _ => None,
    }
}

fn without_member(object: &str, first: &str, rest: &[&str]) -> Option<String> {
    let Members(members) = serde_json::from_str(object).ok()?;
    if !members.iter().any(|(key, _)| key == first) {
        return is_tag(&members, first).then(|| without(object, rest)).flatten();
    }
    let mut out = Envelope::with_capacity(object.len());
    let mut changed = false;
    for (key, value) in members {
        let kept = match rest {
            _ if key != first => Some(Cow::Borrowed(value.get())),
            [] => None,
            rest => Some(without(value.get(), rest).map_or(Cow::Borrowed(value.get()), Cow::Owned)),
        };
        changed |= !matches!(kept, Some(Cow::Borrowed(_)));
        if let Some(kept) = kept {
            out.member(&key, kept.as_bytes());
        }
    }
    let out = String::from_utf8(out.finish()).ok()?;
    changed.then_some(out)
}

/// Models name the variant of a union as if it were a member: `thinking.adaptive.budget_tokens`. A tool without a type is
/// a `custom` one.
fn is_tag(members: &[(Cow<'_, str>, &RawValue)], name: &str) -> bool {
    let tag = members.iter().find(|(key, _)| key == "type").map(|(_, value)| value.get().trim_matches('"'));
    tag.unwrap_or("custom") == name
}

fn without_in_each(array: &str, rest: &[&str]) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let mut changed = false;
    let items: Vec<Cow<'_, str>> = items
        .iter()
        .map(|item| match without(item.get(), rest) {
            Some(shorter) => {
                changed = true;
                Cow::Owned(shorter)
            }
            None => Cow::Borrowed(item.get()),
        })
        .collect();
    changed.then(|| format!("[{}]", items.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(message: &str) -> Vec<String> {
        Refused::of(message, &[]).into_iter().map(|refused| refused.path).collect()
    }

    #[test]
    fn refusals_name_their_members() {
        let table = [
            (
                "The model returned the following errors: thinking.adaptive.budget_tokens: Extra inputs are not permitted",
                "thinking.adaptive.budget_tokens",
            ),
            ("context_management: Extra inputs are not permitted", "context_management"),
            (
                "The model returned the following errors: tools.12.custom.strict: Extra inputs are not permitted",
                "tools.*.custom.strict",
            ),
            (
                "system.2.cache_control.ephemeral.scope: Extra inputs are not permitted",
                "system.*.cache_control.ephemeral.scope",
            ),
            ("output_config.format: Extra inputs are not permitted", "output_config.format"),
            (
                "The model returned the following errors: `temperature` is deprecated for this model.",
                "temperature",
            ),
            (
                "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
                "stopSequences",
            ),
            (
                "This model doesn\u{2019}t support the cachePoint field. Remove cachePoint and try again.",
                "cachePoint",
            ),
            (
                "Malformed input request: #: extraneous key [foo] is not permitted, please reformat your input and try again.",
                "foo",
            ),
            (
                "Malformed input request: #/inferenceConfig: extraneous key [foo] is not permitted, please",
                "inferenceConfig.foo",
            ),
        ];
        for (message, path) in table {
            assert_eq!(paths(message), [path], "{message}");
        }
        let two = "a: Extra inputs are not permitted; b.0.c: Extra inputs are not permitted";
        assert_eq!(paths(two), ["a", "b.*.c"]);
    }

    #[test]
    fn parameters_that_do_not_fit_are_lessons_by_name() {
        let budget = "The model returned the following errors: \"thinking.type.enabled\" is not supported for this model. \
                      Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.";
        let both = "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
        let form =
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.";
        assert_eq!(paths(budget), [BUDGET]);
        assert_eq!(paths(both), [BOTH]);
        assert_eq!(paths(form), ["response_format"]);
        let is_in = |path: &str, body: &str| Refused { path: path.to_owned(), betas: Vec::new() }.is_in(body);
        let enabled = r#"{"thinking":{"type":"enabled","budget_tokens":1024},"temperature":1}"#;
        let native = format!(
            r#"{{"additionalModelRequestFields":{enabled},"inferenceConfig":{{"temperature":1,"topP":0.5}}}}"#
        );
        assert!(is_in(BUDGET, enabled) && is_in(BUDGET, &native));
        assert!(
            is_in(BOTH, &native) && is_in(BOTH, r#"{"temperature":1,"top_p":1}"#) && !is_in(BOTH, enabled)
        );
        for other in [r#"{"thinking":{"type":"adaptive"}}"#, "{}", "[]", "no", r#"{"thinking":3}"#] {
            assert!(!is_in(BUDGET, other) && !is_in(BOTH, other), "{other}");
        }
        assert_eq!(Refused { path: BUDGET.to_owned(), betas: Vec::new() }.left_out_of(enabled), None);
    }

    #[test]
    fn prompt_caching_that_is_not_allowed_is_a_cache_point() {
        let said = "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.";
        assert_eq!(paths(said), ["cachePoint"]);
    }

    /// AWS does not say which feature it was: those that nobody vouches for go first, and then the others.
    #[test]
    fn betas_that_nobody_vouches_for_go_first() {
        let sent = ["known-1".to_owned(), "new.2".to_owned()];
        let named = |message: &str, vouched: &[&str]| -> Vec<String> {
            let refused = Refused::betas(message, &sent, |beta| vouched.contains(&beta));
            refused.iter().map(|refused| refused.beta().unwrap().to_owned()).collect()
        };
        let invalid = "The model returned the following errors: invalid beta flag";
        assert_eq!(named(invalid, &["known-1"]), ["new.2"]);
        assert_eq!(named(invalid, &["known-1", "new.2"]), sent);
        let header =
            "Unexpected value(s) `known-1` for the `anthropic-beta` header. Please consult our documentation";
        assert_eq!(named(header, &[]), ["known-1"]);
        assert_eq!(named("x: Extra inputs are not permitted", &[]), [""; 0]);

        let refused = Refused { path: "anthropic_beta.new.2".to_owned(), betas: Vec::new() };
        assert!(refused.concerns(&sent) && !refused.concerns(&sent[..1]));
        let body = r#"{"a":1.50,"anthropic_beta":["known-1","new.2"],"b":{}}"#;
        let without = r#"{"a":1.50,"anthropic_beta":["known-1"],"b":{}}"#;
        assert_eq!(refused.left_out_of(body).as_deref(), Some(without));
        assert_eq!(refused.left_out_of(without), None);
        assert_eq!(refused.left_out_of(r#"{"anthropic_beta":["new.2"]}"#).as_deref(), Some("{}"));
        for odd in ["[]", "{}", r#"{"anthropic_beta":3}"#, r#"{"anthropic_beta":[{}]}"#, "no"] {
            assert_eq!(refused.left_out_of(odd), None, "{odd}");
        }
    }

    /// A refusal never takes away what somebody said, nor what the request is nothing without.
    #[test]
    fn what_was_said_is_never_left_out() {
        let named = [
            "messages",
            "messages.0",
            "messages.0.content",
            "messages.0.content.1.text",
            "messages.3.content.0.source",
            "system",
            "system.0.text",
            "tools",
            "tools.0",
            "tools.0.input_schema",
            "tools.0.input_schema.properties",
            "tools.0.name",
            "max_tokens",
            "anthropic_version",
            "",
            ".",
            "a..b",
        ];
        for name in named {
            assert_eq!(paths(&format!("{name}: Extra inputs are not permitted")), [""; 0], "{name}");
        }
        let recorded =
            "Malformed input request: #/messages/0/content/0: extraneous key [toolResult] is not permitted";
        assert_eq!(paths(recorded), [""; 0]);
        assert_eq!(paths("This model doesn't support the video content block that you provided."), [""; 0]);
        assert_eq!(paths("Too many tokens, please wait before trying again."), [""; 0]);
    }

    fn left_out(path: &str, body: &str) -> Option<String> {
        Refused { path: path.to_owned(), betas: Vec::new() }.left_out_of(body)
    }

    #[test]
    fn a_member_is_left_out_and_every_other_byte_stays() {
        let body = r#"{"a": 1.50,"thinking":{"type":"adaptive","budget_tokens":9, "x":[ ]},"b":"\u0061"}"#;
        assert_eq!(
            left_out("thinking.adaptive.budget_tokens", body).as_deref(),
            Some(r#"{"a":1.50,"thinking":{"type":"adaptive","x":[ ]},"b":"\u0061"}"#)
        );
        assert_eq!(left_out("thinking.enabled.budget_tokens", body), None, "another variant");
        assert_eq!(left_out("b", body).as_deref().map(|body| body.contains("\"b\"")), Some(false));
        let tools = r#"{"tools":[{"name":"a","strict":true},{"name":"b"},{"type":"custom","strict":false}]}"#;
        assert_eq!(
            left_out("tools.*.custom.strict", tools).as_deref(),
            Some(r#"{"tools":[{"name":"a"},{"name":"b"},{"type":"custom"}]}"#)
        );
        for (path, body) in
            [("x", "{}"), ("x", "[]"), ("x.*", r#"{"x":1}"#), ("x.y", r#"{"x":null}"#), ("x", "no")]
        {
            assert_eq!(left_out(path, body), None, "{path} of {body}");
        }
    }

    #[test]
    fn a_lesson_holds_for_the_betas_it_was_learned_with() {
        let lesson = &Refused::of("x: Extra inputs are not permitted", &["b".into(), "a".into()])[0];
        assert!(lesson.concerns(&["a".into(), "b".into()]));
        assert!(!lesson.concerns(&["a".into()]) && !lesson.concerns(&[]));
        let native = br#"{"anthropic_beta":["x"]}"#;
        let converse = br#"{"additionalModelRequestFields":{"anthropic_beta":["y"]}}"#;
        assert_eq!((betas_of(native), betas_of(converse)), (vec!["x".to_owned()], vec!["y".to_owned()]));
        assert_eq!((betas_of(b"{}"), betas_of(b"no")), (vec![], vec![]));
    }
}
