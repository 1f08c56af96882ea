//! The accounts. Each has its own profiles, roles, logs, buckets and prompt cache; all share the clock, the bill and the faults.
//!
//! Which account a call is made in is known once its signature is verified: the user's of the emulator's own key pair, the user's of an
//! account whose number is the access key id, or that of the role that was assumed. An account begins when it is first
//! named, and has what AWS Organizations gives to one that it creates: the role [`ORGANIZATION_ROLE`], which the first account
//! may assume.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use outcrop_wire::bedrock::ErrorKind;

use crate::control::{jobs, seeds};
use crate::failure::Failure;
use crate::state::State;
use crate::{ACCOUNT, SeededProfile, StartError};

/// The role that AWS Organizations makes in every account it creates, for the account that created it.
/// Source: AWS Organizations' user guide, "Accessing member accounts in an organization".
pub(crate) const ORGANIZATION_ROLE: &str = "OrganizationAccountAccessRole";

/// So many accounts at most: more than any test needs, and a bound on what names can make the emulator keep.
const MOST: usize = 1_000;

/// All accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// The one that the emulator's own keys belong to.
    first: Arc<State>,
    /// By number.
    others: Mutex<BTreeMap<String, Arc<State>>>,
}

/// An account in a Region: where things are, and what their ARNs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home<'a> {
    /// The account's number.
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl Home<'_> {
    /// The ARN of what is here.
    pub(crate) fn arn(self, service: &str, resource: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    }
}

/// Whether a text is the number of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Accounts {
    /// The first account, alone.
    pub(crate) fn new(first: State) -> Self {
        Self { first: Arc::new(first), others: Mutex::default() }
    }

    /// The one that the emulator's own keys belong to.
    pub(crate) fn first(&self) -> &Arc<State> {
        &self.first
    }

    /// The account of a number, which begins if need be.
    ///
    /// # Errors
    /// There are too many, or what was kept of it cannot be read.
    pub(crate) fn enter(&self, number: &str) -> Result<Arc<State>, Failure> {
        if number == ACCOUNT {
            return Ok(Arc::clone(&self.first));
        }
        let internal = |detail: String| Failure::new(ErrorKind::InternalServer, detail);
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.get(number) {
            return Ok(Arc::clone(known));
        }
        if others.len() >= MOST {
            return Err(internal(format!("The emulator keeps at most {MOST} accounts.")));
        }
        let begun = Arc::new(self.first.beside(number).map_err(|error| internal(error.to_string()))?);
        others.insert(number.to_owned(), Arc::clone(&begun));
        Ok(begun)
    }

    /// All that have begun.
    pub(crate) fn all(&self) -> Vec<Arc<State>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.first).chain(others.values()).cloned().collect()
    }

    /// Creates the seeded profiles of the first account.
    ///
    /// # Errors
    /// They cannot be written down.
    pub(crate) fn plant_seeds(&self) -> Result<Vec<SeededProfile>, StartError> {
        seeds::plant(&self.first)
    }

    /// Brings the jobs of all accounts to where they stand now.
    ///
    /// # Errors
    /// What was due cannot be written down.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        self.all().iter().try_for_each(|account| jobs::settle(account))
    }

    /// Writes down what their neighbours hold.
    pub(crate) fn keep(&self) {
        self.all().iter().for_each(|account| account.keep());
    }

    /// Forgets what was made, billed and set in all of them; seeded profiles stay.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn reset(&self) -> Result<(), Failure> {
        self.all().iter().try_for_each(|account| account.reset())?;
        self.first.reset_shared()
    }
}
