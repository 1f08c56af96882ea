//! `accounts`, `routes` and the `account` of a key, read from the configuration file.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_saphyr::{Location, Spanned};

use super::Reader;
use crate::accounts::{self, Account, Base, Role, Written};
use crate::outcrop_yaml::{self, Key};
use crate::problem::nearest;
use crate::secret::{self, Secret};

/// How long a session of a role may live (STS, `AssumeRole`).
const SESSION_SECONDS: RangeInclusive<u32> = 900..=43_200;

impl Reader<'_> {
    /// `accounts`, and who uses which.
    pub(super) fn accounts(
        &mut self,
        accounts: &BTreeMap<String, Spanned<outcrop_yaml::Account>>,
        routes: &BTreeMap<String, outcrop_yaml::Route>,
        keys: &[Key],
    ) -> Written {
        let mut written = Written::default();
        for (name, account) in accounts {
            if let Some(read) = self.account(name, account) {
                self.places.insert(format!("accounts.{name}"), self.source.line(account.referenced));
                self.shown.push((format!("accounts.{name}"), read.describe()));
                written.accounts.insert(name.clone(), read);
            }
        }
        let named = |reader: &mut Self, key: String, account: &Spanned<String>| {
            let name = reader.text(&key, account)?;
            if accounts.contains_key(&name) {
                return Some(name);
            }
            let hint = match nearest(&name, accounts.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "add it under `accounts`".to_owned(),
            };
            let message = format!("`{key}`: there is no account `{name}`");
            reader.problems.push(reader.source.error(account.referenced, message).hint(hint));
            None
        };
        for (identifier, route) in routes {
            if let Some(name) = named(self, format!("routes.{identifier}.account"), &route.account) {
                self.shown.push((format!("routes.{identifier}.account"), name.clone()));
                written.routes.insert(identifier.clone(), name);
            }
        }
        for (index, Key { name: key, key: _, account }) in keys.iter().enumerate() {
            let account = account.as_ref().and_then(|it| named(self, format!("keys[{index}].account"), it));
            if let Some((account, key)) = account.zip(self.text(&format!("keys[{index}].name"), key)) {
                written.keys.insert(key, account);
            }
        }
        written
    }

    fn account(&mut self, name: &str, account: &Spanned<outcrop_yaml::Account>) -> Option<Account> {
        let base = self.base(name, account)?;
        let Some(arn) = &account.value.role else {
            if base == Base::Own {
                let message = format!(
                    "`accounts.{name}` is the gateway's own account: it has neither a role nor credentials"
                );
                self.refuse(account.referenced, message, "add `role: arn:aws:iam::…:role/…`");
                return None;
            }
            return Some(Account { base, role: None });
        };
        if let Base::Bearer(_) = base {
            let message = format!("`accounts.{name}`: a Bedrock API key cannot assume a role");
            self.refuse(arn.referenced, message, "leave `bearer` or `role` out");
            return None;
        }
        let role = Some(self.role(name, arn, &account.value)?);
        Some(Account { base, role })
    }

    /// Whose credentials an account begins with.
    fn base(&mut self, name: &str, account: &Spanned<outcrop_yaml::Account>) -> Option<Base> {
        let outcrop_yaml::Account {
            profile, bearer, access_key_id, secret_access_key, session_token, ..
        } = &account.value;
        let key = |field: &str| format!("accounts.{name}.{field}");
        match (profile, bearer, access_key_id, secret_access_key) {
            (None, None, None, None) if session_token.is_none() => Some(Base::Own),
            (Some(profile), None, None, None) => self.text(&key("profile"), profile).map(Base::Profile),
            (None, Some(bearer), None, None) => self.credential(&key("bearer"), bearer).map(Base::Bearer),
            (None, None, Some(id), Some(secret)) => Some(Base::Keys {
                access_key_id: self.credential(&key("access_key_id"), id)?,
                secret: self.credential(&key("secret_access_key"), secret)?,
                session_token: match session_token {
                    Some(token) => Some(self.credential(&key("session_token"), token)?),
                    None => None,
                },
            }),
            _ => {
                let message =
                    format!("`accounts.{name}` must have one of: profile, bearer, both access keys, or none");
                let hint = "without any, the gateway's own credentials assume its `role`";
                self.refuse(account.referenced, message, hint);
                None
            }
        }
    }

    fn role(&mut self, name: &str, arn: &Spanned<String>, account: &outcrop_yaml::Account) -> Option<Role> {
        let outcrop_yaml::Account { external_id, session_name, tags, duration_seconds, .. } = account;
        let key = |field: &str| format!("accounts.{name}.{field}");
        let role = self.text(&key("role"), arn)?;
        if !role.starts_with("arn:") || !role.contains(":iam::") || !role.contains(":role/") {
            let message = format!("`accounts.{name}.role` is no ARN of a role");
            self.refuse(arn.referenced, message, "arn:aws:iam::123456789012:role/NAME");
            return None;
        }
        let session_name = match session_name {
            Some(written) => self.session_name(&key("session_name"), written)?,
            None => accounts::SESSION_NAME.to_owned(),
        };
        let external_id = match external_id {
            Some(written) => Some(self.external_id(&key("external_id"), written)?),
            None => None,
        };
        let mut session_tags = BTreeMap::new();
        for (tag, value) in tags {
            session_tags.insert(tag.clone(), self.text(&key(&format!("tags.{tag}")), value)?);
        }
        if let Some(written) = duration_seconds.as_ref().filter(|it| !SESSION_SECONDS.contains(&it.value)) {
            let message = format!("`accounts.{name}.duration_seconds` is not from 900 to 43200");
            self.refuse(written.referenced, message, "AWS's sessions live 15 minutes to 12 hours");
            return None;
        }
        let duration_seconds = duration_seconds.as_ref().map(|it| it.value);
        Some(Role { arn: role, external_id, session_name, tags: session_tags, duration_seconds })
    }

    /// What STS takes for one (`[\w+=,.@:\/-]*`, 2 to 1224 characters; botocore's model of `AssumeRole`): else every request that needs the
    /// role would be refused.
    fn external_id(&mut self, key: &str, written: &Spanned<String>) -> Option<Secret> {
        let value = self.text(key, written)?;
        let is_taken = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        if (2..=1224).contains(&value.len()) && value.chars().all(is_taken) {
            return Some(Secret::new(value));
        }
        let message = match secret::oddity(&value) {
            Some(what) => format!("`{key}` holds {what} and cannot be an external id"),
            None => format!("`{key}` is no external id"),
        };
        self.refuse(
            written.referenced,
            message,
            "STS takes 2 to 1224 letters, digits and any of _ + = , . @ : / -",
        );
        None
    }

    /// `[\w+=,.@-]*`, 2 to 64 characters (the same model).
    fn session_name(&mut self, key: &str, written: &Spanned<String>) -> Option<String> {
        let value = self.text(key, written)?;
        let is_taken = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if (2..=64).contains(&value.len()) && value.chars().all(is_taken) {
            return Some(value);
        }
        let hint = "STS takes 2 to 64 letters, digits and any of _ + = , . @ -";
        self.refuse(written.referenced, format!("`{key}` is no name for a session"), hint);
        None
    }

    /// A text that goes into a header.
    fn credential(&mut self, key: &str, written: &Spanned<String>) -> Option<Secret> {
        let value = self.text(key, written)?;
        if let Some(what) = secret::oddity(&value) {
            let message = format!("`{key}` holds {what} and cannot be a credential");
            self.refuse(written.referenced, message, "copy the value again");
            return None;
        }
        Some(Secret::new(value))
    }

    fn refuse(&mut self, location: Location, message: String, hint: &str) {
        self.problems.push(self.source.error(location, message).hint(hint));
    }
}
