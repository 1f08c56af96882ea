//! `outcrop bench`: how fast, how reliable and how dear models are, by real requests.

mod chart;

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::CellAlignment;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use outcrop_bedrock::SendError;
use outcrop_wire::Notices;
use outcrop_wire::bedrock::ConverseRequest;
use outcrop_wire::dialect::{Intent, Translated};
use outcrop_wire::family;
use serde::Serialize;
use serde_json::json;

use super::ask::{Answer, Subject};
use crate::args::{Bench, Global};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop bench`: exit code 1 when nothing at all was answered.
pub fn run(global: &Global, bench: &Bench) -> Result<(), Failure> {
    let draw = bench.chart.as_deref().map(chart::Format::of).transpose()?;
    let results = super::block_on(measure_all(global, bench))??;
    if let (Some(path), Some(format)) = (&bench.chart, draw) {
        std::fs::write(path, format.draw(&results))
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
    }
    if global.json {
        paper::json(&results)?;
    } else {
        print(&results)?;
    }
    if results.iter().all(|result| result.answered == 0) { Err(Failure::Reported) } else { Ok(()) }
}

/// What came of one model in one Region.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// What was named.
    pub identifier: String,
    /// What was invoked.
    pub target: String,
    /// The model behind it.
    pub model: Option<String>,
    /// Where it was called.
    pub region: String,
    /// How often.
    pub requests: u32,
    /// How many came to their end.
    pub answered: usize,
    /// The rest, by AWS's name.
    pub errors: BTreeMap<String, u32>,
    /// Until the first token.
    pub first_token_ms: Option<Spread>,
    /// Until the end.
    pub total_ms: Option<Spread>,
    /// Of the answer, from its first token on.
    pub tokens_per_second: Option<Spread>,
    /// All together.
    pub input_tokens: u64,
    /// All together.
    pub output_tokens: u64,
    /// All together; `null` when a price is unknown.
    pub cost_usd: Option<f64>,
}

/// The middle of some numbers, and how bad it gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half are below.
    pub p50: f64,
    /// Nine in ten are below.
    pub p90: f64,
    /// The worst.
    pub max: f64,
}

impl Spread {
    /// Of at least one number.
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let max = *numbers.last()?;
        let rank = |share: f64| {
            numbers[((numbers.len() as f64 * share).ceil() as usize).clamp(1, numbers.len()) - 1]
        };
        Some(Self { p50: rank(0.5), p90: rank(0.9), max })
    }
}

async fn measure_all(global: &Global, bench: &Bench) -> Result<Vec<Measured>, Failure> {
    let regions: Vec<Option<String>> = match bench.region.as_slice() {
        [] => vec![None],
        regions => regions.iter().cloned().map(Some).collect(),
    };
    let bar = ProgressBar::new(u64::from(bench.requests) * (regions.len() * bench.models.len()) as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}");
    bar.set_style(style.map_err(|error| Failure::new(error.to_string()))?);
    let mut results = Vec::new();
    for region in regions {
        let settings = Settings::load(global, &Flags { region, ..Flags::default() })?;
        for model in &bench.models {
            let subject = Subject::of(&settings, model).await?;
            bar.set_message(format!("{model} in {}", subject.resolution.source_region));
            results.push(measure(&subject, model, bench, &bar).await?);
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

async fn measure(
    subject: &Subject,
    identifier: &str,
    bench: &Bench,
    bar: &ProgressBar,
) -> Result<Measured, Failure> {
    let request = request(subject, bench)?;
    let asked = stream::iter(0..bench.requests).map(|_| async {
        let answer = subject.ask(&request).await;
        bar.inc(1);
        answer
    });
    let concurrency = usize::try_from(bench.concurrency).unwrap_or(1);
    let answers: Vec<Result<Answer, SendError>> = asked.buffer_unordered(concurrency).collect().await;
    Ok(summed(subject, identifier, bench.requests, answers))
}

fn request(subject: &Subject, bench: &Bench) -> Result<ConverseRequest, Failure> {
    let body = json!({
        "messages": [{ "role": "user", "content": [{ "text": bench.prompt }] }],
        "inferenceConfig": { "maxTokens": bench.max_tokens },
    });
    let request = serde_json::from_value(body)?;
    let translated = Translated { request, intent: Intent::default(), notices: Notices::default() };
    Ok(family::apply(translated, subject.resolution.model.as_deref()).request)
}

fn summed(
    subject: &Subject,
    identifier: &str,
    requests: u32,
    answers: Vec<Result<Answer, SendError>>,
) -> Measured {
    let resolution = &subject.resolution;
    let mut errors: BTreeMap<String, u32> = BTreeMap::new();
    let mut whole = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => whole.push(answer),
            Err(error) => *errors.entry(name_of(&error)).or_default() += 1,
        }
    }
    let milliseconds = |span: Duration| span.as_secs_f64() * 1000.0;
    let speed = |answer: &Answer| {
        let writing = answer.total.checked_sub(answer.first_token?)?.as_secs_f64();
        (writing > 0.0).then(|| answer.usage.output_tokens as f64 / writing)
    };
    let price = resolution.price.as_ref();
    let costs: Option<Vec<f64>> =
        whole.iter().map(|answer| price?.cost(answer.usage.token_counts())).collect();
    Measured {
        identifier: identifier.to_owned(),
        target: resolution.target.clone(),
        model: resolution.model.as_ref().map(|model| model.id.clone()),
        region: resolution.source_region.clone(),
        requests,
        answered: whole.len(),
        errors,
        first_token_ms: Spread::of(whole.iter().filter_map(|it| it.first_token.map(milliseconds)).collect()),
        total_ms: Spread::of(whole.iter().map(|it| milliseconds(it.total)).collect()),
        tokens_per_second: Spread::of(whole.iter().filter_map(speed).collect()),
        input_tokens: whole.iter().map(|it| it.usage.input_tokens).sum(),
        output_tokens: whole.iter().map(|it| it.usage.output_tokens).sum(),
        cost_usd: costs.filter(|costs| !costs.is_empty()).map(|costs| costs.iter().sum()),
    }
}

fn name_of(error: &SendError) -> String {
    match error {
        SendError::Service(service) => service.error.kind.name().to_owned(),
        SendError::Credentials(_) => "no credentials".to_owned(),
        SendError::Connect { .. } => "no connection".to_owned(),
        SendError::Untrusted { .. } => "not trusted".to_owned(),
        SendError::Broken { .. } => "broken off".to_owned(),
        SendError::Timeout { .. } => "timeout".to_owned(),
        SendError::Abandoned => "abandoned".to_owned(),
        SendError::Unsendable(why) => why.clone(),
    }
}

fn print(results: &[Measured]) -> Result<(), Failure> {
    let mut table = paper::table();
    table.set_header([
        "model",
        "region",
        "answered",
        "first token ms p50",
        "p90",
        "total ms p50",
        "p90",
        "tokens/s p50",
        "USD",
    ]);
    for result in results {
        let number = |spread: Option<Spread>, of: fn(Spread) -> f64| {
            spread.map_or("-".to_owned(), |it| format!("{:.0}", of(it)))
        };
        table.add_row([
            result.identifier.clone(),
            result.region.clone(),
            format!("{}/{}", result.answered, result.requests),
            number(result.first_token_ms, |it| it.p50),
            number(result.first_token_ms, |it| it.p90),
            number(result.total_ms, |it| it.p50),
            number(result.total_ms, |it| it.p90),
            number(result.tokens_per_second, |it| it.p50),
            result.cost_usd.map_or("-".to_owned(), |cost| format!("{cost:.6}")),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    paper::print_table(&mut table)?;
    for result in results {
        for (name, count) in &result.errors {
            paper::say(&format!("{} in {}: {count} times {name}", result.identifier, result.region));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_by_rank() {
        let spread = Spread::of((1..=10).map(f64::from).rev().collect()).unwrap();
        assert_eq!(spread, Spread { p50: 5.0, p90: 9.0, max: 10.0 });
        assert_eq!(Spread::of(vec![7.0]), Some(Spread { p50: 7.0, p90: 7.0, max: 7.0 }));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
