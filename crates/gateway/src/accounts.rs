//! As whom an invocation is made: the gateway's own credentials, or those of an account that is configured for what the client
//! names, or for its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_bedrock::{Client, Credentials};
use outcrop_catalog::Resolution;
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;

use crate::access::Caller;
use crate::failure::Failure;

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

/// All accounts. Their clients share the connections; each has its own credentials.
#[derive(Debug)]
pub(crate) struct Clients {
    own: Arc<Account>,
    of: BTreeMap<String, Arc<Account>>,
    routes: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    /// `None` for the gateway's own.
    pub(crate) name: Option<Arc<str>>,
    /// Signs with its credentials.
    pub(crate) client: Arc<Client>,
}

impl Account {
    /// Its name; empty for the gateway's own.
    pub(crate) fn word(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

impl Clients {
    pub(crate) fn new(own: Arc<Client>, accounts: &Accounts) -> Self {
        let Accounts { credentials, routes, keys } = accounts;
        let named = |(name, credentials): (&String, &Credentials)| {
            let client = Arc::new(own.acting_as(credentials.clone()));
            (name.clone(), Arc::new(Account { name: Some(name.as_str().into()), client }))
        };
        let of = credentials.iter().map(named).collect();
        let own = Arc::new(Account { name: None, client: own });
        Self { own, of, routes: routes.clone(), keys: keys.clone() }
    }

    /// For an invocation: what is named decides before who names it, for a profile can be invoked by its own account alone.
    pub(crate) fn for_route(&self, caller: &Caller, resolution: &Resolution) -> &Arc<Account> {
        let model = resolution.model.as_ref().map(|model| model.id.as_str());
        let names = [Some(resolution.identifier.as_str()), Some(resolution.target.as_str()), model];
        let account = names.into_iter().flatten().find_map(|name| self.routes.get(name));
        account.map_or_else(|| self.for_caller(caller), |name| self.named(name))
    }

    /// For what stands behind an ARN, before it is known.
    pub(crate) fn for_lookup(&self, caller: &Caller, identifier: &str, arn: &str) -> &Arc<Account> {
        let account = [identifier, arn].into_iter().find_map(|name| self.routes.get(name));
        account.map_or_else(|| self.for_caller(caller), |name| self.named(name))
    }

    /// For what a caller asks the control plane.
    pub(crate) fn for_caller(&self, caller: &Caller) -> &Arc<Account> {
        if self.of.is_empty() {
            return &self.own;
        }
        let configured = caller.name.as_ref().and_then(|key| self.keys.get(key));
        let made = || caller.key.as_ref().and_then(|key| key.account.as_ref());
        configured.or_else(made).map_or(&self.own, |name| self.named(name))
    }

    /// Refuses a key that was made for an account which the configuration no longer has: nobody else pays for it.
    ///
    /// # Errors
    /// AccessDenied.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Failure> {
        let account = caller.key.as_ref().and_then(|key| key.account.as_ref());
        match account.filter(|name| !self.of.contains_key(*name)) {
            None => Ok(()),
            Some(lost) => Err(Failure::new(ErrorKind::AccessDenied, texts::account_gone(lost))),
        }
    }

    fn named(&self, name: &str) -> &Arc<Account> {
        self.of.get(name).unwrap_or(&self.own)
    }
}
