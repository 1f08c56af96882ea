//! Where AWS is: the address of a service in a Region, or the address a person gave instead.

use http::Uri;
use http::uri::{Authority, Scheme};

/// The addresses given instead of AWS's own; `None` is AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`: invocations.
    pub runtime: Option<Endpoint>,
    /// `AWS_ENDPOINT_URL_BEDROCK`: profiles, models, tags.
    pub control: Option<Endpoint>,
}

impl Endpoints {
    /// Where invocations of `region` go.
    pub fn runtime(&self, region: &str) -> Result<Endpoint, EndpointError> {
        self.runtime.clone().map_or_else(|| Endpoint::aws("bedrock-runtime", region), Ok)
    }

    /// Where control-plane calls of `region` go.
    pub fn control(&self, region: &str) -> Result<Endpoint, EndpointError> {
        self.control.clone().map_or_else(|| Endpoint::aws("bedrock", region), Ok)
    }
}

/// One address: scheme and authority, and the path prefix of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl Endpoint {
    /// Reads a URL a person gave. Plain http is taken on loopback only: credentials never cross a network in the clear.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let invalid = |why: &str| EndpointError { url: url.to_owned(), why: why.to_owned() };
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
        Ok(Self { scheme: scheme.clone(), authority: authority.clone(), prefix })
    }

    /// AWS's own address of `service` in `region`.
    pub fn aws(service: &str, region: &str) -> Result<Self, EndpointError> {
        let legal = !region.is_empty()
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !legal {
            let why = "a Region looks like us-east-1: lower-case letters, digits and hyphens".to_owned();
            return Err(EndpointError { url: region.to_owned(), why });
        }
        Self::parse(&format!("https://{service}.{region}.{}", dns_suffix(region)))
    }

    /// The full address of a path, which must begin with `/`.
    pub fn uri(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.prefix))
            .build()
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
#[error("the endpoint `{url}` cannot be used: {why}")]
pub struct EndpointError {
    /// What was given.
    pub url: String,
    /// What is wrong with it.
    pub why: String,
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The DNS suffix of a Region's partition (botocore 1.44.5, `endpoints.json`).
fn dns_suffix(region: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("us-isof-", "csp.hci.ic.gov"),
    ];
    SUFFIXES
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_decides_the_address() {
        let of = |region| Endpoint::aws("bedrock-runtime", region).map(|endpoint| endpoint.url());
        assert_eq!(of("us-east-1").as_deref(), Ok("https://bedrock-runtime.us-east-1.amazonaws.com"));
        assert_eq!(
            of("eusc-de-east-1").as_deref(),
            Ok("https://bedrock-runtime.eusc-de-east-1.amazonaws.eu")
        );
        assert!(of("us-west-2 # comment").is_err());
        assert!(of("evil.example/").is_err());
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
