//! AWS's shared configuration files, as far as we read them ourselves: `~/.aws/config` and `~/.aws/credentials`.
//!
//! Credentials are found by AWS's own chain. We read the same profile to say which line of it is wrong before anything is
//! sent, to tell a person what the profile offers, and for the settings of addresses that AWS's SDKs take from there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::problem::Problem;
use crate::secret::{self, Secret};

/// One profile of the two files, made one: the file of credentials wins.
#[derive(Default)]
pub struct SharedConfig {
    /// The profile's name.
    pub profile: String,
    /// Whether either file has the profile.
    pub is_there: bool,
    /// Both files, whether they are there or not.
    pub files: Vec<PathBuf>,
    values: BTreeMap<String, Value>,
}

struct Value {
    text: Secret,
    place: String,
}

/// Which profile, strongest first.
const PROFILE_VARIABLES: [&str; 2] = ["BEDROCK_AWS_PROFILE", "AWS_PROFILE"];

impl SharedConfig {
    /// Reads the profile that the environment names, else `default`. A file that is not there says nothing.
    pub fn read(environment: &Environment) -> Self {
        let profile =
            PROFILE_VARIABLES.into_iter().find_map(|name| environment.value(name)).unwrap_or("default");
        Self::of_profile(environment, profile)
    }

    /// Reads one profile.
    pub fn of_profile(environment: &Environment, profile: &str) -> Self {
        let home = environment.value("HOME").map(PathBuf::from).unwrap_or_default();
        let path = |variable, name: &str| match environment.value(variable) {
            Some(path) => PathBuf::from(path),
            None => home.join(".aws").join(name),
        };
        let files =
            vec![path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        let mut shared = Self { profile: profile.to_owned(), files, ..Self::default() };
        for (index, path) in shared.files.clone().iter().enumerate() {
            if let Ok(text) = std::fs::read_to_string(path) {
                shared.add(path, &text, index == 0);
            }
        }
        shared
    }

    /// A setting of the profile.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.reveal())
    }

    /// Where a setting stands: `/home/me/.aws/config:7: use_fips_endpoint`.
    pub fn place(&self, name: &str) -> String {
        self.values.get(name).map_or_else(|| name.to_owned(), |value| format!("{}: {name}", value.place))
    }

    /// Keys that would break every request: with a blank or a line break within.
    pub fn broken_keys(&self) -> Vec<Problem> {
        const KEYS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
        let broken = |name: &str| {
            let what = secret::oddity(self.value(name)?)?;
            let message = format!("the value holds {what} and cannot be a credential");
            Some(Problem::error(self.place(name), message).hint(
                "copy the value again, on one line; a comment must follow a blank and `#`, or stand on a line of its own",
            ))
        };
        KEYS.into_iter().filter_map(broken).collect()
    }

    /// Which ways to credentials the profile has, in words; none is an empty list.
    pub fn ways(&self) -> Vec<String> {
        let has = |name: &str| self.value(name).is_some();
        let mut ways = Vec::new();
        if has("role_arn") {
            let role = self.value("role_arn").unwrap_or_default();
            let from = match (self.value("source_profile"), self.value("credential_source")) {
                (Some(profile), _) => format!("by the keys of profile `{profile}`"),
                (None, Some(source)) => format!("by what {source} gives"),
                (None, None) if has("web_identity_token_file") => "by a web identity token".to_owned(),
                (None, None) => {
                    "but neither source_profile nor credential_source says by whose keys".to_owned()
                }
            };
            ways.push(format!("assumes {role} {from}"));
        }
        if has("sso_session") || has("sso_start_url") {
            ways.push("signs in through IAM Identity Center (SSO)".to_owned());
        }
        if has("credential_process") {
            ways.push("runs a credential_process".to_owned());
        }
        if has("aws_access_key_id") {
            ways.push("holds access keys".to_owned());
        }
        ways
    }

