//! What holds: built-in values, the configuration file, the environment and the flags, made into one value.
//!
//! Later sources win: built-in, then discovery (at run time), then the file, then the environment, then flags. Everything that can be wrong is
//! checked here, all of it in one run; behind this module nothing looks at files, variables or arguments again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outcrop_bedrock::{Endpoint, Endpoints, Service, Variant};
use outcrop_catalog::{Arn, Catalog, Context, Layer, Residency, Source};
use outcrop_gateway::{Collector, Failover, Guardrail, OnDisconnect, RequestPolicy};

use crate::args::Global;
use crate::collector;
use crate::credentials::{Choice, Chosen};
use crate::environment::Environment;
use crate::file::{self, FromFile, GatewayKey, Places};
use crate::outcrop_yaml::Lane;
use crate::problem::{Problem, Severity};
use crate::secret::Secret;
use crate::shared_config::SharedConfig;
use crate::tag_policy::TagPolicy;
use crate::way::Way;
use crate::{accounts, mappings, region};

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// What holds.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// What a reading of all sources gave.
pub struct Loaded {
    /// The files that were read or looked for: what they say, or that they are there, decides what holds.
    pub files: Vec<PathBuf>,
    /// What holds; on failure every problem found, not only the first.
    pub settings: Result<Settings, Vec<Problem>>,
}

/// Flags that override everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--region`
    pub region: Option<String>,
}

/// What holds.
pub struct Settings {
    /// The configuration file that was read.
    pub file: Option<String>,
    /// The environment file that was read.
    pub env_file: Option<String>,
    /// Where in the configuration file each value stands, by its key.
    pub places: Places,
    /// Settings of the file that nothing stronger can change, for `config show`: key and value.
    pub of_file: Vec<(String, String)>,
    /// What the sources add to the catalog.
    pub layers: Vec<(Source, Layer)>,
    /// The Region to call from when an identifier names none.
    pub region: Sourced<String>,
    /// Where the gateway listens.
    pub listen: Sourced<SocketAddr>,
    /// Where the ledger lives.
    pub data_dir: Sourced<PathBuf>,
    /// How often the files are looked at for changes; zero is never.
    pub reload_interval: Sourced<Duration>,
    /// Where Bedrock is, when not at AWS's own address.
    pub upstream: Upstream,
    /// Who we are to AWS.
    pub credentials: Chosen,
    /// What AWS's shared files say.
    pub shared: SharedConfig,
    /// The keys clients may use.
    pub keys: Vec<GatewayKey>,
    /// As whom AWS is called, beside our own credentials.
    pub accounts: accounts::Written,
    /// The Regions LibreChat's users may choose from.
    pub available_regions: Vec<String>,
    /// The guardrail of every request.
    pub guardrail: Option<Guardrail>,
    /// How requests travel.
    pub lane: Option<Lane>,
    /// What to try where a target fails.
    pub failover: Failover,
    /// What becomes of an invocation whose client leaves.
    pub on_disconnect: OnDisconnect,
    /// What is done to requests.
    pub requests: RequestPolicy,
    /// `global` profiles come before all others.
    pub prefers_global: bool,
    /// The tags of the profiles that are made.
    pub profile_tags: TagPolicy,
    /// Where calls may go, if that is limited.
    pub residency: Option<Residency>,
    /// Where traces and metrics go.
    pub collector: Option<Collector>,
    /// How our own commands reach a gateway.
    pub client: ClientSettings,
    /// What a person should know.
    pub warnings: Vec<Problem>,
}

/// How `outcrop chat` reaches a gateway.
#[derive(Clone, Default)]
pub struct ClientSettings {
    /// `OUTCROP_URL`
    pub url: Option<String>,
    /// `OUTCROP_MODEL`
    pub model: Option<String>,
    /// `OUTCROP_API_KEY`
    pub api_key: Option<Secret>,
}

impl ClientSettings {
    fn of(environment: &Environment) -> Self {
        let value = |name| environment.value(name).map(str::to_owned);
        Self {
            url: value("OUTCROP_URL"),
            model: value("OUTCROP_MODEL"),
            api_key: value("OUTCROP_API_KEY").map(Secret::new),
        }
    }
}

/// Addresses instead of AWS's own.
#[derive(Debug, Clone, Default)]
pub struct Upstream {
    /// Invocations.
    pub runtime: Option<Sourced<Endpoint>>,
    /// Profiles, models, tags.
    pub control: Option<Sourced<Endpoint>>,
    /// The services beside Bedrock.
    pub neighbours: BTreeMap<Service, Sourced<Endpoint>>,
    /// How AWS is reached.
    pub way: Way,
}

