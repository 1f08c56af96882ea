//! Cache points: whether, how many, and in which order.

use outcrop_wire::bedrock::CachePoint;

use super::{Case, Verdict, unsupported_field};
use crate::cache;

pub(super) fn check(case: Case<'_>) -> Verdict {
    let points: Vec<&CachePoint> = cache::points(&case.prompt.request).collect();
    if points.is_empty() {
        return Ok(());
    }
    model_takes_cache_points(case)?;
    times_to_live_are_taken(&points, case)?;
    points_are_few(&points, case)?;
    points_are_in_order(&points, case)
}

/// Source: reference `bedrock.md` §5 for Kimi K3; the second sentence as recorded for other members.
fn model_takes_cache_points(case: Case<'_>) -> Verdict {
    let caching = case.model.and_then(|model| model.capabilities.prompt_caching.as_ref());
    match caching {
        Some(caching) if !caching.supported => Err(unsupported_field("cachePoint")),
        _ => Ok(()),
    }
}

/// The times to live are in the catalog (reference `bedrock.md` §6.1); the words are ours.
fn times_to_live_are_taken(points: &[&CachePoint], case: Case<'_>) -> Verdict {
    let caching = case.model.and_then(|model| model.capabilities.prompt_caching.as_ref());
    let known = caching.map_or(&[][..], |caching| &caching.ttls);
    let is_refused =
        |point: &&&CachePoint| point.ttl.as_ref().is_some_and(|ttl| ttl != "5m" && !known.contains(ttl));
    match points.iter().find(is_refused) {
        Some(_) if !known.is_empty() => Err(unsupported_field("cachePoint.ttl")),
        _ => Ok(()),
    }
}

/// Source: Anthropic's wording; how many is in the catalog.
fn points_are_few(points: &[&CachePoint], case: Case<'_>) -> Verdict {
    let caching = case.model.and_then(|model| model.capabilities.prompt_caching.as_ref());
    let most = caching.and_then(|caching| caching.max_points);
    match most {
        Some(most) if points.len() > most as usize => Err(case.model_says(format!(
            "A maximum of {most} blocks with cache_control may be provided. Found {}.",
            points.len()
        ))),
        _ => Ok(()),
    }
}

/// None of an hour after one of five minutes. The rule: reference `bedrock.md` §6.1; the words: Anthropic's (publicly
/// reported), without the place that stands before them there, because several dialects come here.
fn points_are_in_order(points: &[&CachePoint], case: Case<'_>) -> Verdict {
    let is_hour = |point: &&CachePoint| point.ttl.as_deref() == Some("1h");
    let first_short = points.iter().position(|point| !is_hour(point)).unwrap_or(points.len());
    if points[first_short..].iter().any(is_hour) {
        return Err(case.model_says(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are \
             processed in the following order: `tools`, `system`, `messages`.",
        ));
    }
    Ok(())
}
