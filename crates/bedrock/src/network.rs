//! How AWS is reached: proxies, the certificates that are trusted, how long to wait.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// The way to AWS. The default is the direct one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Whom to ask for connections.
    pub proxies: Proxies,
    /// Whom to believe; `None` is the list that browsers ship.
    pub authorities: Option<Authorities>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// How long to wait for AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection that can be used: name, TCP, proxy and TLS together.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub first_event: Duration,
    /// Between two pieces of an answer.
    pub between_events: Duration,
    /// From one sign of life to the next, for a client whose stream is silent so long.
    pub sign_of_life: Duration,
}

impl Default for Timeouts {
    /// A connection that is not there after three seconds will not come (reference `reliability.md` F11). Long thinking is
    /// legitimate: a first byte may take a quarter of an hour (F13), and a pause of five minutes is no stall yet (F14).
    /// Balancers commonly close after 60 s of silence; three signs of life fit into that.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_event: Duration::from_secs(15 * 60),
            between_events: Duration::from_secs(5 * 60),
            sign_of_life: Duration::from_secs(15),
        }
    }
}

/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` as curl reads them. May hold passwords, and does not print them.
#[derive(Clone, Default)]
pub struct Proxies {
    written: Written,
    matcher: Option<Arc<Matcher>>,
}

/// The variables' values; an empty one is an unset one.
#[derive(Clone, Default, PartialEq, Eq)]
struct Written {
    all: String,
    http: String,
    https: String,
    no: String,
}

impl Proxies {
    /// From the values of the variables; each may be empty.
    ///
    /// # Errors
    /// In words, without the value, when one is no URL of a proxy.
    pub fn new(all: &str, http: &str, https: &str, no: &str) -> Result<Self, ProxyError> {
        for (variable, value) in [("ALL_PROXY", all), ("HTTP_PROXY", http), ("HTTPS_PROXY", https)] {
            check(variable, value)?;
        }
        if [all, http, https].iter().all(|value| value.is_empty()) {
            return Ok(Self::default());
        }
        let [all, http, https, no] = [all, http, https, no].map(str::to_owned);
        let written = Written { all, http, https, no };
        let Written { all, http, https, no } = written.clone();
        let matcher = Matcher::builder().all(all).http(http).https(https).no(no).build();
        Ok(Self { written, matcher: Some(Arc::new(matcher)) })
    }

    /// The proxy for a destination, if there is one.
    ///
    /// Link-local addresses are those of the machine's own metadata service, which no proxy can reach. Plain http to this
    /// machine stays on it: it goes through a proxy that is on this machine too, and through no other.
    pub(crate) fn of(&self, destination: &Uri) -> Option<Intercept> {
        let matcher = self.matcher.as_ref()?;
        if destination.host().and_then(address).is_some_and(is_link_local) {
            return None;
        }
        let proxy = matcher.intercept(destination)?;
        let stays_here = proxy.uri().host().is_some_and(is_loopback);
        (destination.scheme_str() != Some("http") || stays_here).then_some(proxy)
    }

    /// Host and port of the proxy for a URL, for people; never a password.
    pub fn shown(&self, url: &str) -> Option<String> {
        let proxy = self.of(&url.parse().ok()?)?;
        let authority = proxy.uri().authority()?.as_str();
        Some(authority.rsplit('@').next().unwrap_or(authority).to_owned())
    }
}

impl PartialEq for Proxies {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Proxies {}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.matcher.is_some() { "Proxies(hidden)" } else { "Proxies(none)" })
    }
}

/// What a proxy's URL lacks. Holds no part of it: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is no URL of a proxy: {why}")]
pub struct ProxyError {
    /// The variable, in capitals.
    pub variable: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

fn check(variable: &'static str, value: &str) -> Result<(), ProxyError> {
    if value.is_empty() {
        return Ok(());
    }
    let wrong = |why| Err(ProxyError { variable, why });
    // curl takes a proxy without a scheme for an http one.
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let Ok(uri) = url.parse::<Uri>() else {
        return wrong(
            "it cannot be read (in a user name or password, `@`, `:`, `/` and `#` are written %40, %3A, %2F and %23)",
        );
    };
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some("socks4" | "socks4a" | "socks5" | "socks5h") => {
            return wrong("SOCKS proxies are not used; give an http or https one");
        }
        _ => return wrong("its scheme is neither http nor https"),
    }
    if uri.host().is_none_or(str::is_empty) { wrong("it lacks a host") } else { Ok(()) }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        // fd00:ec2::254 and fd00:ec2::23 are those of EC2's and EKS's metadata services.
        IpAddr::V6(address) => address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2],
    }
}

/// Certificate authorities to believe, instead of those that browsers ship: `AWS_CA_BUNDLE`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// From a file of PEM blocks.
    ///
    /// # Errors
    /// In words, when it holds no certificate or a broken one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match found {
            Ok(found) if found.is_empty() => Err("it holds no certificate (PEM)".to_owned()),
            Ok(found) => Ok(Self(found)),
            Err(error) => Err(format!("it holds a certificate that cannot be read: {error}")),
        }
    }

    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.shown(url)
    }

    #[test]
    fn variables_are_read_as_curl_reads_them() {
        let proxies = Proxies::new(
            "",
            "http://user:canary@10.0.0.1:3128",
            "proxy.corp:8080",
            "amazonaws.com.cn,10.1.0.0/16",
        )
        .unwrap();
        let of = |url: &str| proxy(&proxies, url);
        assert_eq!(of("https://bedrock.us-east-1.amazonaws.com").as_deref(), Some("proxy.corp:8080"));
        assert_eq!(of("https://bedrock.cn-north-1.amazonaws.com.cn"), None);
        assert_eq!(of("https://10.1.2.3"), None);
        assert!(!format!("{proxies:?}").contains("canary"));
        let all = Proxies::new("http://10.0.0.2:1", "", "", "*").unwrap();
        assert_eq!(proxy(&all, "https://example.com"), None);
    }

    #[test]
    fn nothing_in_the_clear_leaves_this_machine() {
        let far = Proxies::new("", "http://10.0.0.1:3128", "http://10.0.0.1:3128", "").unwrap();
        assert_eq!(proxy(&far, "http://127.0.0.1:4142"), None);
        assert_eq!(proxy(&far, "http://169.254.169.254/latest"), None);
        assert_eq!(proxy(&far, "http://[fd00:ec2::254]/latest"), None);
        let near = Proxies::new("", "http://127.0.0.1:3128", "", "").unwrap();
        assert_eq!(proxy(&near, "http://127.0.0.1:4142").as_deref(), Some("127.0.0.1:3128"));
        assert_eq!(proxy(&near, "http://169.254.170.2/role"), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_shown() {
        for url in ["socks5://canary:canary@10.0.0.1", "ftp://canary", "http://", "http://u:can ary@host"] {
            let error = Proxies::new("", "", url, "").unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("canary"), "{error}");
        }
    }
}
