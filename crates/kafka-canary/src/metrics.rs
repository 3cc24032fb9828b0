//! Every metric, as the events that move them: `strimzi_canary_*` with the names, labels and units of strimzi-canary, and
//! `kafka_canary_*` in seconds beside them.
//!
//! Labels are partitions and brokers, which the cluster bounds, and reasons, which code bounds: no label is free text.
//! Histograms have no partition label (proportional to brokers, not to partitions times buckets).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_operations::metrics::Description;
use prometheus::Registry;

mod native;
mod strimzi;

use crate::settings::MetricSettings;
use crate::targets::Targets;

/// Both families and the process's own.
pub struct Metrics {
    registry: Registry,
    client_id: String,
    topic: String,
    descriptions: Vec<Description>,
    strimzi: strimzi::Strimzi,
    native: native::Native,
}

/// What an admin call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Brokers and their racks.
    DescribeCluster,
    /// The topic, its replicas and leaders.
    DescribeTopic,
    /// Making the topic.
    CreateTopic,
    /// More partitions, for new brokers.
    CreatePartitions,
    /// Replicas moved.
    AlterAssignments,
    /// The topic's configuration.
    AlterConfiguration,
    /// Leaders moved back.
    ElectLeaders,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DescribeCluster,
        Self::DescribeTopic,
        Self::CreateTopic,
        Self::CreatePartitions,
        Self::AlterAssignments,
        Self::AlterConfiguration,
        Self::ElectLeaders,
    ];

    /// The value of the label `operation`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::DescribeCluster => "describe_cluster",
            Self::DescribeTopic => "describe_topic",
            Self::CreateTopic => "create_topic",
            Self::CreatePartitions => "create_partitions",
            Self::AlterAssignments => "alter_assignments",
            Self::AlterConfiguration => "alter_configuration",
            Self::ElectLeaders => "elect_leaders",
        }
    }
}

/// What was noticed about a record that is not simply read in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anomaly {
    /// Acknowledged, and will not come any more.
    Lost,
    /// Read a second time.
    Duplicated,
    /// Read after one that was sent later.
    OutOfOrder,
    /// Acknowledged, and not read for longer than `late_after`; it may still come.
    Late,
    /// Refused or timed out at the producer, and read all the same.
    Unacknowledged,
    /// Not this canary's, or unreadable.
    Foreign,
}

impl Metrics {
    /// Registers all of them; those without labels, and those whose labels are known, are there at 0 from the start.
    ///
    /// # Errors
    /// A constant label or a bucket that Prometheus does not allow.
    pub fn new(
        settings: &MetricSettings,
        client_id: &str,
        topic: &str,
    ) -> prometheus::Result<Self> {
        let labels = settings.constant_labels.iter().cloned().collect();
        let registry = Registry::new_custom(None, Some(labels))?;
        let mut descriptions = Vec::new();
        let strimzi = strimzi::Strimzi::register(&registry, &mut descriptions, settings)?;
        let native = native::Native::register(&registry, &mut descriptions, settings)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        strimzi.start_at_zero(client_id, topic);
        native.start_at_zero();
        Ok(Self {
            registry,
            client_id: client_id.to_owned(),
            topic: topic.to_owned(),
            descriptions,
            strimzi,
            native,
        })
    }

    /// Every metric of both families, also those without series yet, in the order of their registration.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// The text format 0.0.4.
    ///
    /// # Errors
    /// As the encoder.
    pub fn text(&self) -> prometheus::Result<Vec<u8>> {
        kafka_operations::metrics::text(&self.registry)
    }

    /// The targets changed: series of new partitions and brokers begin at 0, those of brokers and partitions that are
    /// gone end.
    pub fn targets_changed(&self, before: &Targets, now: &Targets) {
        self.strimzi.targets_changed(&self.client_id, before, now);
        self.native.targets_changed(before, now);
    }

    /// A probe was due: a record is handed to the producer, or would have been had there been one.
    pub fn produce_due(&self, partition: i32) {
        self.strimzi
            .records_produced
            .with_label_values(&[&self.client_id, &partition.to_string()])
            .inc();
        self.native.produce_due.with_label_values(&[&partition.to_string()]).inc();
    }

    /// It was acknowledged after `latency`.
    pub fn produced(&self, partition: i32, leader: i32, latency: Duration) {
        let labels = [self.client_id.as_str(), &partition.to_string()];
        self.strimzi.produced_latency.with_label_values(&labels).observe(milliseconds(latency));
        self.native.produced.with_label_values(&[&partition.to_string()]).inc();
        self.native
            .produce_latency
            .with_label_values(&[&leader.to_string()])
            .observe(latency.as_secs_f64());
    }

