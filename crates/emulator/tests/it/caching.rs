//! Prompt caching: what is read, what is written, and how each dialect says so.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Access, start};
use crate::jobs::clock;
use crate::runtime::{CLAUDE, NOVA, chunks, converse};

/// Over every model's minimum.
fn long(word: &str) -> String {
    format!("{word} ").repeat(5000)
}

fn count(usage: &Value, name: &str) -> u64 {
    usage[name].as_u64().unwrap_or_else(|| panic!("{name} in {usage}"))
}

fn point(ttl: &str) -> Value {
    json!({ "cachePoint": { "type": "default", "ttl": ttl } })
}

#[tokio::test]
async fn converse_writes_then_reads_and_the_sums_agree() {
    let emulator = start().await;
    let ask = |text: &str| {
        json!({
            "system": [{ "text": long("alpha") }, point("1h")],
            "messages": [{ "role": "user", "content": [{ "text": long("beta") }, point("5m"), { "text": text }] }],
        })
    };
    let plain = json!({
        "system": [{ "text": long("alpha") }],
        "messages": [{ "role": "user", "content": [{ "text": long("beta") }, { "text": "Hello" }] }],
    });
    let uncached = emulator.post(&converse(CLAUDE), &plain).await.json()["usage"].clone();
    let first = emulator.post(&converse(CLAUDE), &ask("Hello")).await.json()["usage"].clone();
    let written = count(&first, "cacheWriteInputTokens");
    assert_eq!(count(&first, "cacheReadInputTokens"), 0);
    assert_eq!(written + count(&first, "inputTokens"), count(&uncached, "inputTokens"));
    assert_eq!(first["totalTokens"], uncached["totalTokens"]);
    let details = first["cacheDetails"].as_array().unwrap();
    assert_eq!((&details[0]["ttl"], &details[1]["ttl"]), (&json!("1h"), &json!("5m")));
    assert_eq!(details.iter().map(|detail| count(detail, "inputTokens")).sum::<u64>(), written);

    let streamed = emulator.post(&format!("/model/{CLAUDE}/converse-stream"), &ask("Something else")).await;
    let (name, metadata) = streamed.events().pop().unwrap();
    let second = &metadata["usage"];
    assert_eq!(name, "metadata");
    assert_eq!((count(second, "cacheReadInputTokens"), count(second, "cacheWriteInputTokens")), (written, 0));
    assert!(second.get("cacheDetails").is_none(), "{second}");

    let bill = emulator.get("/_emulator/bill").await.json();
    let billed = &bill["invocations"].as_array().unwrap()[2];
    assert_eq!(count(billed, "cacheReadInputTokens"), written);
    // Nova keeps nothing for an hour.
    let for_nova: Value = serde_json::from_str(&ask("Hello").to_string().replace("1h", "5m")).unwrap();
    let other_model = emulator.post(&converse(NOVA), &for_nova).await.json()["usage"].clone();
    assert_eq!(count(&other_model, "cacheReadInputTokens"), 0);
}

#[tokio::test]
async fn a_growing_conversation_reads_what_earlier_turns_wrote() {
    let emulator = start().await;
    let user = |text: &str| json!({ "role": "user", "content": [{ "text": text }, point("5m")] });
    let without_point = |text: &str| json!({ "role": "user", "content": [{ "text": text }] });
    let said = json!({ "role": "assistant", "content": [{ "text": "Yes." }] });
    let first = json!({ "messages": [user(&long("alpha"))] });
    let first = emulator.post(&converse(CLAUDE), &first).await.json()["usage"].clone();
    let next = json!({ "messages": [without_point(&long("alpha")), said, user("And now?")] });
    let next = emulator.post(&converse(CLAUDE), &next).await.json()["usage"].clone();
    assert_eq!(next["cacheReadInputTokens"], first["cacheWriteInputTokens"]);
    assert!((1..100).contains(&count(&next, "cacheWriteInputTokens")), "{next}");
    let changed = json!({ "messages": [without_point(&long("gamma")), said, user("And now?")] });
    let changed = emulator.post(&converse(CLAUDE), &changed).await.json()["usage"].clone();
    assert_eq!(count(&changed, "cacheReadInputTokens"), 0);
}

