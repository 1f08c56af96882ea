//! Hot reload: the configuration files and the `--env-file` are looked at once a second, and what they say holds from then on.
//!
//! Looking is cheaper than it sounds (one `stat` a file) and works where notifications do not: on network file systems and
//! where Kubernetes swaps a symbolic link. A configuration that cannot be used is refused as a whole, with file and line in the log, and
//! the last good one stays. A file that is gone or empty counts as an accident, not as a wish to run without keys.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use outcrop_gateway::Reloader;

use crate::args::Global;
use crate::changes::{Changes, listed};
use crate::checks;
use crate::problem::{Problem, Severity};
use crate::running::Running;
use crate::settings::{Flags, Loaded, Settings};

/// Where the configuration comes from, and what it was when it was read last.
pub struct Watch {
    /// The flags, which hold whatever the files say.
    pub flags: (Global, Flags),
    /// What holds now.
    pub current: Settings,
    /// What was read to find that out.
    pub files: Files,
    /// How the gateway is told.
    pub running: Running,
    /// The gateway.
    pub reloader: Reloader,
}

impl Watch {
    /// Follows the files for ever. Returns at once when reloading is off.
    pub async fn follow(mut self) {
        let interval = self.current.reload_interval.value;
        if interval.is_zero() {
            return;
        }
        loop {
            tokio::time::sleep(interval).await;
            if self.files.changed() {
                self.settle(interval.min(SETTLE)).await;
                self.reload().await;
            }
        }
    }

    /// Waits until nobody is writing any more, or gives up waiting.
    async fn settle(&mut self, pause: Duration) {
        for _ in 0..SETTLE_ROUNDS {
            tokio::time::sleep(pause).await;
            if !self.files.changed() {
                return;
            }
        }
    }

    async fn reload(&mut self) {
        let (global, flags) = self.flags.clone();
        let read = tokio::task::spawn_blocking(move || Settings::read(&global, &flags)).await;
        let Ok(Loaded { files, settings }) = read else {
            tracing::error!("the configuration could not be read: the last good one stays");
            return;
        };
        self.files.follow(files);
        let settings = settings.and_then(|settings| self.not_by_accident(settings));
        match settings {
            Ok(settings) => self.replace(settings).await,
            Err(problems) => refused(&problems),
        }
    }

    /// A file that has vanished or lies there empty is refused: somebody is about to write it, or it was lost.
    fn not_by_accident(&self, settings: Settings) -> Result<Settings, Vec<Problem>> {
        let used = [&self.current.file, &self.current.env_file];
        let said_something =
            |file: &str| self.current.places.values().any(|place| place.starts_with(&format!("{file}:")));
        let lost: Vec<Problem> = used
            .into_iter()
            .flatten()
            .filter(|file| said_something(file))
            .filter_map(|file| lost(file))
            .collect();
        if lost.is_empty() { Ok(settings) } else { Err(lost) }
    }

    async fn replace(&mut self, settings: Settings) {
        let Changes { followed, needs_restart } = Changes::between(&self.current, &settings);
        if let Err(why) = self.apply(&settings).await {
            tracing::error!("the configuration was not reloaded, the last good one stays: {why}");
            return;
        }
        for warning in settings.warnings.iter().chain(&checks::slips(&settings)).take(SHOWN) {
            tracing::warn!("{}: {}", warning.place, warning.message);
        }
        if !followed.is_empty() {
            tracing::info!("the configuration was reloaded: {}", listed(&followed));
        } else if needs_restart.is_empty() {
            tracing::info!("the configuration was reloaded: nothing has changed");
        }
        if !needs_restart.is_empty() {
            tracing::warn!("this needs a restart: {}", listed(&needs_restart));
        }
        self.current = settings;
    }
}

impl Watch {
    async fn apply(&mut self, settings: &Settings) -> Result<(), String> {
        let settings = self.running.settings(settings).await?;
        self.reloader.apply(&settings).await.map_err(|error| format!("{error} (hint: {})", error.hint()))
    }
}

/// Warnings about one configuration; `config check` has the rest.
const SHOWN: usize = 10;

