//! What AWS takes as a name, a description and a tag, checked before the call; for what it does not take, the nearest
//! legal form.
//!
//! Source: botocore 1.44.5 (reference `bedrock.md` §1.2).

use crate::tag_policy::Breach;

/// Why a text is refused, and what could be written instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The rule.
    pub message: String,
    /// A legal form, where there is one.
    pub hint: Option<String>,
}

/// `([0-9a-zA-Z][ _-]?)+`, 1 to 64.
pub fn name(text: &str) -> Result<(), Refused> {
    spaced_words("name", text, "", MAX_NAME)
}

/// `([0-9a-zA-Z:.][ _-]?)+`, 1 to 200.
pub fn description(text: &str) -> Result<(), Refused> {
    spaced_words("description", text, ":.", MAX_DESCRIPTION)
}

/// Letters, digits, white space and `._:/=+@-`; the key 1 to 128 characters, the value up to 256.
pub fn tag(key: &str, value: &str) -> Result<(), Refused> {
    if key.starts_with(RESERVED) {
        let message = format!("the tag key `{key}` begins with `{RESERVED}`, which only AWS itself may use");
        return Err(Refused { message, hint: None });
    }
    if key.is_empty() {
        return Err(Refused { message: "a tag has an empty key".to_owned(), hint: None });
    }
    tag_text("tag key", key, MAX_TAG_KEY)?;
    tag_text(&format!("value of the tag {key}"), value, MAX_TAG_VALUE)
}

/// A breach of the tag policy, for the profile `name`.
pub fn breach(name: &str, breach: &Breach<'_>) -> Refused {
    match breach {
        Breach::Missing(key) => Refused {
            message: format!("the profile `{name}` lacks the required tag `{key}`"),
            hint: Some(format!(
                "give it the tag, or have `{key}` among the policy's `tags` for every profile"
            )),
        },
        Breach::Value { key, value, allowed } => Refused {
            message: format!("the tag `{key}` of `{name}` may not be `{value}`"),
            hint: Some(format!("allowed are {}", allowed.join(", "))),
        },
    }
}

/// Twelve digits.
pub fn account(text: &str) -> Result<(), Refused> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let hint = Some("an account looks like 123456789012".to_owned());
    Err(Refused { message: format!("`{text}` is no account: it takes twelve digits"), hint })
}

/// A name made of something else, by the rule of the LibreChat guide's set-up script: `${MODEL//[.:]/-}`.
pub fn name_of_model(prefix: &str, model: &str) -> String {
    let model = model.rsplit('/').next().unwrap_or(model).replace(['.', ':'], "-");
    format!("{}-{model}", prefix.trim_end_matches('-'))
}

/// AWS's own tags.
const RESERVED: &str = "aws:";
const MAX_NAME: usize = 64;
const MAX_DESCRIPTION: usize = 200;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

fn spaced_words(what: &str, text: &str, extra: &str, most: usize) -> Result<(), Refused> {
    let allowed = if extra.is_empty() { "" } else { ", colons, dots" };
    if is_spaced_words(text, extra) && text.len() <= most {
        return Ok(());
    }
    let message = if text.is_empty() {
        format!("the {what} is empty")
    } else if is_spaced_words(text, extra) {
        format!("the {what} has {} characters; AWS takes {most}", text.len())
    } else {
        format!(
            "the {what} `{text}` is not one AWS takes: letters, digits{allowed}, and single blanks, hyphens or underscores between them"
        )
    };
    Err(Refused { message, hint: proposal(text, extra, most).map(|legal| format!("write `{legal}`")) })
}

fn is_spaced_words(text: &str, extra: &str) -> bool {
    let mut after_word = false;
    for c in text.chars() {
        let is_word = is_word(c, extra);
        let fits = is_word || (after_word && is_separator(c));
        if !fits {
            return false;
        }
        after_word = is_word;
    }
    !text.is_empty()
}

fn is_word(c: char, extra: &str) -> bool {
    c.is_ascii_alphanumeric() || extra.contains(c)
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '_' | '-')
}

