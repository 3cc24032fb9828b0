"""The block of each manifest in real Envoy, with Kafka traffic: what is counted, and what happens when it fails."""

from __future__ import annotations

import contextlib
import copy
import http.client
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from lab import Envoy, Failed, Kafka, free_port, paths, unexpected_log_lines, wait_until, write_lds
from manifests import (
    CONTEXTS,
    ENVOYFILTER,
    FORMS,
    RBAC,
    WASM,
    insertions,
    load,
    resource,
    resource_config,
    write_ecds,
)
from mesh import (
    ALLOWED_LOG,
    Ports,
    context_listener,
    discovered,
    ecds_file,
    exchange,
    lds_file,
    new_topic,
    sidecar,
    silent_sidecar,
)

PREFIX = "kafka_filter_"
# What the default of the EnvoyFilter counts while the filter is not there.
ABSENT = "kafka_filter_absent.rbac.allowed"

_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
HTTP_ANSWER = {"name": "envoy.filters.network.http_connection_manager", "typed_config": {
    "@type": _MANAGER, "stat_prefix": "http",
    "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hello"}}}]}]}}}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_the_block_counts_what_passes(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, path: Path) -> None:
    document = load(path)
    with sidecar(here, document, ports, brokers, [resource(document, paths.ARTIFACT)]) as envoy:
        sent = {context: (new_topic(kafka), number) for number, context in enumerate(CONTEXTS, start=5)}
        for context, (topic, count) in sent.items():
            exchange(ports[context], topic, count)
        stats = envoy.quiet_stats()
        for context, (topic, count) in sent.items():
            reporter = "destination" if context == "SIDECAR_INBOUND" else "source"
            for metric in ("topic_produced_records_total", "topic_fetched_records_total"):
                stats.metric(PREFIX + metric).label(topic=topic, reporter=reporter).value(count)
                stats.metric(PREFIX + metric).label(topic=topic).value(count)
        assert stats.total(PREFIX + "connections_opaque_total") == 0
        assert envoy.counter(ABSENT) == 0
        assert unexpected_log_lines(envoy.log_lines(), ALLOWED_LOG) == []


def test_a_silent_control_plane_costs_the_wait_and_no_traffic(here: Path, kafka: Kafka, ports: Ports,
                                                              brokers: Ports) -> None:
    """Rule 8: the proxy waits `initial_fetch_timeout` for the filter, and then serves without it."""
    context = "SIDECAR_OUTBOUND"
    with silent_sidecar(here, load(ENVOYFILTER), ports[context], brokers[context]) as envoy:
        started = time.monotonic()
        with envoy:
            assert 3 < time.monotonic() - started < 14
            exchange(ports[context], new_topic(kafka), 10)
            assert _is_absent(envoy)
            assert envoy.counter(ABSENT) > 0, envoy.admin("/stats?filter=rbac")


def test_a_wait_without_end_is_one(here: Path, ports: Ports, brokers: Ports) -> None:
    """Rule 8: with 0s, which is what istiod gives plugins, such a proxy never serves."""
    with silent_sidecar(here, load(FORMS[1]), ports["SIDECAR_OUTBOUND"], brokers["SIDECAR_OUTBOUND"]) as envoy:
        with pytest.raises(Failed, match="envoy to be ready"):
            envoy.start(timeout=20)
    assert any("initializing init manager" in line for line in envoy.log_lines()), "it did not come up at all"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_image_that_cannot_be_fetched_lets_traffic_pass(here: Path, kafka: Kafka, ports: Ports, brokers: Ports,
                                                           path: Path) -> None:
    """The agent then puts an RBAC filter without rules in place of the filter; the type must be in `type_urls`."""
    document = load(path)
    substitute = {"name": resource(document, paths.ARTIFACT)["name"],
                  "typed_config": {"@type": RBAC, "stat_prefix": "wasm-default-allow"}}
    with sidecar(here, document, ports, brokers, [substitute]) as envoy:
        exchange(ports["SIDECAR_OUTBOUND"], new_topic(kafka), 10)
        assert _is_absent(envoy)


