"""Kafka 4 readiness: which clients a Kafka 4 broker would refuse, and what everyone runs."""

from __future__ import annotations

from grafana import GREEN, ORANGE, RED, Dashboard, Link, Query, Row, graph, stat, table
from promql import alongside, increase, or_zero, rate, series, top, total

KEYS = ["client_id", "request", "api_version"]
DEPRECATED = series("deprecated_requests_total")
# Counters as they stand: a client that comes once has a series that begins at 1, and an increase would not show it.
SEEN = f"max_over_time({DEPRECATED}[$__range])"
SOFTWARE = f"max_over_time({series('client_software_connections_total')}[$__range])"


def who() -> list[Query]:
    chosen = f"topk(100, {total(SEEN, KEYS)})"
    return [Query(chosen, column="Since the proxies started", unit="short"),
            Query(alongside(total(increase("deprecated_requests_total"), KEYS), KEYS, chosen), column="In this time",
                  unit="short"),
            Query(alongside(total(increase("deprecated_requests_total", over="1h"), KEYS), KEYS, chosen),
                  column="In the last hour", unit="short")]


DASHBOARD = Dashboard(
    uid="kafka-filter-kafka4",
    title="Kafka / Kafka 4 readiness",
    about="Kafka 4 brokers refuse protocol versions that older clients speak (KIP-896). Who would break, by name.",
    since="now-7d",
    rows=[
        Row("Can we upgrade?", [
            stat("Clients that would break", or_zero(f"count({total(SEEN, ['client_id'])} > 0)"), "short", width=6,
                 decimals=0, steps=[(1, RED)],
                 read="Client ids that used a version which Kafka 4 refuses, since the proxies started, if they "
                      "did so within the time shown or before.",
                 do="0, and watched long enough (on the right): upgrade. Else the table below is the list of "
                    "whom to call."),
            stat("Requests that would be refused", or_zero(total(increase("deprecated_requests_total"))), "short",
                 width=6, decimals=0, steps=[(1, ORANGE), (1000, RED)],
                 read="In the time shown: a week, unless you changed it, for some jobs run once a week.",
                 do="Falling to 0 after an upgrade of a client confirms it."),
            stat("Watched for", "min(envoy_server_uptime and on (instance) "
                 f"{series('build_info')})", "s", width=6, decimals=1, base=ORANGE, steps=[(604_800, GREEN)],
                 read="How long the youngest proxy has watched. The counts are of proxies that run: a proxy that "
                      "restarted begins anew, and what it saw before is in Prometheus alone.",
                 do="Less than your slowest job's period: wait."),
            stat("Library versions in use",
                 or_zero(f"count({total(SOFTWARE, ['software', 'software_version'])} > 0)"),
                 "short", width=6, decimals=0,
                 read="Pairs of library and version. Clients from before 2019 tell neither.",
                 do="See What do they run, below."),
        ]),
        Row("Who must be upgraded?", [
            table("Clients that Kafka 4 refuses", KEYS, who(), width=24, height=10,
                  links={"client_id": Link("kafka-filter-clients", "client_id")}, steps=[(1, RED)],
                  read="Client, API and version. A line with nothing in the last hour may be gone, or runs once a "
                       "day.",
                  do="Upgrade the library (Java clients from 2.1 on are fine), or take back a setting that pins "
                     "a new library to old versions: api.version.request and broker.version.fallback of "
                     "librdkafka, Config.Version of sarama, api_version of kafka-python. `__other__` is a client "
                     "beyond the label's cap: fold ids with `labels.client_id.rewrite`."),
            graph("By client", top(10, total(rate("deprecated_requests_total"), ["client_id"])), "reqps",
                  legend="{{client_id}}", stack=True,
                  read="Requests a second in refused versions.",
                  do="Comes once a day: a job; its hour tells whose."),
            graph("By API and version", top(15, total(rate("deprecated_requests_total"), ["request", "api_version"])),
                  "reqps", legend="{{request}} v{{api_version}}", stack=True,
                  read="Which removed versions are spoken.",
                  do="Only JoinGroup or OffsetCommit old: an old consumer library. Only Produce: an old "
                     "producer, or a log shipper."),
        ]),
        Row("What do they run?", [
            table("Libraries", ["software", "software_version"],
                  [Query(f"topk(60, {total(SOFTWARE, ['software', 'software_version'])})", column="Connections",
                         unit="short")],
                  read="As clients tell in ApiVersions version 3 and later, since the proxies started.",
                  do="Whoever stands here is new enough, unless a setting pins it to old versions. Clients that "
                     "are missing here and present under Clients are the old ones."),
            table("Versions in use", ["request", "api_version"],
                  [Query(top(100, total(increase("requests_total"), ["request", "api_version"])), column="Requests",
                         unit="short")],
                  read="All APIs and versions in the time shown, the 100 most frequent; also those that Kafka 4 "
                       "takes.",
                  do="Sort by API to see how spread out versions are: a long tail is many libraries."),
            graph("Produce by version", total(rate("requests_total", 'request="Produce"'), ["api_version"]), "reqps",
                  legend="v{{api_version}}", stack=True,
                  read="Kafka 4 takes version 3 and later; 13 and later name topics by id.",
                  do="Versions 0 to 2 must be gone."),
            graph("Fetch by version", total(rate("requests_total", 'request=~"FetchConsumer|FetchFollower"'),
                                            ["api_version"]), "reqps", legend="v{{api_version}}", stack=True,
                  read="Kafka 4 takes version 4 and later; before it, brokers rewrite batches for the client at a "
                       "high price.",
                  do="Versions 0 to 3 must be gone."),
        ]),
    ])
