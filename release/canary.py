#!/usr/bin/env python3
"""Builds kafka-canary as one static program and puts it into an image: `make canary-image`. No container engine.

    python3 release/canary.py [--source URL] [--ca FILE]
    python3 release/canary.py --facts --image REGISTRY/REPOSITORY

Writes dist/canary/: the program, its image as an OCI layout and as one tar, the digest, and SHA256SUMS.
"""

from __future__ import annotations

import sys

from program import Program

CANARY = Program("kafka-canary", "Probe of a Kafka cluster: writes to and reads from its own topic through every broker",
                 "canary", [8080])

if __name__ == "__main__":
    sys.exit(CANARY.main(__doc__))
