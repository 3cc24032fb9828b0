"""One static program and an image that holds it and nothing else: what canary.py and its like do. No container engine.

The program is linked with musl, so the image needs nothing beside it: no shell, no C library, no package. The
certificates of public authorities come from this machine; `--ca ""` leaves them out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import oci
from archive import tar
from dist import reference
from facts import Facts, gather
from wasm import ROOT, Refused, cargo, target_folder

TARGET = "x86_64-unknown-linux-musl"
# Debian's package ca-certificates, and where the programs look for them.
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# Nobody, by the number that images without a user database have agreed on.
USER = 65532
# The C parts (librdkafka, OpenSSL, zlib, zstd) go through musl's compiler; librdkafka also compiles a C++ library that
# is not linked.
COMPILERS = {"CC": "musl-gcc", "CXX": "g++", "CC_x86_64_unknown_linux_gnu": "gcc"}


@dataclass(frozen=True)
class Program:
    """A crate of the workspace with one program of the same name."""

    name: str
    description: str
    # Under dist/.
    folder: str
    ports: Sequence[int]

    @property
    def out(self) -> Path:
        return ROOT / "dist" / self.folder

    @property
    def layout(self) -> str:
        return f"{self.name}.oci"

    def build(self) -> Path:
        """The static program, quick when nothing changed."""
        for tool, package in (("musl-gcc", "musl-tools"), ("g++", "g++"), ("perl", "perl"), ("make", "make")):
            if not shutil.which(tool):
                raise Refused(f"{tool} is missing: apt-get install {package}")
        _add_target()
        folder = target_folder(None)
        command = [cargo(), "build", "--locked", "--release", "-p", self.name, "--target", TARGET,
                   "--target-dir", str(folder)]
        environment = {**os.environ, **COMPILERS, "CARGO_PROFILE_RELEASE_STRIP": "true"}
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            raise Refused("cargo did not build the static program")
        return folder / TARGET / "release" / self.name

    def image(self, program: bytes, certificates: bytes | None, facts: Facts, out: Path | None = None) -> str:
        """Writes program and image into `out`, which is replaced; returns the digest of the image."""
        out = out or self.out
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        name = f"{self.name}-{facts.version}"
        executable = out / f"{name}-linux-amd64"
        executable.write_bytes(program)
        executable.chmod(0o755)
        entries: dict[str, Path | bytes] = {self.name: executable}
        if certificates:
            entries[CERTIFICATES] = certificates
        folder = out / self.layout
        digest = oci.layout(folder, [tar(entries)], facts, {}, self.name, self.description, {
            "Entrypoint": [f"/{self.name}"], "User": f"{USER}:{USER}",
            "ExposedPorts": {f"{port}/tcp": {} for port in self.ports}})
        (out / f"{name}.oci.tar").write_bytes(oci.packed(folder, facts.epoch))
        (out / f"{name}.digest").write_text(f"{digest}\n")
        files = sorted(path for path in out.iterdir() if path.is_file())
        sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
        (out / "SHA256SUMS").write_text("".join(sums))
        return digest

    def main(self, about: str) -> int:
        """The command line of a script that makes this image."""
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--source", default="", help="the public address of the sources, by default that of origin")
        parser.add_argument("--ca", default=f"/{CERTIFICATES}", help="certificates to put in, as PEM")
        parser.add_argument("--facts", action="store_true", help="only print name=value lines about what is there")
        parser.add_argument("--image", default="", help="with --facts: where the image was pushed")
        arguments = parser.parse_args()
        try:
            if arguments.facts:
                name = reference(arguments.image, "").rpartition(":")[0]
                print(f"name={name}\ndigest={oci.read(self.out / self.layout)[0].digest}")
                return 0
            certificates = Path(arguments.ca) if arguments.ca else None
            if certificates and not certificates.is_file():
                raise Refused(f"{certificates} is missing: install ca-certificates, or write --ca FILE")
            program = self.build().read_bytes()
            pem = certificates.read_bytes() if certificates else None
            digest = self.image(program, pem, gather(arguments.source))
        except (Refused, OSError) as refused:
            print(f"{Path(sys.argv[0]).name}: {refused}", file=sys.stderr)
            return 1
        print("\n".join(sorted(os.path.relpath(path, ROOT) for path in self.out.iterdir())))
        print(f"program {len(program)} bytes, image {digest}")
        return 0


def _add_target() -> None:
    """rustup fetches Rust's library for the target, if it is not there. Without rustup it has to be there."""
    if shutil.which("rustup"):
        added = subprocess.run(["rustup", "-q", "target", "add", TARGET], cwd=ROOT, check=False)
        if added.returncode:
            raise Refused(f"rustup does not give Rust's library for {TARGET}")
