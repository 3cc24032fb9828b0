//! `/metrics`, `/liveness`, `/readiness`, `/status`. What a client may hold is bounded: its headers in size and time,
//! its connection to one request, all connections in number. When there are too many, the oldest goes, so that the
//! kubelet's probe is answered whatever others do.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

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

use crate::health::Health;
use crate::metrics::Metrics;

/// What the endpoints show.
#[derive(Clone)]
pub struct Shown {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For the others.
    pub health: Arc<Health>,
}

/// Takes the address. `:port` is every address of the host, of both families where it has both.
///
/// # Errors
/// As the operating system's: in use, not allowed, not an address of this host.
pub async fn bind(listen: &str) -> io::Result<TcpListener> {
    match listen.strip_prefix(':') {
        None => TcpListener::bind(listen).await,
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Ok(listener) => Ok(listener),
            // A host without IPv6 says "not supported" or "not available".
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind(format!("0.0.0.0:{port}")).await
            }
            Err(error) => Err(error),
        },
    }
}

/// Serves until the stop.
pub async fn run(listener: TcpListener, shown: Shown, stop: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/liveness", get(liveness))
        .route("/readiness", get(readiness))
        .route("/status", get(status))
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
                open.push_back(tokio::spawn(serve(stream, router.clone())).abort_handle());
            }
            // Out of file descriptors, most likely: what is open goes on, and ends soon.
            Err(error) => {
                tracing::warn!(%error, "a connection to the HTTP server could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    for connection in open {
        connection.abort();
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
        Err(_) => tracing::debug!("an HTTP connection took too long"),
    }
}

async fn metrics(State(shown): State<Shown>) -> Response {
    shown.metrics.ready(shown.health.readiness().is_ok());
    match shown.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

async fn liveness(State(shown): State<Shown>) -> Response {
    verdict(shown.health.liveness())
}

async fn readiness(State(shown): State<Shown>) -> Response {
    verdict(shown.health.readiness())
}

fn verdict(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "OK".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn status(State(shown): State<Shown>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shown.health.status().json()).into_response()
}

/// Prometheus, a kubelet and a few people at once.
const CONNECTIONS_MAX: usize = 64;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole of it: headers, answer, and a reader that takes its time.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Headers that do not fit are answered with 431.
const BUFFER_BYTES: usize = 16 * 1024;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
