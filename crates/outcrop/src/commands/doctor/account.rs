//! The account as a whole: its quota of profiles.

use outcrop_catalog::ProfileType;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding, Status};
use crate::commands::profiles::{QUOTA, QUOTA_CODE};

/// Looks at what belongs to no identifier.
pub async fn examine(connection: &Connection<'_>) -> Vec<Finding> {
    vec![quota(connection).await]
}

/// Application profiles against their quota.
async fn quota(connection: &Connection<'_>) -> Finding {
    let region = connection.region();
    let own = within(connection.client.inference_profiles(Some(ProfileType::Application), region)).await;
    let own = match own {
        Ok(own) => own.len(),
        Err(error) => {
            let finding =
                cause::of(&error, "count the application profiles", "bedrock:ListInferenceProfiles");
            return Finding { status: Status::Warning, ..finding };
        }
    };
    // To ask takes a right of its own, which few have.
    let applied = within(connection.client.quota(QUOTA_CODE, region)).await.ok();
    let (most, of) = match applied {
        Some(most) => (most, ""),
        None => {
            (QUOTA as f64, " (AWS's default; allow servicequotas:GetServiceQuota to have yours looked at)")
        }
    };
    let used = own as f64;
    let detail = format!("{own} of {most}{of} application profiles are used in {region}");
    if used >= most {
        let detail = format!("{detail}: no further one can be made");
        return Finding::error(Check::Quota, detail, fix(most));
    }
    if used >= most * NEARLY {
        return Finding::warning(Check::Quota, detail, fix(most));
    }
    Finding::ok(Check::Quota, detail)
}

/// The part of a quota from which on it is worth a word.
const NEARLY: f64 = 0.9;

fn fix(most: f64) -> String {
    let more = most * 2.0;
    format!(
        "delete some (`outcrop profiles delete`), or ask for more: aws service-quotas request-service-quota-increase --service-code bedrock --quota-code {QUOTA_CODE} --desired-value {more}"
    )
}
