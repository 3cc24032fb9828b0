"""Configuration in a running Envoy: two side by side, updates under load, and ones that are refused."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from clients import consume, new_topic, payloads, produce
from lab import Envoy, Failed, Kafka, proxy, wait_until
from oracle import Oracle
from stage import Route, Stage, stage

# What Envoy and the filter say of a refused configuration, which these tests ask for: (pattern, reason).
REFUSED = (
    (r"wasm log kafka_filter kafka_filter: kafka-filter: configuration: ", "the filter names the mistake"),
    (r"Wasm VM failed Failed to configure base Wasm plugin", "Envoy on the filter's refusal"),
    (r"Plugin kafka_filter failed to load", "the same"),
    (r"listener 'REFUSING' config rejected: Unable to create Wasm plugin", "the listener is not taken"),
    (r"Filesystem config update rejected: Error adding/updating listener", "the file is not taken"),
)


def test_two_configurations_do_not_mix(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> None:
    both = [routes["LEFT"], routes["RIGHT"]]
    configurations = {"LEFT": {"reporter": "source"}, "RIGHT": {"reporter": "destination"}}
    left, right = new_topic(kafka, "left"), new_topic(kafka, "right")
    with stage(folder / "two", both, kafka, oracle, configurations) as made, made.watch() as seen:
        jobs = [threading.Thread(target=produce, args=(route.bootstrap, topic, payloads(count, 100)))
                for route, topic, count in ((both[0], left, 30), (both[1], right, 50))]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    seen.metric("topic_produced_records_total").label(topic=left, reporter="source").value(30)
    seen.metric("topic_produced_records_total").label(topic=right, reporter="destination").value(50)
    seen.metric("topic_produced_records_total").label(topic=left, reporter="destination").absent()
    seen.metric("topic_produced_records_total").label(topic=right, reporter="source").absent()
    for reporter, front_count in (("source", 0), ("destination", 1)):
        expected = sum(1 for front, _ in seen.connections if front in both[front_count].front.since(0))
        seen.metric("connections_opened_total").label(reporter=reporter).value(expected)
        seen.metric("connections_closed_total").label(reporter=reporter).value(expected)


def test_update_under_load_loses_no_byte(folder: Path, kafka: Kafka, routes: dict[str, Route],
                                         oracle: Oracle) -> None:
    """Connections live through updates of the configuration, and of the VM, with their old filter."""
    topic = new_topic(kafka, "updated")
    with stage(folder / "updated", [routes["UPDATED"]], kafka, oracle, lds=True, drain_seconds=600) as made:
        with made.watch() as seen, _load(made, topic) as sent:
            _updated(made, "2", {"reporter": "source"})
            produce(made.bootstrap, topic, payloads(20, 100))
            _updated(made, "3", {"reporter": "destination"}, vm_id="kafka_filter_next")
            produce(made.bootstrap, topic, payloads(30, 100))
    assert sent.delivered > 100
    seen.metric("topic_produced_records_total").label(topic=topic, reporter="proxy").value(sent.delivered)
    seen.metric("topic_produced_records_total").label(topic=topic, reporter="source").value(20)
    seen.metric("topic_produced_records_total").label(topic=topic, reporter="destination").value(30)


def test_replaced_listener_gives_back_its_gauges(folder: Path, kafka: Kafka, routes: dict[str, Route],
                                                 oracle: Oracle) -> None:
    """Envoy closes the old listener's connections when its drain time is over; clients come back, nothing is lost."""
    topic = new_topic(kafka, "replaced")
    with stage(folder / "replaced", [routes["REPLACED"]], kafka, oracle, lds=True, drain_seconds=1) as made:
        with _load(made, topic) as sent:
            closed = len(made.envoy.access_entries())
            _updated(made, "2", {"labels": {"topic": {"values_max": 150}}}, vm_id="kafka_filter_next")
            wait_until("the old listener to be gone",
                       lambda: len(made.envoy.access_entries()) > closed and not _draining(made))
        received = consume(made.bootstrap, [topic], sent.delivered)
        assert len(set(received)) == len(received) == sent.delivered
        # Counters of a listener that is gone may begin anew (Envoy drops them with it); gauges must be right always.
        stats = made.envoy.quiet_stats()
        assert stats.total("kafka_filter_requests_in_flight") == 0
        stats.metric("kafka_filter_topic_fetched_records_total").label(topic=topic).value(sent.delivered)


