//! Calls that change something: made by the controller.
//!
//! Each goes over a fresh connection and is sent once: a connection that breaks after that leaves open whether the
//! change was made, which only the next description of the topic can tell. It is sent again only when the broker says
//! that it is not the controller, or before anything was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, CreatePartitionsRequest, CreateTopicsRequest,
    ElectLeadersRequest, IncrementalAlterConfigsRequest, ListPartitionReassignmentsRequest,
};
use kafka_protocol::protocol::{Request, StrBytes};

use super::Cluster;
use super::calls::{self, TOPIC_RESOURCE, milliseconds, text, topic_name};
use super::error::CallError;
use crate::wire::{Connection, WireError};

impl Cluster {
    /// Makes a topic with exactly these replicas for each partition, the preferred leader first.
    ///
    /// # Errors
    /// As [`CallError`]; `topic_already_exists` if it does.
    pub async fn create_topic(
        &self,
        name: &str,
        assignments: &BTreeMap<i32, Vec<i32>>,
        config: &[(String, String)],
    ) -> Result<(), CallError> {
        let assignments = assignments.iter().map(|(partition, replicas)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(*partition)
                .with_broker_ids(broker_ids(replicas))
        });
        let config = config.iter().map(|(name, value)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        });
        // -1 for both numbers: the assignments say them.
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect())
            .with_configs(config.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(self.change_timeout());
        let what = format!("creating the topic {name}");
        self.change::<CreateTopicsRequest, _>(&request, |response| {
            let result = response.topics.first().ok_or_else(|| CallError::incomplete(&what))?;
            check(&what, result.error_code, result.error_message.as_ref())
        })
        .await
    }

    /// Adds partitions up to `total`, with these replicas for the new ones.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn create_partitions(
        &self,
        name: &str,
        total: i32,
        new: &[Vec<i32>],
    ) -> Result<(), CallError> {
        let assignments = new.iter().map(|replicas| {
            CreatePartitionsAssignment::default().with_broker_ids(broker_ids(replicas))
        });
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(total)
            .with_assignments(Some(assignments.collect()));
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(self.change_timeout());
        let what = format!("adding partitions to the topic {name}");
        self.change::<CreatePartitionsRequest, _>(&request, |response| {
            let result = response.results.first().ok_or_else(|| CallError::incomplete(&what))?;
            check(&what, result.error_code, result.error_message.as_ref())
        })
        .await
    }

    /// Begins to move partitions to these replicas (KIP-455); it is done when [`Cluster::topic`] shows them alone.
    ///
    /// # Errors
    /// As [`CallError`]; that of the first partition that is refused.
    pub async fn alter_assignments(
        &self,
        name: &str,
        assignments: &BTreeMap<i32, Vec<i32>>,
    ) -> Result<(), CallError> {
        let partitions = assignments.iter().map(|(partition, replicas)| {
            ReassignablePartition::default()
                .with_partition_index(*partition)
                .with_replicas(Some(broker_ids(replicas)))
        });
        let topic = ReassignableTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.collect());
        let request = AlterPartitionReassignmentsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(self.change_timeout());
        let what = format!("moving replicas of the topic {name}");
        self.change::<AlterPartitionReassignmentsRequest, _>(&request, |response| {
            check(&what, response.error_code, response.error_message.as_ref())?;
            for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
                let what = format!("{what}, partition {}", partition.partition_index);
                check(&what, partition.error_code, partition.error_message.as_ref())?;
            }
            Ok(())
        })
        .await
    }

    /// Sets these keys of the topic's configuration and leaves all others (KIP-339).
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn alter_config(
        &self,
        name: &str,
        set: &[(String, String)],
    ) -> Result<(), CallError> {
        let configs = set.iter().map(|(name, value)| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(SET)
                .with_value(Some(text(value)))
        });
        let resource = AlterConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text(name))
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let what = format!("configuring the topic {name}");
        self.change::<IncrementalAlterConfigsRequest, _>(&request, |response| {
            let result = response.responses.first().ok_or_else(|| CallError::incomplete(&what))?;
            check(&what, result.error_code, result.error_message.as_ref())
        })
        .await
    }

    /// Gives these partitions back to their preferred leaders; one that has it already is no error.
    ///
    /// # Errors
    /// As [`CallError`]; that of the first partition whose preferred leader cannot lead.
    pub async fn elect_leaders(&self, name: &str, partitions: &[i32]) -> Result<(), CallError> {
        let topic = TopicPartitions::default()
            .with_topic(topic_name(name))
            .with_partitions(partitions.to_vec());
        let request = ElectLeadersRequest::default()
            .with_election_type(PREFERRED)
            .with_topic_partitions(Some(vec![topic]))
            .with_timeout_ms(self.change_timeout());
        let what = format!("electing preferred leaders of the topic {name}");
        self.change::<ElectLeadersRequest, _>(&request, |response| {
            check(&what, response.error_code, None)?;
            let topics = &response.replica_election_results;
            for partition in topics.iter().flat_map(|topic| &topic.partition_result) {
                if partition.error_code != ELECTION_NOT_NEEDED {
                    let what = format!("{what}, partition {}", partition.partition_id);
                    check(&what, partition.error_code, partition.error_message.as_ref())?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Which of these partitions have replicas that are being moved, by whomever. Only the controller knows.
    ///
    /// # Errors
    /// As [`CallError`].
    pub async fn reassigning(
        &self,
        name: &str,
        partitions: &[i32],
    ) -> Result<BTreeSet<i32>, CallError> {
        let request = calls::reassignments(name, partitions, self.wire.request_timeout());
        self.change::<ListPartitionReassignmentsRequest, _>(&request, calls::reassigning).await
    }

    /// Sends a request to the controller, and to the next one when that was not or is not it.
    async fn change<R, T>(
        &self,
        request: &R,
        read: impl Fn(&R::Response) -> Result<T, CallError>,
    ) -> Result<T, CallError>
    where
        R: Request,
    {
        let mut attempt = 1;
        loop {
            let error = match self.controller().await {
                Ok(mut controller) => match read(&controller.call(request).await?) {
                    Err(error) if error.is(NOT_CONTROLLER) => error,
                    outcome => return outcome,
                },
                Err(error) => error,
            };
            if attempt == ATTEMPTS || !error.is_transient() {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A connection to the controller; to any broker if there is none, which then says so.
    async fn controller(&self) -> Result<Connection, CallError> {
        let state = self.describe().await?;
        let controller = state.controller;
        let broker = state.brokers.iter().find(|broker| Some(broker.id) == controller);
        let connection: Result<Connection, WireError> = match broker {
            Some(broker) => self.wire.connect(&broker.address()).await,
            None => self.pool.connect().await,
        };
        Ok(connection?)
    }

    /// How long a broker may take over a change: it must have answered before the connection is given up.
    fn change_timeout(&self) -> i32 {
        milliseconds(self.wire.request_timeout().mul_f64(BROKERS_SHARE))
    }
}

fn check(what: &str, code: i16, said: Option<&StrBytes>) -> Result<(), CallError> {
    CallError::check(what, code, said.map(StrBytes::as_str))
}

fn broker_ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// `NOT_CONTROLLER`.
const NOT_CONTROLLER: i16 = 41;
/// `ELECTION_NOT_NEEDED`.
const ELECTION_NOT_NEEDED: i16 = 84;
/// `AlterConfigOp.OpType.SET`.
const SET: i8 = 0;
/// `ElectionType.PREFERRED`.
const PREFERRED: i8 = 0;
/// How often a controller is looked for.
const ATTEMPTS: u32 = 3;
/// Between two such attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// Share of a request's time that the broker itself may use.
const BROKERS_SHARE: f64 = 0.8;
