//! The runtime: whole and streamed, tools, reasoning, native bodies, refusals and streams that break, over both transports.

use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseStreamOutput, ConverseTokensRequest, CountTokensInput,
    GuardrailConfiguration, GuardrailContentBlock, GuardrailContentSource, GuardrailTextBlock,
    InferenceConfiguration, Message, ResponseStream, StopReason, Tool, ToolConfiguration, ToolInputSchema,
    ToolResultBlock, ToolResultContentBlock, ToolSpecification,
};
use aws_smithy_types::{Document, Number};

use crate::emulator::{Done, Emulator, TRANSPORTS, start};
use crate::{CLAUDE, NOVA};

fn says(text: &str) -> Message {
    message(ConversationRole::User, vec![ContentBlock::Text(text.to_owned())])
}

fn message(role: ConversationRole, content: Vec<ContentBlock>) -> Message {
    Message::builder().role(role).set_content(Some(content)).build().expect("role and content are there")
}

fn object<const N: usize>(members: [(&str, Document); N]) -> Document {
    Document::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(content: &[ContentBlock]) -> String {
    content.iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect()
}

#[tokio::test]
async fn converse_whole_and_streamed() {
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        let asked = says("Repeat after me: these are several words to be streamed in pieces");
        let whole = runtime.converse().model_id(NOVA).messages(asked.clone()).send().await.done("converse");
        let output = whole.output().and_then(|output| output.as_message().ok()).expect("it is a message");
        let expected = "these are several words to be streamed in pieces";
        assert_eq!((text(output.content()).as_str(), whole.stop_reason()), (expected, &StopReason::EndTurn));
        let mut stream =
            runtime.converse_stream().model_id(NOVA).messages(asked).send().await.done("stream").stream;
        let (mut pieces, mut tokens) = (Vec::new(), 0);
        while let Some(event) = stream.recv().await.expect("the stream is whole") {
            match event {
                ConverseStreamOutput::ContentBlockDelta(event) => {
                    let delta = event.delta().and_then(|delta| delta.as_text().ok());
                    pieces.extend(delta.cloned());
                }
                ConverseStreamOutput::Metadata(event) => {
                    tokens = event.usage().map_or(0, |usage| usage.output_tokens());
                }
                _ => {}
            }
        }
        assert!(pieces.len() > 1 && tokens > 0);
        assert_eq!(pieces.concat(), expected);
    }
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_taken() {
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        let city = object([("city", object([("type", "string".into())]))]);
        let schema = object([("type", "object".into()), ("properties", city)]);
        let tool =
            ToolSpecification::builder().name("get_weather").input_schema(ToolInputSchema::Json(schema));
        let tool = Tool::ToolSpec(tool.build().expect("name and schema are there"));
        let tools = ToolConfiguration::builder().tools(tool).build().expect("there is a tool");
        let asked = says("Call get_weather for Paris.");
        let request = runtime.converse().model_id(NOVA).messages(asked.clone()).tool_config(tools.clone());
        let called = request.send().await.done("ask");
        assert_eq!(called.stop_reason(), &StopReason::ToolUse);
        let answer = called.output().and_then(|it| it.as_message().ok()).expect("it is a message").clone();
        let call = answer.content().iter().find_map(|block| block.as_tool_use().ok()).expect("it is called");
        let result = ToolResultBlock::builder().tool_use_id(call.tool_use_id());
        let result = result.content(ToolResultContentBlock::Text("sunny, 21".to_owned())).build();
        let back =
            message(ConversationRole::User, vec![ContentBlock::ToolResult(result.expect("it has an id"))]);
        let request = runtime.converse().model_id(NOVA).messages(asked).messages(answer).messages(back);
        let last = request.tool_config(tools).send().await.done("answer");
        let output = last.output().and_then(|it| it.as_message().ok()).expect("it is a message");
        assert!(text(output.content()).contains("sunny, 21"));
    }
}

#[tokio::test]
async fn reasoning_is_signed_and_comes_back() {
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        let budget = Document::Number(Number::PosInt(1024));
        let thinking = object([("type", "enabled".into()), ("budget_tokens", budget)]);
        let fields = object([("thinking", thinking)]);
        let asked = says("What is two and two?");
        let request = || {
            let limits = InferenceConfiguration::builder().max_tokens(4096).build();
            let request =
                runtime.converse().model_id(CLAUDE).messages(asked.clone()).inference_config(limits);
            request.additional_model_request_fields(fields.clone())
        };
        let thought = request().send().await.done("think");
        let answer = thought.output().and_then(|it| it.as_message().ok()).expect("it is a message").clone();
        let reasoning = answer.content().iter().find_map(|block| block.as_reasoning_content().ok());
        let told = reasoning.and_then(|it| it.as_reasoning_text().ok()).expect("it thought");
        assert!(!told.text().is_empty() && told.signature().is_some());
        let again = request().messages(answer).messages(says("Repeat after me: done"));
        let last = again.send().await.done("think again");
        let output = last.output().and_then(|it| it.as_message().ok()).expect("it is a message");
        assert_eq!(text(output.content()), "done");
    }
}

