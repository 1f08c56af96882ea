//! Who we are to AWS: fixed keys, a bearer key, or AWS's own chain, kept fresh.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::sync::Mutex;

/// Where credentials come from. Cheap to clone; holds secrets and has no way to print them.
#[derive(Clone)]
pub struct Credentials {
    origin: Arc<Origin>,
}

enum Origin {
    Fixed(Arc<Auth>),
    Chain(Chain),
}

/// AWS's chain behind a cache: one refresh at a time, the old ones served until they really expire.
struct Chain {
    source: Source,
    current: ArcSwapOption<Auth>,
    /// The provider in use; held while it is asked.
    provider: Mutex<Option<SharedCredentialsProvider>>,
}

enum Source {
    /// AWS's chain, made anew where its answers were refused: it reads files once.
    Aws { profile: Option<String>, region: String },
    /// This one.
    Provider(SharedCredentialsProvider),
}

/// What one request is authenticated with.
pub struct Auth {
    pub(crate) method: Method,
    expires: Option<SystemTime>,
}

pub(crate) enum Method {
    /// SigV4.
    Sign(Identity),
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
        for (name, value) in [
            ("access key id", Some(access_key_id)),
            ("secret access key", Some(secret)),
            ("session token", session_token),
        ] {
            check(name, value)?;
        }
        let token = session_token.map(str::to_owned);
        let credentials =
            aws_credential_types::Credentials::new(access_key_id, secret, token, None, "configuration");
        Ok(Self::fixed(Auth { method: Method::Sign(credentials.into()), expires: None }))
    }

    /// A Bedrock API key.
    pub fn bearer(key: &str) -> Result<Self, CredentialsError> {
        check("bearer key", Some(key))?;
        let mut header =
            http::HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| unusable("bearer key"))?;
        header.set_sensitive(true);
        Ok(Self::fixed(Auth { method: Method::Bearer(header), expires: None }))
    }

    /// AWS's standard chain: environment, files (`profile`), SSO, process, web identity, ECS, IMDS.
    pub async fn chain(profile: Option<&str>, region: &str) -> Self {
        let source = Source::Aws { profile: profile.map(str::to_owned), region: region.to_owned() };
        let provider = source.provider().await;
        Self::refreshed(source, provider)
    }

    /// Whatever a provider says, refreshed before it expires.
    pub fn provided(provider: impl ProvideCredentials + 'static) -> Self {
        let provider = SharedCredentialsProvider::new(provider);
        Self::refreshed(Source::Provider(provider.clone()), Some(provider))
    }

    fn refreshed(source: Source, provider: Option<SharedCredentialsProvider>) -> Self {
        let chain = Chain { source, current: ArcSwapOption::empty(), provider: Mutex::new(provider) };
        Self { origin: Arc::new(Origin::Chain(chain)) }
    }

    /// After AWS refused `stale`: whether there are others now. The files are read anew, and nobody is asked twice for one
    /// refusal.
    pub(crate) async fn renew(&self, stale: &Arc<Auth>) -> bool {
        match &*self.origin {
            Origin::Fixed(_) => false,
            Origin::Chain(chain) => chain.renew(stale).await,
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
            Origin::Chain(chain) => chain.current().await,
        }
    }

    fn fixed(auth: Auth) -> Self {
        Self { origin: Arc::new(Origin::Fixed(Arc::new(auth))) }
    }
}

impl Chain {
    async fn current(&self) -> Result<Arc<Auth>, CredentialsError> {
        if let Some(auth) = self.fresh() {
            return Ok(auth);
        }
        // While one request asks for new ones, the others go on with the old.
        let provider = match (self.provider.try_lock(), self.valid()) {
            (Ok(provider), _) => provider,
            (Err(_), Some(old)) => return Ok(old),
            (Err(_), None) => self.provider.lock().await,
        };
        if let Some(auth) = self.fresh() {
            return Ok(auth);
        }
        match self.ask(provider.as_ref()).await {
            Ok(auth) => Ok(auth),
            Err(error) => self.valid().ok_or(error),
        }
    }

    async fn ask(&self, provider: Option<&SharedCredentialsProvider>) -> Result<Arc<Auth>, CredentialsError> {
        let none = |why: String| CredentialsError::None { why };
        let provider = provider.ok_or_else(|| none("no source is configured".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| none(error_chain(&error)))?;
        let expires = credentials.expiry();
        let auth = Arc::new(Auth { method: Method::Sign(credentials.into()), expires });
        self.current.store(Some(Arc::clone(&auth)));
        Ok(auth)
    }

    async fn renew(&self, stale: &Arc<Auth>) -> bool {
        let mut provider = self.provider.lock().await;
        let others = |auth: &Arc<Auth>| !auth.is_same(stale);
        if self.current.load_full().as_ref().is_some_and(others) {
            return true;
        }
        *provider = self.source.provider().await;
        self.ask(provider.as_ref()).await.as_ref().is_ok_and(others)
    }

    fn valid(&self) -> Option<Arc<Auth>> {
        self.current.load_full().filter(|auth| !auth.expires_within(Duration::ZERO))
    }

    fn fresh(&self) -> Option<Arc<Auth>> {
        self.current.load_full().filter(|auth| !auth.expires_within(REFRESH_EARLY))
    }
}

impl Source {
    async fn provider(&self) -> Option<SharedCredentialsProvider> {
        match self {
            Self::Provider(provider) => Some(provider.clone()),
            Self::Aws { profile, region } => {
                let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
                    .region(aws_config::Region::new(region.clone()));
                if let Some(profile) = profile {
                    loader = loader.profile_name(profile);
                }
                loader.load().await.credentials_provider()
            }
        }
    }
}

impl Auth {
    /// Whether both are one set of keys.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.method, &other.method) {
            (Method::Bearer(one), Method::Bearer(other)) => one == other,
            (Method::Sign(one), Method::Sign(other)) => {
                let keys = |identity: &Identity| {
                    let keys = identity.data::<aws_credential_types::Credentials>()?;
                    Some((keys.access_key_id().to_owned(), keys.session_token().map(str::to_owned)))
                };
                keys(one) == keys(other)
            }
            _ => false,
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
    #[error("no AWS credentials were found: {why}")]
    None {
        /// What each source said.
        why: String,
    },
    /// A value holds blanks or control characters.
    #[error(
        "the {which} holds blanks, line breaks or other characters that no AWS key has; was it pasted with a line end?"
    )]
    Unusable {
        /// Which value.
        which: String,
    },
    /// A value is empty.
    #[error("the {which} is empty")]
    Empty {
        /// Which value.
        which: String,
    },
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
            let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
