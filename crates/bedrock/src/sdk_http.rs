//! Our connections, for AWS's own code: the sources of credentials call STS, SSO and the metadata services over them.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::Full;

use crate::network::Network;
use crate::transport::Transport;

/// A client as AWS's code knows it.
#[derive(Debug, Clone)]
pub(crate) struct SdkHttp {
    transport: Transport,
    limit: Duration,
}

/// Where AWS's code sets no limit of its own. STS and SSO answer within a second.
const LIMIT: Duration = Duration::from_secs(10);

impl SdkHttp {
    pub(crate) fn new(network: &Network) -> Self {
        Self { transport: Transport::new(network), limit: LIMIT }
    }
}

impl HttpClient for SdkHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limits = [settings.connect_timeout(), settings.read_timeout()];
        let limit: Duration = limits.into_iter().flatten().sum();
        let limit = if limit.is_zero() { LIMIT } else { limit };
        SharedHttpConnector::new(Self { transport: self.transport.clone(), limit })
    }
}

impl HttpConnector for SdkHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { transport, limit } = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            let Some(body) = body.bytes().map(Bytes::copy_from_slice) else {
                return Err(ConnectorError::user("a request for credentials is not streamed".into()));
            };
            let sent = transport.request(http::Request::from_parts(head, Full::new(body)));
            let answer = match tokio::time::timeout(limit, sent).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(ConnectorError::io(error.into())),
                Err(_) => return Err(ConnectorError::timeout("no answer in time".into())),
            };
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
