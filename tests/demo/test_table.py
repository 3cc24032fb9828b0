"""The demo's arithmetic and its table, from readings written by hand."""

from __future__ import annotations

import math
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from lab import Stats  # noqa: E402
from readings import Readings, quantile  # noqa: E402
from screen import errors, page, requests, topics  # noqa: E402

EARLIER = """
kafka_filter_requests_total{request="Produce",api_version="9"} 10
kafka_filter_topic_produced_records_total{topic="orders"} 100
kafka_filter_topic_produced_bytes_total{topic="orders"} 5000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="500"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="1000"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="+Inf"} 1000
"""
LATER = """
kafka_filter_requests_total{request="Produce",api_version="9"} 30
kafka_filter_requests_total{request="Produce",api_version="13"} 4
kafka_filter_topic_produced_records_total{topic="orders"} 500
kafka_filter_topic_produced_bytes_total{topic="orders"} 29000
kafka_filter_topic_produced_batches_total{topic="orders",compression="lz4"} 9
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="500"} 1000
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="1000"} 1100
kafka_filter_topic_request_duration_microseconds_bucket{topic="orders",request="Produce",le="+Inf"} 1100
kafka_filter_response_errors_total{request="Produce",error="MESSAGE_TOO_LARGE"} 2
kafka_filter_topic_errors_total{request="Produce",error="MESSAGE_TOO_LARGE",topic="orders"} 2
"""


def readings() -> Readings:
    """Four seconds lie between the two."""
    made = Readings(window=5.0)
    made.add(100.0, Stats.parse(EARLIER))
    made.add(104.0, Stats.parse(LATER))
    return made


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


class Table(unittest.TestCase):
    def test_topics(self) -> None:
        _, row = topics(readings(), 10)
        self.assertEqual(row.split(), ["orders", "100", "-", "6.0", "kB", "-", "1.0", "ms", "-", "lz4"])

    def test_requests_fold_their_versions(self) -> None:
        _, row = requests(readings(), 10)
        self.assertEqual(row.split(), ["Produce", "6.0", "34", "-", "v9:", "30", "v13:", "4"])

    def test_errors_name_their_topic(self) -> None:
        _, row = errors(readings(), 10)
        self.assertEqual(row.split(), ["MESSAGE_TOO_LARGE", "Produce", "2", "orders"])

    def test_before_the_first_client_the_page_is_there(self) -> None:
        empty = Readings()
        empty.add(0.0, Stats({}))
        self.assertIn("none so far", "\n".join(page(empty, 40)))


if __name__ == "__main__":
    unittest.main()