impl Upstream {
    /// The emulator of `--local`.
    fn emulated(address: SocketAddr) -> Self {
        let value = Endpoint::parse(&format!("http://{address}")).expect("a loopback address is an endpoint");
        let endpoint = Sourced { value, source: Source::Flag("--local".to_owned()) };
        let neighbours = Service::ALL.map(|service| (service, endpoint.clone())).into();
        Self { runtime: Some(endpoint.clone()), control: Some(endpoint), neighbours, way: Way::default() }
    }

    /// An address that a person gave cannot be made a FIPS or a dual-stack one: botocore refuses both together in these words.
    fn is_no_variant(&self) -> Option<Problem> {
        let what = match self.way.variant {
            Variant { fips: true, .. } => "FIPS",
            Variant { dual_stack: true, .. } => "Dualstack",
            Variant { fips: false, dual_stack: false } => return None,
        };
        let given = self.runtime.as_ref().or(self.control.as_ref())?;
        let message = format!("Invalid Configuration: {what} and custom endpoint are not supported");
        let hint = "leave one of the two out; a custom endpoint is used as it is written";
        Some(Problem::error(crate::shown::source(&given.source), message).hint(hint))
    }

    /// In the client's type.
    pub fn endpoints(&self) -> Endpoints {
        let value = |it: &Option<Sourced<Endpoint>>| it.as_ref().map(|it| it.value.clone());
        let neighbours = self.neighbours.iter().map(|(service, it)| (*service, it.value.clone()));
        Endpoints {
            runtime: value(&self.runtime),
            control: value(&self.control),
            neighbours: neighbours.collect(),
            variant: self.way.variant,
            network: self.way.network.clone(),
        }
    }
}

impl Settings {
    /// Whether everything that can be translated to Converse is (`lane: converse`).
    pub fn is_converse_only(&self) -> bool {
        self.lane == Some(Lane::Converse)
    }

    /// Reads every source. On failure: every problem found, not only the first.
    pub fn load(global: &Global, flags: &Flags) -> Result<Self, Vec<Problem>> {
        Self::read(global, flags).settings
    }

