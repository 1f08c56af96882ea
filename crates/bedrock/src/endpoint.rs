//! Where AWS is: the address of a service in a Region, or the address a person gave instead.
//!
//! AWS's own addresses follow the endpoint rules of botocore 1.44.5 for every partition, FIPS and dual-stack included;
//! `tests/it/endpoints.rs` holds them against its answers.

use std::collections::BTreeMap;

use http::Uri;
use http::uri::{Authority, Scheme};
use outcrop_texts as texts;

use crate::network::{Network, is_loopback};

/// Where AWS is and how it is reached: the addresses given instead of AWS's own (`None` is AWS), which of AWS's own, and
/// the way there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`: invocations.
    pub runtime: Option<Endpoint>,
    /// `AWS_ENDPOINT_URL_BEDROCK`: profiles, models, tags.
    pub control: Option<Endpoint>,
    /// `AWS_ENDPOINT_URL_…` of the services beside Bedrock.
    pub neighbours: BTreeMap<Service, Endpoint>,
    /// Which of AWS's own addresses.
    pub variant: Variant,
    /// Proxies, certificates, timeouts.
    pub network: Network,
}

/// Which of AWS's own addresses. Says nothing about an address that a person gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant {
    /// `AWS_USE_FIPS_ENDPOINT`: those whose cryptography is validated by FIPS 140.
    pub fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`: those that answer over IPv6 too.
    pub dual_stack: bool,
}

/// A service beside Bedrock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// CloudWatch Logs.
    Logs,
    /// CloudWatch's metrics.
    CloudWatch,
    /// Simple Storage Service.
    S3,
    /// Service Quotas.
    Quotas,
    /// Mantle: Bedrock's OpenAI- and Anthropic-style APIs at a host of their own.
    Mantle,
    /// Agents for Amazon Bedrock, which tell what a prompt asks.
    Agents,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sts,
        Self::Iam,
        Self::Logs,
        Self::CloudWatch,
        Self::S3,
        Self::Quotas,
        Self::Mantle,
        Self::Agents,
    ];

    /// The environment variables that give its address: `AWS_ENDPOINT_URL_NAME`, strongest first. CloudWatch Logs has the
    /// SDKs' name beside the short one.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Sts => &["AWS_ENDPOINT_URL_STS"],
            Self::Iam => &["AWS_ENDPOINT_URL_IAM"],
            Self::Logs => &["AWS_ENDPOINT_URL_LOGS", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"],
            Self::CloudWatch => &["AWS_ENDPOINT_URL_CLOUDWATCH"],
            Self::S3 => &["AWS_ENDPOINT_URL_S3"],
            Self::Quotas => &["AWS_ENDPOINT_URL_SERVICE_QUOTAS"],
            Self::Mantle => &["AWS_ENDPOINT_URL_BEDROCK_MANTLE"],
            Self::Agents => &["AWS_ENDPOINT_URL_BEDROCK_AGENT"],
        }
    }

    /// Its host's first label (botocore 1.44.5, `endpoints.json`).
    fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Logs => "logs",
            Self::CloudWatch => "monitoring",
            Self::S3 => "s3",
            Self::Quotas => "servicequotas",
            Self::Mantle => "bedrock-mantle",
            Self::Agents => "bedrock-agent",
        }
    }

    /// What its signatures name (botocore 1.44.5, `signingName`): most often its host's first label.
    fn signing_name(self) -> &'static str {
        match self {
            Self::Agents => "bedrock",
            other => other.name(),
        }
    }
}

impl Endpoints {
    /// Where invocations of `region` go.
    pub fn runtime(&self, region: &str) -> Result<Endpoint, EndpointError> {
        self.runtime.clone().map_or_else(|| Endpoint::aws("bedrock-runtime", region, self.variant), Ok)
    }

    /// Where mantle is in `region`: the address given for it, else the one given for the runtime, which is then the only way
    /// out, else AWS's own.
    ///
    /// # Errors
    /// No address of mantle is known in the Region's partition.
    pub fn mantle(&self, region: &str) -> Result<Endpoint, EndpointError> {
        let given = self.neighbours.get(&Service::Mantle).or(self.runtime.as_ref());
        given.cloned().map_or_else(|| Endpoint::mantle(region), Ok).map(Endpoint::taking_keys)
    }

    /// Where calls of a service beside Bedrock go, and the Region that signs them: IAM has one address a partition.
    pub fn neighbour(&self, service: Service, region: &str) -> Result<(Endpoint, String), EndpointError> {
        let region = match service {
            Service::Iam => home_of_iam(region),
            _ => region,
        };
        // Where only an address of the control plane is given, that is the way out for its sibling, too.
        let sibling = self.control.as_ref().filter(|_| service == Service::Agents);
        let endpoint = match self.neighbours.get(&service).or(sibling) {
            Some(endpoint) => endpoint.clone(),
            None if service == Service::Iam => Endpoint::iam(region, self.variant)?,
            None if service == Service::Mantle => Endpoint::mantle(region)?,
            None => Endpoint::aws(service.name(), region, self.variant)?,
        };
        Ok((Endpoint { signing_name: service.signing_name(), ..endpoint }, region.to_owned()))
    }

    /// Where control-plane calls of `region` go.
    pub fn control(&self, region: &str) -> Result<Endpoint, EndpointError> {
        self.control.clone().map_or_else(|| Endpoint::aws("bedrock", region, self.variant), Ok)
    }
}

/// One address: scheme and authority, and the path prefix of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    /// The service in the scope of signatures.
    signing_name: &'static str,
    /// Calls carry a short-term key instead of a signature.
    takes_keys: bool,
}

/// Runtime and control plane alike (reference `bedrock.md` §2).
const BEDROCK: &str = "bedrock";

impl Endpoint {
    /// Reads a URL a person gave. Plain http is taken on loopback only: credentials never cross a network in the clear.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let invalid = |why: &str| EndpointError::of(url, why);
        let uri: Uri = url.parse().map_err(|_| invalid("it is no URL"))?;
        let scheme = uri.scheme().ok_or_else(|| invalid("it lacks https:// (or http:// on loopback)"))?;
        let authority = uri.authority().ok_or_else(|| invalid("it lacks a host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it holds a user name or password"));
        }
        if uri.query().is_some() {
            return Err(invalid("it has a query"));
        }
        match scheme.as_str() {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            "http" => return Err(invalid("plain http is taken on loopback addresses only; use https")),
            _ => return Err(invalid("its scheme is neither https nor http")),
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            prefix,
            signing_name: BEDROCK,
            takes_keys: false,
        })
    }

    /// AWS's own address of `service` in `region`.
    pub fn aws(service: &str, region: &str, variant: Variant) -> Result<Self, EndpointError> {
        let legal = !region.is_empty()
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !legal {
            let why = texts::REGION_FORM.to_string();
            return Err(EndpointError { url: region.to_owned(), why });
        }
        let fips = if variant.fips && !is_fips_already(service, region, variant) { "-fips" } else { "" };
        let partition = Partition::of(region);
        Self::parse(&match (variant.dual_stack, service) {
            (true, S3) => format!("https://s3{fips}.dualstack.{region}.{}", partition.suffix),
            (true, _) => format!("https://{service}{fips}.{region}.{}", partition.dual_stack_suffix),
            (false, _) => format!("https://{service}{fips}.{region}.{}", partition.suffix),
        })
    }

    /// IAM has one address a partition, and each partition its own form of it (botocore, `iam`'s endpoint rules).
    fn iam(home: &str, variant: Variant) -> Result<Self, EndpointError> {
        let fips = if variant.fips { "-fips" } else { "" };
        match (home, variant.dual_stack) {
            ("us-east-1", false) => Self::parse(&format!("https://iam{fips}.amazonaws.com")),
            ("us-east-1", true) => Self::parse(&format!("https://iam{fips}.global.api.aws")),
            ("us-gov-west-1", false) => Self::parse("https://iam.us-gov.amazonaws.com"),
            ("us-gov-west-1", true) => Self::parse("https://iam.us-gov.api.aws"),
            (_, false) if !variant.fips => Self::aws("iam", home, Variant::default()),
            (_, is_dual) => {
                let Partition { suffix, dual_stack_suffix, .. } = Partition::of(home);
                Self::parse(&match (is_dual, variant.fips) {
                    (true, true) => format!("https://iam-fips.{dual_stack_suffix}"),
                    (true, false) if home.starts_with("cn-") => {
                        format!("https://iam.global.{dual_stack_suffix}")
                    }
                    (true, false) => format!("https://iam.{dual_stack_suffix}"),
                    (false, _) if home.starts_with("us-iso-") || home.starts_with("us-isob-") => {
                        format!("https://iam-fips.{home}.{suffix}")
                    }
                    (false, _) => format!("https://iam-fips.{suffix}"),
                })
            }
        }
    }

    /// Mantle in `region` (reference `bedrock.md` §2.5): the suffix of the dual-stack hosts, known for two partitions.
    fn mantle(region: &str) -> Result<Self, EndpointError> {
        let Self { authority, .. } = Self::aws(Service::Mantle.name(), region, Variant::default())?;
        match authority.host().strip_suffix(".amazonaws.com") {
            Some(host) => Self::parse(&format!("https://{host}.api.aws")),
            None => Err(EndpointError { url: authority.to_string(), why: texts::NO_MANTLE.to_string() }),
        }
    }

    /// The same, where calls carry a short-term key made of our credentials: the OpenAI- and Anthropic-style APIs.
    #[must_use]
    pub fn taking_keys(self) -> Self {
        Self { takes_keys: true, ..self }
    }

    /// Whether calls carry a short-term key instead of a signature.
    pub fn takes_keys(&self) -> bool {
        self.takes_keys
    }

    /// The full address of a path, which must begin with `/`.
    pub fn uri(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.prefix))
            .build()
    }

    /// The service that signatures for it name.
    pub fn signing_name(&self) -> &'static str {
        self.signing_name
    }

    /// Host and port, for messages.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The address as a person would write it.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

/// An address that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::endpoint_unusable(.url, .why))]
pub struct EndpointError {
    /// What was given.
    pub url: String,
    /// What is wrong with it.
    pub why: String,
}

impl EndpointError {
    /// About an address that a person gave: its user name and password are left out.
    fn of(given: &str, why: impl Into<String>) -> Self {
        let (scheme, rest) = given.split_once("://").map_or(("", given), |(scheme, rest)| (scheme, rest));
        let url = match rest.rsplit_once('@') {
            Some((_, host)) if scheme.is_empty() => format!("…@{host}"),
            Some((_, host)) => format!("{scheme}://…@{host}"),
            None => given.to_owned(),
        };
        Self { url, why: why.into() }
    }
}

/// The service whose dual-stack addresses are older than the others'.
const S3: &str = "s3";

/// Services whose ordinary address in the GovCloud Regions is the FIPS one.
fn is_fips_already(service: &str, region: &str, variant: Variant) -> bool {
    let ordinary = match service {
        "sts" | "logs" | "servicequotas" => !variant.dual_stack,
        "monitoring" => true,
        _ => false,
    };
    ordinary && region.starts_with("us-gov-")
}

/// The Region that IAM signs with: one a partition.
fn home_of_iam(region: &str) -> &str {
    match region {
        region if region.starts_with("cn-") => "cn-north-1",
        region if region.starts_with("us-gov-") => "us-gov-west-1",
        region if region.starts_with("us-isof-") => "us-isof-south-1",
        region if Partition::of(region).suffix == "amazonaws.com" => "us-east-1",
        region => region,
    }
}

/// What the Regions of a partition have in common.
struct Partition {
    /// How its Regions begin.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

impl Partition {
    fn of(region: &str) -> &'static Self {
        PARTITIONS.iter().find(|it| region.starts_with(it.prefix)).unwrap_or(&COMMERCIAL)
    }
}

const fn partition(prefix: &'static str, suffix: &'static str, dual_stack_suffix: &'static str) -> Partition {
    Partition { prefix, suffix, dual_stack_suffix }
}

/// Regions that are of no other partition: AWS adds Regions to this one most often.
static COMMERCIAL: Partition = partition("", "amazonaws.com", "api.aws");

/// botocore 1.44.5, `partitions.json`. `us-gov-` has the suffixes of [`COMMERCIAL`].
static PARTITIONS: [Partition; 6] = [
    partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_decides_the_address() {
        let of = |region| {
            Endpoint::aws("bedrock-runtime", region, Variant::default()).map(|endpoint| endpoint.url())
        };
        assert_eq!(of("us-east-1").as_deref(), Ok("https://bedrock-runtime.us-east-1.amazonaws.com"));
        assert_eq!(
            of("eusc-de-east-1").as_deref(),
            Ok("https://bedrock-runtime.eusc-de-east-1.amazonaws.eu")
        );
        assert!(of("us-west-2 # comment").is_err());
        assert!(of("evil.example/").is_err());
    }

    #[test]
    fn each_service_has_its_address_and_name() {
        let of = |service, region| {
            let (endpoint, signed) = Endpoints::default().neighbour(service, region).unwrap();
            (endpoint.url(), endpoint.signing_name(), signed)
        };
        let iam = ("https://iam.amazonaws.com".to_owned(), "iam", "us-east-1".to_owned());
        assert_eq!(of(Service::Iam, "eu-west-1"), iam);
        let logs = ("https://logs.eu-west-1.amazonaws.com".to_owned(), "logs", "eu-west-1".to_owned());
        assert_eq!(of(Service::Logs, "eu-west-1"), logs);
        assert_eq!(of(Service::CloudWatch, "us-east-1").1, "monitoring");
        let agents =
            ("https://bedrock-agent.eu-west-1.amazonaws.com".to_owned(), "bedrock", "eu-west-1".to_owned());
        assert_eq!(of(Service::Agents, "eu-west-1"), agents);
        assert_eq!(of(Service::Iam, "us-gov-east-1").2, "us-gov-west-1");
    }

    #[test]
    fn mantle_is_where_it_is_given_and_never_beside_the_runtime_s_own_way_out() {
        let url = |endpoints: &Endpoints, region| endpoints.mantle(region).map(|it| it.url());
        let mut endpoints = Endpoints::default();
        assert_eq!(url(&endpoints, "us-east-2").as_deref(), Ok("https://bedrock-mantle.us-east-2.api.aws"));
        assert_eq!(
            url(&endpoints, "us-gov-west-1").as_deref(),
            Ok("https://bedrock-mantle.us-gov-west-1.api.aws")
        );
        assert!(url(&endpoints, "eusc-de-east-1").is_err());
        assert!(url(&endpoints, "evil.example/").is_err());
        endpoints.runtime = Endpoint::parse("https://vpce.example").ok();
        assert_eq!(url(&endpoints, "us-east-2").as_deref(), Ok("https://vpce.example"));
        let own = Endpoint::parse("https://mantle.example").unwrap();
        endpoints.neighbours.insert(Service::Mantle, own);
        assert_eq!(url(&endpoints, "us-east-2").as_deref(), Ok("https://mantle.example"));
        assert!(endpoints.mantle("us-east-2").unwrap().takes_keys());
        assert_eq!(endpoints.mantle("us-east-2").unwrap().signing_name(), "bedrock");
        assert!(!endpoints.runtime("us-east-2").unwrap().takes_keys());
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(Endpoint::parse("http://127.0.0.1:4142").is_ok());
        assert!(Endpoint::parse("http://[::1]:4142/prefix/").is_ok());
        assert!(Endpoint::parse("http://localhost.example.com").is_err());
        assert!(Endpoint::parse("http://10.0.0.1").is_err());
        assert!(Endpoint::parse("https://user:secret@example.com").is_err());
        assert!(Endpoint::parse("bedrock.example.com").is_err());
    }
}
