//! Asking AWS what it offers, in the background, again and again. Requests never wait for it: they go by what is known, however
//! old, and what is missing is looked up when it is used ([`State::route`]).

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use outcrop_catalog::survey::Survey;
use outcrop_catalog::{ApplicationProfile, Layer};

use crate::state::State;

/// AWS adds models every few weeks and profiles when somebody makes one; those are looked up at once when they are used.
const REFRESH: Duration = Duration::from_secs(60 * 60);
/// After a failure: missing permission stays missing, an outage does not.
const RETRY: Duration = Duration::from_secs(5 * 60);
/// Clients may name Regions: more than AWS has are not asked.
const MAX_REGIONS: usize = 40;
/// Of the pause, so that gateways started together do not ask together.
const JITTER: f64 = 0.2;
/// Tags are asked for one profile at a time; more than this many would take minutes.
const MAX_TAGGED: usize = 500;

/// Runs until it is aborted.
pub(crate) async fn discover(state: Arc<State>) {
    let mut known = BTreeMap::new();
    loop {
        let complete = refresh(&state, &mut known).await;
        tokio::time::sleep(jittered(if complete { REFRESH } else { RETRY }, RandomState::new().hash_one(())))
            .await;
    }
}

/// Asks in every Region that is called. False when one of them did not answer.
async fn refresh(state: &State, known: &mut BTreeMap<String, Survey>) -> bool {
    let mut complete = true;
    for region in regions(state) {
        let client = Arc::clone(&state.live().client);
        match client.survey(&region).await {
            Ok(survey) if known.get(&region) == Some(&survey) => {}
            Ok(survey) => {
                learn(state, &region, &survey).await;
                complete &= survey.foundation_models.is_some() && survey.inference_profiles.is_some();
                known.insert(region, survey);
            }
            Err(error) => {
                tracing::warn!(region, %error, "AWS could not be asked what it offers; what is used is looked up");
                complete = false;
            }
        }
    }
    complete
}

/// The gateway's own Region and those that requests went to, as far as the policy lets anybody call them.
fn regions(state: &State) -> BTreeSet<String> {
    let live = state.live();
    let called = state.called_regions().into_iter().chain([live.region.clone()]);
    let may_be_called = |region: &String| {
        let policy = live.catalog.residency();
        policy.is_none_or(|policy| policy.allows(region, std::slice::from_ref(region)))
    };
    called.filter(may_be_called).take(MAX_REGIONS).collect()
}

async fn learn(state: &State, region: &str, survey: &Survey) {
    let profiles: Vec<ApplicationProfile> = survey.application_profiles().collect();
    tracing::info!(
        region,
        models = survey.foundation_models.as_ref().map(Vec::len),
        profiles = survey.inference_profiles.as_ref().map(Vec::len),
        application_profiles = profiles.len(),
        "AWS was asked what it offers"
    );
    let surveys = [(region.to_owned(), survey.clone())].into();
    state.learn(&Layer { surveys, ..Layer::default() });
    for found in state.live().catalog.contradictions() {
        tracing::warn!(profile = found.arn, mapping = %found.source, mapped_to = found.mapped_to, model = found.live, "AWS contradicts a mapping");
    }
    let tagged = tagged(state, region, profiles).await;
    if !tagged.is_empty() {
        state.learn(&Layer { application_profiles: tagged, ..Layer::default() });
    }
}

/// The profiles that have tags. Asking needs a permission of its own, so the first refusal ends it.
async fn tagged(
    state: &State,
    region: &str,
    profiles: Vec<ApplicationProfile>,
) -> BTreeMap<String, ApplicationProfile> {
    let client = Arc::clone(&state.live().client);
    let mut tagged = BTreeMap::new();
    for profile in profiles.into_iter().take(MAX_TAGGED) {
        match client.tags(&profile.arn, region).await {
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => {
                tagged.insert(profile.arn.clone(), ApplicationProfile { tags, ..profile });
            }
            Err(error) => {
                tracing::info!(%error, "the tags of application profiles are not known");
                break;
            }
        }
    }
    tagged
}

/// The pause, longer or shorter by up to [`JITTER`], by a random number.
fn jittered(pause: Duration, random: u64) -> Duration {
    let share = random as f64 / u64::MAX as f64;
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_spread_evenly_around_its_length() {
        assert_eq!(jittered(REFRESH, 0), REFRESH.mul_f64(0.8));
        assert_eq!(jittered(REFRESH, u64::MAX), REFRESH.mul_f64(1.2));
        assert_eq!(jittered(REFRESH, u64::MAX / 2).as_secs(), REFRESH.as_secs());
    }
}
