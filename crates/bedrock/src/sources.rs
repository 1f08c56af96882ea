//! AWS's standard chain of sources, source by source, so that each can be asked why it gave nothing.
//!
//! The sources themselves are AWS's own (`aws-config`), in the order of AWS's default chain. They reach AWS the way we do: through
//! the same proxies, believing the same certificates.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError as NotGiven;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use crate::env_file::Given;
use crate::network::Network;
use crate::sdk_http::SdkHttp;

/// Where AWS's chain looks, and how it gets there.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Only this profile of the shared files; the whole chain without.
    pub profile: Option<String>,
    /// The Region of STS and SSO.
    pub region: String,
    /// The way there.
    pub network: Network,
    /// FIPS addresses of STS and SSO.
    pub fips: bool,
    /// Their dual-stack addresses.
    pub dual_stack: bool,
    /// Files that the chain reads: when one changes, the chain is asked anew.
    pub files: Vec<PathBuf>,
    /// Variables that the process does not have.
    pub given: Given,
}

/// One source, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// `environment`, `profile`, `web identity`, `container`, `instance`.
    pub source: &'static str,
    /// What it said.
    pub outcome: Outcome,
}

/// What a source said. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It gave credentials.
    Gave {
        /// The public half: `AKIA…` of a user, `ASIA…` of a session.
        access_key_id: String,
        /// When they end; `None` is never.
        expires: Option<SystemTime>,
    },
    /// It is not set up, so the next one was asked.
    PassedOver {
        /// What it lacks.
        why: String,
    },
    /// It is set up and did not give any: nobody else is asked.
    Failed {
        /// What went wrong.
        why: String,
    },
    /// An earlier one gave credentials.
    NotAsked,
}

/// The sources of one chain, made once: they remember what they have read.
#[derive(Debug)]
pub(crate) struct Sources(Vec<(&'static str, SharedCredentialsProvider)>);

impl Chain {
    pub(crate) async fn sources(&self) -> Sources {
        let config = ProviderConfig::without_region()
            .with_region(Some(aws_config::Region::new(self.region.clone())))
            .with_use_fips(Some(self.fips))
            .with_use_dual_stack(Some(self.dual_stack))
            .with_http_client(SdkHttp::new(&self.network));
        fn shared(provider: impl ProvideCredentials + 'static) -> SharedCredentialsProvider {
            SharedCredentialsProvider::new(provider)
        }
        let mut profile = ProfileFileCredentialsProvider::builder().configure(&config);
        if let Some(files) = self.given.profile_files() {
            profile = profile.profile_files(files);
        }
        if let Some(name) = &self.profile {
            return Sources(vec![("profile", shared(profile.profile_name(name).build()))]);
        }
        Sources(vec![
            ("environment", shared(EnvironmentVariableCredentialsProvider::new())),
            ("profile", shared(profile.build())),
            ("web identity", self.given.web_identity(&config)),
            ("container", self.given.container(&config, &self.network)),
            ("instance", self.given.instance(&config)),
        ])
    }
}

impl Sources {
    /// The first credentials that a source gives; else what each of them said.
    pub(crate) async fn ask(&self) -> Result<Keys, String> {
        let mut said = Vec::new();
        for (source, provider) in &self.0 {
            match provider.provide_credentials().await {
                Ok(keys) => return Ok(keys),
                Err(error) => {
                    said.push(format!("{source}: {}", why(&error)));
                    if !is_passed_over(&error) {
                        break;
                    }
                }
            }
        }
        Err(said.join("; "))
    }

    /// What each source says.
    pub(crate) async fn survey(&self) -> Vec<Tried> {
        let (mut all, mut is_over) = (Vec::new(), false);
        for (source, provider) in &self.0 {
            let outcome = match is_over {
                true => Outcome::NotAsked,
                false => match provider.provide_credentials().await {
                    Ok(keys) => gave(&keys),
                    Err(error) if is_passed_over(&error) => Outcome::PassedOver { why: why(&error) },
                    Err(error) => Outcome::Failed { why: why(&error) },
                },
            };
            is_over |= !matches!(outcome, Outcome::PassedOver { .. });
            all.push(Tried { source, outcome });
        }
        all
    }
}

pub(crate) fn gave(keys: &Keys) -> Outcome {
    Outcome::Gave { access_key_id: keys.access_key_id().to_owned(), expires: keys.expiry() }
}

/// As AWS's own chain: the next source is asked only where one is not set up.
fn is_passed_over(error: &NotGiven) -> bool {
    matches!(error, NotGiven::CredentialsNotLoaded(_))
}

/// The error with its causes, each said once. A process's output is not among them: it may be a secret.
fn why(error: &NotGiven) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
