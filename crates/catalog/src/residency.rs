//! Where what a client sends may go: a policy, judged against the Region that is called and every Region that may process
//! the call.
//!
//! It fails closed: what nothing proves to stay inside is outside. An identifier is never rewritten to fit; only where a
//! client left the choice to us (a bare model id) does the policy take part in it.

use std::collections::BTreeSet;

use outcrop_texts::{self as texts, Text};
use serde::Serialize;

use crate::builtin::BuiltIn;
use crate::ways::Way;
use crate::{Catalog, Resolution};

/// The Regions that may be called, and those that may process a call. Each is open until it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Residency {
    /// `residency` of the configuration.
    processed: Option<Rule>,
    /// `regions` of the configuration.
    called: Option<Rule>,
}

/// One sentence of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Every allowed Region, those of the geographies included.
    regions: BTreeSet<String>,
    /// `global` is allowed: every Region is.
    anywhere: bool,
    /// As it was written: `the geography eu, il-central-1`.
    words: String,
    /// Who wrote it: `outcrop.yaml:3`.
    source: String,
}

/// Why a policy cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResidencyError {
    /// Nothing is allowed, so nothing could be called.
    #[error("it allows no Region at all")]
    Empty,
    /// No geography has this name.
    #[error("`{name}` is no geography; they are {known}")]
    UnknownGeography {
        /// What was written.
        name: String,
        /// Those there are.
        known: String,
    },
}

/// The geography of profiles that may be processed anywhere.
pub(crate) const GLOBAL: &str = "global";

impl Residency {
    /// Calls may be processed in these Regions and in those of these geographies; `global` means everywhere.
    ///
    /// A geography is the set of Regions that AWS's own names put there (`data/geographies.json`), not what its profiles
    /// happen to reach: `us` does not hold `ca-central-1`, although `us.` profiles can be called from it.
    ///
    /// # Errors
    /// When nothing is allowed, or a geography is none.
    pub fn processed_in(
        mut self,
        regions: &[String],
        geographies: &[String],
        source: impl Into<String>,
    ) -> Result<Self, ResidencyError> {
        self.processed = Some(Rule::of(regions, geographies, source.into())?);
        Ok(self)
    }

    /// Only these Regions may be called, whoever names them: a client, an ARN or the configuration.
    ///
    /// # Errors
    /// When there is none.
    pub fn called_in(
        mut self,
        regions: &[String],
        source: impl Into<String>,
    ) -> Result<Self, ResidencyError> {
        self.called = Some(Rule::of(regions, &[], source.into())?);
        Ok(self)
    }

    /// Whether a call from a Region may be processed in all of these.
    pub fn allows(&self, called_in: &str, destinations: &[String]) -> bool {
        self.breach(called_in, destinations).is_none()
    }

    /// What is known of where a call goes decides whether it may.
    pub(crate) fn judge(&self, called_in: &str, destinations: &[String]) -> Verdict {
        let breach = self.breach(called_in, destinations);
        let rule = match &breach {
            Some(breach) => breach.rule,
            None => self.processed.as_ref().or(self.called.as_ref()).unwrap_or(&OPEN),
        };
        Verdict {
            allowed: breach.is_none(),
            proven: breach.as_ref().is_none_or(|breach| breach.proven),
            source: rule.source.clone(),
            reason: match breach {
                Some(breach) => breach.why.to_string(),
                None => format!("every Region is among {}", rule.words),
            },
        }
    }

    /// The rule that is broken, and how. The Region called is judged with the destinations: it receives what is sent, and
    /// CountTokens is answered there.
    fn breach(&self, called_in: &str, destinations: &[String]) -> Option<Breach<'_>> {
        if let Some(rule) = self.called.as_ref().filter(|rule| !rule.allows(called_in)) {
            let called_in = or_unknown(called_in);
            let why = texts::not_callable(called_in, &rule.words);
            return Some(Breach { rule, why, proven: true });
        }
        let rule = self.processed.as_ref()?;
        if !rule.allows(called_in) {
            let why = texts::not_among(or_unknown(called_in), &rule.words);
            return Some(Breach { rule, why, proven: true });
        }
        if destinations.is_empty() {
            return Some(Breach { rule, why: texts::REGIONS_UNKNOWN, proven: false });
        }
        let outside: Vec<_> = destinations.iter().filter(|region| !rule.allows(region)).collect();
        (!outside.is_empty()).then(|| {
            let are = if outside.len() == 1 { "is" } else { "are" };
            let why = texts::processed_outside(some(&outside), are, &rule.words);
            Breach { rule, why, proven: true }
        })
    }
}

