//! Who there is in an account: the one user, and roles with their policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::{Decision, Policy, Question, decide};
use crate::ACCOUNT;
use crate::accounts::ORGANIZATION_ROLE;

/// The user that the emulator's key pair belongs to.
pub(crate) const USER: &str = "outcrop";
/// Its id, which is the one in AWS's documentation.
pub(crate) const USER_ID: &str = "AIDACKCEVSQ6C2EXAMPLE";
/// What the user may do until it is detached: everything.
pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// All identities of an account.
#[derive(Debug)]
pub(crate) struct Identities(Mutex<Inner>);

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The account's number.
    pub(crate) account: String,
    /// By name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// What the user is granted.
    pub(crate) user: Grants,
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

/// Somebody who proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The one user of an account.
    User {
        /// The account's number.
        account: String,
    },
    /// A session of a role, by the role's name.
    Role {
        /// The number of the role's account.
        account: String,
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
            Self::User { account } => user_arn(account),
            Self::Role { account, name, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
            }
        }
    }

    /// The number of the account that it acts in.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::User { account } | Self::Role { account, .. } => account,
        }
    }

    /// `UserId`.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::User { .. } => USER_ID,
            Self::Role { id, .. } => id,
        }
    }
}

/// The ARN of an account's user.
pub(crate) fn user_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:user/{USER}")
}

/// The ARN of everybody in an account.
pub(crate) fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

impl Role {
    /// Its ARN in its account.
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{}", self.path, self.name)
    }

    /// The role that a member of an organization begins with, which the first account may assume.
    fn of_organization() -> Self {
        let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": root_arn(ACCOUNT)}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
        Self {
            name: ORGANIZATION_ROLE.to_owned(),
            path: "/".to_owned(),
            id: "AROAOUTCROPORGANIZATE".to_owned(),
            created: Timestamp::now(),
            trust: trust.to_string(),
            description: None,
            max_session: 3_600,
            tags: Vec::new(),
            grants: Grants::administrator(),
        }
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

impl Identities {
    /// Those that an account begins with.
    pub(crate) fn of(account: &str) -> Self {
        Self(Mutex::new(Inner::of(account)))
    }

    /// Everything, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Roles and grants, to be kept.
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
        let mut inner = self.lock();
        *inner = Inner::of(&inner.account);
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
}

impl Inner {
    fn of(account: &str) -> Self {
        let organization = (account != ACCOUNT).then(Role::of_organization);
        Self {
            account: account.to_owned(),
            roles: organization.into_iter().map(|role| (role.name.clone(), role)).collect(),
            user: Grants::administrator(),
        }
    }

    /// Whether a principal is granted everything, and nothing is denied to it.
    pub(crate) fn is_administrator(&self, principal: &Principal) -> bool {
        matches!(principal, Principal::User { .. })
            && self.user.inline.is_empty()
            && self.user.attached.contains(ADMINISTRATOR)
    }

    /// The role with this ARN.
    pub(crate) fn role_of(&self, arn: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.arn(&self.account) == arn)
    }

    /// What a principal's own policies say.
    pub(crate) fn decide(&self, principal: &Principal, question: &Question<'_>) -> Decision {
        match principal {
            Principal::User { .. } => self.user.decide(question).0,
            Principal::Role { name, .. } => {
                self.roles.get(name).map_or(Decision::ImplicitDeny, |role| role.grants.decide(question).0)
            }
        }
    }

    /// Who a principal is to a policy's `Principal`, in its kind `AWS`: itself, the role whose session it is, its account.
    pub(crate) fn names_of(&self, principal: &Principal) -> Vec<String> {
        let account = principal.account();
        let role = match principal {
            Principal::Role { name, .. } => self.roles.get(name).map(|role| role.arn(account)),
            Principal::User { .. } => None,
        };
        let wide = [root_arn(account), account.to_owned()];
        std::iter::once(principal.arn()).chain(role).chain(wide).collect()
    }

    /// What policies can ask of a principal: condition keys, in lower case, and their values. A session's tags stand over those
    /// of its role.
    pub(crate) fn context_of(&self, principal: &Principal) -> BTreeMap<String, Vec<String>> {
        let mut context = BTreeMap::from([
            ("aws:principalarn".to_owned(), vec![principal.arn()]),
            ("aws:principalaccount".to_owned(), vec![principal.account().to_owned()]),
            ("aws:userid".to_owned(), vec![principal.id().to_owned()]),
        ]);
        if let Principal::Role { name, tags, .. } = principal {
            let of_role = self.roles.get(name).map(|role| role.tags.as_slice()).unwrap_or_default();
            for (key, value) in of_role.iter().chain(tags) {
                context.insert(format!("aws:principaltag/{}", key.to_ascii_lowercase()), vec![value.clone()]);
            }
        }
        context
    }
}
