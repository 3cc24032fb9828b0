"""What a mistake in a manifest does in real Envoy, beside the right variant; test_envoy.py has rules 7, 8, 9 and 13."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from lab import Envoy, Kafka, free_port, paths, wait_until, write_lds
from manifests import ENVOYFILTER, RBAC, WASM, Json, load, resource, write_ecds
from mesh import Ports, context_listener, discovered, ecds_file, greeted, lds_file, sidecar

PREFIX = "kafka_filter_"
CONTEXT = "SIDECAR_OUTBOUND"
ABSENT = "kafka_filter_absent.rbac.allowed"


@pytest.fixture
def only(ports: Ports, kafka: Kafka) -> Ports:
    return {CONTEXT: ports[CONTEXT]}


def test_after_tcp_proxy_the_listener_is_refused(here: Path, only: Ports, brokers: Ports) -> None:
    """Rule 3, INSERT_AFTER: nothing may stand behind tcp_proxy, and Envoy takes the whole listener for wrong."""
    document = load(ENVOYFILTER)
    with sidecar(here, document, only, brokers, [resource(document, paths.ARTIFACT)]) as envoy:
        wrong = context_listener(here, document, CONTEXT, free_port(), "wrong")
        wrong["filter_chains"][0]["filters"].reverse()
        write_lds(lds_file(here), [context_listener(here, document, CONTEXT, only[CONTEXT]), wrong], "2")
        wait_until("Envoy to refuse it", lambda: envoy.counter("listener_manager.lds.update_rejected") == 1)
        wait_until("the log to say why", lambda: any("'wrong' config rejected: Error: terminal filter" in line
                                                     for line in envoy.log_lines()))
        _one_connection_counts(envoy, only[CONTEXT], 1)


def test_twice_in_a_chain_counts_twice(here: Path, only: Ports, brokers: Ports) -> None:
    """Rule 5, and rule 13 of two forms together."""
    document = load(ENVOYFILTER)
    with sidecar(here, document, only, brokers, [resource(document, paths.ARTIFACT)]) as envoy:
        _one_connection_counts(envoy, only[CONTEXT], 1)
        twice = context_listener(here, document, CONTEXT, only[CONTEXT])
        block, proxy = twice["filter_chains"][0]["filters"]
        twice["filter_chains"][0]["filters"] = [block, copy.deepcopy(block), proxy]
        updates = envoy.counter("listener_manager.lds.update_success")
        write_lds(lds_file(here), [twice], "2")
        wait_until("Envoy to take it", lambda: envoy.counter("listener_manager.lds.update_success") > updates)
        _one_connection_counts(envoy, only[CONTEXT], 3)


def test_a_resource_of_another_name_is_not_taken(here: Path, only: Ports, brokers: Ports) -> None:
    """Rule 6. The wait that it costs where resources come by ADS is that of a silent control plane, in test_envoy.py."""
    document = load(ENVOYFILTER)
    misnamed = {**resource(document, paths.ARTIFACT), "name": "kafka-filter"}
    with sidecar(here, document, only, brokers, [misnamed]) as envoy:
        _passes_without(envoy, only[CONTEXT])
        _correct(here, resource(document, paths.ARTIFACT), envoy)
        _one_connection_counts(envoy, only[CONTEXT], 1)


def test_a_filter_for_http_is_refused(here: Path, only: Ports, brokers: Ports) -> None:
    """Rule 10: the listener takes the types of `type_urls` and no other."""
    document = load(ENVOYFILTER)
    wrong = resource(document, paths.ARTIFACT)
    wrong["typed_config"]["@type"] = WASM.replace("network", "http")
    with sidecar(here, document, only, brokers, [wrong]) as envoy:
        wait_until("Envoy to refuse the resource", lambda: discovered(envoy, "config_fail") > 0)
        _passes_without(envoy, only[CONTEXT])
        _correct(here, resource(document, paths.ARTIFACT), envoy)
        _one_connection_counts(envoy, only[CONTEXT], 1)


def test_a_closed_policy_denies_everyone(here: Path, only: Ports, brokers: Ports) -> None:
    """Rule 9: without an open policy the agent puts an RBAC filter that allows nobody in place of an unfetched one."""
    document = load(ENVOYFILTER)
    name = resource(document, paths.ARTIFACT)["name"]
    closed: Json = {"name": name, "typed_config": {"@type": RBAC, "stat_prefix": "wasm-default-deny", "rules": {}}}
    with sidecar(here, document, only, brokers, [closed]) as envoy:
        with pytest.raises(AssertionError, match="no answer"):
            greeted(only[CONTEXT])
        _correct(here, resource(document, paths.ARTIFACT), envoy)
        _one_connection_counts(envoy, only[CONTEXT], 1)


def _correct(folder: Path, right: Json, envoy: Envoy) -> None:
    """The right resource comes, and Envoy takes it."""
    reloads = discovered(envoy, "config_reload")
    write_ecds(ecds_file(folder), [right], "9")
    wait_until("Envoy to take the right one", lambda: discovered(envoy, "config_reload") > reloads)


def _passes_without(envoy: Envoy, port: int) -> None:
    greeted(port).close()
    wait_until("the default to count", lambda: envoy.counter(ABSENT) > 0)
    assert not envoy.stats().names(PREFIX)


def _one_connection_counts(envoy: Envoy, port: int, total: int) -> None:
    """One more connection, after which the filter has counted so many since it began."""
    greeted(port).close()
    wait_until(f"the filter to have counted {total}",
               lambda: envoy.stats().total(PREFIX + "connections_opened_total") == total)
