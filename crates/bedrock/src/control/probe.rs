//! One cheap call that tells most of what can be wrong between us and AWS: address, clock, credentials.

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use crate::client::{Client, Invocation, SendError};

impl Client {
    /// `ListInferenceProfiles`, one item.
    pub async fn probe(&self, region: &str) -> Probe {
        let endpoint = match self.endpoints().control(region) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                return Probe { date: None, outcome: Err(SendError::Unsendable(error.to_string())) };
            }
        };
        let invocation = Invocation {
            method: Method::GET,
            endpoint: &endpoint,
            region,
            path: CHEAP,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        match self.send(&invocation).await {
            Ok(response) => Probe { date: date(response.headers()), outcome: Ok(()) },
            Err(SendError::Service(error)) => {
                Probe { date: date(&error.headers), outcome: Err(SendError::Service(error)) }
            }
            Err(error) => Probe { date: None, outcome: Err(error) },
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Probe {
    /// The answer's `Date` (RFC 9110), which is AWS's clock; also that of a refusal.
    pub date: Option<String>,
    /// How the call ended.
    pub outcome: Result<(), SendError>,
}

const CHEAP: &str = "/inference-profiles?maxResults=1&type=SYSTEM_DEFINED";

fn date(headers: &HeaderMap) -> Option<String> {
    headers.get(header::DATE)?.to_str().ok().map(str::to_owned)
}
