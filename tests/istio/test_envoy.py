"""The block of each manifest in real Envoy, with Kafka traffic: what is counted, and what happens when it fails."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import pytest

from lab import Envoy, Failed, Kafka, free_port, paths, unexpected_log_lines, wait_until, write_lds
from manifests import (
    CONTEXTS,
    ENVOYFILTER,
    FORMS,
    RBAC,
    WASM,
    Json,
    insertions,
    load,
    resource,
    resource_config,
    write_ecds,
)
from mesh import Ports, context_listener, ecds_file, exchange, lds_file, new_topic, sidecar, silent_sidecar

PREFIX = "kafka_filter_"
# What the default of the EnvoyFilter counts while the filter is not there.
ABSENT = "kafka_filter_absent.rbac.allowed"


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
        assert unexpected_log_lines(envoy.log_lines()) == []


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
        wait_until("Envoy to refuse the module", lambda: _discovered(envoy, "config_fail") > 0)
        for port in ports.values():
            exchange(port, topic, 10)
        assert _is_absent(envoy)
        assert envoy.counter(ABSENT) > 0
        listeners = [context_listener(here, document, name, port) for name, port in ports.items()]
        write_lds(lds_file(here), [*listeners, context_listener(here, document, context, free_port(), "later")], "2")
        wait_until("Envoy to refuse the listener", lambda: envoy.counter("listener_manager.lds.update_rejected") > 0)
        write_ecds(ecds_file(here), [resource(document, paths.ARTIFACT)], "3")
        wait_until("Envoy to take the module", lambda: _discovered(envoy, "config_reload") > 0)
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


def _broken(folder: Path) -> Path:
    path = folder / "broken.wasm"
    path.write_bytes(paths.ARTIFACT.read_bytes()[:20_000])
    return path


def _is_absent(envoy: Envoy) -> bool:
    return not envoy.stats().names(PREFIX)


def _discovered(envoy: Envoy, event: str) -> int:
    """What became of the resources of network filters, over all of them."""
    lines = envoy.admin(f"/stats?filter=extension_config_discovery.*{event}").splitlines()
    return sum(int(line.rpartition(": ")[2]) for line in lines)
