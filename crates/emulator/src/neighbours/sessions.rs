//! Whose a signature is: the long-lived keys, and temporary credentials until they end. One list for all accounts, as an access
//! key id does not say whose it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::iam::store::Principal;
use crate::accounts::is_account;
use crate::{ACCOUNT, Keys};

/// Temporary credentials of all accounts, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<String, Session>>);

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

/// Why credentials are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The session token is missing or of another session.
    Unknown,
    /// Their time is over.
    Expired,
}

impl Sessions {
    /// The secret that belongs to an access key id.
    pub(crate) fn secret_of(&self, keys: &Keys, access_key_id: &str) -> Option<String> {
        match user_of(keys, access_key_id) {
            Some(_) => Some(keys.secret_access_key.clone()),
            None => self.lock().get(access_key_id).map(|session| session.secret.clone()),
        }
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
        let sessions = self.lock();
        let Some(session) = sessions.get(access_key_id) else {
            // Long-lived keys come without a token; AWS refuses one that is not theirs.
            let user = user_of(keys, access_key_id).filter(|_| token.is_none());
            return user.ok_or(NotTaken::Unknown);
        };
        if token != Some(session.token.as_str()) {
            return Err(NotTaken::Unknown);
        }
        if session.expires <= now { Err(NotTaken::Expired) } else { Ok(session.principal.clone()) }
    }

    /// Takes a session into account; those that ended are forgotten an hour later, so that until then they are known as
    /// expired.
    pub(crate) fn begin(&self, session: Session, now: i64) {
        const REMEMBERED: i64 = 60 * 60;
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.expires + REMEMBERED > now);
        sessions.insert(session.access_key_id.clone(), session);
    }

    /// Forgets them all.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user that a long-lived access key id belongs to: the emulator's own, or an account's number for the user of that account.
/// All have the emulator's one secret.
fn user_of(keys: &Keys, access_key_id: &str) -> Option<Principal> {
    let user = |account: &str| Some(Principal::User { account: account.to_owned() });
    match access_key_id {
        id if id == keys.access_key_id => user(ACCOUNT),
        id if is_account(id) => user(id),
        _ => None,
    }
}
