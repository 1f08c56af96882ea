//! The verifier against AWS's signing test suite, signed in headers and in the query.
//!
//! Bedrock's services normalise the path: the cases that sign it as it is (S3's way) must be refused where that makes a
//! difference. So must the one whose session token is not signed, which is AWS IoT's way.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use outcrop_wire::sigv4::{RequestHead, SigV4Error, verify};
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
    service: String,
    timestamp: jiff::Timestamp,
}

#[derive(Deserialize)]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
}

/// Whether the verifier takes a request as the suite writes it.
fn accepts(context: &Context, text: &str) -> Result<(), SigV4Error> {
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
        map.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let head = RequestHead { method, raw_path, raw_query, headers: &map, authority: None };
    let Keys { access_key_id, secret_access_key } = &context.credentials;
    let secret_of = |id: &str| (id == access_key_id).then(|| secret_access_key.clone());
    verify(&head, body.as_bytes(), &context.service, secret_of, context.timestamp.as_second()).map(drop)
}

#[test]
fn awss_signing_test_suite_is_accepted() {
    let suite: BTreeMap<String, Case> = serde_json::from_str(include_str!("signing-suite.json")).unwrap();
    let mut wrong = Vec::new();
    for (name, Case { context, header_signed, query_signed }) in &suite {
        let is_taken =
            (context.normalize || name == "get-space-unnormalized") && name != "post-sts-header-after";
        for (form, text) in [("header", header_signed), ("query", query_signed)] {
            let verdict = accepts(context, text);
            if verdict.is_ok() != is_taken {
                wrong.push(format!("{name} ({form}): {verdict:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(suite.len(), 38);
}
