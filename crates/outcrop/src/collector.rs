//! Where traces and metrics go, from OpenTelemetry's own variables.

use outcrop_gateway::Collector;
use percent_encoding::percent_decode_str;

use crate::environment::Environment;
use crate::problem::Problem;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The collector that the variables name; `None` without an endpoint, or when OpenTelemetry is switched off.
pub fn of(environment: &Environment, problems: &mut Vec<Problem>) -> Option<Collector> {
    let endpoint = environment.value(ENDPOINT)?;
    if environment.value(DISABLED).is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return None;
    }
    let is_http = endpoint
        .parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some());
    if !is_http {
        let problem = Problem::error(environment.place(ENDPOINT), "this is no http or https address");
        problems.push(problem.hint("the base address of OTLP over HTTP, such as http://localhost:4318"));
        return None;
    }
    Some(Collector {
        endpoint: endpoint.to_owned(),
        headers: headers(environment, problems),
        service_name: environment.value(NAME).unwrap_or("outcrop").to_owned(),
    })
}

/// `name=value,name=value`, values percent-encoded. No value is ever part of a message: it may be a key.
fn headers(environment: &Environment, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let Some(text) = environment.value(HEADERS) else { return Vec::new() };
    let mut headers = Vec::new();
    for (number, pair) in text.split(',').map(str::trim).enumerate().filter(|(_, pair)| !pair.is_empty()) {
        match header(pair) {
            Some(header) => headers.push(header),
            None => problems.push(
                Problem::error(environment.place(HEADERS), format!("entry {} is no name=value", number + 1))
                    .hint("write name=value,name=value; percent-encode commas in values"),
            ),
        }
    }
    headers
}

fn header(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let name = http::HeaderName::try_from(name.trim()).ok()?;
    http::HeaderValue::try_from(value.as_ref()).ok()?;
    Some((name.to_string(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> (Option<Collector>, usize) {
        let environment =
            Environment::of(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut problems = Vec::new();
        let collector = of(&environment, &mut problems);
        (collector, problems.len())
    }

    #[test]
    fn the_variables_of_opentelemetry_are_read() {
        let (collector, problems) = read(&[
            (ENDPOINT, "http://localhost:4318"),
            (HEADERS, "authorization=Bearer%20a%2Cb, x-team = a"),
        ]);
        let collector = collector.expect("an endpoint is set");
        assert_eq!(problems, 0);
        assert_eq!(collector.service_name, "outcrop");
        let headers = [("authorization", "Bearer a,b"), ("x-team", "a")];
        assert_eq!(collector.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(!format!("{collector:?}").contains("Bearer"));
    }

    #[test]
    fn nothing_is_sent_unless_asked() {
        assert_eq!(read(&[]), (None, 0));
        assert_eq!(read(&[(ENDPOINT, "http://localhost:4318"), (DISABLED, "true")]), (None, 0));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(read(&[(ENDPOINT, "localhost:4318")]), (None, 1));
        let (_, problems) = read(&[(ENDPOINT, "http://localhost:4318"), (HEADERS, "a b=c,d,e=%ff,,f=g\n")]);
        assert_eq!(problems, 3);
    }
}
