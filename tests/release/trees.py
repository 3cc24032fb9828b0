"""The sources in another place, as a repository of its own, and what make does there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from lab import paths
from lab.process import Child

VERSION: str = tomllib.loads((paths.REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["version"]
SOURCE = "https://github.com/kafka-filter/kafka-filter"
# What cargo calls a package: address#version, where the name is the address's last part, or address#name@version.
_PACKAGE = re.compile(r"([\w-]+)[#@]([^#@]+)$")
# Any time but now, when commits are made and files written.
DATE = 1_700_000_000


def copy(tree: Path) -> Path:
    """The sources as they lie, committed and new ones, as the one commit of a new repository."""
    listed = _git(paths.REPOSITORY, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in sorted(set(listed)):
        source, target = paths.REPOSITORY / name, tree / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target, follow_symlinks=False)
    _git(tree, "init", "-q")
    return commit(tree, "Copy the sources")


def commit(tree: Path, subject: str) -> Path:
    _git(tree, "add", "--all")
    _git(tree, "commit", "-q", "-m", subject)
    return tree


def head(tree: Path) -> str:
    return _git(tree, "rev-parse", "HEAD").strip()


def tag(tree: Path, name: str) -> None:
    _git(tree, "tag", name)


def make(tree: Path, *arguments: str, fails: bool = False, **environment: str) -> str:
    """Runs make to its end; returns what it printed, errors included. It must fail if it `fails`, and else not."""
    done = subprocess.run(["make", "-s", *arguments], cwd=tree, env=_environment(environment), text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def start_dist(tree: Path, image: str, log: Path, **environment: str) -> Child:
    """`make dist` on its way."""
    command = ["make", "dist", f"IMAGE={image}", f"SOURCE={SOURCE}"]
    return Child(f"make dist in {tree.name}", command, log, cwd=tree, environment=_overlay(environment))


def cargo_home(folder: Path) -> Path:
    """Another home for cargo, with what has been fetched into the usual one."""
    usual = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    folder.mkdir(parents=True)
    for name in ("registry", "config.toml"):
        if (usual / name).exists():
            (folder / name).symlink_to(usual / name)
    return folder


def output(*command: str) -> str:
    """What a command prints, run among the sources."""
    return subprocess.run(command, cwd=paths.REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout


def compiled(tree: Path, target_dir: Path) -> set[str]:
    """Name and version of each crate that the finished build there compiled for the module's target.

    What it compiled for this machine (macros, build scripts) lies in other folders.
    """
    flags = subprocess.run(["python3", "-B", "release/wasm.py", "flags", "--target-dir", str(target_dir)], cwd=tree,
                           check=True, stdout=subprocess.PIPE, text=True).stdout
    command = ["cargo", "build", "--locked", "--profile", "wasm", "--target", "wasm32-wasip1", "--target-dir",
               str(target_dir), "-p", "kafka-filter-wasm", "--message-format", "json"]
    environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": flags}
    told = subprocess.run(command, cwd=tree, env=environment, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    made = [json.loads(line) for line in told.splitlines()]
    found = {entry["package_id"] for entry in made if entry["reason"] == "compiler-artifact"
             and all("/wasm32-wasip1/" in name for name in entry["filenames"])}
    return {" ".join(_PACKAGE.search(key).group(1, 2)) for key in found}  # type: ignore[union-attr]


def _git(tree: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "test"), ("EMAIL", "test@localhost"), ("DATE", f"{DATE} +0000"))}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", f"safe.directory={tree}", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false",
               "-c", "core.hooksPath=/dev/null", *arguments]
    return subprocess.run(command, cwd=tree, env={**environment, **identity}, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **_overlay(environment)}


def _overlay(environment: Mapping[str, str]) -> dict[str, str]:
    """What the make that runs these tests has told its children is not for another make."""
    quiet = {"MAKEFLAGS": "", "MFLAGS": "", "MAKEOVERRIDES": "", "MAKELEVEL": "0", "IMAGE": "", "SOURCE": "", "TAG": "",
             "SOURCE_DATE_EPOCH": "", "CARGO": "cargo"}
    return {**quiet, **environment}
