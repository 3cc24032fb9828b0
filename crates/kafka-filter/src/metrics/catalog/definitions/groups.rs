//! Consumer, share and streams groups.

use crate::metrics::catalog::Definition;
use crate::metrics::catalog::Kind::{Counter, Gauge, Histogram};
use crate::metrics::catalog::Label::{Error, Group, Request, Topic};
use crate::metrics::groups::MetricGroup;

pub(super) const GROUP_REQUESTS: Definition = Definition {
    name: "group_requests_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Request, Group],
    unit: "requests",
    help: "Requests that name a group, one for each group named, of all group protocols: classic, consumer \
           (KIP-848), share (KIP-932), streams (KIP-1071). Counted when the name has passed.",
};

pub(super) const GROUP_ERRORS: Definition = Definition {
    name: "group_errors_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Request, Error, Group],
    unit: "error codes",
    help: "Those of `response_errors_total` that belong to a group: of the group that the request named, or \
           in an answer that lists groups, of the entry. `MEMBER_ID_REQUIRED`, `REBALANCE_IN_PROGRESS` and \
           `NOT_COORDINATOR` occur in healthy groups.",
};

pub(super) const GROUP_REBALANCES: Definition = Definition {
    name: "group_rebalances_total",
    kind: Counter,
    group: Some(MetricGroup::Groups),
    labels: &[Group],
    unit: "rebalances",
    help: "Classic protocol: JoinGroup answers that make a member the leader, one for each rebalance. Other \
           protocols (KIP-848, KIP-932, KIP-1071): heartbeat answers with a higher member epoch than the \
           request had, one for each member that is moved on, its joining included; a rebalance of five \
           members counts five. Seen through this proxy: a classic group counts where its leader is.",
};

pub(super) const GROUP_JOIN_DURATION: Definition = Definition {
    name: "group_join_duration_microseconds",
    kind: Histogram,
    group: Some(MetricGroup::Groups),
    labels: &[Group],
    unit: "microseconds",
    help: "From the last byte of a JoinGroup request to the last byte of its answer without error: how long \
           a member of a classic group waited for the others.",
};

pub(super) const GROUP_LAG: Definition = Definition {
    name: "group_lag_records",
    kind: Gauge,
    group: Some(MetricGroup::Lag),
    labels: &[Topic, Group],
    unit: "records",
    help: "High watermark minus committed offset, summed over partitions: the watermark from Fetch answers, \
           the offset from OffsetCommit and TxnOffsetCommit requests that were answered without error, or \
           from OffsetFetch answers, of all connections and workers of this Envoy. Refreshed each second. \
           It knows what passed this proxy only: without a Fetch of the topic the watermark stands still, \
           and what a group commits elsewhere is not seen. An offset counts while its group is alive in the \
           generation that committed it, else for `limits.lag_stale_seconds`; 0 when nothing is left.",
};

pub(super) const LAG_UNTRACKED_PARTITIONS: Definition = Definition {
    name: "lag_untracked_partitions_total",
    kind: Counter,
    group: Some(MetricGroup::Lag),
    labels: &[],
    unit: "partitions",
    help: "Partitions left out of `topic_fetch_lag_records` or `group_lag_records`, once for each time one \
           was to be added: `limits.lag_partitions_max` was reached.",
};
