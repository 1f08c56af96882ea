//! Who there is: the one user, roles with their policies, and the sessions of roles that were assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::{Decision, Policy, Question, decide};
use crate::{ACCOUNT, Keys};

/// The user that the emulator's key pair belongs to.
pub(crate) const USER: &str = "outcrop";
/// Its id, which is the one in AWS's documentation.
pub(crate) const USER_ID: &str = "AIDACKCEVSQ6C2EXAMPLE";
/// What the user may do until it is detached: everything.
pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// All identities of the account.
#[derive(Debug)]
pub(crate) struct Identities(Mutex<Inner>);

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Inner {
    /// By name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// What the user is granted.
    pub(crate) user: Grants,
    /// By access key id.
    sessions: BTreeMap<String, Session>,
}

/// The policies of an identity: inline ones by name, and the ARNs of attached ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    pub(crate) inline: BTreeMap<String, String>,
    pub(crate) attached: BTreeSet<String>,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    /// Its trust policy, as it was written.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    /// In seconds.
    pub(crate) max_session: u64,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) grants: Grants,
}

/// Temporary credentials and whose they are.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    /// Unix seconds.
    pub(crate) expires: i64,
    pub(crate) principal: Principal,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// Somebody who proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The one user.
    User,
    /// A session of a role, by the role's name.
    Role {
        /// The role's name.
        name: String,
        /// `AROA…:SESSION`.
        id: String,
        /// The name of the session.
        session: String,
        /// Its session tags.
        tags: Vec<(String, String)>,
    },
}

impl Principal {
    /// The ARN that `GetCallerIdentity` answers and that logs name.
    pub(crate) fn arn(&self) -> String {
        match self {
            Self::User => format!("arn:aws:iam::{ACCOUNT}:user/{USER}"),
            Self::Role { name, session, .. } => {
                format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}")
            }
        }
    }

    /// `UserId`.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::User => USER_ID,
            Self::Role { id, .. } => id,
        }
    }
}

/// Why temporary credentials are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The session token is missing or of another session.
    Unknown,
    /// Their time is over.
    Expired,
}

impl Role {
    /// Its ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role{}{}", self.path, self.name)
    }
}

impl Grants {
    fn administrator() -> Self {
        Self { inline: BTreeMap::new(), attached: BTreeSet::from([ADMINISTRATOR.to_owned()]) }
    }

    /// What these grants say, with the names of the policies that matched.
    pub(crate) fn decide(&self, question: &Question<'_>) -> (Decision, Vec<String>) {
        let attached = self.attached.iter().map(|arn| (arn.as_str(), ALLOW_ALL));
        let inline = self.inline.iter().map(|(name, document)| (name.as_str(), document.as_str()));
        let policies: Vec<(&str, Policy)> = attached
            .chain(inline)
            // They were read when they were put.
            .filter_map(|(name, document)| Some((name, Policy::parse(document).ok()?)))
            .collect();
        let decision = decide(policies.iter().map(|(_, policy)| policy), question);
        let matched = policies
            .iter()
            .filter(|(_, policy)| decision != Decision::ImplicitDeny && policy.decide(question) == decision);
        (decision, matched.map(|(name, _)| (*name).to_owned()).collect())
    }
}

/// The document of the only managed policy there is.
const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

impl Default for Identities {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            roles: BTreeMap::new(),
            user: Grants::administrator(),
            sessions: BTreeMap::new(),
        }))
    }
}

impl Identities {
    /// Everything, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Roles and grants, to be kept; sessions are not.
    pub(in crate::neighbours) fn kept(&self) -> (BTreeMap<String, Role>, Grants) {
        let inner = self.lock();
        (inner.roles.clone(), inner.user.clone())
    }

    /// The roles and grants that were kept.
    pub(in crate::neighbours) fn restore(&self, roles: BTreeMap<String, Role>, user: Grants) {
        let mut inner = self.lock();
        (inner.roles, inner.user) = (roles, user);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.lock() = Self::default().0.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    /// Replaces the user's policies; `None` gives the administrator's rights back. The documents were read.
    pub(crate) fn grant_user(&self, documents: Option<Vec<String>>) {
        let inline = |documents: Vec<String>| {
            let numbered = documents.into_iter().enumerate();
            numbered.map(|(number, document)| (format!("policy-{number}"), document)).collect()
        };
        self.lock().user = match documents {
            Some(documents) => Grants { inline: inline(documents), attached: BTreeSet::new() },
            None => Grants::administrator(),
        };
    }

    /// The secret that belongs to an access key id.
    pub(crate) fn secret_of(&self, keys: &Keys, access_key_id: &str) -> Option<String> {
        if access_key_id == keys.access_key_id {
            return Some(keys.secret_access_key.clone());
        }
        self.lock().sessions.get(access_key_id).map(|session| session.secret.clone())
    }

    /// Who a verified signature belongs to, at the time `now` in Unix seconds.
    ///
    /// # Errors
    /// The session token is not that of the key, or its time is over.
    pub(crate) fn principal(
        &self,
        keys: &Keys,
        access_key_id: &str,
        token: Option<&str>,
        now: i64,
    ) -> Result<Principal, NotTaken> {
        let inner = self.lock();
        let Some(session) = inner.sessions.get(access_key_id) else {
            // Long-lived keys come without a token; AWS refuses one that is not theirs.
            let is_users = access_key_id == keys.access_key_id && token.is_none();
            return if is_users { Ok(Principal::User) } else { Err(NotTaken::Unknown) };
        };
        if token != Some(session.token.as_str()) {
            return Err(NotTaken::Unknown);
        }
        if session.expires <= now { Err(NotTaken::Expired) } else { Ok(session.principal.clone()) }
    }
}

impl Inner {
    /// Whether a principal is granted everything, and nothing is denied to it.
    pub(crate) fn is_administrator(&self, principal: &Principal) -> bool {
        *principal == Principal::User
            && self.user.inline.is_empty()
            && self.user.attached.contains(ADMINISTRATOR)
    }

    /// The role with this ARN.
    pub(crate) fn role_of(&self, arn: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.arn() == arn)
    }

    /// What a principal's own policies say.
    pub(crate) fn decide(&self, principal: &Principal, question: &Question<'_>) -> Decision {
        match principal {
            Principal::User => self.user.decide(question).0,
            Principal::Role { name, .. } => {
                self.roles.get(name).map_or(Decision::ImplicitDeny, |role| role.grants.decide(question).0)
            }
        }
    }

    /// Takes a session into account; those that ended are forgotten an hour later, so that until then they are known as
    /// expired.
    pub(crate) fn begin(&mut self, session: Session, now: i64) {
        const REMEMBERED: i64 = 60 * 60;
        self.sessions.retain(|_, session| session.expires + REMEMBERED > now);
        self.sessions.insert(session.access_key_id.clone(), session);
    }
}
