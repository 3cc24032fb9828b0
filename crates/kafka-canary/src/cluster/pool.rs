//! Questions to any broker, over connections that are kept between them.
//!
//! Each question has a connection of its own, so none waits for another's. When a kept connection is silent for a
//! moment, the question is put to another broker too, and the first answer counts: a broker that freezes costs that
//! moment, not a timeout.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_protocol::protocol::Request;

use super::error::CallError;
use crate::targets::Broker;
use crate::wire::{Connection, Wire, WireError};

/// Kept connections, and where else to ask.
pub(super) struct Pool {
    wire: Arc<Wire>,
    idle: Mutex<Vec<Connection>>,
    known: Mutex<Vec<String>>,
}

impl Pool {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self { wire, idle: Mutex::default(), known: Mutex::default() }
    }

    /// Remembers the brokers, for when no bootstrap server answers.
    pub(super) fn learn(&self, brokers: &[Broker]) {
        let known = brokers.iter().take(KNOWN_MAX).map(Broker::address).collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Puts a question that changes nothing to any broker.
    ///
    /// `question` writes it for the version that the broker knows.
    pub(super) async fn ask<R, F>(&self, question: F) -> Result<R::Response, CallError>
    where
        R: Request,
        F: Fn(i16) -> R,
    {
        let Some(mut kept) = self.take() else { return Ok(self.ask_fresh(&question).await?) };
        let first = async {
            let answer = kept.call_for(&question).await;
            (answer, kept)
        };
        let second = async {
            tokio::time::sleep(SILENCE).await;
            self.ask_fresh(&question).await
        };
        tokio::pin!(first, second);
        tokio::select! {
            (answer, kept) = &mut first => match answer {
                Ok(answer) => {
                    self.keep(kept);
                    Ok(answer)
                }
                // Brokers close what is idle for long; that says nothing about the question.
                Err(_) => Ok(self.ask_fresh(&question).await?),
            },
            answer = &mut second => match answer {
                Ok(answer) => Ok(answer),
                Err(error) => match first.await {
                    (Ok(answer), kept) => {
                        self.keep(kept);
                        Ok(answer)
                    }
                    (Err(_), _) => Err(error.into()),
                },
            },
        }
    }

    async fn ask_fresh<R, F>(&self, question: &F) -> Result<R::Response, WireError>
    where
        R: Request,
        F: Fn(i16) -> R,
    {
        let mut connection = self.connect().await?;
        let answer = connection.call_for(question).await?;
        self.keep(connection);
        Ok(answer)
    }

    /// A connection to any broker.
    pub(super) async fn connect(&self) -> Result<Connection, WireError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.wire.connect_any(&known).await
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_usable() && idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}

/// Connections kept at a time; the canary's loops ask few questions at once.
const IDLE_MAX: usize = 2;
/// How long a kept connection may be silent before another broker is asked too.
const SILENCE: Duration = Duration::from_secs(1);
/// Brokers remembered beside the bootstrap servers.
const KNOWN_MAX: usize = 16;
