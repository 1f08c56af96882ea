//! A configuration file as it is meant, whichever of the two it is.
//!
//! `librechat.yaml` and `outcrop.yaml` are told apart by the key `endpoints`. Each becomes the same [`FromFile`].

mod account;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outcrop_bedrock::Endpoint;
use outcrop_catalog::survey::Survey;
use outcrop_catalog::{Catalog, Layer, MAX_ALIASES, OverrideError, Overrides, Residency, ResidencyError};
use outcrop_gateway::{
    CachePlacement, Failover, Guardrail, Network, OnDisconnect, ParameterPolicy, RemoteImages, RequestPolicy,
    Step,
};
use outcrop_wire::bedrock::GuardrailConfig;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::{Location, Spanned};

use crate::accounts;
use crate::commands::profiles::rules::{self, Refused};
use crate::environment::Environment;
use crate::librechat::{self, Bedrock, LibreChat};
use crate::outcrop_yaml::{self, FailoverStep, Key, Lane, OutcropYaml, Upstream};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::tag_policy::TagPolicy;
use crate::yaml::{Named, Source};
use crate::{region, way};

/// `file:line` of a value, by its key as it is written in the file: `aliases.fast`, `keys[0].name`.
pub type Places = BTreeMap<String, String>;

/// What a configuration file says.
#[derive(Default)]
pub struct FromFile {
    /// The file's name as the person wrote it; empty without a file.
    pub name: String,
    /// Where each value stands.
    pub places: Places,
    /// Other files it takes something from.
    pub files: Vec<PathBuf>,
    /// What `config show` says about settings that nothing above the file can change: key and value.
    pub shown: Vec<(String, String)>,
    /// What it adds to the catalog.
    pub layer: Layer,
    /// What AWS listed when a snapshot was taken, by Region.
    pub surveys: BTreeMap<String, Survey>,
    /// Where the gateway listens.
    pub listen: Option<SocketAddr>,
    /// Where invocations go.
    pub runtime: Option<Endpoint>,
    /// Where control-plane calls go.
    pub control: Option<Endpoint>,
    /// How AWS is reached.
    pub way: way::FromFile,
    /// The keys clients may use.
    pub keys: Vec<GatewayKey>,
    /// As whom AWS is called, beside the gateway's own credentials.
    pub accounts: accounts::Written,
    /// The Regions a person may choose from.
    pub available_regions: Vec<String>,
    /// The guardrail of every request.
    pub guardrail: Option<Guardrail>,
    /// How requests travel.
    pub lane: Option<Lane>,
    /// What to try where a target fails.
    pub failover: Failover,
    /// What becomes of an invocation whose client leaves.
    pub on_disconnect: OnDisconnect,
    /// `parameters` and what else is done to requests.
    pub requests: RequestPolicy,
    /// `global` profiles come before all others.
    pub prefers_global: bool,
    /// The tags of the profiles that are made.
    pub profile_tags: TagPolicy,
    /// Where calls may go, if that is limited.
    pub residency: Option<Residency>,
    /// The Region to call where nothing else names one.
    pub region: Option<String>,
}

/// One client's key.
pub struct GatewayKey {
    /// What the ledger calls it.
    pub name: String,
    /// What the client sends.
    pub key: Secret,
}

/// Reads a configuration file. What is wrong goes to `problems`.
pub fn read(path: &Path, environment: &Environment, problems: &mut Vec<Problem>) -> Option<FromFile> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(
                Problem::error(&name, format!("the configuration file cannot be read: {error}"))
                    .hint("check --config and OUTCROP_CONFIG"),
            );
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    of_text(Source { name: &name, text }, environment, problems)
}

