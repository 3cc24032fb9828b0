"""The served OpenAPI document against the server, by Schemathesis: no answer that the document does not know."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gateway import Gateway
from lab import Failed, Kafka, paths
from topics import Topics

CONFIG = """
[parameters]
"path.topic" = "orders"
"path.cluster" = "{cluster}"

[generation]
allow-x00 = false

[checks]
positive_data_acceptance.enabled = false
missing_required_header.enabled = false
use_after_free.enabled = false
ensure_resource_availability.enabled = false
ignored_auth.enabled = false

# A wrong document of a stream, or entry of a batch, has a report of its own in an answer that is 200 or 207.
[[operations]]
include-path-regex = "/records(:batch)?$"
checks.negative_data_rejection.enabled = false
"""


def test_every_answer_is_in_the_document(here: Path, single: Kafka, topics: Topics) -> None:
    """A fixed seed, a bounded number of examples; the topic and cluster of the document's examples exist."""
    if not paths.SCHEMATHESIS.is_dir():
        raise Failed("Schemathesis is missing: run `python3 tests/lab/lab.py setup gateway`")
    topics.make("orders")
    config = here / "schemathesis.toml"
    config.write_text(CONFIG.replace("{cluster}", topics.cluster))
    with Gateway(here, single.bootstrap) as gateway:
        url = f"http://127.0.0.1:{gateway.port}"
        command = [paths.PYTHON, "-m", "schemathesis.cli", "--config-file", config, "run", f"{url}/openapi.yaml", "--url",
                   url, "--seed", "7", "--max-examples", "25", "--phases", "examples,coverage,fuzzing",
                   "--suppress-health-check", "all", "--no-shrink", "--workers", "1", "--max-failures", "20",
                   "--continue-on-failure", "--request-timeout", "10", "--generation-database", "none"]
        done = subprocess.run(list(map(str, command)), cwd=here, capture_output=True, text=True, timeout=150, check=False,
                              env={**os.environ, "PYTHONPATH": str(paths.SCHEMATHESIS)})
        (here / "schemathesis.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert gateway.manage("/healthy").status == 200 and "panicked" not in gateway.log
    assert topics.count("orders") > 0, "some of the requests were good ones"
