//! `outcrop explain`: what an identifier stands for, and why. The same answer as the gateway's.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use outcrop_catalog::{
    Api, Catalog, Layer, Model, ParameterRule, Passage, Price, PromptCaching, Rates, Reasoning, Resolution,
    ResolveError, Source, Why,
};
use outcrop_gateway::lessons::{self, Learned, Lesson};
use owo_colors::OwoColorize;
use serde_json::Value;

use crate::args::{Explain, Global};
use crate::client::Client;
use crate::failure::Failure;
use crate::paper;
use crate::running::data_dir;
use crate::settings::{Flags, Settings};

/// Runs `outcrop explain`.
pub fn run(global: &Global, explain: &Explain) -> Result<(), Failure> {
    let flags = Flags { region: explain.region.clone(), ..Flags::default() };
    let settings = Settings::load(global, &flags)?;
    paper::problems(&settings.warnings);
    let catalog = settings.catalog();
    let mut resolution = explained(&catalog, &explain.identifier, &settings)?;
    if resolution.needs_lookup && !explain.offline {
        resolution = super::block_on(looked_up(catalog, resolution, &settings))??;
    }
    remember(&mut resolution, &data_dir(&settings, global.local));
    let sources = resolution.model.as_ref().map(|model| settings.catalog().provenance(&model.id));
    let sources = sources.filter(|_| explain.why).unwrap_or_default();
    match (global.json, explain.why) {
        (true, false) => paper::json(&resolution.explain_under(settings.is_converse_only()))?,
        (true, true) => paper::json(&with_sources(&resolution, &sources, &settings)?)?,
        (false, false) => print(&resolution, settings.is_converse_only())?,
        (false, true) => print_reasons(&resolution, &sources)?,
    }
    match settings.catalog().refusal(&resolution) {
        Some(refused) => Err(failure(&ResolveError::Residency(Box::new(refused)))),
        None => Ok(()),
    }
}

/// What AWS's refusals taught a gateway of this data folder about the model, as steps of the explanation.
fn remember(resolution: &mut Resolution, data_dir: &Path) {
    let subject = resolution.model.as_ref().map_or(&resolution.target, |model| &model.id);
    let learned = lessons::written_down(data_dir).remove(subject).unwrap_or_default();
    for Learned { lesson, at } in learned {
        let detail = match lesson {
            Lesson::Refused(refused) => match refused.beta() {
                Some(beta) => {
                    format!("the beta feature {beta} is left out: the model refused a request with it")
                }
                None => format!("{} is left out: the model does not take it", refused.path),
            },
            Lesson::Profile { region, profile } => {
                format!(
                    "called from {region}, {profile} is invoked: AWS serves the model through a profile only"
                )
            }
        };
        let at = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
        let at = at.map_or_else(String::new, |at| format!(" of {at:.0}"));
        let source = format!("a refusal by AWS{at}, kept in {}", lessons::FILE);
        resolution.why.push(Why { step: "lesson".to_owned(), source, detail });
    }
}

/// The answer, and under `sources` who says each field of the model.
fn with_sources(
    resolution: &Resolution,
    sources: &BTreeMap<String, String>,
    settings: &Settings,
) -> Result<Value, Failure> {
    let mut answer = serde_json::to_value(resolution.explain_under(settings.is_converse_only()))?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("sources".to_owned(), serde_json::to_value(sources)?);
    }
    Ok(answer)
}

fn print_reasons(resolution: &Resolution, sources: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut page = Page { out: paper::out() };
    page.title(resolution)?;
    page.why(resolution)?;
    page.sources(sources)?;
    page.notices(resolution)
}

/// As [`resolve`], but what the residency policy refuses is explained like everything else.
pub(super) fn explained(
    catalog: &Catalog,
    identifier: &str,
    settings: &Settings,
) -> Result<Resolution, Failure> {
    match catalog.resolve(identifier, &settings.context()) {
        Ok(resolution) => Ok(resolution),
        Err(ResolveError::Residency(refused)) => Ok(refused.resolution),
        Err(error) => Err(failure(&error)),
    }
}

