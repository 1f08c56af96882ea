//! A profile of either kind, as the commands show it.

use std::collections::BTreeMap;

use outcrop_bedrock::control::InferenceProfile;
use outcrop_catalog::{ProfileType, SystemProfile};
use serde::Serialize;

use crate::failure::Failure;
use crate::paper;

/// A profile of either kind. Unknown is `null`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: String,
    pub arn: Option<String>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub profile_type: ProfileType,
    pub description: Option<String>,
    pub models: Vec<String>,
    /// Empty for the part of a global profile that has no Region.
    pub destination_regions: Vec<String>,
    pub created_at: Option<String>,
    /// `null` where they were not asked for: each profile's take a call of their own.
    pub tags: Option<BTreeMap<String, String>>,
}

impl Entry {
    /// What the catalog knows of one of AWS's own.
    pub fn of_system(profile: &SystemProfile, region: &str) -> Self {
        Self {
            id: profile.id.clone(),
            arn: None,
            name: None,
            profile_type: ProfileType::SystemDefined,
            description: None,
            models: vec![profile.model.clone()],
            destination_regions: profile.destinations(region).unwrap_or_default().to_vec(),
            created_at: None,
            tags: None,
        }
    }

    /// What AWS says of one of either type.
    pub fn of_aws(profile: InferenceProfile, tags: Option<BTreeMap<String, String>>) -> Self {
        let arns = profile.model_arns();
        let is_ours = profile.inference_profile_arn.contains(":application-inference-profile/");
        Self {
            id: profile.id().to_owned(),
            arn: Some(profile.inference_profile_arn),
            name: profile.inference_profile_name,
            profile_type: if is_ours { ProfileType::Application } else { ProfileType::SystemDefined },
            description: profile.description,
            models: sorted(arns.iter().filter_map(|arn| Some(arn.split_once("foundation-model/")?.1))),
            destination_regions: sorted(arns.iter().filter_map(|arn| arn.split(':').nth(3))),
            created_at: profile.created_at,
            tags,
        }
    }

    /// Whether its id, ARN, name or model holds a text, whatever the case.
    pub fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let fields = [Some(&self.id), self.arn.as_ref(), self.name.as_ref()];
        fields.into_iter().flatten().chain(&self.models).any(|field| field.to_lowercase().contains(&text))
    }
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

/// A global profile has dozens; a line has room for these.
const REGIONS_SHOWN: usize = 6;

/// Prints a table; tags where they are known.
pub fn print(entries: &[Entry]) -> Result<(), Failure> {
    if entries.is_empty() {
        paper::say("no profile matches");
        return Ok(());
    }
    let mut table = paper::table();
    for Entry { id, arn, name, models, destination_regions, tags, .. } in entries {
        let identifier = arn.as_deref().unwrap_or(id);
        let models = models.join(" ");
        let regions = match destination_regions.len() {
            0..=REGIONS_SHOWN => destination_regions.join(" "),
            many => format!("{many} Regions"),
        };
        let tags = tags.iter().flatten().map(|(key, value)| format!("{key}={value}"));
        let tags = tags.collect::<Vec<_>>().join(" ");
        table.add_row([identifier, name.as_deref().unwrap_or(""), &models, &regions, &tags]);
    }
    paper::print_table(&mut table)
}
