//! `.env` files, with line numbers.
//!
//! The grammar is the common one of dotenv readers: `NAME=value`, an optional `export`, `#` comments (also behind a value, after a
//! blank), values in single, double or back quotes that may run over several lines. Nothing is interpolated. Unlike
//! those readers it says which line is wrong, and says when a name is set twice.

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The variable's name.
    pub name: String,
    /// Its value, unquoted.
    pub value: String,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A line that is no assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it. Never quotes the value.
    pub message: String,
}

/// All assignments in order, and every line that could not be read.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    while !reader.rest.is_empty() {
        let line = reader.line;
        match reader.statement() {
            Ok(Some((name, value))) => entries.push(Entry { name, value, line }),
            Ok(None) => {}
            Err(message) => faults.push(Fault { line, message }),
        }
    }
    (entries, faults)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// One line, or as many as a quoted value takes.
    fn statement(&mut self) -> Result<Option<(String, String)>, String> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let text = self.rest[..end].trim();
        if text.is_empty() || text.starts_with('#') {
            self.skip(end);
            return Ok(None);
        }
        let assignment = text.strip_prefix("export ").unwrap_or(text);
        let Some((name, _)) = assignment.split_once('=') else {
            self.skip(end);
            return Err("this line is no NAME=value".to_owned());
        };
        let name = name.trim().to_owned();
        if !is_name(&name) {
            self.skip(end);
            return Err("the text before `=` is no variable name (letters, digits and `_`)".to_owned());
        }
        let equals = self.rest.find('=').unwrap_or(end);
        self.value(equals + 1, end).map(|value| Some((name, value)))
    }

    fn value(&mut self, start: usize, end: usize) -> Result<String, String> {
        let blanks = self.rest[start..end].len() - self.rest[start..end].trim_start().len();
        let start = start + blanks;
        match self.rest[start..end].chars().next() {
            Some(quote @ ('\'' | '"' | '`')) => self.quoted(start + 1, end, quote),
            _ => {
                let value = uncommented(&self.rest[start..end]).trim().to_owned();
                self.skip(end);
                Ok(value)
            }
        }
    }

    fn quoted(&mut self, start: usize, end_of_line: usize, quote: char) -> Result<String, String> {
        let body = &self.rest[start..];
        let Some(length) = closing(body, quote) else {
            self.skip(end_of_line);
            return Err(format!("the value's opening {quote} is never closed"));
        };
        let value = match quote {
            '"' => unescaped(&body[..length]),
            _ => body[..length].to_owned(),
        };
        let after = start + length + 1;
        let end = self.rest[after..].find('\n').map_or(self.rest.len(), |offset| after + offset);
        let trailing = self.rest[after..end].trim();
        let clean = trailing.is_empty() || trailing.starts_with('#');
        self.skip(end);
        if clean { Ok(value) } else { Err("there is text after the closing quote".to_owned()) }
    }

    /// Moves behind the line end at `end`, counting the lines passed.
    fn skip(&mut self, end: usize) {
        let next = (end + 1).min(self.rest.len());
        self.line += self.rest[..next].matches('\n').count();
        self.rest = &self.rest[next..];
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// The value without a comment: `#` at its beginning or after a blank.
fn uncommented(value: &str) -> &str {
    let bytes = value.as_bytes();
    let comment = (0..bytes.len())
        .find(|&at| bytes[at] == b'#' && (at == 0 || bytes[at - 1] == b' ' || bytes[at - 1] == b'\t'));
    &value[..comment.unwrap_or(value.len())]
}

fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let closes = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn unescaped(body: &str) -> String {
    let mut value = String::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(c) = characters.next() {
        match (c, if c == '\\' { characters.next() } else { None }) {
            ('\\', Some('n')) => value.push('\n'),
            ('\\', Some('r')) => value.push('\r'),
            ('\\', Some('t')) => value.push('\t'),
            ('\\', Some(quoted @ ('"' | '\\' | '$'))) => value.push(quoted),
            ('\\', Some(other)) => value.extend(['\\', other]),
            (plain, _) => value.push(plain),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String, usize)> {
        let (entries, faults) = parse(text);
        assert_eq!(faults, [], "{text}");
        entries.into_iter().map(|Entry { name, value, line }| (name, value, line)).collect()
    }

    fn one(text: &str) -> String {
        values(text).remove(0).1
    }

    #[test]
    fn comments_are_comments_after_a_blank_only() {
        assert_eq!(one("R=us-west-2 # Oregon"), "us-west-2");
        assert_eq!(one("R=us-west-2\t# Oregon"), "us-west-2");
        assert_eq!(one("R=a#b"), "a#b");
        assert_eq!(one("R=# nothing"), "");
        assert_eq!(one("R='a # b' # c"), "a # b");
    }

    #[test]
    fn quotes_run_over_lines_and_lines_are_counted() {
        let found = values("# head\r\nexport M='{\n  \"a\": \"b\"\n}'\nB=2\r\n");
        assert_eq!(found[0], ("M".to_owned(), "{\n  \"a\": \"b\"\n}".to_owned(), 2));
        assert_eq!(found[1], ("B".to_owned(), "2".to_owned(), 5));
    }

    #[test]
    fn escapes_count_in_double_quotes_only() {
        assert_eq!(one(r#"A="a\n\"b\" \\ \x""#), "a\n\"b\" \\ \\x");
        assert_eq!(one(r"A='a\n'"), r"a\n");
    }

    #[test]
    fn each_bad_line_is_reported_and_the_rest_is_read() {
        let (entries, faults) = parse("nonsense\n1A=2\nA=\"open\nB='x' y\nC=3\n");
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
        assert_eq!(entries.last().unwrap().value, "3");
    }

    #[test]
    fn no_fault_quotes_a_value() {
        let (_, faults) = parse("hunter2\nA=\"hunter2\nB='hunter2' hunter2\n");
        assert!(faults.iter().all(|fault| !fault.message.contains("hunter2")));
    }
}
