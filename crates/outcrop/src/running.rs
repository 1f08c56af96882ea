//! The settings in the gateway's own words, at the start and at every reload.

use std::path::PathBuf;

use outcrop_bedrock::{Credentials, Endpoints};
use outcrop_catalog::Source;
use outcrop_gateway::{Accounts, Key, LanePolicy};

use crate::accounts;
use crate::credentials::Chosen;
use crate::outcrop_yaml::Lane;
use crate::settings::Settings;

/// Translates; remembers the credentials, so that a reload that leaves them alone keeps what they have fetched.
#[derive(Default)]
pub struct Running {
    local: Option<(Credentials, Endpoints)>,
    chosen: Option<(Chosen, String, Credentials)>,
    accounts: Option<(accounts::Written, Credentials, Endpoints, Accounts)>,
}

impl Running {
    /// Whatever the settings say, the upstream is the emulator.
    pub fn local(credentials: Credentials, endpoints: Endpoints) -> Self {
        Self { local: Some((credentials, endpoints)), chosen: None, accounts: None }
    }

    /// What the gateway is to do. Fails in words when there are no credentials to be had.
    pub async fn settings(&mut self, settings: &Settings) -> Result<outcrop_gateway::Settings, String> {
        let (credentials, upstream) = match &self.local {
            Some(local) => local.clone(),
            None => (self.credentials(settings).await?, settings.upstream.endpoints()),
        };
        let accounts = self.accounts(settings, &credentials, &upstream)?;
        let keys = settings.keys.iter().map(|key| Key::new(key.name.clone(), key.key.reveal())).collect();
        Ok(outcrop_gateway::Settings {
            listen: settings.listen.value,
            data_dir: data_dir(settings, self.local.is_some()),
            region: settings.region.value.clone(),
            upstream,
            credentials,
            accounts,
            catalog: settings.catalog(),
            keys,
            lane: match settings.lane {
                Some(Lane::Converse) => LanePolicy::Converse,
                Some(Lane::Auto) | None => LanePolicy::Auto,
            },
            guardrail: settings.guardrail.clone(),
            requests: settings.requests.clone(),
            failover: settings.failover.clone(),
            on_disconnect: settings.on_disconnect,
            collector: settings.collector.clone(),
            local: self.local.is_some(),
        })
    }

    fn accounts(
        &mut self,
        settings: &Settings,
        own: &Credentials,
        upstream: &Endpoints,
    ) -> Result<Accounts, String> {
        if let Some((written, before, there, accounts)) = &self.accounts
            && (written, there) == (&settings.accounts, upstream)
            && before.is(own)
        {
            return Ok(accounts.clone());
        }
        let region = &settings.region.value;
        let accounts = settings.accounts.load(&settings.credentials, own, upstream, region)?;
        self.accounts = Some((settings.accounts.clone(), own.clone(), upstream.clone(), accounts.clone()));
        Ok(accounts)
    }

    async fn credentials(&mut self, settings: &Settings) -> Result<Credentials, String> {
        let (choice, region) = (&settings.credentials, &settings.region.value);
        if let Some((chosen, there, credentials)) = &self.chosen
            && (chosen, there) == (choice, region)
        {
            return Ok(credentials.clone());
        }
        let credentials = choice.load(region).await?;
        self.chosen = Some((choice.clone(), region.clone(), credentials.clone()));
        Ok(credentials)
    }
}

/// Local runs keep their own ledger unless a person chose the folder: made-up money must not mix with real.
pub fn data_dir(settings: &Settings, local: bool) -> PathBuf {
    let chosen = &settings.data_dir;
    if local && chosen.source == Source::BuiltIn { chosen.value.join("local") } else { chosen.value.clone() }
}
