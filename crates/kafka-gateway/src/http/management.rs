//! `/metrics`, `/healthy`, `/ready`. The oldest connection goes when there are too many, so that a probe is answered
//! whatever others do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
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
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                open.retain(|connection| !connection.is_finished());
                if open.len() >= CONNECTIONS_MAX
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                open.push_back(tokio::spawn(answer(stream, router.clone())).abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the management server could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    for connection in open {
        connection.abort();
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::debug!(%error, "a management connection ended early"),
        Err(_) => tracing::debug!("a management connection took too long"),
    }
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    match shown.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

async fn ready(State(shown): State<Arc<Shown>>) -> Response {
    match shown.ready() {
        Ok(()) => "OK\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// Prometheus, a kubelet and a few people at once.
const CONNECTIONS_MAX: usize = 64;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole of it: headers, answer, and a reader that takes its time.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

const BUFFER_BYTES: usize = 16 * 1024;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
