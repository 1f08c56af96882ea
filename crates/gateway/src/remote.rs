//! Fetches the pictures that clients name by address, where an operator lets it. Off unless configured.
//!
//! A gateway that fetches what strangers name is a way into its network. So an address must be `https` on its usual port,
//! of a host on the operator's list; its name is resolved once, every address it resolves to must be public, and the
//! connection goes to one of exactly those; nothing is redirected, no credentials are sent, and bytes, time and number
//! are bounded. What comes back must begin as a picture or PDF does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::uri::{Authority, Scheme};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt;
use hyper_util::rt::TokioIo;
use outcrop_texts::{self as texts, Text};
use outcrop_wire::Notices;
use outcrop_wire::dialect::RequestError;
use outcrop_wire::remote::{self, Fetched, RemoteMedia};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// What may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteImages {
    /// The hosts: `images.example.com`, `*.example.com` for those below it, `*` for all; with `:port` for another port.
    pub hosts: Vec<String>,
    /// Networks that are no public ones and may be reached all the same. Link-local ones (metadata services) never.
    pub networks: Vec<Network>,
    /// `http` is fetched, too.
    pub allow_http: bool,
    /// The most bytes of one of them.
    pub max_bytes: usize,
    /// The most time for one of them.
    pub timeout: Duration,
}

impl Default for RemoteImages {
    fn default() -> Self {
        Self {
            hosts: vec!["*".to_owned()],
            networks: Vec::new(),
            allow_http: false,
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
        }
    }
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// The text is no network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is written as 10.20.0.0/16 or fd00:1::/32")]
pub struct NoNetwork;

impl std::str::FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (base, bits) = text.split_once('/').ok_or(NoNetwork)?;
        let (base, bits) =
            (base.parse::<IpAddr>().map_err(|_| NoNetwork)?, bits.parse().map_err(|_| NoNetwork)?);
        let most = if base.is_ipv4() { 32 } else { 128 };
        if bits > most { Err(NoNetwork) } else { Ok(Self { base, bits }) }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// Claude's limit of a picture is 3.75 MB (reference `bedrock.md` §2.1), a document's 4.5 MB.
const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Reference `reliability.md` §2.3.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Converse takes 20 images of a request.
const MOST: usize = 20;
/// Fetched at once of one request.
const AT_ONCE: usize = 4;

/// A body with its pictures in it, and what is to be said of them.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) body: Bytes,
    pub(crate) notices: Notices,
}

/// The body with what it names by address in it; as it came where nothing is to be fetched.
pub(crate) async fn bring(policy: Option<&RemoteImages>, body: &Bytes) -> Result<Brought, RequestError> {
    let as_it_came = || Brought { body: body.clone(), notices: Notices::default() };
    let Some(policy) = policy else { return Ok(as_it_came()) };
    let found = remote::find(body);
    if found.is_empty() {
        return Ok(as_it_came());
    }
    if let Some(surplus) = found.get(MOST) {
        return Err(RequestError::at(surplus.path.as_str(), texts::too_many_pictures(MOST)));
    }
    let fetches = found.into_iter().map(|media| async move {
        let fetched = policy.fetch_in_time(&media).await?;
        Ok::<_, RequestError>((media, fetched))
    });
    let media: Vec<_> = stream::iter(fetches).buffered(AT_ONCE).try_collect().await?;
    let mut notices = Notices::default();
    for (media, Fetched { media_type, bytes }) in &media {
        let detail = format!("{} bytes of {media_type} from {}", bytes.len(), media.url);
        notices.push("fetched", media.path.as_str(), detail);
    }
    Ok(Brought { body: remote::inline(body, &media).into(), notices })
}

/// Why something is not fetched: in words for whoever named it.
type Refusal = Text;

impl RemoteImages {
    async fn fetch_in_time(&self, media: &RemoteMedia) -> Result<Fetched, RequestError> {
        let fetched = match tokio::time::timeout(self.timeout, self.fetch(&media.url)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(texts::not_in_time(self.timeout.as_millis())),
        };
        fetched.map_err(|why| RequestError::at(media.path.as_str(), texts::not_fetched(why)))
    }

    async fn fetch(&self, url: &str) -> Result<Fetched, Refusal> {
        let target = self.target(url)?;
        let address = self.address(&target).await?;
        let stream = TcpStream::connect(address).await.map_err(|_| texts::NOBODY_THERE)?;
        let bytes = if target.secure {
            let name = ServerName::try_from(target.host.clone()).map_err(|_| texts::HOST_IS_NO_NAME)?;
            let connector = TlsConnector::from(Arc::clone(&TLS));
            let stream = connector.connect(name, stream).await;
            self.get(stream.map_err(texts::tls_failed)?, &target).await?
        } else {
            self.get(stream, &target).await?
        };
        Fetched::of(bytes).ok_or(texts::NO_PICTURE)
    }

