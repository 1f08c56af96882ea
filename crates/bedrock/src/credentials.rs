//! Who we are to AWS: fixed keys, a bearer key, AWS's own chain or a role, kept fresh.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use outcrop_texts as texts;

use crate::client::{Client, SendError};
use crate::control::sts::RoleToAssume;
use crate::sign::Signer;
use crate::sources::{Chain, Outcome, Sources, Tried, gave};

/// Where credentials come from. Cheap to clone; holds secrets and has no way to print them.
#[derive(Clone)]
pub struct Credentials {
    origin: Arc<Origin>,
}

enum Origin {
    Fixed(Arc<Auth>),
    Renewed(Box<Renewed>),
}

/// A source behind a cache: one refresh at a time, the old ones served until they really expire.
struct Renewed {
    source: Source,
    current: ArcSwapOption<Auth>,
    files: Mutex<Files>,
    /// A file is another one than when it was read.
    reread: AtomicBool,
    /// The sources in use; held while they are asked. Made anew where their answers were refused: they read files once.
    asked: tokio::sync::Mutex<Option<Sources>>,
}

/// Where credentials come from that do not stay the same.
enum Source {
    /// AWS's chain.
    Aws(Box<Chain>),
    /// A role, assumed by other credentials.
    Role(Box<Assumed>),
    /// This one.
    Provider(SharedCredentialsProvider),
}

/// A role and who assumes it.
struct Assumed {
    /// With the credentials that may assume it.
    by: Client,
    role: RoleToAssume,
    region: String,
}

/// How the files that credentials are read from looked when they were last read.
#[derive(Default)]
struct Files {
    looked: Option<Instant>,
    stamps: Stamps,
    /// How they looked the last time, where that was otherwise: whoever writes them may not have done.
    changing: Option<Stamps>,
}

/// When each file was written, and its length; `None` where it is not there.
type Stamps = Vec<Option<(SystemTime, u64)>>;

/// Files are looked at this often at most, and read anew once two looks saw the same: a rotated key is in use two seconds later, and a file
/// that is being written is not read half.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What one request is authenticated with.
pub struct Auth {
    pub(crate) method: Method,
    expires: Option<SystemTime>,
}

pub(crate) enum Method {
    /// SigV4.
    Sign(Signer),
    /// `Authorization: Bearer …`.
    Bearer(http::HeaderValue),
}

/// Refreshed this long before they expire, so that no request meets expired ones (reference `reliability.md` F24).
const REFRESH_EARLY: Duration = Duration::from_secs(5 * 60);

impl Credentials {
    /// Fixed keys. Refuses blanks and control characters: in a header they would break every request.
    pub fn keys(
        access_key_id: &str,
        secret: &str,
        session_token: Option<&str>,
    ) -> Result<Self, CredentialsError> {
        let keys = usable(access_key_id, secret, session_token, None)?;
        Ok(Self::fixed(Auth { method: Method::Sign(Signer::new(keys)), expires: None }))
    }

    /// A Bedrock API key.
    pub fn bearer(key: &str) -> Result<Self, CredentialsError> {
        check("bearer key", Some(key))?;
        let mut header =
            http::HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| unusable("bearer key"))?;
        header.set_sensitive(true);
        Ok(Self::fixed(Auth { method: Method::Bearer(header), expires: None }))
    }

    /// AWS's standard chain: environment, files, SSO, process, web identity, ECS, IMDS.
    pub fn chain(chain: Chain) -> Self {
        Self::renewed(Source::Aws(Box::new(chain)))
    }

    /// Those of a role, assumed with `by`'s credentials at `by`'s STS, and assumed again before they expire.
    pub fn role(by: Client, role: RoleToAssume, region: &str) -> Self {
        Self::renewed(Source::Role(Box::new(Assumed { by, role, region: region.to_owned() })))
    }

    /// Whatever a provider says, refreshed before it expires.
    pub fn provided(provider: impl ProvideCredentials + 'static) -> Self {
        Self::renewed(Source::Provider(SharedCredentialsProvider::new(provider)))
    }

    /// Temporary keys, which nobody renews.
    pub(crate) fn temporary(
        access_key_id: &str,
        secret: &str,
        session_token: &str,
        expires: Option<SystemTime>,
    ) -> Result<Self, CredentialsError> {
        let keys = usable(access_key_id, secret, Some(session_token), expires)?;
        Ok(Self::fixed(Auth { method: Method::Sign(Signer::new(keys)), expires }))
    }

    fn renewed(source: Source) -> Self {
        let renewed = Renewed {
            source,
            current: ArcSwapOption::empty(),
            files: Mutex::default(),
            reread: AtomicBool::new(false),
            asked: tokio::sync::Mutex::default(),
        };
        Self { origin: Arc::new(Origin::Renewed(Box::new(renewed))) }
    }

    /// What each source says now, in the order in which they are asked, for people. Asks them all anew.
    pub async fn survey(&self) -> Vec<Tried> {
        match &*self.origin {
            Origin::Fixed(auth) => vec![Tried { source: "configuration", outcome: auth.gave() }],
            Origin::Renewed(renewed) => renewed.survey().await,
        }
    }

    /// When those in use expire; `None` is never, or that none were asked for yet.
    pub fn expires(&self) -> Option<SystemTime> {
        match &*self.origin {
            Origin::Fixed(auth) => auth.expires,
            Origin::Renewed(renewed) => renewed.current.load().as_ref().and_then(|auth| auth.expires),
        }
    }

    /// After AWS refused `stale`: whether there are others now. The files are read anew, and nobody is asked twice for one
    /// refusal.
    pub(crate) async fn renew(&self, stale: &Arc<Auth>) -> bool {
        match &*self.origin {
            Origin::Fixed(_) => false,
            Origin::Renewed(renewed) => renewed.renew(stale).await,
        }
    }

    /// Whether both are clones of one: the same source behind the same cache.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.origin, &other.origin)
    }

    /// The credentials to use now. Does not wait unless they have to be fetched.
    pub async fn current(&self) -> Result<Arc<Auth>, CredentialsError> {
        match &*self.origin {
            Origin::Fixed(auth) => Ok(Arc::clone(auth)),
            Origin::Renewed(renewed) => renewed.current().await,
        }
    }

    fn fixed(auth: Auth) -> Self {
        Self { origin: Arc::new(Origin::Fixed(Arc::new(auth))) }
    }
}

