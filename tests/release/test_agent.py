"""The shapes of images that istio-agent takes, beside those that it refuses: these tests' own reader tells them apart."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

import agent
import registry

MODULE = b"\0asm\1\0\0\0"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
REPOSITORY, TAG = "test/module", "1"


def tarred(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return made.getvalue()


PLUGIN = tarred(("plugin.wasm", MODULE))
OTHER = tarred(("README", b"no module"))
# The frame of a zstd stream; nobody needs to look inside to refuse it.
ZSTD = b"\x28\xb5\x2f\xfd" + PLUGIN


@dataclass(frozen=True)
class Shape:
    """An image: its layers from first to last."""

    layers: Sequence[tuple[str, bytes]]
    manifest_type: str = agent.OCI_MANIFEST
    config_type: str = CONFIG_TYPE


RIGHT = {
    "compat": Shape([(agent.OCI_LAYER, gzip.compress(PLUGIN))]),
    "compat, in a folder": Shape([(agent.OCI_LAYER, gzip.compress(tarred(("a/b/plugin.wasm", MODULE))))]),
    "compat, last of two": Shape([(agent.OCI_LAYER, gzip.compress(OTHER)), (agent.OCI_LAYER, gzip.compress(PLUGIN))]),
    "docker": Shape([(agent.DOCKER_LAYER, gzip.compress(PLUGIN))], agent.DOCKER_MANIFEST,
                    "application/vnd.docker.container.image.v1+json"),
    "two layers": Shape([(WASM_CONFIG, b"{}"), (agent.MODULE, MODULE)]),
    "two layers, the other way round": Shape([(agent.MODULE, MODULE), (WASM_CONFIG, b"{}")]),
}

WRONG = {
    "application/wasm": Shape([("application/wasm", MODULE)]),
    "application/wasm, last of two": Shape([(WASM_CONFIG, b"{}"), ("application/wasm", MODULE)]),
    "zstd": Shape([("application/vnd.oci.image.layer.v1.tar+zstd", ZSTD)]),
    "zstd that says gzip": Shape([(agent.OCI_LAYER, ZSTD)]),
    "plain tar": Shape([("application/vnd.oci.image.layer.v1.tar", PLUGIN)]),
    "plain tar that says gzip": Shape([(agent.OCI_LAYER, PLUGIN)]),
    "another name": Shape([(agent.OCI_LAYER, gzip.compress(tarred(("kafka_filter.wasm", MODULE))))]),
    "the name of a folder": Shape([(agent.OCI_LAYER, gzip.compress(tarred(("plugin.wasm/module", MODULE))))]),
    "not the last layer": Shape([(agent.OCI_LAYER, gzip.compress(PLUGIN)), (agent.OCI_LAYER, gzip.compress(OTHER))]),
    "the raw module alone": Shape([(agent.MODULE, MODULE)]),
    "the raw module among three": Shape([(WASM_CONFIG, b"{}"), (agent.MODULE, MODULE), (WASM_CONFIG, b"[]")]),
    "an OCI layer in a docker manifest": Shape([(agent.OCI_LAYER, gzip.compress(PLUGIN))], agent.DOCKER_MANIFEST),
    "no layer": Shape([]),
}


@pytest.mark.parametrize("shape", RIGHT.values(), ids=RIGHT.keys())
def test_taken(shop: registry.Registry, shape: Shape) -> None:
    shelve(shop, shape)
    assert agent.fetch(f"oci://{shop.host}/{REPOSITORY}:{TAG}") == MODULE


@pytest.mark.parametrize("shape", WRONG.values(), ids=WRONG.keys())
def test_refused(shop: registry.Registry, shape: Shape) -> None:
    shelve(shop, shape)
    with pytest.raises(agent.Refused):
        agent.fetch(f"oci://{shop.host}/{REPOSITORY}:{TAG}")


@pytest.mark.parametrize(("platforms", "found"), [
    ([("linux", "amd64")], True), ([("linux", "arm64"), ("linux", "amd64")], True), ([None], True),
    ([("linux", "arm64")], False), ([("wasi", "wasm")], False), ([], False)])
def test_an_index_needs_linux_amd64(shop: registry.Registry, platforms: list[tuple[str, str] | None],
                                    found: bool) -> None:
    digest = shelve(shop, RIGHT["compat"])
    size = len(shop.manifests[REPOSITORY, digest][0])
    entries = [{"mediaType": agent.OCI_MANIFEST, "digest": digest, "size": size,
                **({"platform": {"os": platform[0], "architecture": platform[1]}} if platform else {})}
               for platform in platforms]
    index = json.dumps({"schemaVersion": 2, "mediaType": agent.OCI_INDEX, "manifests": entries}).encode()
    listed = shop.add(REPOSITORY, "all", index, agent.OCI_INDEX, [])
    address = f"oci://{shop.host}/{REPOSITORY}:all"
    if not found:
        with pytest.raises(agent.Refused, match="linux/amd64"):
            agent.fetch(address)
        return
    assert agent.fetch(address, listed.removeprefix("sha256:")) == MODULE
    # What is pinned is what the tag means: the index, not the manifest in it.
    with pytest.raises(agent.Refused, match="pinned"):
        agent.fetch(address, digest.removeprefix("sha256:"))


def shelve(shop: registry.Registry, shape: Shape) -> str:
    """Puts an image of the shape into the registry; returns its digest."""
    config = b"{}"
    content: dict[str, Any] = {
        "schemaVersion": 2, "mediaType": shape.manifest_type, "config": _described(shape.config_type, config),
        "layers": [_described(kind, data) for kind, data in shape.layers]}
    blobs = [config, *(data for _, data in shape.layers)]
    return shop.add(REPOSITORY, TAG, json.dumps(content).encode(), shape.manifest_type, blobs)


def _described(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": registry.digest_of(data), "size": len(data)}
