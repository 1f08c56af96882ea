//! What was dropped, clamped or rewritten on a client's behalf: said, never silent.

use std::fmt;

/// One repair, in words a person can act on.
///
/// Written as the value of the `outcrop-notice` response header, in the log and in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A stable, greppable name of the rule: `dropped`, `clamped`, `rewritten`, ….
    pub rule: &'static str,
    /// The field or parameter it is about, as the client wrote it: `seed`, `max_tokens`.
    pub field: String,
    /// What was done and why.
    pub detail: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.field, self.detail)
    }
}

/// The notices of one request, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices(Vec<Notice>);

impl Notices {
    /// Adds a notice. What a client wrote into it is cut to a readable length and freed of control characters; after
    /// [`Self::MOST`] notices one more says that there were others.
    pub fn push(&mut self, rule: &'static str, field: impl Into<String>, detail: impl Into<String>) {
        match self.0.len() {
            len if len < Self::MOST => {
                let (field, detail) = (readable(field.into()), readable(detail.into()));
                self.0.push(Notice { rule, field, detail });
            }
            Self::MOST => {
                let detail = "there were more, they are not listed".to_owned();
                self.0.push(Notice { rule: "truncated", field: "notices".to_owned(), detail });
            }
            _ => {}
        }
    }

    /// The most notices of one request: enough for any honest one, few enough for response headers (nginx and others
    /// refuse more than 8 KiB or about 100 of them).
    pub const MOST: usize = 40;

    /// Notes that `field` was sent and has no counterpart; nothing when it was not sent.
    pub fn unsupported<T>(&mut self, field: &'static str, value: Option<T>) {
        if value.is_some() {
            self.push("dropped", field, "Bedrock has no counterpart for it");
        }
    }

    /// Notes once, however often a client sent it, that `field` was not carried.
    pub fn dropped(&mut self, field: impl Into<String>, why: &str) {
        let field = readable(field.into());
        if !self.0.iter().any(|notice| notice.rule == "dropped" && notice.field == field) {
            self.push("dropped", field, why);
        }
    }

    /// Notes each of these members of `parent` (a JSON path, empty for the body itself) as not carried.
    pub fn unknown(&mut self, parent: &str, members: Vec<String>) {
        for member in members {
            let field = if parent.is_empty() { member } else { format!("{parent}.{member}") };
            self.dropped(field, "Bedrock has no counterpart for it");
        }
    }

    /// The notices, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Notice> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over all of `other`.
    pub fn append(&mut self, mut other: Notices) {
        for Notice { rule, field, detail } in std::mem::take(&mut other.0) {
            self.push(rule, field, detail);
        }
    }
}

/// Fit for a header, a log line and a screen.
fn readable(text: String) -> String {
    /// Longer than any member path or explanation of ours.
    const LONGEST: usize = 240;
    if text.len() <= LONGEST && !text.chars().any(char::is_control) {
        return text;
    }
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

impl<'a> IntoIterator for &'a Notices {
    type Item = &'a Notice;
    type IntoIter = std::slice::Iter<'a, Notice>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
