#!/usr/bin/env python3
"""Builds kafka-gateway as one static program and puts it into an image: `make gateway-image`. No container engine.

    python3 release/gateway.py [--source URL] [--ca FILE]
    python3 release/gateway.py --facts --image REGISTRY/REPOSITORY

Writes dist/gateway/: the program, its image as an OCI layout and as one tar, the digest, and SHA256SUMS.
"""

from __future__ import annotations

import sys

from program import Program

GATEWAY = Program("kafka-gateway", "HTTP in, Kafka out: for programs that cannot hold a Kafka producer",
                  "gateway", [4242, 8088])

if __name__ == "__main__":
    sys.exit(GATEWAY.main(__doc__))
