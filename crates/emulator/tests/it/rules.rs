//! What the real service refuses, in its words.

use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use outcrop_emulator::Keys;
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start};
use crate::runtime::{CLAUDE, NOVA, ask, ask_with, converse};

fn assert_refused(answer: &Answer, status: StatusCode, error_type: &str, message: &str) {
    assert_eq!(
        (answer.status, answer.error_type(), answer.message().as_str()),
        (status, error_type, message),
        "{:?}",
        answer.body
    );
    assert!(answer.headers.contains_key("x-amzn-requestid"));
    assert_eq!(answer.headers["content-type"], "application/json");
}

async fn assert_invalid(emulator: &Running, path: &str, body: &Value, message: &str) {
    assert_refused(&emulator.post(path, body).await, StatusCode::BAD_REQUEST, "ValidationException", message);
}

#[tokio::test]
async fn identifiers_are_refused_as_the_service_refuses_them() {
    let emulator = start().await;
    let body = ask("Hello");
    let on_demand = |id: &str| {
        format!(
            "Invocation of model ID {id} with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or \
             ARN of an inference profile that contains this model."
        )
    };
    let invalid = "The provided model identifier is invalid.";
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile";
    let elsewhere = emulator.profiles[0].arn.replace("us-east-1", "us-west-2");
    for (id, message) in [
        ("deepseek.r1-v1:0", on_demand("deepseek.r1-v1:0")),
        ("anthropic.claude-sonnet-4-6", on_demand("anthropic.claude-sonnet-4-6")),
        ("does-not-exist", invalid.to_owned()),
        ("eu.anthropic.claude-sonnet-4-6", invalid.to_owned()),
        (&format!("{arn}/doesnotexist"), invalid.to_owned()),
        ("claudelocal1", invalid.to_owned()),
        (&elsewhere, invalid.to_owned()),
        ("arn:aws:s3:::bucket", invalid.to_owned()),
        ("arn:", invalid.to_owned()),
        ("%00%0A", invalid.to_owned()),
    ] {
        for operation in ["converse", "converse-stream", "invoke", "invoke-with-response-stream"] {
            assert_invalid(&emulator, &format!("/model/{id}/{operation}"), &body, &message).await;
        }
    }
    let retired = emulator.post(&converse("anthropic.claude-3-opus-20240229-v1:0"), &body).await;
    let text = "This model version has reached the end of its life. Please refer to the AWS documentation for more details.";
    assert_refused(&retired, StatusCode::NOT_FOUND, "ResourceNotFoundException", text);
}

#[tokio::test]
async fn the_region_is_that_of_the_signature() {
    let emulator = start().await;
    let body = ask("Hello").to_string();
    let call = |region: &'static str, id: &'static str| {
        let (emulator, body) = (&emulator, body.as_bytes());
        async move {
            emulator.call(Method::POST, &converse(id), body, &[], &Access::signed_in(region)).await.status
        }
    };
    assert_eq!(call("eu-central-1", "eu.anthropic.claude-sonnet-4-6").await, StatusCode::OK);
    assert_eq!(call("eu-central-1", "us.anthropic.claude-sonnet-4-6").await, StatusCode::BAD_REQUEST);
    assert_eq!(call("eu-west-2", "anthropic.claude-sonnet-4-6").await, StatusCode::OK);
    assert_eq!(call("ap-northeast-1", "global.anthropic.claude-sonnet-4-6").await, StatusCode::OK);
}

