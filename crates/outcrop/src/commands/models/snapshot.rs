//! `outcrop models snapshot`: what AWS lists, in a file, to be used without asking it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use outcrop_bedrock::Client;
use outcrop_catalog::survey::Survey;

use crate::args::Global;
use crate::commands::block_on;
use crate::failure::Failure;
use crate::paper;
use crate::settings::Settings;

/// Runs `outcrop models snapshot`.
pub fn run(global: &Global, regions: Vec<String>, output: Option<PathBuf>) -> Result<(), Failure> {
    let settings = super::settings(global, regions.first().cloned())?;
    let regions = if regions.is_empty() { vec![settings.region.value.clone()] } else { regions };
    let surveys = block_on(ask(&settings, &regions))??;
    let Some(path) = output else { return paper::json(&surveys) };
    let mut text = serde_json::to_string_pretty(&surveys)?;
    text.push('\n');
    std::fs::write(&path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
    paper::say(&format!("{} Regions written to {}", surveys.len(), path.display()));
    Ok(())
}

async fn ask(settings: &Settings, regions: &[String]) -> Result<BTreeMap<String, Survey>, Failure> {
    let credentials = settings.credentials.load(&settings.region.value).await.map_err(Failure::new)?;
    let client = Client::new(credentials, settings.upstream.endpoints());
    let mut surveys = BTreeMap::new();
    for region in regions {
        let survey = client.survey(region).await.map_err(|error| {
            Failure::new(format!("{region}: {error}"))
                .hint("the role needs bedrock:ListFoundationModels and bedrock:ListInferenceProfiles")
        })?;
        surveys.insert(region.clone(), survey);
    }
    Ok(surveys)
}
