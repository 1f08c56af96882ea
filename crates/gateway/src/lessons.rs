//! What refusals taught about models and targets, so that no request is refused twice for the same reason.
//!
//! A lesson is learned when AWS refuses a request in words that tell how to make it right; the request is then sent once
//! more, made right, and the lesson is applied to later ones before they are sent. Every lesson that is applied is said in
//! a notice. They are few, they age (AWS changes what it takes), and they survive a restart in a file of the data
//! directory. A request that nothing was learned for pays for one look into an empty map.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::family;
use outcrop_wire::lesson::Refused;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::lane::{Answer, Call};
use crate::state::Route;

/// The file's name within the data directory.
pub const FILE: &str = "lessons.json";

/// What a refusal taught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lesson {
    /// A member that the model does not take.
    Refused(Refused),
    /// The model is called through an inference profile only, where the catalog knows better.
    Profile {
        /// Called from here.
        region: String,
        /// The profile that serves it there.
        profile: String,
    },
}

/// A lesson, and when it was learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What was learned.
    pub lesson: Lesson,
    /// In Unix seconds.
    pub at: u64,
}

/// By model id, or by the target where the model is not known.
type BySubject = BTreeMap<String, Arc<[Learned]>>;

/// All lessons.
#[derive(Debug)]
pub(crate) struct Lessons {
    known: ArcSwap<BySubject>,
    file: Option<PathBuf>,
    writing: Mutex<()>,
}

/// A lesson is forgotten after this: a member that is refused today may be taken next week.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Clients choose the members and the targets: more than these are not kept, the oldest go.
const MOST_OF_A_SUBJECT: usize = 32;
const MOST_SUBJECTS: usize = 1_000;
/// A file of the most there can be is far smaller.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

impl Lessons {
    /// Those of the data directory; a file that cannot be read teaches nothing, and is replaced.
    pub(crate) fn open(data_dir: &Path) -> Self {
        let file = data_dir.join(FILE);
        let known = read(&file).unwrap_or_default();
        Self { known: ArcSwap::from_pointee(known), file: Some(file), writing: Mutex::new(()) }
    }

    /// What is known about a subject; nothing for most.
    pub(crate) fn of(&self, subject: &str) -> Vec<Learned> {
        let known = self.known.load();
        let Some(learned) = known.get(subject) else { return Vec::new() };
        let now = now();
        learned.iter().filter(|learned| learned.is_valid(now)).cloned().collect()
    }

    /// The members that a subject does not take.
    pub(crate) fn refused_by(&self, subject: &str) -> Vec<Refused> {
        let refused = |learned: Learned| match learned.lesson {
            Lesson::Refused(refused) => Some(refused),
            Lesson::Profile { .. } => None,
        };
        self.of(subject).into_iter().filter_map(refused).collect()
    }

    /// The profile that a model is called through in a Region, where a refusal taught that.
    pub(crate) fn profile_of(&self, subject: &str, called_from: &str) -> Option<String> {
        self.of(subject).into_iter().find_map(|learned| match learned.lesson {
            Lesson::Profile { region, profile } if region == called_from => Some(profile),
            _ => None,
        })
    }

    /// Whether the failure of a call taught something that makes another call of the same request.
    pub(crate) fn teaches(&self, route: &Route, call: &Call, failure: &Failure) -> bool {
        if failure.error.kind != ErrorKind::Validation
            || matches!(call.answer, Answer::Native | Answer::Invoked { .. })
        {
            return false;
        }
        let betas = call.betas();
        let message = &failure.error.message;
        let vouches = |beta: &str| {
            route.resolution.model.as_ref().is_some_and(|model| family::vouches_for(model, beta))
        };
        let named = Refused::of(message, &betas).into_iter().chain(Refused::betas(message, &betas, vouches));
        let mut news = false;
        for refused in named.filter(|refused| call.holds(refused)) {
            news |= self.learn(route.subject(), Lesson::Refused(refused));
        }
        news
    }

    /// Keeps a lesson; whether it is news.
    pub(crate) fn learn(&self, subject: &str, lesson: Lesson) -> bool {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.of(subject);
        if before.iter().any(|learned| learned.lesson == lesson) {
            return false;
        }
        tracing::info!(subject, ?lesson, "learned from a refusal");
        let mut known = BySubject::clone(&self.known.load());
        let mut lessons = before;
        lessons.push(Learned { lesson, at: now() });
        lessons.drain(..lessons.len().saturating_sub(MOST_OF_A_SUBJECT));
        known.insert(subject.to_owned(), lessons.into());
        forget(&mut known);
        self.write(&known);
        self.known.store(Arc::new(known));
        true
    }

    /// Learning is rare: a new lesson costs one refused request, so a small file is written where we stand.
    fn write(&self, known: &BySubject) {
        let Some(file) = &self.file else { return };
        let text = serde_json::to_vec(&as_lists(known)).expect("lessons are JSON");
        let new = file.with_extension("json.new");
        if let Err(error) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
            tracing::warn!(%error, file = %file.display(), "what was learned could not be written down");
        }
    }
}

