//! Prompt caching: what a request reads from earlier ones, and what it leaves for later ones.
//!
//! A prefix is everything before a place in tools, system and messages (in that order), per model. At a cache point the
//! prefix is kept for the point's time to live; a later request whose beginning is the same reads it, which renews it.
//! Prefixes below the model's minimum are neither read nor kept. Source: reference `bedrock.md` §2.1, §6.1;
//! how far back a kept prefix is looked for is our choice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use outcrop_catalog::Model;
use outcrop_wire::bedrock::{CachePoint, ContentBlock, ConverseRequest, Role, SystemBlock, Tool};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::tokens;

/// The input tokens of a request by how they are charged, beyond the plain ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cached {
    /// Read from the cache.
    pub(crate) read: u64,
    /// Written for five minutes.
    pub(crate) written_5m: u64,
    /// Written for an hour.
    pub(crate) written_1h: u64,
}

impl Cached {
    /// Written for whatever time.
    pub(crate) fn written(&self) -> u64 {
        self.written_5m + self.written_1h
    }

    /// `cacheDetails`: the writes by time to live, those that are.
    pub(crate) fn details(&self) -> Vec<CacheDetail> {
        let all = [("1h", self.written_1h), ("5m", self.written_5m)];
        all.into_iter()
            .filter(|(_, tokens)| *tokens > 0)
            .map(|(ttl, input_tokens)| CacheDetail { input_tokens, ttl })
            .collect()
    }
}

/// One of `cacheDetails`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheDetail {
    input_tokens: u64,
    ttl: &'static str,
}

/// The prefixes that are kept.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<HashMap<Prefix, Kept>>);

type Prefix = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Kept {
    until: Timestamp,
    ttl: Duration,
}

/// Prefixes kept at once; enough for any test, and a bound on memory under load.
const KEPT: usize = 100_000;
/// How many blocks before a cache point a kept prefix is looked for: our choice, not verified against the service.
const LOOK_BACK: usize = 20;
/// The default time to live.
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
/// The time to live of `1h`.
const HOUR: Duration = Duration::from_secs(60 * 60);

