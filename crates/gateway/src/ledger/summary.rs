//! What was used, summed up.

use serde::Serialize;
use sqlx::Row;

use super::{Ledger, LedgerError};

/// What to sum by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The inference profile; invocations without one count under their target.
    Profile,
    /// The underlying model.
    Model,
    /// The caller's key.
    Key,
    /// Each tag of the profile (`name=value`); an invocation counts once under each of its tags.
    Tag,
    /// The end user.
    User,
    /// The account that was called, by its name in the configuration.
    Account,
}

/// The sum of some invocations.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The profile, model, key, tag, user or account; `None` where none was known.
    pub name: Option<String>,
    /// The profile's own name, when summed by profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_name: Option<String>,
    /// Invocations, failed ones included.
    pub invocations: i64,
    /// Of them failed.
    pub errors: i64,
    /// Fresh input tokens.
    pub input_token_count: i64,
    /// Output tokens.
    pub output_token_count: i64,
    /// Read from the prompt cache.
    pub cache_read_input_token_count: i64,
    /// Written to the prompt cache.
    pub cache_write_input_token_count: i64,
    /// US dollars of the invocations whose price is known.
    pub cost_usd: f64,
    /// Invocations whose price is not known; their cost is not in `cost_usd`.
    pub unpriced: i64,
    /// Invocations whose tokens are estimated.
    pub estimated: i64,
}

impl Ledger {
    /// Sums up what happened since a time (RFC 3339), dearest first.
    pub async fn summary(&self, by: By, since: Option<&str>) -> Result<Vec<Summary>, LedgerError> {
        let rows = sqlx::query(by.statement())
            .bind(since.unwrap_or(""))
            .fetch_all(self.pool())
            .await
            .map_err(|error| self.error(&error))?;
        Ok(rows.iter().map(|row| Summary::read(row, by)).collect())
    }
}

macro_rules! statement {
    ($name:literal, $from:literal) => {
        concat!(
            "SELECT ", $name, " AS name, max(profileName), count(*), count(errorCode), ",
            "sum(inputTokenCount), sum(outputTokenCount), ",
            "sum(cacheReadInputTokenCount), sum(cacheWriteInputTokenCount), ",
            "coalesce(sum(costUsd), 0.0), count(*) - count(costUsd), count(*) FILTER (WHERE usage = 'estimated') ",
            "FROM ", $from, " WHERE timestamp >= ? GROUP BY 1 ORDER BY 9 DESC, 3 DESC, 1"
        )
    };
}

impl By {
    fn statement(self) -> &'static str {
        match self {
            Self::Profile => statement!("coalesce(profile, modelId)", "invocations"),
            Self::Model => statement!("model", "invocations"),
            Self::Key => statement!("identity", "invocations"),
            Self::Tag => statement!(
                "tag.key || '=' || tag.value",
                "invocations LEFT JOIN json_each(coalesce(invocations.tags, '{}')) AS tag"
            ),
            Self::User => statement!("user", "invocations"),
            Self::Account => statement!("account", "invocations"),
        }
    }
}

impl Summary {
    fn read(row: &sqlx::sqlite::SqliteRow, by: By) -> Self {
        Self {
            name: row.get(0),
            profile_name: if by == By::Profile { row.get(1) } else { None },
            invocations: row.get(2),
            errors: row.get(3),
            input_token_count: row.get(4),
            output_token_count: row.get(5),
            cache_read_input_token_count: row.get(6),
            cache_write_input_token_count: row.get(7),
            cost_usd: row.get(8),
            unpriced: row.get(9),
            estimated: row.get(10),
        }
    }
}
