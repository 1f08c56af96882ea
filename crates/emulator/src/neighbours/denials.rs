//! The organisation's service control policies, and how a refusal is worded.
//!
//! `POST /_emulator/policies` sets who may do what in one call: `{"identity": [DOCUMENT…], "serviceControl": [DOCUMENT…]}`,
//! each document as IAM writes it. `identity` takes the place of the user's own policies (as `PutUserPolicy` and
//! `DetachUserPolicy` would). A service control policy only takes away: one that allows something leaves only that, and a
//! list of denials alone leaves the rest.
//!
//! Sources: the sentences are AWS's ("Troubleshoot access denied error messages").

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::iam::policy::{Decision, Policy, Question, decide};
use crate::failure::Failure;

/// The service control policies in force.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Vec<Policy>>);

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    /// By a `Deny`, rather than for want of an `Allow`.
    pub(crate) is_explicit: bool,
}

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    Resource,
    ServiceControl,
}

/// What `POST /_emulator/policies` takes.
pub(crate) struct Policies {
    /// The user's; `None` gives the administrator's rights back.
    pub(crate) identity: Option<Vec<String>>,
    service_control: Vec<Policy>,
}

impl Policies {
    /// Reads a request's body.
    ///
    /// # Errors
    /// 400 for what is no policy, and for conditions that are not evaluated here.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Request {
            #[serde(default)]
            identity: Option<Vec<Box<RawValue>>>,
            #[serde(default)]
            service_control: Vec<Box<RawValue>>,
        }
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::validation(format!(
                "expected {{\"identity\": [POLICY…], \"serviceControl\": [POLICY…]}}, each as IAM writes it: {why}"
            ))
        };
        let Request { identity, service_control } =
            serde_json::from_slice(body).map_err(|error| wrong(&error))?;
        let identity =
            identity.map(|documents| documents.iter().map(|it| it.get().to_owned()).collect::<Vec<_>>());
        let parse = |document: &str| Policy::parse(document).map_err(|why| wrong(&why));
        identity.iter().flatten().try_for_each(|document| parse(document).map(|_| ()))?;
        let service_control = service_control.iter().map(|it| parse(it.get())).collect::<Result<_, _>>()?;
        Ok(Self { identity, service_control })
    }
}

impl Denials {
    /// Puts service control policies in force, in place of those before.
    pub(crate) fn set(&self, policies: Policies) {
        *self.lock() = policies.service_control;
    }

    /// Lifts them all.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// What they leave.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Decision {
        let policies = self.lock();
        match decide(policies.iter(), question) {
            // Every organisation has FullAWSAccess beside its denials.
            Decision::ImplicitDeny if !policies.iter().any(Policy::allows_anything) => Decision::Allowed,
            decision => decision,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Policy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    /// What two kinds of policy together refuse: a denial anywhere first, then the organisation's.
    pub(crate) fn of(organisation: Decision, own: Decision) -> Option<Self> {
        let refusal = |kind, is_explicit| Some(Self { kind, is_explicit });
        match (organisation, own) {
            (Decision::ExplicitDeny, _) => refusal(Kind::ServiceControl, true),
            (_, Decision::ExplicitDeny) => refusal(Kind::Identity, true),
            (Decision::ImplicitDeny, _) => refusal(Kind::ServiceControl, false),
            (_, Decision::ImplicitDeny) => refusal(Kind::Identity, false),
            (Decision::Allowed, Decision::Allowed) => None,
        }
    }

    /// AWS's sentence.
    pub(crate) fn sentence(self, caller: &str, action: &str, resource: &str) -> String {
        let policy = match self.kind {
            Kind::Identity => "identity-based policy",
            Kind::Resource => "resource-based policy",
            Kind::ServiceControl => "service control policy",
        };
        let article = if self.kind == Kind::Identity { "an" } else { "a" };
        let because = match self.is_explicit {
            true => format!("with an explicit deny in {article} {policy}"),
            false => format!("because no {policy} allows the {action} action"),
        };
        format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {because}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MODEL: &str = "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0";

    fn decided(body: &str, action: &str, region: &str) -> Decision {
        let denials = Denials::default();
        denials.set(Policies::read(body.as_bytes()).unwrap());
        let context = BTreeMap::from([("aws:requestedregion".to_owned(), vec![region.to_owned()])]);
        denials.decide(&Question { action, resource: MODEL, principals: &[], context: &context })
    }

    #[test]
    fn denials_alone_leave_the_rest() {
        let body = r#"{"serviceControl": [{"Statement": [{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "us-east-2"]}}}]}]}"#;
        assert_eq!(decided(body, "bedrock:InvokeModel", "us-east-1"), Decision::Allowed);
        assert_eq!(decided(body, "bedrock:InvokeModel", "us-west-2"), Decision::ExplicitDeny);
        assert_eq!(decided(body, "bedrock:InvokeModel", "unspecified"), Decision::ExplicitDeny);
        assert_eq!(decided("{}", "bedrock:InvokeModel", "us-west-2"), Decision::Allowed);
    }

    #[test]
    fn a_list_of_what_is_allowed_takes_the_rest_away() {
        let body = r#"{"serviceControl": [{"Statement": {"Effect": "Allow", "Action": "bedrock:Get*", "Resource": "*"}}]}"#;
        assert_eq!(decided(body, "bedrock:GetInferenceProfile", "us-east-1"), Decision::Allowed);
        assert_eq!(decided(body, "bedrock:InvokeModel", "us-east-1"), Decision::ImplicitDeny);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for body in [r#"{"identity": [{}]}"#, r#"{"serviceControl": [1]}"#, r#"{"scp": []}"#, "x"] {
            assert!(Policies::read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn the_organisation_is_named_first() {
        use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
        let kind = |organisation, own| Refusal::of(organisation, own).map(|it| (it.kind, it.is_explicit));
        assert_eq!(kind(Allowed, Allowed), None);
        assert_eq!(kind(ExplicitDeny, ExplicitDeny), Some((Kind::ServiceControl, true)));
        assert_eq!(kind(ImplicitDeny, ExplicitDeny), Some((Kind::Identity, true)));
        assert_eq!(kind(Allowed, ImplicitDeny), Some((Kind::Identity, false)));
    }
}
