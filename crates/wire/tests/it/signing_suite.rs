//! Signer and verifier against AWS's signing test suite, in headers and in the query.
//!
//! Bedrock's services normalise the path: the cases that sign it as it is (S3's way) must be refused where that makes a
//! difference. So must the one whose session token is not signed, which is AWS IoT's way.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use outcrop_wire::sigv4::{RequestHead, SigV4Error, Signable, SigningKey, payload_hash, timestamp, verify};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    context: Context,
    header_signed: String,
    query_signed: String,
}

#[derive(Deserialize)]
struct Context {
    credentials: Keys,
    normalize: bool,
    region: String,
    service: String,
    timestamp: jiff::Timestamp,
}

#[derive(Deserialize)]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
}

/// A request as the suite writes it.
struct Written<'a> {
    method: &'a str,
    raw_path: &'a str,
    raw_query: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let target = rest.trim_end_matches(" HTTP/1.1");
        let (raw_path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':').filter(|_| !line.starts_with(' ')) {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None => headers.last_mut().unwrap().1 += &format!(" {}", line.trim()),
            }
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(name).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        Self { method, raw_path, raw_query, headers: map, body: body.as_bytes() }
    }

    fn head(&self) -> RequestHead<'_> {
        let Self { method, raw_path, raw_query, headers, .. } = self;
        RequestHead { method, raw_path, raw_query, headers, authority: None }
    }

    fn authorization(&self) -> &str {
        self.headers.get("authorization").unwrap().to_str().unwrap()
    }
}

impl Context {
    /// Whether the verifier takes a request.
    fn accepts(&self, text: &str) -> Result<(), SigV4Error> {
        let written = Written::parse(text);
        let Keys { access_key_id, secret_access_key } = &self.credentials;
        let secret_of = |id: &str| (id == access_key_id).then(|| secret_access_key.clone());
        verify(&written.head(), written.body, &self.service, secret_of, self.timestamp.as_second()).map(drop)
    }

    /// What the signer makes of it, with the headers that the suite signs.
    fn signed<T>(
        &self,
        written: &Written<'_>,
        names: &str,
        sign: impl Fn(&SigningKey, &Signable<'_>) -> T,
    ) -> T {
        let timestamp = timestamp(self.timestamp.as_second());
        let key = SigningKey::derive(
            &self.credentials.secret_access_key,
            &timestamp[..8],
            &self.region,
            &self.service,
        );
        let signed_headers: Vec<&str> = names.split(';').collect();
        let signable = Signable {
            head: written.head(),
            signed_headers: &signed_headers,
            payload_hash: &payload_hash(written.body),
            timestamp: &timestamp,
        };
        sign(&key, &signable)
    }
}

fn between<'a>(text: &'a str, start: &str, end: char) -> &'a str {
    text.split_once(start).unwrap().1.split(end).next().unwrap()
}

/// Whether Bedrock's services take it. Whether a path is normalised makes no difference to `get-space`.
fn is_bedrocks_way(name: &str, context: &Context) -> bool {
    (context.normalize || name == "get-space-unnormalized") && name != "post-sts-header-after"
}

#[test]
fn awss_signing_test_suite_is_accepted() {
    let suite: BTreeMap<String, Case> = serde_json::from_str(include_str!("signing-suite.json")).unwrap();
    let mut wrong = Vec::new();
    for (name, Case { context, header_signed, query_signed }) in &suite {
        let is_taken = is_bedrocks_way(name, context);
        for (form, text) in [("header", header_signed), ("query", query_signed)] {
            let verdict = context.accepts(text);
            if verdict.is_ok() != is_taken {
                wrong.push(format!("{name} ({form}): {verdict:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(suite.len(), 38);
}

#[test]
fn awss_signing_test_suite_is_signed_alike() {
    let suite: BTreeMap<String, Case> = serde_json::from_str(include_str!("signing-suite.json")).unwrap();
    let mut seen = 0;
    for (name, Case { context, header_signed, query_signed }) in &suite {
        if !is_bedrocks_way(name, context) {
            continue;
        }
        let written = Written::parse(header_signed);
        let names = between(written.authorization(), "SignedHeaders=", ',');
        let id = &context.credentials.access_key_id;
        let ours = context.signed(&written, names, |key, signable| key.authorization(id, signable));
        assert_eq!(ours.as_deref(), Ok(written.authorization()), "{name}");
        let written = Written::parse(query_signed);
        let names = between(written.raw_query, "X-Amz-SignedHeaders=", '&').replace("%3B", ";");
        let ours = context.signed(&written, &names, SigningKey::signature);
        assert_eq!(ours.as_deref(), Ok(between(written.raw_query, "X-Amz-Signature=", '&')), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 31);
}
