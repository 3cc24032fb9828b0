#!/usr/bin/env python3
"""Pushes the image of dist/release/ to a registry: `make push IMAGE=...`. Needs nothing but Python.

    python3 release/push.py REGISTRY/REPOSITORY[:TAG] [--layout FOLDER]

Credentials are read from REGISTRY_USERNAME and REGISTRY_PASSWORD. A tag that is there already with other bytes is left
as it is, and the push fails: a version means one module. OCI distribution specification 1.1; tokens as in the Docker
registry's v2 authentication. Plain HTTP is spoken with this machine alone.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin, urlsplit

import oci
from dist import RELEASE, reference
from facts import gather
from wasm import Refused

TIMEOUT_SECONDS = 60
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Registry:
    """One repository of one registry."""

    def __init__(self, host: str, repository: str, username: str = "", password: str = "") -> None:
        scheme = "http" if re.sub(r":\d+$", "", host) in _LOOPBACK else "https"
        self._base = f"{scheme}://{host}/v2/{repository}/"
        self._repository = repository
        self._basic = base64.b64encode(f"{username}:{password}".encode()).decode() if username else ""
        self._authorization = ""

    def push(self, layout: Path, tag: str) -> str:
        """Pushes blobs, then the manifest under the tag; returns its digest."""
        manifest, blobs = oci.read(layout)
        there = self.digest(tag)
        if there and there != manifest.digest:
            raise Refused(f"the tag {tag} is {there} already: a release is not replaced; raise the version")
        for blob in blobs:
            self._push_blob(blob)
        self._call("PUT", f"manifests/{tag}", manifest.data, {"Content-Type": manifest.media_type}, (201,))
        if self.digest(tag) != manifest.digest:
            raise Refused(f"the registry does not answer with {manifest.digest} for the tag {tag}")
        return manifest.digest

    def digest(self, tag: str) -> str | None:
        """What the tag means now, or None."""
        status, headers, _ = self._call("HEAD", f"manifests/{tag}", None, {"Accept": oci.MANIFEST}, (200, 404))
        return headers.get("docker-content-digest") if status == 200 else None

    def _push_blob(self, blob: oci.Blob) -> None:
        status, _, _ = self._call("HEAD", f"blobs/{blob.digest}", None, {}, (200, 404))
        if status == 200:
            return
        _, headers, _ = self._call("POST", "blobs/uploads/", b"", {}, (202,))
        place = headers["location"]
        place += f"{'&' if '?' in place else '?'}digest={quote(blob.digest, safe='')}"
        self._call("PUT", place, blob.data, {"Content-Type": "application/octet-stream"}, (201,))

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str],
              expected: tuple[int, ...]) -> tuple[int, dict[str, str], bytes]:
        """One request, once more with credentials if the registry asks for them."""
        url = urljoin(self._base, path)
        # An upload may be sent elsewhere, and there nobody needs to know who we are here.
        own = urlsplit(url).netloc == urlsplit(self._base).netloc
        for attempt in (1, 2):
            authorization = {"Authorization": self._authorization} if self._authorization and own else {}
            status, told, answer = _request(method, url, body, {**headers, **authorization})
            if status != 401 or attempt == 2 or not own:
                break
            self._authorization = self._authorize(told.get("www-authenticate", ""))
        if status not in expected:
            raise Refused(f"{method} {url}: {status} {answer[:300].decode(errors='replace')}")
        return status, told, answer

    def _authorize(self, challenge: str) -> str:
        """The value of Authorization that answers a challenge."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._basic:
            return f"Basic {self._basic}"
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() != "bearer" or "realm" not in asked:
            raise Refused("the registry wants credentials: set REGISTRY_USERNAME and REGISTRY_PASSWORD")
        # Not what this one request needs, which may be to read: a repository that is not there yet may be written by
        # those who may, but read by nobody.
        scope = {"scope": f"repository:{self._repository}:pull,push"}
        query = urlencode({**({"service": asked["service"]} if "service" in asked else {}), **scope})
        headers = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
        status, _, answer = _request("GET", f"{asked['realm']}?{query}", None, headers)
        if status != 200:
            raise Refused(f"the registry gives no token ({status}): are REGISTRY_USERNAME and REGISTRY_PASSWORD right?")
        told = json.loads(answer)
        return f"Bearer {told.get('token') or told['access_token']}"


def _request(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name, and body of the answer."""
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise Refused(f"{url}: credentials and modules do not travel in the clear")
    connection = make(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="REGISTRY/REPOSITORY, with a tag if it is not the version")
    parser.add_argument("--layout", type=Path)
    arguments = parser.parse_args()
    try:
        facts = gather()
        image = reference(arguments.image, facts.version)
        found = re.fullmatch(r"([^/]+)/([a-z0-9][a-z0-9._/-]*):([\w][\w.-]{0,127})", image)
        if not found:
            raise Refused(f"{image}: expected REGISTRY/REPOSITORY or REGISTRY/REPOSITORY:TAG")
        host, repository, tag = found.groups()
        user, password = os.environ.get("REGISTRY_USERNAME", ""), os.environ.get("REGISTRY_PASSWORD", "")
        layout = arguments.layout or RELEASE / facts.file("oci")
        if not layout.is_dir():
            raise Refused("there is no image to push: run `make dist`, or `make canary-image` and its like")
        digest = Registry(host, repository, user, password).push(layout, tag)
    except (Refused, OSError, http.client.HTTPException) as refused:
        print(f"push.py: {refused}", file=sys.stderr)
        return 1
    print(f"{image}@{digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
