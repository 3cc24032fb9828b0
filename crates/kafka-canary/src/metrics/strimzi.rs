//! `strimzi_canary_*`: the names, labels, help and units of strimzi-canary, so that dashboards and alerts go on.

use kafka_operations::metrics::{Description, Family};
use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry, Result};

use super::Operation;
use crate::settings::MetricSettings;
use crate::targets::Targets;

pub(super) struct Strimzi {
    pub(super) client_creation_error: IntCounter,
    pub(super) expected_cluster_size_error: IntCounter,
    pub(super) records_produced: IntCounterVec,
    pub(super) records_produced_failed: IntCounterVec,
    pub(super) produced_latency: HistogramVec,
    pub(super) producer_refresh_metadata_error: IntCounterVec,
    pub(super) records_consumed: IntCounterVec,
    pub(super) consumed_latency: HistogramVec,
    pub(super) consumer_error: IntCounterVec,
    pub(super) consumer_timeout_join_group: IntCounterVec,
    pub(super) consumer_refresh_metadata_error: IntCounterVec,
    topic_describe_cluster_error: IntCounter,
    topic_creation_failed: IntCounterVec,
    topic_describe_error: IntCounterVec,
    topic_alter_assignments_error: IntCounterVec,
    topic_alter_configuration_error: IntCounterVec,
    connections: IntCounterVec,
    connection_errors: IntCounterVec,
    connection_latency: HistogramVec,
}

impl Strimzi {
    pub(super) fn register(
        registry: &Registry,
        descriptions: &mut Vec<Description>,
        settings: &MetricSettings,
    ) -> Result<Self> {
        let mut into = Family::new(registry, "strimzi_canary", descriptions);
        let clients = ["clientid"];
        let partitions = ["clientid", "partition"];
        let topics = ["topic"];
        let brokers = ["brokerid", "connected"];
        Ok(Self {
            client_creation_error: into.counter("client_creation_error_total", "Errors while creating a Kafka client")?,
            expected_cluster_size_error: into.counter(
                "expected_cluster_size_error_total",
                "Times that the cluster had another size than the one expected",
            )?,
            topic_describe_cluster_error: into
                .counter("topic_describe_cluster_error_total", "Errors while describing the cluster")?,
            topic_creation_failed: into.counters("topic_creation_failed_total", "Errors while creating the topic", &topics)?,
            topic_describe_error: into.counters("topic_describe_error_total", "Errors while describing the topic", &topics)?,
            topic_alter_assignments_error: into.counters(
                "topic_alter_assignments_error_total",
                "Errors while altering the topic's replica assignments",
                &topics,
            )?,
            topic_alter_configuration_error: into.counters(
                "topic_alter_configuration_error_total",
                "Errors while altering the topic's configuration",
                &topics,
            )?,
            records_produced: into.counters(
                "records_produced_total",
                "Records that were due, those that failed included",
                &partitions,
            )?,
            records_produced_failed: into.counters(
                "records_produced_failed_total",
                "Records that were not acknowledged",
                &partitions,
            )?,
            produced_latency: into.histogram(
                "records_produced_latency",
                "Milliseconds until a record was acknowledged",
                &partitions,
                &settings.producer_latency_ms,
            )?,
            producer_refresh_metadata_error: into.counters(
                "producer_refresh_metadata_error_total",
                "Errors while the producer refreshed the topic's metadata",
                &clients,
            )?,
            records_consumed: into.counters("records_consumed_total", "Records that were read", &partitions)?,
            consumed_latency: into.histogram(
                "records_consumed_latency",
                "Milliseconds from sending a record to reading it",
                &partitions,
                &settings.end_to_end_latency_ms,
            )?,
            consumer_error: into.counters("consumer_error_total", "Errors that the consumer reported", &clients)?,
            consumer_timeout_join_group: into.counters(
                "consumer_timeout_join_group_total",
                "Times that the consumer group could not be reached in time",
                &clients,
            )?,
            consumer_refresh_metadata_error: into.counters(
                "consumer_refresh_metadata_error_total",
                "Errors while the consumer refreshed the topic's metadata",
                &clients,
            )?,
            connections: into.counters("connection_total", "Connections that were tried, by broker and outcome", &brokers)?,
            connection_errors: into.counters(
                "connection_error_total",
                "Connections that failed; strimzi_canary_connection_total with connected=\"false\" says the same",
                &brokers,
            )?,
            connection_latency: into.histogram(
                "connection_latency",
                "Milliseconds until a connection could be used, or failed",
                &brokers,
                &settings.connection_latency_ms,
            )?,
        })
    }

