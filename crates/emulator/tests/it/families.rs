//! The models' own bodies on `InvokeModel` and its stream, family by family, and vectors.

use base64::Engine as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start};

async fn invoke(emulator: &Running, model: &str, body: &Value) -> Value {
    let answer = emulator.post(&format!("/model/{model}/invoke"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{model}: {:?}", answer.body);
    answer.json()
}

/// The chunks of the same request, streamed.
async fn chunks(emulator: &Running, model: &str, body: &Value) -> Vec<Value> {
    let path = format!("/model/{model}/invoke-with-response-stream");
    let answer = emulator.post(&path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{model}: {:?}", answer.body);
    assert_eq!(answer.headers["x-amzn-bedrock-content-type"], "application/json");
    let decoded = |payload: &Value| {
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    answer.events().iter().map(|(_, payload)| decoded(payload)).collect()
}

fn joined(chunks: &[Value], pointer: &str) -> String {
    chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
}

const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1:0";
const MISTRAL: &str = "mistral.mistral-7b-instruct-v0:2";
const DEEPSEEK_R1: &str = "us.deepseek.r1-v1:0";

#[tokio::test]
async fn prompts_are_continued_in_the_shapes_of_their_families() {
    let emulator = start().await;
    let llama = json!({ "prompt": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nrepeat after me: one two<|eot_id|>" });
    let answer = invoke(&emulator, LLAMA, &llama).await;
    assert_eq!(answer["generation"], "one two");
    assert_eq!(answer["stop_reason"], "stop");
    assert_eq!(answer["generation_token_count"], 2);
    assert!(answer["prompt_token_count"].as_u64().unwrap() > 0);
    let pieces = chunks(&emulator, LLAMA, &llama).await;
    assert_eq!(joined(&pieces, "/generation"), "one two");
    assert!(pieces[0]["prompt_token_count"].is_u64() && pieces[1]["prompt_token_count"].is_null());
    let last = pieces.last().unwrap();
    assert_eq!((&last["stop_reason"], &last["generation_token_count"]), (&json!("stop"), &json!(2)));
    assert_eq!(last["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 2);

    let short = json!({ "prompt": "<s>[INST] count to 9 [/INST]", "max_tokens": 3 });
    let answer = invoke(&emulator, MISTRAL, &short).await;
    assert_eq!(answer["outputs"][0]["stop_reason"], "length");
    let pieces = chunks(&emulator, MISTRAL, &short).await;
    assert_eq!(joined(&pieces, "/outputs/0/text"), answer["outputs"][0]["text"]);
    let stopped = json!({ "prompt": "repeat after me: one two", "stop": [" two"] });
    let answer = invoke(&emulator, MISTRAL, &stopped).await;
    assert_eq!(answer["outputs"][0], json!({ "text": "one", "stop_reason": "stop" }));

    let prompt =
        json!({ "prompt": "<｜begin▁of▁sentence｜><｜User｜>repeat after me: yes<｜Assistant｜><think>\n" });
    let answer = invoke(&emulator, DEEPSEEK_R1, &prompt).await;
    assert_eq!(answer, json!({ "choices": [{ "stop_reason": "stop", "text": "yes" }] }));
}

#[tokio::test]
async fn videos_are_described_in_the_shape_of_pegasus() {
    let emulator = start().await;
    let pegasus = "us.twelvelabs.pegasus-1-2-v1:0";
    let body = json!({ "inputPrompt": "count to 9", "mediaSource": { "base64String": "AAAA" }, "maxOutputTokens": 3 });
    let answer = invoke(&emulator, pegasus, &body).await;
    assert_eq!(answer, json!({ "message": "1, 2", "finishReason": "length" }));
    let pieces = chunks(&emulator, pegasus, &body).await;
    assert_eq!(joined(&pieces, "/message"), "1, 2");
    let without = emulator.post(&format!("/model/{pegasus}/invoke"), &json!({ "inputPrompt": "x" })).await;
    assert!(without.message().contains("required key [mediaSource] not found"), "{:?}", without.body);
}

#[tokio::test]
async fn prompts_of_the_wrong_shape_are_refused() {
    let emulator = start().await;
    let again = "please reformat your input and try again.";
    for (model, body, reason) in [
        (LLAMA, json!({ "prompt": "x", "max_tokens": 5 }), "#: extraneous key [max_tokens] is not permitted"),
        (LLAMA, json!({ "max_gen_len": 5 }), "#: required key [prompt] not found"),
        (MISTRAL, json!({ "prompt": 7 }), "#/prompt: expected type: String, found: Number"),
        (
            "amazon.titan-embed-text-v1",
            json!({ "inputText": "x", "dimensions": 256 }),
            "#: extraneous key [dimensions] is not permitted",
        ),
        (
            "amazon.titan-embed-text-v2:0",
            json!({ "inputText": "x", "dimensions": 300 }),
            "#/dimensions: 300 is not a valid enum value",
        ),
        ("cohere.embed-english-v3", json!({ "texts": ["x"] }), "#: required key [input_type] not found"),
    ] {
        let answer = emulator.post(&format!("/model/{model}/invoke"), &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.message(), format!("Malformed input request: {reason}, {again}"), "{body}");
    }
}

#[tokio::test]
async fn models_with_openais_shape_chat_call_tools_and_reason() {
    let emulator = start().await;
    let tool = json!({ "type": "function", "function": { "name": "weather", "parameters": {
        "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } },
    } } });
    let ask = |text: &str| json!({ "messages": [{ "role": "user", "content": text }], "max_tokens": 900 });
    let mut served = 0;
    for model in [
        "qwen.qwen3-32b-v1:0",
        "openai.gpt-oss-20b-1:0",
        "zai.glm-4.7",
        "deepseek.v3.2",
        "minimax.minimax-m2.5",
        "us.ai21.jamba-1-5-mini-v1:0",
        "ai21.jamba-1-5-mini-v1:0",
        "us.writer.palmyra-x5-v1:0",
        "mistral.mistral-large-2402-v1:0",
        "google.gemma-3-27b-it",
        "nvidia.nemotron-nano-9b-v2",
        "moonshotai.kimi-k2.5",
    ] {
        let body = ask("repeat after me: hello there");
        let path = format!("/model/{model}/invoke");
        let answer = emulator.post(&path, &body).await;
        // Not every family is served in the Region of this test.
        if answer.message() == "The provided model identifier is invalid." {
            continue;
        }
        served += 1;
        let answer = answer.json();
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["content"], "hello there", "{model}: {answer}");
        assert_eq!(choice["finish_reason"], "stop");
        assert_eq!(answer["object"], "chat.completion");
        let pieces = chunks(&emulator, model, &body).await;
        assert_eq!(joined(&pieces, "/choices/0/delta/content"), "hello there", "{model}");
        assert!(pieces.last().unwrap()["amazon-bedrock-invocationMetrics"].is_object());
    }
    assert!(served > 8, "only {served} families");
    let mut body = ask("What is the weather in Paris?");
    body["tools"] = json!([tool]);
    let answer = invoke(&emulator, "qwen.qwen3-32b-v1:0", &body).await;
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(call["function"], json!({ "name": "weather", "arguments": "{\"city\":\"Paris\"}" }));
    let pieces = chunks(&emulator, "qwen.qwen3-32b-v1:0", &body).await;
    let arguments = joined(&pieces, "/choices/0/delta/tool_calls/0/function/arguments");
    assert_eq!(arguments, "{\"city\":\"Paris\"}");

    let mut body = ask("Hello");
    body["reasoning_effort"] = json!("low");
    let answer = invoke(&emulator, "openai.gpt-oss-20b-1:0", &body).await;
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.starts_with("<reasoning>") && content.contains("</reasoning>"), "{content}");
    let mistral = invoke(&emulator, "mistral.mistral-large-2402-v1:0", &ask("hi")).await;
    assert_eq!(mistral["choices"][0]["stop_reason"], "stop");
}

fn vector(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn vectors_have_the_length_of_the_model_and_similar_texts_are_close() {
    let emulator = start().await;
    let titan = |text: &'static str| {
        let emulator = &emulator;
        async move {
            let answer =
                invoke(emulator, "amazon.titan-embed-text-v2:0", &json!({ "inputText": text })).await;
            vector(&answer["embedding"])
        }
    };
    let (cat, kitten, tax) =
        (titan("the cat sat down").await, titan("a cat sat").await, titan("income tax").await);
    assert_eq!(cat.len(), 1024);
    assert!((cosine(&cat, &cat) - 1.0).abs() < 1e-4);
    assert!(cosine(&cat, &kitten) > cosine(&cat, &tax) + 0.2);

    for (model, body, pointer, length) in [
        ("amazon.titan-embed-text-v1", json!({ "inputText": "x" }), "/embedding", 1536),
        (
            "amazon.titan-embed-text-v2:0",
            json!({ "inputText": "x", "dimensions": 256 }),
            "/embeddingsByType/float",
            256,
        ),
        (
            "amazon.titan-embed-image-v1",
            json!({ "inputImage": "AAAA", "embeddingConfig": { "outputEmbeddingLength": 384 } }),
            "/embedding",
            384,
        ),
        (
            "cohere.embed-english-v3",
            json!({ "texts": ["x"], "input_type": "search_query" }),
            "/embeddings/0",
            1024,
        ),
        (
            "cohere.embed-v4:0",
            json!({ "texts": ["x"], "input_type": "search_query" }),
            "/embeddings/float/0",
            1536,
        ),
        (
            "cohere.embed-v4:0",
            json!({ "texts": ["x"], "input_type": "clustering", "output_dimension": 512, "embedding_types": ["int8"] }),
            "/embeddings/int8/0",
            512,
        ),
        (
            "cohere.embed-v4:0",
            json!({ "inputs": [{ "content": [{ "type": "text", "text": "x" }] }], "input_type": "clustering", "output_dimension": 256, "embedding_types": ["ubinary"] }),
            "/embeddings/ubinary/0",
            32,
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            json!({ "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": { "embeddingPurpose": "GENERIC_INDEX", "text": { "value": "x", "truncationMode": "END" } } }),
            "/embeddings/0/embedding",
            3072,
        ),
        (
            "us.twelvelabs.marengo-embed-3-0-v1:0",
            json!({ "inputType": "text", "text": { "inputText": "x" } }),
            "/data/0/embedding",
            512,
        ),
    ] {
        let answer = invoke(&emulator, model, &body).await;
        let found = answer.pointer(pointer).unwrap_or_else(|| panic!("{model}: {pointer} of {answer}"));
        assert_eq!(found.as_array().unwrap().len(), length, "{model}");
        let again = invoke(&emulator, model, &body).await;
        assert_eq!(Some(found), again.pointer(pointer), "{model} is not deterministic");
    }
    let refused = emulator
        .post("/model/amazon.titan-embed-text-v2:0/invoke-with-response-stream", &json!({ "inputText": "x" }))
        .await;
    assert_eq!(refused.message(), "The model is unsupported for streaming.");
}

#[tokio::test]
async fn documents_are_ranked_by_what_they_share_with_the_query() {
    let emulator = start().await;
    let documents =
        ["Berlin is a city.", "The capital of France is Paris.", "Bread is baked.", "France has a capital."];
    for region_model in [("us-east-1", "cohere.rerank-v3-5:0"), ("us-west-2", "amazon.rerank-v1:0")] {
        let (region, model) = region_model;
        let body = json!({ "query": "What is the capital of France?", "documents": documents, "top_n": 2, "api_version": 2 });
        let answer: Answer = emulator
            .call(
                Method::POST,
                &format!("/model/{model}/invoke"),
                body.to_string().as_bytes(),
                &[],
                &Access::signed_in(region),
            )
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{model}: {:?}", answer.body);
        let results = answer.json()["results"].as_array().unwrap().clone();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0]["index"], 1);
        assert!(results[0]["relevance_score"].as_f64() >= results[1]["relevance_score"].as_f64());
    }
}

#[tokio::test]
async fn claudes_own_body_carries_documents_and_their_citations() {
    let emulator = start().await;
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let document = json!({
        "type": "document", "title": "Colours", "citations": { "enabled": true },
        "source": { "type": "text", "media_type": "text/plain", "data": "The grass is green. The sky is blue." },
    });
    let body = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": [
        { "role": "user", "content": [document, { "type": "text", "text": "What of the sky?" }] } ] });
    let answer = invoke(&emulator, model, &body).await;
    let cited = &answer["content"][1];
    assert_eq!(cited["text"], "The sky is blue.");
    let citation = &cited["citations"][0];
    assert_eq!(
        (&citation["cited_text"], &citation["document_title"]),
        (&json!("The sky is blue."), &json!("Colours"))
    );
    assert_eq!((&citation["start_char_index"], &citation["end_char_index"]), (&json!(20), &json!(36)));
    let events = chunks(&emulator, model, &body).await;
    assert!(events.iter().any(|event| event["delta"]["citation"] == *citation));
}
