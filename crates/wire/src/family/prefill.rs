//! The beginning of an answer, given by the client: a relayed Messages body whose last turn is the assistant's.

use std::borrow::Cow;

use memchr::memmem;
use outcrop_catalog::Model;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Edits;
use super::repair::GO_ON;
use crate::Notices;
use crate::union::Text;

/// As [`super::repair::ask_to_go_on`], in the members of a native body: what the client wrote stays as it is, one turn more
/// asks to go on. `edits` may have changed the turns already.
pub(super) fn ask_to_go_on(
    members: &[(Cow<'_, str>, &RawValue)],
    model: &Model,
    edits: &mut Edits,
    notices: &mut Notices,
) {
    const TURNS: &str = "messages";
    if !model.refuses_prefill {
        return;
    }
    let edited = edits.iter().position(|(key, _)| *key == TURNS);
    let turns = match edited {
        Some(at) => edits[at].1.as_deref(),
        None => members.iter().find(|(key, _)| key == TURNS).map(|(_, turns)| turns.get()),
    };
    let Some(turns) =
        turns.filter(|turns| ends_with_an_answer(turns)).and_then(|it| it.trim_end().strip_suffix(']'))
    else {
        return;
    };
    let (go_on, notice) = GO_ON;
    let turns = format!(r#"{turns},{{"role":"user","content":"{go_on}"}}]"#);
    match edited {
        Some(at) => edits[at].1 = Some(turns),
        None => edits.push((TURNS, Some(turns))),
    }
    notices.push("rewritten", TURNS, notice);
}

/// Whether the last turn is the assistant's. Nearly all are not, and their last role says so: only then all are read.
fn ends_with_an_answer(turns: &str) -> bool {
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow)]
        role: Text<'a>,
    }
    let after = memmem::rfind(turns.as_bytes(), b"\"role\"").map(|at| turns[at + 6..].trim_start());
    let value = after.and_then(|after| after.strip_prefix(':')).map(str::trim_start);
    // A role that is spelled with escapes is read as well.
    if !value.is_some_and(|value| value.starts_with("\"assistant\"") || value.starts_with("\"\\u")) {
        return false;
    }
    let all: Vec<&RawValue> = serde_json::from_str(turns).unwrap_or_default();
    let last = all.last().and_then(|turn| serde_json::from_str::<Turn<'_>>(turn.get()).ok());
    last.is_some_and(|turn| *turn.role == *"assistant")
}
