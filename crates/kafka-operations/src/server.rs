//! The server of `/metrics` and probes. What a client may hold is bounded: its headers in size and time, its connection to
//! one request, all connections in number. When there are too many, the oldest goes, so that the kubelet's probe is
//! answered whatever others do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Serves until the stop, which ends the connections that are open.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let answer = |stream, _| answer(stream, router.clone());
    // Dropping them ends them.
    drop(accept(listener, CONNECTIONS_MAX, &stop, answer).await);
}

/// Takes connections until the stop, and makes a task of each. When there are `most`, the oldest makes room.
///
/// Returns those that are open then: the caller lets them end, or drops them and thereby ends them.
pub async fn accept<C>(
    listener: TcpListener,
    most: usize,
    stop: &CancellationToken,
    connection: impl Fn(TcpStream, SocketAddr) -> C,
) -> JoinSet<()>
where
    C: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return tasks,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                while tasks.try_join_next().is_some() {}
                open.retain(|connection| !connection.is_finished());
                if open.len() >= most
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                open.push_back(tasks.spawn(connection(stream, peer)));
            }
            // Out of file descriptors, most likely: what is open goes on, and ends soon.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The answer of `/metrics`: a text of format 0.0.4, or why there is none.
#[must_use]
pub fn metrics(text: Result<Vec<u8>, String>) -> Response {
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

/// The answer of a probe: `well` with 200, or 503 with the reason.
#[must_use]
pub fn verdict(verdict: Result<(), String>, well: &'static str) -> Response {
    match verdict {
        Ok(()) => well.into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
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
        Ok(Err(error)) => tracing::debug!(%error, "an operator's connection ended early"),
        Err(_) => tracing::debug!("an operator's connection took too long"),
    }
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
