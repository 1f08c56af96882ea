//! What the gateway says of itself: `/metrics` and `/readyz`.

use http::{Method, StatusCode};
use outcrop_gateway::Key;
use serde_json::json;

use crate::rig::{Plan, Rig};

fn ask(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "count to 5"}]})
        .to_string()
}

/// The value of the sample whose line begins with `name` and holds all of `labels`; 0 when there is none.
fn value(figures: &str, name: &str, labels: &[&str]) -> f64 {
    let mut lines =
        figures.lines().filter(|line| line.starts_with(name) && labels.iter().all(|it| line.contains(it)));
    lines.next().map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// `/metrics` once it shows `count` ended invocations: the ledger's writer collects records for a moment.
async fn figures(rig: &Rig, count: f64) -> String {
    loop {
        let figures = rig.get("/metrics").await.text();
        let ended: f64 = figures
            .lines()
            .filter(|line| line.starts_with("outcrop_invocations_total{"))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum();
        assert!(ended <= count, "{figures}");
        if ended == count {
            return figures;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn figures_agree_with_the_answers() {
    let rig = Rig::start(Plan::default()).await;
    let nova = rig.profiles[1].clone();
    let answer = rig.post("/v1/chat/completions", ask(&nova, false)).await.json();
    rig.post("/v1/chat/completions", ask(&nova, true)).await;
    rig.send(
        Method::POST,
        "/v1/chat/completions",
        &[("x-outcrop-fault", "AccessDeniedException")],
        ask(&nova, false),
    )
    .await;
    rig.get("/nowhere").await;

    let figures = figures(&rig, 3.0).await;
    let profile = "profile=\"local-nova\"";
    assert_eq!(
        value(
            &figures,
            "outcrop_invocations_total",
            &[profile, "status=\"200\"", "operation=\"ConverseStream\""]
        ),
        1.0
    );
    assert_eq!(
        value(&figures, "outcrop_invocations_total", &[profile, "error=\"AccessDeniedException\""]),
        1.0
    );
    let input = answer["usage"]["prompt_tokens"].as_f64().unwrap();
    assert_eq!(value(&figures, "outcrop_tokens_total", &[profile, "type=\"input\""]), 2.0 * input);
    assert_eq!(value(&figures, "outcrop_duration_seconds_count", &[profile]), 3.0);
    assert_eq!(value(&figures, "outcrop_first_event_seconds_count", &[profile]), 1.0);
    assert!(value(&figures, "outcrop_cost_usd_total", &[profile]) > 0.0);
    assert_eq!(value(&figures, "outcrop_errors_total", &["status=\"404\""]), 1.0);
    assert_eq!(value(&figures, "outcrop_open_invocations", &[]), 0.0);
    assert!(figures.ends_with("# EOF\n"));
}

#[tokio::test]
async fn figures_are_for_callers_only() {
    let rig = Rig::start(Plan { keys: vec![Key::new("a", "a-secret")], ..Plan::default() }).await;
    assert_eq!(rig.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let known = [("authorization", "Bearer a-secret")];
    assert_eq!(rig.send(Method::GET, "/metrics", &known, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn ready_tells_degraded_from_well() {
    let rig = Rig::start(Plan::default()).await;
    let claude = rig.profiles[0].clone();
    assert_eq!(rig.get("/readyz").await.json()["status"], "ready");
    for _ in 0..5 {
        let fault = [("x-outcrop-fault", "InternalServerException;at=first")];
        let failed = rig.send(Method::POST, "/v1/chat/completions", &fault, ask(&claude, true)).await;
        assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    figures(&rig, 5.0).await;
    let degraded = rig.get("/readyz").await;
    assert_eq!((degraded.status, degraded.json()["status"].as_str()), (StatusCode::OK, Some("degraded")));
    rig.post("/v1/chat/completions", ask(&claude, false)).await;
    figures(&rig, 6.0).await;
    assert_eq!(rig.get("/readyz").await.json()["status"], "ready");
}
