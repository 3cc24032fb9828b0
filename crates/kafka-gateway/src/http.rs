//! HTTP for producers, and [`management`] for operators.
//!
//! What a client may hold is bounded: connections in number, headers in size and time, bodies in size, time and all
//! together. A refusal that can be said without reading a body is said without it. The dialects' bodies are the
//! business of `kafka-gateway-api`; what becomes of records is that of [`Intake`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use kafka_gateway_api::Refusal;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Clients;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::producer::Producers;
use crate::settings::HttpSettings;
use body::Budget;

mod answer;
mod asked;
mod body;
mod clusters;
mod descriptors;
mod identity;
pub mod management;
mod routes;
mod server;
mod stream;
mod threads;
mod tls;
mod watch;

pub use descriptors::raise as raise_descriptors;
pub use server::serve;
pub use tls::Tls;

/// What requests are answered with.
pub struct App {
    settings: HttpSettings,
    intake: Arc<Intake>,
    clients: Clients,
    producers: Arc<Producers>,
    metrics: Arc<Metrics>,
    tls: Option<Arc<Tls>>,
    bodies: Arc<Budget>,
    /// For connections.
    room: Arc<Semaphore>,
    /// Requests that go on when their client hangs up.
    keyed: TaskTracker,
    /// Cancelled when the process begins to stop: long streams end.
    stop: CancellationToken,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Of the server.
    pub settings: HttpSettings,
    /// Decides about records.
    pub intake: Arc<Intake>,
    /// Who may write.
    pub clients: Clients,
    /// For the cluster's id.
    pub producers: Arc<Producers>,
    /// Told of every request.
    pub metrics: Arc<Metrics>,
    /// `None` is plain text.
    pub tls: Option<Arc<Tls>>,
    /// Ends the server.
    pub stop: CancellationToken,
}

impl App {
    /// For one server.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let bodies = Budget::new(parts.settings.bodies_max_bytes);
        let room = Arc::new(Semaphore::new(parts.settings.connections_max));
        let Parts { settings, intake, clients, producers, metrics, tls, stop } = parts;
        let keyed = TaskTracker::new();
        Self { settings, intake, clients, producers, metrics, tls, bodies, room, keyed, stop }
    }

    /// How many connections are open.
    fn connections(&self) -> usize {
        self.settings.connections_max.saturating_sub(self.room.available_permits())
    }

    /// Until Kafka was reached for the first time nobody knows its id; the topic's check says so then.
    fn cluster(&self, asked: &str) -> Result<(), Refusal> {
        match self.producers.cluster_id() {
            Some(id) if id != asked => Err(Refusal::UnknownCluster(asked.to_owned())),
            _ => Ok(()),
        }
    }
}

/// Takes an address.
///
/// # Errors
/// As the operating system's: in use, not allowed, not an address of this host.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Clients that come at once, as after a restart; the operating system may hold fewer.
const BACKLOG: u32 = 4096;
