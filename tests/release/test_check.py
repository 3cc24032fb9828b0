"""`make release-check`: what keeps a commit from being released, each next to the commit that may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import trees

TAG = f"v{trees.VERSION}"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A commit that may be released: the news stand under the version, and the tag is on it."""
    tree = trees.copy(tmp_path / "tree")
    heading = "## Unreleased\n"
    _edit(tree / "CHANGELOG.md", lambda text: text.replace(heading, f"{heading}\n## {trees.VERSION}\n", 1))
    trees.commit(tree, "Release")
    trees.tag(tree, TAG)
    return tree


def test_ready(ready: Path) -> None:
    assert _check(ready, TAG, fails=False) == []


def test_another_tag(ready: Path) -> None:
    trees.tag(ready, "v9.9.9")
    [line] = _check(ready, "v9.9.9")
    assert f"the tag is v9.9.9, and Cargo.toml says {trees.VERSION}" in line


def test_no_tag(ready: Path) -> None:
    [line] = _check(ready, "")
    assert "the tag is not given" in line


def test_a_tag_on_another_commit(ready: Path) -> None:
    _edit(ready / "README.md", lambda text: text + "\nMore.\n")
    trees.commit(ready, "Go on")
    [line] = _check(ready, TAG)
    assert f"the tag {TAG} is not on this commit" in line


def test_something_left_uncommitted(ready: Path) -> None:
    _edit(ready / "README.md", lambda text: text + "\nMore.\n")
    (ready / "new.txt").write_text("new\n")
    [line] = _check(ready, TAG)
    assert "not committed: README.md, new.txt" in line


@pytest.mark.parametrize(("change", "expected"), [
    (lambda text: text.replace(f"## {trees.VERSION}\n", ""), "there is none yet"),
    (lambda text: text.replace(f"## {trees.VERSION}\n", f"## 99.0.0\n\n- News.\n\n## {trees.VERSION}\n"),
     "the newest is 99.0.0"),
    (lambda text: text.replace("## Unreleased\n", "## Unreleased\n\n- News.\n"), "news under Unreleased"),
    (lambda text: re.sub(rf"(## {re.escape(trees.VERSION)}\n).*", r"\1", text, flags=re.S), "is empty"),
], ids=["no section", "not the newest", "news left behind", "empty"])
def test_a_changelog_that_does_not_tell(ready: Path, change: Callable[[str], str], expected: str) -> None:
    _edit(ready / "CHANGELOG.md", change)
    trees.commit(ready, "Change the news")
    found = [line for line in _check(ready, TAG) if "CHANGELOG.md" in line]
    assert len(found) == 1 and expected in found[0]


@pytest.mark.parametrize("version", ["1.0", "01.0.0", "1.0.0+build"])
def test_a_version_that_is_none(ready: Path, version: str) -> None:
    _edit(ready / "Cargo.toml", lambda text: text.replace(f'version = "{trees.VERSION}"', f'version = "{version}"', 1))
    assert any(f"{version} is not a semantic version" in line for line in _check(ready, f"v{version}"))


def _check(tree: Path, tag: str, fails: bool = True) -> list[str]:
    told = trees.make(tree, "release-check", f"TAG={tag}", fails=fails)
    return [line for line in told.splitlines() if line.startswith("check.py: ")]


def _edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)
