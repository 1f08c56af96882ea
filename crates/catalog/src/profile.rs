//! Inference profiles: AWS's own (system-defined) and the account's (application).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// AWS's word for who made a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProfileType {
    /// Made by AWS: `us.anthropic.…`.
    SystemDefined,
    /// Made in an account, addressed by ARN.
    Application,
}

/// A profile that AWS defines: one model, one geography.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemProfile {
    /// `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    pub id: String,
    /// The geography prefix, without the dot: `us`, `eu`, `global`, `us-gov`.
    pub geography: String,
    /// The model behind it.
    pub model: String,
    /// Source Region → destination Regions. A global profile has the single key `*`.
    pub routes: BTreeMap<String, Vec<String>>,
    /// Regions from which a global profile can no longer be called, although it is processed there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<String>,
}

/// An application inference profile as AWS describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationProfile {
    /// Its ARN.
    pub arn: String,
    /// `inferenceProfileName`, where known.
    pub name: Option<String>,
    /// The foundation-model ARNs AWS lists under `models`.
    #[serde(default)]
    pub model_arns: Vec<String>,
    /// Tags, where known.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl SystemProfile {
    /// The key under which a global profile lists its destinations.
    const ANYWHERE: &'static str = "*";

    /// Where calls from `region` may be processed; `None` when the profile cannot be called from there.
    ///
    /// Source: reference `bedrock.md` §4; the set depends on the Region of the call.
    pub fn destinations(&self, region: &str) -> Option<&[String]> {
        if let Some(destinations) = self.routes.get(region) {
            return Some(destinations);
        }
        if self.withdrawn.iter().any(|withdrawn| withdrawn == region) {
            return None;
        }
        let anywhere = self.routes.get(Self::ANYWHERE)?;
        anywhere.iter().any(|served| served == region).then_some(anywhere.as_slice())
    }

    /// The Regions it can be called from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let anywhere = self.routes.get(Self::ANYWHERE).into_iter().flatten();
        let named = self.routes.keys().filter(|region| *region != Self::ANYWHERE);
        let callable = anywhere.filter(|region| !self.withdrawn.contains(region));
        named.chain(callable).map(String::as_str)
    }

    /// It can no longer be called from a Region.
    pub(crate) fn withdraw(&mut self, region: &str) {
        self.routes.remove(region);
        if self.destinations(region).is_some() {
            self.withdrawn.push(region.to_owned());
        }
    }

    /// Whether it may be processed anywhere in the world.
    pub fn is_global(&self) -> bool {
        self.geography == "global"
    }
}