def test_a_module_that_does_not_compile(here: Path, kafka: Kafka, ports: Ports, brokers: Ports) -> None:
    """Traffic passes, and the filter is there once the module is; until then no listener with it can be added."""
    document, broken = load(ENVOYFILTER), _broken(here)
    context, topic = "SIDECAR_INBOUND", new_topic(kafka)
    with sidecar(here, document, ports, brokers, []) as envoy:
        write_ecds(ecds_file(here), [resource(document, broken)], "2")
        wait_until("Envoy to refuse the module", lambda: discovered(envoy, "config_fail") > 0)
        for port in ports.values():
            exchange(port, topic, 10)
        assert _is_absent(envoy)
        assert envoy.counter(ABSENT) > 0
        listeners = [context_listener(here, document, name, port) for name, port in ports.items()]
        write_lds(lds_file(here), [*listeners, context_listener(here, document, context, free_port(), "later")], "2")
        wait_until("Envoy to refuse the listener", lambda: envoy.counter("listener_manager.lds.update_rejected") > 0)
        write_ecds(ecds_file(here), [resource(document, paths.ARTIFACT)], "3")
        wait_until("Envoy to take the module", lambda: discovered(envoy, "config_reload") > 0)
        exchange(ports[context], topic, 20)
        envoy.quiet_stats().metric(PREFIX + "topic_produced_records_total").label(topic=topic).value(20)


@pytest.mark.parametrize("path", FORMS[1:], ids=lambda path: path.name)
def test_plugins_refuse_traffic_when_the_module_does_not_compile(here: Path, kafka: Kafka, ports: Ports,
                                                                 brokers: Ports, path: Path) -> None:
    """What istiod makes of a plugin has no `default_config`: the reason to prefer the EnvoyFilter."""
    document, topic = load(path), new_topic(kafka)
    only = {"SIDECAR_OUTBOUND": ports["SIDECAR_OUTBOUND"]}
    with sidecar(here, document, only, brokers, [resource(document, _broken(here))]):
        with pytest.raises(Failed, match="Disconnected"):
            exchange(only["SIDECAR_OUTBOUND"], topic, 10)


def test_an_update_under_load_loses_nothing(here: Path, kafka: Kafka, ports: Ports, brokers: Ports) -> None:
    """A new version comes as a new resource: open connections keep the old module, new ones get the new."""
    document, topic = load(ENVOYFILTER), new_topic(kafka)
    port = ports["SIDECAR_OUTBOUND"]
    with sidecar(here, document, {"SIDECAR_OUTBOUND": port}, brokers, [resource(document, paths.ARTIFACT)]) as envoy:
        with _load(port, topic) as sent:
            for version in ("2", "3"):
                module = here / f"version-{version}.wasm"
                # A custom section makes other bytes of it, which is what makes another VM.
                module.write_bytes(paths.ARTIFACT.read_bytes() + bytes([0, 2, 1, version.encode()[0]]))
                reloads = discovered(envoy, "config_reload")
                write_ecds(ecds_file(here), [resource(document, module)], version)
                wait_until("Envoy to take the new version", lambda: discovered(envoy, "config_reload") > reloads)
                exchange(port, topic, 25)
                reached = sent.delivered
                wait_until("the load to flow on", lambda: sent.delivered > reached + 50, 20)
        produced = envoy.quiet_stats().metric(PREFIX + "topic_produced_records_total").label(topic=topic)
        produced.value(sent.delivered + 2 * 25)
        assert envoy.counter("listener_manager.listener_modified") == 0
        assert unexpected_log_lines(envoy.log_lines(), ALLOWED_LOG) == []


# Rule, and what is wrong: Envoy refuses the listener, which inbound is all of a pod's traffic.
REFUSED_LISTENERS = {
    "RBAC is not in type_urls": lambda discovery: discovery.update(type_urls=[WASM]),
    "default without stat_prefix": lambda discovery: discovery["default_config"].pop("stat_prefix"),
}


