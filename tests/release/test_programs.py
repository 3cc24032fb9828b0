"""The images of canary, gateway and console, written without an engine: what is in them, how they start, and that a
registry takes them.

The programs themselves are built with musl and minutes of time (`make canary-image` and its like); which bytes one has
is nothing to the image, so here it is a text.
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

import oci  # noqa: E402
from canary import CANARY  # noqa: E402
from console import CONSOLE  # noqa: E402
from facts import Facts  # noqa: E402
from gateway import GATEWAY  # noqa: E402
from program import USER, Program  # noqa: E402

PROGRAM, CERTIFICATES = b"\x7fELF and so on", b"-----BEGIN CERTIFICATE-----\n"
FACTS = Facts("1.2.3", "Apache-2.0", 1_700_000_000, "abc", "https://github.com/some-owner/kafka-filter")


@pytest.fixture(params=[CANARY, GATEWAY, CONSOLE], ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    return request.param


@pytest.fixture
def out(program: Program, tmp_path: Path) -> Path:
    program.image(PROGRAM, CERTIFICATES, FACTS, tmp_path / "image")
    return tmp_path / "image"


def test_it_holds_the_program_and_certificates_and_nothing_else(program: Program, out: Path) -> None:
    _, [layer, _] = oci.read(out / f"{program.name}.oci")
    with tarfile.open(fileobj=io.BytesIO(layer.data), mode="r:gz") as archive:
        members = {member.name: member for member in archive.getmembers()}
        assert {name: (member.mode, member.uid, member.gid) for name, member in members.items()} == {
            program.name: (0o755, 0, 0), "etc/ssl/certs/ca-certificates.crt": (0o644, 0, 0)}
        executable, certificates = (archive.extractfile(members[name]) for name in sorted(members, reverse=True))
        assert executable and executable.read() == PROGRAM and certificates and certificates.read() == CERTIFICATES


@pytest.mark.parametrize(("program", "ports"), [(CANARY, {"8080/tcp"}), (GATEWAY, {"4242/tcp", "8088/tcp"}),
                                               (CONSOLE, {"8085/tcp"})])
def test_it_starts_the_program_as_nobody(program: Program, ports: set[str], out: Path) -> None:
    manifest, [_, config] = oci.read(out / f"{program.name}.oci")
    told = json.loads(config.data)
    assert (told["os"], told["architecture"]) == ("linux", "amd64")
    assert told["config"]["Entrypoint"] == [f"/{program.name}"] and told["config"]["User"] == "65532:65532"
    assert set(told["config"]["ExposedPorts"]) == ports
    assert "Cmd" not in told["config"] and "Env" not in told["config"]
    labels = told["config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == program.name
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    # istio-agent must not take it for a filter.
    assert "module.wasm.image/variant" not in json.loads(manifest.data)["annotations"]


def test_the_same_program_gives_the_same_image(program: Program, out: Path, tmp_path: Path) -> None:
    again = program.image(PROGRAM, CERTIFICATES, FACTS, tmp_path / "again")
    assert (out / f"{program.name}-1.2.3.digest").read_text() == f"{again}\n"
    assert program.image(PROGRAM, None, FACTS, tmp_path / "bare") != again


def test_the_sums_are_right(program: Program, out: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=out, check=True, stdout=subprocess.DEVNULL)
    listed = {line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()}
    name = f"{program.name}-1.2.3"
    assert listed == {f"{name}-linux-amd64", f"{name}.oci.tar", f"{name}.digest"}


def test_it_is_pushed_as_the_filter_s_is(program: Program, out: Path, shop: registry.Registry) -> None:
    command = [sys.executable, "-B", paths.REPOSITORY / "release" / "push.py", f"{shop.host}/{program.name}:1.2.3",
               "--layout", out / f"{program.name}.oci"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    digest = (out / f"{program.name}-1.2.3.digest").read_text().strip()
    assert told == f"{shop.host}/{program.name}:1.2.3@{digest}"
    assert shop.tags == {(program.name, "1.2.3"): digest}


def test_manifests_run_it_as_the_user_it_names(program: Program) -> None:
    folder = paths.REPOSITORY / "crates" / program.name / "deploy" / "kubernetes"
    manifests = "".join(path.read_text() for path in sorted(folder.glob("*.yaml")))
    assert f"runAsUser: {USER}" in manifests
