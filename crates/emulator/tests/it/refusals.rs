//! Rules about attachments, tools, caching and reasoning, each with the body that breaks it and the words it gets.

use base64::Engine as _;
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Running, start};
use crate::runtime::{CLAUDE, NOVA, ask, ask_with, converse};

const SONNET_4_5: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const SONNET_5: &str = "us.anthropic.claude-sonnet-5";
const OPUS_4_8: &str = "us.anthropic.claude-opus-4-8";
const OPUS_5_5: &str = "us.anthropic.claude-opus-5-5";
const GPT: &str = "global.openai.gpt-6-sol";

fn model_says(text: &str) -> String {
    format!("The model returned the following errors: {text}")
}

/// Posts to a path and expects 400 with these words.
async fn refused(emulator: &Running, path: &str, body: &Value, message: &str) {
    let answer = emulator.post(path, body).await;
    assert_eq!((answer.status, answer.message().as_str()), (StatusCode::BAD_REQUEST, message), "{path}");
    assert_eq!(answer.error_type(), "ValidationException");
}

async fn taken(emulator: &Running, path: &str, body: &Value) {
    let answer = emulator.post(path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
}

fn user(content: Vec<Value>) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }] })
}

fn document(name: &str) -> Value {
    json!({ "document": { "format": "txt", "name": name, "source": { "bytes": "aGVsbG8=" } } })
}

/// A picture of this size, as far as its header goes.
fn png(width: u32, height: u32) -> Value {
    let header =
        [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &width.to_be_bytes(), &height.to_be_bytes()].concat();
    let bytes = base64::engine::general_purpose::STANDARD.encode(header);
    json!({ "image": { "format": "png", "source": { "bytes": bytes } } })
}

#[tokio::test]
async fn attachments_are_counted_measured_and_named() {
    let emulator = start().await;
    let text = json!({ "text": "What is this?" });
    let many = |count: usize, one: &dyn Fn(usize) -> Value| {
        user((0..count).map(one).chain([text.clone()]).collect())
    };
    let names = "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.";
    let large = "A".repeat(5 * 1024 * 1024 + 4);
    let large_image = json!({ "image": { "format": "png", "source": { "bytes": large } } });
    let large_document = json!({ "document": { "format": "txt", "name": "big", "source": { "bytes": "A".repeat(6_300_000) } } });
    let s3 =
        json!({ "image": { "format": "png", "source": { "s3Location": { "uri": "s3://bucket/key" } } } });
    for (body, message) in [
        (
            user(vec![document("a"), document("a"), text.clone()]),
            "Messages can't contain duplicate document names. Rename the document and retry your request.".to_owned(),
        ),
        (many(6, &|n| document(&format!("d{n}"))), "You can't include more than 5 documents in a request.".to_owned()),
        (user(vec![document("a")]), "A text block must be included when using documents.".to_owned()),
        (user(vec![document("a.txt"), text.clone()]), names.to_owned()),
        (user(vec![document("a  b"), text.clone()]), names.to_owned()),
        (user(vec![large_document, text.clone()]), "The document big exceeds the maximum size of 4.5 MB. Reduce its size and try again.".to_owned()),
        (many(21, &|_| png(9, 9)), model_says("too many images and documents: 21 + 0 > 20")),
        (
            user(vec![large_image, text.clone()]),
            model_says("messages.0.content.0.image.source.bytes: image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes"),
        ),
        (
            user(vec![text.clone(), png(10, 8001)]),
            model_says("messages.0.content.1.image.source.bytes: At least one of the image dimensions exceed max allowed size: 8000 pixels"),
        ),
        (user(vec![s3, text.clone()]), "This model doesn't support the s3Uri field. Remove s3Uri and try again.".to_owned()),
        (
            json!({ "messages": [{ "role": "user", "content": [text] }, { "role": "assistant", "content": [png(9, 9)] }, { "role": "user", "content": [text] }] }),
            "The image content block at messages.1.content.0 isn't allowed in a message with the role assistant. Move the image to a message with the role user and try again.".to_owned(),
        ),
    ] {
        refused(&emulator, &converse(SONNET_4_5), &body, &message).await;
    }
    let small = "messages.0.content.0.image.source.bytes: At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels";
    refused(&emulator, &converse(SONNET_5), &many(21, &|_| png(2001, 9)), &model_says(small)).await;
    taken(&emulator, &converse(SONNET_5), &many(21, &|_| png(2000, 9))).await;
    taken(&emulator, &converse(SONNET_4_5), &many(20, &|_| png(8000, 9))).await;
    taken(&emulator, &converse(SONNET_4_5), &many(5, &|n| document(&format!("my_file [{n}] (x)")))).await;
}