def test_what_makes_envoy_refuse_a_listener(here: Path, kafka: Kafka, ports: Ports, brokers: Ports) -> None:
    """Rule 7, and beside it that the shipped block is not refused."""
    right, context = load(ENVOYFILTER), "SIDECAR_INBOUND"
    only = {context: ports[context]}
    with sidecar(here, right, only, brokers, [resource(right, paths.ARTIFACT)]) as envoy:
        for number, (what, change) in enumerate(REFUSED_LISTENERS.items(), start=2):
            wrong = copy.deepcopy(right)
            for patch in insertions(wrong):
                change(patch["patch"]["value"]["config_discovery"])
            rejected = envoy.counter("listener_manager.lds.update_rejected")
            later = [context_listener(here, one, context, port, name)
                     for one, port, name in ((right, ports[context], context), (wrong, free_port(), what))]
            write_lds(lds_file(here), later, str(number))
            wait_until(f"Envoy to refuse: {what}",
                       lambda: envoy.counter("listener_manager.lds.update_rejected") > rejected)
            wait_until("the log to say so",
                       lambda: any(f"'{what}' config rejected" in line for line in envoy.log_lines()))
        updates = envoy.counter("listener_manager.lds.update_success")
        write_lds(lds_file(here), [context_listener(here, right, context, port, name)
                                   for port, name in ((ports[context], context), (free_port(), "another"))], "9")
        wait_until("Envoy to take the right one",
                   lambda: envoy.counter("listener_manager.lds.update_success") > updates)
        topic = new_topic(kafka)
        exchange(ports[context], topic, 10)
        envoy.quiet_stats().metric(PREFIX + "topic_produced_records_total").label(topic=topic).value(10)


def test_both_policies_are_refused(here: Path, kafka: Kafka, ports: Ports, brokers: Ports) -> None:
    """Rule 9: traffic passes and the filter is not there, until one of them goes."""
    right = load(ENVOYFILTER)
    wrong = copy.deepcopy(right)
    resource_config(wrong)["typed_config"]["config"]["failure_policy"] = "FAIL_OPEN"
    only = {"SIDECAR_OUTBOUND": ports["SIDECAR_OUTBOUND"]}
    with sidecar(here, wrong, only, brokers, [resource(wrong, paths.ARTIFACT)]) as envoy:
        wait_until("Envoy to refuse the resource", lambda: discovered(envoy, "config_fail") > 0)
        exchange(ports["SIDECAR_OUTBOUND"], new_topic(kafka), 10)
        assert _is_absent(envoy)
        assert any("only one of fail_open or failure_policy" in line for line in envoy.log_lines())
        write_ecds(ecds_file(here), [resource(right, paths.ARTIFACT)], "2")
        wait_until("Envoy to take the resource", lambda: discovered(envoy, "config_reload") > 0)
        topic = new_topic(kafka)
        exchange(ports["SIDECAR_OUTBOUND"], topic, 10)
        envoy.quiet_stats().metric(PREFIX + "topic_produced_records_total").label(topic=topic).value(10)


def test_plugins_leave_http_alone(here: Path, ports: Ports, brokers: Ports) -> None:
    """Rule 13: a WasmPlugin or TrafficExtension lands before HTTP connection managers on its ports too."""
    document, port = load(FORMS[1]), ports["SIDECAR_OUTBOUND"]
    with sidecar(here, document, {"SIDECAR_OUTBOUND": port}, brokers, [resource(document, paths.ARTIFACT)]) as envoy:
        made = context_listener(here, document, "SIDECAR_OUTBOUND", port)
        made["filter_chains"][0]["filters"][-1] = HTTP_ANSWER
        updates = envoy.counter("listener_manager.lds.update_success")
        write_lds(lds_file(here), [made], "2")
        wait_until("Envoy to serve HTTP", lambda: envoy.counter("listener_manager.lds.update_success") > updates)
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/orders", body=b"x" * 100_000)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"hello")
            connection.close()
        stats = envoy.quiet_stats()
        stats.metric(PREFIX + "connections_opaque_total").label(reason="not_kafka").value(3)
        assert stats.total(PREFIX + "requests_total") == 0


class _Sent:
    delivered = 0


@contextlib.contextmanager
def _load(port: int, topic: str) -> Iterator[_Sent]:
    """A producer that writes all the time until the block ends; then all is delivered, and none has failed."""
    sent, failures, over = _Sent(), [], threading.Event()
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{port}", "enable.idempotence": True, "linger.ms": 1})

    def report(error: object, _: object) -> None:
        if error:
            failures.append(error)
        else:
            sent.delivered += 1

    def send() -> None:
        while not over.is_set():
            producer.produce(topic, bytes(500), partition=1, on_delivery=report)
            producer.poll(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        wait_until("the load to flow", lambda: sent.delivered > 50, 20)
        yield sent
    finally:
        over.set()
        sender.join()
        left = producer.flush(30)
        producer.close()
    assert (left, failures) == (0, [])


def _broken(folder: Path) -> Path:
    path = folder / "broken.wasm"
    path.write_bytes(paths.ARTIFACT.read_bytes()[:20_000])
    return path


def _is_absent(envoy: Envoy) -> bool:
    return not envoy.stats().names(PREFIX)