impl Renewed {
    async fn current(&self) -> Result<Arc<Auth>, CredentialsError> {
        self.look_at_files();
        if let Some(auth) = self.fresh() {
            return Ok(auth);
        }
        // While one request asks for new ones, the others go on with the old.
        let mut asked = match (self.asked.try_lock(), self.valid()) {
            (Ok(asked), _) => asked,
            (Err(_), Some(old)) => return Ok(old),
            (Err(_), None) => self.asked.lock().await,
        };
        if let Some(auth) = self.fresh() {
            return Ok(auth);
        }
        match self.ask(&mut asked).await {
            Ok(auth) => Ok(auth),
            Err(error) => {
                *asked = None;
                self.valid().ok_or(error)
            }
        }
    }

    async fn renew(&self, stale: &Arc<Auth>) -> bool {
        let mut asked = self.asked.lock().await;
        let others = |auth: &Arc<Auth>| !auth.is_same(stale);
        if self.current.load_full().as_ref().is_some_and(others) {
            return true;
        }
        *asked = None;
        self.ask(&mut asked).await.as_ref().is_ok_and(others)
    }

    async fn ask(&self, asked: &mut Option<Sources>) -> Result<Arc<Auth>, CredentialsError> {
        let none = |why: String| CredentialsError::None { why };
        let keys = match &self.source {
            Source::Aws(chain) => {
                if self.reread.swap(false, Ordering::AcqRel) || asked.is_none() {
                    self.note(&chain.files);
                    *asked = Some(chain.sources().await);
                }
                let sources = asked.as_ref().expect("they have just been made");
                sources.ask().await.map_err(none)?
            }
            Source::Provider(provider) => {
                provider.provide_credentials().await.map_err(|error| none(error_chain(&error)))?
            }
            Source::Role(assumed) => {
                let auth = assumed.assume().await.map_err(|error| none(error.to_string()))?;
                self.current.store(Some(Arc::clone(&auth)));
                return Ok(auth);
            }
        };
        let (token, expires) = (keys.session_token(), keys.expiry());
        let keys = usable(keys.access_key_id(), keys.secret_access_key(), token, expires)?;
        let auth = Arc::new(Auth { method: Method::Sign(Signer::new(keys)), expires });
        self.current.store(Some(Arc::clone(&auth)));
        Ok(auth)
    }

    async fn survey(&self) -> Vec<Tried> {
        let one = |source, said: Result<Outcome, String>| {
            let outcome = said.unwrap_or_else(|why| Outcome::Failed { why });
            vec![Tried { source, outcome }]
        };
        match &self.source {
            Source::Aws(chain) => chain.sources().await.survey().await,
            Source::Provider(provider) => {
                let keys = provider.provide_credentials().await;
                one("provider", keys.map(|keys| gave(&keys)).map_err(|error| error_chain(&error)))
            }
            Source::Role(assumed) => {
                let auth = assumed.assume().await;
                one("role", auth.map(|auth| auth.gave()).map_err(|error| error.to_string()))
            }
        }
    }

    /// Notices, within two seconds, that a file they were read from is another one now.
    fn look_at_files(&self) {
        let Source::Aws(chain) = &self.source else { return };
        if chain.files.is_empty() {
            return;
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.looked.is_none_or(|looked| looked.elapsed() < LOOK_AGAIN) {
            return;
        }
        let now = stamps(&chain.files);
        files.looked = Some(Instant::now());
        if files.stamps == now {
            files.changing = None;
        } else if files.changing.as_ref() == Some(&now) {
            self.reread.store(true, Ordering::Release);
        } else {
            files.changing = Some(now);
        }
    }

    fn note(&self, files: &[PathBuf]) {
        let mut noted = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = Files { looked: Some(Instant::now()), stamps: stamps(files), changing: None };
    }

    fn valid(&self) -> Option<Arc<Auth>> {
        self.current.load_full().filter(|auth| !auth.expires_within(Duration::ZERO))
    }

    fn fresh(&self) -> Option<Arc<Auth>> {
        if self.reread.load(Ordering::Acquire) {
            return None;
        }
        self.current.load_full().filter(|auth| !auth.expires_within(REFRESH_EARLY))
    }
}

impl Assumed {
    /// Boxed, for a role may be assumed by the credentials of another.
    fn assume(&self) -> Pin<Box<dyn Future<Output = Result<Arc<Auth>, SendError>> + Send + '_>> {
        Box::pin(async {
            let assumed = self.by.assume_role(&self.role, &self.region).await?;
            Ok(assumed.credentials.current().await?)
        })
    }
}

