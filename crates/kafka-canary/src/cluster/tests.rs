//! What answers of brokers say, and what the canary asks in each version.

use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeConfigsResponse, FindCoordinatorResponse, MetadataResponse,
    OffsetCommitRequest,
};
use kafka_protocol::protocol::{Encodable, Message};

use super::calls::{self, text, topic_name};
use super::*;

fn described(id: i32, port: i32, rack: Option<&str>) -> MetadataResponseBroker {
    MetadataResponseBroker::default()
        .with_node_id(BrokerId(id))
        .with_host(text("host"))
        .with_port(port)
        .with_rack(rack.map(text))
}

#[test]
fn brokers_come_by_id_with_their_racks() {
    let brokers = vec![described(2, 9092, Some("b")), described(1, 9093, Some(""))];
    let response = MetadataResponse::default()
        .with_brokers(brokers)
        .with_cluster_id(Some(text("id")))
        .with_controller_id(BrokerId(-1));
    let state = calls::cluster_state(&response).unwrap();
    let seen: Vec<_> = state.brokers.iter().map(|b| (b.id, b.port, b.rack.as_deref())).collect();
    assert_eq!(seen, [(1, 9093, None), (2, 9092, Some("b"))]);
    assert_eq!((state.id.as_deref(), state.controller), (Some("id"), None));
}

#[test]
fn brokers_that_cannot_be_reached_are_no_brokers() {
    for brokers in [vec![], vec![described(1, 0, None)], vec![described(1, 65_536, None)]] {
        let response = MetadataResponse::default().with_brokers(brokers);
        let error = calls::cluster_state(&response).unwrap_err();
        assert_eq!((error.reason, error.is_transient()), ("protocol", true));
    }
}

fn topic(error: i16) -> MetadataResponse {
    let partition = |index, leader, error| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_error_code(error)
            .with_leader_id(BrokerId(leader))
            .with_replica_nodes(vec![BrokerId(2), BrokerId(1)])
            .with_isr_nodes(vec![BrokerId(1)])
    };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(topic_name("topic")))
        .with_error_code(error)
        .with_partitions(vec![partition(1, -1, LEADER_NOT_AVAILABLE), partition(0, 2, 0)]);
    MetadataResponse::default().with_topics(vec![topic])
}

#[test]
fn a_partition_without_a_leader_is_a_state_and_no_error() {
    let state = calls::topic_state(&topic(0), "topic").unwrap().unwrap();
    assert_eq!(state.partitions[&0].leader, Some(2));
    let without = PartitionState { replicas: vec![2, 1], in_sync: vec![1], leader: None };
    assert_eq!(state.partitions[&1], without);
}

#[test]
fn a_topic_that_does_not_exist_is_not_one_that_is_refused() {
    assert_eq!(calls::topic_state(&topic(UNKNOWN_TOPIC_OR_PARTITION), "topic"), Ok(None));
    let error = calls::topic_state(&topic(TOPIC_AUTHORIZATION_FAILED), "topic").unwrap_err();
    assert_eq!((error.reason, error.is_transient()), ("topic_authorization_failed", false));
    assert!(error.message.contains("allow the canary's user"), "{error}");
    let error = calls::topic_state(&topic(0), "other").unwrap_err();
    assert_eq!(error.reason, "protocol", "an answer about another topic");
}

#[test]
fn only_what_is_set_on_the_topic_is_its_configuration() {
    const DEFAULT: i8 = 5;
    const TOPIC: i8 = 1;
    let config = |name, value: Option<&str>, source| {
        DescribeConfigsResourceResult::default()
            .with_name(text(name))
            .with_value(value.map(text))
            .with_config_source(source)
    };
    let configs = vec![
        config("retention.ms", Some("1"), TOPIC),
        config("segment.ms", Some("2"), DEFAULT),
        config("sensitive", None, TOPIC),
    ];
    let result = DescribeConfigsResult::default().with_configs(configs);
    let response = DescribeConfigsResponse::default().with_results(vec![result]);
    let set = calls::topic_config(&response, "topic").unwrap();
    assert_eq!(set, BTreeMap::from([(String::from("retention.ms"), String::from("1"))]));
}

#[test]
fn the_coordinator_is_asked_for_in_the_form_of_each_version() {
    for version in 0..=6 {
        let request = calls::find_coordinator("group", version);
        let mut bytes = bytes::BytesMut::new();
        request.encode(&mut bytes, version).unwrap();
        assert!(bytes.windows(5).any(|window| window == b"group"), "version {version}");
    }
}

#[test]
fn the_coordinator_is_read_in_both_forms() {
    let old = FindCoordinatorResponse::default()
        .with_node_id(BrokerId(3))
        .with_host(text("host"))
        .with_port(9092);
    let each =
        Coordinator::default().with_node_id(BrokerId(3)).with_host(text("host")).with_port(9092);
    let new = FindCoordinatorResponse::default().with_coordinators(vec![each.clone()]);
    for response in [old, new] {
        let broker = calls::coordinator(&response, "group").unwrap();
        assert_eq!((broker.id, broker.address().as_str()), (3, "host:9092"));
    }
    let absent = each.with_error_code(COORDINATOR_NOT_AVAILABLE);
    let old = FindCoordinatorResponse::default().with_error_code(COORDINATOR_NOT_AVAILABLE);
    let new = FindCoordinatorResponse::default().with_coordinators(vec![absent]);
    for response in [old, new] {
        let error = calls::coordinator(&response, "group").unwrap_err();
        assert_eq!((error.reason, error.is_transient()), ("coordinator_not_available", true));
    }
}

#[test]
fn a_commit_can_be_written_in_every_version() {
    let versions = OffsetCommitRequest::VERSIONS;
    for version in versions.min..=versions.max {
        let request = calls::commit("group", "topic", 0, 42);
        assert!(request.encode(&mut bytes::BytesMut::new(), version).is_ok(), "version {version}");
    }
}

#[test]
fn errors_have_kafkas_names_and_say_whether_they_pass() {
    for (code, reason, transient) in [
        (-1, "unknown_server_error", false),
        (7, "request_timed_out", true),
        (41, "not_controller", true),
        (40, "invalid_config", false),
        (44, "policy_violation", false),
        (60, "reassignment_in_progress", true),
        (80, "preferred_leader_not_available", true),
        (9999, "unknown", false),
    ] {
        let error = CallError::check("asking", code, Some("said")).unwrap_err();
        assert_eq!((error.reason, error.is_transient()), (reason, transient));
        assert!(error.message.contains("said"), "{error}");
    }
    assert_eq!(CallError::check("asking", 0, None), Ok(()));
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
