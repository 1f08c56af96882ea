//! Who the gateway is to AWS: which source of credentials the environment chooses.
//!
//! LibreChat's order (`BEDROCK_AWS_*`: bearer key, then both static keys, then a profile), then AWS's own variables, then
//! AWS's chain. `AWS_*` keys are taken here rather than left to the chain, because the chain cannot see an `--env-file`.

use std::path::PathBuf;

use outcrop_bedrock::{Chain, Container, Credentials, Given, WebIdentity};

use crate::accounts::SESSION_NAME;
use crate::environment::Environment;
use crate::problem::Problem;
use crate::secret::{self, Secret};
use crate::way::Way;

/// What was chosen, what came before it in the order and why not, and how AWS's chain reaches AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The source.
    pub choice: Choice,
    /// The sources before it, strongest first, and why each was passed over.
    pub passed_over: Vec<(&'static str, &'static str)>,
    way: Way,
    files: Vec<PathBuf>,
    given: Given,
}

impl Chosen {
    /// Chooses, and checks what is chosen. `files` are AWS's shared files.
    pub fn of(environment: &Environment, way: Way, files: Vec<PathBuf>, problems: &mut Vec<Problem>) -> Self {
        let choice = Choice::of(environment, problems);
        let passed_over = passed_over(environment, &choice);
        let given = given(environment, &files);
        Self { choice, passed_over, way, files, given }
    }

    /// Those of the emulated account of `--local`.
    pub fn emulated() -> Self {
        let (choice, way) = (Choice::emulated(), Way::default());
        Self { choice, passed_over: Vec::new(), way, files: Vec::new(), given: Given::default() }
    }

    /// What `config show` says about it: the source, never a value.
    pub fn describe(&self) -> String {
        self.choice.describe()
    }

    /// Where it was chosen.
    pub fn source(&self) -> String {
        self.choice.source()
    }

    /// The credentials themselves.
    pub async fn load(&self, region: &str) -> Result<Credentials, String> {
        self.choice.load(|profile| self.chain(profile, region))
    }

    /// AWS's chain, or one profile of it.
    pub fn chain(&self, profile: Option<&str>, region: &str) -> Credentials {
        Credentials::chain(Chain {
            profile: profile.map(str::to_owned),
            region: region.to_owned(),
            network: self.way.network.clone(),
            fips: self.way.variant.fips,
            dual_stack: self.way.variant.dual_stack,
            files: self.files.clone(),
            given: self.given.clone(),
        })
    }
}

