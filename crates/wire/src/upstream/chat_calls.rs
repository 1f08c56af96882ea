//! The calls of one Chat Completions stream.
//!
//! OpenAI numbers the calls of an answer, so that their arguments may come mixed. Converse numbers its blocks, too, but
//! clients that read its events by their order (and whole items, as Responses has them) know one open block at a time. So
//! the reader tells of one call at a time: what belongs to others waits until the arguments of that one are whole, which
//! they say by themselves: they are a JSON object.

/// A call that has been heard of.
#[derive(Debug)]
pub(super) struct Call {
    /// The endpoint's number of it.
    index: u64,
    /// What the endpoint calls it.
    id: Option<String>,
    /// What has come of its arguments.
    pub(super) arguments: Object,
}

/// All calls, in their order.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, index: u64, id: Option<&str>) -> usize {
        let id = id.map(str::to_owned);
        self.0.push(Call { index, id, arguments: Object::default() });
        self.0.len() - 1
    }

    /// Which call a piece belongs to; `None` for a new one. Some servers give each call the same number, or none: then a
    /// name under another id is another call.
    pub(super) fn position(&self, index: u64, id: Option<&str>, is_named: bool) -> Option<usize> {
        let of_id = id.and_then(|id| self.0.iter().rposition(|call| call.id.as_deref() == Some(id)));
        let of_index = || self.0.iter().rposition(|call| call.index == index);
        let is_another =
            |at: &usize| is_named && self.0[*at].id.as_deref().zip(id).is_some_and(|(a, b)| a != b);
        of_id.filter(|at| self.0[*at].index == index).or_else(of_index).filter(|at| !is_another(at))
    }

    pub(super) fn arguments(&mut self, at: usize) -> &mut Object {
        &mut self.0[at].arguments
    }

    /// Whether the arguments of a call are whole.
    pub(super) fn is_whole(&self, at: usize) -> bool {
        self.0[at].arguments.is_whole()
    }
}

/// How far a JSON object has come; only its brackets and texts are looked at.
#[derive(Debug, Default)]
pub(super) struct Object {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks has come.
    #[default]
    Awaited,
    Begun,
    Whole,
    /// It is none, so nothing tells where it ends.
    Endless,
}

impl Object {
    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.take(byte);
        }
    }

    fn take(&mut self, byte: u8) {
        match self.state {
            State::Endless | State::Whole => {}
            State::Awaited if byte.is_ascii_whitespace() => {}
            State::Awaited if byte == b'{' => {
                self.depth = 1;
                self.state = State::Begun;
            }
            State::Awaited => self.state = State::Endless,
            State::Begun if self.in_text => self.take_in_text(byte),
            State::Begun => match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = State::Whole;
                    }
                }
                _ => {}
            },
        }
    }

    fn take_in_text(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_text = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_says_where_it_ends() {
        for text in ["{}", " {\"a\": \"}\\\"{\", \"b\": [{}]}", "\n{\"é\":\"\\\\\"}"] {
            for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
                let mut object = Object::default();
                object.push(&text[..end]);
                assert!(!object.is_whole(), "{}", &text[..end]);
                object.push(&text[end..]);
                assert!(object.is_whole(), "{text}");
            }
        }
        for none in ["", " ", "[]", "1", "null", "\"{}\""] {
            let mut object = Object::default();
            object.push(none);
            assert!(!object.is_whole(), "{none}");
        }
    }

    #[test]
    fn pieces_find_their_call() {
        let mut calls = Calls::default();
        assert_eq!(calls.position(0, Some("a"), true), None);
        calls.add(0, Some("a"));
        assert_eq!(calls.position(0, None, false), Some(0));
        assert_eq!(calls.position(0, Some("a"), true), Some(0), "said again");
        assert_eq!(calls.position(0, Some("x"), false), Some(0), "an id of the piece, not of the call");
        assert_eq!(calls.position(0, Some("b"), true), None, "one number for all");
        calls.add(0, Some("b"));
        assert_eq!(calls.position(0, None, false), Some(1), "the last of a number");
        assert_eq!(calls.position(1, Some("call_0"), true), None);
        calls.add(1, None);
        assert_eq!(calls.position(1, None, true), Some(2), "a name that is repeated");
    }
}
