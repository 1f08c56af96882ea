//! How a request travelled, as the `outcrop-lane` header says it: `relay; surface=mantle; reason="…"`.

use std::sync::LazyLock;

use http::HeaderValue;
use outcrop_catalog::{Lane, Passage, Reason, Surface};

/// The lane, where it led, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Travel {
    pub(crate) lane: Lane,
    pub(crate) surface: Surface,
    pub(crate) reason: Reason,
}

impl Travel {
    /// The lane in one word, as the ledger has it.
    pub(crate) fn lane(self) -> &'static str {
        match self.lane {
            Lane::Relay => "relay",
            Lane::Translate => "translate",
        }
    }

    /// All of it. There are few ways to travel, so that the header is written once for each.
    pub(crate) fn header(self) -> HeaderValue {
        HEADERS[self.index()].clone()
    }

    fn index(self) -> usize {
        (self.lane as usize * SURFACES.len() + self.surface as usize) * Reason::ALL.len()
            + self.reason as usize
    }

    fn text(self) -> String {
        let surface = match self.surface {
            Surface::RuntimeConverse => "runtime-converse",
            Surface::RuntimeInvoke => "runtime-invoke",
            Surface::RuntimeOpenai => "runtime-openai",
            Surface::Mantle => "mantle",
        };
        format!("{}; surface={surface}; reason=\"{}\"", self.lane(), self.reason.as_str())
    }
}

impl From<Passage<'_>> for Travel {
    fn from(passage: Passage<'_>) -> Self {
        let Passage { lane, surface, reason, speaks: _, path: _ } = passage;
        Self { lane, surface, reason }
    }
}

const LANES: [Lane; 2] = [Lane::Relay, Lane::Translate];
const SURFACES: [Surface; 4] =
    [Surface::RuntimeConverse, Surface::RuntimeInvoke, Surface::RuntimeOpenai, Surface::Mantle];

/// In the order of [`Travel::index`].
static HEADERS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let ways = LANES.into_iter().flat_map(|lane| SURFACES.map(|surface| (lane, surface)));
    let ways = ways.flat_map(|(lane, surface)| Reason::ALL.map(|reason| Travel { lane, surface, reason }));
    ways.map(|travel| HeaderValue::try_from(travel.text()).expect("the words are ASCII")).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_its_own_header() {
        for lane in LANES {
            for surface in SURFACES {
                for reason in Reason::ALL {
                    let travel = Travel { lane, surface, reason };
                    assert_eq!(travel.header(), travel.text().as_str());
                }
            }
        }
    }
}
