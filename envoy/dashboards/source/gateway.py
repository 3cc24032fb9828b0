"""Gateway: what producers get from kafka-gateway, what waits in its log, and what Kafka makes of it."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Query, Row, graph, label_variable, stat, table
from promql import top, total

CHOSEN = 'job=~"$gateway"'
FAILED, TAKEN, REFUSED = 'code=~"5.."', 'outcome!="refused"', 'outcome="refused"'


def gateway(metric: str, *matchers: str) -> str:
    return f"kafka_gateway_{metric}{{{', '.join((CHOSEN, *matchers))}}}"


def per_second(metric: str, *matchers: str) -> str:
    return f"rate({gateway(metric, *matchers)}[$__rate_interval])"


def quantile(q: float, metric: str, by: str) -> str:
    return f"histogram_quantile({q:g}, sum by (le, {by}) ({per_second(metric + '_bucket')}))"


def librdkafka(metric: str) -> str:
    return f"kafka_producer_{metric}{{{CHOSEN}}}"


def failed_requests() -> str:
    """0 where requests are answered and none failed; no data where none is answered."""
    every = f"sum({per_second('requests_total')})"
    return f"(sum({per_second('requests_total', FAILED)}) or 0 * {every}) / ({every} > 0)"


def topics() -> list[Query]:
    """By topic, over the time shown: taken, refused, bytes."""
    def records(outcome: str) -> str:
        return f"sum by (topic) (increase({gateway('topic_records_total', outcome)}[$__range]))"
    return [Query(records(TAKEN), column="taken", unit="short"),
            Query(f"sum by (topic) (increase({gateway('topic_record_bytes_total')}[$__range]))", column="bytes",
                  unit="bytes"),
            Query(records(REFUSED), column="refused", unit="short")]


DASHBOARD = Dashboard(
    uid="kafka-gateway",
    title="Kafka / Gateway",
    about="HTTP in, Kafka out: what producers get from kafka-gateway, what waits in its log, and what Kafka makes of it.",
    variables=[label_variable("job", "kafka_gateway_build_info", (), name="gateway")],
    rows=[
        Row("Are producers served?", [
            stat("Records taken", f"sum({per_second('records_total', TAKEN)})", "cps", width=4,
                 read="Records a second that were written to Kafka, or accepted.",
                 do="None: nobody writes, or nobody can."),
            stat("Requests failed", failed_requests(), "percentunit", width=4, steps=[(0.001, ORANGE), (0.01, RED)],
                 read="The share of requests that were answered 5xx: not by their callers' fault.",
                 do="Red: the reasons are in the panel of refusals."),
            stat("Ready", f"min({gateway('ready')})", "short", width=4, base=RED, steps=[(1, "green")], decimals=0,
                 read="1 when every gateway would take a request.", do="0: /ready of that gateway says why."),
            stat("Log used",
                 f"max({gateway('log_bytes')} / ({gateway('log_limit_bytes')} > 0))", "percentunit", width=4,
                 steps=[(0.5, ORANGE), (0.8, RED)],
                 read="The fullest write-ahead log. Full, it refuses asynchronous records with 503.",
                 do="It fills: Kafka takes less than comes."),
            stat("Oldest in the log", f"max({gateway('log_oldest_entry_age_seconds')})", "s", width=4,
                 steps=[(60, ORANGE), (300, RED)],
                 read="Since when the oldest record that was accepted is not in Kafka.",
                 do="It grows: Kafka is away, or one partition has no leader."),
            stat("Dead letters",
                 f"sum({gateway('log_dead_letter_records')})", "short", width=4, steps=[(1, RED)], decimals=0,
                 read="Records that were accepted and that Kafka refused for good. They are kept.",
                 do="`kafka-gateway wal dead-letters` names each and why."),
            graph("Records by outcome",
                  total(per_second("records_total"), ["outcome"]), "cps", legend="{{outcome}}", stack=True,
                  read="Written: Kafka acknowledged. Logged: in the write-ahead log. Queued: in memory alone, by choice.",
                  do="Refused: the panel beside has the reasons."),
            graph("Refusals by reason",
                  top(10, total(per_second("refusals_total"), ["reason"])), "cps", legend="{{reason}}",
                  read="Refused records, and requests refused as a whole.",
                  do="`full` is back-pressure; `rate_limited`, `unknown_topic`, `malformed` are callers; `kafka` and "
                     "`unknown` are the cluster."),
            graph("Requests by status",
                  total(per_second("requests_total"), ["api", "code"]), "reqps", legend="{{api}} {{code}}",
                  read="Requests a second by way in and HTTP status.",
                  do="5xx: see refusals. 401 and 403: a key or a grant."),
            graph("Answers, p99 by way in", quantile(0.99, "request_duration_seconds", "api"), "s", legend="{{api}}",
                  read="From a request's headers to its answer. Waiting requests take a linger and Kafka's time.",
                  do="Only this is slow and Kafka is not: CPU, or the disk of the log."),
            table("Topics", ["topic"], topics(),
                  read="Records of the time shown, by topic, and their bytes.",
                  do="Refused ones of a topic that exists: limits, size, or Kafka."),
            graph("Rate limits",
                  top(10, total(per_second("rate_limited_records_total"), ["limit"])), "cps", legend="{{limit}}",
                  read="Records a second that a limit refused with 429.",
                  do="All the time: a program in a loop, or a limit too small."),
        ]),
        Row("What does Kafka make of it?", [
            graph("Deliveries, p99 by acks",
                  quantile(0.99, "delivery_duration_seconds", "acks"), "s", legend="acks={{acks}}",
                  read="From giving a record to librdkafka to its report. `log` are records from the write-ahead log.",
                  do="High: a slow broker, or a full queue; see the panels below."),
            graph("Errors of Kafka",
                  [Query(top(10, total(per_second("kafka_errors_total"), ["error"])), "answered {{error}}"),
                                      Query(top(5, total(per_second("deliveries_failed_total"), ["acks"])),
                                            "failed acks={{acks}}"),
                                      Query(top(5, total(per_second("client_errors_total"), ["error"])),
                                            "client {{error}}"),
                                      Query(top(5, total(per_second("lost_records_total"), ["error"])),
                                            "lost {{error}}")], "cps",
                  read="Errors that callers were told, deliveries that failed whether told or not, errors about no record, "
                       "and records that failed after they were accepted in memory alone.",
                  do="`_MSG_TIMED_OUT`: brokers do not answer. `NOT_ENOUGH_REPLICAS`: too few in sync. "
                     "`*_AUTHORIZATION_FAILED`: ACLs."),
            graph("Records in librdkafka's queues",
                  [Query(f"sum({librdkafka('current_messages_in_queue')})", "records")], "short",
                  read="What was given to librdkafka and is not acknowledged.",
                  do="It grows: Kafka takes less than comes."),
            graph("Waiting for a broker's response",
                  f"sum by (broker) ({librdkafka('broker_waitresp_count')})", "short",
                  legend="{{broker}}", read="Requests on their way, by broker.", do="One broker above the others is the slow one."),
        ]),
        Row("The write-ahead log, keys and the process", [
            graph("Log", [Query(f"sum by (instance) ({gateway('log_bytes')})", "{{instance}}"),
                          Query(f"max({gateway('log_limit_bytes')})", "limit of each")], "bytes",
                  read="Bytes of each log, and as many as it may have.",
                  do="See how long until it is full, at this slope."),
            graph("Entries that wait",
                  f"sum by (instance) ({gateway('log_entries_waiting')})", "short", legend="{{instance}}",
                  read="Requests whose records are accepted and not all in Kafka.",
                  do="0 before a gateway goes for good."),
            graph("Appends and syncs, p99", [Query(quantile(0.99, "log_append_duration_seconds", "job"), "append"),
                                             Query(quantile(0.99, "log_sync_duration_seconds", "job"), "sync")], "s",
                  read="Time until a group of entries is in the log, and of that the disk's.",
                  do="Syncs are slow: a better disk, or `wal.fsync: interval` and what that means."),
            graph("Idempotency-Keys", [Query(total(per_second("idempotency_claims_total"), ["result"]), "{{result}}"),
                                       Query(f"sum({per_second('idempotency_forgotten_early_total')})",
                                             "forgotten early")], "reqps",
                  read="Requests with a key: new, answered before, still in progress, reused for another body.",
                  do="Forgotten early: raise `idempotency.keys_max`."),
            graph("Memory and bodies",
                  [Query(f"sum by (instance) (process_resident_memory_bytes{{{CHOSEN}}})", "{{instance}}"),
                                        Query(f"sum by (instance) ({gateway('body_bytes')})",
                                              "bodies {{instance}}")], "bytes",
                  read="Memory of each process, and of that bodies that are read or answered.",
                  do="It grows with librdkafka's queues: `kafka.queue_buffering_max_kbytes`."),
            graph("CPU and connections",
                  [Query(f"sum by (instance) (rate(process_cpu_seconds_total{{{CHOSEN}}}[$__rate_interval]))",
                                                "CPUs {{instance}}"),
                                          Query(f"sum by (instance) ({gateway('connections')})",
                                                "connections {{instance}}")], "short",
                  read="CPUs in use, and connections of producers.",
                  do="All CPUs: more replicas, or more records in a request."),
        ]),
    ])
