"""Clients and tools that run to their end: Kafka's own console and performance tools, kcat, Node scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import paths
from .broker import java_command
from .paths import Missing
from .process import Failed

PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance"
TOPICS = "org.apache.kafka.tools.TopicCommand"
CONFIGS = "kafka.admin.ConfigCommand"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
# In Kafka 3.9 the console producer is still the Scala one.
CONSOLE_PRODUCER = {paths.KAFKA_CURRENT: "org.apache.kafka.tools.ConsoleProducer",
                    paths.KAFKA_PREVIOUS: "kafka.tools.ConsoleProducer"}


def java(main: str, *arguments: str, version: str = paths.KAFKA_CURRENT, stdin: str = "", heap: str = "256m",
         timeout: float = 90.0, fails: bool = False) -> str:
    """Runs one of Kafka's tools and returns what it wrote to stdout; raises Failed on a bad exit unless `fails`."""
    return _run(java_command(version, main, arguments, heap), stdin, timeout, fails)


def javac(folder: Path, classpath: str, *sources: Path) -> None:
    """Compiles Java sources into a folder, which is made; raises Failed with what the compiler says."""
    folder.mkdir(parents=True, exist_ok=True)
    _run(["javac", "-nowarn", "-cp", classpath, "-d", str(folder), *map(str, sources)], "", 90, False)


def kcat(*arguments: str, stdin: str = "", timeout: float = 60.0, fails: bool = False) -> str:
    """Runs kcat and returns what it wrote to stdout."""
    if not shutil.which("kcat"):
        raise Missing("kcat is not on PATH: `apt-get install kcat`")
    return _run(["kcat", *arguments], stdin, timeout, fails)


def node(script: Path, *arguments: str, timeout: float = 60.0) -> str:
    """Runs a Node script that may `require("kafkajs")`, and returns what it wrote to stdout."""
    if not paths.NODE_MODULES.is_dir():
        raise Missing("kafkajs is missing: run `python3 tests/lab/lab.py setup npm`")
    environment = {"NODE_PATH": str(paths.NODE_MODULES), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    return _run(["node", "--max-old-space-size=256", str(script), *arguments], "", timeout, False, environment)


def _run(command: Sequence[str], stdin: str, timeout: float, fails: bool,
         environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
                          errors="replace", env={**os.environ, **(environment or {})})
    if done.returncode != 0 and not fails:
        said = f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}\n{said}")
    return done.stdout