#[tokio::test]
async fn native_bodies_whole_and_streamed() {
    const BODY: &str = r#"{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
        "messages": [{"role": "user", "content": "Repeat after me: one two three"}]}"#;
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        let whole = runtime.invoke_model().model_id(CLAUDE).body(Blob::new(BODY)).send().await.done("invoke");
        assert!(String::from_utf8_lossy(whole.body().as_ref()).contains("one two three"));
        let request = runtime.invoke_model_with_response_stream().model_id(CLAUDE).body(Blob::new(BODY));
        let mut stream = request.send().await.done("stream").body;
        let mut chunks = Vec::new();
        while let Some(event) = stream.recv().await.expect("the stream is whole") {
            if let ResponseStream::Chunk(chunk) = event {
                chunks
                    .extend(chunk.bytes().map(|bytes| String::from_utf8_lossy(bytes.as_ref()).into_owned()));
            }
        }
        assert!(
            chunks.len() > 3 && chunks.last().is_some_and(|last| last.contains("message_stop")),
            "{chunks:?}"
        );
    }
}

#[tokio::test]
async fn tokens_are_counted_and_guardrails_applied() {
    for transport in TRANSPORTS {
        let Emulator { runtime, control, .. } = &start(transport).await;
        let input =
            CountTokensInput::Converse(ConverseTokensRequest::builder().messages(says("hello")).build());
        let model = CLAUDE.split_once('.').map_or(CLAUDE, |(_, model)| model);
        let counted = runtime.count_tokens().model_id(model).input(input).send().await.done("count");
        assert!(counted.input_tokens() > 0);

        let word = aws_sdk_bedrock::types::GuardrailWordConfig::builder().text("kraken").build();
        let words = aws_sdk_bedrock::types::GuardrailWordPolicyConfig::builder();
        let words = words.words_config(word.expect("the text is there")).build();
        let request = control.create_guardrail().name("rust").word_policy_config(words);
        let request = request.blocked_input_messaging("not this").blocked_outputs_messaging("not that");
        let id = request.send().await.done("create").guardrail_id().to_owned();
        let content =
            GuardrailTextBlock::builder().text("release the kraken").build().expect("the text is there");
        let request = runtime.apply_guardrail().guardrail_identifier(&id).guardrail_version("DRAFT");
        let request =
            request.source(GuardrailContentSource::Input).content(GuardrailContentBlock::Text(content));
        let applied = request.send().await.done("apply");
        assert_eq!(applied.outputs()[0].text(), Some("not this"));
        let guardrail =
            GuardrailConfiguration::builder().guardrail_identifier(&id).guardrail_version("DRAFT").build();
        let request = runtime.converse().model_id(NOVA).messages(says("release the kraken"));
        let answer = request.guardrail_config(guardrail).send().await.done("converse");
        assert_eq!(answer.stop_reason(), &StopReason::GuardrailIntervened);
    }
}

#[tokio::test]
async fn what_is_refused_has_the_type_of_the_model() {
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        let refused = runtime.converse().model_id("nothing.here").messages(says("hi")).send().await;
        let error = refused.expect_err("nobody knows it").into_service_error();
        assert!(error.is_validation_exception(), "{error:?}");
        assert_eq!(error.meta().message(), Some("The provided model identifier is invalid."));
        for (fault, is_it) in FAULTS {
            let request = runtime.converse().model_id(NOVA).messages(says("hi")).customize();
            let request = request.mutate_request(move |request| {
                request.headers_mut().insert("x-outcrop-fault", fault);
            });
            // AWS's own retries are not what is asked for here.
            let once = aws_sdk_bedrockruntime::Config::builder()
                .retry_config(aws_sdk_bedrockruntime::config::retry::RetryConfig::disabled());
            let error = request.config_override(once).send().await.expect_err(fault).into_service_error();
            assert!(is_it(&error), "{fault}: {error:?}");
        }
    }
}

type ConverseError = aws_sdk_bedrockruntime::operation::converse::ConverseError;
type IsIt = fn(&ConverseError) -> bool;
/// Every exception that the model names for Converse, and how the SDK tells it.
const FAULTS: [(&str, IsIt); 8] = [
    ("AccessDeniedException", ConverseError::is_access_denied_exception),
    ("InternalServerException", ConverseError::is_internal_server_exception),
    ("ModelErrorException", ConverseError::is_model_error_exception),
    ("ModelNotReadyException", ConverseError::is_model_not_ready_exception),
    ("ModelTimeoutException", ConverseError::is_model_timeout_exception),
    ("ResourceNotFoundException", ConverseError::is_resource_not_found_exception),
    ("ServiceUnavailableException", ConverseError::is_service_unavailable_exception),
    ("ThrottlingException", ConverseError::is_throttling_exception),
];

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_of_its_type() {
    for transport in TRANSPORTS {
        let Emulator { runtime, .. } = &start(transport).await;
        for fault in ["ThrottlingException;at=mid", "ModelStreamErrorException;at=first", "cut", "bad-crc"] {
            let request = runtime.converse_stream().model_id(NOVA).messages(says("count to 30")).customize();
            let request = request.mutate_request(move |request| {
                request.headers_mut().insert("x-outcrop-fault", fault);
            });
            let mut stream = match request.send().await {
                Ok(answer) => answer.stream,
                // The SDK reads the first event before it answers; a reset of h2 may overtake what was sent before it.
                Err(error) => {
                    assert!(fault.ends_with("at=first") || fault == "cut", "{fault}: {error:?}");
                    continue;
                }
            };
            let error = loop {
                match stream.recv().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{fault}: the stream ended as if it were whole"),
                    Err(error) => break error,
                }
            };
            let told = error.as_service_error().map(ConverseStreamOutputError::is_throttling_exception);
            assert_eq!(told == Some(true), fault.starts_with("Throttling"), "{fault}: {error:?}");
        }
    }
}
