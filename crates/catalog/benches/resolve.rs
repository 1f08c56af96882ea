//! What a lookup costs as the configuration grows, and what it costs to take the configuration in.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use outcrop_catalog::{ApplicationProfile, Catalog, Context, Layer, Source};

criterion_group!(benches, resolve, load);
criterion_main!(benches);

/// One user, a company, and far more than an account may hold.
const ENTRIES: [usize; 3] = [1, 1_000, 100_000];

const MODEL: &str = "anthropic.claude-3-5-sonnet-20241022-v2:0";

/// Nanoseconds per resolve, by alias and by mapped ARN: the last entry of so many.
fn resolve(criterion: &mut Criterion) {
    let context = Context { region: "us-west-2".to_owned() };
    let mut group = criterion.benchmark_group("resolve");
    for entries in ENTRIES {
        let catalog = loaded(entries);
        for (kind, identifier) in [("alias", alias(entries - 1)), ("mapping", arn(entries - 1))] {
            assert!(
                catalog.resolve(&identifier, &context).unwrap().model.is_some(),
                "{identifier} has a model"
            );
            group.bench_function(BenchmarkId::new(kind, entries), |bencher| {
                bencher.iter(|| catalog.resolve(black_box(&identifier), &context));
            });
        }
    }
    group.finish();
}

/// From a layer of so many aliases and as many mappings to a catalog that answers.
fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for entries in ENTRIES {
        group.bench_function(BenchmarkId::from_parameter(entries), |bencher| {
            bencher.iter(|| loaded(black_box(entries)));
        });
    }
    group.finish();
}

fn loaded(entries: usize) -> Catalog {
    let layer = Layer {
        aliases: (0..entries).map(|n| (alias(n), MODEL.to_owned())).collect(),
        application_profiles: (0..entries).map(|n| (arn(n), mapped(n))).collect(),
        ..Layer::default()
    };
    Catalog::built_in().with(Source::File("outcrop.yaml".to_owned()), layer)
}

fn alias(n: usize) -> String {
    format!("model-{n}")
}

fn arn(n: usize) -> String {
    format!("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/{n:012x}")
}

fn mapped(n: usize) -> ApplicationProfile {
    ApplicationProfile {
        arn: arn(n),
        name: None,
        model_arns: Vec::new(),
        mapped_to: Some(MODEL.to_owned()),
        tags: Default::default(),
    }
}
