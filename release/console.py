#!/usr/bin/env python3
"""Builds kafka-console as one static program and puts it into an image: `make console-image`. No container engine.

    python3 release/console.py [--source URL] [--ca FILE]
    python3 release/console.py --facts --image REGISTRY/REPOSITORY

Writes dist/console/: the program, its image as an OCI layout and as one tar, the digest, and SHA256SUMS. The program
carries the pages that are built by then: `make web`.
"""

from __future__ import annotations

import sys

from program import Program
from wasm import ROOT

CONSOLE = Program("kafka-console", "The mesh's Kafka traffic in a browser, from the filter's metrics alone",
                  "console", [8085])
PAGES = ROOT / "crates" / "kafka-console" / "web" / "dist" / "index.html"

if __name__ == "__main__":
    if "--facts" not in sys.argv and not PAGES.is_file():
        sys.exit("console.py: the pages are missing: run `make web`")
    sys.exit(CONSOLE.main(__doc__))