pub(super) fn resolve(
    catalog: &Catalog,
    identifier: &str,
    settings: &Settings,
) -> Result<Resolution, Failure> {
    catalog.resolve(identifier, &settings.context()).map_err(|error| failure(&error))
}

/// The same for every command.
pub(super) fn failure(error: &ResolveError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Asks AWS what stands behind an application profile, or else the gateway that is running here. That neither can be asked
/// is a notice, not a failure: what is known without them is still worth printing.
async fn looked_up(
    catalog: Catalog,
    mut resolution: Resolution,
    settings: &Settings,
) -> Result<Resolution, Failure> {
    let why = match ask_aws(&resolution, settings).await {
        Ok(layer) => return learned(&catalog, layer, &resolution, settings),
        Err(why) => format!(
            "{} could not be asked in {}: {}",
            asked(&resolution),
            resolution.source_region,
            why.lines().next().unwrap_or_default()
        ),
    };
    let gateway = Client::of(settings, None)?;
    if let Ok(profile) = gateway.inference_profile(&resolution.target).await {
        let application_profiles = [(profile.arn.clone(), profile)].into();
        let layer = Layer { application_profiles, ..Layer::default() };
        let mut resolution = learned(&catalog, layer, &resolution, settings)?;
        resolution.notices.push(format!("{why}; the gateway at {} was asked instead", gateway.base()));
        return Ok(resolution);
    }
    resolution.notices.push(why);
    Ok(resolution)
}

fn asked(resolution: &Resolution) -> &'static str {
    if resolution.profile.is_some() { "GetInferenceProfile" } else { "AWS" }
}

pub(super) async fn ask_aws(resolution: &Resolution, settings: &Settings) -> Result<Layer, String> {
    let region = &resolution.source_region;
    let credentials = settings.credentials.load(region).await?;
    let aws = outcrop_bedrock::Client::new(credentials, settings.upstream.endpoints());
    aws.discover(&resolution.target, region).await.map_err(|error| error.to_string())
}

pub(super) fn learned(
    catalog: &Catalog,
    layer: Layer,
    resolution: &Resolution,
    settings: &Settings,
) -> Result<Resolution, Failure> {
    explained(&catalog.with(Source::Discovered, layer), &resolution.identifier, settings)
}

/// The page a person reads.
fn print(resolution: &Resolution, converse_only: bool) -> Result<(), Failure> {
    let mut page = Page { out: paper::out() };
    page.title(resolution)?;
    page.invocation(resolution)?;
    page.lanes(resolution, converse_only)?;
    match &resolution.model {
        Some(model) => page.model(model)?,
        None => page.row("model", &"unknown".red().to_string())?,
    }
    if let Some(price) = &resolution.price {
        page.row("price", &prices(price))?;
        for (tier, rates) in &price.tiers {
            page.row(tier, &rate_list(rates))?;
        }
        for step in &price.long_context {
            let longer = format!("above {} tokens: {}", grouped(step.above_tokens), rate_list(&step.rates));
            page.row("long prompts", &longer)?;
        }
    }
    page.why(resolution)?;
    page.notices(resolution)
}

struct Page {
    out: anstream::AutoStream<std::io::Stdout>,
}

impl Page {
    fn title(&mut self, resolution: &Resolution) -> Result<(), Failure> {
        let kind = word(&resolution.kind);
        Ok(writeln!(self.out, "{}  {}", resolution.identifier.bold(), kind.dimmed())?)
    }

