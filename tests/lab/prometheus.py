"""Prometheus as a child process: scrapes what a configuration names, and answers PromQL.

    with Prometheus(folder, scrape("kafka-filter", [envoy.admin_port], "/stats/prometheus")) as prometheus:
        prometheus.wait_for("kafka_filter_build_info")
        assert prometheus.value("sum(kafka_filter_topic_produced_records_total)") == 300
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .paths import Missing
from .process import Child, Failed, free_port, wait_until
from .web import ask

Json = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels (`__name__` among them) and (Unix time, value) points in order of time."""

    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def value(self) -> float:
        """The newest value."""
        return self.points[-1][1]


class Prometheus:
    """One Prometheus on a port of its own; use it in a `with` block. Ready means: it answers queries.

    `config` is a configuration as a dict (see `scrape`), or the path of a YAML file: `substitutions` then replaces
    texts in it, each of which must occur (ports written into an example), and its `rule_files` are found beside it.
    Targets are scraped and rules evaluated every `interval_seconds`, whatever the configuration says; the first scrape
    comes some 5 s after the start. Its data lies in the run's folder.
    """

    def __init__(self, folder: Path, config: Json | Path, substitutions: Mapping[str, str] | None = None,
                 interval_seconds: float = 0.5, name: str = "prometheus") -> None:
        self.folder = folder
        self.name = name
        self.port = free_port()
        self._config = config
        self._substitutions = substitutions or {}
        self._interval = f"{round(interval_seconds * 1000)}ms"
        self._child: Child | None = None

    def __enter__(self) -> Prometheus:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout: float = 30.0) -> None:
        """Returns once queries are answered. Raises Failed with the log when Prometheus refuses its configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.folder / f"{self.name}.config.json"
        written.write_text(json.dumps(self._complete(), indent=1))
        command: list[str | Path] = [
            program("prometheus"), f"--config.file={written}", f"--storage.tsdb.path={self.folder / self.name}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"]
        self._child = Child(self.name, command, self.folder / f"{self.name}.log")
        try:
            wait_until(f"{self.name} to be ready", lambda: ask(self.port, "/-/ready", timeout=5).status == 200, timeout,
                       self._child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """The answer of now, or of the Unix time `at`: one point a series. A scalar is a series without labels."""
        data = self._api("query", query=expression, **({} if at is None else {"time": f"{at:.3f}"}))
        if data["resultType"] in ("scalar", "string"):
            return [Series({}, [_point(data["result"])])]
        return [Series(found["metric"], [_point(point) for point in found.get("values", [found.get("value")])])
                for found in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step_seconds: float) -> list[Series]:
        """The answers from `start` to `end` (Unix times)."""
        data = self._api("query_range", query=expression, start=f"{start:.3f}", end=f"{end:.3f}",
                         step=f"{step_seconds:.3f}")
        return [Series(found["metric"], [_point(point) for point in found["values"]]) for found in data["result"]]

    def value(self, expression: str) -> float:
        """The one value of the answer; AssertionError when it has none or several series."""
        found = self.query(expression)
        if len(found) != 1:
            raise AssertionError(f"{expression} has {len(found)} series, expected one: {found[:5]}")
        return found[0].value

    def wait_for(self, expression: str, timeout: float = 20.0) -> list[Series]:
        """The first answer that is not empty. A comparison filters: `wait_for("sum(x_total) >= 300")`."""
        return wait_until(f"{self.name} to answer {expression}", lambda: self.query(expression), timeout, self._child,
                          interval=0.1)

    def wait_for_scrapes(self, count: int = 2, timeout: float = 20.0) -> None:
        """Returns when every target was scraped well `count` times from now on: what happened before is then in."""
        since = time.time()
        wait_until(f"{self.name} to scrape its targets", lambda: self._has_scraped(since, count), timeout, self._child,
                   interval=0.1)

    def targets(self) -> list[Json]:
        """What is scraped, as `/api/v1/targets` tells it: `labels`, `health`, `lastError` of each."""
        found: list[Json] = self._api("targets", state="active")["activeTargets"]
        return found

    def alerts(self) -> list[Json]:
        """The alerts that are pending or firing: `labels`, `annotations`, `state` of each."""
        found: list[Json] = self._api("alerts")["alerts"]
        return found

    def rules(self) -> list[Json]:
        """Every rule of every group, with `name`, `health` and `lastError`."""
        return [rule for group in self._api("rules")["groups"] for rule in group["rules"]]

    def _has_scraped(self, since: float, count: int) -> bool:
        counts = self.query(f"count_over_time(up[{max(1, round((time.time() - since) * 1000))}ms])")
        up = self.query("up")
        return bool(up) and all(found.value == 1 for found in up) and \
            len(counts) == len(up) and all(found.value >= count for found in counts)

    def _api(self, path: str, **parameters: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
            body = connection.getresponse().read()
        finally:
            connection.close()
        answer = json.loads(body)
        if answer["status"] != "success":
            raise Failed(f"{self.name} {path} {parameters}: {answer.get('errorType')}: {answer.get('error')}")
        return answer["data"]

    def _complete(self) -> Json:
        config = self._config if isinstance(self._config, dict) else self._read(self._config)
        intervals = {"scrape_interval": self._interval, "scrape_timeout": self._interval,
                     "evaluation_interval": self._interval}
        jobs = [{key: value for key, value in job.items() if key not in intervals}
                for job in config.get("scrape_configs", [])]
        return {**config, "global": {**config.get("global", {}), **intervals}, "scrape_configs": jobs}

    def _read(self, path: Path) -> Json:
        # Here and not above: `lab.py` itself runs before the lab's packages are there.
        import yaml

        text = path.read_text()
        for old, new in self._substitutions.items():
            if old not in text:
                raise Failed(f"{path} holds no {old!r} to replace")
            text = text.replace(old, new)
        config: Json = yaml.safe_load(text)
        return {**config, "rule_files": [str(path.parent / name) for name in config.get("rule_files", [])]}


def scrape(job: str, ports: Sequence[int], path: str = "/metrics", rule_files: Sequence[Path] = ()) -> Json:
    """A configuration with one job that scrapes ports of 127.0.0.1."""
    targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    return {"rule_files": [str(path) for path in rule_files],
            "scrape_configs": [{"job_name": job, "metrics_path": path, "static_configs": targets}]}


def promtool(*arguments: str | Path, cwd: Path | None = None, timeout: float = 120.0) -> str:
    """Runs promtool and returns what it wrote; raises Failed with it on a bad exit."""
    done = subprocess.run([program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False,
                          cwd=cwd, timeout=timeout)
    if done.returncode != 0:
        command = " ".join(["promtool", *map(str, arguments)])
        raise Failed(f"`{command}` ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout + done.stderr


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is; both come with one package."""
    found = shutil.which(name)
    if not found:
        raise Missing(f"{name} is not on PATH: `apt-get install --no-install-recommends prometheus`")
    return found


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
