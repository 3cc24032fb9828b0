"""An OCI image that istio-agent takes, made without a container engine: one manifest, one layer, in it `plugin.wasm`.

The same module and facts give the same digest. Shape: the compat variant of the image specification for Wasm modules
(github.com/solo-io/wasm, spec/spec-compat.md), in the layout of the OCI image specification 1.0 (image-layout.md).
Images of further parts are further calls of `layout` with layers of their own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import compressed, tar
from facts import DESCRIPTION, TITLE, Facts

Json = dict[str, Any]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

# The name that every proxy looks for in the layer.
PLUGIN = "plugin.wasm"
COMPAT = {"module.wasm.image/variant": "compat"}
REFERENCE_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Blob:
    """Bytes that an image is made of, known by their digest."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    def descriptor(self, annotations: dict[str, str] | None = None) -> Json:
        made: Json = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}
        return {**made, "annotations": annotations} if annotations else made


def write(folder: Path, module: bytes, facts: Facts) -> str:
    """Writes the filter's image as a layout into `folder`, which is replaced; returns the manifest's digest."""
    return layout(folder, [tar({PLUGIN: module})], facts, COMPAT)


def layout(folder: Path, layers: Sequence[bytes], facts: Facts, annotations: dict[str, str],
           title: str = TITLE, description: str = DESCRIPTION, run: Json | None = None) -> str:
    """An image of the given tars. The manifest stands alone: an index could be resolved for the wrong platform.

    `run` is how a container of it is started, in the words of the image's configuration: Entrypoint, User and such.
    """
    labels = _labels(facts, title, description)
    blobs = [Blob(compressed(layer), LAYER) for layer in layers]
    config = _json(CONFIG, {
        "created": facts.created,
        # What those ask for who resolve an image; the filter's module itself runs on any.
        "architecture": "amd64",
        "os": "linux",
        "config": {**(run or {}), "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [Blob(layer, LAYER).digest for layer in layers]},
        "history": [{"created": facts.created, "created_by": "release/oci.py"} for _ in layers]})
    manifest = _json(MANIFEST, {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
        "layers": [blob.descriptor() for blob in blobs], "annotations": {**labels, **annotations}})
    shutil.rmtree(folder, ignore_errors=True)
    store = folder / "blobs" / "sha256"
    store.mkdir(parents=True)
    for blob in (*blobs, config, manifest):
        (store / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    named = manifest.descriptor({REFERENCE_NAME: facts.version})
    listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]}
    (folder / "index.json").write_bytes(_json(INDEX, listed).data)
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    return manifest.digest


def packed(folder: Path, epoch: int) -> bytes:
    """The layout as one tar, as `skopeo copy oci-archive:` reads it."""
    return tar({str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}, epoch)


def read(folder: Path) -> tuple[Blob, list[Blob]]:
    """The one manifest of a layout, and the blobs that it names."""
    descriptor = json.loads((folder / "index.json").read_text())["manifests"][0]
    manifest = _stored(folder, descriptor)
    named = json.loads(manifest.data)
    return manifest, [_stored(folder, part) for part in (*named["layers"], named["config"])]


def _stored(folder: Path, descriptor: Json) -> Blob:
    algorithm, _, digest = descriptor["digest"].partition(":")
    blob = Blob((folder / "blobs" / algorithm / digest).read_bytes(), descriptor["mediaType"])
    if blob.digest != descriptor["digest"]:
        raise ValueError(f"{folder}: the bytes of {descriptor['digest']} are others")
    return blob


def _labels(facts: Facts, title: str, description: str) -> dict[str, str]:
    told = {"title": title, "description": description, "version": facts.version, "licenses": facts.licence,
            "created": facts.created, "revision": facts.revision, "source": facts.source}
    return {f"org.opencontainers.image.{name}": value for name, value in told.items() if value}


def _json(media_type: str, content: Json) -> Blob:
    return Blob(json.dumps(content, sort_keys=True, separators=(",", ":")).encode(), media_type)
