//! The two application profiles of `serve --local`: the same ARNs in every run, because people paste them.

use super::store::Profile;
use crate::facts::routed_models;
use crate::state::State;
use crate::{SeededProfile, StartError};

/// Where the seeds live.
const REGION: &str = "us-east-1";

/// Name, id and source of each seed.
const SEEDS: [(&str, &str, &str); 2] = [
    ("local-claude", "claudelocal1", "us.anthropic.claude-sonnet-4-6"),
    ("local-nova", "novalocal123", "us.amazon.nova-2-lite-v1:0"),
];

/// Creates the seeds that do not exist yet.
pub(crate) fn plant(state: &State) -> Result<Vec<SeededProfile>, StartError> {
    SEEDS.iter().map(|(name, id, source)| seed(state, name, id, source)).collect()
}

/// Whether a profile is one of the seeds.
pub(crate) fn is_seed(profile: &Profile) -> bool {
    SEEDS.iter().any(|(_, id, _)| profile.id == *id)
}

fn seed(state: &State, name: &str, id: &str, source: &str) -> Result<SeededProfile, StartError> {
    let refused = |detail: String| StartError::State { path: "emulator.json".into(), detail };
    let arn = state.arn(REGION, &format!("application-inference-profile/{id}"));
    let system = state.facts.profile(source, REGION);
    let system = system.ok_or_else(|| refused(format!("the catalog has no profile {source} in {REGION}")))?;
    let profile = Profile {
        arn: arn.clone(),
        id: id.to_owned(),
        region: REGION.to_owned(),
        name: name.to_owned(),
        description: Some("Seeded for local use".to_owned()),
        created_at: super::profiles::now(),
        source: state.system_arn(REGION, source),
        models: routed_models(system, REGION),
        tags: [("seeded-by".to_owned(), "outcrop".to_owned())].into(),
        client_request_token: None,
    };
    if state.account.profile(&arn, REGION).is_none() {
        state
            .account
            .change(|account| {
                account.profiles.push(profile);
                Ok::<(), String>(())
            })
            .map_err(refused)?;
    }
    Ok(SeededProfile { name: name.to_owned(), arn, source: source.to_owned() })
}
