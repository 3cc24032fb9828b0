//! One connection to one broker: TCP, TLS, login, a request and its response; and the same settings for librdkafka.
//!
//! Everything has a deadline, and no peer's word makes memory grow. A broker that is frozen, away or no broker at all
//! yields an error that says where, what, and what to do about it. References: protocol guide; KIP-43, KIP-152, KIP-368
//! for the login; RFC 5802, 7677, 7628 for its mechanisms.

mod connect;
mod connection;
mod error;
mod explain;
mod frame;
mod librdkafka;
mod sasl;
mod tls;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;

pub use connection::Connection;
pub use error::{Failure, WireError};
pub use librdkafka::Librdkafka;

use crate::settings;

/// How to reach brokers; cheap to clone.
#[derive(Clone)]
pub struct Wire {
    shared: Arc<Shared>,
    bootstrap: Arc<[String]>,
    /// Where the next bootstrap begins, so that not all of them go to the same broker.
    next: Arc<AtomicUsize>,
    librdkafka: rdkafka::ClientConfig,
}

/// What each connection needs.
struct Shared {
    client_id: StrBytes,
    request_timeout: Duration,
    tls: Option<tls::Tls>,
    login: Option<sasl::Login>,
}

impl Wire {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// A certificate, key or librdkafka setting that cannot work, with its variable.
    pub fn new(kafka: &settings::Kafka) -> Result<Self, WireError> {
        let tls = kafka.tls.as_ref().map(tls::Tls::new).transpose()?;
        let login = kafka
            .sasl
            .as_ref()
            .map(|sasl| sasl::Login::new(sasl, kafka.request_timeout))
            .transpose()?;
        let librdkafka = librdkafka::configuration(kafka, tls.as_ref())?;
        let shared = Shared {
            client_id: StrBytes::from_string(kafka.client_id.clone()),
            request_timeout: kafka.request_timeout,
            tls,
            login,
        };
        Ok(Self {
            shared: Arc::new(shared),
            bootstrap: kafka.bootstrap.as_slice().into(),
            next: Arc::default(),
            librdkafka,
        })
    }

    /// Connects to one broker, `host:port`, and logs in. All of it together takes no longer than one request may.
    ///
    /// # Errors
    /// As [`WireError`].
    pub async fn connect(&self, address: &str) -> Result<Connection, WireError> {
        connect::to(&self.shared, address).await
    }

    /// Connects to the first of the bootstrap servers that answers; a dead or silent one delays little.
    ///
    /// # Errors
    /// No server answers; or one refuses the login, which the others would too.
    pub async fn bootstrap(&self) -> Result<Connection, WireError> {
        self.connect_any(&[]).await
    }

    /// As [`Self::bootstrap`], and goes on with these further addresses.
    ///
    /// # Errors
    /// As [`Self::bootstrap`].
    pub async fn connect_any(&self, further: &[String]) -> Result<Connection, WireError> {
        let mut addresses = self.bootstrap.to_vec();
        let begin = self.next.fetch_add(1, Ordering::Relaxed);
        let length = addresses.len().max(1);
        addresses.rotate_left(begin % length);
        for address in further {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        connect::to_any(&self.shared, addresses).await
    }

    /// How long one request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.shared.request_timeout
    }

    /// The same settings for librdkafka; add what the client is for.
    #[must_use]
    pub fn librdkafka(&self) -> rdkafka::ClientConfig {
        self.librdkafka.clone()
    }

    /// The context for a producer or a consumer of librdkafka: tokens, log.
    #[must_use]
    pub fn context(&self) -> Librdkafka {
        Librdkafka::new(self.shared.login.as_ref().and_then(sasl::Login::tokens))
    }
}