    /// It was refused or timed out; `reason` is one of a set that code bounds.
    pub fn produce_failed(&self, partition: i32, reason: &str) {
        let labels = [self.client_id.as_str(), &partition.to_string()];
        self.strimzi.records_produced_failed.with_label_values(&labels).inc();
        self.native.produce_failed.with_label_values(&[&partition.to_string(), reason]).inc();
    }

    /// A record of this canary was read for the first time, `latency` after it was sent.
    pub fn consumed(&self, partition: i32, leader: i32, latency: Duration) {
        let labels = [self.client_id.as_str(), &partition.to_string()];
        self.strimzi.records_consumed.with_label_values(&labels).inc();
        self.strimzi.consumed_latency.with_label_values(&labels).observe(milliseconds(latency));
        self.native.consumed.with_label_values(&[&partition.to_string()]).inc();
        self.native
            .end_to_end_latency
            .with_label_values(&[&leader.to_string()])
            .observe(latency.as_secs_f64());
        self.native.last_consumed.with_label_values(&[&partition.to_string()]).set(unix_seconds());
    }

    /// Something else was noticed about `count` records.
    pub fn anomaly(&self, anomaly: Anomaly, partition: i32, count: u64) {
        self.native.anomaly(anomaly).with_label_values(&[&partition.to_string()]).inc_by(count);
    }

    /// Records that are acknowledged and not read yet.
    pub fn outstanding(&self, partition: i32, records: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a bounded number of records")]
        self.native.outstanding.with_label_values(&[&partition.to_string()]).set(records as f64);
    }

    /// The consumer reported an error.
    pub fn consume_error(&self, reason: &str) {
        self.strimzi.consumer_error.with_label_values(&[&self.client_id]).inc();
        self.native.consume_errors.with_label_values(&[reason]).inc();
    }

    /// The group of `CONSUMER_GROUP_ID` could not be reached in time.
    pub fn group_join_timed_out(&self) {
        self.strimzi.consumer_timeout_join_group.with_label_values(&[&self.client_id]).inc();
    }

    /// The producer or the consumer could not learn the topic's leaders.
    pub fn refresh_metadata_failed(&self) {
        self.strimzi.producer_refresh_metadata_error.with_label_values(&[&self.client_id]).inc();
        self.strimzi.consumer_refresh_metadata_error.with_label_values(&[&self.client_id]).inc();
    }

    /// A client could not be made, or the cluster not be reached with it.
    pub fn client_failed(&self, reason: &str) {
        self.strimzi.client_creation_error.inc();
        self.native.client_errors.with_label_values(&[reason]).inc();
    }

    /// The cluster has another size than `EXPECTED_CLUSTER_SIZE`.
    pub fn unexpected_cluster_size(&self) {
        self.strimzi.expected_cluster_size_error.inc();
    }

    /// An admin call went well, or not.
    pub fn operation(&self, operation: Operation, result: Result<(), &str>) {
        self.native.operations.with_label_values(&[operation.label()]).inc();
        if let Err(reason) = result {
            self.native.operations_failed.with_label_values(&[operation.label(), reason]).inc();
            self.strimzi.operation_failed(operation, &self.topic);
        }
    }

    /// A commit to the coordinator on this broker: its latency, or why not.
    pub fn commit(&self, coordinator: i32, result: Result<Duration, &str>) {
        let broker = coordinator.to_string();
        self.native.commits.with_label_values(&[&broker]).inc();
        match result {
            Ok(latency) => {
                self.native
                    .commit_latency
                    .with_label_values(&[&broker])
                    .observe(latency.as_secs_f64());
            }
            Err(reason) => self.native.commits_failed.with_label_values(&[&broker, reason]).inc(),
        }
    }

    /// A connection to this broker: how long until it could be used, or until it failed and why.
    pub fn connection(&self, broker: i32, latency: Duration, result: Result<(), &str>) {
        let id = broker.to_string();
        self.strimzi.connection(&id, result.is_ok(), milliseconds(latency));
        self.native.connections.with_label_values(&[&id]).inc();
        match result {
            Ok(()) => self
                .native
                .connection_latency
                .with_label_values(&[&id])
                .observe(latency.as_secs_f64()),
            Err(reason) => self.native.connections_failed.with_label_values(&[&id, reason]).inc(),
        }
    }

    /// Whether `/readiness` says yes.
    pub fn ready(&self, ready: bool) {
        self.native.ready.set(if ready { 1.0 } else { 0.0 });
    }
}

fn milliseconds(latency: Duration) -> f64 {
    latency.as_secs_f64() * 1e3
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
