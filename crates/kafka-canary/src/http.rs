//! `/metrics`, `/liveness`, `/readiness`, `/status`.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kafka_operations::server;
use tokio::net::TcpListener;
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
    server::serve(listener, router, stop).await;
}

async fn metrics(State(shown): State<Shown>) -> Response {
    shown.metrics.ready(shown.health.readiness().is_ok());
    server::metrics(shown.metrics.text().map_err(|error| error.to_string()))
}

async fn liveness(State(shown): State<Shown>) -> Response {
    server::verdict(shown.health.liveness(), WELL)
}

async fn readiness(State(shown): State<Shown>) -> Response {
    server::verdict(shown.health.readiness(), WELL)
}

async fn status(State(shown): State<Shown>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shown.health.status().json()).into_response()
}

/// As strimzi-canary answers.
const WELL: &str = "OK";

#[cfg(test)]
mod tests;
