"""Canary: does the cluster serve its users, by kafka-canary; and the same records as the filter saw them pass."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Query, Row, graph, label_variable, stat, table
from promql import rate, top, total

PROBED = 'job=~"$canary"'
# The canary as the filter sees it: a client like any other.
CLIENT = 'client_id=~"$canary_client"'
TOPIC = 'topic="__strimzi_canary"'
WRITES = 'request="Produce"'


def canary(metric: str, *matchers: str) -> str:
    return f"kafka_canary_{metric}{{{', '.join((PROBED, *matchers))}}}"


def canary_rate(metric: str, *matchers: str) -> str:
    return f"rate({canary(metric, *matchers)}[$__rate_interval])"


def served() -> str:
    return f"{total(canary_rate('records_consumed_total'))} / {total(canary_rate('produce_due_total'))}"


def quantile(q: float, metric: str) -> str:
    return f"histogram_quantile({q:g}, sum by (le, broker) ({canary_rate(metric + '_latency_seconds_bucket')}))"


def noticed() -> list[Query]:
    """What was noticed about records in the time shown, by partition."""
    names = ("lost", "duplicated", "out_of_order", "late", "unacknowledged", "foreign")
    return [Query(f"sum by (partition) (increase({canary(f'records_{name}_total')}[$__range]))",
                  column=name.replace("_", " "), unit="short") for name in names]


def failures(metric: str, label: str) -> str:
    return top(10, total(canary_rate(f"{metric}_failed_total"), [label, "reason"]))


DASHBOARD = Dashboard(
    uid="kafka-canary",
    title="Kafka / Canary",
    about="Does the cluster serve its users: what kafka-canary wrote and read back, and how fast.",
    variables=[
        label_variable("job", "kafka_canary_build_info", (), name="canary"),
        label_variable("client_id", "kafka_filter_client_produced_records_total", (TOPIC,), name="canary_client")],
    rows=[
        Row("Is the cluster serving?", [
            stat("Served", served(), "percentunit", width=6, base=RED, steps=[(0.99, ORANGE), (0.999, "green")],
                 read="Of the records that were due, the share that was written and read back.",
                 do="Below the objective: which partitions, in the table beside."),
            stat("Ready", f"min(kafka_canary_ready{{{PROBED}}})", "short", width=6, base=RED, steps=[(1, "green")],
                 decimals=0,
                 read="1 when the canary is served on at least one partition.",
                 do="0: the canary's /readiness says why."),
            stat("Brokers", f"sum(kafka_canary_brokers{{{PROBED}}})", "short", width=6, decimals=0,
                 read="Brokers that are probed, those away for less than the settling time included.",
                 do="Fewer than there should be: a broker left, or never registered."),
            stat("Records lost", f"sum(increase({canary('records_lost_total')}[$__range]))", "short", width=6,
                 steps=[(1, RED)], decimals=0,
                 read="Acknowledged with acks=all, and gone, in the time shown.",
                 do="Other topics have lost records in the same moment: see docs/canary.md."),
            graph("Served, by partition",
                  f"{total(canary_rate('records_consumed_total'), ['partition'])} / "
                  f"{total(canary_rate('produce_due_total'), ['partition'])}", "percentunit",
                  legend="{{partition}}",
                  read="The share of due records that came through. Each broker leads one partition.",
                  do="One line down: the broker that leads it. All lines down: network, login or controllers."),
            table("What became of records", ["partition"], noticed(), steps=[(1, RED)],
                  read="Records of the time shown that were not simply read once and in time.",
                  do="Lost is the cluster's fault, duplicated somebody's who copies records, foreign somebody's who "
                     "writes into the canary's topic."),
            graph("Why writing fails", failures("records_produce", "partition"), "cps",
                  legend="{{partition}} {{reason}}",
                  read="Records a second that were refused or not acknowledged in time.",
                  do="`message_timed_out`: the leader does not answer. Others are the broker's own words."),
            graph("Why connections and commits fail",
                  [Query(failures("connections", "broker"), "connection {{broker}} {{reason}}"),
                   Query(failures("commits", "broker"), "commit {{broker}} {{reason}}")], "cps",
                  read="Failures a second by broker, of connections and of commits through its coordinator.",
                  do="`tls` and `authentication` are configuration, `timeout` and `refused` the broker or the network."),
        ]),
        Row("How fast?", [
            graph("Writing, p99 by leader", quantile(0.99, "produce"), "s", legend="broker {{broker}}",
                  read="Until a record was acknowledged by all in-sync replicas.",
                  do="One broker above the others: its disk, or a follower that lags."),
            graph("End to end, p99 by leader", quantile(0.99, "end_to_end"), "s", legend="broker {{broker}}",
                  read="From sending a record to reading it.",
                  do="High while writing is fast: the fetching side of that broker, or the way back."),
            graph("Commits, p99 by coordinator", quantile(0.99, "commit"), "s", legend="broker {{broker}}",
                  read="Until an offset commit was answered.", do="High: __consumer_offsets waits for its replicas."),
            graph("Connections, p99 by broker", quantile(0.99, "connection"), "s", legend="broker {{broker}}",
                  read="TCP, TLS, login and ApiVersions together.",
                  do="High: TLS handshakes or logins queue up on that broker."),
        ]),
        Row("The same records, by the canary and by the filter", [
            graph("Records written", [
                Query(total(canary_rate("records_produced_total")), "canary: acknowledged"),
                Query(total(rate("client_produced_records_total", CLIENT, TOPIC)), "filter: {{client_id}}")], "cps",
                read="Acknowledged as the canary knows it; sent as the filter saw it pass.",
                do="The filter alone counts: records are refused or time out on the way back. Neither counts: the canary "
                   "cannot connect."),
            graph("Writing, mean", [
                Query(f"sum({canary_rate('produce_latency_seconds_sum')}) / "
                      f"sum({canary_rate('produce_latency_seconds_count')})", "canary"),
                Query(f"{total(rate('topic_request_duration_microseconds_sum', TOPIC, WRITES))} / "
                      f"{total(rate('topic_request_duration_microseconds_count', TOPIC, WRITES))} / 1e6",
                      "filter: request to response")], "s",
                read="The time until the acknowledgement, as the client has it and as the proxy sees it.",
                do="Both high: the cluster. The canary's alone: the client's machine, or the way to the proxy."),
        ]),
    ])
