//! What a file of variables says that AWS's own sources read from the environment of the process alone: an `--env-file` is seen by nobody
//! but us. Each source is made with what it would have read.
//!
//! Source of the container's rules: AWS SDKs and Tools reference, "Container credential provider".

use std::path::PathBuf;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError as NotGiven;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;

use crate::network::Network;
use crate::transport::Transport;

/// What the file says; all `None` where the process's own environment says everything.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The shared configuration and the shared credentials.
    pub files: Option<[PathBuf; 2]>,
    /// A token, and the role that it stands for.
    pub web_identity: Option<WebIdentity>,
    /// Where a container gets its credentials.
    pub container: Option<Container>,
    /// Where an instance does: `http://169.254.169.254`.
    pub metadata: Option<String>,
    /// An instance is not to be asked.
    pub no_metadata: bool,
}

/// `AWS_WEB_IDENTITY_TOKEN_FILE` and its companions.
#[derive(Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The file with the token, which is read again each time.
    pub token_file: PathBuf,
    /// `AWS_ROLE_ARN`.
    pub role: String,
    /// `AWS_ROLE_SESSION_NAME`.
    pub session_name: String,
}

/// `AWS_CONTAINER_CREDENTIALS_…` and its companions.
#[derive(Clone, PartialEq, Eq)]
pub struct Container {
    /// Where to ask: the full address, or a path on the container agent's.
    pub address: String,
    /// The file with what to say in `authorization`, which is read again each time; stronger than `token`.
    pub token_file: Option<PathBuf>,
    /// What to say there.
    pub token: Option<String>,
}

impl std::fmt::Debug for Given {
    /// A token may be in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

impl Given {
    /// The shared files in place of the process's own; `None` where those hold.
    pub(crate) fn profile_files(&self) -> Option<EnvConfigFiles> {
        let [config, credentials] = self.files.as_ref()?;
        // Without any file the set would be refused.
        let mut files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "");
        for (kind, path) in
            [(EnvConfigFileKind::Config, config), (EnvConfigFileKind::Credentials, credentials)]
        {
            if path.is_file() {
                files = files.with_file(kind, path);
            }
        }
        Some(files.build())
    }

    pub(crate) fn web_identity(&self, config: &ProviderConfig) -> SharedCredentialsProvider {
        let mut provider = WebIdentityTokenCredentialsProvider::builder().configure(config);
        if let Some(WebIdentity { token_file, role, session_name }) = self.web_identity.clone() {
            provider = provider.static_configuration(StaticConfiguration {
                web_identity_token_file: token_file,
                role_arn: role,
                session_name,
            });
        }
        SharedCredentialsProvider::new(provider.build())
    }

    pub(crate) fn container(&self, config: &ProviderConfig, network: &Network) -> SharedCredentialsProvider {
        match &self.container {
            Some(container) => {
                let agent = Agent { container: container.clone(), transport: Transport::new(network) };
                SharedCredentialsProvider::new(agent)
            }
            None => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(config).build())
            }
        }
    }

    pub(crate) fn instance(&self, config: &ProviderConfig) -> SharedCredentialsProvider {
        if self.no_metadata {
            return SharedCredentialsProvider::new(Off);
        }
        let mut provider = ImdsCredentialsProvider::builder().configure(config);
        if let Some(address) = &self.metadata {
            match imds::Client::builder().configure(config).endpoint(address) {
                Ok(client) => provider = provider.imds_client(client.build()),
                Err(_) => return SharedCredentialsProvider::new(Off),
            }
        }
        SharedCredentialsProvider::new(provider.build())
    }
}

/// The instance's metadata, switched off.
#[derive(Debug)]
struct Off;

impl ProvideCredentials for Off {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let why = "AWS_EC2_METADATA_DISABLED is set, or the address of the metadata is none";
        future::ProvideCredentials::ready(Err(NotGiven::not_loaded(why)))
    }
}

/// The agent of a container.
struct Agent {
    container: Container,
    transport: Transport,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agent")
    }
}

impl ProvideCredentials for Agent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

/// What an agent answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<jiff::Timestamp>,
}

/// The agent of ECS answers paths.
const AGENT: &str = "http://169.254.170.2";
/// The agents that are asked in the clear beside this machine's own: of ECS, and of EKS by either protocol.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
/// Credentials take less than 4 KiB.
const MAX_ANSWER: usize = 64 * 1024;

impl Agent {
    async fn ask(&self) -> Result<Keys, NotGiven> {
        let failed = |why: String| NotGiven::provider_error(why);
        let mut request = Request::get(self.address()?);
        if let Some(token) = self.token().await? {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.header("accept", "application/json").body(Full::<Bytes>::default());
        let request = request.map_err(|error| failed(error.to_string()))?;
        let sent = self.transport.request(request).await;
        let (head, body) = sent.map_err(|error| failed(error.to_string()))?.into_parts();
        let body =
            Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| failed(error.to_string()))?;
        if !head.status.is_success() {
            return Err(failed(format!("the container's agent answers {}", head.status)));
        }
        // What is wrong with it is not shown: it holds secrets.
        let answer: Answer = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| failed("the container's agent gives no credentials".to_owned()))?;
        let expires = answer.expiration.map(std::time::SystemTime::from);
        Ok(Keys::new(answer.access_key_id, answer.secret_access_key, answer.token, expires, "container"))
    }

    /// In the clear only to this machine and the agents.
    fn address(&self) -> Result<Uri, NotGiven> {
        let wrong = || {
            NotGiven::invalid_configuration("the address of the container's agent is none that may be asked")
        };
        let written = &self.container.address;
        let full = if written.starts_with('/') { format!("{AGENT}{written}") } else { written.clone() };
        let uri: Uri = full.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let is_loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(uri),
            Some(scheme) if *scheme == Scheme::HTTP && (is_loopback || AGENTS.contains(&host)) => Ok(uri),
            _ => Err(wrong()),
        }
    }

    async fn token(&self) -> Result<Option<HeaderValue>, NotGiven> {
        let text = match &self.container.token_file {
            Some(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let unreadable = |error| format!("{} cannot be read: {error}", path.display());
                Some(read.map_err(|error| NotGiven::invalid_configuration(unreadable(error)))?)
            }
            None => self.container.token.clone(),
        };
        let header = |text: String| {
            let mut header = HeaderValue::try_from(text.trim()).map_err(|_| {
                NotGiven::invalid_configuration("the container's token holds what no header can")
            })?;
            header.set_sensitive(true);
            Ok(header)
        };
        text.map(header).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_asked_in_the_clear_only_near_by() {
        let asked = |address: &str| {
            let container = Container { address: address.to_owned(), token_file: None, token: None };
            Agent { container, transport: Transport::new(&Network::default()) }
                .address()
                .ok()
                .map(|uri| uri.to_string())
        };
        assert_eq!(asked("/v2/credentials/x").as_deref(), Some("http://169.254.170.2/v2/credentials/x"));
        for near in [
            "http://127.0.0.1:9/x",
            "http://[::1]/x",
            "http://169.254.170.23/v1/credentials",
            "https://example.com/x",
        ] {
            assert!(asked(near).is_some(), "{near}");
        }
        for far in ["http://example.com/x", "http://169.254.169.254/x", "ftp://127.0.0.1/x", "x", ""] {
            assert!(asked(far).is_none(), "{far}");
        }
    }
}
