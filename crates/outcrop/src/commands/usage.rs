//! `outcrop usage`: what was spent, from the ledger.

use std::io::Write;
use std::path::{Path, PathBuf};

use comfy_table::CellAlignment;
use jiff::Timestamp;
use outcrop_gateway::ledger::{self, Ledger, Summary};

use crate::args::{By, Global, Usage};
use crate::failure::Failure;
use crate::paper;
use crate::running::data_dir;
use crate::settings::{Flags, Settings};

/// Runs `outcrop usage`.
pub fn run(global: &Global, usage: &Usage) -> Result<(), Failure> {
    let flags = Flags { data_dir: usage.data_dir.clone(), ..Flags::default() };
    let settings = Settings::load(global, &flags)?;
    let since = usage.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
    let folder = folder(&settings, global.local)?;
    let summaries = super::block_on(summaries(&folder, usage.by, since))??;
    if global.json {
        return paper::json(&summaries);
    }
    print(usage.by, &summaries)
}

/// The folder with a ledger in it. A reader never makes one: an empty ledger would say that nothing was spent.
fn folder(settings: &Settings, local: bool) -> Result<PathBuf, Failure> {
    let folder = data_dir(settings, local);
    if folder.join(ledger::FILE).is_file() {
        return Ok(folder);
    }
    let local_folder = data_dir(settings, true);
    let failure = Failure::new(format!("there is no ledger in {}", folder.display()));
    if local_folder.join(ledger::FILE).is_file() {
        return Err(failure.hint("`outcrop usage --local` reads the one of `outcrop serve --local`"));
    }
    Err(failure.hint("the gateway writes it; name its folder with --data-dir if it has another"))
}

async fn summaries(folder: &Path, by: By, since: Option<Timestamp>) -> Result<Vec<Summary>, Failure> {
    let by = match by {
        By::Profile => ledger::By::Profile,
        By::Model => ledger::By::Model,
        By::Key => ledger::By::Key,
        By::Tag => ledger::By::Tag,
        By::User => ledger::By::User,
        By::Account => ledger::By::Account,
    };
    let since = since.map(|since| since.to_string());
    let (ledger, _writer) = Ledger::open(folder).await.map_err(|error| Failure::new(error.to_string()))?;
    ledger.summary(by, since.as_deref()).await.map_err(|error| Failure::new(error.to_string()))
}

/// Reads a day, a moment, or a span back from now: `2026-11-01`, `2026-11-01T12:00:00Z`, `90m`, `24h`, `7d`.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let unreadable = || {
        Failure::new(format!("--since `{text}` is no time"))
            .hint("write 2026-11-01, 2026-11-01T12:00:00Z, 90m, 24h or 7d")
    };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| unreadable())?;
        return Ok(midnight.timestamp());
    }
    let unit = text.chars().last().ok_or_else(unreadable)?;
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| unreadable())?;
    let span = match unit {
        'm' => count.checked_mul(60),
        'h' => count.checked_mul(60 * 60),
        'd' => count.checked_mul(24 * 60 * 60),
        _ => None,
    };
    let seconds = span.filter(|seconds| *seconds >= 0).ok_or_else(unreadable)?;
    let span = jiff::Span::new().try_seconds(seconds).map_err(|_| unreadable())?;
    now.checked_sub(span).map_err(|_| unreadable())
}

fn print(by: By, summaries: &[Summary]) -> Result<(), Failure> {
    let mut out = paper::out();
    if summaries.is_empty() {
        return Ok(writeln!(out, "nothing was used in that time")?);
    }
    let mut table = paper::table();
    let subject = format!("{by:?}").to_lowercase();
    table.set_header([
        subject.as_str(),
        "calls",
        "failed",
        "input",
        "output",
        "cache read",
        "cache write",
        "USD",
    ]);
    for summary in summaries {
        table.add_row(row(summary));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    paper::print_table(&mut table)?;
    let unpriced: i64 = summaries.iter().map(|summary| summary.unpriced).sum();
    if unpriced > 0 {
        paper::say(&format!("{unpriced} calls have no known price and are not in the sum"));
    }
    Ok(())
}

fn row(summary: &Summary) -> Vec<String> {
    let name = summary.name.as_deref().unwrap_or("(unknown)");
    let name = match &summary.profile_name {
        Some(profile) => format!("{profile}  {name}"),
        None => name.to_owned(),
    };
    vec![
        name,
        summary.invocations.to_string(),
        summary.errors.to_string(),
        summary.input_token_count.to_string(),
        summary.output_token_count.to_string(),
        summary.cache_read_input_token_count.to_string(),
        summary.cache_write_input_token_count.to_string(),
        format!("{:.6}", summary.cost_usd),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_moments_and_spans_are_read() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let read = |text: &str| since(text, now).map(|moment| moment.to_string()).map_err(|_| ());
        assert_eq!(read("2026-11-01"), Ok("2026-11-01T00:00:00Z".to_owned()));
        assert_eq!(read("2026-11-01T10:00:00+02:00"), Ok("2026-11-01T08:00:00Z".to_owned()));
        assert_eq!(read("90m"), Ok("2026-11-21T10:30:00Z".to_owned()));
        assert_eq!(read("7d"), Ok("2026-11-14T12:00:00Z".to_owned()));
        for wrong in ["", "d", "-1d", "1w", "tomorrow", "99999999999999999999d", "9999999999999d", "1é"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }
}
