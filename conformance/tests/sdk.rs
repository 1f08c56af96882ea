//! AWS's SDK for Rust against `outcrop emulate`, in the clear: what its own types and parsers make of the answers.

use std::process::Stdio;

use aws_sdk_bedrock::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrock::types::{
    GuardrailWordConfig, GuardrailWordPolicyConfig, InferenceProfileModelSource, InferenceProfileType, Tag,
};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, GuardrailConfiguration, Message,
    StopReason,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const NOVA: &str = "amazon.nova-lite-v1:0";

/// An emulator, and the clients that know it. It ends with the value.
struct Emulator {
    _process: Child,
    control: aws_sdk_bedrock::Client,
    runtime: aws_sdk_bedrockruntime::Client,
}

async fn emulator() -> Emulator {
    let binary = std::env::var("OUTCROP_BIN").expect("OUTCROP_BIN names the binary under test");
    let mut process = Command::new(binary)
        .args(["emulate", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary can be started");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let mut url = String::new();
    while let Some(line) = lines.next_line().await.expect("it prints text") {
        if let Some(value) = line.strip_prefix("export AWS_ENDPOINT_URL_BEDROCK=") {
            url = value.to_owned();
        }
        if line.starts_with("# profile") {
            break;
        }
    }
    let keys = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        None,
        None,
        "conformance",
    );
    let control = aws_sdk_bedrock::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(keys.clone())
        .endpoint_url(&url)
        .build();
    let runtime = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(keys)
        .endpoint_url(&url)
        .build();
    Emulator {
        _process: process,
        control: aws_sdk_bedrock::Client::from_conf(control),
        runtime: aws_sdk_bedrockruntime::Client::from_conf(runtime),
    }
}

fn says(text: &str) -> Message {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(text.to_owned()))
        .build()
        .expect("role and content are there")
}

#[tokio::test]
async fn a_profile_lives_and_is_invoked() {
    let Emulator { _process, control, runtime } = emulator().await;
    let source = format!("arn:aws:bedrock:us-east-1::foundation-model/{NOVA}");
    let tag = Tag::builder().key("team").value("a").build().expect("key and value are there");
    let made = control
        .create_inference_profile()
        .inference_profile_name("rust")
        .model_source(InferenceProfileModelSource::CopyFrom(source.clone()))
        .tags(tag)
        .send()
        .await
        .expect("it is created");
    let arn = made.inference_profile_arn();
    let found = control.get_inference_profile().inference_profile_identifier(arn).send().await.expect("it is found");
    assert_eq!(found.models()[0].model_arn(), Some(source.as_str()));
    assert!(found.created_at().is_some());

    let pages = control.list_inference_profiles().type_equals(InferenceProfileType::SystemDefined).into_paginator();
    let listed = pages.page_size(10).items().send().collect::<Result<Vec<_>, _>>().await.expect("they are listed");
    assert!(listed.len() > 10);

    let answer = runtime
        .converse()
        .model_id(arn)
        .messages(says("Repeat after me: conform"))
        .send()
        .await
        .expect("it answers");
    let output = answer.output().and_then(|output| output.as_message().ok()).expect("it is a message");
    assert_eq!(output.content()[0].as_text().map(String::as_str), Ok("conform"));

    let mut stream = runtime
        .converse_stream()
        .model_id(arn)
        .messages(says("Repeat after me: conform"))
        .send()
        .await
        .expect("it streams")
        .stream;
    let (mut text, mut tokens) = (String::new(), 0);
    while let Some(event) = stream.recv().await.expect("the stream is whole") {
        match event {
            ConverseStreamOutput::ContentBlockDelta(event) => {
                if let Some(ContentBlockDelta::Text(piece)) = event.delta() {
                    text.push_str(piece);
                }
            }
            ConverseStreamOutput::Metadata(event) => {
                tokens = event.usage().map_or(0, |usage| usage.output_tokens());
            }
            _ => {}
        }
    }
    assert_eq!(text, "conform");
    assert!(tokens > 0);
    control.delete_inference_profile().inference_profile_identifier(arn).send().await.expect("it is deleted");
    let gone = control.get_inference_profile().inference_profile_identifier(arn).send().await;
    assert!(gone.expect_err("it is gone").into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_guardrail_intervenes() {
    let Emulator { _process, control, runtime } = emulator().await;
    let word = GuardrailWordConfig::builder().text("kraken").build().expect("the text is there");
    let made = control
        .create_guardrail()
        .name("rust")
        .blocked_input_messaging("not this")
        .blocked_outputs_messaging("not that")
        .word_policy_config(GuardrailWordPolicyConfig::builder().words_config(word).build())
        .send()
        .await
        .expect("it is created");
    let guardrail = GuardrailConfiguration::builder()
        .guardrail_identifier(made.guardrail_id())
        .guardrail_version("DRAFT")
        .build();
    let answer = runtime
        .converse()
        .model_id(NOVA)
        .messages(says("release the kraken"))
        .guardrail_config(guardrail)
        .send()
        .await
        .expect("it answers");
    assert_eq!(answer.stop_reason(), &StopReason::GuardrailIntervened);
}

#[tokio::test]
async fn what_is_refused_has_the_type_of_the_model() {
    let Emulator { _process, control, runtime } = emulator().await;
    let refused = control.get_foundation_model().model_identifier("nothing.here").send().await;
    assert!(refused.expect_err("nobody knows it").into_service_error().is_validation_exception());
    let refused = runtime.converse().model_id("nothing.here").messages(says("hi")).send().await;
    let error = refused.expect_err("nobody knows it").into_service_error();
    assert!(error.is_validation_exception(), "{error:?}");
    assert_eq!(error.meta().message(), Some("The provided model identifier is invalid."));
}