fn tool(name: &str) -> Value {
    json!({ "toolSpec": { "name": name, "inputSchema": { "json": { "type": "object" } } } })
}

fn with_tools(tools: Value) -> Value {
    ask_with("Hello", json!({ "toolConfig": { "tools": tools } }))
}

#[tokio::test]
async fn tools_are_named_typed_and_strict_as_the_model_takes_them() {
    let emulator = start().await;
    let long = "n".repeat(65);
    let mut strict = tool("f");
    strict["toolSpec"]["strict"] = json!(true);
    let mut array = tool("f");
    array["toolSpec"]["inputSchema"]["json"]["type"] = json!("array");
    let mut forced = with_tools(json!([tool("f")]));
    forced["toolConfig"]["toolChoice"] = json!({ "tool": { "name": "g" } });
    let mut bad_id = with_tools(json!([tool("f")]));
    bad_id["messages"] = json!([
        { "role": "user", "content": [{ "text": "hi" }] },
        { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "a b", "name": "f", "input": {} } }] },
        { "role": "user", "content": [{ "toolResult": { "toolUseId": "a b", "content": [{ "text": "r" }] } }] },
    ]);
    let detected = |value: &str, place: &str, rule: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must {rule}"
        )
    };
    let name = "toolConfig.tools.1.member.toolSpec.name";
    let id = |place: &str| {
        format!(
            "Value 'a b' at 'messages.{place}.toolUseId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"
        )
    };
    let ids = format!(
        "2 validation errors detected: {}; {}",
        id("2.member.content.1.member.toolUse"),
        id("3.member.content.1.member.toolResult")
    );
    for (model, body, message) in [
        (CLAUDE, with_tools(json!([])), "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned()),
        (CLAUDE, with_tools(json!([tool("a.b")])), detected("a.b", name, "satisfy regular expression pattern: [a-zA-Z0-9_-]+")),
        (CLAUDE, with_tools(json!([tool(&long)])), detected(&long, name, "have length less than or equal to 64")),
        (CLAUDE, bad_id, ids),
        (CLAUDE, with_tools(json!([tool("f"), tool("f")])), model_says("tools: Tool names must be unique.")),
        (CLAUDE, with_tools(json!([array])), "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.".to_owned()),
        (CLAUDE, forced, model_says("Tool 'g' not found in provided tools")),
        (OPUS_4_8, with_tools(json!([tool("e"), strict])), model_says("tools.1.custom.strict: Extra inputs are not permitted")),
        (SONNET_5, with_tools(json!([strict])), model_says("tools.0.custom.strict: Extra inputs are not permitted")),
    ] {
        refused(&emulator, &converse(model), &body, &message).await;
    }
    taken(&emulator, &converse(CLAUDE), &with_tools(json!([strict]))).await;
}

#[tokio::test]
async fn beginning_the_answer_is_refused_where_the_data_say_so() {
    let emulator = start().await;
    let begun = |text: &str| json!({ "messages": [{ "role": "user", "content": [{ "text": "hi" }] }, { "role": "assistant", "content": [{ "text": text }] }] });
    let prefill = "This model does not support assistant message prefill. The conversation must end with a user message.";
    for model in [CLAUDE, OPUS_4_8, OPUS_5_5] {
        refused(&emulator, &converse(model), &begun("I say"), &model_says(prefill)).await;
    }
    taken(&emulator, &converse(SONNET_4_5), &begun("I say")).await;
    taken(&emulator, &converse(NOVA), &begun("I say ")).await;
    let blanks = "messages: final assistant content cannot end with trailing whitespace";
    refused(&emulator, &converse(SONNET_4_5), &begun("I say "), &model_says(blanks)).await;
    let native = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [
        { "role": "user", "content": "hi" }, { "role": "assistant", "content": "I say" } ] });
    refused(&emulator, &format!("/model/{CLAUDE}/invoke"), &native, prefill).await;
}

