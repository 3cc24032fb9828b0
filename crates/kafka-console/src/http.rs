//! Pages over HTTP: read-only, for few people, on an address that strangers may reach too. What a client may hold is
//! bounded: its headers in size and time, a stalled answer in time, all connections and all live streams in number.
//! When there are too many connections the oldest goes, so that a kubelet's probe is answered whatever others do.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kafka_operations::server;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::source::Source;

mod access;
mod answer;
mod assets;
mod brief;
mod guard;
mod host;
mod live;
mod metrics;
mod pages;
mod patience;
mod routes;

pub use access::Access;
pub use assets::BUILT;
pub use host::Hosts;
pub use metrics::Metrics;

/// What requests are answered from.
pub struct App {
    pages: pages::Pages,
    access: Access,
    hosts: Hosts,
    live: live::Live,
    metrics: Metrics,
    stop: CancellationToken,
}

impl App {
    /// Over one source, until the stop.
    ///
    /// # Errors
    /// Metrics cannot be registered, which does not happen.
    pub fn new(
        source: Source,
        public_url: Option<String>,
        access: Access,
        hosts: Hosts,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, String> {
        let metrics = Metrics::new().map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            pages: pages::Pages::new(source, public_url),
            access,
            hosts,
            live: live::Live::new(),
            metrics,
            stop,
        }))
    }
}

/// Whose connection a request came over.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

/// Serves until the app's stop, and then a little longer for what is being answered.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    let stop = app.stop.clone();
    let tokens = tokio::spawn(watch_token(app.clone()));
    let router = routes::router(app);
    let stopped = stop.clone();
    let connection = move |stream, peer| connection(stream, peer, router.clone(), stopped.clone());
    let open = server::accept(listener, CONNECTIONS_MAX, &stop, connection).await;
    tokens.abort();
    // What has not ended by then is ended by dropping it.
    let _ = tokio::time::timeout(DRAIN, open.join_all()).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    // An event is written at once; to wait for more of it would only delay it.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let handle = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let stream = patience::Patient::new(stream, WRITE_TIMEOUT);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), handle);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A secret that is mounted changes beneath the program.
async fn watch_token(app: Arc<App>) {
    loop {
        tokio::time::sleep(TOKEN_INTERVAL).await;
        app.access.read_again().await;
    }
}

/// Takes the address.
///
/// # Errors
/// As the operating system's: in use, not allowed, not an address of this host.
pub async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(listen).await
}

/// People with a few tabs each, Prometheus and a kubelet.
const CONNECTIONS_MAX: usize = 256;

/// From the first byte of a request to the last of its headers; between two requests of a connection too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

const HEADERS_MAX: usize = 64;

/// Headers that do not fit are answered with 431.
const BUFFER_BYTES: usize = 16 * 1024;

/// A reader that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// For answers that have begun when the stop comes.
const DRAIN: Duration = Duration::from_millis(500);

const TOKEN_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
