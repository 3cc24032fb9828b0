#!/usr/bin/env python3
"""Whether this commit may be released under a tag: `make release-check TAG=v0.1.0`.

Cargo.toml, CHANGELOG.md and the tag name one version; the tag is on this commit; nothing is left uncommitted.
"""

from __future__ import annotations

import re
import sys

from facts import changes, gather, git
from wasm import ROOT, Refused

# Semantic versioning 2.0.0, without build metadata: a plus is not allowed in the tag of an image.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")


def findings(tag: str) -> list[str]:
    """What is wrong, each with what to do; empty when all is well."""
    version = gather().version
    found = []
    if not VERSION.fullmatch(version):
        found.append(f"Cargo.toml: {version} is not a semantic version such as 1.2.3 or 1.2.3-rc.1")
    if tag != f"v{version}":
        found.append(f"the tag is {tag or 'not given'}, and Cargo.toml says {version}: tag v{version}, "
                     "or change Cargo.toml")
    elif git("rev-parse", f"refs/tags/{tag}^{{commit}}") != git("rev-parse", "HEAD"):
        found.append(f"the tag {tag} is not on this commit: git tag {tag}, or check it out")
    found += _changelog(version)
    uncommitted = changes()
    if uncommitted:
        found.append("not committed: " + ", ".join(line[3:] for line in uncommitted[:10]))
    return found


def _changelog(version: str) -> list[str]:
    """The newest section with a version is this one, and says something."""
    sections = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)[1:]
    titles = [section.splitlines()[0] for section in sections]
    released = [(title, section) for title, section in zip(titles, sections, strict=True) if title != "Unreleased"]
    if not released or released[0][0].split()[0] != version:
        newest = f"the newest is {released[0][0]}" if released else "there is none yet"
        return [f"CHANGELOG.md: no section `## {version}` on top ({newest}): move what is under Unreleased there"]
    if not "".join(released[0][1].splitlines()[1:]).strip():
        return [f"CHANGELOG.md: the section {version} is empty"]
    if titles[0] == "Unreleased" and "".join(sections[0].splitlines()[1:]).strip():
        return [f"CHANGELOG.md: news under Unreleased; this release has it too, so it belongs under {version}"]
    return []


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        found = findings(sys.argv[1])
    except Refused as refused:
        found = [str(refused)]
    for line in found:
        print(f"check.py: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