/// What a call would break.
struct Breach<'a> {
    rule: &'a Rule,
    why: Text,
    /// It is known to; else nothing shows that it does not.
    proven: bool,
}

/// The rule of a policy that has none.
static OPEN: Rule =
    Rule { regions: BTreeSet::new(), anywhere: true, words: String::new(), source: String::new() };

impl Rule {
    fn of(regions: &[String], geographies: &[String], source: String) -> Result<Self, ResidencyError> {
        if regions.is_empty() && geographies.is_empty() {
            return Err(ResidencyError::Empty);
        }
        let mut rule = Self {
            regions: regions.iter().cloned().collect(),
            anywhere: false,
            words: words(regions, geographies),
            source,
        };
        for name in geographies {
            rule.add(name)?;
        }
        Ok(rule)
    }

    fn add(&mut self, geography: &str) -> Result<(), ResidencyError> {
        let known = &BuiltIn::get().geographies;
        match known.get(geography) {
            Some(regions) => self.regions.extend(regions.iter().cloned()),
            None if geography == GLOBAL => self.anywhere = true,
            None => {
                let known: Vec<_> = known.keys().map(String::as_str).chain([GLOBAL]).collect();
                return Err(ResidencyError::UnknownGeography {
                    name: geography.to_owned(),
                    known: known.join(", "),
                });
            }
        }
        Ok(())
    }

    fn allows(&self, region: &str) -> bool {
        !region.is_empty() && (self.anywhere || self.regions.contains(region))
    }
}

fn words(regions: &[String], geographies: &[String]) -> String {
    let geographies = geographies.iter().map(|name| format!("the geography {name}"));
    geographies.chain(regions.iter().cloned()).collect::<Vec<_>>().join(", ")
}

/// Enough to see what is meant; a global profile has some thirty.
const SHOWN: usize = 4;

fn some(regions: &[&String]) -> String {
    let shown: Vec<_> = regions.iter().take(SHOWN).map(|region| region.as_str()).collect();
    match regions.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn or_unknown(region: &str) -> &str {
    if region.is_empty() { "an unknown Region" } else { region }
}

/// What a policy says of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether the call may be made.
    pub allowed: bool,
    /// A refusal because of what is known; `false` is one because nothing tells where the call would be processed, which AWS may.
    pub proven: bool,
    /// Who says so: `outcrop.yaml:3`.
    pub source: String,
    /// Why.
    pub reason: String,
}

impl Verdict {
    /// For a person: `allowed`, `refused`, or `refused, not proven`.
    pub fn word(&self) -> &'static str {
        match (self.allowed, self.proven) {
            (true, _) => "allowed",
            (false, true) => "refused",
            (false, false) => "refused, not proven",
        }
    }
}

/// A call that the policy forbids.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What is forbidden, and by whom; what may be called instead.
    pub text: Text,
    /// What would have been called, for whoever explains it. Nobody may call it.
    pub resolution: Resolution,
    /// The Regions are not proven yet: once AWS has been asked about the application profile
    /// ([`Resolution::target`], in [`Resolution::source_region`]), it is to be resolved again.
    pub unproven: bool,
}

impl Catalog {
    /// Why what was resolved may not be called, if the policy forbids it.
    pub fn refusal(&self, resolution: &Resolution) -> Option<Refused> {
        let policy = self.residency()?;
        let verdict = resolution.residency.as_ref().filter(|verdict| !verdict.allowed)?;
        let ways = resolution.model.as_ref().map(|model| self.ways(&model.id)).unwrap_or_default();
        Some(Refused {
            text: texts::residency(&verdict.source, &resolution.target, &verdict.reason)
                .or_hint(|| alternative(policy, &ways, &resolution.source_region)),
            unproven: resolution.needs_lookup,
            resolution: resolution.clone(),
        })
    }
}

/// What may be called instead, of all the ways a model can be called.
fn alternative(policy: &Residency, ways: &[Way<'_>], region: &str) -> Option<Text> {
    let allowed = |way: &&Way<'_>| policy.allows(way.region, &way.destinations);
    let here: Vec<_> =
        ways.iter().filter(|way| way.region == region).filter(allowed).map(|way| way.identifier).collect();
    if !here.is_empty() {
        return Some(texts::allowed_here(region, here.join(" or ")));
    }
    let elsewhere = ways.iter().find(allowed)?;
    Some(texts::allowed_elsewhere(elsewhere.identifier, elsewhere.region))
}
