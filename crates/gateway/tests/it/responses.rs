//! OpenAI's Responses API over real sockets.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Plan, Rig};

const PHRASE: &str = "the quick brown fox";

fn ask(model: &str, input: Value, more: Value) -> String {
    let mut body = json!({"model": model, "input": input});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

/// The whole response that a stream ends with; the events are numbered and say the same.
fn last_response(events: &[Value]) -> Value {
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    assert_eq!(events[0]["type"], "response.created");
    assert_eq!(events[1]["type"], "response.in_progress");
    let response = events.last().unwrap()["response"].clone();
    let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
    assert_eq!(response["output"], done.map(|event| event["item"].clone()).collect::<Value>());
    response
}

#[tokio::test]
async fn both_profiles_answer_streamed_and_not() {
    let rig = Rig::start(Plan::default()).await;
    for (path, profile) in [("/v1/responses", &rig.profiles[0]), ("/openai/v1/responses", &rig.profiles[1])] {
        let input = json!(format!("repeat after me: {PHRASE}"));
        let whole = rig.post(path, ask(profile, input.clone(), json!({"instructions": "Be brief."}))).await;
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
        let whole = whole.json();
        assert_eq!(whole["output"][0]["content"][0]["text"], PHRASE);
        assert_eq!(whole["status"], "completed");
        assert_eq!(whole["instructions"], "Be brief.");
        let events = rig.post(path, ask(profile, input, json!({"stream": true}))).await.events();
        let response = last_response(&events);
        assert_eq!(response["output"][0]["content"], whole["output"][0]["content"]);
        let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
        assert_eq!(deltas.filter_map(|event| event["delta"].as_str()).collect::<String>(), PHRASE);
        assert_eq!(events.last().unwrap()["type"], "response.completed");
    }
}

#[tokio::test]
async fn tools_and_reasoning_make_the_round_trip() {
    let rig = Rig::start(Plan::default()).await;
    let tool = json!({"type": "function", "name": "get_weather", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}});
    let more =
        json!({"tools": [tool], "reasoning": {"effort": "low"}, "stream": true, "max_output_tokens": 4000});
    let mut input = vec![json!({"role": "user", "content": "please call get_weather for Paris"})];
    let events = rig.post("/v1/responses", ask(&rig.profiles[0], json!(input), more.clone())).await.events();
    let response = last_response(&events);
    let output = response["output"].as_array().unwrap();
    assert_eq!(output[0]["type"], "reasoning", "{response}");
    assert!(output[0]["encrypted_content"].as_str().unwrap().starts_with("bedrock:"));
    let call = output.iter().find(|item| item["type"] == "function_call").unwrap();
    input.extend(output.clone());
    input.push(
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny, 21 degrees"}),
    );
    let answer = rig.post("/v1/responses", ask(&rig.profiles[0], json!(input), more)).await;
    let text = last_response(&answer.events())["output"].to_string();
    assert!(text.contains("sunny, 21 degrees"), "{text}");
}

#[tokio::test]
async fn what_ends_early_is_no_completed_response() {
    let rig = Rig::start(Plan::default()).await;
    let body = ask(&rig.profiles[0], json!("count to 50"), json!({"stream": true, "max_output_tokens": 20}));
    let events = rig.post("/v1/responses", body.clone()).await.events();
    let response = last_response(&events);
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(events.last().unwrap()["type"], "response.incomplete");
    let fault = [("x-outcrop-fault", "cut;at=mid")];
    let events = rig.send(Method::POST, "/v1/responses", &fault, body).await.events();
    assert_eq!(events.last().unwrap()["type"], "error", "{events:?}");
    assert!(events.iter().all(|event| event["type"] != "response.completed"));
}

#[tokio::test]
async fn stored_state_is_refused_with_a_way_out() {
    let rig = Rig::start(Plan::default()).await;
    let more = json!({"previous_response_id": "resp_1"});
    let answer = rig.post("/v1/responses", ask(&rig.profiles[0], json!("x"), more)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["param"], "previous_response_id");
}

