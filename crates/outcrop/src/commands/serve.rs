//! `outcrop serve`: the gateway, with `--local` the emulator inside.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use outcrop_bedrock::{Credentials, Endpoint, Endpoints, Service};
use outcrop_emulator::tls::{CA_FILE, Tls};
use outcrop_emulator::{Emulator, SeededProfile};
use outcrop_gateway::Gateway;
use owo_colors::OwoColorize;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::emulate;
use crate::args::{Global, Serve};
use crate::checks;
use crate::credentials::Choice;
use crate::failure::Failure;
use crate::paper;
use crate::problem::Problem;
use crate::reload::{Files, Watch};
use crate::running::{Running, data_dir};
use crate::settings::{Flags, Loaded, Settings};

/// Runs `outcrop serve` until it is told to stop.
pub fn run(global: &Global, serve: &Serve) -> Result<(), Failure> {
    let Serve { listen, data_dir, region, tls: _, tls_cert: _, tls_key: _, log_format } = serve;
    let local = &global.local;
    let flags = Flags { listen: *listen, data_dir: data_dir.clone(), region: region.clone() };
    // What the files say is fingerprinted before it is read, so that no change goes unnoticed.
    let mut files = Files::new(Settings::files(global));
    let Loaded { files: read, settings } = Settings::read(global, &flags);
    files.follow(read);
    let settings = settings?;
    paper::problems(&settings.warnings);
    paper::problems(&first_few(checks::slips(&settings)));
    refuse_what_would_be_ignored(&settings, *local)?;
    super::log_to_stderr(*log_format);
    super::serve_on(async {
        let told_to_stop = super::told_to_stop()?;
        let inside = if *local { Some(Inside::start(&settings).await?) } else { None };
        let mut running = match &inside {
            Some(inside) => Running::local(local_credentials(inside)?, local_endpoints(inside.address)?),
            None => Running::default(),
        };
        let gateway = bind(&running.settings(&settings).await.map_err(Failure::new)?).await?;
        let secured = secure(serve, &settings, *local, gateway.local_addr())?;
        let said = announce(global, &settings, gateway.local_addr(), secured.as_ref(), inside.as_ref());
        Failure::unless_unread(said)?;
        let gateway = match secured {
            Some(Secured { tls, .. }) => gateway.over(tls),
            None => gateway,
        };
        let flags = (global.clone(), flags);
        let watch = Watch { flags, current: settings, files, running, reloader: gateway.reloader() };
        let watching = tokio::spawn(watch.follow());
        gateway.serve(told_to_stop).await;
        watching.abort();
        if let Some(inside) = inside {
            inside.stop().await;
        }
        Ok(())
    })
}

/// TLS, and the file that clients have to trust where we made it.
struct Secured {
    tls: Tls,
    ca: Option<PathBuf>,
}

/// What the flags say of TLS; `None` is clear text.
fn secure(
    serve: &Serve,
    settings: &Settings,
    local: bool,
    address: SocketAddr,
) -> Result<Option<Secured>, Failure> {
    if let (Some(certificates), Some(key)) = (&serve.tls_cert, &serve.tls_key) {
        let tls = Tls::from_files(certificates, key).map_err(emulate::no_tls)?;
        return Ok(Some(Secured { tls, ca: None }));
    }
    if !serve.tls {
        return Ok(None);
    }
    let folder = data_dir(settings, local).join("tls");
    let tls = Tls::self_made(&folder, address.ip()).map_err(emulate::no_tls)?;
    Ok(Some(Secured { tls, ca: Some(folder.join(CA_FILE)) }))
}

/// What fits on a screen; `config check` has the rest.
fn first_few(mut problems: Vec<Problem>) -> Vec<Problem> {
    const SHOWN: usize = 10;
    let rest = problems.len().saturating_sub(SHOWN);
    problems.truncate(SHOWN);
    if rest > 0 {
        let more = format!("{rest} more like these");
        problems.push(Problem::warning("configuration", more).hint("`outcrop config check` lists them"));
    }
    problems
}

/// A setting that protects or pays must not be dropped without a word.
fn refuse_what_would_be_ignored(settings: &Settings, local: bool) -> Result<(), Failure> {
    if let (Choice::PerUser { variable }, false) = (&settings.credentials.choice, local) {
        let message = format!("{variable} is user_provided, and a gateway has no user to ask");
        return Err(Failure::new(message).hint(
            "give the gateway an --env-file with credentials of its own, or try `outcrop serve --local`",
        ));
    }
    Ok(())
}

/// The emulator of `--local`.
struct Inside {
    address: SocketAddr,
    profiles: Vec<SeededProfile>,
    keys: outcrop_emulator::Keys,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Inside {
    async fn start(settings: &Settings) -> Result<Self, Failure> {
        let keys = outcrop_emulator::Keys::default();
        let config = outcrop_emulator::Config {
            keys: keys.clone(),
            seed_profiles: true,
            data_dir: Some(data_dir(settings, true)),
            ..outcrop_emulator::Config::default()
        };
        let emulator = bind_or_elsewhere(config).await?;
        let address = emulator.local_addr();
        let profiles = emulator.profiles().to_vec();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(emulator.serve(async {
            // An error means that the sender is gone, which is the same message.
            let _ = stopped.await;
        }));
        Ok(Self { address, profiles, keys, stop, task })
    }

    async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            paper::error(&format!("the emulator ended badly: {error}"), None);
        }
    }
}

