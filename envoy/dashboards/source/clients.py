"""Clients: who writes and reads how much, how well they behave, and what software they run."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Link, Query, Row, graph, label_variable, stat, table
from promql import REPORTER, alongside, increase, or_zero, rate, series, top, total

UNNAMED = 'client_id="__other__"'
MINE = ('client_id=~"$client_id"', 'topic=~"$topic"')
CLIENT = ['__name__=~"kafka_filter_client_(produced|fetched)_records_total"', REPORTER]
LINKS = {"client_id": Link("kafka-filter-clients", "client_id"), "topic": Link("kafka-filter-topics", "topic")}


def busiest(verb: str) -> str:
    return top(10, total(rate(f"client_{verb}_bytes_total", *MINE), ["client_id"]))


def pairs(verb: str) -> list[Query]:
    """Bytes, records and bytes for each record of the 50 busiest pairs of client and topic."""
    keys = ["client_id", "topic"]
    size, records = (total(rate(f"client_{verb}_{what}_total", *MINE), keys) for what in ("bytes", "records"))
    chosen = top(50, size)
    return [Query(chosen, column="Bytes", unit="Bps"),
            Query(alongside(records, keys, chosen), column="Records", unit="cps"),
            Query(alongside(f"({size} / {records})", keys, chosen), column="A record", unit="bytes")]


def software() -> list[Query]:
    """Connections since the proxies started, and in the time shown, by library and version."""
    keys = ["software", "software_version"]
    whole = total(f"max_over_time({series('client_software_connections_total')}[$__range])", keys)
    chosen = f"topk(40, {whole})"
    return [Query(chosen, column="Since the proxies started", unit="short"),
            Query(alongside(total(increase("client_software_connections_total"), keys), keys, chosen),
                  column="In this time", unit="short")]


DASHBOARD = Dashboard(
    uid="kafka-filter-clients",
    title="Kafka / Clients",
    about="Who writes to what and who reads it, by client id; how clients behave; what libraries they run.",
    variables=[label_variable("client_id", "", CLIENT), label_variable("topic", "", CLIENT)],
    rows=[
        Row("Who uses how much?", [
            graph("Bytes written", busiest("produced"), "Bps", legend="{{client_id}}", stack=True,
                  read="By client id, the ten greatest.",
                  do="One client that grows alone: ask its owner before you add brokers."),
            graph("Bytes read", busiest("fetched"), "Bps", legend="{{client_id}}", stack=True,
                  read="By client id, the ten greatest.",
                  do="A sudden plateau: a replay from the beginning. It ends by itself or needs a quota."),
            table("Who writes to what", ["client_id", "topic"], pairs("produced"), links=LINKS,
                  read="Pairs of client and topic by bytes written, the 50 greatest. A record's bytes are after "
                       "compression.",
                  do="A client that should not write there: its ACL. Records of a few bytes at a high rate: "
                     "batching."),
            table("Who reads what", ["client_id", "topic"], pairs("fetched"), links=LINKS,
                  read="Pairs of client and topic by bytes read, the 50 greatest.",
                  do="Before you delete or change a topic, these are whom to ask. Widen the time first: a job "
                     "may run once a day."),
        ]),
        Row("Do they behave?", [
            graph("Requests for each new connection",
                  f"{total(rate('requests_total'))} / ({total(rate('connections_opened_total'))} > 0)", "short",
                  width=6,
                  read="All clients together. Long-lived clients make thousands; around 5, somebody connects for "
                       "every message: a connection costs ApiVersions, Metadata and often SASL before the first "
                       "record.",
                  do="Find it by its many connections in Envoy's access log; keep one producer for the life of "
                     "the process."),
            graph("Writes nobody acknowledges", total(rate("unacknowledged_requests_total"), ["instance"]), "reqps",
                  legend="{{instance}}",
                  width=6,
                  read="Produce requests with acks=0: the broker answers none of them, so nobody learns of a loss.",
                  do="Fine for sensors, wrong for orders. acks=1 costs little, acks=all loses nothing."),
            graph("Told to wait", top(8, total(rate("throttled_responses_total"), ["request"])), "cps",
                  legend="{{request}}", width=6,
                  read="Answers a second in which a broker asks the client to wait for its quota.",
                  do="The busiest client above is most often the one; `kafka-configs --describe --entity-type "
                     "clients` has the quotas."),
            graph("Metrics pushed by clients", top(8, total(rate("client_telemetry_pushes_total"), ["software"])),
                  "reqps", legend="{{software}}", width=6,
                  read="Clients that send the broker their own metrics (KIP-714), by library. Contents stay "
                       "unread.",
                  do="Nothing here: the brokers have no subscription. That is the default."),
        ]),
        Row("What do they run?", [
            table("Libraries", ["software", "software_version"], software(), width=12,
                  read="Connections by client library and version, as clients tell in ApiVersions (version 3 and "
                       "later). Clients older than 2019 tell nothing and are not here.",
                  do="Old versions: Kafka 4 readiness says whether they matter."),
            graph("New connections by library",
                  top(10, total(rate("client_software_connections_total"), ["software", "software_version"])), "cps",
                  legend="{{software}} {{software_version}}", stack=True,
                  read="Connections a second.",
                  do="A version that comes with every rollout: watch its errors on Overview at the same time."),
        ]),
        Row("Is everyone on this page?", [
            stat("Bytes without a name",
                 or_zero(f"{total(rate('client_produced_bytes_total', UNNAMED))}"
                         f" / ({total(rate('client_produced_bytes_total'))} > 0)"), "percentunit", width=6,
                         decimals=1,
                 steps=[(0.01, ORANGE), (0.1, RED)],
                 read="Share of written bytes whose client id reads `__other__`: beyond the cap of the label, "
                      "denied by configuration, or too long.",
                 do="Client ids with a host name or uuid in them: fold them with `labels.client_id.rewrite`, "
                    "then raise `labels.client_id.values_max`."),
            stat("Client ids known", total(series("label_values", 'label="client_id"')), "short", width=6, decimals=0,
                 read="Values admitted by all proxies together (a client of two proxies counts in both). The "
                      "default cap is 200 for each proxy.",
                 do="Near the cap: see docs/configuration.md, `labels.client_id`."),
            graph("Events without a name", total(rate("label_values_overflowed_total"), ["label"]), "cps",
                  legend="{{label}}",
                  read="Events a second that were counted under `__other__`, by label.",
                  do="Filter health has the caps."),
        ]),
    ])
