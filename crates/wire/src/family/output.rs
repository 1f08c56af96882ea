//! How long the answer may be.

use super::Draft;

/// What an answer may have when the client does not say. Enough for a long answer or a file of code, and far below the
/// model maximum, which Bedrock would otherwise reserve from the tokens-per-minute quota (`bedrock.md` §1.10).
pub(super) const DEFAULT_TOKENS: u64 = 8_192;

/// The same while the model reasons: reasoning counts as output.
pub(super) const DEFAULT_TOKENS_WHILE_THINKING: u64 = 32_768;

/// `maxTokens` is always sent and never above the model's limit. Unknown limits are not guessed.
///
/// Source: `bedrock.md` §1.10 (unset reserves the model maximum), §5 ("The maximum tokens you requested exceeds …").
pub(super) fn limit_tokens(draft: &mut Draft<'_>) {
    raise_to_the_least(draft);
    let Some(limit) = draft.model.and_then(|model| model.limits.max_output_tokens) else { return };
    match draft.config.max_tokens {
        Some(asked) if asked > limit => {
            draft.config.max_tokens = Some(limit);
            let done = format!("{asked} → {limit}, the model's limit");
            draft.misfit("clamped", "max_tokens", (asked, &format!("{limit} at most")), done);
        }
        Some(_) => {}
        None => {
            let wanted = if draft.intent.reasoning.is_some() || draft.is_thinking() {
                DEFAULT_TOKENS_WHILE_THINKING
            } else {
                DEFAULT_TOKENS
            };
            draft.config.max_tokens = Some(wanted.min(limit));
            let detail = format!(
                "{} (the model's limit is {limit}): unset, Bedrock reserves the limit from the quota",
                wanted.min(limit)
            );
            draft.notices.push("defaulted", "max_tokens", detail);
        }
    }
}

/// Some models answer with no fewer tokens than they are made to.
///
/// Source: `bedrock.md` §2.5, §6.2 (GPT, Grok and Kimi K3: at least 16).
fn raise_to_the_least(draft: &mut Draft<'_>) {
    let least = draft.model.and_then(|model| model.min_output_tokens);
    if let (Some(least), Some(asked)) = (least, draft.config.max_tokens)
        && asked < least
    {
        draft.config.max_tokens = Some(least);
        let done = format!("{asked} → {least}, the least the model takes");
        draft.misfit("clamped", "max_tokens", (asked, &format!("{least} or more")), done);
    }
}
