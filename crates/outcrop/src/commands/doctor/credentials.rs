//! `outcrop doctor credentials`: where they come from, and whether AWS knows them.

use super::connection;
use super::finding::{Check, Finding};
use crate::settings::Settings;

/// The credentials alone.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let (_, findings) = connection::examine(settings).await;
    findings
        .into_iter()
        .filter(|it| {
            matches!(it.check, Check::Credentials | Check::Identity | Check::Clock | Check::Endpoint)
        })
        .collect()
}