/// Nobody asked for this very port, so another will do when it is taken.
async fn bind_or_elsewhere(config: outcrop_emulator::Config) -> Result<Emulator, Failure> {
    let listen = config.listen;
    match Emulator::bind(config.clone()).await {
        Err(outcrop_emulator::StartError::Bind { source, .. })
            if source.kind() == std::io::ErrorKind::AddrInUse =>
        {
            paper::say(&format!("port {} is taken; the emulator uses a free one", listen.port()));
            let listen = SocketAddr::new(listen.ip(), 0);
            emulate::bind(outcrop_emulator::Config { listen, ..config }).await
        }
        bound => bound.map_err(emulate::failure),
    }
}

async fn bind(settings: &outcrop_gateway::Settings) -> Result<Gateway, Failure> {
    Gateway::bind(settings.clone()).await.map_err(|error| {
        let hint = error.hint();
        Failure::new(error.to_string()).hint(hint)
    })
}

fn local_credentials(inside: &Inside) -> Result<Credentials, Failure> {
    let outcrop_emulator::Keys { access_key_id, secret_access_key, .. } = &inside.keys;
    Credentials::keys(access_key_id, secret_access_key, None).map_err(|error| Failure::new(error.to_string()))
}

fn local_endpoints(address: SocketAddr) -> Result<Endpoints, Failure> {
    let endpoint = Endpoint::parse(&format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| Failure::new(error.to_string()))?;
    let neighbours = Service::ALL.map(|service| (service, endpoint.clone())).into();
    let (runtime, control) = (Some(endpoint.clone()), Some(endpoint));
    Ok(Endpoints { runtime, control, neighbours, ..Endpoints::default() })
}

fn announce(
    global: &Global,
    settings: &Settings,
    address: SocketAddr,
    secured: Option<&Secured>,
    inside: Option<&Inside>,
) -> Result<(), Failure> {
    let scheme = if secured.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    let ca = secured.and_then(|secured| secured.ca.as_deref());
    if global.json {
        let profiles = inside.map(|it| it.profiles.iter().map(profile_json).collect::<Vec<_>>());
        let emulator = inside.map(|it| format!("http://{}", it.address));
        return paper::json(&json!({ "url": url, "ca": ca, "emulator": emulator, "profiles": profiles }));
    }
    let mut out = paper::out();
    let version = env!("CARGO_PKG_VERSION");
    writeln!(out, "{} {version}  gateway on {}", "outcrop".bold(), url.green())?;
    if let Some(ca) = ca {
        writeln!(out, "  CA         {}  (AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS)", ca.display())?;
    }
    match inside {
        Some(inside) => local_lines(&mut out, settings, &url, inside)?,
        None => {
            writeln!(out, "  upstream   {}", upstream(settings))?;
            writeln!(out, "  region     {}", settings.region.value)?;
            writeln!(out, "  ledger     {}", data_dir(settings, false).display())?;
        }
    }
    Ok(out.flush()?)
}

fn local_lines(out: &mut impl Write, settings: &Settings, url: &str, inside: &Inside) -> Result<(), Failure> {
    writeln!(out, "  emulator   http://{}  (no AWS account, no network)", inside.address)?;
    writeln!(out, "  ledger     {}", data_dir(settings, true).display())?;
    for SeededProfile { name, arn, source } in &inside.profiles {
        writeln!(out, "  profile    {arn}")?;
        writeln!(out, "             {}", format!("{name}, copied from {source}").dimmed())?;
    }
    writeln!(
        out,
        "\nAWS's own tools reach the emulator, and S3, IAM, STS and CloudWatch beside it, with:\n"
    )?;
    for service in emulate::SERVICES {
        writeln!(out, "  export AWS_ENDPOINT_URL_{service}=http://{}", inside.address)?;
    }
    let Some(first) = inside.profiles.first() else { return Ok(()) };
    let arn = &first.arn;
    writeln!(out, "\nTry it:\n")?;
    writeln!(out, "  curl -sN {url}/v1/chat/completions -H 'content-type: application/json' \\")?;
    writeln!(out, "    -d '{{\"model\": \"{arn}\", \"stream\": true,")?;
    writeln!(out, "         \"messages\": [{{\"role\": \"user\", \"content\": \"Hello!\"}}]}}'\n")?;
    writeln!(out, "  outcrop chat -m {arn} \"Hello!\"\n")?;
    Ok(())
}

fn profile_json(profile: &SeededProfile) -> serde_json::Value {
    let SeededProfile { name, arn, source } = profile;
    json!({ "name": name, "arn": arn, "source": source })
}

fn upstream(settings: &Settings) -> String {
    match &settings.upstream.runtime {
        Some(endpoint) => endpoint.value.url(),
        None => format!("AWS, with {}", settings.credentials.describe()),
    }
}
