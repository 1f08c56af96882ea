//! As whom an invocation is made: the gateway's own credentials, or those of an account that is configured for what the client
//! names, or for its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_bedrock::{Client, Credentials};
use outcrop_catalog::Resolution;

use crate::access::Caller;

/// The accounts beside the gateway's own.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// The credentials of each, by its name.
    pub credentials: BTreeMap<String, Credentials>,
    /// The account of what a client may name: identifier, target or model id → name.
    pub routes: BTreeMap<String, String>,
    /// The account of a key: the key's name → name.
    pub keys: BTreeMap<String, String>,
}

/// One client an account. They share the connections and have their own credentials.
#[derive(Debug)]
pub(crate) struct Clients {
    own: Arc<Client>,
    of: BTreeMap<String, Arc<Client>>,
    routes: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

impl Clients {
    pub(crate) fn new(own: Arc<Client>, accounts: &Accounts) -> Self {
        let Accounts { credentials, routes, keys } = accounts;
        let of = credentials
            .iter()
            .map(|(name, credentials)| (name.clone(), Arc::new(own.acting_as(credentials.clone()))));
        Self { of: of.collect(), routes: routes.clone(), keys: keys.clone(), own }
    }

    /// For an invocation: what is named decides before who names it, for a profile can be invoked by its own account alone.
    pub(crate) fn for_route(&self, caller: &Caller, resolution: &Resolution) -> &Arc<Client> {
        let model = resolution.model.as_ref().map(|model| model.id.as_str());
        let names = [Some(resolution.identifier.as_str()), Some(resolution.target.as_str()), model];
        let account = names.into_iter().flatten().find_map(|name| self.routes.get(name));
        account.map_or_else(|| self.for_caller(caller), |name| self.named(name))
    }

    /// For what stands behind an ARN, before it is known.
    pub(crate) fn for_lookup(&self, caller: &Caller, identifier: &str, arn: &str) -> &Arc<Client> {
        let account = [identifier, arn].into_iter().find_map(|name| self.routes.get(name));
        account.map_or_else(|| self.for_caller(caller), |name| self.named(name))
    }

    /// For what a caller asks the control plane.
    pub(crate) fn for_caller(&self, caller: &Caller) -> &Arc<Client> {
        let account = caller.name.as_ref().and_then(|key| self.keys.get(key));
        account.map_or(&self.own, |name| self.named(name))
    }

    fn named(&self, name: &str) -> &Arc<Client> {
        self.of.get(name).unwrap_or(&self.own)
    }
}
