//! Embeddings: recorded OpenAI requests are read, recorded answers of Bedrock's models are understood.

use outcrop_catalog::{Catalog, Context, Model};
use outcrop_wire::embeddings::{self, EmbeddingFamily, Encoding};
use serde_json::Value;

use crate::recorded;

fn model(id: &str) -> Model {
    let context = Context { region: "us-east-1".to_owned() };
    let resolution = Catalog::built_in().resolve(id, &context).unwrap();
    resolution.model.as_deref().cloned().unwrap()
}

#[test]
fn recorded_requests_of_openais_clients_are_read() {
    let Some(records) = recorded::exchanges("openai-embeddings.jsonl") else { return };
    let (mut read, mut refused) = (0, 0);
    for record in records {
        let body = record["request"]["body"].to_string();
        match embeddings::read(body.as_bytes()) {
            Ok(request) => {
                read += 1;
                let texts = record["request"]["body"]["input"].as_array().map_or(1, Vec::len);
                assert_eq!(request.texts.len(), texts, "{body}");
                assert!(request.notices.is_empty(), "{:?}", request.notices);
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("token ids"), "{error}: {body}");
            }
        }
    }
    assert!(read > refused, "{read} read, {refused} refused");
}

#[test]
fn recorded_answers_of_every_family_become_vectors() {
    let Some(records) = recorded::exchanges("bedrock-invoke.jsonl") else { return };
    let mut families = std::collections::BTreeMap::new();
    for record in records {
        let Some(id) = record["model_id"].as_str().filter(|id| id.contains("embed")) else { continue };
        let (Some(family), 200) =
            (EmbeddingFamily::of(&model(id)), record["response"]["status"].as_u64().unwrap())
        else {
            continue;
        };
        let (sent, body) = (&record["request"]["body"], record["response"]["body_json"].to_string());
        let found = embeddings::vectors(family, body.as_bytes())
            .unwrap_or_else(|error| panic!("{id}: {error}: {body}"));
        assert_eq!(found.vectors.len(), sent["texts"].as_array().map_or(1, Vec::len), "{id}");
        for encoding in [Encoding::Float, Encoding::Base64] {
            let answer = embeddings::render_response(&found.vectors, encoding, id, 7).unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            let vector = &answer["data"][0]["embedding"];
            assert_eq!(vector.is_array(), encoding == Encoding::Float);
        }
        *families.entry(format!("{family:?}")).or_insert(0) += 1;
    }
    assert_eq!(families.keys().collect::<Vec<_>>(), ["Cohere", "Nova", "Titan"], "{families:?}");
}

#[test]
fn each_family_gets_its_own_body() {
    let body = br#"{"model":"x","input":["one","two"],"dimensions":1024,"input_type":"search_query"}"#;
    for id in [
        "amazon.titan-embed-text-v2:0",
        "amazon.titan-embed-image-v1",
        "cohere.embed-english-v3",
        "cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ] {
        let mut request = embeddings::read(body).unwrap();
        let model = model(id);
        let family = EmbeddingFamily::of(&model).unwrap();
        let bodies = request.invocations(family, &model).unwrap();
        let bodies: Vec<String> = bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect();
        let notices: Vec<String> = request.notices.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(id.replace([':', '.'], "_"), [bodies, notices].concat().join("\n"));
    }
}