    fn add(&mut self, path: &Path, text: &str, is_config: bool) {
        let (mut is_ours, mut last) = (false, None::<String>);
        for (number, line) in (1..).zip(text.lines()) {
            let place = format!("{}:{number}", path.display());
            let is_continued = line.starts_with([' ', '\t']);
            match line.trim() {
                "" => {}
                line if line.starts_with(['#', ';']) => {}
                line if line.starts_with('[') && !is_continued => {
                    is_ours = section(line, is_config) == Some(&self.profile);
                    self.is_there |= is_ours;
                    last = None;
                }
                _ if !is_ours => {}
                line if is_continued => self.continued(last.as_deref(), line),
                line => {
                    if let Some((name, value)) = line.split_once('=') {
                        let name = name.trim().to_ascii_lowercase();
                        let text = Secret::new(without_comment(value).trim());
                        last = Some(name.clone());
                        self.values.insert(name, Value { text, place });
                    }
                }
            }
        }
    }

    /// An indented line belongs to the setting above it.
    fn continued(&mut self, name: Option<&str>, line: &str) {
        if let Some(value) = name.and_then(|name| self.values.get_mut(name)) {
            value.text = Secret::new(format!("{}\n{line}", value.text.reveal()));
        }
    }
}

/// The profile that a section is of: `[profile NAME]` in the configuration, `[NAME]` among the credentials.
fn section(line: &str, is_config: bool) -> Option<&str> {
    let name = line.strip_prefix('[')?.split_once(']')?.0.trim();
    match name.split_once(char::is_whitespace) {
        Some(("profile", name)) if is_config => Some(name.trim().trim_matches(['"', '\''])),
        None if !is_config || name == "default" => Some(name),
        _ => None,
    }
}

/// A comment begins after a blank.
fn without_comment(value: &str) -> &str {
    let begins = |mark: &str| value.find(mark);
    let end = [" #", " ;", "\t#", "\t;"].into_iter().filter_map(begins).min();
    &value[..end.unwrap_or(value.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str, credentials: &str, profile: &str) -> SharedConfig {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("config"), folder.path().join("credentials"));
        std::fs::write(&one, config).unwrap();
        std::fs::write(&other, credentials).unwrap();
        let set = [
            ("AWS_CONFIG_FILE".to_owned(), one.display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), other.display().to_string()),
            ("AWS_PROFILE".to_owned(), profile.to_owned()),
        ];
        SharedConfig::read(&Environment::of(set))
    }

    #[test]
    fn a_profile_is_read_from_both_files() {
        let config = "[default]\nregion = x\n[profile dev]\nuse_fips_endpoint = true # must\naws_access_key_id=old\ns3 =\n  max = 1\n[sso-session dev]\nsso_region = y\n";
        let credentials = "; comment\n[dev]\naws_access_key_id = new\naws_secret_access_key = a#b\n";
        let dev = read(config, credentials, "dev");
        assert_eq!(dev.value("use_fips_endpoint"), Some("true"));
        assert_eq!(dev.value("aws_access_key_id"), Some("new"));
        assert_eq!(dev.value("aws_secret_access_key"), Some("a#b"));
        assert_eq!((dev.value("region"), dev.value("sso_region")), (None, None));
        assert!(dev.place("use_fips_endpoint").ends_with("config:4: use_fips_endpoint"));
        assert!(dev.broken_keys().is_empty());
        assert_eq!(read(config, credentials, "prod").value("aws_access_key_id"), None);
    }

    #[test]
    fn a_key_with_a_blank_or_a_line_break_is_named_with_its_line() {
        let broken =
            read("", "[default]\naws_access_key_id = AKIA\naws_secret_access_key = canary\n  more\n", "");
        let problem = broken.broken_keys().remove(0).to_string();
        assert!(
            problem.contains("credentials:3: aws_secret_access_key: the value holds a line break"),
            "{problem}"
        );
        assert!(!problem.contains("canary"));
        let blank = read("", "[default]\naws_session_token = can ary\n", "").broken_keys();
        assert!(blank[0].message.contains("a blank"));
    }
}
