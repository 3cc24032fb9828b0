"""Overview: is something wrong now, where does it come from, and which dashboard has the rest."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Link, Query, Row, graph, heatmap, label_variable, stat, table
from promql import AT_ONCE, UNEXPECTED, alongside, increase, or_zero, quantile, rate, series, top, total

LAG = series("group_lag_records")
LAG_GROWTH = f"delta({LAG}[10m])"
ALERT = ["severity", "alertname", "reporter", "request", "topic", "group", "client_id", "instance"]

DASHBOARD = Dashboard(
    uid="kafka-filter-overview",
    title="Kafka / Overview",
    about="Start here: what clients of Kafka see right now. Counted on the wire by kafka-filter in Envoy.",
    variables=[label_variable("envoy_cluster_name", "envoy_cluster_upstream_cx_total", (), name="upstream",
                              regex=".*(?:kafka|90[0-9]{2}).*")],
    rows=[
        Row("Is something wrong right now?", [
            stat("Errors in 1,000 responses",
                 or_zero(f"1000 * {total(rate('response_errors_total', UNEXPECTED))}"
                         f" / {total(rate('responses_total'))}"),
                 "short", decimals=1, steps=[(1, ORANGE), (10, RED)],
                 read="Error codes in brokers' answers, one for each place where one stands, without those of a "
                      "healthy conversation (a member told its id, a rebalance under way). Below 1 is ordinary; "
                      "above 10, one answer in a hundred refuses something.",
                 do="Read which below, under Errors by code; `NOT_LEADER_OR_FOLLOWER` for minutes is a leader on "
                    "the move, `..._AUTHORIZATION_FAILED` an ACL, `UNKNOWN_TOPIC_OR_PARTITION` a misspelt or "
                    "deleted topic."),
            stat("Produce p99", quantile(0.99, "request_duration_microseconds", 'request="Produce"'),
                 "µs", decimals=1, steps=[(100_000, ORANGE), (500_000, RED)],
                 read="99 of 100 writes were answered within this time. Writes with acks=all wait for the "
                      "followers. 0.1 s is where callers that wait for the answer begin to notice, 0.5 s where "
                      "batches pile up in producers.",
                 do="Compare with Metadata p99: both high is the broker itself, Produce alone is disks or "
                    "followers."),
            stat("Metadata p99", quantile(0.99, "request_duration_microseconds", 'request="Metadata"'),
                 "µs", decimals=1, steps=[(50_000, ORANGE), (250_000, RED)],
                 read="The simplest question, answered from memory: what it takes is a broker's queue and "
                      "threads, and the network between proxy and broker.",
                 do="High with connect times (below) low: brokers are short of request threads or CPU, or in "
                    "garbage collection. High with connect times high: the network."),
            stat("Groups falling behind",
                 or_zero(f"count({total(LAG_GROWTH, ['group'])} > 0 and {total(LAG, ['group'])} > 1000)"),
                 "short", decimals=0, steps=[(1, ORANGE), (5, RED)],
                 read="Groups more than 1,000 records behind whose lag grew over the last 10 minutes. A lag that "
                      "stands still or falls is being worked off.",
                 do="Open Groups: who is behind, how fast it grows, and whether the group is rebalancing."),
            stat("Rebalances of one group",
                 or_zero(f"max({total(increase('group_rebalances_total', over='10m'), ['group'])})"),
                 "short", decimals=0, steps=[(3, ORANGE), (10, RED)],
                 read="Of the worst group, in the last 10 minutes. A rollout makes about one for each pod; a "
                      "group in peace makes none. From 10 on, members are being thrown out and come back.",
                 do="Open Groups: errors tell why (`UNKNOWN_MEMBER_ID`: max.poll.interval.ms or "
                    "session.timeout.ms)."),
            stat("Throttled answers",
                 or_zero(f"{total(rate('throttled_responses_total'))} / {total(rate('responses_total'))}"),
                 "percentunit", decimals=1, steps=[(0.001, ORANGE), (0.05, RED)],
                 read="Share of answers in which the broker asks its client to wait because a quota is used up. 0 "
                      "unless quotas are set.",
                 do="Find the client under Clients, by bytes; raise its quota or talk to its owner. Latency of "
                    "that client is the quota, not the cluster."),
            stat("Requests in flight", total(series("requests_in_flight")), "short", decimals=0,
                 read="Sent and not answered yet, all proxies together. Idle consumers hold one fetch each, so "
                      "the base is the number of consumers; what matters is a change.",
                 do="Rising while requests/s stand still: brokers answer slower than they are asked. See Load "
                    "below."),
            stat("Connections not decoded",
                 or_zero(total(increase("connections_opaque_total"))), "short", decimals=0,
                 steps=[(1, ORANGE), (100, RED)],
                 read="Given up in the time shown: Kafka's own TLS, another protocol, or bytes against the "
                      "protocol. They are forwarded and counted in nothing else.",
                 do="Open Filter health for the reason. `tls`: let Envoy end TLS where you want metrics."),
        ]),
        Row("Alerts and errors", [
            table("Alerts that fire", ALERT,
                  [Query(f'count by ({", ".join(ALERT)}) (ALERTS{{alertname=~"Kafka.*", alertstate="firing"}})',
                         column="Firing", unit="short")],
                  read="Of the rules in envoy/alerts.yaml, as Prometheus evaluates them. Empty is good, if "
                       "Prometheus has loaded the rules (its page Status, Rules).",
                  do="Each alert's annotation says what it means and where to look first."),
            table("Errors by code", ["request", "error"],
                  [Query(top(20, total(increase("response_errors_total"), ["request", "error"])), column="In this time",
                         unit="short")],
                  read="Error codes by the API that was refused, in the time shown, the 20 most frequent. Also "
                       "the expected ones.",
                  do="Which topic: Topics. Which group: Groups. The filter does not tie errors to clients; "
                     "Envoy's access log does, by connection."),
        ]),
        Row("Is it the broker, the network, or the client?", [
            graph("Produce: time to the answer",
                  [Query(quantile(q, "request_duration_microseconds", 'request="Produce"'), f"p{q * 100:g}")
                   for q in (0.5, 0.95, 0.99)], "µs", width=6,
                  read="From the last byte of the write to the last byte of its answer, as the proxy handled "
                       "them: broker plus the way from proxy to broker.",
                  do="p50 and p99 rise together: the whole cluster is slow. Only p99: one broker, one partition "
                     "or compaction; look at Topics."),
            graph("Answered from memory: p99",
                  quantile(0.99, "request_duration_microseconds", f'request=~"{AT_ONCE}"', by=["request"]), "µs",
                  legend="{{request}}", width=6,
                  read="Requests that wait for nothing but a broker's queue and threads.",
                  do="Flat while Produce rises: disks or followers. Rising with it: the brokers' CPU or request "
                     "queue. OffsetCommit alone: the coordinator's partition of __consumer_offsets."),
            graph("Connecting to brokers: p99",
                  'histogram_quantile(0.99, sum by (le, envoy_cluster_name) '
                  '(rate(envoy_cluster_upstream_cx_connect_ms_bucket{envoy_cluster_name=~"$upstream"}'
                  '[$__rate_interval])))', "ms", legend="{{envoy_cluster_name}}", width=6,
                  read="A TCP connection from proxy to broker: one way there and back, no Kafka in it. Envoy's "
                       "own metric; Istio keeps it only when proxyStatsMatcher includes it.",
                  do="High: the network, or a broker whose accept queue is full. Low while the others are high: "
                     "not the network."),
            graph("From producer to consumer: p50 and p99",
                  [Query(quantile(q, "topic_end_to_end_latency_milliseconds"), f"p{q * 100:g}") for q in (0.5, 0.99)],
                  "ms", width=6,
                  read="Age of a batch when a consumer fetches it: clock at the proxy minus the producer's "
                       "timestamp (CreateTime). Clocks that differ show here.",
                  do="High while Produce is fast: consumers are behind (Groups) or producers linger. Replays of "
                     "old data are old by design."),
        ]),
        Row("Traffic", [
            graph("Requests by API", top(10, total(rate("requests_total"), ["request"])), "reqps",
                  legend="{{request}}",
                  stack=True, width=8,
                  read="Requests a second, the ten most frequent APIs.",
                  do="Much ApiVersions and Metadata: clients that connect for every message. Much FetchConsumer "
                     "with few bytes: fetch.min.bytes is 1 and topics are quiet."),
            graph("Bytes", [Query(total(rate("request_bytes_total")), "to brokers"),
                            Query(total(rate("response_bytes_total")), "from brokers")], "Bps", width=8,
                  read="Kafka's bytes on the wire, whole messages, without TLS and TCP.",
                  do="From brokers over to brokers is the fan-out; compare with the network of the brokers, "
                     "which also carries replication."),
            graph("Connections", [Query(total(series("connections_active")), "open"),
                                  Query(f"60 * {total(rate('connections_opened_total'))}", "opened a minute")],
                  "short", width=8,
                  read="Open now, and opened in a minute.",
                  do="Opened rising with open flat: clients reconnect all the time; look for authentication "
                     "failures and crash loops."),
        ]),
        Row("Load", [
            graph("Bytes in flight by API", top(8, total(series("in_flight_request_bytes"), ["request"])), "bytes",
                  legend="{{request}}", stack=True, width=8,
                  read="Bytes of requests that await their answer. A cluster that nears its limits shows here "
                       "first: writes pile up before latencies and errors tell.",
                  do="A plateau at clients' buffer.memory or max.in.flight: producers block. Add brokers or "
                     "partitions, or slow the largest writer."),
            graph("Time clients are told to wait",
                  top(8, total(rate("throttle_time_milliseconds_total"), ["request"])),
                  "ms", legend="{{request}}", width=8,
                  read="Milliseconds of throttling that brokers ask for in each second, by API.",
                  do="See the client's bytes under Clients; quotas are set by user and client id."),
            heatmap("Produce: all times",
                    total(rate("request_duration_microseconds_bucket", 'request="Produce"'),
                          ["le"]), "µs", width=8,
                    read="How many writes took how long. Two bands are two kinds of writes: acks=1 and acks=all, "
                         "or one slow broker.",
                    do="A second band that appears: find its topic under Topics."),
        ]),
        Row("Where to look next", [
            table("Busiest topics", ["topic"],
                  [Query(top(10, total(rate("topic_produced_bytes_total"), ["topic"])), column="Written", unit="Bps"),
                   Query(alongside(total(rate("topic_fetched_bytes_total"), ["topic"]), ["topic"],
                                   top(10, total(rate("topic_produced_bytes_total"), ["topic"]))),
                         column="Read", unit="Bps")],
                  links={"topic": Link("kafka-filter-topics", "topic")}, width=8,
                  read="Record-set bytes a second as they are on the wire. Click a topic for its page.",
                  do="Written and never read: is it needed?"),
            table("Busiest clients", ["client_id"],
                  [Query(top(10, total(rate("client_produced_bytes_total"), ["client_id"])), column="Writes", unit="Bps"),
                   Query(alongside(total(rate("client_produced_records_total"), ["client_id"]), ["client_id"],
                                   top(10, total(rate("client_produced_bytes_total"), ["client_id"]))),
                         column="Records", unit="cps")],
                  links={"client_id": Link("kafka-filter-clients", "client_id")}, width=8,
                  read="Clients by the bytes they write. Click one for its page.",
                  do="One client that is most of the load: quota, compression, or a topic of its own."),
            table("Groups behind", ["group", "topic"],
                  [Query(top(10, total(series("group_lag_records"), ["group", "topic"])), column="Records behind",
                         unit="short")],
                  links={"group": Link("kafka-filter-groups", "group")}, width=8,
                  read="Newest offset seen in fetches minus newest commit seen. Click a group for its page.",
                  do="Judge by growth, not by size: Groups shows both."),
        ]),
    ])
