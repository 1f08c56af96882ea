//! The account as a whole: quotas and the invocation log.

use outcrop_catalog::ProfileType;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding, Status};
use crate::commands::profiles::QUOTA;

/// Looks at what belongs to no identifier.
pub async fn examine(connection: &Connection<'_>) -> Vec<Finding> {
    vec![quota(connection).await]
}

/// Application profiles against their quota.
async fn quota(connection: &Connection<'_>) -> Finding {
    let region = connection.region();
    let own = within(connection.client.inference_profiles(Some(ProfileType::Application), region)).await;
    match own.map(|own| own.len()) {
        Ok(many) if many >= QUOTA => Finding::error(
            Check::Quota,
            format!(
                "{many} of {QUOTA} application profiles are used in {region}: no further one can be made unless the quota was raised"
            ),
            QUOTA_FIX,
        ),
        Ok(many) if many * 10 >= QUOTA * 9 => Finding::warning(
            Check::Quota,
            format!("{many} of {QUOTA} application profiles are used in {region}"),
            QUOTA_FIX,
        ),
        Ok(many) => {
            Finding::ok(Check::Quota, format!("{many} of {QUOTA} application profiles are used in {region}"))
        }
        Err(error) => {
            let finding =
                cause::of(&error, "count the application profiles", "bedrock:ListInferenceProfiles");
            Finding { status: Status::Warning, ..finding }
        }
    }
}

const QUOTA_FIX: &str = "delete some (`outcrop profiles delete`), or ask for more: aws service-quotas request-service-quota-increase --service-code bedrock --quota-code L-40EC9882 --desired-value 2000";
