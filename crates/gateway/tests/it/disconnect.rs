//! A client that leaves: the answer is read to its end, or the connection to Bedrock is closed; the books say which.

use std::time::Duration;

use outcrop_gateway::OnDisconnect;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Books, Plan, Rig};
use crate::ways_in::request;

/// One of each dialect.
const SURFACES: [&str; 4] = ["chat", "responses", "messages→claude", "converse"];

/// Every surface, left in the middle of a stream.
async fn leave_everywhere(on_disconnect: OnDisconnect) -> Books {
    let rig = Rig::start(Plan { on_disconnect, ..Plan::default() }).await;
    for surface in SURFACES {
        let (path, body) = request(&rig, surface, true, "count to 60");
        rig.begin_and_leave(&path, &body, "slow-drip;bytes=512").await;
    }
    for _ in 0..200 {
        let bill = rig.bill().await;
        if bill.len() == SURFACES.len() && bill.iter().all(|entry| !entry["clientDisconnected"].is_null()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rig.books().await
}

#[tokio::test]
async fn drained_answers_are_billed_to_the_token_whichever_way_bedrock_bills() {
    let Books { rows, bill } = leave_everywhere(OnDisconnect::Drain).await;
    assert_eq!((rows.len(), bill.len()), (SURFACES.len(), SURFACES.len()));
    for row in rows {
        let billed = bill.iter().find(|entry| entry["requestId"].as_str() == row.request_id.as_deref());
        let billed = billed.expect("the row is of a billed call");
        assert_eq!(
            (row.usage.as_str(), row.error.as_deref()),
            ("exact", Some("ClientDisconnected")),
            "{row:?}"
        );
        assert_eq!(
            (Some(row.input), Some(row.output)),
            (billed["inputTokens"].as_i64(), billed["outputTokens"].as_i64())
        );
        assert_eq!(billed["handedOverOutputTokens"], billed["outputTokens"], "both truths agree");
        assert_eq!(billed["clientDisconnected"], false, "Bedrock saw nobody leave");
    }
}

#[tokio::test]
async fn cancelled_answers_are_estimated_and_bedrocks_connection_is_closed() {
    let Books { rows, bill } = leave_everywhere(OnDisconnect::Cancel).await;
    assert_eq!((rows.len(), bill.len()), (SURFACES.len(), SURFACES.len()));
    for row in rows {
        let billed = bill.iter().find(|entry| entry["requestId"].as_str() == row.request_id.as_deref());
        let billed = billed.expect("the row is of a billed call");
        assert_eq!(
            (row.usage.as_str(), row.error.as_deref()),
            ("estimated", Some("ClientDisconnected")),
            "{row:?}"
        );
        assert!(row.input > 0 && row.output > 0, "{row:?}");
        assert_eq!(billed["clientDisconnected"], true);
        let handed_over = billed["handedOverOutputTokens"].as_i64().unwrap();
        assert!(handed_over < billed["outputTokens"].as_i64().unwrap());
    }
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_awaited_for_its_bill() {
    let rig = Rig::start(Plan::default()).await;
    let body = json!({"model": rig.profiles[1], "messages": [{"role": "user", "content": "count to 60"}]})
        .to_string();
    let address = rig.gateway.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nx-outcrop-fault: slow-drip;bytes=64\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    while rig.bill().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stream);
    let Books { rows, bill } = rig.books().await;
    assert_eq!((rows.len(), bill.len()), (1, 1));
    assert_eq!((rows[0].usage.as_str(), rows[0].error.as_deref()), ("exact", Some("ClientDisconnected")));
    assert_eq!(Some(rows[0].output), bill[0]["outputTokens"].as_i64());
}
