"""The services of docker-compose.yaml as processes: what an engine would do with the file, without an engine.

Start it in a network namespace of its own, where the ports of the files are free. Each service gets a folder as its
root: mounts are links in it, and the programs of its image are short scripts around those of the lab. Paths inside a
container become paths below that folder wherever a command or a variable names them; nothing else of the file changes.
Dependencies, health checks, environments and commands are the file's own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

import compose
from compose import Json
from lab import paths, wait_until
from lab.process import Child, Failed

# Of these images no program is run.
NOT_RUN = ("grafana/grafana",)


class Pod:
    """The services that run. `up` starts those of the profiles that do not run yet, in order, and waits for health."""

    def __init__(self, folder: Path, file: Json) -> None:
        self.folder = folder
        self._file = file
        self._children: dict[str, Child] = {}

    def up(self, profiles: Collection[str] = ()) -> list[str]:
        """What was started, in this order. Every service with a health check is healthy then."""
        services = {name: service for name, service in compose.active(self._file, profiles).items()
                    if service["image"].partition(":")[0] not in NOT_RUN}
        started = [name for name in compose.order(services) if name not in self._children]
        for name in started:
            for need, how in compose.dependencies(services[name]).items():
                if need in services and how["condition"] == "service_healthy":
                    self._wait_until_healthy(need)
            self._start(name)
        for name in started:
            self._wait_until_healthy(name)
        return started

    def run(self, name: str, arguments: Sequence[str], text: str = "") -> str:
        """`docker compose run --rm NAME ARGUMENTS`: what it wrote to stdout."""
        service = {**self._service(name), "command": list(arguments)}
        command, cwd = self._command(name, service)
        done = subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def stop(self, names: Sequence[str]) -> dict[str, int]:
        """Exit status of each, after SIGTERM: the least that `docker compose stop` sends."""
        children = {name: self._children.pop(name) for name in names}
        for child in children.values():
            child.stop()
        return {name: child.wait(1) for name, child in children.items()}

    def running(self) -> list[str]:
        return [name for name, child in self._children.items() if child.is_running()]

    def log(self, name: str) -> list[str]:
        return (self.folder / f"{name}.log").read_text(errors="replace").splitlines()

    def is_healthy(self, name: str) -> bool:
        """Runs the health check's own command."""
        kind, *test = self._service(name)["healthcheck"]["test"]
        if kind != "CMD":
            raise Failed(f"{name}: a health check of the kind {kind}")
        command, cwd = self._command(name, {**self._service(name), "entrypoint": test, "command": []})
        return subprocess.run(command, cwd=cwd, capture_output=True, timeout=10, check=False).returncode == 0

    def _service(self, name: str) -> Json:
        found: Json = self._file["services"][name]
        return found

    def _start(self, name: str) -> None:
        service = self._service(name)
        command, cwd = self._command(name, service)
        self._children[name] = Child(name, command, self.folder / f"{name}.log", cwd=cwd, grace=30)

    def _wait_until_healthy(self, name: str) -> None:
        if "healthcheck" in self._service(name):
            wait_until(f"{name} to be healthy", lambda: self.is_healthy(name), 90, self._children[name], interval=0.25)

    def _command(self, name: str, service: Json) -> tuple[list[str], Path]:
        """The command line with the service's environment and nothing else of this one, and where it starts."""
        root = self.folder / name
        image = IMAGES[service["image"].partition(":")[0]]
        inside = [*compose.mounts(service), *image.programs, *image.folders, "/tmp"]
        if not root.is_dir():
            _build(root, image, service, self.folder / "volumes")
        cwd = root / service.get("working_dir", "/").lstrip("/")
        moved = re.compile(r"(?<![\w./-])(?:%s)(?![\w.-])" % "|".join(
            re.escape(one) for one in sorted(inside, key=len, reverse=True)))

        def local(text: object) -> str:
            return moved.sub(lambda match: f"{root}{match[0]}", str(text))

        programs = {str(Path(one).parent) for one in image.programs}
        path = ":".join([*(f"{root}{one}" for one in sorted(programs)), "/usr/bin", "/bin"])
        environment = {"PATH": path, **{key: local(value) for key, value in service.get("environment", {}).items()}}
        words = [*service.get("entrypoint", image.entrypoint), *service.get("command", [])]
        return ["/usr/bin/env", "-i", *(f"{k}={v}" for k, v in environment.items()), *map(local, words)], cwd


