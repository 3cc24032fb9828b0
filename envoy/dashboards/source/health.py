"""Filter health: where the filter is missing, what it could not read, which caps are near, and what it costs."""

from __future__ import annotations

import mesh
from grafana import ORANGE, RED, Dashboard, Query, Row, graph, label_variable, stat, table
from promql import increase, or_zero, rate, series, top, total

PLACE = ["job", "instance"]
AT = "by (job, instance)"
# Any reporter: a proxy with the filter on an inbound listener alone is not without it.
RUNS = "kafka_filter_build_info"
TCP = 'envoy_tcp_prefix=~"$tcp_proxy"'


def without_filter() -> str:
    """Envoys that serve the chosen TCP proxies and run no filter."""
    return f"sum {AT} (envoy_tcp_downstream_cx_total{{{TCP}}}) unless on (job, instance) {RUNS}"


def unseen() -> str:
    """Connections a second that Envoy proxied and the filter did not open."""
    proxied = f"sum {AT} (rate(envoy_tcp_downstream_cx_total{{{TCP}}}[$__rate_interval]))"
    return f"clamp_min({proxied} - on (job, instance) sum {AT} (rate(kafka_filter_connections_opened_total" \
           f"[$__rate_interval])), 0)"


def unaccounted() -> str:
    """Requests minus what became of them. The law of the filter's own book-keeping."""
    gone = " - ".join(f"sum({series(metric)})" for metric in (
        "responses_total", "unacknowledged_requests_total", "in_flight_evicted_total", "requests_in_flight"))
    return f"sum({series('requests_total')}) - {gone}"


