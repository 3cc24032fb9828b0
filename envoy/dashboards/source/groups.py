"""Groups: who is behind and whether it gets better, why groups rebalance, and what their requests meet."""

from __future__ import annotations

from grafana import ORANGE, RED, Dashboard, Link, Query, Row, graph, label_variable, stat, table
from promql import REPORTER, UNEXPECTED, alongside, increase, or_zero, quantile, rate, series, top, total

GROUP = 'group=~"$group"'
TOPIC = 'topic=~"$topic"'
PAIR = ["group", "topic"]
LAG = series("group_lag_records", GROUP, TOPIC)
# A line through ten minutes: short enough for the night, long enough to see through commits that come every 5 s.
GROWTH = total(f"deriv({LAG}[10m])", PAIR)
WRITTEN = total(rate("topic_produced_records_total", TOPIC), ["topic"])


def behind() -> list[Query]:
    """Lag, how fast it grows, how much time of writing it is, and when it is worked off if nothing changes."""
    chosen = top(50, total(LAG, PAIR))
    age = f"({total(LAG, PAIR)} / on (topic) group_left () ({WRITTEN} > 0))"
    drained = f"({total(LAG, PAIR)} / -({GROWTH} < 0))"
    return [Query(chosen, column="Records behind", unit="short"),
            Query(alongside(GROWTH, PAIR, chosen), column="Grows by", unit="cps"),
            Query(alongside(age, PAIR, chosen), column="Time of writing", unit="s"),
            Query(alongside(drained, PAIR, chosen), column="Worked off in", unit="s")]


