//! `accounts`, `routes` and the `account` of a key: as whom the gateway calls AWS, beside its own credentials.

use std::collections::BTreeMap;

use outcrop_bedrock::control::sts::RoleToAssume;
use outcrop_bedrock::{Client, Credentials, Endpoints};
use outcrop_gateway::Accounts;

use crate::credentials::Chosen;
use crate::secret::Secret;

/// What the configuration file says of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// By name.
    pub accounts: BTreeMap<String, Account>,
    /// Identifier → name.
    pub routes: BTreeMap<String, String>,
    /// Key → name.
    pub keys: BTreeMap<String, String>,
}

/// One account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose credentials.
    pub base: Base,
    /// The role that those assume.
    pub role: Option<Role>,
}

/// Credentials to begin with.
#[derive(Clone, PartialEq, Eq)]
pub enum Base {
    /// The gateway's own.
    Own,
    /// A profile of AWS's shared files.
    Profile(String),
    /// A Bedrock API key.
    Bearer(Secret),
    /// Access keys.
    Keys {
        /// The public half.
        access_key_id: Secret,
        /// The secret half.
        secret: Secret,
        /// For temporary keys.
        session_token: Option<Secret>,
    },
}

/// A role to assume.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for.
    pub external_id: Option<Secret>,
    /// What AWS's logs call the session.
    pub session_name: String,
    /// What the bill shows.
    pub tags: BTreeMap<String, String>,
    /// In seconds.
    pub duration_seconds: Option<u32>,
}

/// What AWS's logs call a session that has no name of its own.
pub const SESSION_NAME: &str = "outcrop";

impl Written {
    /// The credentials of each account, made once: they renew themselves.
    pub fn load(
        &self,
        chosen: &Chosen,
        own: &Credentials,
        endpoints: &Endpoints,
        region: &str,
    ) -> Result<Accounts, String> {
        let mut credentials = BTreeMap::new();
        for (name, account) in &self.accounts {
            let loaded = account.load(chosen, own, endpoints, region);
            let loaded = loaded.map_err(|why| format!("the account `{name}` has no credentials: {why}"))?;
            credentials.insert(name.clone(), loaded);
        }
        Ok(Accounts { credentials, routes: self.routes.clone(), keys: self.keys.clone() })
    }
}

impl Account {
    fn load(
        &self,
        chosen: &Chosen,
        own: &Credentials,
        endpoints: &Endpoints,
        region: &str,
    ) -> Result<Credentials, String> {
        let base = match &self.base {
            Base::Own => own.clone(),
            Base::Profile(name) => chosen.chain(Some(name), region),
            Base::Bearer(key) => Credentials::bearer(key.reveal()).map_err(|error| error.to_string())?,
            Base::Keys { access_key_id, secret, session_token } => {
                let token = session_token.as_ref().map(Secret::reveal);
                Credentials::keys(access_key_id.reveal(), secret.reveal(), token)
                    .map_err(|error| error.to_string())?
            }
        };
        Ok(match &self.role {
            Some(role) => Credentials::role(Client::new(base, endpoints.clone()), role.to_assume(), region),
            None => base,
        })
    }

    /// For `config show`: never a secret.
    pub fn describe(&self) -> String {
        let base = match &self.base {
            Base::Own => "the gateway's own credentials".to_owned(),
            Base::Profile(name) => format!("profile `{name}`"),
            Base::Bearer(_) => "a Bedrock API key".to_owned(),
            Base::Keys { .. } => "access keys".to_owned(),
        };
        match &self.role {
            Some(role) => format!("{}, assumed by {base}", role.arn),
            None => base,
        }
    }
}

impl Role {
    fn to_assume(&self) -> RoleToAssume {
        let Self { arn, external_id, session_name, tags, duration_seconds } = self;
        RoleToAssume {
            arn: arn.clone(),
            session_name: session_name.clone(),
            external_id: external_id.as_ref().map(|id| id.reveal().to_owned()),
            tags: tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            duration_seconds: *duration_seconds,
        }
    }
}
