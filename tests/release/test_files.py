"""A release is the same wherever it is made, holds what it says, and what it holds works when unpacked."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import trees
from conftest import Release
from lab import paths

NAMES = {"SHA256SUMS",
         *(f"kafka-filter-{trees.VERSION}.{ending}" for ending in ("wasm", "oci.tar", "oci", "digest", "cdx.json")),
         *(f"kafka-filter-{part}-{trees.VERSION}.tar.gz" for part in ("envoy", "istio"))}


def test_two_clean_builds_give_the_same_bytes(releases: tuple[Release, Release]) -> None:
    first, second = (_contents(release.tree / "dist") for release in releases)
    assert {name.split("/")[1] for name in first if name.startswith("release/")} == NAMES
    assert any(name.startswith("istio/") for name in first)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_what_was_tested_is_what_is_released(release: Release) -> None:
    """All other tests run the module that `make wasm` left."""
    assert paths.ARTIFACT.read_bytes() == release.module
    assert (release.tree / "dist" / "kafka_filter.wasm").read_bytes() == release.module


def test_the_module_names_no_folder_of_this_machine(releases: tuple[Release, Release]) -> None:
    module = releases[0].module
    # Names in place of folders are there, so panics still tell where they come from.
    assert b"/cargo/registry/" in module
    assert b"src/root.rs" in module
    sysroot = trees.output("rustc", "--print", "sysroot").strip()
    folders = [str(release.tree) for release in releases] + [str(Path.home()), sysroot, str(paths.REPOSITORY), "/tmp"]
    assert [folder for folder in folders if f"{folder}/".encode() in module] == []


def test_the_sums_are_right(release: Release, tmp_path: Path) -> None:
    listed = [line.split("  ")[1] for line in (release.files / "SHA256SUMS").read_text().splitlines()]
    assert sorted(listed) == sorted(NAMES - {"SHA256SUMS", f"kafka-filter-{trees.VERSION}.oci"})
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=release.files, check=True, stdout=subprocess.DEVNULL)
    for name in (*listed, "SHA256SUMS"):
        (tmp_path / name).write_bytes((release.files / name).read_bytes())
    damaged = tmp_path / release.file("wasm").name
    damaged.write_bytes(release.module[:-1] + bytes([release.module[-1] ^ 1]))
    done = subprocess.run(check, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.findall(r"^(.*): FAILED$", done.stdout, re.M) == [damaged.name]


def test_the_configurations_for_envoy_find_their_module(release: Release, tmp_path: Path) -> None:
    top = _unpacked(release.file("tar.gz", "envoy"), tmp_path)
    assert (top / "dist" / "kafka_filter.wasm").read_bytes() == release.module
    for name in ("LICENSE", "CHANGELOG.md", "docs/metrics.md", "envoy/alerts.yaml", "envoy/stats-tags.yaml"):
        assert (top / name).read_bytes() == (paths.REPOSITORY / name).read_bytes()
    for name in ("envoy.yaml", "envoy-three-brokers.yaml"):
        assert _validates(top, name) == 0
    (top / "dist" / "kafka_filter.wasm").unlink()
    assert _validates(top, "envoy.yaml") != 0


def test_the_manifests_for_istio_name_the_image_that_was_made(release: Release, image: str, tmp_path: Path) -> None:
    top = _unpacked(release.file("tar.gz", "istio"), tmp_path)
    manifests = {str(path.relative_to(top)): path.read_text() for path in top.rglob("*.yaml")}
    for name in ("envoyfilter.yaml", "trafficextension.yaml", "wasmplugin.yaml"):
        text = manifests[name]
        # By tag and pin, or by digest in the address itself.
        addresses = re.findall(r"oci://([^\s\"']+)", text)
        assert addresses
        for address in addresses:
            assert re.fullmatch(rf"{re.escape(image)}:{re.escape(trees.VERSION)}(@{release.digest})?", address)
        assert re.findall(r"[0-9a-f]{64}", text) == [release.digest.removeprefix("sha256:")] * text.count("oci://")
    assert (top / "missing.py").read_bytes() == (paths.REPOSITORY / "istio" / "missing.py").read_bytes()
    assert [name for name, text in manifests.items() if "registry.invalid" in text or "0" * 64 in text] == []


@pytest.mark.parametrize("part", ["envoy", "istio"])
def test_archives_hold_nothing_of_their_maker(release: Release, part: str) -> None:
    with tarfile.open(release.file("tar.gz", part)) as archive:
        members = archive.getmembers()
    assert members
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {member.mtime for member in members} == {trees.DATE}
    assert {member.mode for member in members} <= {0o644, 0o755, 0o777}
    assert [member.name for member in members] == sorted(member.name for member in members)
    header = release.file("tar.gz", part).read_bytes()[:10]
    assert header[:3] == b"\x1f\x8b\x08"
    # No name, and no time.
    assert header[3] == 0 and header[4:8] == bytes(4)


def test_without_an_image_no_manifest_is_left(release: Release, tmp_path: Path) -> None:
    """Manifests with zeros for a digest would look like a release, and leave the filter silently absent."""
    tree = _prepared(release, tmp_path / "tree")
    told = trees.make(tree, "-o", "wasm", "dist", f"SOURCE={trees.SOURCE}")
    assert "Istio's manifests were left out" in told
    left = {path.name for path in (tree / "dist" / "release").iterdir()}
    assert left == NAMES - {f"kafka-filter-istio-{trees.VERSION}.tar.gz"}


def test_an_uncommitted_change_shows_in_the_release(release: Release, tmp_path: Path) -> None:
    tree = _prepared(release, tmp_path / "tree")
    assert "-dirty" not in trees.make(tree, "-o", "wasm", "dist")
    (tree / "CHANGELOG.md").write_text("changed\n")
    assert "-dirty" in trees.make(tree, "-o", "wasm", "dist")
    changed = Release(tree, release.target)
    assert changed.digest != release.digest
    assert f"{trees.head(tree)}-dirty" in _manifest(changed)


def test_sources_without_git_need_a_date(release: Release, tmp_path: Path) -> None:
    """From an archive of the sources: the clock is no date, and nobody knows the commit."""
    tree = _prepared(release, tmp_path / "tree")
    shutil.rmtree(tree / ".git")
    assert "set SOURCE_DATE_EPOCH" in trees.make(tree, "-o", "wasm", "dist", fails=True)
    trees.make(tree, "-o", "wasm", "dist", SOURCE_DATE_EPOCH=str(trees.DATE))
    made = Release(tree, release.target)
    assert made.module == release.module
    assert "image.revision" not in _manifest(made)
    # What is committed and what is there are the same files.
    assert made.file("tar.gz", "envoy").read_bytes() == release.file("tar.gz", "envoy").read_bytes()


def _prepared(release: Release, tree: Path) -> Path:
    """The sources with the module built from them, which takes no build."""
    trees.copy(tree)
    (tree / "dist").mkdir()
    (tree / "dist" / "kafka_filter.wasm").write_bytes(release.module)
    return tree


def _manifest(release: Release) -> str:
    return (release.file("oci") / "blobs" / "sha256" / release.digest.removeprefix("sha256:")).read_text()


def _contents(folder: Path) -> dict[str, str]:
    """Every file by its path: the digest of its bytes, or where it points."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def _validates(top: Path, config: str) -> int:
    """Envoy reads the configuration and loads the module, as it would at its start."""
    command = [paths.envoy_binary(), "--mode", "validate", "-c", f"envoy/{config}"]
    return subprocess.run(command, cwd=top, check=False, capture_output=True).returncode
