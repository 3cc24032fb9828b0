"""What a release says of itself: version, commit, time and origin, each from the one place that knows it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import datetime, timezone

from wasm import ROOT, Refused

NAME = "kafka-filter"
TITLE = "kafka-filter"
DESCRIPTION = "Envoy network filter (proxy-wasm) that turns Kafka traffic into metrics"


@dataclass(frozen=True)
class Facts:
    """The same in image, SBOM and archives. `revision` and `source` are None where nobody knows them."""

    version: str
    licence: str
    epoch: int
    revision: str | None
    source: str | None

    @property
    def created(self) -> str:
        """The time in RFC 3339."""
        return datetime.fromtimestamp(self.epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def file(self, ending: str, part: str = "") -> str:
        """The name of a file of the release, such as kafka-filter-0.1.0.wasm or kafka-filter-envoy-0.1.0.tar.gz."""
        return f"{NAME}{part and '-' + part}-{self.version}.{ending}"


def gather(source: str | None = None) -> Facts:
    """The facts of the sources as they lie here."""
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    return Facts(package["version"], package["license"], _epoch(), revision(), source or _origin())


def revision() -> str | None:
    """The commit, with `-dirty` behind it when what is built is not what was committed; None outside of git."""
    if not _is_git():
        return None
    return str(git("rev-parse", "HEAD")) + ("-dirty" if changes() else "")


def changes() -> list[str]:
    """What is not committed, and not ignored either."""
    return (git("status", "--porcelain") or "").splitlines()


def git(*arguments: str) -> str | None:
    """What git prints, or None when it fails."""
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def _epoch() -> int:
    """SOURCE_DATE_EPOCH, or the commit's time: never the clock, so that a release can be made again."""
    told = os.environ.get("SOURCE_DATE_EPOCH") or (git("log", "-1", "--format=%ct") if _is_git() else None)
    if not told or not told.isdigit():
        raise Refused("outside of git, set SOURCE_DATE_EPOCH to the seconds since 1970 at which the sources were made")
    return int(told)


def _origin() -> str | None:
    """The address of the repository, when it is a public one; without credentials."""
    found = re.fullmatch(r"https://(?:[^@/]*@)?([^@]+?)(?:\.git)?/?", git("remote", "get-url", "origin") or "")
    return f"https://{found[1]}" if found and _is_git() else None


def _is_git() -> bool:
    """Whether these sources are a repository, and not a folder that lies in somebody else's."""
    return git("rev-parse", "--show-prefix") == ""