fn of_text(source: Source<'_>, environment: &Environment, problems: &mut Vec<Problem>) -> Option<FromFile> {
    let nothing_in_it =
        source.text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#'));
    if nothing_in_it {
        return Some(FromFile { name: source.name.to_owned(), ..FromFile::default() });
    }
    let mut reader =
        Reader { source, environment, problems, places: Places::new(), shown: Vec::new(), files: Vec::new() };
    let read = reader.is_librechat().and_then(|is_librechat| {
        if is_librechat {
            source.read().map(|file| reader.librechat(file))
        } else {
            source.read().map(|file| reader.outcrop(file))
        }
    });
    match read {
        Ok(from_file) => {
            Some(FromFile { places: reader.places, shown: reader.shown, files: reader.files, ..from_file })
        }
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

struct Reader<'a> {
    source: Source<'a>,
    environment: &'a Environment,
    problems: &'a mut Vec<Problem>,
    places: Places,
    shown: Vec<(String, String)>,
    files: Vec<PathBuf>,
}

impl Reader<'_> {
    fn is_librechat(&self) -> Result<bool, Box<Problem>> {
        #[derive(Deserialize)]
        struct Probe {
            endpoints: Option<IgnoredAny>,
        }
        let probe: Probe = self.source.read()?;
        Ok(probe.endpoints.is_some() || self.source.name.ends_with("librechat.yaml"))
    }

    fn librechat(&mut self, file: LibreChat) -> FromFile {
        let name = self.source.name.to_owned();
        match file.endpoints.bedrock {
            Some(bedrock) => FromFile { name, ..self.bedrock(bedrock) },
            None => FromFile { name, ..FromFile::default() },
        }
    }

    fn bedrock(&mut self, bedrock: Bedrock) -> FromFile {
        if let Some(rate) = bedrock.stream_rate.as_ref().filter(|rate| rate.value < 0.0) {
            self.problems
                .push(self.source.error(rate.referenced, "`endpoints.bedrock.streamRate` must be 0 or more"));
        }
        for (key, text) in bedrock.foreign_texts() {
            if let Err(problem) = self.source.text(&format!("endpoints.bedrock.{key}"), text) {
                self.problems.push(*problem);
            }
        }
        let layer = Layer {
            inference_profiles: self.inference_profiles(bedrock.inference_profiles.unwrap_or_default()),
            offered: self.texts("endpoints.bedrock.models", &bedrock.models.unwrap_or_default()),
            ..Layer::default()
        };
        FromFile {
            layer,
            available_regions: self.regions(&bedrock.available_regions.unwrap_or_default()),
            guardrail: bedrock.guardrail_config.and_then(|guardrail| self.guardrail(&guardrail)),
            ..FromFile::default()
        }
    }

    fn named<T>(&mut self, under: &str, map: Named<T>) -> BTreeMap<String, T> {
        self.source.named(under, map, self.problems)
    }

    /// Model → ARN. One ARN under two models is legal and leaves its own model open, so a person is told.
    fn inference_profiles(&mut self, map: Named<Spanned<String>>) -> BTreeMap<String, String> {
        let mut profiles = BTreeMap::new();
        let mut locations = Vec::with_capacity(map.len());
        for (model, target) in self.named("endpoints.bedrock.inferenceProfiles", map) {
            let key = format!("endpoints.bedrock.inferenceProfiles.{model}");
            let Some(arn) = self.text(&key, &target) else { continue };
            profiles.insert(model, arn);
            locations.push(target.referenced);
        }
        let mut first_models: HashMap<&str, &str> = HashMap::with_capacity(profiles.len());
        for ((model, arn), location) in profiles.iter().zip(locations) {
            if let Some(other) = first_models.insert(arn, model) {
                let message = format!("{arn} stands behind two models: {other} and {model}");
                self.problems.push(self.source.warning(location, message).hint(
                    "a profile has one model behind it; `outcrop explain` on the ARN cannot tell which",
                ));
            }
        }
        profiles
    }

    fn guardrail(&mut self, guardrail: &Spanned<librechat::Guardrail>) -> Option<Guardrail> {
        let librechat::Guardrail { guardrail_identifier, guardrail_version, trace, stream_processing_mode } =
            &guardrail.value;
        let identifier =
            self.text("endpoints.bedrock.guardrailConfig.guardrailIdentifier", guardrail_identifier);
        let version = self.text("endpoints.bedrock.guardrailConfig.guardrailVersion", guardrail_version);
        let config = GuardrailConfig {
            guardrail_identifier: identifier?,
            guardrail_version: version?,
            trace: trace.map(|trace| trace.word().to_owned()),
            stream_processing_mode: stream_processing_mode.map(|mode| mode.word().to_owned()),
        };
        if !is_guardrail_version(&config.guardrail_version) {
            let message = format!("`{}` is no version of a guardrail", config.guardrail_version);
            let problem = self.source.warning(guardrail_version.referenced, message);
            self.problems.push(problem.hint("AWS takes DRAFT, or a number in quotes such as '1'"));
        }
        Guardrail::new(config)
            .map_err(|error| {
                self.problems.push(self.source.error(guardrail.referenced, error.to_string()));
            })
            .ok()
    }

    fn outcrop(&mut self, file: OutcropYaml) -> FromFile {
        let OutcropYaml {
            aliases,
            listen,
            upstream,
            keys,
            lane,
            residency,
            regions,
            failover,
            catalog,
            on_disconnect,
            prefer,
            profile_tags,
            parameters,
            accounts,
            routes,
            fetch_remote_images,
            prompt_cache,
        } = file;
        let aliases = self.named("aliases", aliases);
        let accounts = self.named("accounts", accounts);
        let routes = self.named("routes", routes);
        let failover = self.named("failover", failover);
        let regions_at = regions.as_ref().map(|list| list.referenced);
        let regions = regions.map(|list| self.region_names("regions", &list.value));
        let catalog = catalog.unwrap_or_default();
        let mut upstream = upstream.unwrap_or_default();
        let (runtime, control) = (upstream.runtime.take(), upstream.control.take());
        FromFile {
            name: self.source.name.to_owned(),
            surveys: catalog.snapshot.as_ref().and_then(|path| self.snapshot(path)).unwrap_or_default(),
            layer: Layer {
                aliases: self.aliases(&aliases),
                overrides: self.overrides(catalog),
                ..Layer::default()
            },
            listen: listen.and_then(|listen| self.listen(&listen)),
            runtime: runtime.and_then(|url| self.endpoint("upstream.runtime", &url)),
            control: control.and_then(|url| self.endpoint("upstream.control", &url)),
            way: self.way(&upstream),
            accounts: self.accounts(&accounts, &routes, &keys),
            keys: self.keys(&keys),
            residency: self.policy(residency.as_ref(), regions_at.zip(regions.as_deref())),
            region: regions.and_then(|list| list.into_iter().next()),
            lane: lane.map(|lane| self.placed("lane", lane)),
            failover: self.failover(&failover),
            on_disconnect: on_disconnect.map(|policy| self.on_disconnect(policy)).unwrap_or_default(),
            prefers_global: prefer.is_some_and(|prefer| self.prefers_global(prefer)),
            requests: RequestPolicy {
                parameters: parameters.map(|it| self.parameters(it)).unwrap_or_default(),
                prompt_cache: prompt_cache.map(|it| self.prompt_cache(it)).unwrap_or_default(),
                remote_images: fetch_remote_images.and_then(|it| self.remote_images(it)),
            },
            profile_tags: profile_tags.map(|policy| self.profile_tags(policy)).unwrap_or_default(),
            ..FromFile::default()
        }
    }

    /// The rest of `upstream`.
    fn way(&mut self, upstream: &Upstream) -> way::FromFile {
        let Upstream {
            runtime: _,
            control: _,
            fips,
            dual_stack,
            ca_bundle,
            connect_timeout_ms,
            first_event_timeout_ms,
            event_timeout_ms,
        } = upstream;
        let ca_bundle = ca_bundle.as_ref().and_then(|written| {
            let path = self.text("upstream.ca_bundle", written)?;
            let folder = Path::new(self.source.name).parent().unwrap_or(Path::new(""));
            self.files.push(folder.join(&path));
            Some((folder.join(path), self.source.line(written.referenced)))
        });
        way::FromFile {
            fips: fips.as_ref().map(|value| value.value),
            dual_stack: dual_stack.as_ref().map(|value| value.value),
            ca_bundle,
            connect: self.span("upstream.connect_timeout_ms", connect_timeout_ms.as_ref()),
            first_event: self.span("upstream.first_event_timeout_ms", first_event_timeout_ms.as_ref()),
            between_events: self.span("upstream.event_timeout_ms", event_timeout_ms.as_ref()),
        }
    }

    /// A time in milliseconds; none at all would let nothing through.
    fn span(&mut self, key: &str, written: Option<&Spanned<u64>>) -> Option<Duration> {
        let written = written?;
        if written.value == 0 {
            let message = format!("`{key}` is 0: nothing would ever be in time");
            self.problems.push(self.source.error(written.referenced, message).hint("write milliseconds"));
            return None;
        }
        self.places.insert(key.to_owned(), self.source.line(written.referenced));
        self.shown.push((key.to_owned(), written.value.to_string()));
        Some(Duration::from_millis(written.value))
    }

    fn snapshot(&mut self, written: &Spanned<String>) -> Option<BTreeMap<String, Survey>> {
        let path = self.text("catalog.snapshot", written)?;
        let folder = Path::new(self.source.name).parent().unwrap_or(Path::new(""));
        self.files.push(folder.join(&path));
        let read = std::fs::read(folder.join(&path)).map_err(|error| error.to_string());
        let read = read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        read.map_err(|why| {
            let message = format!("`catalog.snapshot`: {path} cannot be read: {why}");
            let hint = "`outcrop models snapshot --output FILE` writes one";
            self.problems.push(self.source.error(written.referenced, message).hint(hint));
        })
        .ok()
    }

    /// What is wrong with one record goes to the problems; the others are read.
    fn overrides(&mut self, facts: outcrop_yaml::CatalogFacts) -> Overrides {
        let outcrop_yaml::CatalogFacts { snapshot: _, models, profiles, prices } = facts;
        let mut overrides = Overrides::default();
        for (id, fields) in self.named("catalog.models", models) {
            self.fact("models", &id, &fields);
            let read = overrides.model(&id, fields.value);
            self.overridden(&format!("catalog.models.{id}"), fields.referenced, read);
        }
        for (id, fields) in self.named("catalog.profiles", profiles) {
            self.fact("profiles", &id, &fields);
            let read = overrides.profile(&id, fields.value);
            self.overridden(&format!("catalog.profiles.{id}"), fields.referenced, read);
        }
        for (id, fields) in self.named("catalog.prices", prices) {
            self.fact("prices", &id, &fields);
            let read = overrides.price(&id, fields.value);
            self.overridden(&format!("catalog.prices.{id}"), fields.referenced, read);
        }
        overrides
    }

    fn fact(&mut self, list: &str, id: &str, fields: &Spanned<serde_json::Value>) {
        let key = format!("catalog.{list}.{id}");
        self.places.insert(key.clone(), self.source.line(fields.referenced));
        self.shown.push((key, fields.value.to_string()));
    }

    fn overridden(&mut self, key: &str, location: Location, read: Result<(), OverrideError>) {
        let Err(OverrideError { path, message }) = read else { return };
        let key = if path.is_empty() { key.to_owned() } else { format!("{key}.{path}") };
        let hint = "the fields are those of crates/catalog/data (docs/resolver.md); `null` makes one unknown";
        self.problems.push(self.source.error(location, format!("`{key}`: {message}")).hint(hint));
    }

    /// `residency` and `regions` as one policy; `None` when neither is written.
    fn policy(
        &mut self,
        residency: Option<&Spanned<outcrop_yaml::Residency>>,
        regions: Option<(Location, &[String])>,
    ) -> Option<Residency> {
        let mut policy = Residency::default();
        if let Some(written) = residency {
            let outcrop_yaml::Residency { allow_regions, allow_geographies } = &written.value;
            let allowed = self.region_names("residency.allow_regions", allow_regions);
            let geographies = self.texts("residency.allow_geographies", allow_geographies);
            self.show("residency.allow_regions", &allowed);
            self.show("residency.allow_geographies", &geographies);
            let set =
                policy.clone().processed_in(&allowed, &geographies, self.source.line(written.referenced));
            policy = self.allowed("residency", written.referenced, set)?;
        }
        if let Some((location, names)) = regions {
            self.show("regions", names);
            let set = policy.called_in(names, self.source.line(location));
            policy = self.allowed("regions", location, set)?;
        }
        (residency.is_some() || regions.is_some()).then_some(policy)
    }

    fn show(&mut self, key: &str, values: &[String]) {
        let entry = |(index, value): (usize, &String)| (format!("{key}[{index}]"), value.clone());
        self.shown.extend(values.iter().enumerate().map(entry));
    }

    fn allowed(
        &mut self,
        key: &str,
        location: Location,
        set: Result<Residency, ResidencyError>,
    ) -> Option<Residency> {
        set.map_err(|error| {
            let hint = match &error {
                ResidencyError::Empty => format!("list what is allowed, or remove `{key}`"),
                ResidencyError::UnknownGeography { .. } => {
                    "a Region such as eu-central-1 belongs into allow_regions".to_owned()
                }
            };
            self.problems.push(self.source.error(location, format!("`{key}`: {error}")).hint(hint));
        })
        .ok()
    }

    /// A value that is a word of ours, its place remembered.
    fn placed<T>(&mut self, key: &str, value: Spanned<T>) -> T {
        self.places.insert(key.to_owned(), self.source.line(value.referenced));
        value.value
    }

    fn failover(&mut self, rules: &BTreeMap<String, Vec<Spanned<FailoverStep>>>) -> Failover {
        let mut read = Vec::new();
        for (name, steps) in rules {
            let place = |(index, step): (usize, &Spanned<FailoverStep>)| {
                self.failover_step(&format!("failover.{name}[{index}]"), step)
            };
            read.push((name.clone(), steps.iter().enumerate().filter_map(place).collect()));
        }
        Failover::new(read)
    }

    fn failover_step(&mut self, key: &str, step: &Spanned<FailoverStep>) -> Option<Step> {
        let FailoverStep { region, geography, identifier } = &step.value;
        let region = region.as_ref().and_then(|region| {
            let name = self.text(&format!("{key}.region"), region)?;
            if let Err(wrong) = region::check(&name) {
                self.problems.push(self.source.error(region.referenced, wrong.message).hint(wrong.hint));
            }
            self.shown.push((format!("{key}.region"), name.clone()));
            Some(name)
        });
        match (region, geography, identifier) {
            (region, None, Some(identifier)) => {
                let identifier = self.text(&format!("{key}.identifier"), identifier)?;
                self.shown.push((format!("{key}.identifier"), identifier.clone()));
                Some(Step::Identifier { identifier, region })
            }
            (Some(region), None, None) => Some(Step::Region(region)),
            (None, Some(geography), None) => self.geography(&format!("{key}.geography"), geography),
            _ => {
                let message = format!("`{key}` must be one of `region`, `geography` and `identifier`");
                let problem = self.source.error(step.referenced, message);
                self.problems.push(
                    problem.hint("an `identifier` may have a `region` beside it; two ways are two steps"),
                );
                None
            }
        }
    }

    fn geography(&mut self, key: &str, written: &Spanned<String>) -> Option<Step> {
        let name = self.text(key, written)?;
        let catalog = Catalog::built_in();
        let known: BTreeSet<&str> =
            catalog.system_profiles().map(|profile| profile.geography.as_str()).collect();
        if !known.contains(name.as_str()) {
            let known: Vec<&str> = known.into_iter().collect();
            let problem =
                self.source.error(written.referenced, format!("`{name}` is no geography of system profiles"));
            self.problems.push(problem.hint(format!("known are {}", known.join(", "))));
            return None;
        }
        self.shown.push((key.to_owned(), name.clone()));
        Some(Step::Geography(name))
    }

    fn prefers_global(&mut self, prefer: Spanned<outcrop_yaml::Prefer>) -> bool {
        let (word, global) = match self.placed("prefer", prefer) {
            outcrop_yaml::Prefer::Regional => ("regional", false),
            outcrop_yaml::Prefer::Global => ("global", true),
        };
        self.shown.push(("prefer".to_owned(), word.to_owned()));
        global
    }

    fn parameters(&mut self, policy: Spanned<outcrop_yaml::Parameters>) -> ParameterPolicy {
        let (word, policy) = match self.placed("parameters", policy) {
            outcrop_yaml::Parameters::Fix => ("fix", ParameterPolicy::Fix),
            outcrop_yaml::Parameters::Refuse => ("refuse", ParameterPolicy::Refuse),
        };
        self.shown.push(("parameters".to_owned(), word.to_owned()));
        policy
    }

    fn profile_tags(&mut self, policy: Spanned<TagPolicy>) -> TagPolicy {
        let at = policy.referenced;
        let policy = self.placed("profile_tags", policy);
        let TagPolicy { tags, required_tags, tag_values } = &policy;
        for (key, value) in tags {
            if let Err(Refused { message, hint }) = rules::tag(key, value) {
                let problem = self.source.error(at, format!("`profile_tags`: {message}"));
                self.problems.push(hint.into_iter().fold(problem, Problem::hint));
            }
        }
        let shown = [
            ("tags", tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()),
            ("required_tags", required_tags.clone()),
            (
                "tag_values",
                tag_values.iter().map(|(key, values)| format!("{key}={}", values.join("|"))).collect(),
            ),
        ];
        let shown = shown.into_iter().filter(|(_, values)| !values.is_empty());
        self.shown.extend(shown.map(|(key, values)| (format!("profile_tags.{key}"), values.join(", "))));
        policy
    }

    fn prompt_cache(&mut self, policy: Spanned<outcrop_yaml::PromptCache>) -> CachePlacement {
        let (word, policy) = match self.placed("prompt_cache", policy) {
            outcrop_yaml::PromptCache::Asked => ("asked", CachePlacement::Asked),
            outcrop_yaml::PromptCache::Auto => ("auto", CachePlacement::Automatic),
            outcrop_yaml::PromptCache::AutoHour => ("auto-1h", CachePlacement::AutomaticHour),
        };
        self.shown.push(("prompt_cache".to_owned(), word.to_owned()));
        policy
    }

    fn remote_images(&mut self, written: Spanned<outcrop_yaml::FetchRemoteImages>) -> Option<RemoteImages> {
        let location = written.referenced;
        let within = match self.placed("fetch_remote_images", written) {
            outcrop_yaml::FetchRemoteImages::Any(any) => {
                self.shown.push(("fetch_remote_images".to_owned(), any.to_string()));
                return any.then(RemoteImages::default);
            }
            outcrop_yaml::FetchRemoteImages::Within(within) => within,
        };
        let outcrop_yaml::RemoteImages { hosts, networks, allow_http, max_bytes, timeout_ms } = within;
        let default = RemoteImages::default();
        let hosts = hosts.unwrap_or(default.hosts);
        self.shown.push(("fetch_remote_images.hosts".to_owned(), hosts.join(", ")));
        let mut read = Vec::new();
        for network in &networks {
            match network.parse::<Network>() {
                Ok(network) => read.push(network),
                Err(why) => {
                    let message = format!("`fetch_remote_images.networks`: `{network}`: {why}");
                    self.problems.push(self.source.error(location, message));
                }
            }
        }
        if max_bytes == Some(0) || timeout_ms == Some(0) {
            let message = "`fetch_remote_images`: nothing can be fetched in no bytes or no time";
            self.problems.push(
                self.source.error(location, message.to_owned()).hint("leave the limit out for the default"),
            );
        }
        Some(RemoteImages {
            hosts,
            networks: read,
            allow_http,
            max_bytes: max_bytes.unwrap_or(default.max_bytes),
            timeout: timeout_ms.map_or(default.timeout, Duration::from_millis),
        })
    }

    fn on_disconnect(&mut self, policy: Spanned<outcrop_yaml::OnDisconnect>) -> OnDisconnect {
        let (word, policy) = match self.placed("on_disconnect", policy) {
            outcrop_yaml::OnDisconnect::Drain => ("drain", OnDisconnect::Drain),
            outcrop_yaml::OnDisconnect::Cancel => ("cancel", OnDisconnect::Cancel),
        };
        self.shown.push(("on_disconnect".to_owned(), word.to_owned()));
        policy
    }

    fn aliases(&mut self, map: &BTreeMap<String, Spanned<String>>) -> BTreeMap<String, String> {
        let aliases: BTreeMap<_, _> = map
            .iter()
            .filter_map(|(name, target)| Some((name.clone(), self.text(&format!("aliases.{name}"), target)?)))
            .collect();
        for (name, target) in map {
            if let Some(how) = endless(&aliases, name) {
                let problem = self.source.error(target.referenced, format!("the alias `{name}` leads {how}"));
                self.problems.push(problem.hint("let it name a model id, a profile id or an ARN"));
            }
        }
        aliases
    }

    fn listen(&mut self, text: &Spanned<String>) -> Option<SocketAddr> {
        let value = self.text("listen", text)?;
        address(&value)
            .map_err(|hint| {
                let problem = self.source.error(text.referenced, format!("`{value}` is no address"));
                self.problems.push(problem.hint(hint));
            })
            .ok()
    }

    fn endpoint(&mut self, key: &str, text: &Spanned<String>) -> Option<Endpoint> {
        let url = self.text(key, text)?;
        Endpoint::parse(&url)
            .map_err(|error| self.problems.push(self.source.error(text.referenced, error.to_string())))
            .ok()
    }

    fn keys(&mut self, keys: &[Key]) -> Vec<GatewayKey> {
        let mut read: Vec<GatewayKey> = Vec::new();
        for (index, Key { name, key, account: _ }) in keys.iter().enumerate() {
            let Some(label) = self.text(&format!("keys[{index}].name"), name) else { continue };
            let Some(secret) = self.text(&format!("keys[{index}].key"), key) else { continue };
            if secret.chars().any(|c| !c.is_ascii_graphic()) {
                let message = format!("the key of `{label}` holds a character that no header can carry");
                self.problems.push(self.source.error(key.referenced, message));
            } else if read.iter().any(|other| other.name == label || other.key.reveal() == secret) {
                let message = format!("the key `{label}` repeats another one's name or value");
                self.problems.push(self.source.error(name.referenced, message));
            } else {
                read.push(GatewayKey { name: label, key: Secret::new(secret) });
            }
        }
        read
    }

    fn regions(&mut self, list: &[Spanned<String>]) -> Vec<String> {
        self.region_names("endpoints.bedrock.availableRegions", list)
    }

    fn region_names(&mut self, key: &str, list: &[Spanned<String>]) -> Vec<String> {
        let names = self.texts(key, list);
        for (name, item) in names.iter().zip(list) {
            if let Err(wrong) = region::check(name) {
                self.problems.push(self.source.error(item.referenced, wrong.message).hint(wrong.hint));
            }
        }
        names
    }

    fn texts(&mut self, key: &str, list: &[Spanned<String>]) -> Vec<String> {
        list.iter()
            .enumerate()
            .filter_map(|(index, item)| self.text(&format!("{key}[{index}]"), item))
            .collect()
    }

    /// A text with its variables replaced, refused when nothing is left.
    fn text(&mut self, key: &str, text: &Spanned<String>) -> Option<String> {
        self.places.insert(key.to_owned(), self.source.line(text.referenced));
        if let Err(problem) = self.source.text(key, text) {
            self.problems.push(*problem);
            return None;
        }
        let value = self.source.expand(key, text, self.environment, self.problems)?;
        if value.is_empty() {
            self.problems.push(self.source.error(text.referenced, format!("`{key}` is empty")));
            return None;
        }
        Some(value)
    }
}