def test_new_patterns_hold_for_new_connections(folder: Path, kafka: Kafka, routes: dict[str, Route],
                                               oracle: Oracle) -> None:
    """A live Envoy takes each change; a connection that is open works on, counted as it began."""
    shown, hidden = new_topic(kafka, "shown"), new_topic(kafka, "hidden")
    route = routes["PATTERNS"]
    with stage(folder / "patterns", [route], kafka, oracle, lds=True, drain_seconds=600) as made:
        # What is denied has no series of its own, and metrics that are off none at all: counted by hand below.
        with made.watch(exact=False) as seen:
            mark = route.front.mark()
            with _open_producer(made, "consumer-billing-1") as send:
                send(hidden, 10)
                _updated(made, "2", {"labels": {
                    "topic": {"deny": ["hidden-.*"]},
                    "client_id": {"rewrite": [{"match": "consumer-(.+)-[0-9]+", "replace": "$1"}]}}})
                opened = len(route.front.since(mark))
                send(hidden, 20)
                assert len(route.front.since(mark)) == opened, "the open connection did not live through the change"
                produce(made.bootstrap, hidden, payloads(30, 100), client_id="consumer-billing-2")
                produce(made.bootstrap, shown, payloads(40, 100), client_id="consumer-billing-3")
                produce(made.bootstrap, shown, payloads(50, 100), client_id="shipping")
                _updated(made, "3", {"metrics": {"clients": False}, "labels": {"topic": {"allow": ["hidden-.*"]}}})
                produce(made.bootstrap, hidden, payloads(60, 100), client_id="consumer-billing-4")
                produce(made.bootstrap, shown, payloads(70, 100), client_id="shipping")
                send(shown, 80)
                left = [recording for recording in route.front.since(mark) if not recording.closed.is_set()]
                assert left, "the producer's connections were closed"
                wait_until("the connections of both configurations to be in one gauge",
                           lambda: made.envoy.stats().total("kafka_filter_connections_active") == len(left))
    for topic, client, count in ((hidden, "consumer-billing-1", 10 + 20), (shown, "consumer-billing-1", 80),
                                 ("__other__", "billing", 30), (shown, "billing", 40), (shown, "shipping", 50)):
        seen.metric("client_produced_records_total").label(topic=topic, client_id=client).value(count)
    seen.metric("client_produced_records_total").value(10 + 20 + 80 + 30 + 40 + 50)
    for client in ("consumer-billing-2", "consumer-billing-3", "consumer-billing-4"):
        seen.metric("client_produced_records_total").label(client_id=client).absent()
    for topic, count in ((hidden, 10 + 20 + 60), (shown, 80 + 40 + 50), ("__other__", 30 + 70)):
        seen.metric("topic_produced_records_total").label(topic=topic).value(count)
    for name in ("label_values_overflowed_total", "connections_active", "requests_in_flight", "in_flight_request_bytes"):
        assert seen.stats.total(f"kafka_filter_{name}") == 0, name


def test_counters_go_on_when_the_old_listener_is_gone(folder: Path, kafka: Kafka, routes: dict[str, Route],
                                                      oracle: Oracle) -> None:
    """The VM lives on under the same `vm_id`, and with it what was counted."""
    topic = new_topic(kafka, "going-on")
    with stage(folder / "going-on", [routes["GONE"]], kafka, oracle, lds=True, drain_seconds=1) as made:
        with made.watch() as seen:
            with _open_producer(made, "early") as send:
                send(topic, 10)
                closed = len(made.envoy.access_entries())
                _updated(made, "2", {"labels": {"client_id": {"deny": ["later"]}}})
                wait_until("the old listener to be gone",
                           lambda: len(made.envoy.access_entries()) > closed and not _draining(made))
                counted = made.envoy.quiet_stats()
                counted.metric("kafka_filter_topic_produced_records_total").label(topic=topic).value(10)
                assert counted.total("kafka_filter_requests_in_flight") == 0
                send(topic, 20)
    seen.metric("topic_produced_records_total").label(topic=topic).value(30)