fn stamps(files: &[PathBuf]) -> Stamps {
    let stamp = |path: &PathBuf| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.iter().map(stamp).collect()
}

impl Auth {
    /// Whether both are one set of keys.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.method, &other.method) {
            (Method::Bearer(one), Method::Bearer(other)) => one == other,
            (Method::Sign(Signer { keys: one, .. }), Method::Sign(Signer { keys: other, .. })) => {
                (one.access_key_id(), one.session_token()) == (other.access_key_id(), other.session_token())
            }
            _ => false,
        }
    }

    /// What people may know of them.
    fn gave(&self) -> Outcome {
        match &self.method {
            Method::Sign(signer) => gave(&signer.keys),
            Method::Bearer(_) => {
                Outcome::Gave { access_key_id: "a Bedrock API key".to_owned(), expires: self.expires }
            }
        }
    }

    fn expires_within(&self, span: Duration) -> bool {
        self.expires.is_some_and(|expires| expires <= SystemTime::now() + span)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Why there are no credentials. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The chain ended without any.
    #[error("{}", texts::no_credentials(.why))]
    None {
        /// What each source said.
        why: String,
    },
    /// A value holds blanks or control characters.
    #[error("{}", texts::credentials_unusable(.which))]
    Unusable {
        /// Which value.
        which: String,
    },
    /// A value is empty.
    #[error("{}", texts::credentials_empty(.which))]
    Empty {
        /// Which value.
        which: String,
    },
}

/// Keys that can be put on a request.
fn usable(
    access_key_id: &str,
    secret: &str,
    session_token: Option<&str>,
    expires: Option<SystemTime>,
) -> Result<aws_credential_types::Credentials, CredentialsError> {
    let all = [
        ("access key id", Some(access_key_id)),
        ("secret access key", Some(secret)),
        ("session token", session_token),
    ];
    for (name, value) in all {
        check(name, value)?;
    }
    let token = session_token.map(str::to_owned);
    Ok(aws_credential_types::Credentials::new(access_key_id, secret, token, expires, "outcrop"))
}

fn check(which: &str, value: Option<&str>) -> Result<(), CredentialsError> {
    match value {
        Some("") => Err(CredentialsError::Empty { which: which.to_owned() }),
        Some(value) if !value.bytes().all(|byte| byte.is_ascii_graphic()) => Err(unusable(which)),
        _ => Ok(()),
    }
}

fn unusable(which: &str) -> CredentialsError {
    CredentialsError::Unusable { which: which.to_owned() }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_would_break_a_header_are_refused_without_being_shown() {
        let error = Credentials::keys("AKIAIOSFODNN7EXAMPLE", "canary\n", None).err();
        assert_eq!(error, Some(CredentialsError::Unusable { which: "secret access key".to_owned() }));
        assert!(Credentials::bearer("").is_err());
        assert!(Credentials::keys("AKIA", "secret", Some(" ")).is_err());
    }

    /// Keys that are always about to expire, each set with a number of its own.
    #[derive(Debug, Default)]
    struct Rotating(std::sync::atomic::AtomicU32);

    impl ProvideCredentials for Rotating {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let expires = SystemTime::now() + Duration::from_secs(60);
            let keys = aws_credential_types::Credentials::new(
                format!("AKIA{number}"),
                "secret",
                Some("token".to_owned()),
                Some(expires),
                "test",
            );
            aws_credential_types::provider::future::ProvideCredentials::ready(Ok(keys))
        }
    }

    #[tokio::test]
    async fn a_thousand_rotations_disturb_nobody() {
        let credentials = Credentials::provided(Rotating::default());
        for _ in 0..1_000 {
            let stale = credentials.current().await.unwrap();
            for _ in 0..4 {
                assert!(credentials.renew(&stale).await, "there are others now");
            }
            assert!(!credentials.current().await.unwrap().is_same(&stale));
        }
    }

    #[tokio::test]
    async fn keys_that_never_change_are_not_renewed() {
        let credentials = Credentials::keys("AKIA", "secret", None).unwrap();
        let auth = credentials.current().await.unwrap();
        assert!(!credentials.renew(&auth).await);
    }

    #[test]
    fn debug_shows_nothing() {
        let credentials = Credentials::keys("AKIAIOSFODNN7EXAMPLE", "canary", None).ok();
        assert!(!format!("{credentials:?}").contains("canary"));
    }
}
