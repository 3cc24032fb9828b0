//! One connection to one broker: a request, then its response.
//!
//! One request is under way at a time, and it has a deadline. Whatever ends it early, a timeout or a dropped future
//! included, poisons the connection: a response that comes late can never be taken for the next one's.
//! Reference: protocol guide; KIP-511 for ApiVersions; KIP-368 for the lifetime of a session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::protocol::{Message, Request, StrBytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::Shared;
use super::connect;
use super::error::{Failure, WireError};
use super::explain;
use super::frame::{self, DecodeError};

/// A logged-in connection to one broker.
pub struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) address: String,
    stream: Box<dyn Stream>,
    /// Lowest and highest version of each API that the broker has.
    versions: BTreeMap<i16, (i16, i16)>,
    correlation: i32,
    poisoned: bool,
    /// Whether the broker has logged the connection in, or answered a request that it does not answer to everybody.
    served: bool,
    /// When the broker will want another login.
    session_end: Option<Instant>,
}

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, address: &str, stream: Box<dyn Stream>) -> Self {
        Self {
            shared,
            address: address.to_owned(),
            stream,
            versions: BTreeMap::new(),
            correlation: 0,
            poisoned: false,
            served: false,
            session_end: None,
        }
    }

    /// `host:port` as it was asked for.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether nothing has gone wrong on it yet.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.poisoned
    }

    /// Sends a request in the highest version that both sides know, and waits for its response, for as long as the
    /// settings let one request take. A connection whose login is about to expire is replaced first.
    ///
    /// # Errors
    /// As [`WireError`]; after one of them, save for a request that the broker does not know, the connection is of no
    /// use any more.
    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, WireError> {
        let version = self.ready::<R>().await?;
        self.serve(request, version).await
    }

    /// As [`Self::call`], for a request that is written differently from version to version.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_for<R, F>(&mut self, request: F) -> Result<R::Response, WireError>
    where
        R: Request,
        F: FnOnce(i16) -> R,
    {
        let version = self.ready::<R>().await?;
        self.serve(&request(version), version).await
    }

    /// Replaces a connection whose login is about to expire; returns the version to send.
    async fn ready<R: Request>(&mut self) -> Result<i16, WireError> {
        if self.session_end.is_some_and(|end| Instant::now() >= end) {
            *self = connect::to(&self.shared, &self.address).await?;
        }
        self.version::<R>()
    }

    async fn serve<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, WireError> {
        let deadline = Instant::now() + self.shared.request_timeout;
        let response = self.exchange(request, version, deadline).await?;
        self.served = true;
        Ok(response)
    }

    /// The version that a request is sent in.
    ///
    /// # Errors
    /// The broker does not have the request, or no version of it that the canary has.
    pub fn version<R: Request>(&self) -> Result<i16, WireError> {
        let unsupported = |what: String| {
            WireError::new(Failure::Unsupported, &self.address, what)
                .remedy("the canary works with Kafka 2.8 and newer")
        };
        let name = name_of(R::KEY);
        let Some(&(lowest, highest)) = self.versions.get(&R::KEY) else {
            return Err(unsupported(format!("the broker has no request {name}")));
        };
        let own = R::VERSIONS.intersect(&<R::Response as Message>::VERSIONS);
        let common = own.min.max(lowest)..=own.max.min(highest);
        common.rev().find(|version| frame::knows(R::KEY, *version)).ok_or_else(|| {
            unsupported(format!(
                "the broker has {name} in versions {lowest} to {highest}, the canary in {} to {}",
                own.min, own.max
            ))
        })
    }

    /// Asks for the versions of all requests. A broker that does not know the version of this question answers it in
    /// version 0 and says which it knows (KIP-511).
    pub(super) async fn negotiate(&mut self, deadline: Instant) -> Result<(), WireError> {
        let question = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(env!("CARGO_PKG_NAME")))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut version = API_VERSIONS;
        let mut answer = self.roundtrip(&question, version, deadline).await?;
        if frame::first_error(&answer) == Some(UNSUPPORTED_VERSION) {
            version = 0;
            self.poisoned = false;
            answer = self.roundtrip(&ApiVersionsRequest::default(), version, deadline).await?;
        }
        let response = self.decode::<ApiVersionsRequest>(answer, version)?;
        if response.error_code != 0 {
            self.poisoned = true;
            let code = kafka_wire::error_code::name(response.error_code).unwrap_or("unknown");
            let what = format!("ApiVersions is answered with the error {code}");
            return Err(WireError::new(Failure::Protocol, &self.address, what));
        }
        self.versions = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, (api.min_version, api.max_version)))
            .collect();
        Ok(())
    }

    /// One request in this version, within the deadline.
    pub(super) async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, WireError> {
        let answer = self.roundtrip(request, version, deadline).await?;
        self.decode::<R>(answer, version)
    }

    /// The login is done.
    pub(super) fn set_logged_in(&mut self) {
        self.served = true;
    }

    /// How long this login holds; the connection is replaced before that.
    pub(super) fn set_session_lifetime(&mut self, lifetime: Duration) {
        self.session_end = Some(Instant::now() + lifetime.mul_f64(SESSION_USED));
    }

    /// Sends a request and reads a frame. The connection is poisoned until the frame is decoded.
    async fn roundtrip<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<bytes::BytesMut, WireError> {
        let name = name_of(R::KEY);
        if self.poisoned {
            let what = format!("{name} is not sent: an earlier request failed on this connection");
            return Err(WireError::new(Failure::Closed, &self.address, what));
        }
        self.correlation = self.correlation.wrapping_add(1);
        let request = frame::encode(request, version, self.correlation, &self.shared.client_id)
            .map_err(|error| {
                let what = format!("{name} in version {version} cannot be written: {error}");
                WireError::new(Failure::Unsupported, &self.address, what)
            })?;
        self.poisoned = true;
        let begun = Instant::now();
        let stream = &mut self.stream;
        let both = async {
            stream.write_all(&request).await.map_err(frame::ReadError::Io)?;
            stream.flush().await.map_err(frame::ReadError::Io)?;
            frame::read(stream).await
        };
        match tokio::time::timeout_at(deadline, both).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                Err(explain::unanswered(&self.shared, &self.address, name, self.served, error))
            }
            Err(_) => Err(WireError::timeout(&self.address, name, begun.elapsed())
                .remedy("the broker is stopped, frozen, overloaded, or packets to it are dropped")),
        }
    }

    fn decode<R: Request>(
        &mut self,
        answer: bytes::BytesMut,
        version: i16,
    ) -> Result<R::Response, WireError> {
        match frame::decode::<R>(answer, version, self.correlation) {
            Ok(response) => {
                self.poisoned = false;
                Ok(response)
            }
            Err(error) => {
                let name = name_of(R::KEY);
                let what = match error {
                    DecodeError::Correlation(id) => format!(
                        "{name} with correlation id {} is answered with {id}",
                        self.correlation
                    ),
                    DecodeError::Malformed(why) => {
                        format!("the response to {name} in version {version} is malformed: {why}")
                    }
                };
                Err(WireError::new(Failure::Protocol, &self.address, what)
                    .remedy("is it a Kafka broker, or a proxy that changes what passes?"))
            }
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Connection")
            .field("address", &self.address)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

fn name_of(api_key: i16) -> &'static str {
    kafka_wire::schema::api(api_key).map_or("request", |api| api.name)
}

/// Version of the first question: the lowest with the software's name (KIP-511), so that few brokers refuse it.
const API_VERSIONS: i16 = 3;
/// `UNSUPPORTED_VERSION`.
const UNSUPPORTED_VERSION: i16 = 35;
/// Share of a session's lifetime after which the connection is replaced; Kafka's own clients use 0.85 to 0.95.
const SESSION_USED: f64 = 0.85;
