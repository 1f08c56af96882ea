//! How each target fares in each Region of each account: its retry budget and its circuit breaker. Quotas are an account's, so that one
//! that is throttled says nothing about another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use outcrop_bedrock::{Breaker, retry::Bucket};

/// One target in one Region of one account.
#[derive(Debug)]
pub(crate) struct Target {
    /// The same for the same target, Region and account.
    pub(crate) id: u64,
    pub(crate) bucket: Bucket,
    pub(crate) breaker: Breaker,
}

/// All targets that routes lead to.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<HashMap<u64, Arc<Target>>>);

/// Clients choose the identifiers: beyond this many, those that no route holds are forgotten.
const MOST: usize = 10_000;

impl Targets {
    /// How many targets calls go round now.
    pub(crate) fn broken(&self) -> usize {
        let now = Instant::now();
        let targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        targets.values().filter(|target| target.breaker.is_open(now)).count()
    }

    /// The record of a target in a Region of an account.
    pub(crate) fn of(&self, account: &str, region: &str, target: &str) -> Arc<Target> {
        let mut hasher = DefaultHasher::new();
        (account, region, target).hash(&mut hasher);
        let id = hasher.finish();
        let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= MOST {
            targets.retain(|_, target| Arc::strong_count(target) > 1);
        }
        let new = || Arc::new(Target { id, bucket: Bucket::default(), breaker: Breaker::default() });
        Arc::clone(targets.entry(id).or_insert_with(new))
    }
}
