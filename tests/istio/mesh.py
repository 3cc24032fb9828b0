"""Real Envoy as a sidecar has it: listeners with the shipped block, the filter itself from a discovered resource."""

from __future__ import annotations

import contextlib
import socket
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lab import Envoy, Kafka, bootstrap, cluster, listener, paths, tools, wait_until
from lab.parts import envoy_binary
from manifests import CONTEXTS, Json, listener_filter, write_ecds

Ports = dict[str, int]
OLDER: list[str] = paths.PINS["envoy"]["older"]
# What Envoy says of the EnvoyFilter's resource: (pattern, reason).
ALLOWED_LOG = ((r"Using deprecated option .*PluginConfig\.capability_restriction_config",
                "the one place that every Envoy of a supported Istio obeys"),)

# ApiVersions, version 0: a frame that every broker answers.
_HELLO = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class _Older(Envoy):
    """An Envoy of another version than the lab's own."""

    binary: Path

    def _command(self) -> list[str | Path]:
        return [self.binary, *super()._command()[1:]]


def envoy_of(version: str) -> Callable[..., Envoy]:
    """What makes an Envoy of a version that the lab has."""
    def made(*arguments: Any, **options: Any) -> Envoy:
        if version not in OLDER:
            return Envoy(*arguments, **options)
        envoy = _Older(*arguments, **options)
        envoy.binary = envoy_binary(version)
        return envoy

    return made


def ecds_file(folder: Path) -> Path:
    return folder / "ecds" / "resources.json"


def lds_file(folder: Path) -> Path:
    return folder / "lds" / "listeners.json"


def sidecar(folder: Path, document: Json, ports: Ports, brokers: Ports, resources: Sequence[Json],
            overlays: Sequence[Path] = (paths.STATS_TAGS,), make: Callable[..., Envoy] = Envoy) -> Envoy:
    """An Envoy, not yet started, with one listener for each context of the manifest that `ports` names.

    `resources` is what the discovery has to say at its start; listeners can be replaced, see `lds_file`.
    """
    write_ecds(ecds_file(folder), list(resources), "1")
    listeners = [context_listener(folder, document, context, port) for context, port in ports.items()]
    config = bootstrap(listeners, [cluster(context, brokers[context]) for context in ports], lds=lds_file(folder))
    return make(folder, config, overlays=overlays)


def context_listener(folder: Path, document: Json, context: str, port: int, name: str | None = None) -> Json:
    """The listener of one context: the shipped block before tcp_proxy."""
    block = listener_filter(document, context, ecds_file(folder))
    return listener(name or context, port, context, filters=[block], direction=CONTEXTS[context][0])


@contextlib.contextmanager
def silent_sidecar(folder: Path, document: Json, port: int, broker: int) -> Iterator[Envoy]:
    """An Envoy, not yet started, with the outbound listener as istiod sends it; its ADS peer never says a word."""
    context = "SIDECAR_OUTBOUND"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        block = listener_filter(document, context, None)
        config = bootstrap([listener(context, port, context, filters=[block], direction="OUTBOUND")],
                           [cluster(context, broker), _http2(cluster("control-plane", silent.getsockname()[1]))])
        service = {"envoy_grpc": {"cluster_name": "control-plane"}}
        config["node"] = {"id": "sidecar", "cluster": "mesh"}
        config["dynamic_resources"] = {"ads_config": {"api_type": "GRPC", "transport_api_version": "V3",
                                                      "grpc_services": [service]}}
        yield Envoy(folder, config, overlays=[paths.STATS_TAGS])


def _http2(made: Json) -> Json:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    made["typed_extension_protocol_options"] = {options: {
        "@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}}
    return made


def new_topic(kafka: Kafka, name: str | None = None) -> str:
    """A topic with two partitions, made past any proxy; ready to be written to, so that nobody has to try again."""
    name = name or f"mesh-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "ready"})
    try:
        wait_until(f"{name} to have leaders", lambda: all(_answers(reader, name, partition) for partition in (0, 1)))
    finally:
        reader.close()
    return name


def _answers(reader: Consumer, topic: str, partition: int) -> bool:
    try:
        return reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=5) is not None
    except KafkaException:
        return False


def exchange(port: int, topic: str, count: int, *options: str) -> None:
    """kcat writes records through a proxy and reads them back; every one arrives, in order."""
    sent = [f"{number} {uuid.uuid4()}" for number in range(count)]
    tools.kcat("-P", "-b", f"127.0.0.1:{port}", "-t", topic, "-p", "0", *options, stdin="\n".join(sent) + "\n")
    got = tools.kcat("-C", "-b", f"127.0.0.1:{port}", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", *options)
    assert got.splitlines()[-count:] == sent


def greeted(port: int) -> socket.socket:
    """A connection that has had an answer from the broker. AssertionError when it was closed instead."""
    made = socket.create_connection(("127.0.0.1", port), 10)
    try:
        made.sendall(_HELLO)
        answer = made.recv(4)
    except ConnectionError:
        answer = b""
    if not answer:
        made.close()
        raise AssertionError(f"the broker behind port {port} gave no answer")
    return made


def discovered(envoy: Envoy, event: str) -> int:
    """What became of the resources of network filters, over all of them."""
    lines = envoy.admin(f"/stats?filter=extension_config_discovery.*{event}").splitlines()
    return sum(int(line.rpartition(": ")[2]) for line in lines)
