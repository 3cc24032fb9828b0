"""The module as a proxy gets it from the image: it loads in real Envoy and counts real traffic."""

from __future__ import annotations

from pathlib import Path

import agent
import registry
import trees
from conftest import Release
from lab import Envoy, Kafka, Listener, bootstrap, cluster, free_port, listener, paths, tools, unexpected_log_lines, \
    wasm_filter

REPOSITORY = "filters/kafka-filter"


def test_the_pulled_module_counts(release: Release, shop: registry.Registry, folder: Path) -> None:
    trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}")
    pulled = folder / "plugin.wasm"
    pulled.write_bytes(agent.fetch(f"oci://{shop.host}/{REPOSITORY}:{trees.VERSION}", release.digest.partition(":")[2]))
    assert pulled.read_bytes() == paths.artifact().read_bytes()
    port = free_port()
    with Kafka(folder / "kafka", listeners=[Listener("ENVOY", [port])]) as kafka:
        block = wasm_filter({}, artifact=pulled)
        config = bootstrap([listener("kafka", port, "broker", filters=[block])],
                           [cluster("broker", kafka.port("ENVOY"))])
        with Envoy(folder, config, overlays=[paths.STATS_TAGS]) as envoy:
            told = tools.kcat("-b", f"127.0.0.1:{port}", "-L", "-J")
            assert '"brokers":[{' in told.replace(" ", "")
            stats = envoy.quiet_stats()
            for request in ("ApiVersions", "Metadata"):
                stats.metric("kafka_filter_requests_total").label(request=request).at_least(1)
                stats.metric("kafka_filter_responses_total").label(request=request).at_least(1)
            assert stats.total("kafka_filter_connections_opaque_total") == 0
            assert unexpected_log_lines(envoy.log_lines()) == []
