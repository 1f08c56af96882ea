//! `outcrop verify`: real calls, and the proof of them in AWS's own invocation log.

mod proof;

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use indicatif::ProgressBar;
use jiff::Timestamp;
use outcrop_bedrock::SendError;
use outcrop_catalog::{Capabilities, Surface};
use outcrop_wire::Notices;
use outcrop_wire::bedrock::{ConverseRequest, StopReason};
use outcrop_wire::dialect::{Intent, ReasoningIntent, Translated};
use outcrop_wire::family;
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::{Value, json};

use proof::{Proof, Verdict, prove};

use super::ask::{Answer, Subject};
use super::picture::Picture;
use crate::args::{Global, Verify};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop verify`: exit code 1 when something failed, or the log says otherwise.
pub fn run(global: &Global, verify: &Verify) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags { region: verify.region.clone(), ..Flags::default() })?;
    let checks = checks(verify);
    let reports = super::block_on(async {
        let bar = ProgressBar::new((verify.identifiers.len() * (checks.len() + 1)) as u64);
        let mut reports = Vec::new();
        for identifier in &verify.identifiers {
            reports.push(report(&settings, identifier, &checks, verify.wait, &bar).await?);
        }
        bar.finish_and_clear();
        Ok::<_, Failure>(reports)
    })??;
    if verify.all {
        write_down(&verify.out, &reports, Timestamp::now())?;
    }
    if global.json {
        paper::json(&reports)?;
    } else {
        reports.iter().try_for_each(print)?;
    }
    if reports.iter().any(Report::is_bad) { Err(Failure::Reported) } else { Ok(()) }
}

fn checks(verify: &Verify) -> Vec<Check> {
    let wanted = [
        (Check::Chat, true),
        (Check::Tools, verify.tools),
        (Check::Image, verify.image),
        (Check::Thinking, verify.thinking),
        (Check::Cache, verify.cache),
    ];
    wanted.into_iter().filter(|(_, is_wanted)| *is_wanted || verify.all).map(|(check, _)| check).collect()
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Check {
    Chat,
    Tools,
    Image,
    Thinking,
    Cache,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Passed,
    Failed,
    /// The catalog says that the model cannot do it, so it was not tried.
    Unsupported,
}

/// One trial.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trial {
    check: Check,
    status: Status,
    detail: String,
    first_token_ms: Option<u128>,
    total_ms: Option<u128>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    request_id: Option<String>,
}

/// Everything about one identifier.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    identifier: String,
    target: String,
    model: Option<String>,
    region: String,
    destination_regions: Vec<String>,
    trials: Vec<Trial>,
    proof: Proof,
}

impl Report {
    fn is_bad(&self) -> bool {
        self.trials.iter().any(|trial| trial.status == Status::Failed) || self.proof.verdict == Verdict::Wrong
    }
}

async fn report(
    settings: &Settings,
    identifier: &str,
    checks: &[Check],
    wait: u64,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let subject = Subject::of(settings, identifier).await?;
    let resolution = &subject.resolution;
    if resolution.surface != Surface::RuntimeConverse {
        return Err(Failure::new(format!("{} is not a model one talks to", resolution.target))
            .hint(format!("call it as it is meant: `outcrop explain {identifier}`")));
    }
    let begun = Timestamp::now();
    let mut trials = Vec::new();
    for check in checks {
        trials.push(try_one(&subject, *check).await);
        bar.inc(1);
    }
    let request_id = trials.iter().find_map(|trial| trial.request_id.clone());
    let proof = prove(&subject, request_id.as_deref(), begun, wait).await;
    bar.inc(1);
    Ok(Report {
        identifier: identifier.to_owned(),
        target: resolution.target.clone(),
        model: resolution.model.as_ref().map(|model| model.id.clone()),
        region: resolution.source_region.clone(),
        destination_regions: resolution.destination_regions.clone(),
        trials,
        proof,
    })
}

async fn try_one(subject: &Subject, check: Check) -> Trial {
    if !check.may_work(subject) {
        let detail = "the model cannot do this".to_owned();
        return Trial::new(check, Status::Unsupported, detail, None);
    }
    let request = match check.request(subject) {
        Ok(request) => request,
        Err(why) => return Trial::new(check, Status::Failed, why, None),
    };
    let mut answer = subject.ask(&request).await;
    if check == Check::Cache && answer.is_ok() {
        // The first call writes, the second one reads.
        answer = subject.ask(&request).await;
    }
    match answer {
        Ok(answer) => {
            let (status, detail) = check.judge(&answer);
            Trial::new(check, status, detail, Some(&answer))
        }
        Err(error) => Trial {
            request_id: match &error {
                SendError::Service(service) => service.request_id().map(str::to_owned),
                _ => None,
            },
            ..Trial::new(check, Status::Failed, error.to_string(), None)
        },
    }
}

impl Trial {
    fn new(check: Check, status: Status, detail: String, answer: Option<&Answer>) -> Self {
        let usage = answer.map(|answer| &answer.usage);
        Self {
            check,
            status,
            detail,
            first_token_ms: answer.and_then(|answer| answer.first_token).map(|span| span.as_millis()),
            total_ms: answer.map(|answer| answer.total.as_millis()),
            input_tokens: usage.map(|usage| usage.input_tokens),
            output_tokens: usage.map(|usage| usage.output_tokens),
            cache_read_input_tokens: usage.and_then(|usage| usage.cache_read_input_tokens),
            request_id: answer.and_then(|answer| answer.request_id.clone()),
        }
    }
}

/// Enough for a word and a call, also for models that think whether or not they are asked to.
const FEW_TOKENS: u32 = 512;
/// Enough for the smallest budget there is (reference `bedrock.md` §6) and an answer.
const THINKING_TOKENS: u32 = 4096;
/// What prompts are cached from where the catalog does not know, in tokens.
const USUAL_CACHE_MINIMUM: u32 = 1024;

impl Check {
    /// What the catalog does not know is tried.
    fn may_work(self, subject: &Subject) -> bool {
        let Some(model) = &subject.resolution.model else { return true };
        let Capabilities { tools, images, reasoning, prompt_caching, .. } = &model.capabilities;
        match self {
            Self::Chat => true,
            Self::Tools => *tools != Some(false),
            Self::Image => *images != Some(false),
            Self::Thinking => reasoning
                .as_ref()
                .is_none_or(|reasoning| reasoning.mode != outcrop_catalog::ReasoningMode::None),
            Self::Cache => prompt_caching.as_ref().is_none_or(|caching| caching.supported),
        }
    }

    fn request(self, subject: &Subject) -> Result<ConverseRequest, String> {
        let model = subject.resolution.model.as_deref();
        let mut intent = Intent::default();
        let body = match self {
            Self::Chat => talk(&json!([{ "text": "repeat after me: outcrop" }]), FEW_TOKENS),
            Self::Tools => tools(),
            Self::Image => {
                let png = Picture::new(64, 64, [200, 30, 30]).png();
                let bytes = base64::engine::general_purpose::STANDARD.encode(png);
                let image = json!({ "image": { "format": "png", "source": { "bytes": bytes } } });
                talk(&json!([image, { "text": "Which colour is this?" }]), FEW_TOKENS)
            }
            Self::Thinking => {
                intent.reasoning = Some(ReasoningIntent::Effort("low".to_owned()));
                talk(&json!([{ "text": "What is 17 times 23?" }]), THINKING_TOKENS)
            }
            Self::Cache => {
                let caching = model.and_then(|model| model.capabilities.prompt_caching.as_ref());
                let minimum = caching.and_then(|caching| caching.min_tokens).unwrap_or(USUAL_CACHE_MINIMUM);
                long_prompt(minimum)
            }
        };
        let request: ConverseRequest = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let translated = Translated { request, intent, notices: Notices::default() };
        Ok(family::apply(translated, model).request)
    }

    fn judge(self, answer: &Answer) -> (Status, String) {
        let first_words: String = answer.text.trim().chars().take(60).collect();
        let said = format!("it said: {first_words}");
        let (passed, detail) = match self {
            Self::Chat | Self::Image => (!answer.text.trim().is_empty(), said),
            Self::Tools => {
                let is_called = answer.stop_reason == Some(StopReason::ToolUse) && !answer.tools.is_empty();
                (
                    is_called,
                    if is_called {
                        format!("it called {}", answer.tools.join(", "))
                    } else {
                        format!("no tool was called; {said}")
                    },
                )
            }
            Self::Thinking => (
                answer.has_reasoning,
                if answer.has_reasoning {
                    "it thought before it answered".to_owned()
                } else {
                    format!("no thinking came back; {said}")
                },
            ),
            Self::Cache => {
                let read = answer.usage.cache_read_input_tokens.unwrap_or(0);
                (read > 0, format!("the second call read {read} tokens from the cache"))
            }
        };
        (if passed { Status::Passed } else { Status::Failed }, detail)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Tools => "tools",
            Self::Image => "image",
            Self::Thinking => "thinking",
            Self::Cache => "cache",
        }
    }
}

fn talk(content: &Value, max_tokens: u32) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }], "inferenceConfig": { "maxTokens": max_tokens } })
}

fn tools() -> Value {
    let text = "Use the tool current_weather to find out the weather in Paris.";
    let mut request = talk(&json!([{ "text": text }]), FEW_TOKENS);
    request["toolConfig"] = json!({ "tools": [{ "toolSpec": {
        "name": "current_weather", "description": "Tells the weather in a city.",
        "inputSchema": { "json": {
            "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"],
        } },
    } }] });
    request
}

/// A system prompt of well over so many tokens, the same in every call of a run and no other.
fn long_prompt(minimum: u32) -> Value {
    let mark = Timestamp::now().as_nanosecond();
    let sentence = format!("This is line after line of a prompt that is kept in a cache, run {mark}. ");
    // A token is rarely longer than a word; the sentence has some twenty.
    let times = usize::try_from(minimum).unwrap_or(usize::MAX) / 10 + 1;
    let mut request = talk(&json!([{ "text": "Say hello." }]), FEW_TOKENS);
    request["system"] = json!([{ "text": sentence.repeat(times) }, { "cachePoint": { "type": "default" } }]);
    request
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut out = paper::out();
    let model = report.model.as_deref().unwrap_or("unknown");
    writeln!(out, "{}  ({model}, from {})", report.target.bold(), report.region)?;
    for trial in &report.trials {
        let sign = match trial.status {
            Status::Passed => "ok".green().to_string(),
            Status::Failed => "failed".red().to_string(),
            Status::Unsupported => "-".dimmed().to_string(),
        };
        writeln!(out, "  {sign}  {}: {}", trial.check.name(), trial.detail)?;
    }
    let sign = match report.proof.verdict {
        Verdict::Proven => "proven".green().to_string(),
        Verdict::Wrong => "wrong".red().to_string(),
        Verdict::Missing | Verdict::Unlogged => "not proven".yellow().to_string(),
    };
    Ok(writeln!(out, "  {sign}  {}", report.proof.detail)?)
}

/// `verify-DATE.md` and `verify-DATE.json` in a folder.
fn write_down(folder: &Path, reports: &[Report], now: Timestamp) -> Result<(), Failure> {
    let date = now.strftime("%Y-%m-%d").to_string();
    let json = serde_json::to_vec_pretty(&json!({ "date": now.to_string(), "reports": reports }))?;
    std::fs::create_dir_all(folder)?;
    for (ending, text) in [("md", matrix(reports, now).into_bytes()), ("json", json)] {
        let path = folder.join(format!("verify-{date}.{ending}"));
        std::fs::write(&path, text)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
        paper::say(&format!("written: {}", path.display()));
    }
    Ok(())
}

fn matrix(reports: &[Report], now: Timestamp) -> String {
    let mut text = format!("# Verified {}\n\n", now.strftime("%Y-%m-%d %H:%M UTC"));
    text.push_str(
        "| Identifier | Model | Region | Chat | Tools | Image | Thinking | Cache | Invocation log |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for report in reports {
        let cell = |check: Check| match report.trials.iter().find(|trial| trial.check == check) {
            Some(Trial { status: Status::Passed, total_ms, .. }) => {
                total_ms.map_or("yes".to_owned(), |took| format!("yes, {took} ms"))
            }
            Some(Trial { status: Status::Failed, detail, .. }) => format!("**failed**: {}", escaped(detail)),
            Some(Trial { status: Status::Unsupported, .. }) => "no".to_owned(),
            None => String::new(),
        };
        let checks = [Check::Chat, Check::Tools, Check::Image, Check::Thinking, Check::Cache].map(cell);
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            report.identifier,
            report.model.as_deref().unwrap_or("unknown"),
            report.region,
            checks.join(" | "),
            escaped(&report.proof.detail),
        ));
    }
    text
}

/// A cell of a table ends at a bar or a line's end.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