    fn invocation(&mut self, resolution: &Resolution) -> Result<(), Failure> {
        self.row("target", &resolution.target)?;
        if let Some(profile) = &resolution.profile {
            let name = profile.name.as_deref().map(|name| format!("  “{name}”")).unwrap_or_default();
            let kind = word(&profile.profile_type).to_lowercase().replace('_', " ");
            self.row("profile", &format!("{}{name}  {}", profile.id, kind.dimmed()))?;
            let tags: Vec<String> =
                profile.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if !tags.is_empty() {
                self.row("tags", &tags.join("  "))?;
            }
        }
        self.row("called in", &resolution.source_region)?;
        let destinations = match resolution.destination_regions.as_slice() {
            [] => "unknown".red().to_string(),
            regions => regions.join(" "),
        };
        self.row("processed in", &destinations)?;
        if let Some(verdict) = &resolution.residency {
            let word = match verdict.allowed {
                true => verdict.word().green().to_string(),
                false => verdict.word().red().to_string(),
            };
            self.row("residency", &format!("{word}  {}  {}", verdict.reason, verdict.source.dimmed()))?;
        }
        self.row("surface", &word(&resolution.surface))
    }

    /// How each API travels; those that travel alike share a line.
    fn lanes(&mut self, resolution: &Resolution, converse_only: bool) -> Result<(), Failure> {
        let mut lanes: Vec<(String, Vec<&str>)> = Vec::new();
        for api in Api::ALL {
            let how = match resolution.passage(api, converse_only) {
                Ok(Passage { lane, surface, reason, speaks: _, path }) => {
                    let path = path.map(|path| format!(" {path}")).unwrap_or_default();
                    let why = reason.as_str();
                    format!("{} → {}{path}  {}", word(&lane), word(&surface), why.dimmed())
                }
                Err(none) => format!("{}  {}", "none".red(), none.text().hint().unwrap_or_default().dimmed()),
            };
            match lanes.iter_mut().find(|(known, _)| *known == how) {
                Some((_, apis)) => apis.push(api.name()),
                None => lanes.push((how, vec![api.name()])),
            }
        }
        for (how, apis) in lanes {
            self.row("lane", &format!("{}: {how}", apis.join(", ")))?;
        }
        Ok(())
    }

    fn model(&mut self, model: &Model) -> Result<(), Failure> {
        let name = model.name.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
        let publisher = model.publisher.as_deref().map(|it| format!(", {it}")).unwrap_or_default();
        self.row("model", &format!("{}{}{}", model.id.green(), name, publisher))?;
        if let Some(lifecycle) = &model.lifecycle {
            self.row("lifecycle", lifecycle)?;
        }
        self.row("limits", &limits(model))?;
        self.row("takes", &abilities(model))?;
        self.row("reasoning", &model.capabilities.reasoning.as_ref().map_or_else(unknown, reasoning))?;
        self.row("caching", &model.capabilities.prompt_caching.as_ref().map_or_else(unknown, caching))?;
        self.row("parameters", &parameters(model))
    }

    fn why(&mut self, resolution: &Resolution) -> Result<(), Failure> {
        writeln!(self.out, "\n{}", "why".bold())?;
        let width = resolution.why.iter().map(|why| why.step.len()).max().unwrap_or(0);
        for why in &resolution.why {
            writeln!(
                self.out,
                "  {:width$}  {}  {}",
                why.step.cyan(),
                why.detail,
                format!("({})", why.source).dimmed()
            )?;
        }
        Ok(())
    }

    fn sources(&mut self, sources: &BTreeMap<String, String>) -> Result<(), Failure> {
        if !sources.is_empty() {
            writeln!(self.out, "\n{}", "who says what of the model".bold())?;
        }
        let width = sources.keys().map(String::len).max().unwrap_or(0);
        for (path, source) in sources {
            writeln!(self.out, "  {:width$}  {}", path.cyan(), source.dimmed())?;
        }
        Ok(())
    }

    fn notices(&mut self, resolution: &Resolution) -> Result<(), Failure> {
        if !resolution.notices.is_empty() {
            writeln!(self.out, "\n{}", "notices".bold())?;
        }
        for notice in &resolution.notices {
            writeln!(self.out, "  {} {notice}", "!".yellow())?;
        }
        Ok(())
    }

    fn row(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "  {:<13}{value}", name.dimmed())?)
    }
}

/// The word a type is written as in JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

fn unknown() -> String {
    "unknown".dimmed().to_string()
}

