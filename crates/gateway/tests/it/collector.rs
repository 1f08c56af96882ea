//! An OpenTelemetry collector that keeps what it gets, and what the gateway sends it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use outcrop_gateway::Collector;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::rig::{Plan, Rig};

type Exports = Arc<Mutex<Vec<(String, String, Bytes)>>>;

/// Path, `x-key` header and body of each export.
async fn collector() -> (String, Exports) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let exports = Exports::default();
    let kept = Arc::clone(&exports);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: Request<Incoming>| keep(request, Arc::clone(&kept)));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, exports)
}

async fn keep(request: Request<Incoming>, exports: Exports) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let key = head.headers.get("x-key").map_or("", |key| key.to_str().unwrap()).to_owned();
    let body = body.collect().await.unwrap().to_bytes();
    exports.lock().unwrap().push((head.uri.path().to_owned(), key, body));
    Ok(Response::new(Full::default()))
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    match value(attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> i64 {
    match value(attributes, key) {
        Some(Value::IntValue(number)) => *number,
        other => panic!("{key}: {other:?}"),
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn spans(exports: &Exports) -> Vec<Span> {
    let exports = exports.lock().unwrap();
    let traces = exports.iter().filter(|(path, _, _)| path == "/v1/traces");
    let requests = traces.map(|(_, _, body)| ExportTraceServiceRequest::decode(body.clone()).unwrap());
    let scopes =
        requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn metrics(exports: &Exports) -> Vec<String> {
    let exports = exports.lock().unwrap();
    let figures = exports.iter().filter(|(path, _, _)| path == "/v1/metrics");
    let requests = figures.map(|(_, _, body)| ExportMetricsServiceRequest::decode(body.clone()).unwrap());
    let scopes = requests.flat_map(|request| request.resource_metrics).flat_map(|it| it.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_is_a_span_below_the_callers_own() {
    let (endpoint, exports) = collector().await;
    let headers = vec![("x-key".to_owned(), "a-secret".to_owned())];
    let collector = Some(Collector { endpoint, headers, service_name: "outcrop".to_owned() });
    let rig = Rig::start(Plan { collector, ..Plan::default() }).await;
    let nova = rig.profiles[1].clone();
    let secret = "a prompt that nobody else may read";
    let ask = json!({"model": nova, "messages": [{"role": "user", "content": secret}]}).to_string();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let answer =
        rig.send(Method::POST, "/v1/chat/completions", &[("traceparent", &parent)], ask.clone()).await;
    let fault = [("x-outcrop-fault", "AccessDeniedException")];
    rig.send(Method::POST, "/v1/chat/completions", &fault, ask).await;
    rig.stop().await;

    let spans = spans(&exports);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (child, failed) = match spans.as_slice() {
        [first, second] if hex(&first.trace_id) == trace => (first, second),
        [first, second] => (second, first),
        _ => panic!("{spans:?}"),
    };
    assert_eq!(
        (hex(&child.trace_id), hex(&child.parent_span_id)),
        (trace.to_owned(), "b7ad6b7169203331".to_owned())
    );
    assert_eq!(child.name, format!("chat {nova}"));
    let attributes = &child.attributes;
    assert_eq!(text(attributes, "gen_ai.provider.name"), "aws.bedrock");
    assert_eq!(text(attributes, "gen_ai.response.model"), "amazon.nova-2-lite-v1:0");
    assert_eq!(text(attributes, "outcrop.request_id"), answer.header("outcrop-request-id"));
    let usage = &answer.json()["usage"];
    assert_eq!(
        number(attributes, "gen_ai.usage.output_tokens"),
        usage["completion_tokens"].as_i64().unwrap()
    );
    assert_eq!(number(attributes, "gen_ai.usage.input_tokens"), usage["prompt_tokens"].as_i64().unwrap());
    assert!(child.end_time_unix_nano > child.start_time_unix_nano);
    assert_eq!(text(&failed.attributes, "error.type"), "AccessDeniedException");

    let names = metrics(&exports);
    for name in ["gen_ai.client.token.usage", "gen_ai.client.operation.duration"] {
        assert!(names.iter().any(|it| it == name), "{names:?}");
    }
    let exports = exports.lock().unwrap();
    assert!(exports.iter().all(|(_, key, _)| key == "a-secret"));
    let holds = |body: &Bytes, text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!exports.iter().any(|(_, _, body)| holds(body, secret)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_nobody_anything() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let collector = Some(Collector {
        endpoint: format!("http://{gone}"),
        headers: Vec::new(),
        service_name: String::new(),
    });
    let rig = Rig::start(Plan { collector, ..Plan::default() }).await;
    let ask = json!({"model": rig.profiles[1], "messages": [{"role": "user", "content": "count to 3"}]})
        .to_string();
    assert_eq!(rig.post("/v1/chat/completions", ask).await.status, 200);
    rig.stop().await;
}