#[tokio::test]
async fn messages_are_checked_in_the_words_of_converse() {
    let emulator = start().await;
    let tool_use = json!({ "toolUse": { "toolUseId": "t1", "name": "f", "input": {} } });
    let result = |id: &str| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "r" }] } });
    let tools = json!({ "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": {} } } }] });
    let talk = |last: Value| {
        json!({ "toolConfig": tools, "messages": [
            { "role": "user", "content": [{ "text": "hi" }] },
            { "role": "assistant", "content": [tool_use] },
            { "role": "user", "content": last },
        ] })
    };
    let start_user = "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
    let mut no_config = talk(json!([result("t1")]));
    no_config.as_object_mut().unwrap().remove("toolConfig");
    let blank = json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }, { "text": "  " }] }] });
    let empty = json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }] }, { "role": "assistant", "content": [] }] });
    for (body, message) in [
        (json!({}), start_user),
        (json!({ "messages": [] }), start_user),
        (
            blank,
            "The text field in the ContentBlock object at messages.0.content.1 is blank. Add text to the text field, and try again.",
        ),
        (
            empty,
            "The content field in the Message object at messages.1 is empty. Add a ContentBlock object to the content field and try again.",
        ),
        (no_config, "The toolConfig field must be defined when using toolUse and toolResult content blocks."),
        (
            talk(json!([{ "text": "and?" }])),
            "Expected toolResult blocks at messages.2.content for the following Ids: t1",
        ),
        (
            talk(json!([result("t1"), result("t2")])),
            "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
        ),
    ] {
        assert_invalid(&emulator, &converse(CLAUDE), &body, message).await;
    }
    let fine = emulator.post(&converse(CLAUDE), &talk(json!([result("t1")]))).await;
    assert_eq!(fine.status, StatusCode::OK, "{:?}", fine.body);
}

#[tokio::test]
async fn parameters_are_checked_by_the_rules_of_the_model() {
    let emulator = start().await;
    let model_says = |text: &str| format!("The model returned the following errors: {text}");
    let config = |config: Value| ask_with("Hello", json!({ "inferenceConfig": config }));
    let thinking = |thinking: Value, config: Value| {
        ask_with(
            "Hello",
            json!({ "inferenceConfig": config, "additionalModelRequestFields": { "thinking": thinking } }),
        )
    };
    let enabled = |budget: u64| json!({ "type": "enabled", "budget_tokens": budget });
    let opus = "us.anthropic.claude-opus-4-8";
    let sonnet45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let both = "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
    let budget_over = "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size";
    let adaptive_only = "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.";
    let tools = json!({ "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": {} } } }], "toolChoice": { "any": {} } });
    let mut forced = thinking(json!({ "type": "adaptive" }), json!({}));
    forced["toolConfig"] = tools;
    for (model, body, message) in [
        (CLAUDE, config(json!({ "temperature": 0.5, "topP": 0.5 })), model_says(both)),
        (opus, config(json!({ "temperature": 0.5 })), model_says("`temperature` is deprecated for this model.")),
        (opus, config(json!({ "topP": 0.5 })), model_says("`top_p` is deprecated for this model.")),
        (sonnet45, thinking(enabled(1024), json!({ "maxTokens": 4000, "temperature": 0.2 })), model_says("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")),
        (sonnet45, thinking(enabled(1023), json!({ "maxTokens": 4000 })), model_says("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")),
        (sonnet45, thinking(enabled(4000), json!({ "maxTokens": 4000 })), model_says(budget_over)),
        (opus, thinking(enabled(1024), json!({ "maxTokens": 4000 })), model_says(adaptive_only)),
        (sonnet45, thinking(json!({ "type": "adaptive" }), json!({})), model_says("adaptive thinking is not supported on this model")),
        (CLAUDE, forced, model_says("Thinking may not be enabled when tool_choice forces tool use.")),
        (CLAUDE, config(json!({ "maxTokens": 64001 })), "The maximum tokens you requested exceeds the model limit of 64000. Try again with a maximum tokens value lower than 64000.".to_owned()),
        (NOVA, config(json!({ "maxTokens": 0 })), "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1".to_owned()),
        (NOVA, config(json!({ "temperature": 1.5 })), "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1".to_owned()),
    ] {
        assert_invalid(&emulator, &converse(model), &body, &message).await;
    }
    let video = json!({ "messages": [{ "role": "user", "content": [{ "video": { "format": "mp4", "source": { "bytes": "AAAA" } } }] }] });
    let text = "This model doesn't support the video content block that you provided. Update the content block and try again.";
    assert_invalid(&emulator, &converse(CLAUDE), &video, text).await;
    let tool = json!({ "toolConfig": { "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": {} } } }] } });
    let text = "This model doesn't support tool use.";
    assert_invalid(&emulator, &converse("us.deepseek.r1-v1:0"), &ask_with("Hello", tool), text).await;
    let fine = emulator.post(&converse(NOVA), &config(json!({ "temperature": 0.5, "topP": 0.5 }))).await;
    assert_eq!(fine.status, StatusCode::OK);
}