/// What AWS's chain cannot see, because only the `--env-file` says it. `files` are AWS's shared files, wherever they are.
fn given(environment: &Environment, files: &[PathBuf]) -> Given {
    let any = |names: &[&str]| names.iter().any(|name| environment.is_from_file(name));
    let path = |name: &str| environment.value(name).map(PathBuf::from);
    let text = |name: &str| environment.value(name).map(str::to_owned);
    let web_identity = || {
        Some(WebIdentity {
            token_file: path("AWS_WEB_IDENTITY_TOKEN_FILE")?,
            role: text("AWS_ROLE_ARN")?,
            session_name: text("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION_NAME.to_owned()),
        })
    };
    let container = || {
        let address = text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            .or_else(|| text("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
        let token_file = path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        Some(Container { address, token_file, token: text("AWS_CONTAINER_AUTHORIZATION_TOKEN") })
    };
    let is_off = text("AWS_EC2_METADATA_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    Given {
        files: any(&["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
            .then(|| files.to_vec().try_into().ok())
            .flatten(),
        web_identity: any(&["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"])
            .then(web_identity)
            .flatten(),
        container: any(&[
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        ])
        .then(container)
        .flatten(),
        metadata: any(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"])
            .then(|| text("AWS_EC2_METADATA_SERVICE_ENDPOINT"))
            .flatten(),
        no_metadata: any(&["AWS_EC2_METADATA_DISABLED"]) && is_off,
    }
}

/// The variables that are looked at before AWS's chain, in their order, as far as the one that was chosen.
fn passed_over(environment: &Environment, choice: &Choice) -> Vec<(&'static str, &'static str)> {
    let chosen = choice.source();
    let before = ORDER.into_iter().take_while(|(variable, _)| *variable != chosen);
    before
        .map(|(variable, other)| {
            match [variable, other].iter().any(|name| environment.value(name).is_some()) {
                true => (variable, "only one half of the pair is set"),
                false => (variable, "it is not set"),
            }
        })
        .collect()
}

/// A variable of each source, strongest first, and the other half of its pair where it has one.
const ORDER: [(&str, &str); 5] = [
    ("BEDROCK_AWS_BEARER_TOKEN", "BEDROCK_AWS_BEARER_TOKEN"),
    (LIBRECHAT.access_key_id, LIBRECHAT.secret),
    ("BEDROCK_AWS_PROFILE", "BEDROCK_AWS_PROFILE"),
    ("AWS_BEARER_TOKEN_BEDROCK", "AWS_BEARER_TOKEN_BEDROCK"),
    (AWS.access_key_id, AWS.secret),
];

/// The source chosen. Holds secrets and has no way to print them.
#[derive(Clone, PartialEq, Eq)]
pub enum Choice {
    /// A Bedrock API key.
    Bearer {
        /// The variable that holds it.
        variable: &'static str,
        /// The key.
        key: Secret,
    },
    /// A pair of keys.
    Keys {
        /// The variable that holds the id.
        variable: &'static str,
        /// The public half.
        access_key_id: Secret,
        /// The secret half.
        secret: Secret,
        /// For temporary keys.
        session_token: Option<Secret>,
    },
    /// A profile of the shared configuration files.
    Profile {
        /// The variable that names it.
        variable: &'static str,
        /// Its name.
        name: String,
    },
    /// AWS's own chain.
    Chain,
    /// `user_provided`: LibreChat asks each of its users; a gateway has nobody to ask.
    PerUser {
        /// The variable that says so.
        variable: &'static str,
    },
}

impl Choice {
    /// Chooses, and checks what is chosen.
    pub fn of(environment: &Environment, problems: &mut Vec<Problem>) -> Self {
        if let Some(variable) = per_user(environment) {
            let message = "user_provided means that LibreChat asks each of its users for the credentials";
            problems.push(
                Problem::warning(environment.place(variable), message)
                    .hint("give the gateway credentials of its own before `outcrop serve`"),
            );
            return Self::PerUser { variable };
        }
        let mut reader = Reader { environment, problems };
        reader
            .bearer("BEDROCK_AWS_BEARER_TOKEN")
            .or_else(|| reader.keys(&LIBRECHAT))
            .or_else(|| reader.profile("BEDROCK_AWS_PROFILE"))
            .or_else(|| reader.bearer("AWS_BEARER_TOKEN_BEDROCK"))
            .or_else(|| reader.keys(&AWS))
            .or_else(|| {
                environment.is_from_file("AWS_PROFILE").then(|| reader.profile("AWS_PROFILE")).flatten()
            })
            .unwrap_or(Self::Chain)
    }

    /// Those of the emulated account of `--local`.
    pub fn emulated() -> Self {
        let outcrop_emulator::Keys { access_key_id, secret_access_key, bearer: _ } =
            outcrop_emulator::Keys::default();
        Self::Keys {
            variable: "--local",
            access_key_id: Secret::new(access_key_id),
            secret: Secret::new(secret_access_key),
            session_token: None,
        }
    }

    /// What `config show` says about it: the source, never a value.
    pub fn describe(&self) -> String {
        match self {
            Self::Bearer { variable, .. } => format!("Bedrock API key from {variable}"),
            Self::Keys { variable, session_token: None, .. } => format!("access keys from {variable}"),
            Self::Keys { variable, .. } => format!("temporary access keys from {variable}"),
            Self::Profile { variable, name } => format!("profile `{name}` from {variable}"),
            Self::Chain => "AWS's own chain (environment, files, SSO, container, instance)".to_owned(),
            Self::PerUser { variable } => format!("none: {variable} is user_provided"),
        }
    }

    /// Where it was chosen.
    pub fn source(&self) -> String {
        match self {
            Self::Bearer { variable, .. }
            | Self::Keys { variable, .. }
            | Self::Profile { variable, .. }
            | Self::PerUser { variable } => (*variable).to_owned(),
            Self::Chain => "built-in".to_owned(),
        }
    }

    /// The credentials themselves; `chain` is AWS's, or that of one profile.
    fn load(&self, chain: impl FnOnce(Option<&str>) -> Credentials) -> Result<Credentials, String> {
        match self {
            Self::Bearer { key, .. } => Credentials::bearer(key.reveal()).map_err(|error| error.to_string()),
            Self::Keys { access_key_id, secret, session_token, .. } => {
                let token = session_token.as_ref().map(Secret::reveal);
                Credentials::keys(access_key_id.reveal(), secret.reveal(), token)
                    .map_err(|error| error.to_string())
            }
            Self::Profile { name, .. } => Ok(chain(Some(name))),
            Self::Chain => Ok(chain(None)),
            Self::PerUser { variable } => {
                Err(format!("{variable} is user_provided, so the gateway has no credentials of its own"))
            }
        }
    }
}

struct Names {
    access_key_id: &'static str,
    secret: &'static str,
    session_token: &'static str,
}

const LIBRECHAT: Names = Names {
    access_key_id: "BEDROCK_AWS_ACCESS_KEY_ID",
    secret: "BEDROCK_AWS_SECRET_ACCESS_KEY",
    session_token: "BEDROCK_AWS_SESSION_TOKEN",
};

const AWS: Names = Names {
    access_key_id: "AWS_ACCESS_KEY_ID",
    secret: "AWS_SECRET_ACCESS_KEY",
    session_token: "AWS_SESSION_TOKEN",
};

/// LibreChat's word for "ask each user".
const USER_PROVIDED: &str = "user_provided";

fn per_user(environment: &Environment) -> Option<&'static str> {
    ["BEDROCK_AWS_BEARER_TOKEN", LIBRECHAT.access_key_id, LIBRECHAT.secret, LIBRECHAT.session_token]
        .into_iter()
        .find(|name| environment.value(name) == Some(USER_PROVIDED))
}

struct Reader<'a> {
    environment: &'a Environment,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn bearer(&mut self, variable: &'static str) -> Option<Choice> {
        self.environment.value(variable)?;
        Some(Choice::Bearer { variable, key: self.secret(variable) })
    }

    fn keys(&mut self, names: &Names) -> Option<Choice> {
        let environment = self.environment;
        let (id, secret) = (environment.value(names.access_key_id), environment.value(names.secret));
        if id.is_none() && secret.is_none() {
            self.lonely_token(names);
            return None;
        }
        let (Some(_), Some(_)) = (id, secret) else {
            self.incomplete(names, id.is_some());
            return None;
        };
        Some(Choice::Keys {
            variable: names.access_key_id,
            access_key_id: self.secret(names.access_key_id),
            secret: self.secret(names.secret),
            session_token: environment.value(names.session_token).map(|_| self.secret(names.session_token)),
        })
    }

    fn profile(&mut self, variable: &'static str) -> Option<Choice> {
        let name = self.environment.value(variable)?.to_owned();
        Some(Choice::Profile { variable, name })
    }

    /// The value as it was set; one with a blank or control character in it would break every request.
    fn secret(&mut self, variable: &'static str) -> Secret {
        let value = self.environment.variable(variable).map_or("", |variable| variable.value.as_str());
        if let Some(what) = secret::oddity(value) {
            let place = self.environment.place(variable);
            self.problems.push(
                Problem::error(place, format!("the value holds {what} and cannot be a credential"))
                    .hint("copy the value again; a comment must follow a blank and `#`, or stand on a line of its own"),
            );
        }
        Secret::new(value)
    }

    fn incomplete(&mut self, names: &Names, has_id: bool) {
        let Names { access_key_id, secret, .. } = names;
        let (there, missing) = if has_id { (access_key_id, secret) } else { (secret, access_key_id) };
        self.problems.push(
            Problem::error(
                self.environment.place(there),
                format!("Both {access_key_id} and {secret} must be provided together."),
            )
            .hint(format!("set {missing}, or unset {there} to use AWS's own chain")),
        );
    }

    fn lonely_token(&mut self, names: &Names) {
        if self.environment.value(names.session_token).is_some() {
            let place = self.environment.place(names.session_token);
            self.problems.push(
                Problem::warning(place, "a session token without access keys has no effect")
                    .hint(format!("set {} and {} too", names.access_key_id, names.secret)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(set: &[(&str, &str)]) -> (String, Vec<String>) {
        let environment =
            Environment::of(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut problems = Vec::new();
        let choice = Choice::of(&environment, &mut problems);
        (choice.describe(), problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn librechats_order_holds() {
        let keys = [("BEDROCK_AWS_ACCESS_KEY_ID", "id"), ("BEDROCK_AWS_SECRET_ACCESS_KEY", "secret")];
        let bearer = ("BEDROCK_AWS_BEARER_TOKEN", "bearer");
        let profile = ("BEDROCK_AWS_PROFILE", "dev");
        let aws = ("AWS_BEARER_TOKEN_BEDROCK", "aws");
        assert!(choose(&[keys[0], keys[1], bearer, profile, aws]).0.contains("BEDROCK_AWS_BEARER_TOKEN"));
        assert!(choose(&[keys[0], keys[1], profile, aws]).0.contains("BEDROCK_AWS_ACCESS_KEY_ID"));
        assert!(choose(&[profile, aws]).0.contains("profile `dev`"));
        assert!(choose(&[aws]).0.contains("AWS_BEARER_TOKEN_BEDROCK"));
        assert!(choose(&[]).0.contains("chain"));
        assert!(
            choose(&[("BEDROCK_AWS_ACCESS_KEY_ID", ""), ("BEDROCK_AWS_SECRET_ACCESS_KEY", "")])
                .0
                .contains("chain")
        );
    }

    #[test]
    fn half_a_pair_is_refused_in_librechats_words() {
        let (_, problems) = choose(&[("BEDROCK_AWS_ACCESS_KEY_ID", "id")]);
        assert!(problems[0].contains(
            "Both BEDROCK_AWS_ACCESS_KEY_ID and BEDROCK_AWS_SECRET_ACCESS_KEY must be provided together."
        ));
        assert!(problems[0].contains("hint: set BEDROCK_AWS_SECRET_ACCESS_KEY"));
    }

    #[test]
    fn a_broken_secret_is_named_and_not_shown() {
        let (_, problems) =
            choose(&[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2 # mine")]);
        assert!(problems[0].contains("AWS_SECRET_ACCESS_KEY: the value holds a blank"), "{}", problems[0]);
        assert!(!problems[0].contains("hunter2"));
    }

    #[test]
    fn user_provided_is_a_warning_here_and_no_credential() {
        let (choice, problems) = choose(&[("BEDROCK_AWS_ACCESS_KEY_ID", "user_provided")]);
        assert!(choice.contains("none") && problems[0].starts_with("warning"));
    }
}
