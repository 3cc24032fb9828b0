"""The same module and the same block on the Envoys that Istio 1.28 to 1.31 have, and on the newest."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from lab import Envoy, Kafka, paths, unexpected_log_lines
from manifests import ENVOYFILTER, Json, load, resource, resource_config
from mesh import ALLOWED_LOG, OLDER, Ports, envoy_of, exchange, new_topic, sidecar

PREFIX = "kafka_filter_"
ALL = [*OLDER, paths.PINS["envoy"]["version"]]


@pytest.mark.parametrize("version", OLDER)
def test_the_block_counts(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, version: str) -> None:
    with _envoy(version, here, load(ENVOYFILTER), ports, brokers) as envoy:
        sent = {context: (new_topic(kafka), count) for count, context in enumerate(ports, start=5)}
        for context, (topic, count) in sent.items():
            exchange(ports[context], topic, count)
        stats = envoy.quiet_stats()
        for context, (topic, count) in sent.items():
            reporter = "destination" if context == "SIDECAR_INBOUND" else "source"
            for metric in ("topic_produced_records_total", "topic_fetched_records_total"):
                stats.metric(PREFIX + metric).label(topic=topic, reporter=reporter).value(count)
        assert stats.total(PREFIX + "connections_opaque_total") == 0
        # What an Envoy does not know of a resource it leaves out without refusing it.
        assert envoy.counter("server.dynamic_unknown_fields") == 0
        assert unexpected_log_lines(envoy.log_lines(), ALLOWED_LOG) == []


@pytest.mark.parametrize("version", ALL)
def test_the_list_of_capabilities_is_obeyed(here: Path, kafka: Kafka, ports: Ports, brokers: Ports,
                                            version: str) -> None:
    """Without one of them the filter cannot count, and traffic passes all the same."""
    document = copy.deepcopy(load(ENVOYFILTER))
    allowed = resource_config(document)["typed_config"]["config"]["capability_restriction_config"]
    del allowed["allowed_capabilities"]["proxy_define_metric"]
    with _envoy(version, here, document, ports, brokers) as envoy:
        exchange(ports["GATEWAY"], new_topic(kafka), 5)
        assert not envoy.stats().names(PREFIX)
        assert any("the host refuses the metric" in line for line in envoy.log_lines())


def _envoy(version: str, folder: Path, document: Json, ports: Ports, brokers: Ports) -> Envoy:
    resources = [resource(document, paths.ARTIFACT)]
    return sidecar(folder, document, ports, brokers, resources, make=envoy_of(version))
