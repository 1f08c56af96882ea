//! What is different between two configurations, in words for the log. No secret among them.

use std::collections::BTreeMap;

use crate::settings::Settings;
use crate::shown;

/// One line a difference, settings that need a restart apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What can follow at once: `aliases.fast: added`, `region: us-east-1 → eu-west-1`.
    pub followed: Vec<String>,
    /// What holds as it was until the gateway is started again.
    pub needs_restart: Vec<String>,
}

impl Changes {
    /// What `after` says differently from `before`.
    pub fn between(before: &Settings, after: &Settings) -> Self {
        let (old, new) = (values(before), values(after));
        let mut changes = Self::default();
        for (key, value) in &new {
            match old.get(key) {
                Some(was) if was == value => {}
                Some(was) => changes.push(key, format!("{key}: {was} → {value}")),
                None => changes.push(key, format!("{key}: added ({value})")),
            }
        }
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            changes.push(key, format!("{key}: removed"));
        }
        changes.followed.extend(secrets(before, after));
        changes
    }

    fn push(&mut self, key: &str, line: String) {
        match NEED_RESTART.contains(&key) {
            true => self.needs_restart.push(line),
            false => self.followed.push(line),
        }
    }
}

/// The socket is bound and the ledger is open.
const NEED_RESTART: [&str; 2] = ["listen", "dataDir"];

/// A line of a log that a person can still read.
const SHOWN: usize = 8;

/// The first few, and how many more there are.
pub fn listed(lines: &[String]) -> String {
    let (shown, rest) = lines.split_at(lines.len().min(SHOWN));
    let more = if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
    format!("{}{more}", shown.join("; "))
}

fn values(settings: &Settings) -> BTreeMap<String, String> {
    shown::entries(settings).into_iter().map(|entry| (entry.key, entry.value.into_owned())).collect()
}

/// Secrets that are others now, by name.
fn secrets(before: &Settings, after: &Settings) -> Vec<String> {
    let old: BTreeMap<_, _> = before.keys.iter().map(|key| (&key.name, key.key.reveal())).collect();
    let mut changed: Vec<String> = after
        .keys
        .iter()
        .filter(|key| old.get(&key.name).is_some_and(|was| *was != key.key.reveal()))
        .map(|key| format!("keys.{}: another secret", key.name))
        .collect();
    if before.credentials.describe() == after.credentials.describe()
        && before.credentials != after.credentials
    {
        changed.push("credentials: another secret".to_owned());
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Global;
    use crate::settings::Flags;

    fn settings(text: &str) -> Settings {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("outcrop.yaml");
        std::fs::write(&path, text).unwrap();
        let global = Global { config: Some(path), ..Global::default() };
        Settings::load(&global, &Flags::default()).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn differences_are_named_without_secrets() {
        let before = settings(
            "aliases: {a: amazon.nova-lite-v1:0, b: x.y}\nkeys: [{name: ana, key: hunter2}]\nlisten: 127.0.0.1:1\n",
        );
        let after = settings(
            "aliases: {a: amazon.nova-pro-v1:0, c: x.y}\nkeys: [{name: ana, key: hunter3}]\nlisten: 127.0.0.1:2\n",
        );
        assert_eq!(
            Changes::between(&before, &after),
            Changes {
                followed: [
                    "aliases.a: amazon.nova-lite-v1:0 → amazon.nova-pro-v1:0",
                    "aliases.c: added (x.y)",
                    "aliases.b: removed",
                    "keys.ana: another secret",
                ]
                .map(str::to_owned)
                .to_vec(),
                needs_restart: vec!["listen: 127.0.0.1:1 → 127.0.0.1:2".to_owned()],
            }
        );
        assert_eq!(Changes::between(&after, &after), Changes::default());
    }
}