    /// Like [`Settings::load`], and says which files it depends on, also when they are wrong.
    pub fn read(global: &Global, flags: &Flags) -> Loaded {
        let mut environment = Environment::of_process();
        let mut problems = Vec::new();
        let env_file = env_file(global, &environment);
        if let Some(path) = &env_file {
            problems.extend(environment.read_file(path));
        }
        problems.extend(environment.unknown_names());
        let candidates = config_files(global, &environment);
        let config = candidates.iter().find(|path| candidates.len() == 1 || path.is_file());
        let from_file = config.and_then(|path| file::read(path, &environment, &mut problems));
        let named_in_it = from_file.as_ref().map(|from_file| from_file.files.clone()).unwrap_or_default();
        let mut settings = Self::of(flags, &environment, from_file, &mut problems);
        settings.places.extend(environment.lines());
        settings.env_file = env_file.as_ref().map(|path| path.display().to_string());
        let files = env_file.into_iter().chain(candidates).chain(named_in_it).collect();
        if let Some(address) = global.emulated {
            settings.upstream = Upstream::emulated(address);
            settings.credentials = Chosen::emulated();
        }
        if !global.local && matches!(settings.credentials.choice, Choice::Profile { .. } | Choice::Chain) {
            problems.extend(settings.shared.broken_keys());
        }
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Loaded { files, settings: Err(problems) };
        }
        settings.warnings = problems;
        Loaded { files, settings: Ok(settings) }
    }

    /// The files that [`Settings::read`] is about to read, as far as the process's own variables tell.
    pub fn files(global: &Global) -> Vec<PathBuf> {
        let environment = Environment::of_process();
        let candidates = config_files(global, &environment);
        env_file(global, &environment).into_iter().chain(candidates).collect()
    }

    fn of(
        flags: &Flags,
        environment: &Environment,
        from_file: Option<FromFile>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let FromFile {
            name,
            places,
            files: _,
            shown,
            layer,
            surveys,
            listen,
            runtime,
            control,
            way,
            keys,
            accounts,
            available_regions,
            guardrail,
            lane,
            failover,
            on_disconnect,
            requests,
            prefers_global,
            profile_tags,
            residency,
            region,
        } = from_file.unwrap_or_default();
        let file = (!name.is_empty()).then_some(name);
        let mut layers = Vec::new();
        if !surveys.is_empty() {
            layers.push((Source::Discovered, Layer { surveys, ..Layer::default() }));
        }
        if let Some(file) = &file {
            layers.push((Source::File(file.clone()), layer));
        }
        layers.extend(layers_of(environment, problems));
        let of_file =
            |value: Endpoint| Sourced { value, source: Source::File(file.clone().unwrap_or_default()) };
        let shared = SharedConfig::read(environment);
        let upstream = Upstream {
            runtime: endpoint(environment, &RUNTIME_URLS, problems).or_else(|| runtime.map(of_file)),
            control: endpoint(environment, &CONTROL_URLS, problems).or_else(|| control.map(of_file)),
            neighbours: neighbours(environment, problems),
            way: Way::of(environment, &way, &shared, problems),
        };
        problems.extend(upstream.is_no_variant());
        let region = region.or_else(|| available_regions.first().cloned());
        let region = region_of(flags, environment, region.zip(file.clone()), problems);
        let residency = residency.or_else(|| availability(&available_regions, &region, &layers, &places));
        Self {
            region,
            listen: listen_of(flags, environment, listen, file.as_deref(), problems),
            data_dir: data_dir_of(flags, environment, problems),
            reload_interval: reload_interval_of(environment, problems),
            credentials: Chosen::of(environment, upstream.way.clone(), shared.files.clone(), problems),
            shared,
            file,
            env_file: None,
            places,
            of_file: shown,
            layers,
            upstream,
            accounts,
            keys,
            available_regions,
            guardrail,
            lane,
            failover,
            on_disconnect,
            requests,
            prefers_global,
            profile_tags,
            residency,
            collector: collector::of(environment, problems),
            client: ClientSettings::of(environment),
            warnings: Vec::new(),
        }
    }

    /// The built-in catalog with what the configuration adds, under its policy.
    pub fn catalog(&self) -> Catalog {
        let catalog = self
            .layers
            .iter()
            .fold(Catalog::built_in(), |catalog, (source, layer)| catalog.with(source.clone(), layer));
        let catalog = if self.prefers_global { catalog.preferring_global() } else { catalog };
        match &self.residency {
            Some(policy) => catalog.under(policy.clone()),
            None => catalog,
        }
    }

    /// What the resolver has to know of us.
    pub fn context(&self) -> Context {
        Context { region: self.region.value.clone() }
    }
}

fn env_file(global: &Global, environment: &Environment) -> Option<PathBuf> {
    let from_variable = || environment.value("OUTCROP_ENV_FILE").map(PathBuf::from);
    global.env_file.clone().or_else(from_variable)
}

/// Looked for in the working directory when no file is named, in this order.
const DEFAULT_FILES: [&str; 2] = ["outcrop.yaml", "librechat.yaml"];

/// The one that is named, or those of which the first that is there counts.
fn config_files(global: &Global, environment: &Environment) -> Vec<PathBuf> {
    let named = global.config.clone().or_else(|| environment.value("OUTCROP_CONFIG").map(PathBuf::from));
    named.map_or_else(|| DEFAULT_FILES.iter().map(PathBuf::from).collect(), |path| vec![path])
}

fn layers_of(environment: &Environment, problems: &mut Vec<Problem>) -> Vec<(Source, Layer)> {
    let mapped = mappings::read(environment, problems);
    let offered = environment.value(MODELS).map(comma_list).unwrap_or_default();
    let mut layers = Vec::new();
    if !mapped.is_empty() {
        let source = Source::Environment(mappings::VARIABLE.to_owned());
        layers.push((source, Layer { mappings: mapped, ..Layer::default() }));
    }
    if !offered.is_empty() {
        let source = Source::Environment(MODELS.to_owned());
        layers.push((source, Layer { offered, ..Layer::default() }));
    }
    layers
}

/// LibreChat's list of models to offer.
pub const MODELS: &str = "BEDROCK_AWS_MODELS";

