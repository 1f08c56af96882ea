//! Another configuration while the gateway serves.
//!
//! Everything a reload may change is one value ([`Live`]) that is replaced as a whole: a request that has begun goes on with what it
//! began with, the next one sees the new configuration. What AWS was asked meanwhile is kept.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use outcrop_bedrock::Client;
use outcrop_catalog::Catalog;

use crate::access::{Access, Key};
use crate::accounts::Clients;
use crate::keys::Read;
use crate::server::StartError;
use crate::settings::Settings;
use crate::state::{Live, State};

/// Changes the configuration of a running gateway; does nothing when that has stopped.
#[derive(Debug, Clone)]
pub struct Reloader {
    state: Weak<State>,
    address: SocketAddr,
}

impl Reloader {
    pub(crate) fn new(state: &Arc<State>, address: SocketAddr) -> Self {
        Self { state: Arc::downgrade(state), address }
    }

    /// Puts `settings` in force, but for `listen`, `data_dir`, `collector` and `local`, which hold until a restart.
    ///
    /// Connections to AWS are kept where credentials and addresses are the same.
    ///
    /// # Errors
    /// [`StartError::Open`] when the last key would go while other machines can reach the gateway. Nothing has changed then.
    pub async fn apply(&self, settings: &Settings) -> Result<(), StartError> {
        let Some(state) = self.state.upgrade() else { return Ok(()) };
        refuse_an_open_door(&settings.keys, &*state.keys.current().await, self.address)?;
        let client = client(settings, &state.live().client);
        state.change(|live| Live::of(settings, Arc::clone(&client), Some(&live.catalog)));
        Ok(())
    }
}

impl Live {
    /// What is configured at the start.
    pub(crate) fn first(settings: &Settings, made: &Read) -> Result<Self, StartError> {
        refuse_an_open_door(&settings.keys, made, settings.listen)?;
        let client = Client::new(settings.credentials.clone(), settings.upstream.clone());
        Ok(Self::of(settings, Arc::new(client), None))
    }

    fn of(settings: &Settings, client: Arc<Client>, before: Option<&Catalog>) -> Self {
        let Settings {
            listen: _,
            data_dir: _,
            region,
            upstream: _,
            credentials: _,
            accounts,
            catalog,
            keys,
            lane,
            requests,
            guardrail,
            failover,
            on_disconnect,
            collector: _,
            local: _,
        } = settings;
        let catalog = match before {
            Some(before) => catalog.with_discoveries_of(before),
            None => catalog.clone(),
        };
        Self {
            access: Arc::new(Access::new(keys.clone())),
            accounts: Arc::new(Clients::new(Arc::clone(&client), accounts)),
            client,
            catalog: Arc::new(catalog),
            region: region.clone(),
            lane: *lane,
            requests: requests.clone(),
            guardrail: guardrail.clone(),
            failover: failover.clone(),
            on_disconnect: *on_disconnect,
        }
    }
}

/// Anybody on the network could spend the account's money.
fn refuse_an_open_door(keys: &[Key], made: &Read, listen: SocketAddr) -> Result<(), StartError> {
    if keys.is_empty() && made.is_empty() && !listen.ip().is_loopback() {
        return Err(StartError::Open { listen });
    }
    Ok(())
}

fn client(settings: &Settings, before: &Arc<Client>) -> Arc<Client> {
    let same = before.credentials().is(&settings.credentials) && before.endpoints() == &settings.upstream;
    if same {
        return Arc::clone(before);
    }
    Arc::new(Client::new(settings.credentials.clone(), settings.upstream.clone()))
}
