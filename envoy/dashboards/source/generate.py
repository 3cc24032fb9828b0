"""Writes the dashboards, one JSON file each, into the folder above, the tools' beside their other deployment files; with
--check says whether they are up to date.

    python3 envoy/dashboards/source/generate.py
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import canary
import clients
import gateway
import groups
import health
import kafka4
import overview
import topics

FOLDER = Path(__file__).resolve().parent.parent
PAGES = {"overview": overview, "topics": topics, "clients": clients, "groups": groups, "kafka-4-readiness": kafka4,
         "filter-health": health}
CRATES = FOLDER.parent.parent / "crates"
TOOLS = {CRATES / "kafka-canary" / "deploy" / "dashboard.json": canary,
         CRATES / "kafka-gateway" / "deploy" / "dashboard.json": gateway}


def files() -> dict[Path, str]:
    """What each file has to hold."""
    pages = {FOLDER / f"{name}.json": page for name, page in PAGES.items()} | TOOLS
    return {path: json.dumps(page.DASHBOARD.json(), indent=2, ensure_ascii=False) + "\n" for path, page in pages.items()}


def stale() -> list[Path]:
    """Files that are not what the source says, are missing, or have no source."""
    wanted = files()
    different = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    return different + sorted(set(FOLDER.glob("*.json")) - set(wanted))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not up to date")
    if parser.parse_args().check:
        for path in stale():
            print(f"{path.name} is not what envoy/dashboards/source says: run generate.py", file=sys.stderr)
        return 1 if stale() else 0
    for path, text in files().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
