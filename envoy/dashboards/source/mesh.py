"""Where in an Istio mesh the filter is missing: Istio's own TCP metrics beside the filter's, by pod.

Istio has no port in these metrics, so the Services of Kafka are chosen by name. Queries stand alone: a panel that
needed rules which nobody loaded would be empty, and empty means well here. istio/telemetry/alerts.yaml asks the same.
"""

from __future__ import annotations

from collections.abc import Callable

from grafana import GREEN, ORANGE, RED, Query, Row, graph, label_variable, stat, table

# `reporter` here is a label, not the page's choice: both sides are looked at, and never added to each other.
SIDE = ["namespace", "pod", "reporter"]
AT = f"by ({', '.join(SIDE)})"
ON = f"on ({', '.join(SIDE)})"
POD = "by (namespace, pod)"
ON_POD = "on (namespace, pod)"
LINE = ["namespace", "workload", "pod", "reporter", "destination_service_name"]

SERVICES = label_variable("destination_service_name", "istio_tcp_connections_opened_total", (), name="kafka_service",
                          regex=".*(?:kafka|-bootstrap|-brokers).*")
# ztunnel, the proxy of a node in ambient mode, counts too and runs no filters.
SERVICE = 'destination_service_name=~"$kafka_service", pod!~"ztunnel-.*"'
RUNS = '{__name__=~"kafka_filter_build_info.*"}'
ABSENT = 'envoy_kafka_filter_absent_rbac{authz_enforce_result="allowed"}'
NOT_FETCHED = 'istio_agent_wasm_remote_fetch_count{result!="success"}'
REFUSED = '{__name__=~"envoy_extension_config_discovery_.*kafka_filter.*_config_fail"}'
# The age of the newest sample: nothing for a proxy that never had the filter.
LAST_RAN = f"time() - max {POD} (max_over_time(timestamp({RUNS})[$__range:$__interval]))"


def istio(event: str, function: str = "", window: str = "") -> str:
    """What Istio counts of connections to Kafka; a waypoint stands on the brokers' side, as the filter has it."""
    counter = f"istio_tcp_connections_{event}_total{{{SERVICE}}}"
    expr = f"{function}({counter}[{window}])" if function else counter
    return f'label_replace({expr}, "reporter", "destination", "reporter", "waypoint")'


def by_line(expr: str) -> str:
    """The series with their own workload, which is the source's at a client and the destination's at a broker."""
    own = f'label_replace(label_replace(label_join({expr}, "ends", "/", "reporter", "source_workload", ' \
          '"destination_workload"), "workload", "$1", "ends", "source/([^/]*)/.*"), ' \
          '"workload", "$1", "ends", "destination/[^/]*/(.*)")'
    return f"sum by ({', '.join(LINE)}) ({own})"


def still_open(total: Callable[[str], str]) -> str:
    """Connections that are open for Istio, summed by `total`."""
    opened = total(istio("opened"))
    return f"({opened} - ({total(istio('closed'))} or 0 * {opened}))"


def by_side(expr: str) -> str:
    return f"sum {AT} ({expr})"


def unseen() -> str:
    """Open connections that the filter does not have; without `extraStatTags` the side stands in the name."""
    name = "kafka_filter_connections_active"
    return _without(still_open(by_side), by_side(
        f'label_replace({{__name__=~"{name}(_reporter___.*___)?"}}, "reporter", "$1", "__name__", '
        f'"{name}_reporter___(.*)___")'))


def blind(function: str, window: str) -> str:
    """New connections that only Istio counts."""
    name = "kafka_filter_connections_opened_total"
    # A rate has no name any more, and nothing else tells flat names apart: each has a rate of its own.
    flat = [f'label_replace({function}({name}_reporter___{side}___[{window}]), "reporter", "{side}", "", "")'
            for side in ("source", "destination")]
    counted = " or ".join([f"{function}({name}[{window}])", *flat])
    return _without(by_side(istio("opened", function, window)), by_side(counted))


def missing() -> str:
    """The sides of pods that lack more than a tenth of their connections, open ones or those of a quarter of an hour.

    Open ones for a minute on end: filter and Istio tell each connection at another moment.
    """
    new = by_side(istio("opened", "increase", "15m"))
    lasting = f"min_over_time(({unseen()})[1m:15s])"
    return f"({lasting} > 0.1 * {still_open(by_side)} or {blind('increase', '15m')} > 1 + 0.1 * {new})"


def _without(expr: str, counted: str) -> str:
    """What Istio has and the filter has not; all of it where the filter has counted nothing."""
    return f"clamp_min({expr} - {ON} {counted} or {expr} unless {ON} {counted}, 0)"


