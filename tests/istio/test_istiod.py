"""What istiod really sends for each manifest (golden/, see istiod/), in real Envoy with Kafka traffic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from callers import Caller
from golden import (
    FORM_NAMES,
    ISTIO_ONLY,
    ORIGINAL_DST,
    certificates,
    chains,
    clusters,
    fetched,
    golden,
    mutual_tls,
    runnable,
)
from istio_stats import istio_bootstrap
from lab import Envoy, Failed, Kafka, bootstrap, cluster, free_port, paths, unexpected_log_lines
from manifests import FORMS, Json, listener_filter, load, resource, write_ecds
from mesh import ALLOWED_LOG, OLDER, Ports, ecds_file, envoy_of, exchange, new_topic

PREFIX = "kafka_filter_"
RECORDS = ("topic_produced_records_total", "topic_fetched_records_total")
KAFKA = "_9092"
CLIENT, SERVER = "SIDECAR_OUTBOUND", "SIDECAR_INBOUND"
# The broker's pod, as it is called.
POD = "10.244.1.10"
# Istio 1.31 has Envoy 1.39.
(VERSION,) = [version for version in OLDER if version.startswith("1.39.")]
OF_ISTIOD = ((r"Using deprecated option .*match_subject_alt_names", "what istiod 1.31 sends itself"),)

by_form = pytest.mark.parametrize("form", FORM_NAMES)


@by_form
def test_clients_are_counted_on_every_listener_of_kafkas_port(here: Path, kafka: Kafka, ports: Ports, brokers: Ports,
                                                              form: str) -> None:
    """A Service, a headless one's pod, a ServiceEntry, a port whose protocol is guessed: and no other port."""
    made = golden(form, "client")
    # Each kind once is enough for the plugins: a Service, a port whose protocol is guessed, another port.
    listeners = made["listeners"] if form == "envoyfilter" else made["listeners"][::2]
    left_out: set[str] = set()
    for number, listener in enumerate(listeners, start=5):
        port, topic = ports[CLIENT], new_topic(kafka)
        run, told = runnable(listener, port, ecds_file(here))
        left_out |= set(told)
        with _envoy(here, listener["name"], [run], brokers[CLIENT], fetched(made)) as envoy:
            exchange(port, topic, number)
            _counted(envoy, topic, number if listener["name"].endswith(KAFKA) else 0, "source")
    assert left_out == {"istio.stats", "bind_to_port: false", "chains of HTTP"}


@by_form
def test_gateways_are_counted(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, form: str) -> None:
    made, topic = golden(form, "gateway"), new_topic(kafka)
    (listener,) = made["listeners"]
    run, told = runnable(listener, ports["GATEWAY"], ecds_file(here))
    assert told == ["istio.stats"]
    with _envoy(here, "gateway", [run], brokers["GATEWAY"], fetched(made)) as envoy:
        exchange(ports["GATEWAY"], topic, 12)
        _counted(envoy, topic, 12, "source")


@by_form
@pytest.mark.parametrize("proxy", ["broker", "broker-strict"])
def test_brokers_are_counted_under_mutual_tls(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, form: str,
                                              proxy: str) -> None:
    """A client's sidecar calls a broker's: each reads what passes, and mTLS is between them."""
    keys, topic, envoy_port, called = certificates(here / "keys"), new_topic(kafka), free_port(), free_port()
    client, broker = golden(form, "client"), golden(form, proxy)
    outbound, _ = runnable(client["listeners"][0], ports[CLIENT], ecds_file(here))
    inbound, told = runnable(broker["listeners"][0], envoy_port, ecds_file(here), keys)
    assert set(told) == {*ISTIO_ONLY, ORIGINAL_DST, "secrets by SDS"}
    toward = [mutual_tls(cluster(name, called), keys) for name in clusters([outbound])]
    with (_envoy(here, "broker", [inbound], brokers[CLIENT], fetched(broker)) as server,
          Caller(called, envoy_port, (POD, 9092)),
          _envoy(here, "client", [outbound], 0, fetched(client), toward) as source):
        exchange(ports[CLIENT], topic, 15)
        _counted(source, topic, 15, "source")
        _counted(server, topic, 15, "destination")
        handshakes = server.admin("/stats?filter=^listener.*ssl.handshake$").splitlines()
        assert sum(int(line.rpartition(": ")[2]) for line in handshakes) > 0, "nothing was encrypted"


