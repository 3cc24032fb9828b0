//! From an address to a logged-in connection, and from several addresses to the first that answers.
//!
//! An attempt that gets no answer does not hold up the others: each next one starts a little later, and the first that
//! is ready wins. All of it together ends at one deadline. Compare RFC 8305, which does so for TCP alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Connection, Stream};
use super::error::{Failure, WireError};
use super::{Shared, explain, sasl};

/// How long an attempt may be silent before the next one starts beside it.
const STAGGER: Duration = Duration::from_millis(500);

/// Connects to one address, whichever of the host's IP addresses answers first.
pub(super) async fn to(shared: &Arc<Shared>, address: &str) -> Result<Connection, WireError> {
    let deadline = Instant::now() + shared.request_timeout;
    let (host, port) = split(address)?;
    let begun = Instant::now();
    let resolved =
        tokio::time::timeout_at(deadline, tokio::net::lookup_host((host, port))).await.map_err(
            |_| WireError::timeout(address, "resolving the host's name", begun.elapsed()),
        )?;
    let resolved: Vec<SocketAddr> = resolved.map(Iterator::collect).map_err(|error| {
        WireError::new(Failure::Dns, address, format!("the host's name has no address: {error}"))
            .remedy("check the name, and the DNS of this machine")
    })?;
    let attempts = resolved.into_iter().map(|ip| {
        let (shared, address, host) = (Arc::clone(shared), address.to_owned(), host.to_owned());
        async move { attempt(shared, &address, &host, ip, deadline).await }
    });
    first(attempts).await
}

/// Connects to the first of the addresses that answers.
pub(super) async fn to_any(
    shared: &Arc<Shared>,
    addresses: Vec<String>,
) -> Result<Connection, WireError> {
    let attempts = addresses.into_iter().map(|address| {
        let shared = Arc::clone(shared);
        async move { to(&shared, &address).await }
    });
    first(attempts).await
}

/// Runs the attempts, each next one [`STAGGER`] after the last or as soon as one fails, and returns the first success.
/// An error that the others would meet too ends it.
async fn first<T, F>(attempts: impl Iterator<Item = F>) -> Result<T, WireError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, WireError>> + Send + 'static,
{
    let mut waiting = attempts.peekable();
    let mut running = JoinSet::new();
    let mut errors = Vec::new();
    loop {
        if let Some(attempt) = waiting.next() {
            running.spawn(attempt);
        }
        let ended = if waiting.peek().is_some() {
            match tokio::time::timeout(STAGGER, running.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            running.join_next().await
        };
        match ended {
            Some(Ok(Ok(value))) => return Ok(value),
            Some(Ok(Err(error))) if error.is_final() => return Err(error),
            Some(Ok(Err(error))) => {
                tracing::debug!(reason = error.reason(), "{error}");
                errors.push(error);
            }
            // The runtime is going down; nobody waits for the answer any more.
            Some(Err(_)) => {}
            None if waiting.peek().is_none() => return Err(WireError::of_all(errors)),
            None => {}
        }
    }
}

async fn attempt(
    shared: Arc<Shared>,
    address: &str,
    host: &str,
    ip: SocketAddr,
    deadline: Instant,
) -> Result<Connection, WireError> {
    let begun = Instant::now();
    let tcp = tokio::time::timeout_at(deadline, TcpStream::connect(ip))
        .await
        .map_err(|_| {
            WireError::timeout(address, "connecting by TCP", begun.elapsed())
                .remedy("the host is down, or a firewall drops the packets")
        })?
        .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
        .map_err(|error| explain::unconnected(address, &error))?;
    let stream: Box<dyn Stream> = match &shared.tls {
        None => Box::new(tcp),
        Some(tls) => {
            let handshake = tls.handshake(tcp, host, address);
            Box::new(tokio::time::timeout_at(deadline, handshake).await.map_err(|_| {
                WireError::timeout(address, "the TLS handshake", begun.elapsed())
                    .remedy("the broker is frozen or overloaded, or it is no TLS listener")
            })??)
        }
    };
    let mut connection = Connection::new(shared, address, stream);
    connection.negotiate(deadline).await?;
    sasl::log_in(&mut connection, deadline).await?;
    Ok(connection)
}

/// Host and port of `host:port`, `[::1]:port`.
fn split(address: &str) -> Result<(&str, u16), WireError> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some((host, port.parse().ok()?))
    });
    match parts {
        Some((host, port)) if !host.is_empty() => Ok((host, port)),
        _ => Err(WireError::configuration(address, "not an address")
            .remedy("write host:port, and IPv6 addresses in brackets")),
    }
}