/// LibreChat's comma list: items trimmed, empty ones left out.
fn comma_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Strongest first. Behind ours: LibreChat's name, then AWS's.
const REGION_VARIABLES: [&str; 4] =
    ["OUTCROP_REGION", "BEDROCK_AWS_DEFAULT_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];

/// Where Bedrock has most models, and what Better Chatbot falls back to.
const DEFAULT_REGION: &str = "us-east-1";

fn region_of(
    flags: &Flags,
    environment: &Environment,
    of_file: Option<(String, String)>,
    problems: &mut Vec<Problem>,
) -> Sourced<String> {
    let (value, source, place) = if let Some(region) = &flags.region {
        (region.clone(), Source::Flag("--region".to_owned()), "--region".to_owned())
    } else if let Some(name) = REGION_VARIABLES.into_iter().find(|name| environment.value(name).is_some()) {
        let value = environment.value(name).unwrap_or_default().to_owned();
        (value, Source::Environment(name.to_owned()), environment.place(name))
    } else if let Some((region, file)) = of_file {
        return Sourced { value: region, source: Source::File(file) }; // checked where it stands
    } else {
        (DEFAULT_REGION.to_owned(), Source::BuiltIn, String::new())
    };
    if let Err(wrong) = region::check(&value) {
        problems.push(Problem::error(place, wrong.message).hint(wrong.hint));
    }
    Sourced { value, source }
}

/// The gateway's address (DESIGN: names other people's scripts rely on).
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4141);

