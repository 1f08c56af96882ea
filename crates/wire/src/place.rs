//! Where a value stands in a request.

use std::fmt;

/// `messages[3].content[0].text`, put together only when somebody is to be told: of most requests nobody is told anything.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// By its name, or its whole path.
    Named(&'p str),
    /// A member of what stands there.
    Member(&'p Place<'p>, &'p str),
    /// An item of the list that stands there, counted from 0.
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    /// A member of what stands here.
    pub(crate) fn member<'p>(&'p self, name: &'p str) -> Place<'p> {
        Place::Member(self, name)
    }

    /// An item of the list that stands here.
    pub(crate) fn item(&self, index: usize) -> Place<'_> {
        Place::Item(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Member(within, name) => write!(f, "{within}.{name}"),
            Self::Item(within, index) => write!(f, "{within}[{index}]"),
        }
    }
}

impl From<Place<'_>> for String {
    fn from(place: Place<'_>) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_a_path() {
        let messages = Place::Named("messages");
        let (turn, name) = (messages.item(3), "text");
        assert_eq!(turn.member("content").item(0).member(name).to_string(), "messages[3].content[0].text");
    }
}
