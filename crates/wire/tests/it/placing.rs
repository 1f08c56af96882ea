//! Cache points that nobody asked for.

use outcrop_catalog::{Catalog, Model};
use outcrop_wire::envelope::{self, Members};
use outcrop_wire::family::{self, CachePlacement, Terms};
use outcrop_wire::{Notices, anthropic};
use serde_json::{Value, json};

const SONNET_4_5: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn model(id: &str) -> Model {
    Catalog::built_in().model(id).unwrap().as_ref().clone()
}

/// A request with so many bytes of system prompt, and one tool.
fn request(system: usize) -> Value {
    json!({"model": "m", "max_tokens": 10, "system": "s".repeat(system),
        "tools": [{"name": "a", "description": "d", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "first"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "latest"}]})
}

fn translated(id: &str, body: &Value, cache: CachePlacement) -> (Value, Vec<String>) {
    let translated = anthropic::translate(&serde_json::to_vec(body).unwrap(), &[]).unwrap();
    let terms = Terms { cache, ..Terms::default() };
    let prepared = family::apply_under(translated, Some(&model(id)), &terms).unwrap();
    crate::lint::check(&prepared.request);
    let told = prepared.notices.iter().map(|notice| format!("{} {}", notice.rule, notice.field)).collect();
    (serde_json::to_value(&prepared.request).unwrap(), told)
}

fn relayed(id: &str, body: &Value, cache: CachePlacement) -> (Value, Vec<String>) {
    let terms = Terms { cache, ..Terms::default() };
    let mut notices = Notices::default();
    let bytes = serde_json::to_vec(body).unwrap();
    let members = Members::read(&bytes).unwrap();
    let relayed = envelope::relay_messages_to(Some(&model(id)), &members, &[], &terms, &mut notices).unwrap();
    let told = notices.iter().map(|notice| format!("{} {}", notice.rule, notice.field)).collect();
    (serde_json::from_slice(&relayed).unwrap(), told)
}

/// The cache points of a Converse body, and the places of `cache_control` in a native one.
fn places(body: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, places: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}/{index}"), places);
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    if matches!(key.as_str(), "cachePoint" | "cache_control") {
                        places.push(path.to_owned());
                    }
                    walk(value, &format!("{path}/{key}"), places);
                }
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(body, "", &mut places);
    places.sort();
    places
}

#[test]
fn points_stand_where_they_pay_and_nowhere_else() {
    let auto = CachePlacement::Automatic;
    let converse = ["/messages/2/content/1", "/system/1"];
    let (body, told) = translated(SONNET_4_5, &request(8_000), auto);
    assert_eq!(places(&body), converse, "the tools alone are shorter than the minimum");
    assert!(told.contains(&"added cache_control".to_owned()), "{told:?}");
    assert_eq!(body["system"][1]["cachePoint"], json!({"type": "default"}));
    let (body, _) = relayed(SONNET_4_5, &request(8_000), auto);
    assert_eq!(places(&body), ["/messages/2/content/0", "/system/0"]);
    assert_eq!(body["messages"][2]["content"][0]["text"], "latest");

    let mut long = request(10);
    long["tools"][0]["description"] = "d".repeat(8_000).into();
    assert_eq!(places(&translated(SONNET_4_5, &long, auto).0).len(), 3);
    assert_eq!(places(&relayed(SONNET_4_5, &long, auto).0).len(), 3);
    let nova = translated("amazon.nova-pro-v1:0", &long, auto).0;
    assert!(places(&nova).iter().all(|place| !place.starts_with("/toolConfig")), "Nova takes none there");

    assert!(places(&translated(SONNET_4_5, &request(100), auto).0).is_empty(), "too short");
    assert!(places(&relayed(SONNET_4_5, &request(100), auto).0).is_empty());
    assert!(places(&translated("meta.llama3-3-70b-instruct-v1:0", &request(8_000), auto).0).is_empty());
    let asked = CachePlacement::Asked;
    assert!(places(&translated(SONNET_4_5, &request(8_000), asked).0).is_empty());
    assert!(places(&relayed(SONNET_4_5, &request(8_000), asked).0).is_empty());
}

#[test]
fn a_client_that_asks_is_left_alone_and_an_hour_is_an_hour() {
    let mut body = request(8_000);
    body["messages"][0]["content"] =
        json!([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]);
    let hour = CachePlacement::AutomaticHour;
    assert_eq!(places(&translated(SONNET_4_5, &body, hour).0), ["/messages/0/content/1"]);
    assert_eq!(places(&relayed(SONNET_4_5, &body, hour).0), ["/messages/0/content/0"]);
    let (body, _) = translated(SONNET_4_5, &request(8_000), hour);
    assert_eq!(body["system"][1]["cachePoint"]["ttl"], "1h");
    let (body, _) = relayed(SONNET_4_5, &request(8_000), hour);
    assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    let (body, _) = translated("amazon.nova-pro-v1:0", &request(8_000), hour);
    assert!(body["system"][1]["cachePoint"].get("ttl").is_none());
}

#[test]
fn odd_conversations_get_no_point_where_none_may_stand() {
    let auto = CachePlacement::Automatic;
    for content in [
        json!(""),
        json!([]),
        json!([{"type": "text", "text": "x"}, {"type": "thinking", "thinking": "t", "signature": "s"}]),
        json!(7),
        json!(null),
    ] {
        let mut body = request(8_000);
        body["messages"] = json!([{"role": "assistant", "content": content}]);
        assert!(
            places(&relayed(SONNET_4_5, &body, auto).0).iter().all(|place| !place.starts_with("/messages")),
            "{content}"
        );
    }
}
