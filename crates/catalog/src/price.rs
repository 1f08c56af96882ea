//! What an invocation costs. Prices live in `data/prices.json`, per model and geography.

use serde::{Deserialize, Serialize};

/// Prices in US dollars for one million tokens; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// Always `USD` today.
    pub currency: String,
    /// The scale: `per_million_tokens`.
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

impl Price {
    /// The cost in US dollars; `None` when a price that is needed is unknown.
    ///
    /// Source of the formula: reference `bedrock.md` §7.3 (cost = Σ tokens × their own price; nothing is counted twice).
    pub fn cost(&self, tokens: TokenCounts) -> Option<f64> {
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
