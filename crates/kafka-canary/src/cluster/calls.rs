//! Questions and what their answers say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, GroupId, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest,
    OffsetCommitResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::error::CallError;
use super::{ClusterState, PartitionState, TopicState};
use crate::targets::Broker;

pub(super) fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// The brokers, and these topics, none of which is to be made by asking.
pub(super) fn metadata(topics: &[&str]) -> MetadataRequest {
    let topics = topics
        .iter()
        .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))))
        .collect();
    MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(false)
}

pub(super) fn cluster_state(response: &MetadataResponse) -> Result<ClusterState, CallError> {
    CallError::check("describing the cluster", response.error_code, None)?;
    let mut brokers = Vec::with_capacity(response.brokers.len());
    for broker in &response.brokers {
        let rack = broker.rack.as_ref().map(StrBytes::to_string).filter(|rack| !rack.is_empty());
        brokers.push(self::broker(broker.node_id.0, &broker.host, broker.port, rack)?);
    }
    brokers.sort();
    brokers.dedup_by_key(|broker| broker.id);
    if brokers.is_empty() {
        return Err(CallError::incomplete("describing the cluster"));
    }
    Ok(ClusterState {
        id: response.cluster_id.as_ref().map(StrBytes::to_string),
        controller: present(response.controller_id.0),
        brokers,
    })
}

fn broker(id: i32, host: &str, port: i32, rack: Option<String>) -> Result<Broker, CallError> {
    match u16::try_from(port) {
        Ok(port) if port > 0 && !host.is_empty() && id >= 0 => {
            Ok(Broker { id, host: host.to_owned(), port, rack })
        }
        _ => Err(CallError::incomplete(&format!("the address of broker {id}"))),
    }
}

/// Ids below zero stand for none.
fn present(id: i32) -> Option<i32> {
    (id >= 0).then_some(id)
}

pub(super) fn topic_state(
    response: &MetadataResponse,
    name: &str,
) -> Result<Option<TopicState>, CallError> {
    let what = format!("describing the topic {name}");
    CallError::check(&what, response.error_code, None)?;
    let topic = response
        .topics
        .iter()
        .find(|topic| topic.name.as_ref().is_some_and(|found| found.as_str() == name))
        .ok_or_else(|| CallError::incomplete(&what))?;
    if topic.error_code == UNKNOWN_TOPIC_OR_PARTITION {
        return Ok(None);
    }
    CallError::check(&what, topic.error_code, None)?;
    // A partition without a leader has an error too; that is a state, and not a failure of the call.
    let partitions = topic
        .partitions
        .iter()
        .map(|partition| (partition.partition_index, partition_state(partition)));
    Ok(Some(TopicState { partitions: partitions.collect() }))
}

fn partition_state(partition: &MetadataResponsePartition) -> PartitionState {
    let ids = |ids: &[kafka_protocol::messages::BrokerId]| ids.iter().map(|id| id.0).collect();
    PartitionState {
        replicas: ids(&partition.replica_nodes),
        in_sync: ids(&partition.isr_nodes),
        leader: present(partition.leader_id.0),
    }
}

/// Which of these partitions are moved.
pub(super) fn reassignments(
    name: &str,
    partitions: &[i32],
    timeout: Duration,
) -> ListPartitionReassignmentsRequest {
    let topic = ListPartitionReassignmentsTopics::default()
        .with_name(topic_name(name))
        .with_partition_indexes(partitions.to_vec());
    ListPartitionReassignmentsRequest::default()
        .with_topics(Some(vec![topic]))
        .with_timeout_ms(milliseconds(timeout))
}

pub(super) fn reassigning(
    response: &ListPartitionReassignmentsResponse,
) -> Result<BTreeSet<i32>, CallError> {
    let said = response.error_message.as_ref().map(StrBytes::as_str);
    CallError::check("listing reassignments", response.error_code, said)?;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions.map(|partition| partition.partition_index).collect())
}

pub(super) fn describe_config(name: &str) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC_RESOURCE)
        .with_resource_name(text(name))
        .with_configuration_keys(None);
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

pub(super) fn topic_config(
    response: &DescribeConfigsResponse,
    name: &str,
) -> Result<BTreeMap<String, String>, CallError> {
    let what = format!("reading the configuration of the topic {name}");
    let result = response.results.first().ok_or_else(|| CallError::incomplete(&what))?;
    let said = result.error_message.as_ref().map(StrBytes::as_str);
    CallError::check(&what, result.error_code, said)?;
    let own = result.configs.iter().filter(|config| config.config_source == SET_ON_THE_TOPIC);
    Ok(own
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect())
}

/// One group: its field has another name from version 4 on.
pub(super) fn find_coordinator(group: &str, version: i16) -> FindCoordinatorRequest {
    let request = FindCoordinatorRequest::default().with_key_type(GROUP_COORDINATOR);
    if version < COORDINATOR_KEYS {
        request.with_key(text(group))
    } else {
        request.with_coordinator_keys(vec![text(group)])
    }
}

pub(super) fn coordinator(
    response: &FindCoordinatorResponse,
    group: &str,
) -> Result<Broker, CallError> {
    let what = format!("finding the coordinator of the group {group}");
    let Some(found) = response.coordinators.first() else {
        let said = response.error_message.as_ref().map(StrBytes::as_str);
        CallError::check(&what, response.error_code, said)?;
        return broker(response.node_id.0, &response.host, response.port, None);
    };
    let said = found.error_message.as_ref().map(StrBytes::as_str);
    CallError::check(&what, found.error_code, said)?;
    broker(found.node_id.0, &found.host, found.port, None)
}

/// Of a consumer that is no member: no generation, no member id.
pub(super) fn commit(group: &str, topic: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(StrBytes::new()));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(NO_GENERATION)
        .with_topics(vec![topic])
}

pub(super) fn committed(response: &OffsetCommitResponse, address: &str) -> Result<(), CallError> {
    let what = format!("committing an offset at {address}");
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let partition = partitions.next().ok_or_else(|| CallError::incomplete(&what))?;
    CallError::check(&what, partition.error_code, None)
}

/// `UNKNOWN_TOPIC_OR_PARTITION`.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// `ConfigResource.Type.TOPIC`.
pub(super) const TOPIC_RESOURCE: i8 = 2;
/// `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const SET_ON_THE_TOPIC: i8 = 1;
/// `CoordinatorType.GROUP`.
const GROUP_COORDINATOR: i8 = 0;
/// First version of FindCoordinator that takes several keys (KIP-699).
const COORDINATOR_KEYS: i16 = 4;
const NO_GENERATION: i32 = -1;