DASHBOARD = Dashboard(
    uid="kafka-filter-health",
    title="Kafka / Filter health",
    about="Can the other dashboards be believed: is the filter everywhere, does it read everything, are caps reached.",
    variables=[label_variable("envoy_tcp_prefix", "envoy_tcp_downstream_cx_total", (), name="tcp_proxy",
                              regex=".*(?:kafka|90[0-9]{2}).*"), mesh.SERVICES],
    rows=[
        Row("Where is the filter missing?", [
            stat("Proxies with the filter", f"count(count {AT} ({RUNS}))", "short", width=6, decimals=0,
                 read="Envoys that report it, whatever side they are on.",
                 do="Compare with the number of pods that speak Kafka."),
            stat("Proxies without it", f"count({without_filter()}) or 0 * count({RUNS})", "short", width=6,
                 decimals=0,
                 steps=[(1, RED)],
                 read="Envoys that carry connections of the chosen TCP proxies, without the filter.",
                 do="They are listed below. In Istio: does the resource's selector match the workload? In plain "
                    "Envoy: is the filter in that listener's chain?"),
            stat("Scrapes that fail", "count(up == 0) or 0 * count(up)", "short", width=6, decimals=0,
                 steps=[(1, ORANGE), (5, RED)],
                 read="Targets of Prometheus that do not answer, of all jobs. A proxy that is not scraped is "
                      "missing on every page, and nothing else says so.",
                 do="Prometheus, Status, Targets has the reason."),
            stat("Reloads of the module that failed",
                 "sum(increase(envoy_wasm_kafka_filter_vm_reload_failure[$__range])) "
                 "or 0 * count(up)", "short", width=6, decimals=0, steps=[(1, RED)],
                 read="Only with failure_policy FAIL_RELOAD; with fail_open, which is recommended, a trap shows "
                      "as connections not seen, below.",
                 do="Look for `Uncaught RuntimeError` in Envoy's log, and report it: the filter is written not "
                    "to trap."),
            table("Proxies without the filter", PLACE,
                  [Query(without_filter(), column="Connections so far", unit="short")],
                  steps=[(0, RED)],
                  read="Empty is good. The variable `tcp proxy` above says which of Envoy's TCP proxies are "
                       "Kafka's (stat_prefix); other ones on a list of its own would stand here wrongly.",
                  do="Put the filter there, or take its TCP proxy out of the choice above."),
            graph("Connections that the filter did not see", unseen(), "cps", legend="{{instance}}",
                  read="Proxied by Envoy minus opened at the filter, a second. 0 but for jitter. Above it, a "
                       "worker's module has trapped and traffic passes unobserved (fail_open), or a listener has "
                       "no filter.",
                  do="Restart that Envoy or load the filter anew; keep its log."),
        ]),
        mesh.ROW,
        Row("What could it not read?", [
            graph("Connections given up",
                  total(increase("connections_opaque_total", over="$__rate_interval"), ["reason"]),
                  "short", legend="{{reason}}", bars=True, stack=True, width=8,
                  read="`tls`: ciphertext. `not_kafka`: another protocol, most often a health check or scanner. "
                       "`malformed`, `desync`: bytes against the protocol. `limit`: a bound of the filter.",
                  do="`tls`: end TLS in Envoy. `malformed` or `desync` from a client that works: a bug, report "
                     "it with the client's version."),
            graph("Messages not decoded", top(10, total(rate("undecoded_messages_total"), ["reason", "request"])),
                  "cps", legend="{{reason}} {{request}}", width=8,
                  read="Forwarded, counted and timed; their topics, groups and errors are missing on the other "
                       "pages.",
                  do="`unknown_api_version`: clients newer than the filter, update it. `over_limit`: raise "
                     "`limits.walk_size_bytes`."),
            graph("Requests not awaited", total(rate("in_flight_evicted_total"), ["instance"]), "reqps",
                  legend="{{instance}}", width=8,
                  read="Their connection ended first, or the table was full: they are in no latency.",
                  do="A constant rate: a client that never waits for answers; `limits.in_flight_max`."),
            stat("Requests without an account", unaccounted(), "short", width=8, decimals=0,
                 read="Requests minus answered, unacknowledged, not awaited and in flight. Hovers around 0, "
                      "because gauges are told once a second.",
                 do="A number that grows and stays: report it, counts are not exact."),
            stat("Connections never closed", f"{total(series('connections_opened_total'))} - "
                 f"{total(series('connections_closed_total'))} - {total(series('connections_active'))}", "short",
                 width=8, decimals=0,
                 read="Opened minus closed minus open: around 0 for the same reason.",
                 do="As on the left."),
            stat("Partitions without lag", or_zero(total(increase("lag_untracked_partitions_total"))), "short",
                 width=8, decimals=0, steps=[(1, ORANGE)],
                 read="A bound on lag tracking was reached in the time shown: lags on other pages are too low.",
                 do="Raise `limits.lag_partitions_max`."),
        ]),
        Row("Are labels at their caps?", [
            graph("Values admitted, of the fullest proxy", f"max by (label) ({series('label_values')})", "short",
                  legend="{{label}}", width=8,
                  read="How many values each label has in one proxy. Envoy never forgets a series, so it never "
                       "falls. Defaults: topic, client_id and group 200, software 32, software_version 64.",
                  do="Near the cap and legitimate: raise `labels.*.values_max`, at some 20 series a topic."),
            graph("Events under __other__", total(rate("label_values_overflowed_total"), ["label"]), "cps",
                  legend="{{label}}", width=8,
                  read="Events a second whose value was not admitted. A trickle for `topic` is clients that ask "
                       "for topics which do not exist.",
                  do="A flood for client_id: ids with uuids, see `labels.client_id.rewrite`. A flood for topic: "
                     "somebody invents names; the cap holds."),
            table("Events under __other__ in this time", ["label", "instance"],
                  [Query(top(30, total(increase("label_values_overflowed_total"), ["label", "instance"])), column="Events",
                         unit="short")], width=8, height=8,
                  read="The same in numbers, by label and proxy.",
                  do="One proxy alone: its clients. All: the configuration."),
        ]),
        Row("What runs, and what does it cost?", [
            table("Releases", ["filter_release", "kafka_release", "reporter"],
                  [Query(f"count by (filter_release, kafka_release, reporter) ({RUNS})", column="Proxies", unit="short")],
                  width=8, height=8,
                  read="Which releases run where: during an update two lines.",
                  do="Old lines that stay: pods that were not restarted, or a configuration that Envoy refused."),
            graph("Series of the filter", f"count {AT} ({{__name__=~\"kafka_filter_.*\"}})", "short",
                  legend="{{instance}}",
                  width=8,
                  read="Samples in one scrape of one proxy, histogram buckets included.",
                  do="Grows without end: it must not, caps hold; look at Values admitted. Too many: turn metric "
                     "groups off, docs/configuration.md, `metrics.*`."),
            graph("Memory of Envoy", f"envoy_server_memory_allocated and on (job, instance) {RUNS}", "bytes",
                  legend="{{instance}}", width=8,
                  read="Envoy's own heap, stats included; the module's memory is V8's and not in it.",
                  do="Flat once the caps are reached and connections stand still. Set beside Series of the "
                     "filter."),
            graph("Time of a scrape", f"scrape_duration_seconds and on (job, instance) {RUNS}", "s",
                  legend="{{instance}}",
                  width=12, steps=[(1, ORANGE), (5, RED)],
                  read="How long Prometheus waits for a proxy's metrics.",
                  do="Near the scrape timeout: fewer series, or a longer interval."),
            graph("Wasm virtual machines", "envoy_wasm_envoy_wasm_runtime_v8_active", "short", legend="{{instance}}",
                  width=12,
                  read="One for each worker and plugin, and a few of Envoy's own. Steady; a step up is an update "
                       "in which old connections keep the old module.",
                  do="A step down without an update: a module has trapped, see Connections that the filter did "
                     "not see."),
        ]),
    ])
