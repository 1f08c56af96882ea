//! Generated requests of every dialect, for every text model of the catalog: what would leave for Bedrock keeps all rules
//! that the emulator knows.
//!
//! `OUTCROP_GENERATED=1000000` sets how many; a failure names the seed, and `OUTCROP_GENERATED_SEED` begins there. The
//! first ones are left in the target directory for botocore's validator and the SDKs' own types
//! (`tests/clients/python/test_generated.py`).

mod elsewhere;
mod grammar;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;

use fastrand::Rng;
use outcrop_catalog::{Catalog, Model};
use outcrop_emulator::Judge;
use outcrop_wire::dialect::{Dialect, RequestError, Translated};
use outcrop_wire::family::{CachePlacement, Terms};
use outcrop_wire::{anthropic, family, openai_chat, openai_responses};
use serde_json::Value;

use grammar::Grammar;

/// How many in an ordinary run.
const ORDINARY: u64 = 10_000;
/// Of how many those that leave are left for other judges.
const DUMPED: u64 = 3_000;

/// What the model cannot do at all, and proofs that no model made: dropping content would change what is asked, so AWS
/// says no, and its words reach the client.
const LEFT_TO_AWS: [&str; 6] = [
    "doesn't support the image content block",
    "doesn't support the document content block",
    "doesn't support tool use",
    "more than 5 documents",
    "Invalid `data` in `redacted_thinking`",
    "Invalid `signature` in `thinking`",
];

#[test]
fn what_leaves_for_bedrock_keeps_its_rules() {
    let catalog = Catalog::built_in();
    let models: Vec<&Model> =
        catalog.models().map(AsRef::as_ref).filter(|model| speaks_converse(model)).collect();
    let judge = Judge::new(catalog.clone());
    let mut run = Run::new("generated-requests.jsonl");
    for seed in run.seeds() {
        let mut random = Rng::with_seed(seed);
        let model = models[random.usize(..models.len())];
        let (body, translated) = request(&mut random);
        let Some(translated) = run.understood(translated) else { continue };
        let terms = terms(&mut random);
        let prepared = family::apply_under(translated, Some(model), &terms).unwrap();
        let sent = serde_json::to_vec(&prepared.request).unwrap();
        if let Err(words) = judge.converse(&model.id, &sent)
            && !LEFT_TO_AWS.iter().any(|left| words.contains(left))
        {
            run.broken(seed, &model.id, &words, &body, &sent);
        }
        run.dump(seed, &String::from_utf8(sent).unwrap());
    }
    run.end();
}

fn terms(random: &mut Rng) -> Terms<'static> {
    let cache = if random.bool() { CachePlacement::Automatic } else { CachePlacement::Asked };
    Terms { cache, ..Terms::default() }
}

/// What was found out so far.
struct Run {
    first: u64,
    count: u64,
    refused: u64,
    /// Rules that were broken: how often, and the first example.
    broken: BTreeMap<String, (u64, String)>,
    dump: BufWriter<File>,
}

impl Run {
    fn new(dump: &str) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let path = format!("{}/{dump}", env!("CARGO_TARGET_TMPDIR"));
        Self {
            first: number("OUTCROP_GENERATED_SEED").unwrap_or(0),
            count: number("OUTCROP_GENERATED").unwrap_or(ORDINARY),
            refused: 0,
            broken: BTreeMap::new(),
            dump: BufWriter::new(File::create(path).unwrap()),
        }
    }

    fn seeds(&self) -> Range<u64> {
        self.first..self.first + self.count
    }

    /// A dialect may refuse what it cannot carry, with a reason, and seldom.
    fn understood<T>(&mut self, read: Result<T, RequestError>) -> Option<T> {
        read.inspect_err(|error| {
            assert!(!error.to_string().is_empty());
            self.refused += 1;
        })
        .ok()
    }

    fn broken(&mut self, seed: u64, model: &str, words: &str, body: &Value, sent: &[u8]) {
        let sent = String::from_utf8_lossy(sent);
        let example = format!("seed {seed}, {model}: {words}\nwritten: {body}\nsent: {sent}");
        let rule = words.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned();
        self.broken.entry(rule).or_insert((0, example)).0 += 1;
    }

    fn dump(&mut self, seed: u64, line: &str) {
        if seed - self.first < DUMPED {
            writeln!(self.dump, "{line}").unwrap();
        }
    }

    fn end(self) {
        let Self { broken, refused, count, .. } = self;
        let broken: Vec<String> =
            broken.into_values().map(|(times, example)| format!("{times} times, {example}")).collect();
        assert!(broken.is_empty(), "{} rules broken:\n{}", broken.len(), broken.join("\n\n"));
        assert!(refused * 10 < count, "{refused} of {count} were refused by the dialects");
    }
}

fn speaks_converse(model: &Model) -> bool {
    model.surface() == outcrop_catalog::Surface::RuntimeConverse
        && model.lifecycle.as_deref() != Some("RETIRED")
}

fn request(random: &mut Rng) -> (Value, Result<Translated, RequestError>) {
    let which = random.u8(..3);
    let mut grammar = Grammar::new(random);
    let bytes = |body: &Value| serde_json::to_vec(body).unwrap();
    match which {
        0 => {
            let body = grammar.chat();
            let read = openai_chat::translate(&bytes(&body)).map(|chat| chat.translated);
            (body, read)
        }
        1 => {
            let body = grammar.responses();
            let read = openai_responses::translate(&bytes(&body)).map(|asked| asked.translated);
            (body, read)
        }
        _ => {
            let body = grammar.messages();
            let read = anthropic::translate(&bytes(&body), &["context-1m-2025-08-07"]);
            (body, read)
        }
    }
}
