//! What an invocation costs. Prices live in `data/prices.json`, per model and geography.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Prices in US dollars for one million tokens; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// Always `USD` today.
    #[serde(default = "dollars")]
    pub currency: String,
    /// The scale: `per_million_tokens`.
    #[serde(default = "per_million_tokens")]
    pub unit: String,
    /// Input tokens.
    pub input: Option<f64>,
    /// Output tokens.
    pub output: Option<f64>,
    /// Tokens read from the prompt cache.
    pub cache_read: Option<f64>,
    /// Tokens written to the prompt cache for five minutes.
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: Option<f64>,
    /// Tokens written to the prompt cache for one hour.
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: Option<f64>,
    /// Batch input tokens.
    pub batch_input: Option<f64>,
    /// Batch output tokens.
    pub batch_output: Option<f64>,
    /// Other tiers, by AWS's word (`serviceTier.type`: `flex`, `priority`; and `batch`); empty when none is known.
    #[serde(default)]
    pub tiers: BTreeMap<String, Rates>,
    /// What a longer prompt costs, shortest first; empty when length makes no difference that is known.
    #[serde(default)]
    pub long_context: Vec<LongContext>,
    /// What is not sold by the token, in US dollars for one: `outputImage`, `inputImage`, `inputVideoSecond`,
    /// `inputAudioSecond`, `query`; empty when there is no such price.
    #[serde(default)]
    pub per_piece: BTreeMap<String, f64>,
}

/// What each kind of token costs, for one million of them; `None` is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rates {
    /// Input tokens.
    pub input: Option<f64>,
    /// Output tokens.
    pub output: Option<f64>,
    /// Tokens read from the prompt cache.
    pub cache_read: Option<f64>,
    /// Tokens written to the prompt cache for five minutes.
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: Option<f64>,
    /// Tokens written to the prompt cache for one hour.
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: Option<f64>,
}

/// A step of the price: a request whose prompt is longer costs this, all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LongContext {
    /// Longer than this, cached tokens included.
    pub above_tokens: u64,
    /// What it costs then.
    pub rates: Rates,
    /// The same of other tiers.
    #[serde(default)]
    pub tiers: BTreeMap<String, Rates>,
}

fn dollars() -> String {
    "USD".to_owned()
}

fn per_million_tokens() -> String {
    "per_million_tokens".to_owned()
}

/// Tokens as Bedrock counts them: `input` excludes what was read from or written to the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Fresh input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Read from the prompt cache.
    pub cache_read: u64,
    /// Written to the prompt cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to the prompt cache for one hour.
    pub cache_write_1h: u64,
}

impl TokenCounts {
    /// How long the prompt was.
    fn prompt(self) -> u64 {
        let Self { input, output: _, cache_read, cache_write_5m, cache_write_1h } = self;
        [input, cache_read, cache_write_5m, cache_write_1h].into_iter().fold(0, u64::saturating_add)
    }
}

impl Price {
    /// The cost in US dollars on the standard tier; `None` when a price that is needed is unknown.
    ///
    /// Source of the formula: reference `bedrock.md` §7.3 (cost = Σ tokens × their own price; nothing is counted twice).
    pub fn cost(&self, tokens: TokenCounts) -> Option<f64> {
        self.step(tokens).map_or_else(|| self.rates(), |step| step.rates).cost(tokens)
    }

    /// The cost on another tier (`flex`, `priority`, `batch`), of which not every kind of token may have a known price.
    pub fn cost_on(&self, tier: &str, tokens: TokenCounts) -> Option<f64> {
        let tiers = self.step(tokens).map_or(&self.tiers, |step| &step.tiers);
        tiers.get(tier)?.cost(tokens)
    }

    /// The prices of the standard tier.
    pub fn rates(&self) -> Rates {
        Rates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write_5m: self.cache_write_5m,
            cache_write_1h: self.cache_write_1h,
        }
    }

    fn step(&self, tokens: TokenCounts) -> Option<&LongContext> {
        self.long_context.iter().rev().find(|step| tokens.prompt() > step.above_tokens)
    }
}

impl Rates {
    fn cost(self, tokens: TokenCounts) -> Option<f64> {
        let TokenCounts { input, output, cache_read, cache_write_5m, cache_write_1h } = tokens;
        let mut sum = 0.0;
        for (count, price) in [
            (input, self.input),
            (output, self.output),
            (cache_read, self.cache_read),
            (cache_write_5m, self.cache_write_5m.or(self.input)),
            (cache_write_1h, self.cache_write_1h.or(self.cache_write_5m).or(self.input)),
        ] {
            if count > 0 {
                sum += count as f64 * price? / 1_000_000.0;
            }
        }
        Some(sum)
    }
}
