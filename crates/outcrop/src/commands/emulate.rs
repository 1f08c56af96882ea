//! `outcrop emulate`: the Bedrock emulator alone, for any client that can be pointed at an address.

use std::io::Write;
use std::path::{Path, PathBuf};

use outcrop_emulator::tls::{CA_FILE, Tls, TlsError};
use outcrop_emulator::{Actor, Config, Emulator, Keys, ReplayReport, StartError};
use serde_json::json;

use crate::args::{Actor as Who, Emulate, Global};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::paper;
use crate::problem::Severity;

/// Runs `outcrop emulate` until it is told to stop.
pub fn run(global: &Global, emulate: &Emulate) -> Result<(), Failure> {
    let environment = environment(global)?;
    super::log_to_stderr(emulate.log_format);
    super::serve_on(async {
        let told_to_stop = super::told_to_stop()?;
        let keys = keys(&environment);
        let config = config(emulate, keys.clone(), &environment)?;
        let ca = emulate.tls.then(|| ca_folder(emulate.data_dir.as_deref()));
        let tls = ca.as_deref().map(|folder| Tls::self_made(folder, config.listen.ip()));
        let tls = tls.transpose().map_err(no_tls)?;
        let emulator = bind(Config { tls, ..config }).await?;
        let ca = ca.map(|folder| folder.join(CA_FILE));
        Failure::unless_unread(announce(global, &emulator, &keys, &environment, ca.as_deref()))?;
        emulator.replay().into_iter().for_each(say_what_is_replayed);
        emulator.serve(told_to_stop).await;
        Ok(())
    })
}

/// The emulator needs no configuration file, but its keys may stand in the environment file.
fn environment(global: &Global) -> Result<Environment, Failure> {
    let mut environment = Environment::of_process();
    let named = environment.value("OUTCROP_ENV_FILE").map(Into::into);
    if let Some(path) = global.env_file.clone().or(named) {
        let problems = environment.read_file(&path);
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(Failure::Configuration(problems));
        }
        paper::problems(&problems);
    }
    Ok(environment)
}

/// The keys of the environment where there are any, else those of AWS's documentation.
fn keys(environment: &Environment) -> Keys {
    let known = Keys::default();
    let pair = environment.value(ID).zip(environment.value(SECRET));
    let (access_key_id, secret_access_key) = match pair {
        Some((id, secret)) => (id.to_owned(), secret.to_owned()),
        None => (known.access_key_id, known.secret_access_key),
    };
    let bearer = environment.value(BEARER).map_or(known.bearer, str::to_owned);
    Keys { access_key_id, secret_access_key, bearer }
}

/// What the emulator stands in for, as `AWS_ENDPOINT_URL_…` names it; CloudWatch Logs has two names, ours and the SDKs'.
pub const SERVICES: [&str; 11] = [
    "BEDROCK",
    "BEDROCK_RUNTIME",
    "BEDROCK_MANTLE",
    "BEDROCK_AGENT",
    "STS",
    "IAM",
    "LOGS",
    "CLOUDWATCH_LOGS",
    "CLOUDWATCH",
    "S3",
    "SERVICE_QUOTAS",
];

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";

fn config(emulate: &Emulate, keys: Keys, environment: &Environment) -> Result<Config, Failure> {
    Ok(Config {
        listen: emulate.listen.unwrap_or(Config::default().listen),
        data_dir: emulate.data_dir.clone(),
        keys,
        seed_profiles: true,
        tls: None,
        replay: emulate.replay.clone(),
        actor: actor(emulate, environment)?,
        faults: emulate.faults.clone(),
    })
}

/// Where the CA is kept: with the state, so that it stays trusted; without a data directory, in a new temporary folder.
fn ca_folder(data_dir: Option<&Path>) -> PathBuf {
    let temporary = || std::env::temp_dir().join(format!("outcrop-tls-{}", uuid::Uuid::new_v4()));
    data_dir.map_or_else(temporary, |folder| folder.join("tls"))
}

/// TLS was asked for and cannot be had.
pub fn no_tls(error: TlsError) -> Failure {
    Failure::new(format!("there can be no TLS: {error}"))
}

