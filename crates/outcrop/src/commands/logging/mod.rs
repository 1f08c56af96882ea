//! `outcrop logging …`: AWS's invocation log, set up, judged, shown and stopped.

pub mod origin;
mod print;
pub mod reader;
pub mod record;
mod setup;
mod status;
mod tail;
mod wanted;

use outcrop_bedrock::{Client, SendError};
use outcrop_wire::bedrock::ErrorKind;

use super::confirm::confirm;
use crate::args::{Global, Logging, LoggingDisable};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop logging`.
pub fn run(global: &Global, logging: &Logging) -> Result<(), Failure> {
    super::block_on(async {
        match logging {
            Logging::Setup(setup) => setup::run(global, setup).await,
            Logging::Status(at) => status::run(global, at).await,
            Logging::Tail(tail) => tail::run(global, tail).await,
            Logging::Disable(disable) => stop(global, disable).await,
        }
    })?
}

async fn stop(global: &Global, disable: &LoggingDisable) -> Result<(), Failure> {
    let (client, region) = open(global, disable.region.clone()).await?;
    let config = client.logging(&region).await.map_err(|error| {
        refused("the configuration cannot be read", &error, "bedrock:GetModelInvocationLoggingConfiguration")
    })?;
    let told = |what: &str| {
        if global.json {
            return paper::json(&serde_json::json!({ "region": region, "wasEnabled": config.is_some() }));
        }
        paper::say(what);
        Ok(())
    };
    if config.is_none() {
        return told(&format!("nothing is logged in {region}"));
    }
    confirm(disable.yes, &format!("stop the invocation log of {region}"))?;
    client.disable_logging(&region).await.map_err(|error| {
        refused("the log cannot be stopped", &error, "bedrock:DeleteModelInvocationLoggingConfiguration")
    })?;
    told(&format!("nothing is logged in {region} any more; what was written stays"))
}

/// A client with the credentials of the settings, and the Region that is meant.
pub async fn open(global: &Global, region: Option<String>) -> Result<(Client, String), Failure> {
    let settings = Settings::load(global, &Flags { region, ..Flags::default() })?;
    let region = settings.region.value.clone();
    let credentials = settings.credentials.load(&region).await.map_err(Failure::new)?;
    Ok((Client::new(credentials, settings.upstream.endpoints()), region))
}

/// A call that failed, in AWS's words, and what to do. `action` is what it takes in IAM.
pub fn refused(what: &str, error: &SendError, action: &str) -> Failure {
    let failure = Failure::new(format!("{what}: {error}"));
    match error {
        SendError::Service(service) => match &service.error.kind {
            ErrorKind::AccessDenied => failure.hint(format!("the caller's IAM policy must allow {action}")),
            ErrorKind::Other(code) if code == "AccessDenied" => {
                failure.hint(format!("the caller's IAM policy must allow {action}"))
            }
            _ => failure,
        },
        SendError::Connect { .. } => failure
            .hint("check the network, the Region and AWS_ENDPOINT_URL; without an account, try --local"),
        _ => failure,
    }
}