/// `DRAFT`, or up to eight digits (`GuardrailVersion` of AWS's API).
fn is_guardrail_version(text: &str) -> bool {
    let is_number =
        !text.starts_with('0') && (1..=8).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    text == "DRAFT" || is_number
}

/// In what way an alias never ends. A circle is told of once, at the first of its names.
fn endless(aliases: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let steps = std::iter::successors(Some(name), |at| aliases.get(*at).map(String::as_str));
    let path: Vec<&str> = steps.take(MAX_ALIASES + 2).collect();
    match path.iter().skip(1).position(|at| *at == name) {
        Some(end) => {
            let circle = &path[..end + 2];
            let is_first = circle.iter().all(|other| *other >= name);
            is_first.then(|| format!("in a circle: {}", circle.join(" → ")))
        }
        None if path.len() > MAX_ALIASES + 1 && !is_into_a_circle(&path) => {
            Some(format!("through more than {MAX_ALIASES} aliases: {}", path.join(" → ")))
        }
        None => None,
    }
}

/// It leads into a circle that it is no part of: those in it are told of.
fn is_into_a_circle(path: &[&str]) -> bool {
    path.iter().enumerate().any(|(index, at)| path[..index].contains(at))
}

/// Reads `127.0.0.1:4141`, `[::1]:4141` or `localhost:4141`; otherwise what to write instead.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let written = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let written = written.as_deref().unwrap_or(text);
    written.parse().map_err(|_| {
        if written.parse::<u16>().is_ok()
            || written.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        {
            format!("write 127.0.0.1:{}", written.trim_start_matches(':'))
        } else {
            "an address looks like 127.0.0.1:4141 or [::1]:4141".to_owned()
        }
    })
}