    /// Takes an address apart and judges all of it that can be judged before a name is resolved.
    fn target(&self, url: &str) -> Result<Target, Refusal> {
        let uri: Uri = url.parse().map_err(|_| texts::ADDRESS_UNREADABLE)?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP && self.allow_http => false,
            _ => return Err(texts::HTTPS_ONLY),
        };
        let authority = uri.authority().ok_or(texts::ADDRESS_UNREADABLE)?;
        if authority.as_str().contains('@') {
            return Err(texts::USER_IN_ADDRESS);
        }
        let host = host(authority).ok_or(texts::HOST_IS_NO_NAME)?;
        let usual = if secure { 443 } else { 80 };
        let port = authority.port_u16();
        if authority.port().is_some() && port.is_none() {
            return Err(texts::ADDRESS_UNREADABLE);
        }
        let port = port.unwrap_or(usual);
        if !self.hosts.iter().any(|pattern| matches(pattern, &host, port, usual)) {
            return Err(texts::host_not_listed(host, port));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { secure, host, port, path })
    }

    /// Resolves once; what is connected to is what was judged. One address that is not public refuses them all.
    async fn address(&self, target: &Target) -> Result<SocketAddr, Refusal> {
        let literal = target.host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let addresses: Vec<SocketAddr> = match literal {
            Some(address) => vec![(address, target.port).into()],
            None => {
                let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
                found.map_err(|_| texts::HOST_UNKNOWN)?.collect()
            }
        };
        if addresses.iter().any(|address| !self.may_reach(address.ip())) {
            return Err(texts::HOST_NOT_PUBLIC);
        }
        addresses.first().copied().ok_or(texts::HOST_UNKNOWN)
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        let listed = || self.networks.iter().any(|network| network.contains(address));
        is_public(address) || !is_link_local(address) && listed()
    }

    async fn get<S>(&self, stream: S, target: &Target) -> Result<Vec<u8>, Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |_| texts::CONNECTION_BROKE;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = AbortOnDrop(tokio::spawn(async move { drop(connection.await) }));
        let authority = match target.is_usual_port() {
            true => target.host.clone(),
            false => format!("{}:{}", target.host, target.port),
        };
        let request = Request::get(&target.path)
            .header(header::HOST, authority)
            .header(header::ACCEPT, "image/png, image/jpeg, image/gif, image/webp, application/pdf")
            .header(header::USER_AGENT, concat!("outcrop/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|_| texts::ADDRESS_UNREADABLE)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => {
                return Err(texts::REDIRECTED);
            }
            status => return Err(texts::server_answered(status.as_u16())),
        }
        let too_large = |_| texts::picture_too_large(self.max_bytes);
        let body = Limited::new(response.into_body(), self.max_bytes).collect().await.map_err(too_large)?;
        drop(driver);
        Ok(body.to_bytes().to_vec())
    }
}

/// Ends a connection that nobody reads any more.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

static TLS: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| Arc::new(ClientConfig::builder().with_webpki_roots().with_no_client_auth()));

/// An address, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    secure: bool,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn is_usual_port(&self) -> bool {
        self.port == if self.secure { 443 } else { 80 }
    }
}

/// The host, where it is written as hosts are: not as a number, with a percent sign or an empty label.
fn host(authority: &Authority) -> Option<String> {
    let host = authority.host().to_ascii_lowercase();
    if let Some(literal) = host.strip_prefix('[') {
        return literal.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|_| host);
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return Some(host);
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    // `127.1`, `2130706433` and `0x7f.1` are addresses to many resolvers.
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    let name = host.strip_suffix('.').unwrap_or(&host);
    (!is_number && name.len() <= 253 && name.split('.').all(is_label)).then(|| name.to_owned())
}

fn matches(pattern: &str, host: &str, port: u16, usual: u16) -> bool {
    let (name, wanted) = match pattern.rsplit_once(':') {
        Some((name, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') =>
        {
            (name, digits.parse().ok())
        }
        _ => (pattern, Some(usual)),
    };
    let name = name.to_ascii_lowercase();
    let fits = match name.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => suffix.starts_with('.') && host.ends_with(suffix) && host.len() > suffix.len(),
        None => host == name,
    };
    fits && wanted == Some(port)
}

/// Whether an address is of the public internet.
///
/// Source: IANA's special-purpose registries of IPv4 and IPv6 addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let unusable = matches!((a, b), (0 | 10 | 127 | 224..=255, _));
    let inside =
        matches!((a, b), (100, 64..=127) | (169, 254) | (172, 16..=31) | (192, 168) | (198, 18 | 19));
    let reserved = matches!(
        (a, b, c),
        (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 175, 48)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !(unusable || inside || reserved)
}

/// Global unicast alone, without what embeds or tunnels to other addresses and what documents use.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = a & 0xe000 == 0x2000;
    let special = matches!((a, b), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x2620, 0x004f))
        || a & 0xfff0 == 0x3ff0;
    global && !special
}