/// Items of tools that OpenAI runs itself carry arguments as an object; they are dropped with a notice, not refused.
#[tokio::test]
async fn arguments_may_be_text_or_an_object() {
    let rig = Rig::start(Plan::default()).await;
    let call = |kind: &str, arguments: Value| json!({"type": kind, "call_id": "c1", "name": "look", "arguments": arguments});
    let result = json!({"type": "function_call_output", "call_id": "c1", "output": "42"});
    for arguments in [json!("{\"a\": 1}"), json!({"a": 1})] {
        let input = json!([{"role": "user", "content": "Hi"}, call("tool_search_call", json!({"q": "x"})),
            call("function_call", arguments), result, {"role": "user", "content": "repeat after me: done"}]);
        let answer = rig.post("/v1/responses", ask(&rig.profiles[0], input, json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let notices: Vec<_> = answer.headers.get_all("outcrop-notice").iter().collect();
        assert!(
            notices.iter().any(|notice| notice.to_str().unwrap().contains("tool_search_call")),
            "{notices:?}"
        );
    }
}

#[tokio::test]
async fn a_response_is_continued_by_its_id_and_read_again() {
    let rig = Rig::start(Plan::default()).await;
    for (model, stream) in [(&rig.profiles[0], false), (&rig.profiles[1], true)] {
        let more = json!({"stream": stream});
        let said = |answer: crate::rig::Answer| match stream {
            true => last_response(&answer.events()),
            false => answer.json(),
        };
        let input = json!("repeat after me: my name is Ada");
        let first = said(rig.post("/v1/responses", ask(model, input, more.clone())).await);
        let id = first["id"].as_str().unwrap().to_owned();
        let more = json!({"stream": stream, "previous_response_id": id});
        let second = rig.post("/v1/responses", ask(model, json!("what did I ask before?"), more)).await;
        let second = said(second);
        assert_eq!(second["previous_response_id"], json!(id));
        assert!(
            second["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64(),
            "the first turn was not sent: {second}"
        );
        assert_eq!(rig.get(&format!("/v1/responses/{id}")).await.json(), first);
        let items = rig.get(&format!("/openai/v1/responses/{id}/input_items")).await.json();
        assert_eq!(items["data"][0]["content"][0]["text"], "repeat after me: my name is Ada");
        assert_eq!(items["data"][0]["id"], items["first_id"]);
        let path = format!("/v1/responses/{id}");
        let delete = || rig.send(Method::DELETE, &path, &[], "");
        assert_eq!(delete().await.json()["deleted"], true);
        assert_eq!(delete().await.status, StatusCode::NOT_FOUND);
        let more = json!({"previous_response_id": id});
        let refused = rig.post("/v1/responses", ask(model, json!("and now?"), more)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.json()["error"]["param"], "previous_response_id");
    }
}

#[tokio::test]
async fn items_are_named_instead_of_sent() {
    let rig = Rig::start(Plan::default()).await;
    let tool = json!({"type": "function", "name": "get_weather", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}});
    let question = json!({"role": "user", "content": "please call get_weather for Paris"});
    let body = ask(&rig.profiles[0], json!([question]), json!({"tools": [tool]}));
    let output = rig.post("/v1/responses", body).await.json()["output"].as_array().unwrap().clone();
    let call = output.iter().find(|item| item["type"] == "function_call").unwrap();
    let mut input = vec![question];
    input.extend(output.iter().map(|item| json!({"type": "item_reference", "id": item["id"]})));
    input.push(
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny, 21 degrees"}),
    );
    let answer =
        rig.post("/v1/responses", ask(&rig.profiles[0], json!(input), json!({"tools": [tool]}))).await;
    assert!(answer.text().contains("sunny, 21 degrees"), "{}", answer.text());
    let lost = json!([{"type": "item_reference", "id": "msg_0_0"}]);
    let refused = rig.post("/v1/responses", ask(&rig.profiles[0], lost, json!({}))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("no stored item"), "{}", refused.text());
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_not() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.post("/v1/responses", ask(&rig.profiles[0], json!("Hi"), json!({"store": false}))).await;
    let answer = answer.json();
    assert_eq!(answer["store"], false);
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    assert_eq!(rig.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_key_cannot_read_what_another_made() {
    let keys = vec![
        outcrop_gateway::Key::new("ana", "secret-of-ana"),
        outcrop_gateway::Key::new("bo", "secret-of-bo"),
    ];
    let rig = Rig::start(Plan { keys, ..Plan::default() }).await;
    let (mine, other) = ("Bearer secret-of-ana", "Bearer secret-of-bo");
    let body = ask(&rig.profiles[0], json!("Hi"), json!({}));
    let answer = rig.send(Method::POST, "/v1/responses", &[("authorization", mine)], body).await.json();
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    for (bearer, status) in [(other, StatusCode::NOT_FOUND), (mine, StatusCode::OK)] {
        let answer = rig.send(Method::GET, &path, &[("authorization", bearer)], "").await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(rig.get(&path).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn custom_and_namespaced_tools_are_called_as_they_were_declared() {
    let rig = Rig::start(Plan::default()).await;
    let format = json!({"type": "grammar", "syntax": "lark", "definition": "start: WORD"});
    let tools = json!([
        {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": format},
        {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [
            {"type": "function", "name": "find_customer", "parameters":
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}]},
    ]);
    for stream in [false, true] {
        let more = json!({"tools": tools, "stream": stream});
        for (tool, kind) in [("apply_patch", "custom_tool_call"), ("crm__find_customer", "function_call")] {
            let question = json!({"role": "user", "content": format!("please call {tool} now")});
            let answer =
                rig.post("/v1/responses", ask(&rig.profiles[0], json!([question]), more.clone())).await;
            let notices: Vec<_> = answer.headers.get_all("outcrop-notice").iter().collect();
            assert!(
                notices.iter().any(|notice| notice.to_str().unwrap().contains("grammars")),
                "{notices:?}"
            );
            let events = if stream { answer.events() } else { Vec::new() };
            let response = if stream { last_response(&events) } else { answer.json() };
            let output = response["output"].as_array().unwrap();
            let call =
                output.iter().find(|item| item["type"] == kind).unwrap_or_else(|| panic!("{response}"));
            let (member, result) = match kind {
                "function_call" => ("arguments", "function_call_output"),
                _ => ("input", "custom_tool_call_output"),
            };
            assert!(call[member].is_string(), "{call}");
            if kind == "function_call" {
                assert_eq!((&call["name"], &call["namespace"]), (&json!("find_customer"), &json!("crm")));
            } else {
                assert_eq!(call["name"], "apply_patch");
                let done =
                    events.iter().find(|event| event["type"] == "response.custom_tool_call_input.done");
                assert_eq!(done.map(|event| event["input"].clone()), stream.then(|| call["input"].clone()));
            }
            let mut input = vec![question];
            input.extend(output.clone());
            input.push(json!({"type": result, "call_id": call["call_id"], "output": "all is well"}));
            let answer = rig.post("/v1/responses", ask(&rig.profiles[0], json!(input), more.clone())).await;
            assert!(answer.text().contains("all is well"), "{}", answer.text());
        }
    }
}