#[tokio::test]
async fn a_prefix_below_the_minimum_is_not_kept_and_a_reset_forgets() {
    let emulator = start().await;
    let ask =
        |text: &str| json!({ "messages": [{ "role": "user", "content": [{ "text": text }, point("5m")] }] });
    for _ in 0..2 {
        let usage = emulator.post(&converse(CLAUDE), &ask("Hello")).await.json()["usage"].clone();
        assert_eq!((count(&usage, "cacheReadInputTokens"), count(&usage, "cacheWriteInputTokens")), (0, 0));
    }
    let text = long("alpha");
    let first = emulator.post(&converse(CLAUDE), &ask(&text)).await.json()["usage"].clone();
    emulator.call(Method::POST, "/_emulator/reset", b"", &[], &Access::signed()).await;
    let again = emulator.post(&converse(CLAUDE), &ask(&text)).await.json()["usage"].clone();
    assert_eq!(again, first);
}

#[tokio::test]
async fn claudes_own_body_counts_in_its_own_words() {
    let emulator = start().await;
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
        "system": [{ "type": "text", "text": long("alpha"), "cache_control": { "type": "ephemeral", "ttl": "1h" } }],
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": long("beta"), "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "Hello" },
        ] }],
    });
    let first = emulator.post(&format!("/model/{CLAUDE}/invoke"), &body).await.json()["usage"].clone();
    let written = count(&first, "cache_creation_input_tokens");
    let by_ttl = &first["cache_creation"];
    let (short, hour) =
        (count(by_ttl, "ephemeral_5m_input_tokens"), count(by_ttl, "ephemeral_1h_input_tokens"));
    assert!(short > 0 && hour > 0 && short + hour == written, "{first}");
    let streamed = emulator.post(&format!("/model/{CLAUDE}/invoke-with-response-stream"), &body).await;
    let start = &chunks(&streamed)[0]["message"]["usage"];
    assert_eq!(count(start, "cache_read_input_tokens"), written);
    assert_eq!(count(start, "cache_creation_input_tokens"), 0);
    assert_eq!(start["input_tokens"], first["input_tokens"]);
}

#[tokio::test]
async fn novas_own_body_counts_too() {
    let emulator = start().await;
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": long("alpha") }, point("5m"), { "text": "Hi" }] }] });
    let first = emulator.post(&format!("/model/{NOVA}/invoke"), &body).await.json()["usage"].clone();
    let second = emulator.post(&format!("/model/{NOVA}/invoke"), &body).await.json()["usage"].clone();
    assert!(count(&first, "cacheWriteInputTokenCount") > 0);
    assert_eq!(second["cacheReadInputTokenCount"], first["cacheWriteInputTokenCount"]);
    assert_eq!(second["totalTokens"], first["totalTokens"]);
}

#[tokio::test]
async fn too_many_points_and_long_ones_after_short_ones_are_refused() {
    let emulator = start().await;
    let text = |n: usize| json!({ "text": format!("part {n}") });
    let five: Vec<Value> = (0..5).flat_map(|n| [text(n), point("5m")]).collect();
    let four: Vec<Value> = (0..4).flat_map(|n| [text(n), point("5m")]).collect();
    let rising = vec![text(0), point("5m"), text(1), point("1h")];
    let falling = vec![text(0), point("1h"), text(1), point("5m")];
    let prefix = "The model returned the following errors: ";
    for (content, refusal) in [
        (five, Some("A maximum of 4 blocks with cache_control may be provided. Found 5.")),
        (four, None),
        (
            rising,
            Some(
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
            ),
        ),
        (falling, None),
    ] {
        let body = json!({ "messages": [{ "role": "user", "content": content }] });
        let answer = emulator.post(&converse(CLAUDE), &body).await;
        match refusal {
            Some(text) => {
                assert_eq!(answer.status, StatusCode::BAD_REQUEST);
                assert_eq!(answer.message(), format!("{prefix}{text}"));
            }
            None => assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body),
        }
    }
}

#[tokio::test]
async fn what_was_written_is_read_until_its_time_is_over() {
    for (ttl, lives) in [("5m", 300), ("1h", 3_600)] {
        let emulator = start().await;
        clock(&emulator, &json!({ "frozen": true })).await;
        let ask = json!({
            "system": [{ "text": long("alpha") }, point(ttl)],
            "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }],
        });
        let read = async || {
            let usage = emulator.post(&converse(CLAUDE), &ask).await.json()["usage"].clone();
            count(&usage, "cacheReadInputTokens") > 0
        };
        assert!(!read().await, "it is written");
        for _ in 0..2 {
            clock(&emulator, &json!({ "advanceSeconds": lives - 1 })).await;
            assert!(read().await, "{ttl}: reading renews it");
        }
        clock(&emulator, &json!({ "advanceSeconds": lives })).await;
        assert!(!read().await, "{ttl}: it is over");
    }
}
