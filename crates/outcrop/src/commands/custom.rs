//! `outcrop models custom list`: the account's own models, and the foundation model behind each.
//!
//! A deployment names a custom model, which names its base model (reference `bedrock.md` §1.6); behind an imported model there
//! is none.

use std::collections::BTreeMap;

use outcrop_bedrock::{Client, SendError};
use serde::Serialize;

use super::profiles::refused;
use crate::args::{Custom, CustomKind, Global};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop models custom …`.
pub fn run(global: &Global, custom: &Custom) -> Result<(), Failure> {
    let Custom::List { kinds, filter, region } = custom;
    let settings = Settings::load(global, &Flags { region: region.clone(), ..Flags::default() })?;
    super::block_on(async {
        let mut entries = list(&settings, kinds).await?;
        entries.retain(|entry| filter.as_deref().is_none_or(|text| entry.holds(text)));
        if global.json { paper::json(&entries) } else { print(&entries, &settings.region.value) }
    })?
}

/// One of the account's own. Unknown is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: &'static str,
    name: String,
    /// What to write as the model, for those that can be invoked.
    arn: String,
    /// The foundation model's id.
    base_model: Option<String>,
    /// What a job made.
    made: Option<String>,
    status: Option<String>,
    /// Whether requests can name it.
    invocable: bool,
}

impl Entry {
    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let fields = [Some(&self.name), Some(&self.arn), self.base_model.as_ref()];
        fields.into_iter().flatten().any(|field| field.to_lowercase().contains(&text))
    }
}

async fn list(settings: &Settings, kinds: &[CustomKind]) -> Result<Vec<Entry>, Failure> {
    let region = settings.region.value.as_str();
    let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
    let client = Client::new(credentials, settings.upstream.endpoints());
    let wanted = |kind| kinds.is_empty() || kinds.contains(&kind);
    let denied = |what: &'static str, action: &'static str| {
        move |error: SendError| refused(&format!("{what} cannot be listed"), &error, action)
    };
    let mut entries = Vec::new();
    if wanted(CustomKind::Model) || wanted(CustomKind::Deployment) {
        let models = client.custom_models(region).await;
        let models = models.map_err(denied("custom models", "bedrock:ListCustomModels"))?;
        let bases: BTreeMap<_, _> =
            models.iter().map(|it| (it.model_arn.clone(), model_id(&it.base_model_arn))).collect();
        if wanted(CustomKind::Model) {
            entries.extend(models.into_iter().map(|it| Entry {
                kind: "custom-model",
                base_model: Some(model_id(&it.base_model_arn)),
                name: it.model_name,
                arn: it.model_arn,
                made: None,
                status: it.model_status,
                invocable: false,
            }));
        }
        if wanted(CustomKind::Deployment) {
            let deployments = client.deployments(region).await;
            let deployments = deployments
                .map_err(denied("deployments of custom models", "bedrock:ListCustomModelDeployments"))?;
            entries.extend(deployments.into_iter().map(|it| Entry {
                kind: "custom-model-deployment",
                base_model: bases.get(&it.model_arn).cloned(),
                name: it.custom_model_deployment_name,
                arn: it.custom_model_deployment_arn,
                made: None,
                invocable: it.status == "Active",
                status: Some(it.status),
            }));
        }
    }
    if wanted(CustomKind::Imported) {
        let imported = client.imported_models(region).await;
        let imported = imported.map_err(denied("imported models", "bedrock:ListImportedModels"))?;
        entries.extend(imported.into_iter().map(|it| Entry {
            kind: "imported-model",
            name: it.model_name,
            arn: it.model_arn,
            base_model: None,
            made: None,
            status: it.model_architecture,
            invocable: true,
        }));
    }
    if wanted(CustomKind::Provisioned) {
        let provisioned = client.provisioned_models(region).await;
        let provisioned = provisioned
            .map_err(denied("provisioned throughput", "bedrock:ListProvisionedModelThroughputs"))?;
        entries.extend(provisioned.into_iter().map(|it| Entry {
            kind: "provisioned-model",
            name: it.provisioned_model_name,
            arn: it.provisioned_model_arn,
            base_model: Some(model_id(&it.foundation_model_arn)),
            made: None,
            invocable: it.status == "InService",
            status: Some(it.status),
        }));
    }
    if wanted(CustomKind::Job) {
        entries.extend(jobs(&client, region).await?);
    }
    Ok(entries)
}

async fn jobs(client: &Client, region: &str) -> Result<Vec<Entry>, Failure> {
    let customised = client.customization_jobs(region).await.map_err(|error| {
        refused("customization jobs cannot be listed", &error, "bedrock:ListModelCustomizationJobs")
    })?;
    let imported = client
        .import_jobs(region)
        .await
        .map_err(|error| refused("import jobs cannot be listed", &error, "bedrock:ListModelImportJobs"))?;
    let customised = customised.into_iter().map(|it| Entry {
        kind: "model-customization-job",
        name: it.job_name,
        arn: it.job_arn,
        base_model: Some(model_id(&it.base_model_arn)),
        made: it.custom_model_arn,
        status: Some(it.status),
        invocable: false,
    });
    let imported = imported.into_iter().map(|it| Entry {
        kind: "model-import-job",
        name: it.job_name,
        arn: it.job_arn,
        base_model: None,
        made: it.imported_model_arn,
        status: Some(it.status),
        invocable: false,
    });
    Ok(customised.chain(imported).collect())
}

/// What stands last in a foundation model's ARN.
fn model_id(arn: &str) -> String {
    arn.split_once("foundation-model/").map_or(arn, |(_, id)| id).to_owned()
}

fn print(entries: &[Entry], region: &str) -> Result<(), Failure> {
    if entries.is_empty() {
        paper::say(&format!("the account has no models of its own in {region}"));
        return Ok(());
    }
    let mut table = paper::table();
    for Entry { kind, name, arn, base_model, made, status, invocable: _ } in entries {
        let made = made.as_deref().map(|made| format!("→ {made}")).unwrap_or_default();
        let base = base_model.as_deref().unwrap_or_default();
        table.add_row([*kind, name, status.as_deref().unwrap_or_default(), base, arn, &made]);
    }
    paper::print_table(&mut table)
}
