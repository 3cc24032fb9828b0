//! `/metrics`, `/healthy`, `/ready`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use kafka_operations::server;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::idempotency::Keys;
use crate::metrics::LogState;
use crate::wal::Wal;

/// What the endpoints show.
pub struct Shown {
    /// The other server.
    pub app: Arc<App>,
    /// Idempotency-Keys.
    pub keys: Arc<Keys>,
    /// The write-ahead log, when there is one.
    pub wal: Option<Arc<Wal>>,
    /// Set when the process begins to stop.
    pub draining: AtomicBool,
}

impl Shown {
    /// Whether requests can be taken.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("the gateway is stopping".to_owned());
        }
        let producers = &self.app.producers;
        let Some(wal) = &self.wal else {
            return producers.ready();
        };
        if let Some(error) = wal.state().failing {
            return Err(format!("the write-ahead log cannot be written: {error}"));
        }
        // An outage of Kafka is what the log is for: who was ready stays so. Before the first contact no topic is known.
        match producers.cluster_id() {
            Some(_) => Ok(()),
            None => producers.ready(),
        }
    }

    fn text(&self) -> Result<Vec<u8>, String> {
        let metrics = &self.app.metrics;
        metrics.connections(self.app.connections());
        metrics.bodies(self.app.bodies.used());
        metrics.certificates(self.app.tls.as_ref().is_some_and(|tls| tls.is_failing()));
        metrics.ready(self.ready().is_ok());
        metrics.keys(&self.keys.state());
        if let Some(wal) = &self.wal {
            metrics.log(&log(wal));
        }
        metrics.text().map_err(|error| error.to_string())
    }
}

fn log(wal: &Wal) -> LogState {
    let state = wal.state();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let accepted = state.oldest_accepted_ms.and_then(|ms| u64::try_from(ms).ok());
    LogState {
        bytes: state.bytes_used,
        limit_bytes: state.bytes_limit,
        entries_waiting: state.entries_waiting,
        oldest_age: accepted
            .map_or(Duration::ZERO, |ms| now.saturating_sub(Duration::from_millis(ms))),
        dead_letters: state.dead_letters,
        failing: state.failing.is_some(),
    }
}

/// Serves until the stop.
pub async fn serve(listener: TcpListener, shown: Arc<Shown>, stop: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthy", get("OK\n"))
        .route("/ready", get(ready))
        .with_state(shown);
    server::serve(listener, router, stop).await;
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    server::metrics(shown.text())
}

async fn ready(State(shown): State<Arc<Shown>>) -> Response {
    server::verdict(shown.ready(), "OK\n")
}
