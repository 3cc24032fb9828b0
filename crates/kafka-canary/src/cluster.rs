//! The admin calls that the canary needs, as functions of plain types, for Kafka 2.8 and newer.
//!
//! All of them go over the canary's own connections: librdkafka has no function for half of them, and a client of it
//! for the other half would cost threads and a second kind of error. Questions go to any broker, over connections that
//! are kept, and past one that is silent; what changes something goes to the controller, over a fresh connection, once.
//! References: protocol guide; KIP-455 (reassignments), KIP-339 (incremental configurations), KIP-460 (elections).

mod calls;
mod changes;
mod error;
mod pool;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::CallError;

use crate::targets::Broker;
use crate::wire::{Connection, Wire};

/// The cluster, as far as the canary administers it.
pub struct Cluster {
    wire: Arc<Wire>,
    pool: pool::Pool,
}

/// The brokers that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// The cluster's id.
    pub id: Option<String>,
    /// Where changes are sent: the controller, or with KRaft any broker, which passes them on.
    pub controller: Option<i32>,
    /// By id.
    pub brokers: Vec<Broker>,
}

/// A topic that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicState {
    /// By number.
    pub partitions: BTreeMap<i32, PartitionState>,
}

/// A partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Brokers with a replica, the preferred leader first. While replicas are moved: the old ones and the new ones.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub in_sync: Vec<i32>,
    /// The leader, if there is one.
    pub leader: Option<i32>,
}

impl Cluster {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(wire: Arc<Wire>) -> Self {
        Self { pool: pool::Pool::new(Arc::clone(&wire)), wire }
    }

    /// The brokers.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn describe(&self) -> Result<ClusterState, CallError> {
        let response = self.pool.ask(|_| calls::metadata(&[])).await?;
        let state = calls::cluster_state(&response)?;
        self.pool.learn(&state.brokers);
        Ok(state)
    }

    /// A topic; none when it does not exist.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn topic(&self, name: &str) -> Result<Option<TopicState>, CallError> {
        let response = self.pool.ask(|_| calls::metadata(&[name])).await?;
        calls::topic_state(&response, name)
    }

    /// What is set on the topic itself, not what it inherits.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn topic_config(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        let response = self.pool.ask(|_| calls::describe_config(name)).await?;
        calls::topic_config(&response, name)
    }

    /// The coordinator of a group. The first question of all makes the brokers create `__consumer_offsets`.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn coordinator(&self, group: &str) -> Result<Broker, CallError> {
        let response = self.pool.ask(|version| calls::find_coordinator(group, version)).await?;
        calls::coordinator(&response, group)
    }

    /// Partitions of `__consumer_offsets` and their leaders, which are the coordinators; none before any group was used.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn offset_partitions(&self) -> Result<Vec<(i32, Option<i32>)>, CallError> {
        let topic = self.topic(OFFSETS_TOPIC).await?.unwrap_or_default();
        Ok(topic.partitions.iter().map(|(number, state)| (*number, state.leader)).collect())
    }

    /// Commits one offset as a consumer that assigns its partitions itself, over a connection to the coordinator.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn commit(
        &self,
        connection: &mut Connection,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), CallError> {
        let request = calls::commit(group, topic, partition, offset);
        let address = connection.address().to_owned();
        calls::committed(&connection.call(&request).await?, &address)
    }
}

/// Where groups keep their offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

#[cfg(test)]
mod tests;
