//! Outcrop's own `outcrop.yaml`, as it is typed. Every key is optional.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::tag_policy::TagPolicy;
use crate::yaml::Named;

/// The file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "outcrop.yaml")]
pub struct OutcropYaml {
    /// Friendly name → identifier. `${VAR}` is allowed in the identifier.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub aliases: Named<Spanned<String>>,
    /// The address the gateway listens on: `127.0.0.1:4141`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub listen: Option<Spanned<String>>,
    /// Where Bedrock is, when it is not at AWS's own address, and how it is reached.
    #[serde(default)]
    pub upstream: Option<Upstream>,
    /// Other credentials than the gateway's own: name → whose.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Account>")]
    pub accounts: Named<Spanned<Account>>,
    /// Identifier, alias or model id → as whom it is invoked. It decides before the key's `account`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Route>")]
    pub routes: Named<Route>,
    /// The keys clients may use. With none the gateway listens on loopback only.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// How requests travel.
    #[serde(default)]
    #[schemars(with = "Option<Lane>")]
    pub lane: Option<Spanned<Lane>>,
    /// Where calls may be processed. Whatever is not proven to stay there is refused.
    #[serde(default)]
    #[schemars(with = "Option<Residency>")]
    pub residency: Option<Spanned<Residency>>,
    /// The Regions that may be called. The first one is called where nothing else names a Region.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub regions: Option<Spanned<Vec<Spanned<String>>>>,
    /// What to try where a target is throttled, down or unreachable: identifier, alias or model id (`*` is any other) → the
    /// steps, in order. A step never leaves `residency`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<FailoverStep>>")]
    pub failover: Named<Vec<Spanned<FailoverStep>>>,
    /// Facts of your own about models, profiles and prices; they win over what is built in and what AWS lists.
    #[serde(default)]
    pub catalog: Option<CatalogFacts>,
    /// What becomes of an invocation whose client leaves. Bedrock bills what it generates either way.
    #[serde(default)]
    #[schemars(with = "Option<OnDisconnect>")]
    pub on_disconnect: Option<Spanned<OnDisconnect>>,
    /// Which profile a bare model id goes through where several serve it.
    #[serde(default)]
    #[schemars(with = "Option<Prefer>")]
    pub prefer: Option<Spanned<Prefer>>,
    /// The tags of the profiles that `outcrop profiles` makes.
    #[serde(default)]
    #[schemars(with = "Option<TagPolicy>")]
    pub profile_tags: Option<Spanned<TagPolicy>>,
    /// What becomes of a parameter that the model does not take as it is: out of range, unknown to it, or beside another.
    #[serde(default)]
    #[schemars(with = "Option<Parameters>")]
    pub parameters: Option<Spanned<Parameters>>,
    /// Where cache points stand in requests to models that cache prompts.
    #[serde(default)]
    #[schemars(with = "Option<PromptCache>")]
    pub prompt_cache: Option<Spanned<PromptCache>>,
    /// Fetch pictures and PDFs that clients name by address; without it they are refused. `true` is any public host.
    #[serde(default)]
    #[schemars(with = "Option<FetchRemoteImages>")]
    pub fetch_remote_images: Option<Spanned<FetchRemoteImages>>,
}

/// `catalog`: whole records or single fields, in the words of `outcrop explain --json` and `models show`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogFacts {
    /// A file that `outcrop models snapshot` wrote, relative to this one: what AWS listed then.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub snapshot: Option<Spanned<String>>,
    /// Model id → fields: `limits: {maxOutputTokens: 64000}`; `null` makes one unknown.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Map<String, serde_json::Value>>")]
    pub models: Named<Spanned<serde_json::Value>>,
    /// Profile id → `routes: {SOURCE-REGION: [DESTINATION-REGION, …]}`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Map<String, serde_json::Value>>")]
    pub profiles: Named<Spanned<serde_json::Value>>,
    /// Model id → `base`, geography or Region → US dollars for a million tokens: `{input: 3, output: 15}`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Map<String, serde_json::Value>>>")]
    pub prices: Named<Spanned<serde_json::Value>>,
}

/// `residency`: every Region that may process a call must be in one of the two lists.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residency {
    /// `eu-central-1`, ….
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow_regions: Vec<Spanned<String>>,
    /// `eu`, `us`, `apac`, …: all Regions that AWS counts there; `global` is everywhere.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow_geographies: Vec<Spanned<String>>,
}

