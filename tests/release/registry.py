"""A small registry on this machine: the part of the OCI distribution API by which images are pushed and pulled.

Written from the specification (opencontainers/distribution-spec, spec.md 1.1): endpoints end-1 to end-7. It checks what
it is given, as real ones do, and can ask for a token first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "pusher", "s3cret"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry:
    """What is stored, and the requests that came. `token` must be shown when it is set."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.blobs: dict[str, bytes] = {}
        # By repository and digest: bytes and media type.
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.uploads: set[str] = set()
        self.requests: list[str] = []
        self.token = ""
        # Where tokens are to be had.
        self.realm = f"http://{self.host}/token"

    def add(self, repository: str, tag: str, manifest: bytes, media_type: str, blobs: list[bytes]) -> str:
        """Stores an image as if it had been pushed; returns its digest."""
        self.blobs.update({digest_of(blob): blob for blob in blobs})
        digest = digest_of(manifest)
        self.manifests[repository, digest] = (manifest, media_type)
        self.tags[repository, tag] = digest
        return digest


@contextmanager
def serve(port: int = 0) -> Iterator[Registry]:
    """A registry on a port of 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    registry = Registry(server.server_address[1])
    server.registry = registry  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Tests look at `requests` instead."""

    @property
    def registry(self) -> Registry:
        return self.server.registry  # type: ignore[attr-defined,no-any-return]

    def _serve(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.registry.requests.append(f"{self.command} {url.path}")
        if url.path == "/token":
            self._give_token()
        elif self.registry.token and self.headers.get("Authorization") != f"Bearer {self.registry.token}":
            realm = f'Bearer realm="{self.registry.realm}",service="test",scope="repository:x:pull"'
            self._error(401, "UNAUTHORIZED", {"WWW-Authenticate": realm})
        elif url.path == "/v2/":
            self._answer(200, b"{}")
        else:
            self._route(url.path)

    def _route(self, path: str) -> None:
        reads = self.command in ("GET", "HEAD")
        for pattern, allowed, handle in (
                (r"/v2/(.+)/blobs/uploads/", self.command == "POST", self._begin_upload),
                (r"/v2/(.+)/blobs/uploads/([0-9a-f-]+)", self.command == "PUT", self._end_upload),
                (r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", reads, self._blob),
                (r"/v2/(.+)/manifests/([\w.:-]+)", reads, self._manifest),
                (r"/v2/(.+)/manifests/([\w.:-]+)", self.command == "PUT", self._put_manifest)):
            found = re.fullmatch(pattern, path)
            if found and allowed:
                handle(*found.groups())
                return
        self._error(404, "NAME_UNKNOWN")

    def _give_token(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        # Nobody may read of a repository that is not there, as with ghcr.io.
        scope = re.fullmatch(r"repository:[^:]+:pull,push", self.query.get("scope", ""))
        if self.headers.get("Authorization") == expected and self.query.get("service") == "test" and scope:
            self._answer(200, json.dumps({"token": self.registry.token}).encode())
        else:
            self._error(401, "UNAUTHORIZED")

    def _begin_upload(self, repository: str) -> None:
        upload = str(uuid.uuid4())
        self.registry.uploads.add(upload)
        self._answer(202, b"", {"Location": f"/v2/{repository}/blobs/uploads/{upload}"})

    def _end_upload(self, repository: str, upload: str) -> None:
        digest = self.query.get("digest", "")
        if upload not in self.registry.uploads:
            self._error(404, "BLOB_UPLOAD_UNKNOWN")
        elif digest != digest_of(self.body):
            self._error(400, "DIGEST_INVALID")
        else:
            self.registry.uploads.remove(upload)
            self.registry.blobs[digest] = self.body
            self._answer(201, b"", {"Location": f"/v2/{repository}/blobs/{digest}"})

    def _blob(self, _: str, digest: str) -> None:
        data = self.registry.blobs.get(digest)
        if data is None:
            self._error(404, "BLOB_UNKNOWN")
        else:
            self._answer(200, data, {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"})

    def _manifest(self, repository: str, reference: str) -> None:
        digest = self.registry.tags.get((repository, reference), reference)
        found = self.registry.manifests.get((repository, digest))
        if found is None:
            self._error(404, "MANIFEST_UNKNOWN")
        elif found[1] not in self.headers.get("Accept", ""):
            self._error(404, "MANIFEST_UNKNOWN")
        else:
            self._answer(200, found[0], {"Docker-Content-Digest": digest, "Content-Type": found[1]})

    def _put_manifest(self, repository: str, reference: str) -> None:
        content = json.loads(self.body)
        media_type = self.headers.get("Content-Type", "")
        named = [content["config"], *content["layers"]]
        if media_type != content.get("mediaType"):
            self._error(400, "MANIFEST_INVALID")
        elif any(len(self.registry.blobs.get(part["digest"], b"")) != part["size"] for part in named):
            self._error(404, "MANIFEST_BLOB_UNKNOWN")
        else:
            digest = self.registry.add(repository, reference, self.body, media_type, [])
            place = f"/v2/{repository}/manifests/{digest}"
            self._answer(201, b"", {"Docker-Content-Digest": digest, "Location": place})

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps({"errors": [{"code": code}]}).encode(), headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
