"""The pictures in the documentation: all there, small, and what the page says about them is so."""

from __future__ import annotations

import re

from lab import paths
from palette import size
from pictures import IMAGES, SHOTS, WIDTH

BYTES_MAX = 150_000


def test_pictures_are_there_and_small() -> None:
    named = {f"console-{name}.png": height for name, _, height in SHOTS}
    for name, height in named.items():
        picture = (IMAGES / name).read_bytes()
        assert size(picture) == (WIDTH, height) and len(picture) < BYTES_MAX, f"{name}: run `make pictures`"
        assert picture[25] == 3, f"{name} has no palette"
    page = (paths.REPOSITORY / "docs" / "console.md").read_text()
    assert set(re.findall(r"images/(console-[\w-]+\.png)", page)) == set(named)
