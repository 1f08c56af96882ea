//! `outcrop config`: what is wrong, what holds and where it comes from, and what may be written.

use std::io::Write;

use outcrop_catalog::Source;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{Config, Global};
use crate::failure::Failure;
use crate::librechat::LibreChat;
use crate::outcrop_yaml::OutcropYaml;
use crate::paper;
use crate::problem::Problem;
use crate::settings::{Flags, Settings, Sourced};

/// Runs `outcrop config …`.
pub fn run(global: &Global, config: &Config) -> Result<(), Failure> {
    match config {
        Config::Check => check(global),
        Config::Show => show(global),
        Config::Schema => paper::json(&schemars::schema_for!(ConfigurationFile)),
    }
}

fn check(global: &Global) -> Result<(), Failure> {
    match Settings::load(global, &Flags::default()) {
        Ok(settings) => {
            let mut problems = settings.warnings.clone();
            problems.extend(resolved(&settings));
            if global.json {
                return paper::json(&verdict(true, &problems));
            }
            paper::problems(&problems);
            Ok(writeln!(paper::out(), "the configuration is good")?)
        }
        Err(problems) if global.json => {
            paper::json(&verdict(false, &problems))?;
            Err(Failure::Reported)
        }
        Err(problems) => Err(problems.into()),
    }
}

fn verdict(ok: bool, problems: &[Problem]) -> Value {
    json!({ "ok": ok, "problems": problems.iter().map(as_json).collect::<Vec<_>>() })
}

fn as_json(problem: &Problem) -> Value {
    let Problem { severity, place, message, hint, excerpt: _ } = problem;
    json!({ "severity": severity, "place": place, "message": message, "hint": hint })
}

/// What the resolver has to say about every identifier the configuration names.
fn resolved(settings: &Settings) -> Vec<Problem> {
    let catalog = settings.catalog();
    let mut problems = Vec::new();
    for (source, layer) in &settings.layers {
        let named = layer
            .offered
            .iter()
            .chain(layer.inference_profiles.keys())
            .chain(layer.application_profiles.keys())
            .chain(layer.aliases.keys());
        for identifier in named {
            let place = describe(source);
            match catalog.resolve(identifier, &settings.context()) {
                Ok(resolution) => problems.extend(
                    resolution
                        .notices
                        .into_iter()
                        .map(|notice| Problem::warning(&place, format!("{identifier}: {notice}"))),
                ),
                Err(error) => problems.push(Problem::warning(&place, error.to_string())),
            }
        }
    }
    problems.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
    problems.dedup();
    problems
}

fn show(global: &Global) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags::default())?;
    paper::problems(&settings.warnings);
    if global.json {
        return paper::json(&document(&settings));
    }
    let mut out = paper::out();
    for (name, value, source) in lines(&settings) {
        let source = if source.is_empty() { source } else { format!("  ({source})") };
        writeln!(out, "{name:<20} {value}{source}")?;
    }
    Ok(())
}

fn lines(settings: &Settings) -> Vec<(&'static str, String, String)> {
    let absent = |what: &Option<String>, none: &str| what.clone().unwrap_or_else(|| none.to_owned());
    let no_file = "none (--config, OUTCROP_CONFIG, ./outcrop.yaml, ./librechat.yaml)";
    let mut lines = vec![
        ("configuration file", absent(&settings.file, no_file), String::new()),
        (
            "environment file",
            absent(&settings.env_file, "none (--env-file, OUTCROP_ENV_FILE)"),
            String::new(),
        ),
        line("region", &settings.region, Clone::clone),
        line("listen", &settings.listen, ToString::to_string),
        line("data folder", &settings.data_dir, |path| path.display().to_string()),
        ("credentials", settings.credentials.describe(), String::new()),
    ];
    for (name, endpoint) in
        [("upstream runtime", &settings.upstream.runtime), ("upstream control", &settings.upstream.control)]
    {
        lines.push(match endpoint {
            Some(endpoint) => line(name, endpoint, outcrop_bedrock::Endpoint::url),
            None => (name, "AWS".to_owned(), describe(&Source::BuiltIn)),
        });
    }
    lines.extend(settings.keys.iter().map(|key| ("client key", key.name.clone(), String::new())));
    for (source, layer) in &settings.layers {
        let from = describe(source);
        let pair =
            |name, (left, right): (&String, &String)| (name, format!("{left} → {right}"), from.clone());
        lines.extend(layer.aliases.iter().map(|it| pair("alias", it)));
        lines.extend(layer.inference_profiles.iter().map(|it| pair("inference profile", it)));
        lines.extend(layer.application_profiles.values().map(|profile| {
            let model = profile.mapped_to.as_deref().unwrap_or("?");
            ("mapping", format!("{} → {model}", profile.arn), from.clone())
        }));
        lines.extend(layer.offered.iter().map(|id| ("offered model", id.clone(), from.clone())));
    }
    lines.extend(settings.available_regions.iter().map(|it| ("available region", it.clone(), String::new())));
    lines
}

fn line<T>(
    name: &'static str,
    it: &Sourced<T>,
    text: impl Fn(&T) -> String,
) -> (&'static str, String, String) {
    (name, text(&it.value), describe(&it.source))
}

fn document(settings: &Settings) -> Value {
    let layers: Vec<Value> = settings
        .layers
        .iter()
        .map(|(source, layer)| {
            let mappings: serde_json::Map<String, Value> = layer
                .application_profiles
                .values()
                .map(|profile| (profile.arn.clone(), json!(profile.mapped_to)))
                .collect();
            json!({
                "source": describe(source),
                "aliases": layer.aliases,
                "inferenceProfiles": layer.inference_profiles,
                "mappings": mappings,
                "models": layer.offered,
            })
        })
        .collect();
    let endpoint = |it: &Option<Sourced<outcrop_bedrock::Endpoint>>| {
        it.as_ref().map(|it| sourced(&it.value.url(), &it.source))
    };
    json!({
        "configFile": settings.file,
        "envFile": settings.env_file,
        "region": sourced(&settings.region.value, &settings.region.source),
        "listen": sourced(&settings.listen.value, &settings.listen.source),
        "dataDir": sourced(&settings.data_dir.value, &settings.data_dir.source),
        "credentials": settings.credentials.describe(),
        "upstream": {
            "runtime": endpoint(&settings.upstream.runtime),
            "control": endpoint(&settings.upstream.control),
        },
        "keys": settings.keys.iter().map(|key| &key.name).collect::<Vec<_>>(),
        "availableRegions": settings.available_regions,
        "guardrail": settings.guardrail.as_ref().map(|it| json!({ "identifier": it.identifier, "version": it.version })),
        "layers": layers,
    })
}

fn sourced<T: Serialize>(value: &T, source: &Source) -> Value {
    json!({ "value": value, "source": describe(source) })
}

fn describe(source: &Source) -> String {
    match source {
        Source::BuiltIn => "built-in".to_owned(),
        Source::Discovered => "discovered".to_owned(),
        Source::File(name) | Source::Environment(name) | Source::Flag(name) => name.clone(),
    }
}

/// Either configuration file: a `librechat.yaml` has `endpoints`, an `outcrop.yaml` has not.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the type exists for its schema")]
#[allow(clippy::large_enum_variant, reason = "made once, if ever")]
enum ConfigurationFile {
    /// LibreChat's file, as far as Outcrop reads it.
    LibreChat(LibreChat),
    /// Outcrop's own.
    Outcrop(OutcropYaml),
}