/// The lessons that the gateway of a data directory has written down and that still hold, by subject.
pub fn written_down(data_dir: &Path) -> BTreeMap<String, Vec<Learned>> {
    as_lists(&read(&data_dir.join(FILE)).unwrap_or_default())
}

impl Learned {
    fn is_valid(&self, now: u64) -> bool {
        now.saturating_sub(self.at) < LIFETIME.as_secs()
    }
}

fn read(file: &Path) -> Option<BySubject> {
    let small = std::fs::metadata(file).ok()?.len() <= LARGEST_FILE;
    let text = small.then(|| std::fs::read(file).ok()).flatten()?;
    let lists: BTreeMap<String, Vec<Learned>> = serde_json::from_slice(&text)
        .inspect_err(
            |error| tracing::warn!(%error, file = %file.display(), "what was learned cannot be read"),
        )
        .ok()?;
    let mut known = lists.into_iter().map(|(subject, lessons)| (subject, lessons.into())).collect();
    forget(&mut known);
    Some(known)
}

/// Drops what is old, and the subjects that were learned about longest ago where there are too many.
fn forget(known: &mut BySubject) {
    let now = now();
    known.retain(|_, lessons| {
        *lessons =
            lessons.iter().filter(|learned| learned.is_valid(now)).take(MOST_OF_A_SUBJECT).cloned().collect();
        !lessons.is_empty()
    });
    while known.len() > MOST_SUBJECTS {
        let latest = |lessons: &[Learned]| lessons.iter().map(|learned| learned.at).max();
        let oldest =
            known.iter().min_by_key(|(_, lessons)| latest(lessons)).map(|(subject, _)| subject.clone());
        oldest.map(|subject| known.remove(&subject));
    }
}

fn as_lists(known: &BySubject) -> BTreeMap<String, Vec<Learned>> {
    known.iter().map(|(subject, lessons)| (subject.clone(), lessons.to_vec())).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(name: &str) -> Lesson {
        Lesson::Refused(Refused { path: name.to_owned(), betas: Vec::new() })
    }

    fn names(lessons: &[Learned]) -> Vec<&str> {
        let name = |learned: &'_ Learned| match &learned.lesson {
            Lesson::Refused(refused) => refused.path.clone(),
            Lesson::Profile { profile, .. } => profile.clone(),
        };
        lessons.iter().map(name).map(|name| &*name.leak()).collect()
    }

    #[test]
    fn a_lesson_is_learned_once_and_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let lessons = Lessons::open(dir.path());
        assert!(lessons.of("m").is_empty());
        assert!(lessons.learn("m", lesson("a")));
        assert!(!lessons.learn("m", lesson("a")));
        assert!(lessons.learn("m", lesson("b")) && lessons.learn("n", lesson("a")));
        let again = Lessons::open(dir.path());
        assert_eq!(names(&again.of("m")), ["a", "b"]);
        assert_eq!(written_down(dir.path()).len(), 2);
    }

    #[test]
    fn lessons_are_bounded_and_the_oldest_go() {
        let lessons = Lessons { known: ArcSwap::default(), file: None, writing: Mutex::new(()) };
        for number in 0..MOST_OF_A_SUBJECT + 3 {
            assert!(lessons.learn("m", lesson(&number.to_string())));
        }
        assert_eq!(lessons.of("m").len(), MOST_OF_A_SUBJECT);
        assert_eq!(names(&lessons.of("m"))[0], "3");
        let many = (0..MOST_SUBJECTS + 5).map(|number| {
            let learned = Learned { lesson: lesson("a"), at: now() - 10_000 + number as u64 };
            (format!("m{number}"), Arc::from([learned]))
        });
        let mut many: BySubject = many.collect();
        forget(&mut many);
        assert_eq!(many.len(), MOST_SUBJECTS);
        assert!(!many.contains_key("m4") && many.contains_key("m5"));
    }

    #[test]
    fn lessons_age_and_a_broken_file_teaches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let old = BTreeMap::from([(
            "m",
            vec![Learned { lesson: lesson("a"), at: now() - LIFETIME.as_secs() - 1 }],
        )]);
        std::fs::write(dir.path().join(FILE), serde_json::to_vec(&old).unwrap()).unwrap();
        let lessons = Lessons::open(dir.path());
        assert!(lessons.of("m").is_empty());
        assert!(lessons.learn("m", lesson("a")), "what was forgotten can be learned again");
        for broken in ["", "{", "[]", r#"{"m":[{"lesson":{"refused":{}}}]}"#] {
            std::fs::write(dir.path().join(FILE), broken).unwrap();
            assert!(Lessons::open(dir.path()).of("m").is_empty(), "{broken}");
        }
    }
}
