"""The image as a layout on disk: its shape, what it says of itself, and that a proxy gets it through a registry."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import agent
import registry
import trees
from conftest import Release

Json = dict[str, Any]
REPOSITORY = "filters/kafka-filter"


def test_the_layout_holds_one_manifest_with_one_layer(release: Release) -> None:
    layout = release.file("oci")
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout / "index.json").read_text())
    assert len(index["manifests"]) == 1
    descriptor = index["manifests"][0]
    assert descriptor["mediaType"] == agent.OCI_MANIFEST
    assert descriptor["digest"] == release.digest == registry.digest_of(_blob(layout, release.digest))
    assert descriptor["annotations"] == {"org.opencontainers.image.ref.name": trees.VERSION}
    manifest = json.loads(_blob(layout, release.digest))
    assert manifest["mediaType"] == agent.OCI_MANIFEST
    assert [layer["mediaType"] for layer in manifest["layers"]] == [agent.OCI_LAYER]
    for part in (descriptor, manifest["config"], *manifest["layers"]):
        blob = _blob(layout, part["digest"])
        assert (registry.digest_of(blob), len(blob)) == (part["digest"], part["size"])
    # Nothing lies there that nobody names.
    assert len(list((layout / "blobs" / "sha256").iterdir())) == 3


def test_the_layer_holds_the_module_alone(release: Release) -> None:
    manifest, config, layer = _parts(release)
    assert layer[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    unpacked = gzip.decompress(layer)
    assert config["rootfs"] == {"type": "layers", "diff_ids": [registry.digest_of(unpacked)]}
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        members = archive.getmembers()
        assert [(m.name, m.mtime, m.uid, m.gid, m.mode) for m in members] == [("plugin.wasm", 0, 0, 0, 0o644)]
        content = archive.extractfile(members[0])
        assert content and content.read() == release.module


def test_the_image_says_what_it_is(release: Release) -> None:
    manifest, config, _ = _parts(release)
    labels = config["config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert {name: labels[prefix + name] for name in ("version", "source", "licenses", "revision", "title")} == {
        "version": trees.VERSION, "source": trees.SOURCE, "licenses": "Apache-2.0",
        "revision": trees.head(release.tree), "title": "kafka-filter"}
    assert labels[prefix + "description"]
    # The time of the commit.
    assert labels[prefix + "created"] == config["created"] == "2023-11-14T22:13:20Z"
    assert manifest["annotations"] == {**labels, "module.wasm.image/variant": "compat"}
    # What go-containerregistry, and so istio-agent, asks for where it may choose.
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_the_archive_is_the_layout(release: Release) -> None:
    layout = release.file("oci")
    files = {str(path.relative_to(layout)): path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    with tarfile.open(release.file("oci.tar")) as archive:
        packed = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        assert {name: content.read() for name, content in packed.items() if content} == files


def test_a_proxy_gets_the_module_by_tag_and_by_digest(release: Release, shop: registry.Registry) -> None:
    manifest, layer, config = _shelved(release)
    shop.add(REPOSITORY, trees.VERSION, manifest, agent.OCI_MANIFEST, [layer, config])
    address = f"oci://{shop.host}/{REPOSITORY}"
    pin = release.digest.removeprefix("sha256:")
    assert agent.fetch(f"{address}:{trees.VERSION}", pin) == release.module
    assert agent.fetch(f"{address}@{release.digest}") == release.module
    wrong = "0" * 64
    with pytest.raises(agent.Refused, match="pinned is 0000"):
        agent.fetch(f"{address}:{trees.VERSION}", wrong)
    with pytest.raises(agent.Refused, match="404"):
        agent.fetch(f"{address}:latest")


def test_damage_on_the_way_is_noticed(release: Release, shop: registry.Registry) -> None:
    manifest, layer, config = _shelved(release)
    shop.add(REPOSITORY, trees.VERSION, manifest, agent.OCI_MANIFEST, [layer, config])
    shop.blobs[registry.digest_of(layer)] = layer[:-1] + bytes([layer[-1] ^ 1])
    with pytest.raises(agent.Refused, match="other bytes"):
        agent.fetch(f"oci://{shop.host}/{REPOSITORY}:{trees.VERSION}")


def _shelved(release: Release) -> tuple[bytes, bytes, bytes]:
    """The bytes of manifest, layer and configuration."""
    layout = release.file("oci")
    manifest = _blob(layout, release.digest)
    parts = json.loads(manifest)
    return manifest, _blob(layout, parts["layers"][0]["digest"]), _blob(layout, parts["config"]["digest"])


def _parts(release: Release) -> tuple[Json, Json, bytes]:
    """Manifest and configuration, read, and the layer."""
    manifest, layer, config = _shelved(release)
    return json.loads(manifest), json.loads(config), layer


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()
