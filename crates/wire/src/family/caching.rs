//! Cache points: where a model takes them, how many, and for how long.

use outcrop_catalog::PromptCaching;

use super::Draft;
use crate::bedrock::{CachePoint, ContentBlock, SystemBlock, Tool};

/// Cache points by the model's rules: none where it does not cache, only times to live it knows, the latest ones where
/// there are too many, and never where Converse refuses one (first in a turn, after reasoning).
///
/// Sources: `bedrock.md` §5 ("This model doesn't support the cachePoint field"), §6.1 (at most four; TTLs);
/// `reliability.md` §1.4 (rig #1673, opencode #36517).
pub(super) fn fit_cache_points(draft: &mut Draft<'_>) {
    drop_misplaced(draft);
    order_ttls(draft);
    let Some(caching) = draft.model.and_then(|model| model.capabilities.prompt_caching.as_ref()) else {
        return;
    };
    if !caching.supported {
        if drop_oldest(draft, usize::MAX) > 0 {
            draft.notices.dropped("cache_control", "the model does not take cache points");
        }
        return;
    }
    fit_ttls(draft, caching);
    let most = caching.max_points.map_or(usize::MAX, |most| most as usize);
    let surplus = count(draft).saturating_sub(most);
    if drop_oldest(draft, surplus) > 0 {
        draft.notices.push(
            "clamped",
            "cache_control",
            format!("the model takes {most} cache points, the latest ones stay"),
        );
    }
}

/// A point needs something before it that can be cached.
fn drop_misplaced(draft: &mut Draft<'_>) {
    let mut dropped = false;
    for message in &mut draft.request.messages {
        let mut may_follow = false;
        message.content.retain(|block| {
            let keep = may_follow || !matches!(block, ContentBlock::CachePoint(_));
            dropped |= !keep;
            may_follow = !matches!(block, ContentBlock::Reasoning(_) | ContentBlock::CachePoint(_));
            keep
        });
    }
    if dropped {
        draft
            .notices
            .dropped("cache_control", "a cache point cannot open a turn, follow reasoning or follow another");
    }
}

fn fit_ttls(draft: &mut Draft<'_>, caching: &PromptCaching) {
    let mut dropped = false;
    each_point(draft, |point| {
        if point.ttl.as_ref().is_some_and(|ttl| !caching.ttls.is_empty() && !caching.ttls.contains(ttl)) {
            point.ttl = None;
            dropped = true;
        }
    });
    if dropped {
        let known = caching.ttls.join(", ");
        draft
            .notices
            .dropped("cache_control.ttl", &format!("the model caches for {known}; it is the default"));
    }
}

/// Longer-lived points come first, in the order tools, system, messages; one that comes later lives as short as those
/// before it.
///
/// Source: `bedrock.md` §6.1; the service's words ("a ttl='1h' cache_control block must not come after a ttl='5m' …").
fn order_ttls(draft: &mut Draft<'_>) {
    const LONG: &str = "1h";
    let (mut short_seen, mut shortened) = (false, false);
    each_point(draft, |point| {
        let long = point.ttl.as_deref() == Some(LONG);
        shortened |= long && short_seen;
        if long && short_seen {
            point.ttl = None;
        }
        short_seen |= !long;
    });
    if shortened {
        let why = "a point of one hour cannot follow one of five minutes; it lives five minutes";
        draft.notices.push("clamped", "cache_control.ttl", why);
    }
}

/// How many there are.
pub(super) fn count(draft: &mut Draft<'_>) -> usize {
    let mut points = 0;
    each_point(draft, |_| points += 1);
    points
}

fn each_point(draft: &mut Draft<'_>, mut visit: impl FnMut(&mut CachePoint)) {
    for tool in draft.request.tool_config.iter_mut().flat_map(|config| &mut config.tools) {
        if let Tool::CachePoint(point) = tool {
            visit(point);
        }
    }
    for block in &mut draft.request.system {
        if let SystemBlock::CachePoint(point) = block {
            visit(point);
        }
    }
    for block in draft.request.messages.iter_mut().flat_map(|message| &mut message.content) {
        if let ContentBlock::CachePoint(point) = block {
            visit(point);
        }
    }
}

/// Drops up to `most` points, the earliest of the turns first: the latest prefix contains them all. Then those of the
/// system prompt and of the tools.
fn drop_oldest(draft: &mut Draft<'_>, most: usize) -> usize {
    let mut left = most;
    let mut drop = |is_point: bool| {
        let drop = is_point && left > 0;
        left -= usize::from(drop);
        !drop
    };
    for message in &mut draft.request.messages {
        message.content.retain(|block| drop(matches!(block, ContentBlock::CachePoint(_))));
    }
    draft.request.system.retain(|block| drop(matches!(block, SystemBlock::CachePoint(_))));
    if let Some(config) = &mut draft.request.tool_config {
        config.tools.retain(|tool| drop(matches!(tool, Tool::CachePoint(_))));
    }
    most - left
}
