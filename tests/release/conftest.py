"""Fixtures: the release, made twice in different places, and a registry."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import registry
import trees
from lab import free_port, paths
from lab.suite import folder, needs  # noqa: F401  (a fixture)

# Two builds side by side on two cores take about a minute.
BUILD_SECONDS = 600


def pytest_sessionstart(session: pytest.Session) -> None:
    needs(session, (paths.ARTIFACT, "make wasm"))


@dataclass(frozen=True)
class Release:
    """What one `make dist` left, and the folder in which cargo built for it."""

    tree: Path
    target: Path

    @property
    def files(self) -> Path:
        return self.tree / "dist" / "release"

    def file(self, ending: str, part: str = "") -> Path:
        return self.files / f"kafka-filter{part and '-' + part}-{trees.VERSION}.{ending}"

    @property
    def module(self) -> bytes:
        return self.file("wasm").read_bytes()

    @property
    def digest(self) -> str:
        return self.file("digest").read_text().strip()


@pytest.fixture(scope="session")
def image() -> str:
    """Where the release says that its image is; without a tag, which the release adds."""
    return f"127.0.0.1:{free_port()}/filters/kafka-filter"


@pytest.fixture(scope="session")
def releases(folder: Path, image: str) -> Iterator[tuple[Release, Release]]:
    """Clean builds from two paths, with two target folders and two homes of cargo, one of them noisy."""
    with tempfile.TemporaryDirectory(prefix="kafka-filter-") as elsewhere:
        first = trees.copy(Path(elsewhere) / "first")
        second = trees.copy(Path(elsewhere) / "a" / "longer" / "way" / "second")
        noise = {"RUSTFLAGS": "-C debuginfo=2", "CARGO_PROFILE_WASM_OPT_LEVEL": "1", "CARGO_INCREMENTAL": "1",
                 "TZ": "Pacific/Chatham", "LC_ALL": "C"}
        home = str(trees.cargo_home(Path(elsewhere) / "cargo-home"))
        made = Release(first, Path(elsewhere) / "built"), Release(second, second / "target")
        targets = [{"CARGO_TARGET_DIR": str(release.target)} for release in made]
        builds = [trees.start_dist(first, image, folder / "first.log", **targets[0]),
                  trees.start_dist(second, image, folder / "second.log", CARGO_HOME=home, **targets[1], **noise)]
        for build in builds:
            assert build.wait(BUILD_SECONDS) == 0, build.tail()
        yield made


@pytest.fixture(scope="session")
def release(releases: tuple[Release, Release]) -> Release:
    return releases[0]


@pytest.fixture
def shop() -> Iterator[registry.Registry]:
    """An empty registry."""
    with registry.serve() as made:
        yield made
