"""The demo's arithmetic, its tables and pages, and its closing comparison, from readings written by hand."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from access import AccessLog, parse  # noqa: E402
from comparison import Verdict, behind, ended as compare_ended, groups as compare_groups, records, sums  # noqa: E402
from lab import Stats  # noqa: E402
from readings import Readings, quantile  # noqa: E402
from screen import joined, pages  # noqa: E402
from tabular import cut, duration, rate, size, table, whole  # noqa: E402
from views import View, clients, ended, errors, groups, old_versions, requests, topics, views  # noqa: E402

EARLIER = """
kafka_filter_requests_total{request="Produce",api_version="9"} 10
kafka_filter_topic_produced_records_total{topic="orders"} 100
kafka_filter_topic_produced_bytes_total{topic="orders"} 5000
kafka_filter_client_produced_records_total{topic="orders",client_id="shop"} 100
kafka_filter_topic_end_to_end_latency_milliseconds_sum{topic="orders"} 1000
kafka_filter_topic_end_to_end_latency_milliseconds_count{topic="orders"} 10
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="500"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="1000"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="+Inf"} 1000
"""
LATER = """
kafka_filter_requests_total{request="Produce",api_version="9"} 30
kafka_filter_requests_total{request="Produce",api_version="13"} 4
kafka_filter_throttled_responses_total{request="Produce"} 3
kafka_filter_topic_produced_records_total{topic="orders"} 500
kafka_filter_topic_produced_bytes_total{topic="orders"} 29000
kafka_filter_topic_produced_batches_total{topic="orders",compression="lz4"} 9
kafka_filter_topic_fetch_lag_records{topic="orders"} 1234
kafka_filter_client_produced_records_total{topic="orders",client_id="shop"} 500
kafka_filter_client_fetched_records_total{topic="orders",client_id="billing"} 80
kafka_filter_client_fetched_records_total{topic="clicks",client_id="billing"} 400
kafka_filter_topic_end_to_end_latency_milliseconds_sum{topic="orders"} 1400
kafka_filter_topic_end_to_end_latency_milliseconds_count{topic="orders"} 20
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="500"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="1000"} 1100
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="+Inf"} 1100
kafka_filter_response_errors_total{request="Produce",error="MESSAGE_TOO_LARGE"} 2
kafka_filter_topic_errors_total{request="Produce",error="MESSAGE_TOO_LARGE",topic="orders"} 2
kafka_filter_response_errors_total{request="Heartbeat",error="REBALANCE_IN_PROGRESS"} 1
kafka_filter_group_errors_total{request="Heartbeat",error="REBALANCE_IN_PROGRESS",group="billing"} 1
kafka_filter_group_requests_total{request="Heartbeat",group="billing"} 7
kafka_filter_group_requests_total{request="Heartbeat",group="idle"} 7
kafka_filter_group_rebalances_total{group="billing"} 3
kafka_filter_group_lag_records{group="billing",topic="orders"} 20
kafka_filter_group_lag_records{group="billing",topic="clicks"} 300
kafka_filter_deprecated_requests_total{request="FetchConsumer",api_version="1",client_id="from-2015"} 6
"""


def readings() -> Readings:
    """Four seconds lie between the two."""
    made = Readings(window=5.0)
    made.add(100.0, Stats.parse(EARLIER))
    made.add(104.0, Stats.parse(LATER))
    return made


def log_line(client_id: str | None, software: str | None = None, opaque: str | None = None,
             logged: str = "TcpConnectionEnd") -> str:
    return json.dumps({"client_id": client_id, "client_software": software, "topics": None, "opaque_reason": opaque,
                       "received": 100, "sent": 2000, "logged": logged})


class Quantile(unittest.TestCase):
    def test_is_linear_inside_its_bucket(self) -> None:
        self.assertAlmostEqual(quantile(0.5, {10.0: 0.0, 20.0: 100.0, math.inf: 100.0}), 15.0)

    def test_beyond_the_last_bound_is_that_bound(self) -> None:
        self.assertEqual(quantile(0.99, {10.0: 1.0, math.inf: 100.0}), 10.0)

    def test_without_samples_there_is_none(self) -> None:
        self.assertIsNone(quantile(0.99, {10.0: 0.0, math.inf: 0.0}))
        self.assertIsNone(quantile(0.99, {}))


class Window(unittest.TestCase):
    def test_rates_are_of_the_window(self) -> None:
        made = readings()
        self.assertEqual(made.rates("topic_produced_records_total", "topic"), {("orders",): 100.0})
        made.add(110.0, Stats.parse(LATER))
        self.assertEqual(made.rates("topic_produced_records_total", "topic"), {("orders",): 0.0})

    def test_quantiles_are_of_the_window_too(self) -> None:
        # Of 1,100 samples only the newest 100 count; all of them lie between 500 and 1,000.
        found = readings().p99("topic_request_duration_microseconds", topic="orders", request="Produce")
        self.assertAlmostEqual(found, 995.0)

    def test_means_are_of_the_window_or_of_all_time_when_it_is_empty(self) -> None:
        made = readings()
        self.assertEqual(made.mean("topic_end_to_end_latency_milliseconds", topic="orders"), 40.0)
        made.add(110.0, Stats.parse(LATER))
        self.assertEqual(made.mean("topic_end_to_end_latency_milliseconds", topic="orders"), 70.0)
        self.assertIsNone(made.mean("topic_end_to_end_latency_milliseconds", topic="clicks"))


class Tables(unittest.TestCase):
    def test_topics(self) -> None:
        _, row = topics(readings(), 10)
        self.assertEqual(row.split(), ["orders", "100", "-", "6.0", "kB", "-", "1.0", "ms", "40.0", "ms", "1,234",
                                       "lz4"])

    def test_clients_with_what_they_write_and_read_and_their_software(self) -> None:
        log = AccessLog(Path("nowhere"))
        log.take(log_line("billing", "librdkafka/2.0.2", logged="TcpPeriodic"))
        _, reader, writer = clients(readings(), log, 10)
        self.assertEqual(reader.split(), ["billing", "librdkafka/2.0.2", "reads", "clicks", "100", "orders", "20"])
        self.assertEqual(writer.split(), ["shop", "writes", "orders", "100"])

    def test_clients_beyond_the_rows_are_a_number(self) -> None:
        _, rest = clients(readings(), AccessLog(Path("nowhere")), 1)
        self.assertEqual(rest, "and 2 more")

    def test_groups_the_furthest_behind_first(self) -> None:
        _, first, second = groups(readings(), 10)
        self.assertEqual(first.split(), ["billing", "320", "3", "-", "clicks", "300", "orders", "20"])
        self.assertEqual(second.split(), ["idle", "-", "-", "-"])

    def test_old_versions_name_the_client(self) -> None:
        _, row = old_versions(readings(), 10)
        self.assertEqual(row.split(), ["from-2015", "FetchConsumer", "v1", "6"])

    def test_requests_fold_their_versions(self) -> None:
        _, row = requests(readings(), 10)
        self.assertEqual(row.split(), ["Produce", "6.0", "34", "-", "3", "v9:", "30", "v13:", "4"])

    def test_errors_name_their_topic_or_group(self) -> None:
        _, of_topic, of_group = errors(readings(), 10)
        self.assertEqual(of_topic.split(), ["MESSAGE_TOO_LARGE", "Produce", "2", "orders"])
        self.assertEqual(of_group.split(), ["REBALANCE_IN_PROGRESS", "Heartbeat", "1", "billing"])

    def test_before_the_first_client_all_views_are_there(self) -> None:
        empty = Readings()
        empty.add(0.0, Stats({}))
        found = views(empty, AccessLog(Path("nowhere")))
        self.assertIn("none so far", "\n".join(joined(found)))
        for view in found:
            self.assertLessEqual(len(view.lines), view.height)

    def test_no_view_is_higher_than_it_says_or_too_wide(self) -> None:
        crowd = "".join(
            f'kafka_filter_{metric}{{{labels}}} {at + 1}\n'
            for at in range(40)
            for metric, labels in [
                ("topic_produced_records_total", f'topic="topic-{at}-{"x" * 60}"'),
                ("client_produced_records_total", f'topic="t{at}",client_id="c{at}-{"x" * 60}"'),
                ("client_fetched_records_total", f'topic="t{at}",client_id="all"'),
                ("group_requests_total", f'group="g{at}-{"x" * 60}",request="Heartbeat"'),
                ("response_errors_total", f'request="R{at}",error="E"'),
                ("deprecated_requests_total", f'request="R",api_version="{at}",client_id="c"'),
                ("requests_total", f'request="R{at}",api_version="1"')])
        made, log = Readings(), AccessLog(Path("nowhere"))
        made.add(0.0, Stats({}))
        made.add(1.0, Stats.parse(crowd))
        for at in range(40):
            log.take(log_line(f"client-{at}-{'x' * 60}", "s" * 90))
        for view in views(made, log):
            self.assertLessEqual(len(view.lines), view.height, view.lines)
            self.assertLessEqual(max(map(len, view.lines)), 100, view.lines)


class Pages(unittest.TestCase):
    def test_are_as_few_as_heights_allow_and_never_change(self) -> None:
        low, high = View(["a"], 4), View(["b"], 7)
        self.assertEqual(pages([low, low, high], 9), [[low, low], [high]])
        self.assertEqual(pages([low, low, high], 17), [[low, low, high]])

    def test_a_view_that_is_too_high_has_a_page(self) -> None:
        self.assertEqual(pages([View(["a"], 50)], 10), [[View(["a"], 50)]])

    def test_the_demo_has_two_in_an_ordinary_terminal(self) -> None:
        empty = Readings()
        empty.add(0.0, Stats({}))
        # 40 lines less title, last lines and what separates them.
        self.assertEqual(len(pages(views(empty, AccessLog(Path("nowhere"))), 40 - 4 - 4)), 2)


class Log(unittest.TestCase):
    def test_unknown_facts_are_empty_however_they_are_written(self) -> None:
        self.assertEqual(parse(log_line(None)).client_id, "")
        self.assertEqual(parse(log_line("-")).client_id, "")
        self.assertEqual(parse(log_line("a-b")).client_id, "a-b")

    def test_grows_by_whole_lines(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "envoy.out"
            log = AccessLog(path)
            log.read()
            whole, half = log_line("one", "lib/1"), log_line("two", "lib/2")
            path.write_text(f"not of the log\n{whole}\n{half[:10]}")
            log.read()
            self.assertEqual((log.software("one"), log.software("two")), ("lib/1", ""))
            path.write_text(f"not of the log\n{whole}\n{half}\n")
            log.read()
            self.assertEqual(log.software("two"), "lib/2")

    def test_ended_connections_without_kafka_stand_first_and_nobody_twice(self) -> None:
        log = AccessLog(Path("nowhere"))
        for line in (log_line(None, opaque="tls"), log_line("a"), log_line("b", logged="TcpPeriodic"), log_line("a"),
                     log_line(None)):
            log.take(line)
        self.assertEqual([(line.client_id, line.opaque_reason) for line in log.ended(9)], [("", "tls"), ("a", "")])
        self.assertEqual(ended(log, 9)[1].split(), ["-", "-", "-", "100", "B", "2.0", "kB", "tls"])


class Comparison(unittest.TestCase):
    COUNTED = """
    kafka_filter_topic_produced_records_total{topic="orders"} 12
    kafka_filter_topic_errors_total{topic="orders",request="Produce",error="MESSAGE_TOO_LARGE"} 2
    kafka_filter_client_produced_records_total{topic="orders",client_id="a"} 7
    kafka_filter_client_produced_records_total{topic="orders",client_id="b"} 5
    """.replace("    ", "")

    def verdict(self, stored: int, counted: str = COUNTED) -> tuple[bool, str]:
        made = Verdict()
        records(made, Stats.parse(counted), {"orders": stored})
        return made.agrees, made.lines[-1].split()[-1]

    def test_what_was_counted_is_stored_or_refused(self) -> None:
        self.assertEqual(self.verdict(10), (True, "equal"))
        self.assertEqual(self.verdict(11), (False, "DIFFERENT"))

    def test_records_sent_again_are_named_and_lost_ones_are_a_difference(self) -> None:
        again = self.COUNTED.replace("MESSAGE_TOO_LARGE", "NOT_LEADER_OR_FOLLOWER")
        self.assertEqual(self.verdict(11, again), (True, "NOT_LEADER_OR_FOLLOWER"))
        self.assertEqual(self.verdict(13, again), (False, "DIFFERENT"))

    def test_clients_add_up_to_topics(self) -> None:
        made = Verdict()
        sums(made, Stats.parse(self.COUNTED))
        self.assertTrue(made.agrees)
        sums(made, Stats.parse(self.COUNTED.replace('"b"} 5', '"b"} 4')))
        self.assertFalse(made.agrees)

    def test_ended_connections_are_in_the_access_log(self) -> None:
        stats = Stats.parse('kafka_filter_connections_closed_total 3\n'
                            'kafka_filter_connections_opaque_total{reason="tls"} 1\n')
        for lines, agrees in ((["tls", None, None], True), (["tls", None], False), (["not_kafka", None, None], False)):
            log, made = AccessLog(Path("nowhere")), Verdict()
            for reason in lines:
                log.take(log_line(None, opaque=reason))
            compare_ended(made, stats, log.reasons)
            self.assertEqual(made.agrees, agrees, made.lines)

    def test_lag_is_what_offsets_tell(self) -> None:
        ends = {"orders": [(0, 10), (0, 20)], "clicks": [(5, 5)]}
        told = behind({"billing": {("orders", 0): 4, ("orders", 1): 20, ("clicks", 0): 6}}, ends)
        self.assertEqual(told, {("billing", "orders"): 6, ("billing", "clicks"): 0})
        made = Verdict()
        compare_groups(made, {("billing", "orders"): 6}, told)
        self.assertTrue(made.agrees)
        for counted in ({("billing", "orders"): 5}, {("billing", "orders"): 6, ("other", "orders"): 1}):
            made = Verdict()
            compare_groups(made, counted, told)
            self.assertFalse(made.agrees, counted)


class Text(unittest.TestCase):
    def test_numbers(self) -> None:
        self.assertEqual([rate(value) for value in (0.0, 0.5, 9.96, 1234.0)], ["-", "0.5", "10", "1,234"])
        self.assertEqual([whole(value) for value in (0.0, 3.0, 1234.0)], ["-", "3", "1,234"])
        self.assertEqual([size(value) for value in (0.0, 999.0, 1500.0, 2.5e9)], ["-", "999 B", "1.5 kB", "2.5 GB"])
        self.assertEqual([duration(value) for value in (None, 1500.0, 150_000.0, 12_000_000.0)],
                         ["-", "1.5 ms", "150 ms", "12 s"])

    def test_columns(self) -> None:
        self.assertEqual(table(["A", "b"], [["xyz", "1"], ["x", "100"]], left={0}),
                         ["A      b", "xyz    1", "x    100"])
        self.assertEqual(cut("abcdef", 4), "abc…")


if __name__ == "__main__":
    unittest.main()
