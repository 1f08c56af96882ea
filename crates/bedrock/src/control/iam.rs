//! IAM: roles with inline policies, and the policy simulator.

use percent_encoding::percent_decode_str;

use super::neighbour::unreadable;
use crate::client::{Client, SendError};
use crate::denial::By;
use crate::endpoint::Service;

/// A role (`GetRole`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The policy that says who may assume it, as it was written.
    pub trust: String,
}

/// What a policy says to one action on one resource (`SimulatePrincipalPolicy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// `bedrock:InvokeModel`
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// `allowed`, `explicitDeny`, `implicitDeny`
    pub decision: String,
    /// Whether the organisation's service control policies allow it; `None` outside an organisation.
    pub organisation_allows: Option<bool>,
}

impl Simulated {
    /// Which policy says no; `None` where it is allowed.
    pub fn denied_by(&self) -> Option<By> {
        match (self.decision.as_str(), self.organisation_allows) {
            (_, Some(false)) => Some(By::ServiceControlPolicy),
            ("allowed", _) => None,
            ("explicitDeny", _) => Some(By::IdentityPolicy),
            _ => Some(By::NobodyAllows),
        }
    }
}

impl Client {
    /// `iam:CreateRole`; hands back its ARN.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn create_role(&self, name: &str, trust: &str, description: &str) -> Result<String, SendError> {
        let parameters =
            [("RoleName", name), ("AssumeRolePolicyDocument", trust), ("Description", description)];
        let result = self.iam("CreateRole", &parameters).await?;
        let role = result.at(&["Role", "Arn"]).ok_or_else(|| unreadable("no ARN"))?;
        Ok(role.text.clone())
    }

    /// `iam:GetRole`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn role(&self, name: &str) -> Result<Role, SendError> {
        let result = self.iam("GetRole", &[("RoleName", name)]).await?;
        let role = result.child("Role").ok_or_else(|| unreadable("no role"))?;
        let arn = role.text_of("Arn").ok_or_else(|| unreadable("no ARN"))?.to_owned();
        Ok(Role { arn, trust: decoded(role.text_of("AssumeRolePolicyDocument").unwrap_or_default()) })
    }

    /// `iam:UpdateAssumeRolePolicy`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn set_trust(&self, role: &str, trust: &str) -> Result<(), SendError> {
        self.iam("UpdateAssumeRolePolicy", &[("RoleName", role), ("PolicyDocument", trust)]).await.map(drop)
    }

    /// `iam:DeleteRole`: its policies have to be deleted before.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn delete_role(&self, name: &str) -> Result<(), SendError> {
        self.iam("DeleteRole", &[("RoleName", name)]).await.map(drop)
    }

    /// `iam:PutRolePolicy`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), SendError> {
        let parameters = [("RoleName", role), ("PolicyName", policy), ("PolicyDocument", document)];
        self.iam("PutRolePolicy", &parameters).await.map(drop)
    }

    /// `iam:GetRolePolicy`: the document as it was written.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn role_policy(&self, role: &str, policy: &str) -> Result<String, SendError> {
        let result = self.iam("GetRolePolicy", &[("RoleName", role), ("PolicyName", policy)]).await?;
        Ok(decoded(result.text_of("PolicyDocument").unwrap_or_default()))
    }

    /// `iam:DeleteRolePolicy`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), SendError> {
        self.iam("DeleteRolePolicy", &[("RoleName", role), ("PolicyName", policy)]).await.map(drop)
    }

    /// `iam:SimulatePrincipalPolicy` of each action on each resource, all pages. `context` are condition keys and their
    /// values.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn simulate(
        &self,
        source: &str,
        actions: &[&str],
        resources: &[&str],
        context: &[(&str, &str)],
    ) -> Result<Vec<Simulated>, SendError> {
        let mut parameters = vec![("PolicySourceArn".to_owned(), source.to_owned())];
        for (list, values) in [("ActionNames", actions), ("ResourceArns", resources)] {
            let members =
                (1..).zip(values).map(|(at, value)| (format!("{list}.member.{at}"), (*value).to_owned()));
            parameters.extend(members);
        }
        for (at, (key, value)) in (1..).zip(context) {
            let entry = format!("ContextEntries.member.{at}");
            parameters.push((format!("{entry}.ContextKeyName"), (*key).to_owned()));
            parameters.push((format!("{entry}.ContextKeyValues.member.1"), (*value).to_owned()));
            parameters.push((format!("{entry}.ContextKeyType"), "string".to_owned()));
        }
        let mut all = Vec::new();
        loop {
            let result =
                self.query(Service::Iam, VERSION, "SimulatePrincipalPolicy", &parameters, HOME).await?;
            let members =
                result.child("EvaluationResults").map(|list| list.children.as_slice()).unwrap_or_default();
            all.extend(members.iter().map(|member| {
                let text = |name| member.text_of(name).unwrap_or_default().to_owned();
                Simulated {
                    action: text("EvalActionName"),
                    resource: text("EvalResourceName"),
                    decision: text("EvalDecision"),
                    organisation_allows: member
                        .at(&["OrganizationsDecisionDetail", "AllowedByOrganizations"])
                        .map(|allowed| allowed.text == "true"),
                }
            }));
            let Some(marker) = result.text_of("Marker").filter(|marker| !marker.is_empty()) else {
                return Ok(all);
            };
            parameters.retain(|(name, _)| name != "Marker");
            parameters.push(("Marker".to_owned(), marker.to_owned()));
        }
    }

    async fn iam(
        &self,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<outcrop_wire::xml::Element, SendError> {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.query(Service::Iam, VERSION, action, &parameters, HOME).await
    }
}

const VERSION: &str = "2010-05-08";
/// IAM is one for all Regions of the commercial partition.
const HOME: &str = "us-east-1";

/// Documents are percent-encoded in answers.
fn decoded(document: &str) -> String {
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}