/// The text with each run of other characters as one separator: a blank where there was one, else what was written first
/// of the legal ones, else a hyphen.
fn proposal(text: &str, extra: &str, most: usize) -> Option<String> {
    let mut legal = String::new();
    let mut between = String::new();
    for c in text.chars() {
        if !is_word(c, extra) {
            between.push(c);
            continue;
        }
        if !legal.is_empty() && !between.is_empty() {
            legal.push(separator(&between));
        }
        between.clear();
        legal.push(c);
    }
    legal.truncate(most); // ASCII by now
    let legal = legal.trim_end_matches(is_separator);
    (!legal.is_empty()).then(|| legal.to_owned())
}

fn separator(between: &str) -> char {
    if between.contains(char::is_whitespace) {
        return ' ';
    }
    between.chars().find(|c| is_separator(*c)).unwrap_or('-')
}

fn tag_text(what: &str, text: &str, most: usize) -> Result<(), Refused> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "._:/=+@-".contains(c);
    let length = text.chars().count();
    if length > most {
        return Err(Refused {
            message: format!("the {what} has {length} characters; AWS takes {most}"),
            hint: None,
        });
    }
    let Some(illegal) = text.chars().find(|c| !is_legal(*c)) else { return Ok(()) };
    let legal: String = text.chars().map(|c| if is_legal(c) { c } else { '-' }).collect();
    Err(Refused {
        message: format!("the {what} holds {illegal:?}; AWS takes letters, digits, blanks and ._:/=+@-"),
        hint: Some(format!("write `{legal}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(refused: Result<(), Refused>) -> String {
        refused.unwrap_err().hint.unwrap()
    }

    #[test]
    fn the_legal_form_is_proposed() {
        assert_eq!(name("LibreChat-us-anthropic-claude-3-7-sonnet-20250219-v1-0"), Ok(()));
        assert_eq!(proposed(name("Sonnet 4.5")), "write `Sonnet 4-5`");
        assert_eq!(proposed(name("prod/app")), "write `prod-app`");
        assert_eq!(proposed(name("a__b")), "write `a_b`");
        assert_eq!(proposed(name(" a, b. ")), "write `a b`");
        assert_eq!(proposed(name(&"x".repeat(70))).len(), "write ``".len() + MAX_NAME);
        assert_eq!(name("é…").unwrap_err().hint, None);
        assert!(name("").is_err());
        assert_eq!(description("Claude 3.7 for team a: chat"), Ok(()));
        assert_eq!(
            proposed(description("Sonnet, for team A (prod) - EU")),
            "write `Sonnet for team A prod EU`"
        );
    }

    #[test]
    fn every_proposal_is_legal() {
        for text in ["a..b", "-a-", "ä b ö", "a - b", "a\n\tb", "1.2.3:4/5", "a,,,b--c  d"] {
            for (most, extra) in [(64, ""), (200, ":.")] {
                let legal = proposal(text, extra, most).unwrap();
                assert!(is_spaced_words(&legal, extra), "{text} → {legal}");
            }
        }
    }

    #[test]
    fn tags_are_checked_too() {
        assert_eq!(tag("team", "search & ads").unwrap_err().hint.unwrap(), "write `search - ads`");
        assert_eq!(tag("cost:center", "a=b@c/d"), Ok(()));
        assert_eq!(tag("team", ""), Ok(()));
        assert!(tag("", "x").is_err());
        assert!(tag("aws:x", "y").is_err());
        assert!(tag("x", &"y".repeat(257)).is_err());
    }

    #[test]
    fn the_scripts_naming_rule() {
        let model = "us.anthropic.claude-3-7-sonnet-20250219-v1:0";
        let named = name_of_model("LibreChat", model);
        assert_eq!(named, "LibreChat-us-anthropic-claude-3-7-sonnet-20250219-v1-0");
        let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{model}");
        assert_eq!(name_of_model("LibreChat-", &arn), named);
    }
}