ROW = Row("Where is it missing in the mesh? (Istio)", [
    stat("Share of open connections that it has", f"1 - sum({unseen()}) / sum({still_open(by_side)})", "percentunit",
         width=6, steps=[(0.9, ORANGE), (0.99, GREEN)], base=RED,
         read="Of the connections to the chosen Services that are open for Istio, those which the filter has too. "
              "Both sides of a call are counted here, each against itself.",
         do="Below one: the table names pod and Service."),
    stat("Pods that lack it", f"count(count {POD} ({missing()})) or 0 * count({istio('opened')})", "short", width=6,
         decimals=0, steps=[(1, RED)],
         read="Pods of which Istio counts Kafka connections and the filter counts a tenth less, or none.",
         do="Is each of them meant to have it? The manifest's namespace, selector, and ports decide."),
    stat("Pods whose image was not fetched",
         f"count(count {POD} ({NOT_FETCHED} > 0) unless {ON_POD} {RUNS}) or 0 * count({istio('opened')})",
         "short", width=6, decimals=0, steps=[(1, RED)],
         read="Sidecars whose agent failed to fetch a wasm image and that run no filter. Agents tell it at :15020 "
              "alone.",
         do="The table below has the reason."),
    stat("Listeners and clusters refused",
         "sum(increase(envoy_listener_manager_lds_update_rejected[$__range])) or 0 * count(up)", "short", width=6,
         decimals=0, steps=[(1, RED)],
         read="Updates that Envoys refused as a whole. With a wrong default_config or type_urls the filter's patch is "
              "the reason, and nothing reaches that pod any more.",
         do="`config rejected` in that sidecar's log; take the patch back first."),
    table("Where it is missing", LINE,
          [Query(f"{still_open(by_line)} and {ON} {missing()}", column="Open now", unit="short"),
           Query(f"{by_line(istio('opened', 'rate', '$__rate_interval'))} and {ON} {missing()}",
                 column="New a second", unit="cps"),
           Query(f"0 * {by_line(istio('opened'))} + {ON_POD} group_left () ({LAST_RAN}) and {ON} {missing()}",
                 column="Filter last ran", unit="s")],
          steps=[(0, RED)], width=24,
          read="Each line is one side of a pod and one Service, with what Istio counts there. `source`: the listener "
               "of a client or gateway; `destination`: that of a broker. `Filter last ran` is how long ago, and empty "
               "where it never did.",
          do="Run the commands under \"Is it there?\" in istio/README.md for that pod. All pods of a workload: "
             "selector, namespace or port. One pod: its agent's log."),
    graph("Open connections without the filter", f"topk(10, {unseen()} > 0)", "short",
          legend="{{namespace}}/{{pod}} {{reporter}}",
          read="Open for Istio and not for the filter, by side of a pod. Empty but for moments is good.",
          do="A step up in many pods at once is a change of configuration, or a new version that could not load."),
    graph("New connections that only Istio counts", f"topk(10, {blind('rate', '$__rate_interval')} > 0)", "cps",
          legend="{{namespace}}/{{pod}} {{reporter}}",
          read="A second. Istio reports some seconds later than the filter, so single points mean nothing. Where it "
               "stays and `Filter last ran` is short, a worker has lost its module, and the gauge of open connections "
               "stands still.",
          do="Look for `Uncaught RuntimeError` in that sidecar's log and restart the pod."),
    table("Images that were not fetched", ["namespace", "pod", "result"],
          [Query(f"sum by (namespace, pod, result) ({NOT_FETCHED}) > 0", column="Attempts", unit="short")],
          steps=[(0, RED)], width=8, height=8,
          read="`manifest_failure`: name, registry or login. `checksum_mismatched`: the digest. `download_failure`: "
               "the image's layers. `fetch_failure`: no wasm in them. Other modules' failures stand here too.",
          do="Mend it, then restart the pod: the agent does not try again by itself."),
    graph("Connections in its absence", f"sum {POD} (rate({ABSENT}[$__rate_interval]))", "cps",
          legend="{{namespace}}/{{pod}}", width=8,
          read="Let pass by the default of the EnvoyFilter while its filter was not there. The other two forms count "
               "nothing here.",
          do="Some at a pod's start are the wait of three seconds; more is a module that was not loaded."),
    table("Resources refused by Envoy", ["namespace", "pod"],
          [Query(f"sum {POD} ({REFUSED}) > 0", column="Since its start", unit="short")],
          steps=[(0, RED)], width=8, height=8,
          read="Modules or configurations that the agent fetched and Envoy refused. Istio keeps this count only with "
               "telemetry/proxy-stats-matcher.yaml.",
          do="The sidecar's log has the reason, mostly a key of the configuration."),
    table("Releases by namespace", ["namespace", "filter_release"],
          [Query("count by (namespace, filter_release) (count by (namespace, pod, instance, filter_release) "
                 "(kafka_filter_build_info))", column="Proxies", unit="short")], width=24, height=6,
          read="Which release runs where. Two in one namespace: an update is under way, or some agents could not "
               "fetch it.",
          do="Old lines that stay: see the images above."),
])
