//! Log groups, their streams and events, without HTTP: Bedrock's invocation log writes here too.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::Home;

/// All log groups, by Region and name.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<BTreeMap<(String, String), Group>>);

/// One log group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Unix milliseconds, as all times here.
    pub(crate) created: i64,
    /// In days; events are kept for ever without.
    pub(crate) retention: Option<u32>,
    pub(crate) streams: BTreeMap<String, Stream>,
}

/// One log stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) created: i64,
    /// In the order of their place.
    pub(crate) events: Vec<Event>,
    /// Counts up, so that no two events have one place.
    next: u64,
}

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) ingested: i64,
}

/// Where an event stands: its time, and how many came to the stream before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) timestamp: i64,
    pub(crate) number: u64,
}

/// Why the store refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchGroup,
    NoSuchStream,
    GroupExists,
    StreamExists,
}

/// The newest events of a stream are kept: enough for any test, and a bound on memory under load.
const KEPT: usize = 100_000;

impl Logs {
    /// Writes one event into a stream, which is created when it is not there.
    ///
    /// # Errors
    /// There is no such log group.
    pub(crate) fn deliver(
        &self,
        region: &str,
        group: &str,
        stream: &str,
        at: Timestamp,
        message: String,
    ) -> Result<(), Refusal> {
        self.within(region, group, |group| {
            let stream = group.streams.entry(stream.to_owned()).or_insert_with(Stream::new);
            stream.put(at.as_millisecond(), message);
            Ok(())
        })
    }

    /// Creates a log group.
    ///
    /// # Errors
    /// There is one already.
    pub(crate) fn create(&self, region: &str, name: &str) -> Result<(), Refusal> {
        let mut groups = self.lock();
        let key = (region.to_owned(), name.to_owned());
        if groups.contains_key(&key) {
            return Err(Refusal::GroupExists);
        }
        groups.insert(key, Group { created: now(), retention: None, streams: BTreeMap::new() });
        Ok(())
    }

    /// Deletes a log group with all that is in it.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn delete(&self, region: &str, name: &str) -> Result<(), Refusal> {
        let key = (region.to_owned(), name.to_owned());
        self.lock().remove(&key).map(|_| ()).ok_or(Refusal::NoSuchGroup)
    }

    /// The groups of a Region, by name.
    pub(crate) fn of_region(&self, region: &str) -> Vec<(String, Group)> {
        let groups = self.lock();
        let here = groups.iter().filter(|((at, _), _)| at == region);
        here.map(|((_, name), group)| (name.clone(), group.clone())).collect()
    }

    /// Does something with one group.
    ///
    /// # Errors
    /// There is none of that name, or what `act` refuses.
    pub(crate) fn within<T, E: From<Refusal>>(
        &self,
        region: &str,
        name: &str,
        act: impl FnOnce(&mut Group) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut groups = self.lock();
        act(groups.get_mut(&(region.to_owned(), name.to_owned())).ok_or(Refusal::NoSuchGroup)?)
    }

    /// All groups, to be kept.
    pub(in crate::neighbours) fn kept(&self) -> Vec<((String, String), Group)> {
        self.lock().iter().map(|(key, group)| (key.clone(), group.clone())).collect()
    }

    /// The groups that were kept.
    pub(in crate::neighbours) fn restore(&self, groups: Vec<((String, String), Group)>) {
        *self.lock() = groups.into_iter().collect();
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// An empty stream.
    pub(crate) fn new() -> Self {
        Self { created: now(), events: Vec::new(), next: 0 }
    }

    /// Puts an event where its time belongs.
    pub(crate) fn put(&mut self, timestamp: i64, message: String) {
        if self.events.len() >= KEPT + KEPT / 10 {
            self.events.drain(..self.events.len() - KEPT);
        }
        let place = Place { timestamp, number: self.next };
        self.next += 1;
        let at = self.events.partition_point(|event| event.place < place);
        self.events.insert(at, Event { place, message, ingested: now() });
    }

    /// Bytes of the events as CloudWatch counts them: 26 more for each.
    pub(crate) fn stored_bytes(&self) -> usize {
        const OVERHEAD: usize = 26;
        self.events.iter().map(|event| event.message.len() + OVERHEAD).sum()
    }
}

/// The ARN of a group, without the `:*` that older operations add.
pub(crate) fn arn(home: Home<'_>, group: &str) -> String {
    home.arn("logs", &format!("log-group:{group}"))
}

/// Unix milliseconds.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
