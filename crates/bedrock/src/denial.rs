//! "You are not authorized", taken apart: who, what, on what, which policy says no, and what to paste.
//!
//! The forms: AWS's page "Troubleshoot access denied error messages" (IAM User Guide); reference `bedrock.md` §5.

use outcrop_texts::{self as texts, Text};
use serde_json::json;

/// AWS's sentence, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<'a> {
    /// Who is denied: the ARN of a user, or of a role's session.
    pub user: &'a str,
    /// `bedrock:InvokeModel`
    pub action: &'a str,
    /// An ARN; `None` where AWS names none.
    pub resource: Option<&'a str>,
    /// Which policy says no.
    pub by: By,
}

/// Which policy says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// No policy of the caller allows it.
    NobodyAllows,
    /// A policy of the caller denies it.
    IdentityPolicy,
    /// A service control policy of the organisation.
    ServiceControlPolicy,
    /// The caller's permissions boundary, or the session's policy.
    Boundary,
    /// The policy of the VPC endpoint that the call went through.
    VpcEndpoint,
    /// No policy of the resource allows it: it is another account's.
    ResourcePolicy,
    /// Another kind, or none is named.
    Other,
}

impl<'a> Denial<'a> {
    /// `User: U is not authorized to perform: A on resource: R because no … policy allows …|with an explicit deny in a … policy`
    pub fn read(message: &'a str) -> Option<Self> {
        let (user, rest) = message.split_once(" is not authorized to perform: ")?;
        let user = user.trim_start_matches("User: ");
        let action = rest.split_whitespace().next()?;
        let resource = rest.split_once("on resource: ").and_then(|(_, rest)| rest.split_whitespace().next());
        let names = |word: &str| rest.contains(word);
        let by = if names("service control policy") {
            By::ServiceControlPolicy
        } else if names("VPC endpoint policy") {
            By::VpcEndpoint
        } else if names("resource-based policy") {
            By::ResourcePolicy
        } else if names("permissions boundary") || names("session policy") {
            By::Boundary
        } else if names("explicit deny in an identity-based policy") {
            By::IdentityPolicy
        } else if names("no identity-based policy") {
            By::NobodyAllows
        } else {
            By::Other
        };
        Some(Self { user, action, resource, by })
    }

    /// Who may not do what, which policy says so, and what to do: with the policy to paste where one would help.
    pub fn text(&self) -> Text {
        let on = self.resource.unwrap_or("*");
        texts::denied(self.user, self.action, on, self.why()).with_hint(self.fix(on))
    }

    fn why(&self) -> Text {
        match self.by {
            By::ServiceControlPolicy => texts::DENIED_BY_SCP,
            By::Boundary => texts::DENIED_BY_BOUNDARY,
            By::VpcEndpoint => texts::DENIED_BY_ENDPOINT,
            By::ResourcePolicy => texts::DENIED_TO_OTHERS,
            By::IdentityPolicy => texts::DENIED_EXPLICITLY,
            By::NobodyAllows | By::Other => texts::NOT_ALLOWED,
        }
    }

    fn fix(&self, on: &str) -> Text {
        let part = |index| on.split(':').nth(index).filter(|part| !part.is_empty());
        match self.by {
            By::ServiceControlPolicy => texts::exempt_from_scp(part(3).unwrap_or("unspecified")),
            By::Boundary | By::VpcEndpoint => texts::allow_there_too(allow(self.action, on)),
            By::ResourcePolicy => texts::call_as_its_account(part(4).unwrap_or_default()),
            By::IdentityPolicy => texts::narrow_the_deny(self.action),
            By::NobodyAllows | By::Other => texts::attach_policy(self.user, allow(self.action, on)),
        }
    }
}

/// A policy to paste.
pub fn allow(action: &str, resource: &str) -> String {
    // Streamed or not is one decision to a person, but two actions to IAM.
    let actions = match action {
        "bedrock:InvokeModel" | "bedrock:InvokeModelWithResponseStream" => {
            json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"])
        }
        other => json!(other),
    };
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_taken_apart() {
        const ARN: &str =
            "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0";
        for (end, by) in [
            ("because no identity-based policy allows the bedrock:InvokeModel action", By::NobodyAllows),
            ("with an explicit deny in an identity-based policy", By::IdentityPolicy),
            ("with an explicit deny in a service control policy", By::ServiceControlPolicy),
            (
                "because no service control policy allows the bedrock:InvokeModel action",
                By::ServiceControlPolicy,
            ),
            ("because no permissions boundary allows the bedrock:InvokeModel action", By::Boundary),
            ("because no session policy allows the bedrock:InvokeModel action", By::Boundary),
            ("because no VPC endpoint policy allows the bedrock:InvokeModel action", By::VpcEndpoint),
            ("with an explicit deny in a VPC endpoint policy", By::VpcEndpoint),
            ("because no resource-based policy allows the bedrock:InvokeModel action", By::ResourcePolicy),
            ("", By::Other),
        ] {
            let text = format!(
                "User: arn:aws:iam::123456789012:user/a is not authorized to perform: bedrock:InvokeModel on resource: {ARN} {end}"
            );
            let denial = Denial::read(&text).unwrap();
            assert_eq!((denial.action, denial.resource, denial.by), ("bedrock:InvokeModel", Some(ARN), by));
        }
        assert_eq!(Denial::read("You don't have access to the model with the specified model ID."), None);
    }

    #[test]
    fn each_policy_that_says_no_has_a_fix_of_its_own() {
        let fix = |by, resource| {
            Denial { user: "role/gw", action: "bedrock:InvokeModel", resource, by }
                .text()
                .hint()
                .unwrap()
                .to_owned()
        };
        let model = Some("arn:aws:bedrock:us-east-1::foundation-model/m");
        let missing = fix(By::NobodyAllows, model);
        assert!(missing.contains("bedrock:InvokeModelWithResponseStream"), "{missing}");
        assert!(missing.contains("arn:aws:bedrock:us-east-1::foundation-model/m"), "{missing}");
        assert!(fix(By::IdentityPolicy, model).contains("Deny"));
        assert!(fix(By::Boundary, model).contains("there too"));
        assert!(fix(By::ServiceControlPolicy, model).contains("`us-east-1`"));
        let global = Some("arn:aws:bedrock:::foundation-model/m");
        assert!(fix(By::ServiceControlPolicy, global).contains("`unspecified`"));
        assert!(fix(By::ServiceControlPolicy, None).contains("`unspecified`"));
        let other = Some("arn:aws:bedrock:us-east-1:210987654321:application-inference-profile/x");
        assert!(fix(By::ResourcePolicy, other).contains("arn:aws:iam::210987654321:role/"));
    }
}
