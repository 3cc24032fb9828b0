#!/usr/bin/env python3
"""Builds the filter so that the same sources give the same bytes, wherever they and the tools lie: `make wasm`.

    python3 release/wasm.py build [--out dist/kafka_filter.wasm] [--target-dir target]
    python3 release/wasm.py flags [--target-dir target]     what CARGO_ENCODED_RUSTFLAGS must be, for others

Panics name their source file, so paths are in the module. rustc writes names in their place (`--remap-path-prefix`):
the folders of this machine become `/kafka-filter`, `/cargo` and `/rustc`. Cargo leaves these flags out of the hashes
that it makes symbols from. What the environment says of flags and of the profile is not listened to.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "kafka-filter-wasm"
TARGET = "wasm32-wasip1"
PROFILE = "wasm"
ARTIFACT = ROOT / "dist" / "kafka_filter.wasm"

# Names that stand for folders of the machine.
SOURCES, CARGO, REGISTRY, BUILT = "/kafka-filter", "/cargo", "/cargo/registry", "/target"


class Refused(RuntimeError):
    """The build cannot be what it is meant to be; the text says why."""


def build(out: Path = ARTIFACT, target_dir: Path | None = None) -> Path:
    """Builds the module, quick when nothing changed, and puts it in place as a whole."""
    folder = target_folder(target_dir)
    command = [cargo(), "build", "--locked", "--profile", PROFILE, "--target", TARGET, "--target-dir", str(folder),
               "-p", PACKAGE]
    if subprocess.run(command, cwd=ROOT, env=environment(folder), check=False).returncode:
        raise Refused("cargo did not build the module")
    built = folder / TARGET / PROFILE / f"{PACKAGE.replace('-', '_')}.wasm"
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.{os.getpid()}.new")
    shutil.copyfile(built, scratch)
    scratch.replace(out)
    return out


def environment(target_dir: Path) -> dict[str, str]:
    """The caller's environment without what would make other bytes of the same sources."""
    kept = {name: value for name, value in os.environ.items() if not _CHANGES_BYTES.fullmatch(name)}
    return {**kept, "CARGO_INCREMENTAL": "0", "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags(target_dir))}


def flags(target_dir: Path) -> list[str]:
    """rustc's flags. Where several prefixes match, the last one counts: so a folder stands before what is in it."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").absolute()
    sysroot, commit = toolchain()
    # The folder of a registry has a name made from its address, which differs where a mirror stands in.
    registries = {folder: REGISTRY for folder in _registries(home)}
    # The sources of the standard library are named by commit, except where they are installed.
    prefixes = {ROOT: SOURCES, target_dir: BUILT, home: CARGO, **registries,
                sysroot / "lib" / "rustlib" / "src" / "rust": f"/rustc/{commit}"}
    return [f"--remap-path-prefix={prefix}={name}" for prefix, name in prefixes.items()]


def toolchain() -> tuple[Path, str]:
    """Where the compiler keeps its libraries, and the commit it was made from; refused unless it is the pinned one."""
    pinned = re.search(r'^channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text(), re.M)
    told = version()
    if not pinned or told["release"] != pinned[1]:
        raise Refused(f"rustc is {told['release']}, rust-toolchain.toml asks for {pinned and pinned[1]}: install "
                      "rustup, which obeys it, or that release")
    return Path(_output([rustc(), "--print", "sysroot"]).strip()), told["commit-hash"]


def version() -> dict[str, str]:
    """What rustc tells of itself: `release`, `commit-hash`, `host`, `LLVM version` and more."""
    lines = _output([rustc(), "-vV"]).splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def target_folder(given: Path | None) -> Path:
    """Where cargo builds, as an absolute path, from the root if relative, as Makefile has it too."""
    return ROOT / (given or os.environ.get("CARGO_TARGET_DIR") or "target")


def cargo() -> str:
    return os.environ.get("CARGO") or "cargo"


def rustc() -> str:
    return os.environ.get("RUSTC") or "rustc"


def _registries(home: Path) -> list[Path]:
    """The folders that hold the sources of crates, which are fetched first."""
    _output([cargo(), "tree", "--locked", "-q", "-p", PACKAGE, "--target", TARGET, "-e", "normal,build"])
    return sorted(folder for folder in (home / "registry" / "src").glob("*") if folder.is_dir())


def _output(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Refused(f"{' '.join(command)} failed")
    return done.stdout


# Flags, and other settings of the profile than those of Cargo.toml.
_CHANGES_BYTES = re.compile(
    r"(CARGO_(BUILD_|TARGET_.*_)?(ENCODED_)?RUSTFLAGS|RUSTFLAGS|CARGO_PROFILE_WASM_.*|CARGO_(BUILD_)?INCREMENTAL)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "flags"))
    parser.add_argument("--out", type=Path, default=ARTIFACT)
    parser.add_argument("--target-dir", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "flags":
            print("\x1f".join(flags(target_folder(arguments.target_dir))), end="")
            return 0
        out = build(arguments.out.absolute(), arguments.target_dir)
    except Refused as refused:
        print(f"wasm.py: {refused}", file=sys.stderr)
        return 1
    shown = out.relative_to(ROOT) if out.is_relative_to(ROOT) else out
    print(f"{shown}: {out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
