//! What the caller may do: IAM's own simulation of each action on each resource, so that nothing has to be tried.
//!
//! The simulation knows the policies of the caller and of its organisation, not those of a session or a VPC endpoint: what it
//! allows may still be refused, and then the real call tells.

use std::collections::BTreeSet;

use outcrop_bedrock::SendError;
use outcrop_bedrock::denial::{self, Denial};
use outcrop_catalog::{Catalog, Resolution};
use outcrop_wire::bedrock::ErrorKind;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding};
use crate::commands::iam::destinations;

/// What finding and listing take, which are rights on no resource in particular.
const READING: [&str; 3] = [
    "bedrock:ListInferenceProfiles",
    "bedrock:ListFoundationModels",
    "bedrock:GetFoundationModelAvailability",
];
/// Converse has no action of its own (reference `bedrock.md` §5).
const INVOKING: [&str; 2] = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];
const REQUESTED_REGION: &str = "aws:RequestedRegion";
const INFERENCE_PROFILE: &str = "bedrock:InferenceProfileArn";

/// The rights that `subjects` take. One finding says that the simulation itself is not allowed, rather than many.
pub async fn examine(
    connection: &Connection<'_>,
    catalog: &Catalog,
    subjects: &[Resolution],
) -> Vec<Finding> {
    let Some(caller) = &connection.caller else { return Vec::new() };
    let simulator = Simulator { connection, source: caller.policy_source(), user: &caller.arn };
    let mut questions = vec![Question {
        actions: &READING,
        resource: "*".to_owned(),
        region: connection.region().to_owned(),
        through: None,
    }];
    for resolution in subjects {
        questions.extend(invocation(connection, catalog, resolution));
    }
    let mut findings = Vec::new();
    let mut allowed = 0;
    for question in &questions {
        match simulator.ask(question).await {
            Ok(denied) if denied.is_empty() => allowed += question.actions.len(),
            Ok(denied) => findings.extend(denied),
            Err(error) => return vec![not_simulated(&simulator.source, &error)],
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            Check::Permission,
            format!("{allowed} actions were simulated, and all are allowed"),
        ));
    }
    findings
}

/// May the caller do each of these on this?
struct Question {
    actions: &'static [&'static str],
    resource: String,
    region: String,
    through: Option<String>,
}

/// On the target itself, and on the model wherever a profile may route to.
fn invocation(connection: &Connection<'_>, catalog: &Catalog, resolution: &Resolution) -> Vec<Question> {
    let region = &resolution.source_region;
    let account = connection.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
    let target = arn(resolution, account);
    let legs: BTreeSet<String> = match &resolution.profile {
        Some(_) => destinations(resolution, catalog),
        None => BTreeSet::new(),
    };
    let through = (!legs.is_empty()).then(|| target.clone());
    let legs = legs.into_iter().map(|leg| Question {
        actions: &INVOKING,
        region: leg.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("unspecified").to_owned(),
        resource: leg,
        through: through.clone(),
    });
    let first = Question { actions: &INVOKING, resource: target, region: region.clone(), through: None };
    std::iter::once(first).chain(legs).collect()
}

/// What IAM calls the target.
fn arn(resolution: &Resolution, account: &str) -> String {
    let (target, region) = (&resolution.target, &resolution.source_region);
    if target.starts_with("arn:") {
        return target.clone();
    }
    let partition = crate::commands::profiles::partition(region);
    match resolution.profile {
        Some(_) => format!("arn:{partition}:bedrock:{region}:{account}:inference-profile/{target}"),
        None => format!("arn:{partition}:bedrock:{region}::foundation-model/{target}"),
    }
}

struct Simulator<'a> {
    connection: &'a Connection<'a>,
    source: String,
    user: &'a str,
}

impl Simulator<'_> {
    /// What is denied, and by which policy.
    async fn ask(&self, question: &Question) -> Result<Vec<Finding>, SendError> {
        let Question { actions, resource, region, through } = question;
        let mut context = vec![(REQUESTED_REGION, region.as_str())];
        context.extend(through.as_deref().map(|profile| (INFERENCE_PROFILE, profile)));
        let simulated =
            within(self.connection.client.simulate(&self.source, actions, &[resource], &context)).await?;
        let denied = simulated.iter().filter_map(|it| {
            let by = it.denied_by()?;
            let resource = Some(it.resource.as_str()).filter(|resource| *resource != "*");
            Some(cause::of_denial(&Denial { user: self.user, action: &it.action, resource, by }))
        });
        Ok(denied.collect())
    }
}

fn not_simulated(source: &str, error: &SendError) -> Finding {
    let is_denied = matches!(error, SendError::Service(it) if it.error.kind == ErrorKind::AccessDenied);
    let detail = format!("the rights of {source} were not simulated: {error}");
    let fix = match is_denied {
        true => {
            format!("to have them checked, allow:\n{}", denial::allow("iam:SimulatePrincipalPolicy", source))
        }
        false => "name an identifier, and one real call will tell: `outcrop doctor IDENTIFIER`".to_owned(),
    };
    Finding::warning(Check::Permission, detail, fix)
}