impl PromptCache {
    /// Reads the longest prefix that is kept, and keeps those at the request's cache points.
    pub(crate) fn pass(&self, request: &ConverseRequest, model: &Model, now: Timestamp) -> Cached {
        let Some(caching) = model.capabilities.prompt_caching.as_ref().filter(|caching| caching.supported)
        else {
            return Cached::default();
        };
        let walk = Walk::of(request, &model.id);
        let least = caching.min_tokens.map_or(0, u64::from);
        let points = || walk.points.iter().filter(|point| walk.places[point.place].tokens >= least);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = |place: &&Place| {
            place.tokens >= least && kept.get(&place.prefix).is_some_and(|kept| kept.until > now)
        };
        let read = points()
            .flat_map(|point| &walk.places[point.place.saturating_sub(LOOK_BACK)..=point.place])
            .filter(is_kept)
            .max_by_key(|place| place.tokens);
        let mut cached = Cached { read: read.map_or(0, |place| place.tokens), ..Cached::default() };
        if let Some(kept) = read.and_then(|place| kept.get_mut(&place.prefix)) {
            kept.until = now + kept.ttl;
        }
        let mut done = cached.read;
        for point in points() {
            let place = &walk.places[point.place];
            if place.tokens <= done {
                continue;
            }
            let written = if point.ttl == HOUR { &mut cached.written_1h } else { &mut cached.written_5m };
            *written += place.tokens - done;
            done = place.tokens;
            make_room(&mut kept, now);
            kept.insert(place.prefix, Kept { until: now + point.ttl, ttl: point.ttl });
        }
        cached
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Drops what is over when the cache is full, and everything when that is not enough.
fn make_room(kept: &mut HashMap<Prefix, Kept>, now: Timestamp) {
    if kept.len() >= KEPT {
        kept.retain(|_, kept| kept.until > now);
    }
    if kept.len() >= KEPT {
        kept.clear();
    }
}

/// The request from its first block to its last.
struct Walk {
    so_far: Sha256,
    tokens: u64,
    places: Vec<Place>,
    points: Vec<Point>,
}

/// The end of a block.
struct Place {
    prefix: Prefix,
    /// Tokens up to here.
    tokens: u64,
}

/// A cache point after the block at `place`.
struct Point {
    place: usize,
    ttl: Duration,
}

impl Walk {
    fn of(request: &ConverseRequest, model: &str) -> Self {
        let mut walk = Self { so_far: Sha256::new(), tokens: 0, places: Vec::new(), points: Vec::new() };
        walk.mix(&model);
        for tool in request.tool_config.iter().flat_map(|config| &config.tools) {
            match tool {
                Tool::CachePoint(point) => walk.point(point),
                tool => walk.block(tool, tokens::of_tool(tool)),
            }
        }
        for block in &request.system {
            match block {
                SystemBlock::CachePoint(point) => walk.point(point),
                block => walk.block(block, tokens::of_system(block)),
            }
        }
        for message in &request.messages {
            walk.role(&message.role);
            for block in &message.content {
                match block {
                    ContentBlock::CachePoint(point) => walk.point(point),
                    block => walk.block(block, tokens::of_block(block)),
                }
            }
        }
        walk
    }

    fn role(&mut self, role: &Role) {
        self.mix(role);
        self.tokens += tokens::PER_MESSAGE;
    }

    fn block(&mut self, block: &impl Serialize, tokens: u64) {
        self.mix(block);
        self.tokens += tokens;
        self.places.push(Place { prefix: self.so_far.clone().finalize().into(), tokens: self.tokens });
    }

    /// A point before any block has nothing to keep.
    fn point(&mut self, point: &CachePoint) {
        let ttl = if point.ttl.as_deref() == Some("1h") { HOUR } else { FIVE_MINUTES };
        if let Some(place) = self.places.len().checked_sub(1) {
            self.points.push(Point { place, ttl });
        }
    }

    fn mix(&mut self, part: &impl Serialize) {
        let json = serde_json::to_vec(part).expect("what was read from JSON can be written as JSON");
        self.so_far.update((json.len() as u64).to_be_bytes());
        self.so_far.update(json);
    }
}

/// The cache points of a request in the order in which they are processed: tools, system, messages.
pub(crate) fn points(request: &ConverseRequest) -> impl Iterator<Item = &CachePoint> {
    let tools = request.tool_config.iter().flat_map(|config| &config.tools).filter_map(|tool| match tool {
        Tool::CachePoint(point) => Some(point),
        _ => None,
    });
    let system = request.system.iter().filter_map(|block| match block {
        SystemBlock::CachePoint(point) => Some(point),
        _ => None,
    });
    let messages =
        request.messages.iter().flat_map(|message| &message.content).filter_map(|block| match block {
            ContentBlock::CachePoint(point) => Some(point),
            _ => None,
        });
    tools.chain(system).chain(messages)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::Facts;

    /// With one-hour points, and a minimum of 1024 tokens.
    const MODEL: &str = "anthropic.claude-sonnet-4-6";

    fn request(ttl: &str) -> ConverseRequest {
        let long = "word ".repeat(2000);
        let body = json!({
            "system": [{ "text": long }, { "cachePoint": { "type": "default", "ttl": ttl } }],
            "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }],
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn prefixes_live_as_long_as_their_point_says_and_are_renewed_by_reading() {
        let facts = Facts::built_in();
        let model = facts.model(MODEL).unwrap();
        let second = Duration::from_secs(1);
        for (ttl, lives) in [("5m", FIVE_MINUTES), ("1h", HOUR)] {
            let (cache, start, request) = (PromptCache::default(), Timestamp::now(), request(ttl));
            let written = cache.pass(&request, model, start);
            assert!(written.read == 0 && written.written() > 1024, "{written:?}");
            assert_eq!(written.written_1h > 0, ttl == "1h");
            let renewed = start + lives - second;
            assert_eq!(
                cache.pass(&request, model, renewed),
                Cached { read: written.written(), ..Cached::default() }
            );
            assert_eq!(cache.pass(&request, model, renewed + lives - second).read, written.written());
            assert_eq!(cache.pass(&request, model, renewed + lives * 2), written);
        }
    }
}
