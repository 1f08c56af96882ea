//! What stands between us and AWS: the Region, the credentials, the address, the clock.

use std::time::Duration;

use jiff::Timestamp;
use outcrop_bedrock::control::probe::Probe;
use outcrop_bedrock::control::sts::CallerIdentity;
use outcrop_bedrock::{Client, SendError};
use outcrop_catalog::Source;
use outcrop_wire::bedrock::ErrorKind;

use super::cause;
use super::finding::{Check, Finding};
use crate::credentials::Choice;
use crate::settings::Settings;

/// A way to AWS that works: something answers there and takes our credentials.
pub struct Connection<'a> {
    pub settings: &'a Settings,
    pub client: Client,
    /// Who we are; `None` where STS could not be asked, or a bearer key is used.
    pub caller: Option<CallerIdentity>,
}

/// A patient person's limit; a checked call answers within a second.
const PATIENCE: Duration = Duration::from_secs(15);

impl Connection<'_> {
    /// The Region to call from.
    pub fn region(&self) -> &str {
        &self.settings.region.value
    }
}

/// Waits for a call, but not for as long as an invocation may take.
pub async fn within<T>(call: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SendError::Timeout { host: "AWS".to_owned() }),
    }
}

/// Looks at everything up to the first answer. Without a connection nothing further can be looked at.
pub async fn examine(settings: &Settings) -> (Option<Connection<'_>>, Vec<Finding>) {
    let mut findings = vec![region(settings)];
    let region = settings.region.value.as_str();
    let credentials = match settings.credentials.load(region).await {
        Ok(credentials) => credentials,
        Err(why) => {
            findings.push(Finding::error(Check::Credentials, why, cause::NO_CREDENTIALS));
            return (None, findings);
        }
    };
    if let Err(why) = credentials.current().await {
        let detail = format!("{}: {why}", settings.credentials.describe());
        findings.push(Finding::error(Check::Credentials, detail, cause::NO_CREDENTIALS));
        return (None, findings);
    }
    let client = Client::new(credentials, settings.upstream.endpoints());
    let probe = match tokio::time::timeout(PATIENCE, client.probe(region)).await {
        Ok(probe) => probe,
        Err(_) => Probe { date: None, outcome: Err(SendError::Timeout { host: address(settings) }) },
    };
    findings.extend(clock(&probe));
    match answered(settings, &probe) {
        Ok(found) => {
            findings.extend(found);
            let (caller, found) = identity(settings, &client).await;
            findings.push(found);
            (Some(Connection { settings, client, caller }), findings)
        }
        Err(broken) => {
            findings.push(broken);
            (None, findings)
        }
    }
}

/// Whose the credentials are. STS takes no bearer keys.
async fn identity(settings: &Settings, client: &Client) -> (Option<CallerIdentity>, Finding) {
    if matches!(settings.credentials.choice, Choice::Bearer { .. }) {
        return (None, Finding::ok(Check::Identity, "a Bedrock API key says nothing about whose it is"));
    }
    match within(client.caller_identity(&settings.region.value)).await {
        Ok(caller) => {
            let detail = format!("{} in the account {}", caller.arn, caller.account);
            (Some(caller), Finding::ok(Check::Identity, detail))
        }
        Err(error) => {
            let detail = format!("whose the credentials are cannot be told: {error}");
            let fix = "let sts.amazonaws.com be reached; sts:GetCallerIdentity takes no permission";
            (None, Finding::warning(Check::Identity, detail, fix))
        }
    }
}

/// A Region that the catalog has never heard of may be new.
fn region(settings: &Settings) -> Finding {
    let region = &settings.region;
    let catalog = settings.catalog();
    let serves = |model: &outcrop_catalog::Model| {
        model.on_demand.iter().chain(&model.profile_only).any(|served| served == &region.value)
    };
    let count = catalog.models().filter(|model| serves(model)).count();
    if count == 0 {
        let detail = format!("{} ({}): no model is known to be served there", region.value, region.source);
        return Finding::warning(
            Check::Region,
            detail,
            "is it the Region you mean? Bedrock is in us-east-1, us-west-2, eu-central-1, ap-northeast-1 and others",
        );
    }
    if region.source == Source::BuiltIn {
        let detail = format!("no Region is set, so {} holds ({count} models)", region.value);
        return Finding::warning(Check::Region, detail, "set one: BEDROCK_AWS_DEFAULT_REGION or AWS_REGION");
    }
    Finding::ok(
        Check::Region,
        format!("{} ({}), where {count} models are known", region.value, region.source),
    )
}

/// What the first call shows: that somebody answers, and takes our credentials.
fn answered(settings: &Settings, probe: &Probe) -> Result<Vec<Finding>, Finding> {
    let reached = Finding::ok(Check::Endpoint, format!("{} answers", address(settings)));
    let known =
        Finding::ok(Check::Credentials, format!("{}: AWS takes them", settings.credentials.describe()));
    let action = "bedrock:ListInferenceProfiles";
    match &probe.outcome {
        Ok(()) => Ok(vec![reached, known, Finding::ok(Check::Permission, format!("{action} is allowed"))]),
        Err(error) => {
            let finding = cause::of(error, "list the inference profiles", action);
            // Whoever is told that an action is not allowed has been recognised.
            let is_recognised =
                matches!(error, SendError::Service(it) if it.error.kind == ErrorKind::AccessDenied);
            if is_recognised && finding.check != Check::Credentials {
                return Ok(vec![reached, known, finding]);
            }
            Err(finding)
        }
    }
}

fn address(settings: &Settings) -> String {
    let endpoint = settings.upstream.endpoints().control(&settings.region.value);
    endpoint.map_or_else(|error| error.url, |endpoint| endpoint.url())
}

/// AWS takes a signature within five minutes; half a minute of difference is the network's.
const SIGNATURE_WINDOW_S: i64 = 5 * 60;
const NOTABLE_S: i64 = 60;

fn clock(probe: &Probe) -> Option<Finding> {
    let date = jiff::fmt::rfc2822::parse(probe.date.as_deref()?).ok()?.timestamp();
    let seconds = Timestamp::now().as_second() - date.as_second();
    let how = if seconds > 0 { "fast" } else { "slow" };
    let detail = format!("this machine's clock is {} s {how} by AWS's", seconds.abs());
    Some(match seconds.abs() {
        off if off > SIGNATURE_WINDOW_S => Finding::error(Check::Clock, detail, cause::CLOCK),
        off if off > NOTABLE_S => Finding::warning(Check::Clock, detail, cause::CLOCK),
        _ => Finding::ok(Check::Clock, "this machine's clock agrees with AWS's"),
    })
}