class Image:
    """What is known of an image: its entry point, its programs as shell scripts (`{root}` is the service's folder)."""

    def __init__(self, entrypoint: Sequence[str], programs: dict[str, str], folders: Sequence[str] = ()) -> None:
        self.entrypoint = list(entrypoint)
        self.programs = programs
        self.folders = list(folders)


def _build(root: Path, image: Image, service: Json, volumes: Path) -> None:
    """The root of a service: its image's programs, and its mounts as links."""
    for folder in ("tmp", *image.folders):
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path, script in image.programs.items():
        program = root / path.lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n" + script.format(root=shlex.quote(str(root))) + "\n")
        program.chmod(0o755)
    for target, source in compose.mounts(service).items():
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if compose.is_path(source):
            real = (compose.ENVOY / source).resolve(strict=True)
        else:
            real = volumes / source
            real.mkdir(parents=True, exist_ok=True)
        place.symlink_to(real)


def _java(main: str) -> str:
    """Runs a class of Kafka as Kafka's own scripts do: with the heap that the environment asks for."""
    java = shutil.which("java") or "java"
    classes = shlex.quote(paths.kafka_classpath(paths.KAFKA_CURRENT))
    return f"{java} ${{{{KAFKA_HEAP_OPTS:--Xmx256m}}}} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp {classes} {main}"


def _kafka() -> Image:
    """The entry point sets Kafka up by the class that the image's own entry point calls, and starts it.

    Like that one it does not mind a volume that was formatted before.
    """
    folders = {"default": "/etc/kafka/docker", "mounted": "/mnt/shared/config", "final": "/opt/kafka/config"}
    setup = " ".join([_java("kafka.docker.KafkaDockerWrapper"), "setup",
                      *(f"--{kind}-configs-dir {{root}}{folder}" for kind, folder in folders.items())])
    defaults = " ".join(f"{{root}}/etc/kafka/docker/{name}" for name in
                        ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"))
    told = "{root}/tmp/setup.log"
    run = "\n".join([
        f"touch {defaults}",
        f"{setup} > {told} 2>&1 || grep -i 'already formatted' {told} || {{{{ cat {told}; exit 1; }}}}",
        f"exec {_java('kafka.Kafka')} {{root}}/opt/kafka/config/server.properties"])
    tools = {f"/opt/kafka/bin/{script}.sh": f'exec {_java(main)} "$@"' for script, main in KAFKA_SCRIPTS.items()}
    return Image(["/etc/kafka/docker/run"], {"/etc/kafka/docker/run": run, **tools}, list(folders.values()))


# Kafka's scripts, and the class that each starts.
KAFKA_SCRIPTS = {
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}


def _link(program: str) -> str:
    return f'exec {shlex.quote(program)} "$@"'


IMAGES = {
    "apache/kafka": _kafka(),
    # The image's script gives up root's rights, and passes on what it was called with.
    "envoyproxy/envoy": Image(["/docker-entrypoint.sh"], {
        "/docker-entrypoint.sh": 'exec "$@"', "/usr/local/bin/envoy": _link(str(paths.envoy_binary()))}),
    "prom/prometheus": Image(["/bin/prometheus"], {
        f"/bin/{name}": _link(shutil.which(name) or name) for name in ("prometheus", "promtool")}),
    "edenhill/kcat": Image(["kcat"], {"/usr/bin/kcat": _link(shutil.which("kcat") or "kcat")}),
}