@by_form
def test_calls_without_mutual_tls(here: Path, kafka: Kafka, ports: Ports, brokers: Ports, form: str) -> None:
    """PERMISSIVE takes them and they are counted, on Kafka's port alone; STRICT does not take them."""
    keys, envoy_port = certificates(here / "keys"), free_port()
    made = golden(form, "broker")
    inbound, _ = runnable(made["listeners"][0], envoy_port, ecds_file(here), keys)
    with _envoy(here, "permissive", [inbound], brokers[SERVER], fetched(made)) as envoy:
        for number, count in ((9092, 8), (9091, 0)):
            topic = new_topic(kafka)
            with Caller(ports[SERVER], envoy_port, (POD, number)):
                exchange(ports[SERVER], topic, 8)
            _counted(envoy, topic, count, "destination")
    made = golden(form, "broker-strict")
    inbound, _ = runnable(made["listeners"][0], envoy_port, ecds_file(here), keys)
    with (_envoy(here, "strict", [inbound], brokers[SERVER], fetched(made)),
          Caller(ports[SERVER], envoy_port, (POD, 9092)), pytest.raises(Failed, match="Disconnected|All broker")):
        exchange(ports[SERVER], new_topic(kafka), 8)


@by_form
def test_an_image_that_the_agent_cannot_fetch(here: Path, kafka: Kafka, ports: Ports, brokers: Ports,
                                              form: str) -> None:
    """What the agent's own code puts in place of the filter: traffic passes, and nothing is counted."""
    made, topic = golden(form, "client"), new_topic(kafka)
    run, _ = runnable(made["listeners"][0], ports[CLIENT], ecds_file(here))
    with _envoy(here, "client", [run], brokers[CLIENT], made["not_fetched"]) as envoy:
        exchange(ports[CLIENT], topic, 9)
        assert not envoy.stats().names(PREFIX)
        allowed = envoy.admin("/stats?filter=^wasm-default-allow").splitlines()
        assert not [line for line in allowed if "denied" in line and not line.endswith(": 0")]


@by_form
def test_the_other_tests_take_what_istiod_sends(form: str) -> None:
    """tests/istio derives the block and the resource from the manifests by itself; istiod and the agent agree."""
    document = load(next(path for path in FORMS if path.stem == form))
    for proxy, context in (("client", CLIENT), ("broker", SERVER), ("gateway", "GATEWAY")):
        made = golden(form, proxy)
        blocks = [one for listener in made["listeners"] for chain in chains(listener) for one in chain["filters"]
                  if "config_discovery" in one]
        assert blocks
        ours = _normal(listener_filter(document, context, None))
        assert all(_normal(block) == ours for block in blocks)
        assert [_normal(one) for one in fetched(made)] == [_normal(resource(document, paths.ARTIFACT))]


def test_every_golden_file_is_of_one_istio() -> None:
    made = [golden(form, proxy) for form in FORM_NAMES for proxy in ("client", "broker", "broker-strict", "gateway")]
    assert len({one["istio"] for one in made}) == 1
    pinned = (Path(__file__).parent / "istiod" / "go.mod").read_text()
    assert made[0]["istio"] in pinned


def _normal(value: object) -> object:
    """Without what is the same written down or left out: an empty configuration, the version of the API, the default."""
    if isinstance(value, dict):
        return {key: _normal(one) for key, one in value.items()
                if (key, one) not in (("configuration", {}), ("resource_api_version", "V3"), ("action", "ALLOW"))}
    return [_normal(one) for one in value] if isinstance(value, list) else value


def _counted(envoy: Envoy, topic: str, count: int, reporter: str) -> None:
    stats = envoy.quiet_stats()
    for metric in RECORDS:
        if count:
            stats.metric(PREFIX + metric).label(topic=topic, reporter=reporter).value(count)
        assert stats.total(PREFIX + metric) >= count
    if not count:
        assert topic not in envoy.admin("/stats?filter=kafka_filter")
    assert stats.total(PREFIX + "connections_opaque_total") == 0


@contextlib.contextmanager
def _envoy(here: Path, name: str, listeners: list[Json], broker: int, resources: list[Json],
           toward: list[Json] | None = None) -> Iterator[Envoy]:
    """An Envoy with these listeners of istiod and the statistics of Istio's bootstrap.

    The listeners' clusters are the broker, unless others are given.
    """
    write_ecds(ecds_file(here), resources, "1")
    known = toward or [cluster(one, broker) for one in sorted(clusters(listeners))]
    config = {**bootstrap(listeners, known), "node": {"id": name, "cluster": "mesh"}}
    with envoy_of(VERSION)(here, config, overlays=[istio_bootstrap(here)], name=name) as envoy:
        yield envoy
        assert envoy.counter("server.static_unknown_fields") == 0
        assert envoy.counter("server.dynamic_unknown_fields") == 0
        assert unexpected_log_lines(envoy.log_lines(), (*ALLOWED_LOG, *OF_ISTIOD)) == []
