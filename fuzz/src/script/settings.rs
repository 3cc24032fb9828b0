//! Configurations of scripts: small bounds so that they are reached, groups of metrics off, patterns.

use std::sync::LazyLock;

use kafka_filter::config::{Config, LabelCaps, Limits};
use kafka_filter::metrics::groups::{MetricGroup, MetricGroups};

use crate::input::Input;

/// What a script is run with.
#[derive(Debug)]
pub struct Settings {
    /// The configuration of both workers.
    pub config: Config,
    /// No pattern denies or rewrites a client id.
    pub clients_are_plain: bool,
    /// No pattern denies a group.
    pub groups_are_plain: bool,
}

impl Settings {
    /// Six bytes of the input; all bits set are large bounds, and every metric.
    pub fn new(input: &mut Input<'_>) -> Self {
        let [caps, limits, parties, lag, off, more_off] = input.array();
        let cap = |bits: u8, shift: u8| usize::from(bits >> shift & 3);
        let small = |shift| u32::try_from(cap(caps, shift)).unwrap_or(0);
        let party = |shift| [1, 2, 5, 200][cap(parties, shift)];
        let patterns = PATTERNS.len() - 1 - cap(lag, 6);
        let config = PATTERNS[patterns].clone();
        let metrics = MetricGroup::ALL
            .iter()
            .enumerate()
            .fold(MetricGroups::NONE, |metrics, (bit, &group)| {
                metrics.with(group, (off | more_off) >> bit & 1 == 1)
            });
        let config = Config {
            metrics,
            labels: LabelCaps {
                topic: small(0),
                request: small(2),
                api_version: small(4),
                error: small(6),
                client_id: party(0),
                group: party(2),
                software: party(4),
                software_version: party(6),
            },
            limits: Limits {
                in_flight_max: [1, 2, 5, 64][cap(limits, 0)],
                walk_size_bytes: [30, 300, WALK_ALL, WALK_ALL][cap(limits, 2)],
                topic_ids_max: 1 + u32::from(limits >> 4),
                combinations_max: [1, 3, 10, 2_000][cap(lag, 0)],
                lag_partitions_max: [1, 3, 20, 10_000][cap(lag, 2)],
                lag_stale_seconds: [10, 60, 300, 300][cap(lag, 4)],
            },
            ..config
        };
        Self {
            config,
            clients_are_plain: matches!(patterns, NO_PATTERN | TOPIC_PATTERN),
            groups_are_plain: matches!(patterns, NO_PATTERN | TOPIC_PATTERN | CLIENT_PATTERN),
        }
    }

    /// Whether messages of all sizes are walked.
    pub fn walks_all(&self) -> bool {
        self.config.limits.walk_size_bytes == WALK_ALL
    }
}

/// Without patterns first, then some for each label.
static PATTERNS: LazyLock<[Config; 4]> = LazyLock::new(|| {
    [
        "{}",
        r#"{"labels": {"topic": {"deny": ["__.*", "a\\."]}}}"#,
        r#"{"labels": {"client_id": {"allow": ["(app|shop).*"], "rewrite":
            [{"match": "consumer-(.+)-[0-9]+", "replace": "$1"}, {"match": "app-.*", "replace": ""}]}}}"#,
        r#"{"labels": {"group": {"allow": ["sh.*", ".*lin.*"]}, "software": {"deny": ["lib.*"]}}}"#,
    ]
    .map(|text| Config::parse(text.as_bytes()).expect("a configuration"))
});

const NO_PATTERN: usize = 0;
const TOPIC_PATTERN: usize = 1;
const CLIENT_PATTERN: usize = 2;
const WALK_ALL: u32 = 8 * 1024 * 1024;
