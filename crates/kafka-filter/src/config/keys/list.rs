//! Every key, in the order of the documentation.

use super::{Key, Shape};
use crate::config::Config;
use crate::config::pattern::Pattern;
use crate::metrics::groups::MetricGroup;

/// Every key.
pub const KEYS: &[Key] = &[
    Key {
        path: "reporter",
        shape: Shape::Reporter,
        help: "The value of the `reporter` label. `auto` takes it from the listener's `traffic_direction`: \
               `OUTBOUND` is `source`, `INBOUND` is `destination`, none is `proxy`.",
    },
    Key {
        path: "access_log",
        shape: Shape::Switch { default: true, set: |config, is_on| config.access_log = is_on },
        help: "Tells the access log of each connection its client id, client software, first topics and why \
               it was given up, as filter state: `%FILTER_STATE(wasm.kafka_client_id:PLAIN)%`. Off saves a \
               call to Envoy whenever one of them changes.",
    },
    group(
        "metrics.topics",
        |config, is_on| set_group(config, MetricGroup::Topics, is_on),
        "`topic_produced_*`, `topic_fetched_*` and `topic_errors_total`: records, bytes, batches and errors \
         of each topic. Some 20 series a topic.",
    ),
    group(
        "metrics.topic_duration",
        |config, is_on| set_group(config, MetricGroup::TopicDuration, is_on),
        "`topic_request_duration_microseconds`: how long the requests of each topic took. A histogram for \
         each topic and request, so most of what a topic costs a scrape.",
    ),
    group(
        "metrics.end_to_end_latency",
        |config, is_on| set_group(config, MetricGroup::EndToEndLatency, is_on),
        "`topic_end_to_end_latency_milliseconds`: how old records are when consumers fetch them. A histogram \
         for each topic.",
    ),
    group(
        "metrics.clients",
        |config, is_on| set_group(config, MetricGroup::Clients, is_on),
        "`client_produced_*` and `client_fetched_*`: which client writes to and reads from which topic. Two \
         series for each pair of a client and a topic that it writes, and two for each that it reads: the \
         first to turn off where there are many clients.",
    ),
    group(
        "metrics.software",
        |config, is_on| set_group(config, MetricGroup::Software, is_on),
        "`client_software_connections_total` and `client_telemetry_pushes_total`: which client libraries \
         connect. A series for each version.",
    ),
    group(
        "metrics.deprecated",
        |config, is_on| set_group(config, MetricGroup::Deprecated, is_on),
        "`deprecated_requests_total`: clients that use versions which Kafka 4 no longer has. No series where \
         there are none.",
    ),
    group(
        "metrics.groups",
        |config, is_on| set_group(config, MetricGroup::Groups, is_on),
        "`group_requests_total`, `group_errors_total`, `group_rebalances_total` and \
         `group_join_duration_microseconds`: what groups do. Some 10 series a group and a histogram.",
    ),
    group(
        "metrics.lag",
        |config, is_on| set_group(config, MetricGroup::Lag, is_on),
        "`group_lag_records` and `topic_fetch_lag_records`: how far consumers are behind. A series for each \
         pair of a group and a topic, and memory for each partition; see `limits.lag_partitions_max`.",
    ),
    values_max(
        "labels.topic.values_max",
        200,
        50_000,
        |config, value| config.labels.topic = value,
        "Topics that become values of the label `topic`; the rest is counted under `__other__`. Each costs \
         some 20 series when it is written, read and refused.",
    ),
    patterns(
        "labels.topic.allow",
        |config, patterns| config.patterns.topic.allow = patterns,
        "Topics that may become values of the label; others read `__other__` and take no place of \
         `values_max`. Empty means all.",
    ),
    patterns(
        "labels.topic.deny",
        |config, patterns| config.patterns.topic.deny = patterns,
        "Topics that may not, whatever `allow` says: `.*-[0-9a-f]{8}-[0-9a-f]{4}-.*` has a uuid in it, \
         `_.*` and `.*-(changelog|repartition)` are internal.",
    ),
    values_max(
        "labels.client_id.values_max",
        200,
        50_000,
        |config, value| config.labels.client_id = value,
        "Client ids that become values of the label `client_id`, after `rewrite`; the rest is counted under \
         `__other__`.",
    ),
    Key {
        path: "labels.client_id.rewrite",
        shape: Shape::Rewrites,
        help: "Gives client ids another form before all else. The first rule whose `match` matches the whole \
               id puts `replace` in its place, in which `$1` or `${name}` is a group: \
               `{\"match\": \"consumer-(.+)-[0-9]+\", \"replace\": \"$1\"}`.",
    },
    patterns(
        "labels.client_id.allow",
        |config, patterns| config.patterns.client_id.allow = patterns,
        "Client ids that may become values of the label. A client can send any id: with a list, one that \
         invents ids takes no places from yours.",
    ),
    patterns(
        "labels.client_id.deny",
        |config, patterns| config.patterns.client_id.deny = patterns,
        "Client ids that may not, whatever `allow` says.",
    ),
    values_max(
        "labels.group.values_max",
        200,
        50_000,
        |config, value| config.labels.group = value,
        "Groups that become values of the label `group`; the rest is counted under `__other__`.",
    ),
    patterns(
        "labels.group.allow",
        |config, patterns| config.patterns.group.allow = patterns,
        "Groups that may become values of the label. A client can name any group, as with client ids.",
    ),
    patterns(
        "labels.group.deny",
        |config, patterns| config.patterns.group.deny = patterns,
        "Groups that may not, whatever `allow` says: `console-consumer-[0-9]+`.",
    ),
    values_max(
        "labels.software.values_max",
        32,
        1_000,
        |config, value| config.labels.software = value,
        "Names of client software that become values of the label `software`; the rest is counted under \
         `__other__`.",
    ),
    patterns(
        "labels.software.allow",
        |config, patterns| config.patterns.software.allow = patterns,
        "Names of client software that may become values of the label, such as `apache-kafka-java` and \
         `librdkafka`.",
    ),
    patterns(
        "labels.software.deny",
        |config, patterns| config.patterns.software.deny = patterns,
        "Names of client software that may not, whatever `allow` says.",
    ),
    values_max(
        "labels.software_version.values_max",
        64,
        1_000,
        |config, value| config.labels.software_version = value,
        "Versions of client software that become values of the label `software_version`; the rest is \
         counted under `__other__`.",
    ),
    values_max(
        "labels.request.values_max",
        16,
        1_000,
        |config, value| config.labels.request = value,
        "Unknown API keys that become values of the label `request` (`api_key_113`). Known APIs are always \
         named and do not count.",
    ),
    values_max(
        "labels.api_version.values_max",
        32,
        1_000,
        |config, value| config.labels.api_version = value,
        "Unknown versions that become values of the label `api_version`. Versions that the filter knows \
         always do and do not count.",
    ),
    values_max(
        "labels.error.values_max",
        32,
        1_000,
        |config, value| config.labels.error = value,
        "Unknown error codes that become values of the label `error` (`error_code_250`). Known codes are \
         always named and do not count.",
    ),
    Key {
        path: "limits.in_flight_max",
        shape: Shape::Number {
            default: 1_024,
            min: 1,
            max: 65_536,
            set: |config, value| config.limits.in_flight_max = value,
        },
        help: "Unanswered requests remembered for one connection, at most 64 bytes each. A request beyond it \
               is counted in `in_flight_evicted_total`, and its response is not matched. Clients rarely have \
               more than 5.",
    },
    Key {
        path: "limits.walk_size_bytes",
        shape: Shape::Number {
            default: 8 * 1024 * 1024,
            min: 64 * 1024,
            max: 1024 * 1024 * 1024,
            set: |config, value| config.limits.walk_size_bytes = value,
        },
        help: "Bytes of one message that are looked into. The rest is skipped and the message counted in \
               `undecoded_messages_total` as `over_limit`. Record payloads are always skipped and do not \
               count.",
    },
    Key {
        path: "limits.topic_ids_max",
        shape: Shape::Number {
            default: 16_384,
            min: 1,
            max: 1_048_576,
            set: |config, value| config.limits.topic_ids_max = value,
        },
        help: "Topic ids whose names are remembered; newer Produce and Fetch requests carry ids only. \
               Beyond it what is counted for a topic reads `__unresolved__`.",
    },
    Key {
        path: "limits.combinations_max",
        shape: Shape::Number {
            default: 2_000,
            min: 0,
            max: 200_000,
            set: |config, value| config.limits.combinations_max = value,
        },
        help: "Series of one metric that carry the label `client_id`, `group` or `software`. Beyond it that \
               label reads `__other__`, so that 200 clients times 200 topics are not 40000 series.",
    },
    Key {
        path: "limits.lag_partitions_max",
        shape: Shape::Number {
            default: 10_000,
            min: 1,
            max: 200_000,
            set: |config, value| config.limits.lag_partitions_max = value,
        },
        help: "Partitions whose lag a worker follows: those that its connections fetch, all together, and \
               as many of groups, counted anew for each group. What is beyond it is counted in \
               `lag_untracked_partitions_total` and is in no lag.",
    },
    Key {
        path: "limits.lag_stale_seconds",
        shape: Shape::Number {
            default: 300,
            min: 10,
            max: 86_400,
            set: |config, value| config.limits.lag_stale_seconds = value,
        },
        help: "Seconds after which the lag of a partition that nobody fetches or commits any more is \
               dropped.",
    },
];

const fn group(path: &'static str, set: fn(&mut Config, bool), help: &'static str) -> Key {
    Key { path, shape: Shape::Switch { default: true, set }, help }
}

const fn values_max(
    path: &'static str,
    default: u32,
    max: u32,
    set: fn(&mut Config, u32),
    help: &'static str,
) -> Key {
    Key { path, shape: Shape::Number { default, min: 0, max, set }, help }
}

const fn patterns(
    path: &'static str,
    set: fn(&mut Config, Vec<Pattern>),
    help: &'static str,
) -> Key {
    Key { path, shape: Shape::Patterns { set }, help }
}

fn set_group(config: &mut Config, group: MetricGroup, is_on: bool) {
    config.metrics = config.metrics.with(group, is_on);
}
