//! The catalog from outside: its data and its resolver.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use outcrop_catalog::{ApplicationProfile, Catalog, Context, Layer, Resolution, Source};

mod aliases;
mod application_profiles;
mod betas;
mod data;
mod explain;
mod foundation_models;
mod identifier;
mod inference_profiles;
mod lanes;
mod layers;
mod overrides;
mod provenance;
mod residency;
mod suggestions;
mod surveys;
mod system_profiles;
mod vectors;

/// An application profile's ARN, as the seeds write them.
const ARN: &str = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123def456";

fn context(region: &str) -> Context {
    Context { region: region.to_owned() }
}

/// Resolved by the built-in catalog alone.
fn built_in(identifier: &str, region: &str) -> Resolution {
    Catalog::built_in().resolve(identifier, &context(region)).unwrap()
}

/// The message and the hint of a refusal.
fn refused(catalog: &Catalog, identifier: &str) -> (String, String) {
    let error = catalog.resolve(identifier, &context("us-east-1")).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default().to_owned())
}

fn model_of(resolution: &Resolution) -> Option<&str> {
    resolution.model.as_ref().map(|model| model.id.as_str())
}

/// Who gave the reason for a step.
fn source_of<'a>(resolution: &'a Resolution, step: &str) -> &'a str {
    &resolution.why.iter().find(|why| why.step == step).unwrap().source
}

fn aliases<const N: usize>(pairs: [(&str, &str); N]) -> Layer {
    Layer { aliases: owned(pairs), ..Layer::default() }
}

fn inference_profiles<const N: usize>(pairs: [(&str, &str); N]) -> Layer {
    Layer { inference_profiles: owned(pairs), ..Layer::default() }
}

/// What `BEDROCK_INFERENCE_PROFILE_MAPPINGS` adds.
fn mapping(arn: &str, model: &str) -> Layer {
    Layer { mappings: owned([(arn, model)]), ..Layer::default() }
}

/// What `GetInferenceProfile` adds.
fn discovery(arn: &str, regions: &[&str], model: &str) -> Layer {
    let model_arns =
        regions.iter().map(|region| format!("arn:aws:bedrock:{region}::foundation-model/{model}")).collect();
    profile(ApplicationProfile { name: Some("tenant a".to_owned()), model_arns, ..bare(arn) })
}

fn profile(profile: ApplicationProfile) -> Layer {
    Layer { application_profiles: [(profile.arn.clone(), profile)].into(), ..Layer::default() }
}

fn bare(arn: &str) -> ApplicationProfile {
    ApplicationProfile {
        arn: arn.to_owned(),
        name: None,
        model_arns: Vec::new(),
        tags: [("team".to_owned(), "blue".to_owned())].into(),
    }
}

fn mappings_variable() -> Source {
    Source::Environment("BEDROCK_INFERENCE_PROFILE_MAPPINGS".to_owned())
}

fn librechat() -> Source {
    Source::File("librechat.yaml".to_owned())
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
