//! Service Quotas: how much of something an account may have.

use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, SendError};
use crate::endpoint::Service;

impl Client {
    /// `servicequotas:GetServiceQuota`: the value that holds for the account in a Region, raised or not, of one of Bedrock's
    /// quotas (`L-40EC9882`).
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn quota(&self, code: &str, region: &str) -> Result<f64, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            quota: Quota,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Quota {
            value: f64,
        }
        const TARGET: &str = "ServiceQuotasV20190624.GetServiceQuota";
        let input = json!({ "ServiceCode": "bedrock", "QuotaCode": code });
        let content_type = "application/x-amz-json-1.1";
        let output: Output = self.target(Service::Quotas, TARGET, content_type, &input, region).await?;
        Ok(output.quota.value)
    }
}
