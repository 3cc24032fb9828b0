//! `kafka_canary_*`: what an alert needs, in seconds, with labels that the cluster bounds.

use kafka_operations::metrics::{Description, Family};
use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, HistogramVec, IntCounterVec, Registry, Result};

use super::{Anomaly, Operation};
use crate::settings::MetricSettings;
use crate::targets::Targets;

pub(super) struct Native {
    pub(super) produce_due: IntCounterVec,
    pub(super) produced: IntCounterVec,
    pub(super) produce_failed: IntCounterVec,
    pub(super) produce_latency: HistogramVec,
    pub(super) consumed: IntCounterVec,
    pub(super) end_to_end_latency: HistogramVec,
    pub(super) last_consumed: GaugeVec,
    lost: IntCounterVec,
    duplicated: IntCounterVec,
    out_of_order: IntCounterVec,
    late: IntCounterVec,
    unacknowledged: IntCounterVec,
    foreign: IntCounterVec,
    pub(super) outstanding: GaugeVec,
    pub(super) consume_errors: IntCounterVec,
    pub(super) client_errors: IntCounterVec,
    pub(super) operations: IntCounterVec,
    pub(super) operations_failed: IntCounterVec,
    pub(super) commits: IntCounterVec,
    pub(super) commits_failed: IntCounterVec,
    pub(super) commit_latency: HistogramVec,
    pub(super) connections: IntCounterVec,
    pub(super) connections_failed: IntCounterVec,
    pub(super) connection_latency: HistogramVec,
    pub(super) ready: Gauge,
    brokers: Gauge,
    leader: GaugeVec,
}

impl Native {
    pub(super) fn register(
        registry: &Registry,
        descriptions: &mut Vec<Description>,
        settings: &MetricSettings,
    ) -> Result<Self> {
        let mut into = Family::new(registry, "kafka_canary", descriptions);
        let partition = ["partition"];
        let broker = ["broker"];
        let seconds = settings.seconds.as_slice();
        let build = into.gauges(
            "build_info",
            "Always 1; the canary's version and librdkafka's",
            &["version", "librdkafka"],
        )?;
        build
            .with_label_values(&[
                env!("CARGO_PKG_VERSION"),
                &rdkafka::util::get_rdkafka_version().1,
            ])
            .set(1.0);
        Ok(Self {
            produce_due: into.counters(
                "produce_due_total",
                "Records that were to be written, one for each partition and interval, whatever became of them",
                &partition,
            )?,
            produced: into.counters("records_produced_total", "Records that were acknowledged", &partition)?,
            produce_failed: into.counters(
                "records_produce_failed_total",
                "Records that were not acknowledged in time or were refused",
                &["partition", "reason"],
            )?,
            produce_latency: into.histogram(
                "produce_latency_seconds",
                "Time until a record was acknowledged, by the partition's leader",
                &broker,
                seconds,
            )?,
            consumed: into.counters("records_consumed_total", "Records of this canary that were read, each counted once", &partition)?,
            end_to_end_latency: into.histogram(
                "end_to_end_latency_seconds",
                "Time from sending a record to reading it, by the partition's leader",
                &broker,
                seconds,
            )?,
            last_consumed: into.gauges(
                "last_consumed_timestamp_seconds",
                "When a record was read last, in seconds since 1970",
                &partition,
            )?,
            lost: into.counters("records_lost_total", "Records that were acknowledged and will not come any more", &partition)?,
            duplicated: into.counters("records_duplicated_total", "Records that were read again", &partition)?,
            out_of_order: into.counters("records_out_of_order_total", "Records that were read after one that was sent later", &partition)?,
            late: into.counters("records_late_total", "Records that were acknowledged and not read in time; they may still come, or be lost", &partition)?,
            unacknowledged: into.counters("records_unacknowledged_total", "Records that were read although the producer got an error", &partition)?,
            foreign: into.counters("records_foreign_total", "Records in the topic that are not this canary's, or unreadable", &partition)?,
            outstanding: into.gauges("records_outstanding", "Records that were acknowledged and are not read yet", &partition)?,
            consume_errors: into.counters("consume_errors_total", "Errors that the consumer reported", &["reason"])?,
            client_errors: into.counters("client_errors_total", "Times that the cluster could not be reached", &["reason"])?,
            operations: into.counters("topic_operations_total", "Admin calls", &["operation"])?,
            operations_failed: into.counters(
                "topic_operations_failed_total",
                "Admin calls that failed",
                &["operation", "reason"],
            )?,
            commits: into.counters("commits_total", "Offset commits that were tried, by the coordinator's broker", &broker)?,
            commits_failed: into.counters(
                "commits_failed_total",
                "Offset commits that failed",
                &["broker", "reason"],
            )?,
            commit_latency: into.histogram("commit_latency_seconds", "Time until a commit was answered", &broker, seconds)?,
            connections: into.counters("connections_total", "Connections that were tried", &broker)?,
            connections_failed: into.counters("connections_failed_total", "Connections that failed", &["broker", "reason"])?,
            connection_latency: into.histogram(
                "connection_latency_seconds",
                "Time until a connection could be used: TCP, TLS, SASL and ApiVersions",
                &broker,
                seconds,
            )?,
            ready: into.gauge("ready", "1 when /readiness says that the cluster serves this canary, else 0")?,
            brokers: into.gauge("brokers", "Brokers that are probed, those away for less than the settling time included")?,
            leader: into.gauges("partition_leader", "The broker that leads a partition, or led it last", &partition)?,
        })
    }

