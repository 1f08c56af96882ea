//! What a lookup costs as the configuration grows, and what it costs to take the configuration in.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use outcrop_catalog::{Catalog, Context, Layer, Source};

criterion_group!(benches, lookup, resolve, load);
criterion_main!(benches);

/// One user, a company, and far more than an account may hold.
const ENTRIES: [usize; 3] = [1, 1_000, 100_000];

const MODEL: &str = "anthropic.claude-3-5-sonnet-20241022-v2:0";

/// Nanoseconds per lookup of a mapping, without its reasons: what an ARN costs by itself.
fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for entries in ENTRIES {
        let catalog = loaded(entries);
        let arn = arn("mapped", entries - 1);
        assert_eq!(catalog.mapped(&arn).unwrap().0, MODEL);
        group.bench_function(BenchmarkId::new("mapping", entries), |bencher| {
            bencher.iter(|| catalog.mapped(black_box(&arn)));
        });
    }
    group.finish();
}

/// Nanoseconds per resolve, by alias, by mapped ARN, by a friendly name of `inferenceProfiles`, and by its ARN: the last entry of
/// so many; and of an ARN that is mapped to a model which does not exist.
fn resolve(criterion: &mut Criterion) {
    let context = Context { region: "us-west-2".to_owned() };
    let mut group = criterion.benchmark_group("resolve");
    for entries in ENTRIES {
        let catalog = loaded(entries);
        let last = entries - 1;
        for (kind, identifier, is_known) in [
            ("alias", alias(last), true),
            ("mapping", arn("mapped", last), true),
            ("friendly name", format!("friendly-{last}"), true),
            ("ARN called for a model", arn("called", 0), true),
            ("mapping to nothing", arn("lost", 0), false),
        ] {
            let resolution = catalog.resolve(&identifier, &context).unwrap();
            assert_eq!(resolution.model.is_some(), is_known, "{identifier}");
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
    let numbers = || 0..entries;
    let lost = (arn("lost", 0), "anthropic.claude-3-5-sonnet-20241022-v1:0".to_owned());
    let models = numbers().map(|n| (format!("friendly-{n}"), arn("mapped", n)));
    let called = (MODEL.to_owned(), arn("called", 0));
    let layer = Layer {
        aliases: numbers().map(|n| (alias(n), MODEL.to_owned())).collect(),
        mappings: numbers().map(|n| (arn("mapped", n), MODEL.to_owned())).chain([lost]).collect(),
        inference_profiles: models.chain([called]).collect(),
        ..Layer::default()
    };
    Catalog::built_in().with(Source::File("outcrop.yaml".to_owned()), layer)
}

fn alias(n: usize) -> String {
    format!("model-{n}")
}

fn arn(group: &str, n: usize) -> String {
    format!("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/{group}{n:06x}")
}