#[tokio::test]
async fn native_bodies_are_refused_in_the_words_of_the_model() {
    let emulator = start().await;
    let path = format!("/model/{CLAUDE}/invoke");
    let full = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 10, "messages": [{ "role": "user", "content": "hi" }] });
    let without = |name: &str| {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let with = |name: &str, value: Value| {
        let mut body = full.clone();
        body[name] = value;
        body
    };
    for (body, message) in [
        (without("anthropic_version"), "anthropic_version: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (with("model", json!("x")), "model: Extra inputs are not permitted"),
        (with("stream", json!(true)), "stream: Extra inputs are not permitted"),
        (
            with("anthropic_beta", json!(["context-1m-2025-08-07", "files-api-2025-04-14"])),
            "invalid beta flag",
        ),
        (with("seed", json!(7)), "seed: Extra inputs are not permitted"),
        (with("max_tokens", json!(0)), "max_tokens: Input should be greater than or equal to 1"),
        (with("max_tokens", json!(-1)), "max_tokens: Input should be greater than or equal to 1"),
        (with("max_tokens", json!("9")), "max_tokens: Input should be a valid integer"),
        (with("max_tokens", Value::Null), "max_tokens: Input should be a valid integer"),
        (with("temperature", json!(1.5)), "temperature: Input should be less than or equal to 1"),
        (with("top_p", json!("high")), "top_p: Input should be a valid number"),
        (with("system", json!(7)), "system: Input should be a valid list"),
        (with("system", json!([{"text": "x"}])), "system.0.type: Field required"),
        (with("stop_sequences", json!(["a", 1])), "stop_sequences.1: Input should be a valid string"),
        (with("tools", json!([{}])), "tools.0.name: Field required"),
        (with("messages", json!("hello")), "messages: Input should be a valid list"),
        (with("messages", json!([{"content": "x"}])), "messages.0.role: Field required"),
        (
            with("messages", json!([{"role": "user", "content": [7]}])),
            "messages.0.content.0: Input should be a valid dictionary",
        ),
        (
            with("messages", json!([{"role": "user", "content": [{"type": "text"}]}])),
            "messages.0.content.0.text.text: Field required",
        ),
        (with("messages", json!([])), "messages: at least one message is required"),
        (
            with("messages", json!([{ "role": "user", "content": "" }])),
            "messages: text content blocks must be non-empty",
        ),
    ] {
        assert_invalid(&emulator, &path, &body, message).await;
    }
    let malformed = "Malformed input request, please reformat your input and try again.";
    for path in [&path, &format!("/model/{NOVA}/invoke"), "/model/amazon.titan-embed-text-v2:0/invoke"] {
        let answer = emulator.call(Method::POST, path, b"{no json", &[], &Access::signed()).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, "ValidationException", malformed);
    }
    let sonic = emulator.post("/model/amazon.nova-2-sonic-v1:0/invoke", &json!({ "prompt": "x" })).await;
    assert!(sonic.message().contains("amazon.nova-2-sonic-v1:0"), "{:?}", sonic.body);
}

#[tokio::test]
async fn bodies_that_are_no_request_are_serialization_errors() {
    let emulator = start().await;
    for body in [
        &b"{"[..],
        b"[]",
        b"\xff\xfe",
        b"{\"messages\": 5}",
        b"{\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}",
    ] {
        let answer = emulator.call(Method::POST, &converse(CLAUDE), body, &[], &Access::signed()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.error_type(), "SerializationException", "{body:?}");
    }
    let unknown = emulator.post("/model/x/dance", &json!({})).await;
    assert_eq!((unknown.status, unknown.error_type()), (StatusCode::NOT_FOUND, "UnknownOperationException"));
}

