//! The little XML that S3, IAM and STS speak: elements and text.
//!
//! Attributes, comments, processing instructions and namespaces are read over; entities other than XML's own five and
//! character references are refused, and so is a document type: nothing can be expanded or fetched.

use std::fmt;

/// An element: its name without prefix, the text directly in it, and the elements in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// The local name.
    pub name: String,
    /// `xmlns`, written at the root of an answer; not read.
    pub namespace: Option<&'static str>,
    /// The text directly inside, unescaped.
    pub text: String,
    /// The elements inside, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with a namespace.
    pub fn in_namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The same with an element of text at its end.
    pub fn with(mut self, name: &str, text: impl fmt::Display) -> Self {
        self.children.push(Self { text: text.to_string(), ..Self::new(name) });
        self
    }

    /// The same with an element of text at its end, if there is one.
    pub fn with_some(self, name: &str, text: Option<impl fmt::Display>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// The same with an element at its end.
    pub fn holding(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The same with elements at its end.
    pub fn holding_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The first element of that name in it.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element of that name in it; `None` when there is none.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The elements of that name in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of a path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The whole document, with XML's declaration.
    pub fn document(&self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{self}")
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`XmlError`] says what is wrong, and at which byte.
    pub fn parse(document: &str) -> Result<Self, XmlError> {
        Reader { text: document, at: 0 }.document()
    }
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the XML cannot be read at byte {at}: {why}")]
pub struct XmlError {
    /// Counted from 0.
    pub at: usize,
    /// What is wrong.
    pub why: String,
}

/// Deeper than any answer of AWS; a bound on what a hostile document can do.
const DEEPEST: usize = 64;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Element, XmlError> {
        self.skip_misc()?;
        let (mut root, is_empty) = self.start_tag()?;
        if !is_empty {
            self.content(&mut root, 1)?;
        }
        self.skip_misc()?;
        if self.rest().is_empty() { Ok(root) } else { Err(self.wrong("there is something after the end")) }
    }

    /// Everything up to the end tag of `element`.
    fn content(&mut self, element: &mut Element, depth: usize) -> Result<(), XmlError> {
        if depth > DEEPEST {
            return Err(self.wrong("it is nested too deeply"));
        }
        loop {
            let text = self.until("<")?;
            element.text.push_str(&self.unescaped(text)?);
            if let Some(data) = self.section("<![CDATA[", "]]>")? {
                element.text.push_str(data);
            } else if self.skip_one_misc()? {
            } else if self.take("</") {
                let name = self.until(">")?;
                self.at += 1;
                if local(name.trim_end()) != element.name {
                    return Err(self.wrong(&format!("</{name}> ends <{}>", element.name)));
                }
                if !element.children.is_empty() && element.text.trim().is_empty() {
                    element.text.clear();
                }
                return Ok(());
            } else {
                let (mut child, is_empty) = self.start_tag()?;
                if !is_empty {
                    self.content(&mut child, depth + 1)?;
                }
                element.children.push(child);
            }
        }
    }

    /// `<name attributes>`; also whether it ended with `/>`.
    fn start_tag(&mut self) -> Result<(Element, bool), XmlError> {
        if !self.take("<") {
            return Err(self.wrong("an element was expected"));
        }
        let name_length = self.rest().find(|c: char| c.is_ascii_whitespace() || "/><=\"'".contains(c));
        let name = &self.rest()[..name_length.unwrap_or(0)];
        if name.is_empty() {
            return Err(self.wrong("an element needs a name"));
        }
        self.at += name.len();
        let is_empty = self.skip_attributes()?;
        Ok((Element::new(local(name)), is_empty))
    }

    fn skip_attributes(&mut self) -> Result<bool, XmlError> {
        loop {
            let Some(at) = self.rest().find(['>', '"', '\'']) else {
                return Err(self.wrong("a tag is not closed"));
            };
            let is_empty = self.rest()[..at].trim_end().ends_with('/');
            let found = self.rest().as_bytes()[at];
            self.at += at + 1;
            if found == b'>' {
                return Ok(is_empty);
            }
            self.until(if found == b'"' { "\"" } else { "'" })?;
            self.at += 1;
        }
    }

    /// Blanks, declarations and comments around the root.
    fn skip_misc(&mut self) -> Result<(), XmlError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).len();
            if !self.skip_one_misc()? {
                return Ok(());
            }
        }
    }

    fn skip_one_misc(&mut self) -> Result<bool, XmlError> {
        Ok(self.section("<?", "?>")?.is_some() || self.section("<!--", "-->")?.is_some())
    }

    /// What is between `open` and `close`, if `open` comes next.
    fn section(&mut self, open: &str, close: &str) -> Result<Option<&'a str>, XmlError> {
        if !self.take(open) {
            return Ok(None);
        }
        let inside = self.until(close)?;
        self.at += close.len();
        Ok(Some(inside))
    }

    fn until(&mut self, end: &str) -> Result<&'a str, XmlError> {
        let length = self.rest().find(end).ok_or_else(|| self.wrong(&format!("`{end}` is missing")))?;
        let inside = &self.rest()[..length];
        self.at += length;
        Ok(inside)
    }

    fn unescaped(&self, text: &str) -> Result<String, XmlError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            out.push_str(&rest[..at]);
            let (entity, after) =
                rest[at + 1..].split_once(';').ok_or_else(|| self.wrong("an entity has no end"))?;
            out.push(character(entity).ok_or_else(|| self.wrong("an entity is unknown"))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, why: &str) -> XmlError {
        XmlError { at: self.at, why: why.to_owned() }
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        if let Some(namespace) = self.namespace {
            write!(f, " xmlns=\"{namespace}\"")?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return f.write_str("/>");
        }
        f.write_str(">")?;
        escape(&self.text, f)?;
        self.children.iter().try_for_each(|child| child.fmt(f))?;
        write!(f, "</{}>", self.name)
    }
}

