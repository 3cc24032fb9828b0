//! Groups of metrics that a configuration can turn off; what no group holds is always on.
//!
//! A group that is off costs nothing on the data path: whoever counts asks [`MetricGroups::contains`] first.

/// Metrics that are turned on and off together, as `metrics.*` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricGroup {
    /// `topic_produced_*`, `topic_fetched_*`, `topic_errors_total`.
    Topics,
    /// `topic_request_duration_microseconds`.
    TopicDuration,
    /// `topic_end_to_end_latency_milliseconds`.
    EndToEndLatency,
    /// `client_produced_*`, `client_fetched_*`.
    Clients,
    /// `client_software_connections_total`, `client_telemetry_pushes_total`.
    Software,
    /// `deprecated_requests_total`.
    Deprecated,
    /// `group_requests_total`, `group_errors_total`, `group_rebalances_total`,
    /// `group_join_duration_microseconds`.
    Groups,
    /// `group_lag_records`, `topic_fetch_lag_records`, `lag_untracked_partitions_total`.
    Lag,
}

impl MetricGroup {
    /// Every group, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::Topics,
        Self::TopicDuration,
        Self::EndToEndLatency,
        Self::Clients,
        Self::Software,
        Self::Deprecated,
        Self::Groups,
        Self::Lag,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The groups that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MetricGroups(u8);

impl MetricGroups {
    /// None: the base metrics alone.
    pub const NONE: Self = Self(0);
    /// All of them, the default of the configuration.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether this group is on.
    #[must_use]
    pub const fn contains(self, group: MetricGroup) -> bool {
        self.0 & group.bit() != 0
    }

    /// The same with this group on or off.
    #[must_use]
    pub const fn with(self, group: MetricGroup, is_on: bool) -> Self {
        if is_on { Self(self.0 | group.bit()) } else { Self(self.0 & !group.bit()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricGroup, MetricGroups};
    #[cfg(target_family = "wasm")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn each_group_is_a_bit_of_its_own() {
        let mut all = MetricGroups::NONE;
        for &group in MetricGroup::ALL {
            assert!(!all.contains(group), "{group:?} is on with another");
            all = all.with(group, true);
            assert!(all.contains(group));
            let without = MetricGroups::ALL.with(group, false);
            for &other in MetricGroup::ALL {
                assert_eq!(without.contains(other), other != group, "{other:?} without {group:?}");
            }
            assert_eq!(without.with(group, true), MetricGroups::ALL);
        }
        assert_eq!(all, MetricGroups::ALL, "a bit that belongs to no group");
    }
}
