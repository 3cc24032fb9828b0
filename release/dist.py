#!/usr/bin/env python3
"""Writes a release to dist/release/: `make dist`. docs/releases.md says what is in it and how to check it.

    python3 release/dist.py [--image REGISTRY/REPOSITORY[:TAG]] [--source URL]

Reads dist/kafka_filter.wasm, which `make wasm` leaves. With an image, Istio's manifests are pinned to the digest made
here; nothing is pushed. The same commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import oci
import sbom
from archive import Entries, compressed, tar
from facts import Facts, changes, gather, git
from wasm import ARTIFACT, ROOT, Refused

RELEASE = ROOT / "dist" / "release"
MANIFESTS = ROOT / "dist" / "istio"
SUMS = "SHA256SUMS"

# What the archive for plain Envoy holds beside the module, which its configurations look for in dist/.
ENVOY = ("envoy", "docs", "LICENSE", "CHANGELOG.md")


def release(facts: Facts, image: str | None, out: Path = RELEASE) -> str:
    """Writes all files of the release into `out`, which is replaced; returns the digest of the image."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    module = ARTIFACT.read_bytes()
    (out / facts.file("wasm")).write_bytes(module)
    layout = out / facts.file("oci")
    digest = oci.write(layout, module, facts)
    (out / facts.file("oci.tar")).write_bytes(oci.packed(layout, facts.epoch))
    (out / facts.file("digest")).write_text(f"{digest}\n")
    (out / facts.file("cdx.json")).write_text(sbom.bill(hashlib.sha256(module).hexdigest(), facts))
    _archive(out, "envoy", {**_tracked(*ENVOY), "dist/kafka_filter.wasm": module}, facts)
    if image:
        _pin(reference(image, facts.version), digest)
        files = {str(path.relative_to(MANIFESTS)): path for path in MANIFESTS.rglob("*") if not path.is_dir()}
        beside = {"LICENSE": ROOT / "LICENSE", "missing.py": ROOT / "istio" / "missing.py"}
        _archive(out, "istio", {**files, **beside}, facts)
    _sums(out)
    return digest


def reference(image: str, version: str) -> str:
    """The image with a tag: the version's, if it has none. Repositories are lower-case, names of their owners not."""
    image = image.removeprefix("oci://")
    folder, _, name = image.rpartition("/")
    name, _, tag = name.partition(":")
    return f"{folder}/{name}".lower() + f":{tag or version}"


def _archive(out: Path, part: str, files: Entries, facts: Facts) -> None:
    """Packs the files below one folder that bears the archive's name."""
    name = facts.file("tar.gz", part)
    folder = name.removesuffix(".tar.gz")
    packed = tar({f"{folder}/{path}": content for path, content in files.items()}, facts.epoch)
    (out / name).write_bytes(compressed(packed))


def _tracked(*paths: str) -> dict[str, Path]:
    """The files that are committed below the paths; outside of git, all that are there."""
    listed = git("ls-files", "--", *paths)
    if listed:
        return {name: ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()}
    found = [file for path in paths for file in ((ROOT / path).rglob("*") if (ROOT / path).is_dir() else [ROOT / path])]
    return {str(file.relative_to(ROOT)): file for file in found if file.is_file() and "__pycache__" not in file.parts}


def _pin(image: str, digest: str) -> None:
    """Writes dist/istio/ as `make manifests` does."""
    command = [sys.executable, "-B", "istio/pin.py", image, digest, "--out", str(MANIFESTS)]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
        raise Refused(f"the manifests cannot be pinned to {image}")


def _sums(out: Path) -> None:
    """The SHA-256 of each file, as `sha256sum --check` reads them. The layout is in them as its tar."""
    files = sorted(path for path in out.iterdir() if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (out / SUMS).write_text("".join(lines))


def _facts_for_workflow(facts: Facts, image: str) -> str:
    """`name=value` lines: the version, the image's name without tag, with its tag, and the digest."""
    tagged = reference(image, facts.version)
    digest = (RELEASE / facts.file("digest")).read_text().strip()
    told = {"version": facts.version, "name": tagged.rpartition(":")[0], "image": tagged, "digest": digest}
    return "\n".join(f"{name}={value}" for name, value in told.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="", help="where the image will be pushed; the tag is the version by default")
    parser.add_argument("--source", default="", help="the public address of the sources, by default that of origin")
    parser.add_argument("--facts", action="store_true", help="only print name=value lines about what is there")
    arguments = parser.parse_args()
    try:
        facts = gather(arguments.source)
        if arguments.facts:
            print(_facts_for_workflow(facts, arguments.image))
            return 0
        if not ARTIFACT.is_file():
            raise Refused(f"{ARTIFACT.relative_to(ROOT)} is missing: run `make wasm`")
        digest = release(facts, arguments.image)
    except (Refused, OSError) as refused:
        print(f"dist.py: {refused}", file=sys.stderr)
        return 1
    print("\n".join(sorted(os.path.relpath(path, ROOT) for path in RELEASE.iterdir())))
    print(f"image {digest}")
    if not arguments.image:
        print("no IMAGE=registry/repository given: Istio's manifests were left out")
    if changes():
        print("not everything is committed: the revision says -dirty, and nobody can make this release again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
