"""The canary's image, written without an engine: what is in it, how it starts, and that a registry takes it.

The program itself is built with musl and minutes of time (`make canary-image`); which bytes it has is nothing to the
image, so here it is a text.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import registry
from lab import paths

sys.path.insert(0, str(paths.REPOSITORY / "release"))

import canary  # noqa: E402
import oci  # noqa: E402
from facts import Facts  # noqa: E402

PROGRAM, CERTIFICATES = b"\x7fELF and so on", b"-----BEGIN CERTIFICATE-----\n"
FACTS = Facts("1.2.3", "Apache-2.0", 1_700_000_000, "abc", "https://github.com/some-owner/kafka-filter")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    canary.image(PROGRAM, CERTIFICATES, FACTS, tmp_path / "canary")
    return tmp_path / "canary"


def test_it_holds_the_program_and_certificates_and_nothing_else(out: Path) -> None:
    _, [layer, _] = oci.read(out / "kafka-canary.oci")
    with tarfile.open(fileobj=io.BytesIO(layer.data), mode="r:gz") as archive:
        members = {member.name: member for member in archive.getmembers()}
        assert {name: (member.mode, member.uid, member.gid) for name, member in members.items()} == {
            "kafka-canary": (0o755, 0, 0), "etc/ssl/certs/ca-certificates.crt": (0o644, 0, 0)}
        program, certificates = (archive.extractfile(members[name]) for name in sorted(members, reverse=True))
        assert program and program.read() == PROGRAM and certificates and certificates.read() == CERTIFICATES


def test_it_starts_the_program_as_nobody(out: Path) -> None:
    manifest, [_, config] = oci.read(out / "kafka-canary.oci")
    told = json.loads(config.data)
    assert (told["os"], told["architecture"]) == ("linux", "amd64")
    assert told["config"]["Entrypoint"] == ["/kafka-canary"] and told["config"]["User"] == "65532:65532"
    assert "Cmd" not in told["config"] and "Env" not in told["config"]
    labels = told["config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "kafka-canary"
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    # istio-agent must not take it for a filter.
    assert "module.wasm.image/variant" not in json.loads(manifest.data)["annotations"]


def test_the_same_program_gives_the_same_image(out: Path, tmp_path: Path) -> None:
    again = canary.image(PROGRAM, CERTIFICATES, FACTS, tmp_path / "again")
    assert (out / "kafka-canary-1.2.3.digest").read_text() == f"{again}\n"
    assert canary.image(PROGRAM, None, FACTS, tmp_path / "bare") != again


def test_the_sums_are_right(out: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=out, check=True, stdout=subprocess.DEVNULL)
    listed = {line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()}
    assert listed == {"kafka-canary-1.2.3-linux-amd64", "kafka-canary-1.2.3.oci.tar", "kafka-canary-1.2.3.digest"}


def test_it_is_pushed_as_the_filter_s_is(out: Path, shop: registry.Registry) -> None:
    command = [sys.executable, "-B", paths.REPOSITORY / "release" / "push.py", f"{shop.host}/kafka-canary:1.2.3",
               "--layout", out / "kafka-canary.oci"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    digest = (out / "kafka-canary-1.2.3.digest").read_text().strip()
    assert told == f"{shop.host}/kafka-canary:1.2.3@{digest}"
    assert shop.tags == {("kafka-canary", "1.2.3"): digest}


def test_manifests_run_it_as_the_user_it_names() -> None:
    deployment = (paths.REPOSITORY / "crates/kafka-canary/deploy/kubernetes/kafka-canary.yaml").read_text()
    assert f"runAsUser: {canary.USER}" in deployment
