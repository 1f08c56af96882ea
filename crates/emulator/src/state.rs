//! What all requests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use outcrop_wire::bedrock::ErrorKind;
use tokio::sync::Notify;

use crate::actor::Voice;
use crate::bill::Bill;
use crate::cache::PromptCache;
use crate::clock::Clock;
use crate::control::jobs::NextChange;
use crate::control::seeds;
use crate::control::store::Store;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Faults;
use crate::neighbours::denials::Denials;
use crate::neighbours::iam::store::Identities;
use crate::neighbours::kept::Kept;
use crate::neighbours::logs::store::Logs;
use crate::neighbours::monitoring::meter::Failures;
use crate::neighbours::objects::Objects;
use crate::record::Recorder;
use crate::replay::Replay;
use crate::{Actor, Keys, StartError};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) keys: Keys,
    pub(crate) facts: Facts,
    /// What was made.
    pub(crate) account: Store,
    pub(crate) replay: Option<Replay>,
    /// Who answers.
    pub(crate) voice: Voice,
    /// Hands runtime calls on and writes them down.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) bill: Bill,
    pub(crate) cache: PromptCache,
    pub(crate) faults: Faults,
    pub(crate) denials: Denials,
    /// Who there is: IAM's roles, and STS's sessions of them.
    pub(crate) identities: Identities,
    /// What CloudWatch Logs holds.
    pub(crate) logs: Logs,
    /// Invocations that failed, for CloudWatch.
    pub(crate) failures: Failures,
    /// What S3 holds.
    pub(crate) objects: Objects,
    /// Where what the neighbours hold is kept; nowhere without a data directory.
    kept: Option<Kept>,
    pub(crate) clock: Clock,
    /// Wakes the runner of batch jobs.
    pub(crate) jobs: Notify,
    /// When a job that trains or imports changes.
    pub(crate) next_change: NextChange,
    ids: AtomicU64,
}

impl State {
    /// Reads state and recordings.
    pub(crate) fn load(
        keys: Keys,
        data_dir: Option<PathBuf>,
        recordings: &[PathBuf],
        actor: &Actor,
        faults: Option<&Path>,
    ) -> Result<Self, StartError> {
        let (objects, logs, identities) = (Objects::default(), Logs::default(), Identities::default());
        let kept = match &data_dir {
            Some(data_dir) => Some(Kept::open(data_dir, &objects, &logs, &identities)?),
            None => None,
        };
        Ok(Self {
            keys,
            kept,
            facts: Facts::built_in(),
            account: Store::open(data_dir)?,
            replay: (!recordings.is_empty()).then(|| Replay::read(recordings)).transpose()?,
            bill: Bill::default(),
            cache: PromptCache::default(),
            voice: actor.voice()?,
            recorder: actor.recorder()?,
            faults: faults.map(Faults::read).transpose()?.unwrap_or_default(),
            denials: Denials::default(),
            identities,
            logs,
            failures: Failures::default(),
            objects,
            clock: Clock::default(),
            jobs: Notify::new(),
            next_change: NextChange::default(),
            ids: AtomicU64::new(0),
        })
    }

    /// Writes down what the neighbours hold.
    pub(crate) fn keep(&self) {
        let written = self.kept.as_ref().map(|kept| kept.write(&self.objects, &self.logs, &self.identities));
        if let Some(Err(error)) = written {
            tracing::error!(%error, "what S3, IAM and CloudWatch Logs hold cannot be written down");
        }
    }

    /// Forgets what was made, billed and set; seeded profiles stay.
    pub(crate) fn reset(&self) -> Result<(), Failure> {
        let cleared = self.account.change(|account| {
            account.forget_all_but(seeds::is_seed);
            Ok::<(), String>(())
        });
        cleared.map_err(|detail| Failure::new(ErrorKind::InternalServer, detail))?;
        self.bill.clear();
        self.cache.clear();
        self.clock.reset();
        self.jobs.notify_one();
        self.voice.reset();
        self.denials.clear();
        self.logs.clear();
        self.failures.clear();
        self.objects.clear();
        self.identities.clear();
        self.faults.stand(&[])
    }

    /// An id of `length` characters of `alphabet`, never twice in one run and the same in every run.
    pub(crate) fn new_id(&self, alphabet: &[u8], length: usize) -> String {
        let mut random = fastrand::Rng::with_seed(self.ids.fetch_add(1, Ordering::Relaxed));
        (0..length).map(|_| char::from(alphabet[random.usize(..alphabet.len())])).collect()
    }
}

/// Letters and digits, for the ids of messages and tool calls.
pub(crate) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// An id that nobody can guess, of `length` characters of `alphabet`: for what lets somebody in.
pub(crate) fn random_id(alphabet: &[u8], length: usize) -> String {
    let random = || uuid::Uuid::new_v4().into_bytes();
    let bytes = std::iter::repeat_with(random).flatten();
    bytes.take(length).map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()])).collect()
}

/// What access key ids and ids of roles are made of.
pub(crate) const BASE36_UPPER: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// What ids of application profiles are made of (recorded: `06vsfs68yb4g`).
pub(crate) const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