/// A pause in which an editor has written the rest of a file.
const SETTLE: Duration = Duration::from_millis(50);

/// Whoever writes for longer than this is read in the middle; what is broken then is refused.
const SETTLE_ROUNDS: u32 = 40;

fn refused(problems: &[Problem]) {
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| match &problem.hint {
            Some(hint) => format!("{}: {} (hint: {hint})", problem.place, problem.message),
            None => format!("{}: {}", problem.place, problem.message),
        })
        .collect();
    tracing::error!("the configuration was not reloaded, the last good one stays: {}", listed(&errors));
}

fn lost(file: &str) -> Option<Problem> {
    let what = match std::fs::read_to_string(file) {
        Err(error) => format!("the file cannot be read any more: {error}"),
        Ok(text) if text.trim().is_empty() => "the file is empty".to_owned(),
        Ok(_) => return None,
    };
    Some(Problem::error(file, what).hint("restart to go on without it"))
}

/// The files and what was seen of them last.
pub struct Files {
    seen: Vec<(PathBuf, Option<Seen>)>,
    hasher: RandomState,
}

/// What tells one state of a file from another without reading it, and its content's hash for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    stamp: Stamp,
    content: u64,
    /// The file was so young when it was read that a later write may bear the same stamp.
    young: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The coarsest clock of a file system that is met (FAT, some network file systems): two seconds.
const CLOCK: Duration = Duration::from_secs(2);

impl Files {
    /// Watches these. What they say is taken to be known: what changes from here on is noticed.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let mut files = Self { seen: Vec::new(), hasher: RandomState::new() };
        files.follow(paths);
        files
    }

    /// Watches these from now on; what is known of those that stay is kept.
    pub fn follow(&mut self, paths: Vec<PathBuf>) {
        let mut before = std::mem::take(&mut self.seen);
        for path in paths {
            let known = before.iter().position(|(known, _)| *known == path);
            let seen = match known {
                Some(index) => before.swap_remove(index).1,
                None => self.look(&path),
            };
            self.seen.push((path, seen));
        }
    }

    /// Whether a content is another than when this was asked last.
    fn changed(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.seen.len() {
            let (path, before) = &self.seen[index];
            let same = before.is_some_and(|it| !it.young) && stamp(path) == before.map(|it| it.stamp);
            if same {
                continue;
            }
            let now = self.look(path);
            changed |= now.map(|it| it.content) != before.map(|it| it.content);
            self.seen[index].1 = now;
        }
        changed
    }

    fn look(&self, path: &Path) -> Option<Seen> {
        let stamp = stamp(path)?;
        let content = self.hasher.hash_one(std::fs::read(path).ok()?);
        let age = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stamp.modified.0).unwrap_or(0));
        let young = age.elapsed().map_or(true, |age| age <= CLOCK);
        Some(Seen { stamp, content, young })
    }
}

/// Of what a symbolic link points to: where it is swapped, the file behind it is another one.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_change_is_noticed_once_however_it_comes() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("outcrop.yaml");
        let mut files = Files::new(vec![path.clone()]);
        assert!(!files.changed(), "no file, no change");
        std::fs::write(&path, "a").unwrap();
        assert!(files.changed(), "it appears");
        std::fs::write(&path, "a").unwrap();
        assert!(!files.changed(), "the same content is no change");
        std::fs::write(&path, "b").unwrap();
        assert!(files.changed(), "the same size, at the same moment");
        let other = folder.path().join("other");
        std::fs::write(&other, "c").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(files.changed(), "another file takes its place");
        std::fs::remove_file(&path).unwrap();
        assert!(files.changed() && !files.changed(), "it goes");
    }

    #[test]
    fn a_swapped_link_is_noticed() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("v1", "a"), ("v2", "b")] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("outcrop.yaml"), text).unwrap();
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/outcrop.yaml", at("outcrop.yaml")).unwrap();
        let mut files = Files::new(vec![at("outcrop.yaml")]);
        symlink("v2", at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert!(files.changed());
        assert!(!files.changed());
    }
}
