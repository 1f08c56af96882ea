//! The way to AWS: proxies, certificates, timeouts, FIPS and dual-stack addresses.
//!
//! The environment is stronger than `upstream:` of the configuration file, and that is stronger than AWS's shared files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use outcrop_bedrock::{Authorities, Network, Proxies, Timeouts, Variant};

use crate::environment::Environment;
use crate::problem::Problem;
use crate::shared_config::SharedConfig;

/// What the configuration file says of it.
#[derive(Debug, Clone, Default)]
pub struct FromFile {
    /// `upstream.fips`
    pub fips: Option<bool>,
    /// `upstream.dual_stack`
    pub dual_stack: Option<bool>,
    /// `upstream.ca_bundle`, and where it stands.
    pub ca_bundle: Option<(PathBuf, String)>,
    /// `upstream.connect_timeout_ms`
    pub connect: Option<Duration>,
    /// `upstream.first_event_timeout_ms`
    pub first_event: Option<Duration>,
    /// `upstream.event_timeout_ms`
    pub between_events: Option<Duration>,
}

/// How AWS is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// Which of AWS's own addresses.
    pub variant: Variant,
    /// Proxies, certificates, timeouts.
    pub network: Network,
}

impl Way {
    /// Reads every source; what is wrong goes to `problems`.
    pub fn of(
        environment: &Environment,
        file: &FromFile,
        shared: &SharedConfig,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut reader = Reader { environment, shared, problems };
        let before = Timeouts::default();
        Self {
            variant: Variant {
                fips: reader.switch("AWS_USE_FIPS_ENDPOINT", file.fips, "use_fips_endpoint"),
                dual_stack: reader.switch(
                    "AWS_USE_DUALSTACK_ENDPOINT",
                    file.dual_stack,
                    "use_dualstack_endpoint",
                ),
            },
            network: Network {
                proxies: reader.proxies(),
                authorities: reader.authorities(file),
                timeouts: Timeouts {
                    connect: file.connect.unwrap_or(before.connect),
                    first_event: file.first_event.unwrap_or(before.first_event),
                    between_events: file.between_events.unwrap_or(before.between_events),
                    sign_of_life: before.sign_of_life,
                },
            },
        }
    }
}

struct Reader<'a> {
    environment: &'a Environment,
    shared: &'a SharedConfig,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn switch(&mut self, variable: &str, file: Option<bool>, setting: &str) -> bool {
        if let Some(text) = self.environment.value(variable) {
            return self.truth(&self.environment.place(variable), text);
        }
        match (file, self.shared.value(setting)) {
            (Some(value), _) => value,
            (None, Some(text)) => self.truth(&self.shared.place(setting), text),
            (None, None) => false,
        }
    }

    fn truth(&mut self, place: &str, text: &str) -> bool {
        match text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                let message = "the value is neither true nor false";
                self.problems.push(Problem::error(place, message).hint("write true or false"));
                false
            }
        }
    }

    /// The variables that curl knows; the lower case is stronger there. `PROXY` is LibreChat's.
    fn proxies(&mut self) -> Proxies {
        const ALL: [&str; 2] = ["all_proxy", "ALL_PROXY"];
        const HTTP: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
        const HTTPS: [&str; 3] = ["https_proxy", "HTTPS_PROXY", "PROXY"];
        const NO: [&str; 2] = ["no_proxy", "NO_PROXY"];
        let environment = self.environment;
        let named =
            |names: &[&'static str]| names.iter().copied().find(|name| environment.value(name).is_some());
        let value =
            |names: &[&'static str]| named(names).and_then(|name| environment.value(name)).unwrap_or("");
        match Proxies::new(value(&ALL), value(&HTTP), value(&HTTPS), value(&NO)) {
            Ok(proxies) => proxies,
            Err(error) => {
                let names: &[&'static str] = match error.variable {
                    "ALL_PROXY" => &ALL,
                    "HTTP_PROXY" => &HTTP,
                    _ => &HTTPS,
                };
                let place = environment.place(named(names).unwrap_or(error.variable));
                let message = format!("the value is no URL of a proxy: {}", error.why);
                self.problems
                    .push(Problem::error(place, message).hint("write http://[USER:PASSWORD@]HOST:PORT"));
                Proxies::default()
            }
        }
    }

    fn authorities(&mut self, file: &FromFile) -> Option<Authorities> {
        const VARIABLE: &str = "AWS_CA_BUNDLE";
        const SETTING: &str = "ca_bundle";
        let (path, place) = match (self.environment.value(VARIABLE), &file.ca_bundle) {
            (Some(path), _) => (PathBuf::from(path), self.environment.place(VARIABLE)),
            (None, Some((path, place))) => (path.clone(), place.clone()),
            (None, None) => (PathBuf::from(self.shared.value(SETTING)?), self.shared.place(SETTING)),
        };
        read_authorities(&path)
            .map_err(|why| {
                let message = format!("{}: {why}", path.display());
                self.problems.push(
                    Problem::error(place, message).hint(
                        "name a file of PEM certificates; it replaces the built-in list of authorities",
                    ),
                );
            })
            .ok()
    }
}

fn read_authorities(path: &Path) -> Result<Authorities, String> {
    let pem = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Authorities::from_pem(&pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(set: &[(&str, &str)], file: &FromFile) -> (Way, Vec<String>) {
        let environment =
            Environment::of(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut problems = Vec::new();
        let way = Way::of(&environment, file, &SharedConfig::default(), &mut problems);
        (way, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_environment_is_stronger_than_the_file() {
        let file = FromFile { fips: Some(true), dual_stack: Some(true), ..FromFile::default() };
        let (found, problems) = way(&[("AWS_USE_FIPS_ENDPOINT", "False")], &file);
        assert_eq!(found.variant, Variant { fips: false, dual_stack: true });
        assert!(problems.is_empty());
    }

    #[test]
    fn proxies_are_read_in_both_cases() {
        let shown = |set: &[(&str, &str)]| {
            way(set, &FromFile::default()).0.network.proxies.shown("https://example.com")
        };
        assert_eq!(
            shown(&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:2")]).as_deref(),
            Some("b:2")
        );
        assert_eq!(shown(&[("HTTPS_PROXY", "http://a:1"), ("no_proxy", "example.com")]), None);
        assert_eq!(shown(&[("PROXY", "http://a:1")]).as_deref(), Some("a:1"));
        assert_eq!(shown(&[("ALL_PROXY", "http://a:1")]).as_deref(), Some("a:1"));
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let set = [
            ("https_proxy", "socks5://u:canary@host"),
            ("AWS_CA_BUNDLE", "/nowhere/ca.pem"),
            ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ];
        let (_, problems) = way(&set, &FromFile::default());
        let all = problems.join("\n");
        assert_eq!(problems.len(), 3, "{all}");
        assert!(all.contains("https_proxy: the value is no URL of a proxy: SOCKS"), "{all}");
        assert!(all.contains("AWS_CA_BUNDLE: /nowhere/ca.pem") && !all.contains("canary"), "{all}");
    }
}