/// Where clouds keep their credentials (169.254.169.254, fd00:ec2::254): no configuration lets a request there.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            let embedded = address.to_ipv4().or_else(|| embedded_v4(address));
            a & 0xffc0 == 0xfe80
                || (a, b) == (0xfd00, 0x0ec2)
                || embedded.is_some_and(|it| it.is_link_local())
        }
    }
}

/// The IPv4 address within a NAT64 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let [high, low] = [segments[6], segments[7]];
    (segments[0] == 0x64 && segments[1] == 0xff9b)
        .then(|| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in refused {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    /// Every way to write an address of this machine or its network: refused before or after its name is resolved.
    #[tokio::test]
    async fn no_spelling_leads_inside() {
        let policy = RemoteImages {
            allow_http: true,
            hosts: vec!["*".to_owned(), "*:8080".to_owned()],
            ..RemoteImages::default()
        };
        let hosts = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "0",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fd00:ec2::254]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.0xfe.0xa9.0xfe",
            "169.254.43518",
            "[::ffff:169.254.169.254]",
            "10.0.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "user@127.0.0.1",
            "8.8.8.8@127.0.0.1",
            "127.0.0.1%00",
            "%31%32%37.0.0.1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "127.0.0.1\\@8.8.8.8",
            "a..b",
            ".",
            "-",
            "",
            "[",
            "[]",
            "[::1",
            "127.0.0.1:99999",
            "127.0.0.1:",
        ];
        let mut tried = 0;
        for host in hosts {
            for scheme in ["http", "https", "HTTP", "file", "ftp", "gopher"] {
                for port in ["", ":8080", ":22"] {
                    let url = format!("{scheme}://{host}{port}/latest/meta-data/");
                    let refused = match policy.target(&url) {
                        Ok(target) => policy.address(&target).await.is_err(),
                        Err(_) => true,
                    };
                    assert!(refused, "{url}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 250, "{tried}");
    }

    #[test]
    fn only_the_hosts_of_the_list_are_fetched_from() {
        let policy = RemoteImages {
            hosts: ["images.example.com", "*.cdn.example.org", "files.example.net:8443"]
                .map(str::to_owned)
                .to_vec(),
            ..RemoteImages::default()
        };
        let table = [
            ("https://images.example.com/a?b=c#d", true),
            ("https://IMAGES.example.com:443/a", true),
            ("https://images.example.com./a", true),
            ("https://a.cdn.example.org/", true),
            ("https://files.example.net:8443/", true),
            ("http://images.example.com/a", false),
            ("https://images.example.com:8443/", false),
            ("https://files.example.net/", false),
            ("https://cdn.example.org/", false),
            ("https://evilcdn.example.org/", false),
            ("https://images.example.com.evil.com/", false),
            ("https://evil.com/images.example.com", false),
            ("https://images.example.com@evil.com/", false),
            ("https://evil.com?images.example.com", false),
            ("//images.example.com/a", false),
            ("images.example.com", false),
        ];
        for (url, allowed) in table {
            assert_eq!(policy.target(url).is_ok(), allowed, "{url}: {:?}", policy.target(url));
        }
        assert_eq!(policy.target("https://images.example.com/a?b=c#d").unwrap().path, "/a?b=c");
    }

    #[test]
    fn a_listed_network_may_be_reached_but_never_where_credentials_are() {
        let networks = ["10.20.0.0/16", "169.254.0.0/16", "0.0.0.0/0", "::/0"].map(|it| it.parse().unwrap());
        let policy = RemoteImages { networks: networks.to_vec(), ..RemoteImages::default() };
        assert!(
            policy.may_reach("10.20.3.4".parse().unwrap()) && policy.may_reach("127.0.0.1".parse().unwrap())
        );
        for never in [
            "169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
        ] {
            assert!(!policy.may_reach(never.parse().unwrap()), "{never}");
        }
        let one: Network = "10.20.0.0/16".parse().unwrap();
        assert!(!one.contains("10.21.0.0".parse().unwrap()) && !one.contains("::1".parse().unwrap()));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", "/8", ""] {
            assert_eq!(wrong.parse::<Network>(), Err(NoNetwork), "{wrong}");
        }
    }
}
