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
    provider: Option<SharedCredentialsProvider>,
    current: ArcSwapOption<Auth>,
    refresh: Mutex<()>,
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
        let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(region.to_owned()));
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let provider = config.credentials_provider();
        Self {
            origin: Arc::new(Origin::Chain(Chain {
                provider,
                current: ArcSwapOption::empty(),
                refresh: Mutex::default(),
            })),
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
        let _one_at_a_time = self.refresh.lock().await;
        if let Some(auth) = self.fresh() {
            return Ok(auth);
        }
        let Some(provider) = &self.provider else {
            return Err(CredentialsError::None { why: "no source is configured".to_owned() });
        };
        match provider.provide_credentials().await {
            Ok(credentials) => {
                let expires = credentials.expiry();
                let auth = Arc::new(Auth { method: Method::Sign(credentials.into()), expires });
                self.current.store(Some(Arc::clone(&auth)));
                Ok(auth)
            }
            Err(error) => self
                .current
                .load_full()
                .filter(|auth| !auth.expires_within(Duration::ZERO))
                .ok_or_else(|| CredentialsError::None { why: error_chain(&error) }),
        }
    }

    fn fresh(&self) -> Option<Arc<Auth>> {
        self.current.load_full().filter(|auth| !auth.expires_within(REFRESH_EARLY))
    }
}

impl Auth {
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

    #[test]
    fn debug_shows_nothing() {
        let credentials = Credentials::keys("AKIAIOSFODNN7EXAMPLE", "canary", None).ok();
        assert!(!format!("{credentials:?}").contains("canary"));
    }
}