DASHBOARD = Dashboard(
    uid="kafka-filter-groups",
    title="Kafka / Groups",
    about="Consumer, share and streams groups of every protocol: lag, rebalances, errors.",
    variables=[
        label_variable("group", "kafka_filter_group_requests_total", [REPORTER]),
        label_variable("topic", "kafka_filter_group_lag_records", [REPORTER, GROUP])],
    rows=[
        Row("Right now", [
            stat("Records behind", or_zero(total(LAG)), "short", width=6, decimals=0,
                 read="Of the chosen groups, all topics. High watermark seen in fetches minus newest commit seen, "
                      "in the same proxy: where a group's commits go through another proxy than its fetches, that "
                      "part is missing.",
                 do="The size alone says little; the table tells growth and time."),
            stat("Groups falling behind",
                 or_zero(f"count({total(f'delta({LAG}[10m])', ['group'])} > 0 and {total(LAG, ['group'])} > 1000)"),
                 "short", width=6, decimals=0, steps=[(1, ORANGE), (5, RED)],
                 read="More than 1,000 records behind, and more than 10 minutes ago.",
                 do="More consumers help up to the number of partitions; beyond it only faster ones."),
            stat("Rebalances in 10 minutes", or_zero(total(increase("group_rebalances_total", GROUP, over="10m"))),
                 "short", width=6, decimals=0, steps=[(3, ORANGE), (10, RED)],
                 read="Of the chosen groups together. A rollout makes about one for each pod, a group in peace "
                      "none.",
                 do="Choose the group above, then read its errors below."),
            stat("Refused requests of groups", or_zero(total(rate("group_errors_total", GROUP, UNEXPECTED))), "cps",
                 width=6, decimals=2, steps=[(0.1, ORANGE), (10, RED)],
                 read="Error codes a second in answers to group APIs, without those of an ordinary rebalance.",
                 do="Errors of groups, below, has the codes and what each means."),
        ]),
        Row("Who is behind?", [
            table("Lag", PAIR, behind(), width=24, height=10, links={"group": Link("kafka-filter-groups", "group"),
                                                                     "topic": Link("kafka-filter-topics", "topic")},
                  read="Records behind; how many more each second (a line through ten minutes); how long "
                       "producers took to write that many, so how old the data is that the group reads now; and "
                       "when it is worked off at this speed. The last two stay empty where writes are not seen "
                       "here, or where the lag grows.",
                  do="Grows and old: add consumers (up to the number of partitions) or look for rebalances. "
                     "Steady at a high level: nobody reads, or nobody commits."),
            graph("Lag by group", top(10, total(LAG, ["group"])), "short", legend="{{group}}",
                  read="A saw is a group that commits in batches. A line upwards is one that does not keep up. A "
                       "cliff is a reset of offsets.",
                  do="Set it beside Rebalances: while a group rebalances nobody reads."),
            graph("How far readers are, commits or not",
                  top(10, total(series("topic_fetch_lag_records", TOPIC), ["topic"])), "short", legend="{{topic}}",
                  read="By topic, from the fetches alone. Low here and high on the left: records are read and not "
                       "committed (processing is slow, or commits fail).",
                  do="Both high: reading itself is too slow."),
        ]),
        Row("Why does it rebalance?", [
            graph("Rebalances",
                  top(10, total(increase("group_rebalances_total", GROUP, over="$__rate_interval"), ["group"])),
                  "short", legend="{{group}}", bars=True, stack=True, width=8,
                  read="Classic groups: answers to the elected leader, one a rebalance. KIP-848 groups: rises of "
                       "a member's epoch, so one for each member that moves.",
                  do="At a rollout: expected. Every few minutes: session or poll timeouts, see the errors."),
            graph("Time to join: p99",
                  top(10, quantile(0.99, "group_join_duration_microseconds", GROUP, by=["group"])), "µs",
                  legend="{{group}}", width=8,
                  read="JoinGroup to its answer: the broker waits for every member, so this is how long the "
                       "slowest one makes all others stand still.",
                  do="Minutes: a member is stuck in its processing until max.poll.interval.ms ends. Static "
                     "membership (group.instance.id) or the protocol of KIP-848 shortens it."),
            graph("Errors of groups", top(10, total(rate("group_errors_total", GROUP), ["group", "error"])), "cps",
                  legend="{{group}} {{error}}", width=8,
                  read="`UNKNOWN_MEMBER_ID`: thrown out for silence. `ILLEGAL_GENERATION` and "
                       "`FENCED_MEMBER_EPOCH`: it came back with old news. `REBALANCE_IN_PROGRESS`, "
                       "`MEMBER_ID_REQUIRED`: ordinary. `NOT_COORDINATOR`: the coordinator moved.",
                  do="Thrown out for silence: processing longer than max.poll.interval.ms (fewer records a poll) "
                     "or pauses longer than session.timeout.ms (garbage collection, CPU limits)."),
        ]),
        Row("What do groups ask?", [
            graph("Requests by API", top(12, total(rate("group_requests_total", GROUP), ["request"])), "reqps",
                  legend="{{request}}", stack=True,
                  read="Once for each group that a request names. Heartbeat: classic; ConsumerGroupHeartbeat, "
                       "ShareGroupHeartbeat, StreamsGroupHeartbeat: the newer protocols.",
                  do="JoinGroup at a steady rate is a group that never settles."),
            graph("Commits",
                  top(10, total(rate("group_requests_total", GROUP, 'request=~"OffsetCommit|TxnOffsetCommit"'),
                                           ["group"])), "reqps", legend="{{group}}",
                  read="Requests that commit, by group. enable.auto.commit makes one every 5 s for each member.",
                  do="Hundreds a second: a commit for every record; commit for each poll instead. None: see Lag."),
            table("Errors in this time", ["group", "request", "error"],
                  [Query(top(50, total(increase("group_errors_total", GROUP), ["group", "request", "error"])),
                         column="Errors", unit="short")], width=24, steps=[(1, ORANGE), (1000, RED)],
                  read="Of the chosen groups, the 50 most frequent. `__other__` is a group beyond the label's cap.",
                  do="The first line of a night is the one to explain."),
        ]),
    ])