    /// Counters whose labels are known begin at 0: the first error is an increase then, not a new series.
    pub(super) fn start_at_zero(&self, client_id: &str, topic: &str) {
        for counter in [
            &self.producer_refresh_metadata_error,
            &self.consumer_error,
            &self.consumer_timeout_join_group,
            &self.consumer_refresh_metadata_error,
        ] {
            counter.with_label_values(&[client_id]);
        }
        for counter in [
            &self.topic_creation_failed,
            &self.topic_describe_error,
            &self.topic_alter_assignments_error,
            &self.topic_alter_configuration_error,
        ] {
            counter.with_label_values(&[topic]);
        }
    }

    pub(super) fn targets_changed(&self, client_id: &str, before: &Targets, now: &Targets) {
        for target in &now.partitions {
            let labels = [client_id, &target.partition.to_string()];
            self.records_produced.with_label_values(&labels);
            self.records_produced_failed.with_label_values(&labels);
            self.records_consumed.with_label_values(&labels);
            self.produced_latency.with_label_values(&labels);
            self.consumed_latency.with_label_values(&labels);
        }
        for broker in &now.brokers {
            let id = broker.id.to_string();
            for connected in ["true", "false"] {
                self.connections.with_label_values(&[id.as_str(), connected]);
            }
            self.connection_errors.with_label_values(&[id.as_str(), "false"]);
        }
        for gone in before.partitions.iter().filter(|target| now.leader(target.partition).is_none())
        {
            let labels = [client_id, &gone.partition.to_string()];
            for counter in
                [&self.records_produced, &self.records_produced_failed, &self.records_consumed]
            {
                // Absent is what is wanted; so for all of these.
                let _ = counter.remove_label_values(&labels);
            }
            let _ = self.produced_latency.remove_label_values(&labels);
            let _ = self.consumed_latency.remove_label_values(&labels);
        }
        for gone in before.brokers.iter().filter(|broker| now.broker(broker.id).is_none()) {
            for connected in ["true", "false"] {
                let labels = [gone.id.to_string(), connected.to_owned()];
                let labels = labels.each_ref().map(String::as_str);
                let _ = self.connections.remove_label_values(&labels);
                let _ = self.connection_errors.remove_label_values(&labels);
                let _ = self.connection_latency.remove_label_values(&labels);
            }
        }
    }

    pub(super) fn operation_failed(&self, operation: Operation, topic: &str) {
        match operation {
            Operation::DescribeCluster => self.topic_describe_cluster_error.inc(),
            Operation::DescribeTopic => self.topic_describe_error.with_label_values(&[topic]).inc(),
            Operation::CreateTopic | Operation::CreatePartitions => {
                self.topic_creation_failed.with_label_values(&[topic]).inc();
            }
            Operation::AlterAssignments => {
                self.topic_alter_assignments_error.with_label_values(&[topic]).inc()
            }
            Operation::AlterConfiguration => {
                self.topic_alter_configuration_error.with_label_values(&[topic]).inc()
            }
            // The original had no such call.
            Operation::ElectLeaders => (),
        }
    }

    pub(super) fn connection(&self, broker: &str, connected: bool, latency_ms: f64) {
        let labels = [broker, if connected { "true" } else { "false" }];
        self.connections.with_label_values(&labels).inc();
        self.connection_latency.with_label_values(&labels).observe(latency_ms);
        if !connected {
            self.connection_errors.with_label_values(&labels).inc();
        }
    }
}
