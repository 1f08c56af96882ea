//! Another configuration while the gateway serves.

use http::StatusCode;
use outcrop_catalog::{Catalog, Layer, Source};
use outcrop_gateway::{Key, StartError};

use crate::rig::{Plan, Rig};

fn with_alias(name: &str, target: &str) -> Catalog {
    let aliases = [(name.to_owned(), target.to_owned())].into();
    Catalog::built_in().with(Source::File("test".to_owned()), Layer { aliases, ..Layer::default() })
}

fn ask(model: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#)
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn names_keys_and_region_follow_and_what_was_learned_stays() {
    let rig = Rig::start(Plan::default()).await;
    let profile = rig.profiles[0].clone();
    assert_eq!(rig.post(CHAT, ask(&profile)).await.status, StatusCode::OK, "learns the profile");
    assert_eq!(rig.post(CHAT, ask("fast")).await.status, StatusCode::NOT_FOUND);
    let mut settings = rig.settings.clone();
    settings.catalog = with_alias("fast", "amazon.nova-lite-v1:0");
    settings.region = "eu-west-1".to_owned();
    rig.reloader.apply(&settings).await.unwrap();
    let answer = rig.post(CHAT, ask("fast")).await;
    assert_eq!(answer.header("outcrop-model"), "amazon.nova-lite-v1:0", "{}", answer.text());
    assert_eq!(answer.header("outcrop-region"), "eu-west-1");
    assert_eq!(rig.post(CHAT, ask(&profile)).await.header("outcrop-model"), "anthropic.claude-sonnet-4-6");
    settings.keys = vec![Key::new("ana", "secret-a")];
    settings.catalog = Catalog::built_in();
    rig.reloader.apply(&settings).await.unwrap();
    assert_eq!(rig.post(CHAT, ask(&profile)).await.status, StatusCode::UNAUTHORIZED);
    let ana = [("authorization", "Bearer secret-a")];
    let answer = rig.send(http::Method::POST, CHAT, &ana, ask("fast")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "an alias that is gone is gone: {}", answer.text());
}

#[tokio::test]
async fn the_last_key_goes_on_loopback_only() {
    let keys = || vec![Key::new("ana", "secret-a")];
    for open in [false, true] {
        let rig = Rig::start(Plan { open, keys: keys(), ..Plan::default() }).await;
        let mut settings = rig.settings.clone();
        settings.keys.clear();
        let refused = matches!(rig.reloader.apply(&settings).await, Err(StartError::Open { .. }));
        let expected = if open { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!((refused, rig.get("/v1/models").await.status), (open, expected));
    }
}
