//! `GET /healthz`: the process answers. `GET /readyz`: requests can be served, and how well.
//!
//! *Degraded* is still ready: a balancer that takes every gateway out because AWS is down only adds to the outage. A
//! gateway that is stopping is not.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::ledger::Record;
use crate::reply::ReplyBody;

/// What the gateway has noticed about itself.
#[derive(Debug, Default)]
pub(crate) struct Health {
    stopping: AtomicBool,
    ledger_failing: AtomicBool,
    /// Invocations in a row that AWS failed to serve.
    failures: AtomicU32,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
struct Report {
    status: &'static str,
    checks: [Check; 3],
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// So many failures in a row are no accident.
const DEGRADED_AFTER: u32 = 5;

impl Health {
    /// No new connections are accepted from now on.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the last attempt to write the ledger failed.
    pub(crate) fn ledger(&self, failing: bool) {
        self.ledger_failing.store(failing, Ordering::Relaxed);
    }

    /// An invocation that reached AWS and was not served for a reason that is AWS's, or one that ends the row of them.
    pub(crate) fn observe(&self, record: &Record) {
        if record.status >= 500 {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// 200 while requests can be served, 503 otherwise; the body says what is wrong.
    pub(crate) fn readiness(&self) -> Response<ReplyBody> {
        let checks = [self.listener(), self.ledger_check(), self.upstream()];
        let status = match (self.is_ready(), checks.iter().all(|check| check.ok)) {
            (false, _) => "stopping",
            (true, false) => "degraded",
            (true, true) => "ready",
        };
        let body = serde_json::to_vec(&Report { status, checks }).expect("texts are JSON");
        let mut response = Response::new(ReplyBody::whole(body));
        if !self.is_ready() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn listener(&self) -> Check {
        let detail = (!self.is_ready()).then(|| "told to stop; open answers are finished".to_owned());
        Check { name: "listener", ok: detail.is_none(), detail }
    }

    fn ledger_check(&self) -> Check {
        let failing = self.ledger_failing.load(Ordering::Relaxed);
        let detail = failing.then(|| "cannot be written: see the log; is the disk full?".to_owned());
        Check { name: "ledger", ok: detail.is_none(), detail }
    }

    fn upstream(&self) -> Check {
        let failures = self.failures.load(Ordering::Relaxed);
        let detail = (failures >= DEGRADED_AFTER).then(|| format!("the last {failures} invocations failed"));
        Check { name: "upstream", ok: detail.is_none(), detail }
    }
}
