//! What a right message adds to what is expected of its script.

use kafka_filter::metrics::catalog::Metric;
use kafka_filter::metrics::groups::MetricGroup;
use kafka_wire::schema::Api;

use super::expected::Expected;
use super::settings::Settings;
use super::words::{
    CLIENTS, FETCH, JOIN_GROUP, MEMBER_HEARTBEATS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, PRODUCE,
    PUSH_TELEMETRY, SHARE_FETCH, TXN_OFFSET_COMMIT,
};
use super::{Awaited, Builder, SLOTS, Slot};
use crate::encode::{self, Found};

impl Builder<'_> {
    /// What is counted of a request beside its size.
    pub(super) fn count_request(
        &mut self,
        api: &Api,
        version: i16,
        client: &'static str,
        found: &Found,
    ) {
        let slot = &mut self.slots[self.slot];
        let expected = &mut self.expected;
        expected.add(Metric::GroupRequests, found.groups);
        expected.add(Metric::DeprecatedRequests, i64::from(api.refused.contains(version)));
        expected.add(Metric::ClientTelemetryPushes, i64::from(api.key == PUSH_TELEMETRY));
        let tells_software = found.tells_software && !slot.has_told_software;
        slot.has_told_software |= tells_software;
        expected.add(Metric::ClientSoftwareConnections, i64::from(tells_software));
        if api.key == FETCH {
            slot.positions.asked(&found.places, is_follower(api, found));
            self.positions_most = self.positions_most.max(told(&self.slots));
        }
        if api.key == PRODUCE {
            let mut sent = found.records;
            sent.bytes += found.other_record_bytes;
            expected.produced(client, sent);
            // Control batches are a broker's; what counts of one from a client is not defined.
            self.is_right &= !found.has_control;
        }
    }

    /// What is counted of a response to a request that was awaited.
    pub(super) fn count_response(&mut self, api: &Api, awaited: &Awaited, found: &Found) {
        let expected = &mut self.expected;
        let throttle_ms = found.throttle_ms.max(0);
        let group_errors = if awaited.has_group { found.errors } else { found.entry_errors };
        for (metric, amount) in [
            (Metric::Responses, 1),
            (Metric::RequestDuration, 1),
            (Metric::ResponseErrors, found.errors),
            (Metric::ThrottledResponses, i64::from(throttle_ms > 0)),
            (Metric::ThrottleTime, throttle_ms),
            (Metric::GroupErrors, group_errors),
        ] {
            expected.add(metric, amount);
        }
        let is_consumer = !awaited.is_follower;
        if matches!(api.key, FETCH | SHARE_FETCH) && is_consumer {
            expected.fetched(awaited.client, found.records);
            expected.add(Metric::TopicEndToEndLatency, found.timed_batches);
        }
        if matches!(api.key, PRODUCE | FETCH | SHARE_FETCH) && is_consumer {
            expected.add(Metric::TopicRequestDuration, found.topics);
        }
        if api.key == FETCH && is_consumer {
            self.slots[self.slot].positions.answered(&found.places);
            self.positions_most = self.positions_most.max(told(&self.slots));
        }
        let reporter = REPORTERS[self.slot];
        match api.key {
            METADATA => self.group_lags.named(found),
            FETCH => self.group_lags.fetched(reporter, &found.places),
            OFFSET_FETCH => self.group_lags.told(reporter, &awaited.group, &found.places),
            OFFSET_COMMIT | TXN_OFFSET_COMMIT => {
                self.group_lags.committed(reporter, &awaited.group, &awaited.places);
            }
            _ => {}
        }
        if !awaited.has_group || found.failed == Some(true) {
            return;
        }
        let is_moved_on = match api.key {
            JOIN_GROUP => found.is_leader,
            key if MEMBER_HEARTBEATS.contains(&key) => {
                found.generation.is_some_and(|generation| generation > awaited.generation)
            }
            _ => false,
        };
        expected.add(Metric::GroupRebalances, i64::from(is_moved_on));
        expected.add(Metric::GroupJoinDuration, i64::from(api.key == JOIN_GROUP));
    }

    /// What is counted when the connections that are open end; `None` when not all of it was right.
    pub(super) fn finish(&mut self) -> Option<Expected> {
        let Settings { config, clients_are_plain, .. } = &self.settings;
        let has_lag = config.metrics.contains(MetricGroup::Lag);
        let partitions_max = usize::try_from(config.limits.lag_partitions_max).unwrap_or(0);
        let is_young = self.seconds.saturating_add(RUNS_SECONDS) < config.limits.lag_stale_seconds;
        self.expected.fetch_lag = (is_young && self.positions_most <= partitions_max)
            .then(|| self.slots.iter().map(|slot| slot.positions.lag()).sum())
            .map(|lag: i64| if has_lag { lag } else { 0 });
        // In one second workers do not tell which of them was the last.
        let is_in_order = !(self.is_used[0] && self.is_used[2]);
        let has_room = config.labels.topic >= 3
            && config.labels.group >= 2
            && config.limits.combinations_max >= 100
            && partitions_max >= 20;
        self.expected.group_lag = self
            .group_lags
            .total()
            .filter(|_| is_young && is_in_order && has_room && self.has_plain_groups)
            .map(|lag| if has_lag { lag } else { 0 });
        let labels = config.labels.client_id.min(config.limits.combinations_max);
        let names = usize::try_from(labels).unwrap_or(0);
        // Each with each topic, by two reporters.
        let room = CLIENTS.len() * (encode::TOPICS.len() + 2) * 2;
        let is_on = config.metrics.contains(MetricGroup::Clients);
        if !clients_are_plain || names < room || !is_on || self.loses_all_races {
            self.expected.clients = None;
        }
        self.expected.restrict(config);
        for slot in 0..SLOTS {
            self.end(slot);
        }
        self.is_right.then(|| self.expected.clone())
    }
}

/// How many partitions open connections have told positions of.
fn told(slots: &[Slot]) -> usize {
    slots.iter().map(|slot| slot.positions.count()).sum()
}

/// Whether a broker that replicates asks.
pub(super) fn is_follower(api: &Api, found: &Found) -> bool {
    api.key == FETCH && found.replica_id.is_some_and(|replica| replica >= 0)
}

/// Connections with the same number share their series.
const REPORTERS: [usize; SLOTS] = [0, 1, 0];
/// More than what passes between ticks takes.
const RUNS_SECONDS: u32 = 5;