@pytest.mark.parametrize(("configuration", "named"), [
    ({"nonsense": 1}, "nonsense"),
    ({"limits": {"in_flight_max": -1}}, "limits.in_flight_max"),
    ({"labels": {"topic": {"allow": ["orders", "pay("]}}}, "labels.topic.allow[1]"),
    ({"labels": {"client_id": {"rewrite": [{"match": "(a)", "replace": "$2"}]}}}, "labels.client_id.rewrite[0].replace"),
    ("{not json", "not JSON"),
])
def test_bad_configuration_is_refused(refusing: Stage, configuration: proxy.Json | str, named: str) -> None:
    """The listener stays as it was, serves and counts; the log says where the mistake is."""
    made, topic = refusing, new_topic(refusing.kafka, "refused")
    rejected = made.envoy.counter("listener_manager.lds.update_rejected")
    with made.watch(allowed_log=REFUSED) as seen:
        made.update(f"bad-{named}", configuration)
        wait_until("Envoy to refuse the update",
                   lambda: made.envoy.counter("listener_manager.lds.update_rejected") > rejected)
        wait_until(f"the log to name {named}", lambda: any(named in line for line in made.envoy.log_lines()))
        produce(made.bootstrap, topic, payloads(25, 100))
    seen.metric("topic_produced_records_total").label(topic=topic, reporter="proxy").value(25)


def test_a_good_configuration_after_bad_ones(refusing: Stage) -> None:
    topic = new_topic(refusing.kafka, "accepted")
    with refusing.watch() as seen:
        _updated(refusing, "good", {"reporter": "source"})
        produce(refusing.bootstrap, topic, payloads(25, 100))
    seen.metric("topic_produced_records_total").label(topic=topic, reporter="source").value(25)


def test_envoy_does_not_start_with_a_bad_configuration(folder: Path) -> None:
    route = Route("BAD")
    config = proxy.bootstrap([route.listener(folder, {"labels": {"topic": {"values_max": "many"}}})], [route.cluster()])
    with pytest.raises(Failed, match=r"labels\.topic\.values_max"), Envoy(folder / "bad", config):
        pass


@pytest.fixture(scope="module")
def refusing(folder: Path, kafka: Kafka, routes: dict[str, Route], oracle: Oracle) -> Iterator[Stage]:
    with stage(folder / "refusing", [routes["REFUSING"]], kafka, oracle, lds=True, drain_seconds=600) as made:
        yield made


class _Sent:
    delivered = 0


@contextlib.contextmanager
def _load(made: Stage, topic: str) -> Iterator[_Sent]:
    """A producer that sends all the time, exactly once, until the block ends; then everything is delivered."""
    sent, failures, over = _Sent(), [], threading.Event()
    producer = Producer({"bootstrap.servers": made.bootstrap, "enable.idempotence": True, "linger.ms": 1,
                         "retry.backoff.ms": 50, "reconnect.backoff.ms": 50})

    def report(error: object, _: object) -> None:
        if error:
            failures.append(error)
        else:
            sent.delivered += 1

    def send() -> None:
        number = 0
        while not over.is_set():
            producer.produce(topic, b"%010d" % number + bytes(500), on_delivery=report)
            number += 1
            producer.poll(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        wait_until("the load to flow", lambda: sent.delivered > 50, 20)
        yield sent
        reached = sent.delivered
        wait_until("the load to flow on", lambda: sent.delivered > reached + 50, 20)
    finally:
        over.set()
        sender.join()
        left = producer.flush(30)
        producer.close()
    assert (left, failures) == (0, [])


@contextlib.contextmanager
def _open_producer(made: Stage, client_id: str) -> Iterator[Callable[[str, int], None]]:
    """A producer whose connections stay open; what it yields sends so many records and waits until they are there."""
    producer = Producer({"bootstrap.servers": made.bootstrap, "client.id": client_id, "enable.idempotence": True,
                         "linger.ms": 1, "retry.backoff.ms": 50, "reconnect.backoff.ms": 50})
    failures: list[object] = []

    def send(topic: str, count: int) -> None:
        for value in payloads(count, 100):
            producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
        assert producer.flush(30) == 0, "not everything was sent in 30 s"
        assert not failures, failures[:3]

    try:
        yield send
    finally:
        producer.close()


def _draining(made: Stage) -> float:
    stats = made.envoy.stats()
    return sum(stats.total(f"envoy_listener_manager_total_{what}_draining") for what in ("listeners", "filter_chains"))


def _updated(made: Stage, version: str, configuration: proxy.Json, vm_id: str = "kafka_filter") -> None:
    """Writes a new listener and waits until Envoy serves it."""
    updates = made.envoy.counter("listener_manager.lds.update_success")
    made.update(version, configuration, vm_id)
    wait_until("Envoy to take the update",
               lambda: made.envoy.counter("listener_manager.lds.update_success") > updates)
    wait_until("the new listener to be active",
               lambda: made.envoy.stats().total("envoy_listener_manager_total_listeners_warming") == 0)
