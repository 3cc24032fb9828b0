"""What istio-agent does with the address of an image, written anew from the rules that its code has.

The rules are those of istio.io/istio/pkg/wasm (imagefetcher.go, Istio 1.20 to 1.31): which manifest is resolved, which
layer is looked at, what must be in it. Nothing of what makes the image is used here.
"""

from __future__ import annotations

import gzip
import http.client
import io
import json
import re
import tarfile
from dataclasses import dataclass
from typing import Any

from registry import digest_of

Json = dict[str, Any]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MODULE = "application/vnd.module.wasm.content.layer.v1+wasm"


class Refused(Exception):
    """The proxy gets no module: traffic passes, and the filter is not there."""


@dataclass(frozen=True)
class Address:
    """REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:..."""

    host: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, url: str) -> Address:
        found = re.fullmatch(r"oci://([^/]+)/([^@:]+)(?::([^@]+)|@(sha256:[0-9a-f]{64}))", url)
        if not found:
            raise Refused(f"{url} is no address of an image")
        return cls(found[1], found[2], found[3] or found[4])


def fetch(url: str, pin: str = "") -> bytes:
    """The module behind `oci://...`. `pin` is what a manifest gives as sha256: the digest's 64 digits, or nothing."""
    address = Address.parse(url)
    manifest, digest = _resolve(address, address.reference)
    if pin and digest != f"sha256:{pin}":
        raise Refused(f"the image is {digest}, pinned is {pin}")
    layers = manifest["layers"]
    kind = manifest["mediaType"]
    expected = {OCI_MANIFEST: OCI_LAYER, DOCKER_MANIFEST: DOCKER_LAYER}[kind]
    if layers and layers[-1]["mediaType"] == expected:
        return _plugin(_blob(address, layers[-1]["digest"]))
    if kind == OCI_MANIFEST and len(layers) == 2:
        for layer in layers:
            if layer["mediaType"] == MODULE:
                return _blob(address, layer["digest"])
    raise Refused(f"no layer that is looked at: {[layer['mediaType'] for layer in layers]}")


def _resolve(address: Address, reference: str) -> tuple[Json, str]:
    """The manifest of an image, and the digest of what the reference names; of an index, the one for linux/amd64."""
    body, media_type = _get(address, f"manifests/{reference}")
    digest = digest_of(body)
    if reference.startswith("sha256:") and reference != digest:
        raise Refused(f"{reference} has the bytes of {digest}")
    content = json.loads(body)
    if media_type not in (OCI_INDEX, DOCKER_LIST):
        return {**content, "mediaType": media_type}, digest
    for entry in content["manifests"]:
        platform = entry.get("platform", {"os": "linux", "architecture": "amd64"})
        if (platform["os"], platform["architecture"]) == ("linux", "amd64"):
            return _resolve(address, entry["digest"])[0], digest
    raise Refused("the index has nothing for linux/amd64")


def _plugin(layer: bytes) -> bytes:
    """The first file that is called plugin.wasm, in whatever folder of the gzipped tar."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.rpartition("/")[2] == "plugin.wasm" else None
                if content:
                    return content.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise Refused(f"the layer is no gzipped tar: {error}") from None
    raise Refused("the layer has no file plugin.wasm")


def _blob(address: Address, digest: str) -> bytes:
    body, _ = _get(address, f"blobs/{digest}")
    if digest_of(body) != digest:
        raise Refused(f"{digest} has other bytes")
    return body


def _get(address: Address, path: str) -> tuple[bytes, str]:
    connection = http.client.HTTPConnection(address.host, timeout=20)
    try:
        accepted = ",".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))
        connection.request("GET", f"/v2/{address.repository}/{path}", headers={"Accept": accepted})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise Refused(f"{path}: {response.status}")
    return body, response.getheader("Content-Type", "")