fn listen_of(
    flags: &Flags,
    environment: &Environment,
    from_file: Option<SocketAddr>,
    file: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Sourced<SocketAddr> {
    if let Some(value) = flags.listen {
        return Sourced { value, source: Source::Flag("--listen".to_owned()) };
    }
    if let Some(text) = environment.value("OUTCROP_LISTEN") {
        match file::address(text) {
            Ok(value) => return Sourced { value, source: Source::Environment("OUTCROP_LISTEN".to_owned()) },
            Err(hint) => problems.push(
                Problem::error(environment.place("OUTCROP_LISTEN"), format!("`{text}` is no address"))
                    .hint(hint),
            ),
        }
    }
    match from_file {
        Some(value) => Sourced { value, source: Source::File(file.unwrap_or_default().to_owned()) },
        None => Sourced { value: DEFAULT_LISTEN, source: Source::BuiltIn },
    }
}

fn data_dir_of(flags: &Flags, environment: &Environment, problems: &mut Vec<Problem>) -> Sourced<PathBuf> {
    if let Some(value) = &flags.data_dir {
        return Sourced { value: value.clone(), source: Source::Flag("--data-dir".to_owned()) };
    }
    for (name, below) in
        [("OUTCROP_DATA_DIR", ""), ("XDG_DATA_HOME", "outcrop"), ("HOME", ".local/share/outcrop")]
    {
        if let Some(folder) = environment
            .value(name)
            .map(Path::new)
            .filter(|path| name == "OUTCROP_DATA_DIR" || path.is_absolute())
        {
            let source = match name {
                "OUTCROP_DATA_DIR" => Source::Environment(name.to_owned()),
                _ => Source::BuiltIn,
            };
            return Sourced { value: folder.join(below), source };
        }
    }
    problems.push(
        Problem::warning("HOME", "there is no home folder, so the ledger goes to ./.outcrop")
            .hint("set OUTCROP_DATA_DIR or --data-dir"),
    );
    Sourced { value: PathBuf::from(".outcrop"), source: Source::BuiltIn }
}

/// How often configuration files are looked at, in milliseconds; 0 is never.
const RELOAD_INTERVAL: &str = "OUTCROP_RELOAD_INTERVAL_MS";

/// Soon enough for a person who saves a file and tries again.
const DEFAULT_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

fn reload_interval_of(environment: &Environment, problems: &mut Vec<Problem>) -> Sourced<Duration> {
    let built_in = Sourced { value: DEFAULT_RELOAD_INTERVAL, source: Source::BuiltIn };
    let Some(text) = environment.value(RELOAD_INTERVAL) else { return built_in };
    match text.parse() {
        Ok(milliseconds) => Sourced {
            value: Duration::from_millis(milliseconds),
            source: Source::Environment(RELOAD_INTERVAL.to_owned()),
        },
        Err(_) => {
            let place = environment.place(RELOAD_INTERVAL);
            problems.push(
                Problem::error(place, format!("`{text}` is no number of milliseconds"))
                    .hint("write 1000 for a second, 0 for never"),
            );
            built_in
        }
    }
}

/// Strongest first; AWS's own names, then LibreChat's, which is a host without a scheme.
const RUNTIME_URLS: [&str; 3] =
    ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL", "BEDROCK_REVERSE_PROXY"];

const CONTROL_URLS: [&str; 2] = ["AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL"];

/// The addresses of the services beside Bedrock, where they are given.
fn neighbours(
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Service, Sourced<Endpoint>> {
    let of = |service: Service, problems: &mut Vec<Problem>| {
        let names: Vec<&str> = service.variables().iter().copied().chain(["AWS_ENDPOINT_URL"]).collect();
        Some((service, endpoint(environment, &names, problems)?))
    };
    // A wrong AWS_ENDPOINT_URL has been told of already.
    let mut again = Vec::new();
    let found = Service::ALL.into_iter().filter_map(|service| of(service, &mut again)).collect();
    problems.extend(again.into_iter().filter(|problem| !problem.place.ends_with("AWS_ENDPOINT_URL")));
    found
}

/// LibreChat's list of the Regions that a person may choose from, as a policy. What the operator wrote is no choice: the Region that
/// the environment sets, and those of the ARNs in the configuration.
fn availability(
    available: &[String],
    region: &Sourced<String>,
    layers: &[(Source, Layer)],
    places: &Places,
) -> Option<Residency> {
    let configured = matches!(region.source, Source::Environment(_)).then_some(region.value.as_str());
    let identifiers = layers.iter().flat_map(|(_, layer)| {
        let Layer { inference_profiles, mappings, offered, .. } = layer;
        inference_profiles.values().chain(mappings.keys()).chain(offered)
    });
    let of_arns = identifiers.filter_map(|it| Arn::parse_encoded(it).ok()).map(|arn| arn.region);
    let choice = available.iter().cloned().chain(configured.map(str::to_owned));
    let regions: BTreeSet<String> = choice.chain(of_arns.filter(|region| !region.is_empty())).collect();
    let regions: Vec<String> = regions.into_iter().collect();
    let place = places.get("endpoints.bedrock.availableRegions[0]")?;
    Residency::default().called_in(&regions, format!("{place} (availableRegions)")).ok()
}

fn endpoint(
    environment: &Environment,
    names: &[&'static str],
    problems: &mut Vec<Problem>,
) -> Option<Sourced<Endpoint>> {
    let name = names.iter().copied().find(|name| environment.value(name).is_some())?;
    let text = environment.value(name)?;
    let url = match name {
        "BEDROCK_REVERSE_PROXY" if !text.contains("://") => format!("https://{text}"),
        _ => text.to_owned(),
    };
    match Endpoint::parse(&url) {
        Ok(value) => Some(Sourced { value, source: Source::Environment(name.to_owned()) }),
        Err(error) => {
            problems.push(Problem::error(environment.place(name), error.to_string()));
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write;

    use allocation_counter::measure;

    use super::*;

    const MAPPINGS: usize = 100_000;

    /// What the heap may hold at its highest: the limit that is promised for the whole process (docs/performance.md).
    const LIMIT: u64 = 200 << 20;

    fn arn(n: usize) -> String {
        format!("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/p{n:011x}")
    }

    /// From the files and variables to a catalog that answers; the most the heap held on the way.
    fn heap(yaml: &str, variables: &[(String, String)]) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("librechat.yaml");
        std::fs::write(&path, yaml).unwrap();
        let info = measure(|| {
            let environment = Environment::of(variables.iter().cloned());
            let mut problems = Vec::new();
            let file = file::read(&path, &environment, &mut problems);
            let settings = Settings::of(&Flags::default(), &environment, file, &mut problems);
            let catalog = settings.catalog();
            let last = catalog.resolve(&arn(MAPPINGS - 1), &settings.context()).unwrap();
            assert_eq!(last.model.unwrap().id, "amazon.nova-lite-v1:0");
        });
        info.bytes_max
    }

    #[test]
    fn a_hundred_thousand_mappings_fit_into_the_memory_that_is_promised() {
        let region = ("AWS_REGION".to_owned(), "us-west-2".to_owned());
        let mut yaml = "endpoints:\n  bedrock:\n    inferenceProfiles:\n".to_owned();
        let mut json = String::from("{");
        for n in 0..MAPPINGS {
            writeln!(yaml, "      friendly-{n}: {}", arn(n)).unwrap();
            let comma = if n == 0 { "" } else { "," };
            write!(json, "{comma}\"{}\":\"amazon.nova-lite-v1:0\"", arn(n)).unwrap();
        }
        let mappings = ("BEDROCK_INFERENCE_PROFILE_MAPPINGS".to_owned(), json + "}");
        let of_variable = heap("{}\n", &[region.clone(), mappings.clone()]);
        let of_both = heap(&yaml, &[region, mappings]);
        println!("mappings {} MiB, with inferenceProfiles {} MiB", of_variable >> 20, of_both >> 20);
        assert!(of_variable < LIMIT, "{of_variable} bytes");
        assert!(of_both < LIMIT, "{of_both} bytes");
    }
}