#[tokio::test]
async fn parameters_keep_to_the_service_and_to_the_model() {
    let emulator = start().await;
    let fields = |fields: Value| ask_with("Hello", json!({ "additionalModelRequestFields": fields }));
    let config = |config: Value| ask_with("Hello", json!({ "inferenceConfig": config }));
    let metadata = |count: usize| {
        let pairs: serde_json::Map<_, _> = (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
        ask_with("Hello", json!({ "requestMetadata": pairs }))
    };
    let paths = |paths: Value| ask_with("Hello", json!({ "additionalModelResponseFieldPaths": paths }));
    let eleven: Vec<String> = (0..11).map(|n| format!("/a{n}")).collect();
    let adaptive = json!({ "thinking": { "type": "adaptive", "budget_tokens": 2000 } });
    let both = |field: &str, value: Value| json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 }, field: value });
    let small = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead.";
    let refusals = [
        (SONNET_5, fields(adaptive.clone()), model_says("thinking.adaptive.budget_tokens: Extra inputs are not permitted")),
        (CLAUDE, fields(json!({ "thinking": { "type": "deep" } })), model_says("thinking: Input tag 'deep' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'")),
        (CLAUDE, fields(json!({ "anthropic_beta": ["files-api-2025-04-14"] })), model_says("invalid beta flag")),
        (CLAUDE, fields(json!({ "seed": 7 })), model_says("seed: Extra inputs are not permitted")),
        (NOVA, fields(json!({ "seed": 7 })), model_says("Malformed input request: #: extraneous key [seed] is not permitted, please reformat your input and try again.")),
        (OPUS_4_8, fields(json!({ "top_k": 5 })), model_says("`top_k` is deprecated for this model.")),
        (SONNET_4_5, fields(both("top_k", json!(5))), model_says("`top_k` must be unset when thinking is enabled or in adaptive mode.")),
        (OPUS_5_5, fields(json!({ "thinking": { "type": "disabled" } })), model_says("\"thinking.type.disabled\" is not supported for this model.")),
        (CLAUDE, fields(json!({ "output_config": { "effort": "xhigh" } })), model_says("output_config.effort: Input should be one of 'low', 'medium', 'high', 'max'")),
        (GPT, config(json!({ "maxTokens": 15 })), model_says(small)),
        (GPT, config(json!({ "stopSequences": ["x"] })), "This model doesn't support the stopSequences field. Remove stopSequences and try again.".to_owned()),
        (CLAUDE, config(json!({ "stopSequences": [""] })), "1 validation error detected: Value '' at 'inferenceConfig.stopSequences.1.member' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned()),
        (CLAUDE, metadata(17), "1 validation error detected: Value at 'requestMetadata' failed to satisfy constraint: Member must have length less than or equal to 16".to_owned()),
        (CLAUDE, paths(json!(eleven)), "1 validation error detected: Value at 'additionalModelResponseFieldPaths' failed to satisfy constraint: Member must have length less than or equal to 10".to_owned()),
        (CLAUDE, ask_with("Hello", json!({ "serviceTier": { "type": "fast" } })), "1 validation error detected: Value 'fast' at 'serviceTier.type' failed to satisfy constraint: Member must satisfy enum value set: [priority, default, flex, reserved]".to_owned()),
    ];
    for (model, body, message) in refusals {
        refused(&emulator, &converse(model), &body, &message).await;
    }
    taken(&emulator, &converse(CLAUDE), &metadata(16)).await;
    taken(&emulator, &converse(GPT), &config(json!({ "maxTokens": 16 }))).await;
}

#[tokio::test]
async fn cache_points_are_refused_where_nothing_is_cached_and_long_ones_where_none_are_kept() {
    let emulator = start().await;
    let point = |ttl: Option<&str>| {
        let mut point = json!({ "cachePoint": { "type": "default" } });
        if let Some(ttl) = ttl {
            point["cachePoint"]["ttl"] = json!(ttl);
        }
        point
    };
    let points = |points: Vec<Value>| user([vec![json!({ "text": "hi" })], points].concat());
    let unsupported =
        |field: &str| format!("This model doesn't support the {field} field. Remove {field} and try again.");
    let kimi = "global.moonshotai.kimi-k3";
    refused(&emulator, &converse(kimi), &points(vec![point(None)]), &unsupported("cachePoint")).await;
    refused(&emulator, &converse(NOVA), &points(vec![point(Some("1h"))]), &unsupported("cachePoint.ttl"))
        .await;
    taken(&emulator, &converse(NOVA), &points(vec![point(Some("5m"))])).await;
    let many = model_says("A maximum of 4 blocks with cache_control may be provided. Found 5.");
    refused(&emulator, &converse(CLAUDE), &points(vec![point(None); 5]), &many).await;
    let order = model_says(
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
    );
    refused(&emulator, &converse(CLAUDE), &points(vec![point(None), point(Some("1h"))]), &order).await;
}