fn limits(model: &Model) -> String {
    let count = |tokens: Option<u64>| tokens.map_or_else(unknown, grouped);
    let limits = model.limits;
    format!("context {}, output {} tokens", count(limits.context_tokens), count(limits.max_output_tokens))
}

/// 200000 as 200,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn abilities(model: &Model) -> String {
    let can = &model.capabilities;
    [
        ("streaming", can.streaming),
        ("tools", can.tools),
        ("forced tools", can.forced_tools),
        ("images", can.images),
        ("documents", can.documents),
        ("video", can.video),
        ("structured output", can.structured_output),
    ]
    .into_iter()
    .map(|(name, known)| match known {
        Some(true) => name.to_owned(),
        Some(false) => format!("no {name}").dimmed().to_string(),
        None => format!("{name}?").dimmed().to_string(),
    })
    .collect::<Vec<_>>()
    .join(", ")
}

pub(super) fn reasoning(reasoning: &Reasoning) -> String {
    let Reasoning { mode, min_budget, always_on, efforts } = reasoning;
    let mut text = word(mode);
    if let Some(budget) = min_budget {
        text.push_str(&format!(", budget from {} tokens", grouped(u64::from(*budget))));
    }
    if *always_on {
        text.push_str(", always on");
    }
    if !efforts.is_empty() {
        text.push_str(&format!(", effort {}", efforts.join("/")));
    }
    text
}

pub(super) fn caching(caching: &PromptCaching) -> String {
    let PromptCaching { supported, min_tokens, max_points, ttls } = caching;
    if !supported {
        return "no".to_owned();
    }
    let mut text = "yes".to_owned();
    if let Some(tokens) = min_tokens {
        text.push_str(&format!(", from {} tokens", grouped(u64::from(*tokens))));
    }
    if let Some(points) = max_points {
        text.push_str(&format!(", {points} points"));
    }
    if !ttls.is_empty() {
        text.push_str(&format!(", for {}", ttls.join("/")));
    }
    text
}

fn parameters(model: &Model) -> String {
    let rules = &model.parameters;
    let mut parts: Vec<String> = [
        ("temperature", &rules.temperature),
        ("topP", &rules.top_p),
        ("topK", &rules.top_k),
        ("stopSequences", &rules.stop_sequences),
    ]
    .into_iter()
    .map(|(name, rule)| parameter(name, rule.as_ref()))
    .collect();
    parts.extend(rules.conflicts.iter().map(|group| format!("not together: {}", group.join(" and "))));
    parts.join(", ")
}

fn parameter(name: &str, rule: Option<&ParameterRule>) -> String {
    match rule {
        None => format!("{name}?").dimmed().to_string(),
        Some(rule) if !rule.allowed => format!("no {name}").dimmed().to_string(),
        Some(ParameterRule { min: Some(min), max: Some(max), .. }) => format!("{name} {min}–{max}"),
        Some(ParameterRule { max: Some(max), .. }) => format!("{name} up to {max}"),
        Some(_) => name.to_owned(),
    }
}

fn prices(price: &Price) -> String {
    let scale = format!("{} {}", price.currency, price.unit.replace('_', " "));
    let by_the_piece = price.per_piece.iter().map(|(what, amount)| format!("{amount} for one {what}"));
    let rates = Some(rate_list(&price.rates())).filter(|rates| !rates.is_empty());
    let by_the_token = rates.map(|rates| format!("{rates}  {}", scale.dimmed()));
    by_the_token.into_iter().chain(by_the_piece).collect::<Vec<_>>().join("; ")
}

fn rate_list(rates: &Rates) -> String {
    let Rates { input, output, cache_read, cache_write_5m, cache_write_1h } = *rates;
    let parts: Vec<String> = [
        ("input", input),
        ("output", output),
        ("cache read", cache_read),
        ("cache write 5m", cache_write_5m),
        ("cache write 1h", cache_write_1h),
    ]
    .into_iter()
    .filter_map(|(name, amount)| amount.map(|amount| format!("{name} {amount}")))
    .collect();
    parts.join(", ")
}
