//! What the requests of one account share, and what those of all accounts do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use outcrop_wire::bedrock::ErrorKind;
use tokio::sync::Notify;

use crate::accounts::Home;
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
use crate::neighbours::sessions::Sessions;
use crate::record::Recorder;
use crate::replay::Replay;
use crate::{ACCOUNT, Actor, Keys, StartError};

/// What the requests of one account share. What is in an `Arc` is the same in all accounts.
#[derive(Debug)]
pub(crate) struct State {
    /// The account's number.
    pub(crate) number: String,
    /// What was made.
    pub(crate) account: Store,
    pub(crate) cache: PromptCache,
    /// Who there is.
    pub(crate) identities: Identities,
    /// What CloudWatch Logs holds.
    pub(crate) logs: Logs,
    /// Invocations that failed, for CloudWatch.
    pub(crate) failures: Failures,
    /// What S3 holds.
    pub(crate) objects: Objects,
    /// Where what the neighbours hold is kept; nowhere without a data directory.
    kept: Option<Kept>,
    /// When a job that trains or imports changes.
    pub(crate) next_change: NextChange,
    data_dir: Option<PathBuf>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) replay: Option<Arc<Replay>>,
    /// Who answers.
    pub(crate) voice: Arc<Voice>,
    /// Hands runtime calls on and writes them down.
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) bill: Bill,
    pub(crate) faults: Arc<Faults>,
    /// The organisation's policies.
    pub(crate) denials: Arc<Denials>,
    /// Temporary credentials.
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clock: Arc<Clock>,
    /// Wakes the runner of batch jobs.
    pub(crate) jobs: Arc<Notify>,
    ids: Arc<AtomicU64>,
}

/// What an account keeps in files, or in memory alone.
struct Holdings {
    account: Store,
    identities: Identities,
    logs: Logs,
    objects: Objects,
    kept: Option<Kept>,
}

impl Holdings {
    fn open(number: &str, data_dir: Option<&Path>) -> Result<Self, StartError> {
        let (objects, logs, identities) = (Objects::default(), Logs::default(), Identities::of(number));
        let kept = data_dir.map(|data_dir| Kept::open(data_dir, &objects, &logs, &identities)).transpose()?;
        let account = Store::open(data_dir.map(Path::to_owned))?;
        Ok(Self { account, identities, logs, objects, kept })
    }
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
        let Holdings { account, identities, logs, objects, kept } =
            Holdings::open(ACCOUNT, data_dir.as_deref())?;
        let replay = (!recordings.is_empty()).then(|| Replay::read(recordings)).transpose()?;
        Ok(Self {
            number: ACCOUNT.to_owned(),
            account,
            identities,
            logs,
            objects,
            kept,
            data_dir,
            cache: PromptCache::default(),
            failures: Failures::default(),
            next_change: NextChange::default(),
            keys: Arc::new(keys),
            facts: Arc::new(Facts::built_in()),
            replay: replay.map(Arc::new),
            voice: Arc::new(actor.voice()?),
            recorder: actor.recorder()?.map(Arc::new),
            bill: Bill::default(),
            faults: Arc::new(faults.map(Faults::read).transpose()?.unwrap_or_default()),
            denials: Arc::default(),
            sessions: Arc::default(),
            clock: Arc::default(),
            jobs: Arc::default(),
            ids: Arc::default(),
        })
    }

    /// Another account, beside this one. What it keeps is in `accounts/NUMBER` of the data directory.
    ///
    /// # Errors
    /// What was kept of it cannot be read.
    pub(crate) fn beside(&self, number: &str) -> Result<Self, StartError> {
        let data_dir = self.data_dir.as_ref().map(|folder| folder.join("accounts").join(number));
        let Holdings { account, identities, logs, objects, kept } =
            Holdings::open(number, data_dir.as_deref())?;
        Ok(Self {
            number: number.to_owned(),
            account,
            identities,
            logs,
            objects,
            kept,
            data_dir,
            cache: PromptCache::default(),
            failures: Failures::default(),
            next_change: NextChange::default(),
            keys: Arc::clone(&self.keys),
            facts: Arc::clone(&self.facts),
            replay: self.replay.clone(),
            voice: Arc::clone(&self.voice),
            recorder: self.recorder.clone(),
            bill: self.bill.clone(),
            faults: Arc::clone(&self.faults),
            denials: Arc::clone(&self.denials),
            sessions: Arc::clone(&self.sessions),
            clock: Arc::clone(&self.clock),
            jobs: Arc::clone(&self.jobs),
            ids: Arc::clone(&self.ids),
        })
    }

    /// This account in a Region.
    pub(crate) fn home<'a>(&'a self, region: &'a str) -> Home<'a> {
        Home { account: &self.number, region }
    }

    /// The ARN of what Bedrock has in this account.
    pub(crate) fn arn(&self, region: &str, resource: &str) -> String {
        self.home(region).arn("bedrock", resource)
    }

    /// The ARN under which this account knows a system profile.
    pub(crate) fn system_arn(&self, region: &str, id: &str) -> String {
        self.arn(region, &format!("inference-profile/{id}"))
    }

    /// Writes down what the neighbours hold.
    pub(crate) fn keep(&self) {
        let written = self.kept.as_ref().map(|kept| kept.write(&self.objects, &self.logs, &self.identities));
        if let Some(Err(error)) = written {
            tracing::error!(%error, "what S3, IAM and CloudWatch Logs hold cannot be written down");
        }
    }

    /// Forgets what was made in this account; seeded profiles stay.
    pub(crate) fn reset(&self) -> Result<(), Failure> {
        let cleared = self.account.change(|account| {
            account.forget_all_but(seeds::is_seed);
            Ok::<(), String>(())
        });
        cleared.map_err(|detail| Failure::new(ErrorKind::InternalServer, detail))?;
        self.cache.clear();
        self.logs.clear();
        self.failures.clear();
        self.objects.clear();
        self.identities.clear();
        Ok(())
    }

    /// Forgets what was billed and set for all accounts.
    pub(crate) fn reset_shared(&self) -> Result<(), Failure> {
        self.bill.clear();
        self.clock.reset();
        self.jobs.notify_one();
        self.voice.reset();
        self.denials.clear();
        self.sessions.clear();
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
