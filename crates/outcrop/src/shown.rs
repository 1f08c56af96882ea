//! The configuration as a person is shown it: one entry a value, each with its source, no secret among them.

use std::borrow::Cow;

use outcrop_bedrock::Endpoint;
use outcrop_catalog::{Layer, Source};
use outcrop_wire::bedrock::GuardrailConfig;

use crate::outcrop_yaml::Lane;
use crate::settings::{Settings, Sourced};

/// One value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which: `region`, `aliases.fast`, `mappings.arn:aws:…`, `models[2]`.
    pub key: String,
    /// What it is; of a secret, that it is set.
    pub value: Cow<'a, str>,
    /// Where it comes from: `built-in`, a flag, a variable, `librechat.yaml:7`, `.env:3 BEDROCK_AWS_MODELS`.
    pub source: String,
    /// Whether the value is something the resolver can be asked about.
    pub names: Names,
}

/// What of an entry names a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Nothing: it is a plain setting.
    Nothing,
    /// The last part of its key: a name of the person's own, or an ARN that is mapped to a model.
    Key,
    /// Its value: an identifier that is offered.
    Value,
}

impl Entry<'_> {
    /// Whether it stands in this map or list: `aliases`, `mappings`, `models`.
    pub fn is_key_of(&self, list: &str) -> bool {
        self.names != Names::Nothing && self.key_name() == list
    }

    /// The map or list it stands in: `aliases`, `models`.
    pub fn key_name(&self) -> &str {
        self.key.split(['.', '[']).next().unwrap_or(&self.key)
    }

    /// The identifier a client may send because of this entry.
    pub fn identifier(&self) -> Option<&str> {
        match self.names {
            Names::Nothing => None,
            Names::Key => self.key.split_once('.').map(|(_, name)| name),
            Names::Value => Some(&self.value),
        }
    }
}

/// All values that hold, settings first, then what the catalog is told.
pub fn entries(settings: &Settings) -> Vec<Entry<'_>> {
    let mut entries = Entries { settings, entries: Vec::new() };
    entries.sourced("region", &settings.region, Clone::clone);
    entries.sourced("listen", &settings.listen, ToString::to_string);
    entries.sourced("dataDir", &settings.data_dir, |path| path.display().to_string());
    entries.push("credentials", settings.credentials.describe(), settings.credentials.source());
    entries.endpoint("upstream.runtime", settings.upstream.runtime.as_ref());
    entries.endpoint("upstream.control", settings.upstream.control.as_ref());
    entries.of_file();
    for (source, layer) in &settings.layers {
        entries.layer(source, layer);
    }
    entries.entries
}

/// In words a person knows.
pub fn source(source: &Source) -> String {
    match source {
        Source::BuiltIn => "built-in".to_owned(),
        Source::Discovered => "discovered".to_owned(),
        Source::File(name) | Source::Environment(name) | Source::Flag(name) => name.clone(),
    }
}

struct Entries<'a> {
    settings: &'a Settings,
    entries: Vec<Entry<'a>>,
}

impl<'a> Entries<'a> {
    fn of_file(&mut self) {
        let settings = self.settings;
        if let Some(lane) = settings.lane {
            let word = match lane {
                Lane::Auto => "auto",
                Lane::Converse => "converse",
            };
            self.in_file("lane", "lane", word);
        }
        for (index, key) in settings.keys.iter().enumerate() {
            self.in_file(&format!("keys.{}", key.name), &format!("keys[{index}].key"), "(hidden)");
        }
        for (key, value) in &settings.of_file {
            self.in_file(key, key, value);
        }
        for (index, region) in settings.available_regions.iter().enumerate() {
            let written = format!("endpoints.bedrock.availableRegions[{index}]");
            self.in_file(&format!("availableRegions[{index}]"), &written, region);
        }
        if let Some(guardrail) = &settings.guardrail {
            let GuardrailConfig { guardrail_identifier, guardrail_version, trace, stream_processing_mode } =
                guardrail.config();
            let facts = [
                ("guardrailIdentifier", Some(guardrail_identifier)),
                ("guardrailVersion", Some(guardrail_version)),
                ("trace", trace.as_ref()),
                ("streamProcessingMode", stream_processing_mode.as_ref()),
            ];
            for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                let key = format!("guardrailConfig.{name}");
                self.in_file(&key, &format!("endpoints.bedrock.{key}"), value);
            }
        }
    }

    fn layer(&mut self, from: &Source, layer: &'a Layer) {
        for (name, target) in &layer.aliases {
            self.named(format!("aliases.{name}"), target, from, &format!("aliases.{name}"));
        }
        for (id, arn) in &layer.inference_profiles {
            let written = format!("endpoints.bedrock.inferenceProfiles.{id}");
            self.named(format!("inferenceProfiles.{id}"), arn, from, &written);
        }
        if matches!(from, Source::Environment(_)) {
            for (arn, model) in &layer.mappings {
                self.named(format!("mappings.{arn}"), model, from, "");
            }
        }
        for (index, id) in layer.offered.iter().enumerate() {
            let source = self.place(from, &format!("endpoints.bedrock.models[{index}]"));
            let key = format!("models[{index}]");
            self.entries.push(Entry { key, value: id.into(), source, names: Names::Value });
        }
    }

    fn named(&mut self, key: String, value: &'a str, from: &Source, written: &str) {
        let source = self.place(from, written);
        self.entries.push(Entry { key, value: value.into(), source, names: Names::Key });
    }

    fn sourced<T>(&mut self, key: &str, it: &Sourced<T>, text: impl Fn(&T) -> String) {
        // The Region is the first of the list that the one file calls `regions`, the other `availableRegions`.
        let written = match key {
            "region" if self.settings.available_regions.is_empty() => "regions[0]",
            "region" => "endpoints.bedrock.availableRegions[0]",
            other => other,
        };
        let source = self.place(&it.source, written);
        self.push(key, text(&it.value), source);
    }

    fn endpoint(&mut self, key: &str, endpoint: Option<&Sourced<Endpoint>>) {
        match endpoint {
            Some(endpoint) => self.sourced(key, endpoint, Endpoint::url),
            None => self.push(key, "AWS".to_owned(), source(&Source::BuiltIn)),
        }
    }

    /// A value that only the configuration file can set.
    fn in_file(&mut self, key: &str, written: &str, value: &str) {
        let file = self.settings.file.clone().unwrap_or_default();
        let source = self.place(&Source::File(file), written);
        self.push(key, value.to_owned(), source);
    }

    fn push(&mut self, key: &str, value: String, source: String) {
        self.entries.push(Entry { key: key.to_owned(), value: value.into(), source, names: Names::Nothing });
    }

    /// With the line of the file, where there is one.
    fn place(&self, from: &Source, written: &str) -> String {
        let key = match from {
            Source::Environment(name) => format!("${name}"),
            _ => written.to_owned(),
        };
        match (from, self.settings.places.get(&key)) {
            (Source::Environment(name), Some(line)) => format!("{line} {name}"),
            (Source::File(_), Some(line)) => line.clone(),
            _ => source(from),
        }
    }
}