    pub(super) fn anomaly(&self, anomaly: Anomaly) -> &IntCounterVec {
        match anomaly {
            Anomaly::Lost => &self.lost,
            Anomaly::Duplicated => &self.duplicated,
            Anomaly::OutOfOrder => &self.out_of_order,
            Anomaly::Late => &self.late,
            Anomaly::Unacknowledged => &self.unacknowledged,
            Anomaly::Foreign => &self.foreign,
        }
    }

    pub(super) fn start_at_zero(&self) {
        for operation in Operation::ALL {
            self.operations.with_label_values(&[operation.label()]);
        }
    }

    pub(super) fn targets_changed(&self, before: &Targets, now: &Targets) {
        #[expect(clippy::cast_precision_loss, reason = "a number of brokers")]
        self.brokers.set(now.brokers.len() as f64);
        for target in &now.partitions {
            let partition = target.partition.to_string();
            for counter in self.by_partition() {
                counter.with_label_values(&[&partition]);
            }
            self.outstanding.with_label_values(&[&partition]);
            self.leader.with_label_values(&[&partition]).set(f64::from(target.leader));
        }
        for broker in &now.brokers {
            let id = broker.id.to_string();
            for counter in [&self.commits, &self.connections] {
                counter.with_label_values(&[&id]);
            }
            for histogram in self.by_broker() {
                histogram.with_label_values(&[&id]);
            }
        }
        for gone in before.partitions.iter().filter(|target| now.leader(target.partition).is_none())
        {
            let partition = gone.partition.to_string();
            // Absent is what is wanted; so for all of these.
            for counter in self.by_partition() {
                let _ = counter.remove_label_values(&[&partition]);
            }
            for gauge in [&self.outstanding, &self.leader, &self.last_consumed] {
                let _ = gauge.remove_label_values(&[&partition]);
            }
            remove_all(&self.produce_failed, "partition", &partition);
        }
        for gone in before.brokers.iter().filter(|broker| now.broker(broker.id).is_none()) {
            let id = gone.id.to_string();
            for counter in [&self.commits, &self.connections] {
                let _ = counter.remove_label_values(&[&id]);
            }
            for histogram in self.by_broker() {
                let _ = histogram.remove_label_values(&[&id]);
            }
            remove_all(&self.commits_failed, "broker", &id);
            remove_all(&self.connections_failed, "broker", &id);
        }
    }

    fn by_partition(&self) -> [&IntCounterVec; 9] {
        [
            &self.produce_due,
            &self.produced,
            &self.consumed,
            &self.lost,
            &self.duplicated,
            &self.out_of_order,
            &self.late,
            &self.unacknowledged,
            &self.foreign,
        ]
    }

    fn by_broker(&self) -> [&HistogramVec; 4] {
        [
            &self.produce_latency,
            &self.end_to_end_latency,
            &self.commit_latency,
            &self.connection_latency,
        ]
    }
}

/// Removes every series whose label `name` has this value; the other label is `reason`.
fn remove_all(counters: &IntCounterVec, name: &str, value: &str) {
    for family in counters.collect() {
        for metric in family.get_metric() {
            let labels = metric.get_label();
            if labels.iter().any(|label| label.name() == name && label.value() == value)
                && let Some(reason) = labels.iter().find(|label| label.name() == "reason")
            {
                let _ = counters.remove_label_values(&[value, reason.value()]);
            }
        }
    }
}