/// `upstream`: where Bedrock is and how it is reached. `AWS_ENDPOINT_URL_BEDROCK[_RUNTIME]` win over the addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Invocations: `https://…`, or `http://` on loopback.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub runtime: Option<Spanned<String>>,
    /// Profiles, models, tags.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub control: Option<Spanned<String>>,
    /// AWS's FIPS addresses. `AWS_USE_FIPS_ENDPOINT` wins over it.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub fips: Option<Spanned<bool>>,
    /// AWS's addresses with IPv6. `AWS_USE_DUALSTACK_ENDPOINT` wins over it.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub dual_stack: Option<Spanned<bool>>,
    /// A file of PEM certificates to believe instead of the built-in list. `AWS_CA_BUNDLE` wins over it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ca_bundle: Option<Spanned<String>>,
    /// How long to wait for a connection (name, TCP, proxy and TLS): 3,000 unless set.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    pub connect_timeout_ms: Option<Spanned<u64>>,
    /// How long to wait for the first byte of an answer: 900,000 (15 minutes) unless set.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    pub first_event_timeout_ms: Option<Spanned<u64>>,
    /// How long a stream may be silent between two events: 300,000 unless set.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    pub event_timeout_ms: Option<Spanned<u64>>,
}

/// One client's key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What the ledger calls it.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The secret, best as `${VAR}`.
    #[schemars(with = "String")]
    pub key: Spanned<String>,
    /// As whom its requests are made: a name of `accounts`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub account: Option<Spanned<String>>,
}

/// `accounts`: other credentials than the gateway's own; a role is assumed by those beside it, else by the gateway's.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The ARN of a role to assume.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub role: Option<Spanned<String>>,
    /// What the role's trust policy asks for.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub external_id: Option<Spanned<String>>,
    /// 2 to 64 characters, shown in AWS's logs: `outcrop` unless set.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub session_name: Option<Spanned<String>>,
    /// Session tags, shown in the bill.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub tags: BTreeMap<String, Spanned<String>>,
    /// How long a session lives, 900 to 43,200: an hour unless set. It is renewed five minutes earlier.
    #[serde(default)]
    #[schemars(with = "Option<u32>")]
    pub duration_seconds: Option<Spanned<u32>>,
    /// A profile of AWS's shared configuration files.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub profile: Option<Spanned<String>>,
    /// A Bedrock API key, best as `${VAR}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub bearer: Option<Spanned<String>>,
    /// Access keys, both or neither, best as `${VAR}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub access_key_id: Option<Spanned<String>>,
    /// The secret half.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub secret_access_key: Option<Spanned<String>>,
    /// For temporary keys.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub session_token: Option<Spanned<String>>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(hidden)")
    }
}

/// `routes`: what holds for one identifier, alias or model id.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// As whom it is invoked: a name of `accounts`.
    #[schemars(with = "String")]
    pub account: Spanned<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name.value).finish_non_exhaustive()
    }
}

/// One other way: `region`, `geography`, or `identifier` (with a `region`, if need be).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailoverStep {
    /// Call this Region.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub region: Option<Spanned<String>>,
    /// The same model through the system profile of this geography: `eu`, `us`, `global`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub geography: Option<Spanned<String>>,
    /// Another identifier: a profile, an ARN, another model, an alias.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub identifier: Option<Spanned<String>>,
}

/// `prefer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The one that is processed in the fewest Regions; `global` last.
    Regional,
    /// `global` first: often cheaper, and processed anywhere.
    Global,
}

/// `prompt_cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromptCache {
    /// Where the client asks for them.
    Asked,
    /// Where it asks for none, after tools, system prompt and latest question, for five minutes.
    Auto,
    /// The same, for an hour on models that cache for so long.
    #[serde(rename = "auto-1h")]
    AutoHour,
}

/// `fetch_remote_images`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "`true`, `false`, or a map of hosts, networks, allow_http, max_bytes and timeout_ms"
)]
pub enum FetchRemoteImages {
    /// From any public host, or not at all.
    Any(bool),
    /// Within these bounds.
    Within(RemoteImages),
}

/// `fetch_remote_images` as a map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteImages {
    /// `images.example.com`, `*.example.com`, `*`; with `:8443` for another port. Unset: any public host.
    #[serde(default)]
    pub hosts: Option<Vec<String>>,
    /// Networks that are not public and may be reached all the same, as `10.20.0.0/16`.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Fetch from `http://` as well.
    #[serde(default)]
    pub allow_http: bool,
    /// The most bytes of one picture: 5 MiB unless set.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_bytes: Option<usize>,
    /// The most time for one picture, in milliseconds: 5000 unless set.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub timeout_ms: Option<u64>,
}

/// `parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Parameters {
    /// Made to fit, or left out; a notice says so.
    Fix,
    /// The request is refused; the error names what the model takes.
    Refuse,
}

/// `on_disconnect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// Read it to its end, so that the ledger has the exact usage.
    Drain,
    /// Close the connection to AWS; the ledger has an estimate.
    Cancel,
}

/// `lane`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Relay where nothing is lost, else translate.
    Auto,
    /// Always translate.
    Converse,
}