/// Line breaks other than LF are written as references, since a reader would make LF of them.
fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for character in text.chars() {
        match character {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '\r' => f.write_str("&#13;")?,
            // What XML 1.0 cannot hold in any form.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                f.write_str("\u{fffd}")?;
            }
            _ => fmt::Write::write_char(f, character)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_read_whatever_stands_around_it() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- a > b --><s:Error xmlns:s='urn:x' a=\"1>2\">\n  <Code>No&amp;Such&#x4b;ey</Code>\
                    <Empty/><Empty a='/'></Empty><Message><![CDATA[<&>]]> end</Message>\n</s:Error>\n";
        let error = Element::parse(text).unwrap();
        assert_eq!(error.name, "Error");
        assert_eq!(error.text, "");
        assert_eq!(error.text_of("Code"), Some("No&SuchKey"));
        assert_eq!(error.text_of("Message"), Some("<&> end"));
        assert_eq!(error.all("Empty").count(), 2);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "<",
            "<a",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "text",
            "<a>&unknown;</a>",
            "<a>&lt</a>",
            "<a b='></a>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a>&#xD800;</a>",
            "</a>",
            "<a></a",
            "< a></ a>",
        ] {
            assert!(Element::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert!(Element::parse(&deep).is_err());
    }

    proptest! {
        #[test]
        fn text_survives_being_written_and_read(text in "[\\t\\n\\r -~äß€\u{1f600}]{0,40}") {
            let written = Element::new("Root").in_namespace("urn:x").with("Key", &text).document();
            let read = Element::parse(&written).unwrap();
            prop_assert_eq!(read.text_of("Key"), Some(text.as_str()));
        }

        #[test]
        fn nothing_makes_the_reader_panic(text in "[<>/a-c&;#x'\"= !\\[\\]?-]{0,60}") {
            let _ = Element::parse(&text);
        }
    }
}