#[tokio::test]
async fn callers_prove_who_they_are() {
    let emulator = start().await;
    let body = ask("Hello").to_string();
    let call = |access: Access| {
        let (emulator, body) = (&emulator, body.as_bytes());
        async move { emulator.call(Method::POST, &converse(CLAUDE), body, &[], &access).await }
    };
    let signed = |keys: Keys, time: SystemTime| Access::Signed { keys, region: "us-east-1", time };
    let wrong_secret = Keys { secret_access_key: "wrong".to_owned(), ..Keys::default() };
    let wrong_key = Keys { access_key_id: "AKIAWRONG".to_owned(), ..Keys::default() };
    let mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
    let now = SystemTime::now();
    let answer = call(signed(wrong_secret, now)).await;
    assert_refused(&answer, StatusCode::FORBIDDEN, "InvalidSignatureException", mismatch);
    assert!(
        answer.headers["x-amzn-errortype"].to_str().unwrap().ends_with("/coral/com.amazon.coral.service/")
    );
    let text = "The security token included in the request is invalid.";
    assert_refused(
        &call(signed(wrong_key, now)).await,
        StatusCode::FORBIDDEN,
        "UnrecognizedClientException",
        text,
    );
    let nothing = call(Access::Nothing).await;
    let text = "Missing Authentication Token";
    assert_refused(&nothing, StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", text);
    let old = call(signed(Keys::default(), now - Duration::from_secs(3600))).await;
    assert_eq!((old.status, old.error_type()), (StatusCode::FORBIDDEN, "InvalidSignatureException"));
    assert!(old.message().starts_with("Signature expired: "), "{:?}", old.body);
    let bearer = call(Access::Bearer("nonsense")).await;
    assert_eq!(bearer.status, StatusCode::FORBIDDEN);
    assert_eq!(bearer.json()["Message"], "Authentication failed: Please make sure your API Key is valid.");
}

#[tokio::test]
async fn a_conversation_without_a_user_message_is_refused() {
    let emulator = start().await;
    let text = "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
    let begin = json!({ "role": "assistant", "content": [{ "text": "I begin" }] });
    for model in [CLAUDE, NOVA] {
        let alone = json!({ "messages": [begin] });
        assert_invalid(&emulator, &converse(model), &alone, text).await;
        let answered = json!({ "messages": [begin, { "role": "user", "content": [{ "text": "Hello" }] }] });
        assert_eq!(emulator.post(&converse(model), &answered).await.status, StatusCode::OK, "{model}");
    }
}

#[tokio::test]
async fn novas_own_body_is_held_to_its_ranges() {
    let emulator = start().await;
    for (config, broken) in [
        (json!({ "maxTokens": 0 }), "maxTokens: 0 is not greater or equal to 1"),
        (json!({ "temperature": 2 }), "temperature: 2 is not less or equal to 1"),
        (json!({ "topP": -0.5 }), "topP: -0.5 is not greater or equal to 0"),
    ] {
        let text = format!(
            "Malformed input request: #/inferenceConfig/{broken}, please reformat your input and try again."
        );
        let body = ask_with("Hello", json!({ "inferenceConfig": config }));
        assert_invalid(&emulator, &format!("/model/{NOVA}/invoke"), &body, &text).await;
    }
}

#[tokio::test]
async fn tools_are_forced_and_efforts_asked_only_where_the_model_takes_them() {
    let emulator = start().await;
    let forced = |choice: Value| {
        let tool =
            json!({ "toolSpec": { "name": "weather", "inputSchema": { "json": { "type": "object" } } } });
        ask_with("Hello", json!({ "toolConfig": { "tools": [tool], "toolChoice": choice } }))
    };
    let unforced = "us.anthropic.claude-opus-5-5";
    for (kind, choice) in [("any", json!({ "any": {} })), ("tool", json!({ "tool": { "name": "weather" } }))]
    {
        let field = format!("toolConfig.toolChoice.{kind}");
        let text = format!("This model doesn't support the {field} field. Remove {field} and try again.");
        assert_invalid(&emulator, &converse(unforced), &forced(choice.clone()), &text).await;
        assert_eq!(emulator.post(&converse(CLAUDE), &forced(choice)).await.status, StatusCode::OK);
    }
    let free = emulator.post(&converse(unforced), &forced(json!({ "auto": {} }))).await;
    assert_eq!(free.status, StatusCode::OK, "{:?}", free.body);
    let effort = |level: &str| ask_with("Hello", json!({ "outputConfig": { "effort": level } }));
    let text = "The model returned the following errors: output_config.effort: Input should be one of 'low', 'medium', 'high', 'max'";
    assert_invalid(&emulator, &converse(CLAUDE), &effort("xhigh"), text).await;
    assert_eq!(emulator.post(&converse(CLAUDE), &effort("low")).await.status, StatusCode::OK);
}
