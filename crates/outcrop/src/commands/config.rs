//! `outcrop config`: what is wrong, what holds and where it comes from, and what may be written.

use std::io::Write;

use outcrop_catalog::{Catalog, Resolution, ResolveError, Source, Why};
use owo_colors::OwoColorize;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{Config, Global};
use crate::checks::checks;
use crate::failure::Failure;
use crate::librechat::LibreChat;
use crate::outcrop_yaml::OutcropYaml;
use crate::paper;
use crate::problem::Problem;
use crate::settings::{Flags, Settings, Sourced};
use crate::shown::{self, Entry, entries};

/// Runs `outcrop config …`.
pub fn run(global: &Global, config: &Config) -> Result<(), Failure> {
    match config {
        Config::Check => check(global),
        Config::Show { resolved, why } => show(global, *resolved, *why),
        Config::Schema => paper::json(&schema()),
    }
}

fn check(global: &Global) -> Result<(), Failure> {
    match Settings::load(global, &Flags::default()) {
        Ok(settings) => {
            let mut problems = settings.warnings.clone();
            problems.extend(checks(&settings));
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

fn show(global: &Global, resolved: bool, why: bool) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags::default())?;
    paper::problems(&settings.warnings);
    let catalog = settings.catalog();
    let meanings = if resolved || why { meanings(&settings, &catalog) } else { Vec::new() };
    if global.json {
        let mut document = document(&settings);
        if resolved || why {
            document["values"] = entries(&settings).iter().map(entry_json).collect();
            document["identifiers"] = meanings.iter().map(|meaning| meaning.json(why)).collect();
        }
        return paper::json(&document);
    }
    print_entries(&settings)?;
    meanings.iter().try_for_each(|meaning| meaning.print(why))
}

fn print_entries(settings: &Settings) -> Result<(), Failure> {
    let absent = |what: &Option<String>, none: &str| what.clone().unwrap_or_else(|| none.to_owned());
    let mut table = paper::table();
    let no_file = "none (--config, OUTCROP_CONFIG, ./outcrop.yaml, ./librechat.yaml)";
    table.add_row(["configuration file", &absent(&settings.file, no_file), ""]);
    let no_env_file = "none (--env-file, OUTCROP_ENV_FILE)";
    table.add_row(["environment file", &absent(&settings.env_file, no_env_file), ""]);
    for Entry { key, value, source, .. } in entries(settings) {
        table.add_row([key, value.into_owned(), source]);
    }
    paper::print_table(&mut table)
}

fn entry_json(entry: &Entry<'_>) -> Value {
    let Entry { key, value, source, names: _ } = entry;
    json!({ "key": key, "value": value, "source": source })
}

/// An identifier of the configuration, and what the resolver makes of it.
struct Meaning<'a> {
    entry: Entry<'a>,
    identifier: String,
    resolution: Result<Resolution, ResolveError>,
}

fn meanings<'a>(settings: &'a Settings, catalog: &Catalog) -> Vec<Meaning<'a>> {
    let context = settings.context();
    let meaning = |entry: Entry<'a>| {
        let identifier = entry.identifier()?.to_owned();
        let resolution = catalog.resolve(&identifier, &context);
        Some(Meaning { entry, identifier, resolution })
    };
    entries(settings).into_iter().filter_map(meaning).collect()
}

impl Meaning<'_> {
    fn print(&self, why: bool) -> Result<(), Failure> {
        let mut out = paper::out();
        let Self { entry, identifier, resolution } = self;
        writeln!(
            out,
            "\n{}  {}",
            identifier.bold(),
            format!("({} in {})", entry.key_name(), entry.source).dimmed()
        )?;
        let resolution = match resolution {
            Ok(resolution) => resolution,
            Err(error) => {
                writeln!(out, "  {}: {error}", "error".red())?;
                return Ok(error.hint().iter().try_for_each(|hint| writeln!(out, "  hint: {hint}"))?);
            }
        };
        let model = resolution.model.as_ref().map_or("unknown", |model| model.id.as_str());
        writeln!(out, "  invokes  {} in {}", resolution.target, resolution.source_region)?;
        writeln!(out, "  model    {model}")?;
        for notice in &resolution.notices {
            writeln!(out, "  notice   {notice}")?;
        }
        if why {
            for Why { step, source, detail } in &resolution.why {
                writeln!(out, "  {}", format!("{step}: {detail} ({source})").dimmed())?;
            }
        }
        Ok(())
    }

    fn json(&self, why: bool) -> Value {
        let Self { entry, identifier, resolution } = self;
        let mut document = json!({
            "identifier": identifier,
            "key": entry.key,
            "value": entry.value,
            "source": entry.source,
        });
        match resolution {
            Ok(resolution) => {
                document["target"] = json!(resolution.target);
                document["kind"] = json!(resolution.kind);
                document["model"] = json!(resolution.model.as_ref().map(|model| &model.id));
                document["sourceRegion"] = json!(resolution.source_region);
                document["notices"] = json!(resolution.notices);
                if why {
                    document["why"] = json!(resolution.why);
                }
            }
            Err(error) => document["error"] = json!(error.to_string()),
        }
        document
    }
}

fn document(settings: &Settings) -> Value {
    let layers: Vec<Value> = settings
        .layers
        .iter()
        .map(|(source, layer)| {
            json!({
                "source": shown::source(source),
                "aliases": layer.aliases,
                "inferenceProfiles": layer.inference_profiles,
                "mappings": layer.mappings,
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
            "fips": settings.upstream.way.variant.fips,
            "dualStack": settings.upstream.way.variant.dual_stack,
            "proxy": settings.upstream.way.network.proxies.shown("https://bedrock.amazonaws.com"),
        },
        "keys": settings.keys.iter().map(|key| &key.name).collect::<Vec<_>>(),
        "availableRegions": settings.available_regions,
        "guardrail": settings.guardrail.as_ref().map(outcrop_gateway::Guardrail::config),
        "layers": layers,
    })
}

fn sourced<T: Serialize>(value: &T, source: &Source) -> Value {
    json!({ "value": value, "source": shown::source(source) })
}

/// One schema for either file: what has `endpoints` is a `librechat.yaml`, anything else an `outcrop.yaml`.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let librechat = generator.subschema_for::<LibreChat>();
    let outcrop = generator.subschema_for::<OutcropYaml>();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "outcrop.yaml or librechat.yaml",
        "type": "object",
        "if": { "required": ["endpoints"] },
        "then": librechat,
        "else": outcrop,
        "$defs": generator.take_definitions(true),
    })
}
