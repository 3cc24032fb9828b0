"""What every suite's `conftest.py` has: the check that things are built, and folders for the run and for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .process import end_on_signals, run_folder

__all__ = ["folder", "here", "needs", "plain_name"]


def needs(session: pytest.Session, *built: tuple[Path, str]) -> None:
    """To be called at the session's start: ends it when a file is missing, and names the command that makes it."""
    end_on_signals()
    for file, remedy in built:
        if not file.is_file() and not session.config.option.collectonly:
            pytest.exit(f"{file} is missing: run `{remedy}` first", returncode=1)


def plain_name(request: pytest.FixtureRequest, most: int = 100) -> str:
    """A test's name as a file or a topic may have it."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:most]


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the run's logs are; it is called like the suite."""
    assert request.config.inipath
    made = run_folder(request.config.inipath.parent.name)
    print(f"\nlogs: {made}")
    yield made


@pytest.fixture
def here(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder for one test."""
    made = folder / plain_name(request)
    made.mkdir()
    return made