#[tokio::test]
async fn reasoning_comes_back_unchanged_or_not_at_all() {
    let emulator = start().await;
    let thinking = json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    let mut body = ask_with(
        "What is the weather in Paris?",
        json!({ "additionalModelRequestFields": thinking, "toolConfig": { "tools": [tool("weather")] } }),
    );
    let first = emulator.post(&converse(SONNET_4_5), &body).await.json();
    let said = first["output"]["message"].clone();
    assert!(said["content"][0]["reasoningContent"]["reasoningText"]["signature"].is_string(), "{said}");
    let id = said["content"][1]["toolUse"]["toolUseId"].clone();
    let result = json!({ "role": "user", "content": [{ "toolResult": { "toolUseId": id, "content": [{ "text": "sunny" }] } }] });
    let mut back = |said: Value| {
        body["messages"] = json!([ask("What is the weather in Paris?")["messages"][0], said, result]);
        body.clone()
    };
    taken(&emulator, &converse(SONNET_4_5), &back(said.clone())).await;
    let invalid = model_says("messages.1.content.0: Invalid `signature` in `thinking` block");
    for (pointer, value) in
        [("text", json!("I thought otherwise")), ("signature", json!("tampered")), ("signature", json!(""))]
    {
        let mut changed = said.clone();
        changed["content"][0]["reasoningContent"]["reasoningText"][pointer] = value;
        refused(&emulator, &converse(SONNET_4_5), &back(changed), &invalid).await;
    }
    let mut unsigned = said.clone();
    unsigned["content"][0]["reasoningContent"]["reasoningText"].as_object_mut().unwrap().remove("signature");
    let missing = model_says("messages.1.content.0.thinking.signature: Field required");
    refused(&emulator, &converse(SONNET_4_5), &back(unsigned), &missing).await;
    let mut lost = said;
    lost["content"].as_array_mut().unwrap().remove(0);
    let answer = emulator.post(&converse(SONNET_4_5), &back(lost)).await;
    assert!(
        answer.message().contains(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
        ),
        "{:?}",
        answer.body
    );
}

#[tokio::test]
async fn redacted_reasoning_goes_round_and_is_sealed() {
    let emulator = start().await;
    let thinking = json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    let mut body =
        ask_with("Please redact your reasoning", json!({ "additionalModelRequestFields": thinking }));
    let answer = emulator.post(&converse(SONNET_4_5), &body).await.json();
    let said = answer["output"]["message"].clone();
    let data = said["content"][0]["reasoningContent"]["redactedContent"].as_str().unwrap().to_owned();
    let streamed = emulator.post(&format!("/model/{SONNET_4_5}/converse-stream"), &body).await.events();
    assert!(streamed.iter().any(|(_, event)| event["delta"]["reasoningContent"]["redactedContent"] == data));
    let first = body["messages"][0].clone();
    let mut back = |said: &Value| {
        body["messages"] = json!([first, said, { "role": "user", "content": [{ "text": "and?" }] }]);
        body.clone()
    };
    taken(&emulator, &converse(SONNET_4_5), &back(&said)).await;
    let mut changed = said;
    changed["content"][0]["reasoningContent"]["redactedContent"] =
        json!(data.replacen('O', "P", 3).replace('A', "B"));
    let invalid = model_says("messages.1.content.0: Invalid `data` in `redacted_thinking` block");
    // What no longer begins like ours, and is short, is nobody's.
    changed["content"][0]["reasoningContent"]["redactedContent"] = json!("AAAA");
    refused(&emulator, &converse(SONNET_4_5), &back(&changed), &invalid).await;
}

#[tokio::test]
async fn what_does_not_fit_the_context_is_refused() {
    let emulator = start().await;
    let long = "a ".repeat(310_000);
    let nova = "us.amazon.nova-lite-v1:0";
    let text = "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.";
    refused(&emulator, &converse(nova), &ask(&long), &model_says(text)).await;
    refused(&emulator, &converse(SONNET_4_5), &ask(&long), "Input is too long for requested model.").await;
}
