//! STS: who we are, and temporary credentials of a role.

use std::time::SystemTime;

use outcrop_wire::xml::Element;

use super::neighbour::unreadable;
use crate::Credentials;
use crate::client::{Client, SendError};
use crate::endpoint::Service;

/// Who a caller is (`GetCallerIdentity`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The number of the account.
    pub account: String,
    /// `arn:aws:iam::ACCOUNT:user/NAME`, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, …
    pub arn: String,
    /// The unique id.
    pub user_id: String,
}

impl CallerIdentity {
    /// The ARN whose policies decide what the caller may do: of an assumed role, the role's.
    pub fn policy_source(&self) -> String {
        let role = self.arn.split_once(":assumed-role/").and_then(|(before, rest)| {
            let partition = before.split(':').nth(1)?;
            let (role, _session) = rest.split_once('/')?;
            Some(format!("arn:{partition}:iam::{}:role/{role}", self.account))
        });
        role.unwrap_or_else(|| self.arn.clone())
    }
}

/// A role to be assumed (`AssumeRole`).
#[derive(Debug, Clone, Default)]
pub struct RoleToAssume {
    /// Its ARN.
    pub arn: String,
    /// 2 to 64 characters; appears in logs.
    pub session_name: String,
    /// What the role's trust policy asks for, if it does.
    pub external_id: Option<String>,
    /// Session tags: they appear in the bill.
    pub tags: Vec<(String, String)>,
    /// In seconds, 900 to 43,200; one hour without.
    pub duration_seconds: Option<u32>,
}

/// Temporary credentials. Holds secrets and has no way to print them.
pub struct AssumedRole {
    /// Ready to be used.
    pub credentials: Credentials,
    /// When they expire, ISO 8601.
    pub expiration: String,
    /// The ARN of the session.
    pub arn: String,
}

impl Client {
    /// `sts:GetCallerIdentity`: needs no permission.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn caller_identity(&self, region: &str) -> Result<CallerIdentity, SendError> {
        let result = self.query(Service::Sts, VERSION, "GetCallerIdentity", &[], region).await?;
        Ok(CallerIdentity {
            account: text(&result, "Account")?,
            arn: text(&result, "Arn")?,
            user_id: text(&result, "UserId")?,
        })
    }

    /// `sts:AssumeRole`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn assume_role(&self, role: &RoleToAssume, region: &str) -> Result<AssumedRole, SendError> {
        let RoleToAssume { arn, session_name, external_id, tags, duration_seconds } = role;
        let mut parameters =
            vec![("RoleArn".to_owned(), arn.clone()), ("RoleSessionName".to_owned(), session_name.clone())];
        parameters.extend(external_id.iter().map(|id| ("ExternalId".to_owned(), id.clone())));
        parameters.extend(duration_seconds.iter().map(|it| ("DurationSeconds".to_owned(), it.to_string())));
        for (at, (key, value)) in (1..).zip(tags) {
            parameters.push((format!("Tags.member.{at}.Key"), key.clone()));
            parameters.push((format!("Tags.member.{at}.Value"), value.clone()));
        }
        let result = self.query(Service::Sts, VERSION, "AssumeRole", &parameters, region).await?;
        let keys = result.child("Credentials").ok_or_else(|| unreadable("no credentials"))?;
        let (id, secret) = (text(keys, "AccessKeyId")?, text(keys, "SecretAccessKey")?);
        let expiration = text(keys, "Expiration")?;
        let expires = expiration.parse::<jiff::Timestamp>().ok().map(SystemTime::from);
        let credentials = Credentials::temporary(&id, &secret, &text(keys, "SessionToken")?, expires);
        let user = result.child("AssumedRoleUser").ok_or_else(|| unreadable("no AssumedRoleUser"))?;
        Ok(AssumedRole { credentials: credentials?, expiration, arn: text(user, "Arn")? })
    }
}

const VERSION: &str = "2011-06-15";

fn text(element: &Element, name: &str) -> Result<String, SendError> {
    element.text_of(name).map(str::to_owned).ok_or_else(|| unreadable(&format!("{name} is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_those_of_the_role_behind_a_session() {
        let source = |arn: &str| {
            let (account, user_id) = ("123456789012".to_owned(), String::new());
            CallerIdentity { account, arn: arn.to_owned(), user_id }.policy_source()
        };
        assert_eq!(
            source("arn:aws:sts::123456789012:assumed-role/Team/me@example.com"),
            "arn:aws:iam::123456789012:role/Team"
        );
        assert_eq!(source("arn:aws:iam::123456789012:user/me"), "arn:aws:iam::123456789012:user/me");
    }
}
