//! What an answer took, in each dialect's own algebra: Bedrock's and Anthropic's input leaves out what the cache read and
//! wrote, OpenAI's holds it; writes for five minutes and for an hour stay apart.

use bytes::BytesMut;
use outcrop_wire::bedrock::{ConverseResponse, StreamEvent, Usage};
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::{anthropic, openai_chat, openai_responses};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::heard;

/// Fresh input, read from the cache, written for five minutes and for an hour, output.
#[derive(Debug, Clone, Copy)]
struct Counts {
    input: u64,
    read: u64,
    minutes: u64,
    hour: u64,
    output: u64,
}

impl Counts {
    fn stated(self) -> Value {
        let Self { input, read, minutes, hour, output } = self;
        let details =
            [("5m", minutes), ("1h", hour)].map(|(ttl, tokens)| json!({"ttl": ttl, "inputTokens": tokens}));
        json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + read + minutes + hour + output,
            "cacheReadInputTokens": read, "cacheWriteInputTokens": minutes + hour, "cacheDetails": details})
    }

    /// OpenAI's numbers, under the names of one of its dialects.
    fn openai(self, input: &str, output: &str, details: &str) -> Value {
        let all = self.input + self.read + self.minutes + self.hour;
        json!({input: all, output: self.output, "total_tokens": all + self.output, details:
            {"cached_tokens": self.read, "cache_write_tokens": self.minutes + self.hour}})
    }

    fn anthropic(self) -> Value {
        let Self { input, read, minutes, hour, output } = self;
        json!({"input_tokens": input, "cache_creation_input_tokens": minutes + hour, "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
            "output_tokens": output})
    }
}

fn whole(counts: Counts) -> ConverseResponse {
    let message = json!({"role": "assistant", "content": [{"text": "x"}]});
    let body = json!({"output": {"message": message}, "stopReason": "end_turn", "usage": counts.stated()});
    serde_json::from_value(body).unwrap()
}

/// The objects on the `data:` lines of a stream.
fn streamed(counts: Counts, mut write: impl FnMut(&StreamEvent<'_>, &mut BytesMut)) -> Vec<Value> {
    let mut out = BytesMut::new();
    for (kind, payload) in [
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "x"}})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", json!({"usage": counts.stated()})),
    ] {
        write(&StreamEvent::parse(kind, payload.to_string().as_bytes()).unwrap(), &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

fn counts() -> impl Strategy<Value = Counts> {
    let some = || prop_oneof![Just(0), 1..2_000_000u64];
    (some(), some(), some(), some(), some()).prop_map(|(input, read, minutes, hour, output)| Counts {
        input,
        read,
        minutes,
        hour,
        output,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_dialect_has_its_own_algebra(counts in counts()) {
        let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        let details = counts.stated()["cacheDetails"].clone();

        let mut expected = counts.openai("prompt_tokens", "completion_tokens", "prompt_tokens_details");
        let chat = json(openai_chat::render_response(whole(counts), &heard::answer()));
        prop_assert_eq!(&chat["usage"], &expected);
        prop_assert_eq!(&chat["bedrock"]["cacheDetails"], &details);
        let mut writer = openai_chat::StreamWriter::new(heard::answer(), true);
        let chunks = streamed(counts, |event, out| writer.event(event, out));
        prop_assert_eq!(&chunks.last().unwrap()["usage"], &expected);
        prop_assert!(chunks.iter().any(|chunk| chunk["bedrock"]["cacheDetails"] == details));

        expected = counts.openai("input_tokens", "output_tokens", "input_tokens_details");
        expected["output_tokens_details"] = json!({"reasoning_tokens": 0});
        let echo = Echo::default();
        let response = json(openai_responses::render_response(whole(counts), &heard::answer(), &echo));
        prop_assert_eq!(&response["usage"], &expected);
        prop_assert_eq!(&response["bedrock"]["cacheDetails"], &details);
        let mut writer = openai_responses::StreamWriter::new(heard::answer(), echo);
        let events = streamed(counts, |event, out| writer.event(event, out));
        prop_assert_eq!(&events.last().unwrap()["response"]["usage"], &expected);

        let message = json(anthropic::render_response(whole(counts), &heard::answer()));
        prop_assert_eq!(&message["usage"], &counts.anthropic());
        let mut writer = anthropic::StreamWriter::new(heard::answer());
        let events = streamed(counts, |event, out| writer.event(event, out));
        prop_assert_eq!(&events.last().unwrap()["usage"], &counts.anthropic());
    }
}

/// What cannot be is no reason to panic: more written for an hour than at all, numbers without end.
#[test]
fn impossible_numbers_are_taken_as_they_come() {
    let most = u64::MAX;
    for details in [
        json!([{"ttl": "1h", "inputTokens": most}, {"ttl": "1h", "inputTokens": 9}]),
        json!([{}]),
        json!(null),
    ] {
        let stated = json!({"inputTokens": most, "outputTokens": most, "cacheReadInputTokens": most,
            "cacheWriteInputTokens": 7, "cacheDetails": details});
        let usage: Usage = serde_json::from_value(stated.clone()).unwrap();
        let counts = usage.token_counts();
        assert_eq!(counts.cache_write_5m + counts.cache_write_1h, 7, "{stated}");
        let body = json!({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn", "usage": stated});
        let response = || serde_json::from_value(body.clone()).unwrap();
        openai_chat::render_response(response(), &heard::answer());
        openai_responses::render_response(response(), &heard::answer(), &Echo::default());
        anthropic::render_response(response(), &heard::answer());
    }
}