/// Who answers: what `--actor` says, and else what the other flags ask for.
fn actor(emulate: &Emulate, environment: &Environment) -> Result<Actor, Failure> {
    let Emulate { actor, script, record, upstream, upstream_model, replay, .. } = emulate;
    let key = || environment.value(UPSTREAM_KEY).map(str::to_owned);
    let needs = |flag: &str, actor: &str| Failure::Usage {
        message: format!("--actor {actor} needs {flag}"),
        hint: "outcrop help emulate shows what each actor needs".to_owned(),
    };
    let asked = actor.unwrap_or(match (script, record, upstream, replay.is_empty()) {
        (Some(_), ..) => Who::Scripted,
        (_, Some(_), ..) => Who::Record,
        (_, _, Some(_), _) => Who::Upstream,
        (.., false) => Who::Replay,
        _ => Who::Words,
    });
    Ok(match asked {
        Who::Words => Actor::Words,
        Who::Echo => Actor::Echo,
        Who::ToolCaller => Actor::ToolCaller,
        Who::Scripted => Actor::Scripted(script.clone().ok_or_else(|| needs("--script FILE", "scripted"))?),
        Who::Replay if replay.is_empty() => return Err(needs("--replay FILE", "replay")),
        // The recordings answer before any actor is asked.
        Who::Replay => Actor::Words,
        Who::Record => Actor::Record {
            file: record.clone().ok_or_else(|| needs("--record FILE", "record"))?,
            endpoint: upstream.clone().ok_or_else(|| needs("--upstream URL", "record"))?,
            key: key(),
        },
        Who::Upstream => Actor::Upstream {
            url: upstream.clone().ok_or_else(|| needs("--upstream URL", "upstream"))?,
            model: upstream_model.clone(),
            key: key(),
        },
    })
}

const UPSTREAM_KEY: &str = "OUTCROP_UPSTREAM_KEY";

/// Binds, or says why not.
pub async fn bind(config: Config) -> Result<Emulator, Failure> {
    Emulator::bind(config).await.map_err(failure)
}

/// The emulator's own words, its hint apart.
pub fn failure(error: StartError) -> Failure {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((message, hint)) => Failure::new(message).hint(hint),
        None => Failure::new(text),
    }
}

fn say_what_is_replayed(report: &ReplayReport) {
    paper::say(&format!("{} recorded exchanges can be served", report.served));
    for (reason, count) in &report.skipped {
        paper::say(&format!("{count} cannot: {reason}"));
    }
}

fn announce(
    global: &Global,
    emulator: &Emulator,
    keys: &Keys,
    environment: &Environment,
    ca: Option<&Path>,
) -> Result<(), Failure> {
    let scheme = if ca.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", emulator.local_addr());
    if global.json {
        let profiles: Vec<_> = emulator
            .profiles()
            .iter()
            .map(|it| json!({ "name": it.name, "arn": it.arn, "source": it.source }))
            .collect();
        return paper::json(
            &json!({ "url": url, "ca": ca, "accessKeyId": keys.access_key_id, "profiles": profiles }),
        );
    }
    let mut out = paper::out();
    writeln!(out, "# Bedrock emulator on {url}; give these to any AWS client:")?;
    for service in SERVICES {
        writeln!(out, "export AWS_ENDPOINT_URL_{service}={url}")?;
    }
    if let Some(ca) = ca {
        writeln!(out, "export AWS_CA_BUNDLE={}", ca.display())?;
        writeln!(out, "# for Node: export NODE_EXTRA_CA_CERTS={}", ca.display())?;
    }
    for (name, value) in [(ID, &keys.access_key_id), (SECRET, &keys.secret_access_key)] {
        // A key the person already has is not printed: it may be a real one.
        match environment.variable(name) {
            Some(_) => writeln!(out, "# {name}: as it is set already")?,
            None => writeln!(out, "export {name}={value}")?,
        }
    }
    // Not to be set with the rest: with a bearer key in the environment boto3 refuses any address that is not https.
    match environment.variable(BEARER) {
        Some(_) => writeln!(out, "# {BEARER}: as it is set already")?,
        None => writeln!(out, "# or, for clients that take a bearer key: export {BEARER}={}", keys.bearer)?,
    }
    for profile in emulator.profiles() {
        writeln!(out, "# profile {} ({}, copied from {})", profile.arn, profile.name, profile.source)?;
    }
    Ok(out.flush()?)
}
