"""The compose files: valid, pinned, private to the machine, and agreeing with the files that they mount."""

from __future__ import annotations

import copy
import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

import compose
from compose import ENVOY, Json
from lab import paths

FILE = compose.load()
SERVICES: dict[str, Json] = FILE["services"]
IMAGE = "registry.example/kafka-filter:1.0.0"
RELEASED = compose.load(compose.RELEASED, {"KAFKA_FILTER_IMAGE": IMAGE})
# Without a profile, with each, and with all.
PROFILES = [(), ("load",), ("three-brokers",), ("tools",), ("console",), ("load", "three-brokers", "tools", "console")]
# It holds the network namespace open; there is nothing to ask it.
WITHOUT_HEALTH = {"pod"}
BUILT = {paths.REPOSITORY / "dist" / "kafka_filter.wasm",
         (ENVOY / compose.mounts(SERVICES["console"])["/kafka-console"]).resolve()}
# They end by themselves, when their user or their work is done.
CLIENTS = {"producer", "consumer", "kcat"}


@pytest.fixture(scope="module")
def validator() -> Any:
    """The Compose Specification's schema."""
    assert paths.COMPOSE_SCHEMA.is_file(), "run `python3 tests/lab/lab.py setup compose-spec`"
    sys.path.append(str(paths.COMPOSE_SPEC))
    import jsonschema

    schema = json.loads(paths.COMPOSE_SCHEMA.read_text())
    made = jsonschema.validators.validator_for(schema)
    made.check_schema(schema)
    return made(schema)


@pytest.mark.parametrize("file", [FILE, RELEASED], ids=["compose", "released"])
def test_the_specification_allows_it(validator: Any, file: Json) -> None:
    errors = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(file)]
    assert not errors


@pytest.mark.parametrize(("path", "value"), [
    (("kafka", "port"), ["127.0.0.1:9092:9092"]), (("kafka", "healthcheck", "retry"), 3),
    (("pod", "ports"), "19092:19092"), (("envoy", "depends_on"), {"pod": {"condition": "ready"}}),
    (("grafana", "environment"), [["A", "b"]]),
])
def test_the_specification_refuses_mistakes(validator: Any, path: tuple[str, ...], value: object) -> None:
    """So that the test above says something."""
    wrong = copy.deepcopy(FILE)
    place = wrong["services"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not validator.is_valid(wrong)


def test_every_variable_has_a_default_or_an_explanation() -> None:
    envoy = compose.load(variables={"KAFKA_FILTER_WASM": "/module.wasm"})["services"]["envoy"]
    assert compose.mounts(envoy)["/etc/kafka-filter/dist/kafka_filter.wasm"] == "/module.wasm"
    console = compose.load(variables={"KAFKA_CONSOLE": "/program"})["services"]["console"]
    assert compose.mounts(console)["/kafka-console"] == "/program"
    with pytest.raises(ValueError, match="it names the released image"):
        compose.load(compose.RELEASED)


def test_images_are_pinned_and_those_that_the_tests_run() -> None:
    pins = paths.PINS
    expected = {"apache/kafka": pins["kafka"]["current"], "envoyproxy/envoy": pins["envoy"]["version"],
                "edenhill/kcat": pins["debian"]["kcat"]}
    for name, service in SERVICES.items():
        image = service["image"]
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", image), f"{name}: {image} is not pinned"
        repository = image.partition(":")[0]
        assert compose.version(image) == expected.get(repository, compose.version(image)), name
    # These two are not run in the versions named: an older Prometheus runs in the tests, and no Grafana.
    assert {service["image"].partition(":")[0] for service in SERVICES.values()} - set(expected) == {
        "prom/prometheus", "grafana/grafana"}


@pytest.mark.parametrize("profiles", PROFILES, ids="+".join)
def test_what_a_service_waits_for_is_there(profiles: tuple[str, ...]) -> None:
    services = compose.active(FILE, profiles)
    assert len(compose.order(services)) == len(services)
    for name, service in services.items():
        for need, how in compose.dependencies(service).items():
            assert need in SERVICES, f"{name} waits for {need}"
            assert need in services or not how["required"], f"{name} waits for {need}, which these profiles leave out"
            assert how["condition"] in ("service_started", "service_healthy")
            assert how["condition"] == "service_started" or "healthcheck" in SERVICES[need]


def test_profiles_add_what_they_say() -> None:
    usual = set(compose.active(FILE))
    assert usual == {"pod", "kafka", "envoy", "prometheus", "grafana"}
    assert set(compose.active(FILE, ["three-brokers"])) - usual == {"kafka-2", "kafka-3"}
    assert set(compose.active(FILE, ["load"])) - usual == {"producer", "consumer"}
    assert set(compose.active(FILE, ["tools"])) - usual == {"kcat"}
    assert set(compose.active(FILE, ["console"])) - usual == {"console"}


def test_what_runs_for_long_is_watched_and_started_again() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (name not in WITHOUT_HEALTH | CLIENTS), name
        assert service["restart"] == ("no" if name == "kcat" else "on-failure"), name
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name


def test_nobody_has_rights_that_it_does_not_need() -> None:
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("cap_drop") == (["ALL"] if name == "console" else None), name
        assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service), name
        assert service.get("network_mode") == (None if name == "pod" else "service:pod"), name
        assert "docker.sock" not in json.dumps(service)


def test_ports_are_this_machine_s_own() -> None:
    published = SERVICES["pod"]["ports"]
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published), published
    assert len(set(published)) == len(published)
    assert not [name for name, service in SERVICES.items() if "ports" in service and name != "pod"]


def test_mounts_exist_and_only_volumes_can_be_written_to() -> None:
    named = set()
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            read_only = volume.endswith(":ro") if isinstance(volume, str) else volume["read_only"]
            if not compose.is_path(source):
                named.add(source)
                continue
            assert read_only, f"{name}: {volume}"
            path = (ENVOY / source).resolve()
            # What is built is not committed. An engine must not make a folder in its place.
            if path in BUILT:
                assert volume["bind"] == {"create_host_path": False}
            else:
                assert path.exists(), f"{name}: no {source}"
    assert named == set(FILE["volumes"])


def test_mounts_are_what_the_files_ask_for() -> None:
    rules = yaml.safe_load((ENVOY / "prometheus.yaml").read_text())["rule_files"]
    assert {f"/etc/prometheus/{name}": f"./{name}" for name in rules}.items() <= compose.mounts(
        SERVICES["prometheus"]).items()
    provider = _provisioned("dashboards/kafka-filter.yaml")["providers"][0]
    grafana = compose.mounts(SERVICES["grafana"])
    assert grafana[provider["options"]["path"]] == "./dashboards"
    assert grafana["/etc/grafana/provisioning"] == "./grafana/provisioning"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ENVOY / "dashboards" / home.relative_to(provider["options"]["path"])).is_file()


def test_the_parts_meet_where_the_files_say() -> None:
    published = {int(port.rpartition(":")[2]) for port in SERVICES["pod"]["ports"]}
    (source,) = _provisioned("datasources/prometheus.yaml")["datasources"]
    scrape = yaml.safe_load((ENVOY / "prometheus.yaml").read_text())
    target = scrape["scrape_configs"][0]["static_configs"][0]["targets"][0]
    interval = scrape["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    assert f"--scrape-interval={interval}" in SERVICES["console"]["command"]
    listeners, clusters = _envoy_ports("envoy-three-brokers.yaml")
    assert published == {*listeners, _port(source["url"]), _port(target), 3000, _console_port(source["url"])}
    assert _envoy_ports("envoy.yaml") == (listeners[:1], clusters[:1])
    for at, name in enumerate(("kafka", "kafka-2", "kafka-3")):
        environment = SERVICES[name]["environment"]
        assert environment["KAFKA_NODE_ID"] == at + 1
        assert f"ENVOY://127.0.0.1:{clusters[at]}" in environment["KAFKA_LISTENERS"].split(",")
        assert f"ENVOY://127.0.0.1:{listeners[at]}" in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
        assert SERVICES[name]["healthcheck"]["test"][-1] == str(clusters[at])
    assert FILE["x-bootstrap"] == f"127.0.0.1:{listeners[0]}"


def test_one_line_says_where_clients_begin() -> None:
    text = [line.partition("#")[0] for line in compose.FILE.read_text().splitlines()]
    at_port = [line.strip() for line in text if "19092" in line]
    assert at_port == ["x-bootstrap: &bootstrap 127.0.0.1:19092", "- 127.0.0.1:19092:19092",
                       "KAFKA_ADVERTISED_LISTENERS: ENVOY://127.0.0.1:19092,DIRECT://127.0.0.1:9192"]
    for client in CLIENTS:
        words = [*SERVICES[client]["entrypoint"], *SERVICES[client]["command"]]
        assert words[1] == {"kcat": "-b"}.get(client, "--bootstrap-server") and words[2] == FILE["x-bootstrap"]


@pytest.mark.parametrize(("name", "ports"), [("envoy.yaml", [9901, 19092]),
                                             ("envoy-three-brokers.yaml", [9901, 19092, 19093, 19094])])
def test_envoy_in_a_container_differs_only_where_it_listens(tmp_path: Path, name: str, ports: list[int]) -> None:
    """The command's own sed over the shipped configuration."""
    service = SERVICES["envoy"]
    script = r"(sed .*) envoy\.yaml > /tmp/envoy\.yaml " \
        r"&& exec /docker-entrypoint\.sh envoy -c /tmp/envoy\.yaml --concurrency 2"
    program = re.fullmatch(script, service["command"][0])
    assert program and service["entrypoint"] == ["/bin/sh", "-c"]
    done = subprocess.run(["/bin/sh", "-c", f"{program[1]} {name}"], cwd=ENVOY, capture_output=True, text=True,
                          check=True)
    before, after = (ENVOY / name).read_text().splitlines(), done.stdout.splitlines()
    changed = [(old.strip(), new.strip()) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [(f"socket_address: {{address: 127.0.0.1, port_value: {port}}}",
                        f"socket_address: {{address: 0.0.0.0, port_value: {port}}}") for port in ports]


def test_the_released_module_takes_the_place_of_the_built_one() -> None:
    assert set(RELEASED["services"]) == {"envoy"}
    released, built = RELEASED["services"]["envoy"], SERVICES["envoy"]
    (module,) = [volume["target"] for volume in built["volumes"] if isinstance(volume, dict)]
    assert released["volumes"] == [volume for volume in built["volumes"] if isinstance(volume, str)]
    assert released["build"]["dockerfile_inline"].splitlines() == [
        f"FROM --platform=linux/amd64 {IMAGE} AS filter", f"FROM {built['image']}",
        f"COPY --from=filter --chmod=0444 /plugin.wasm {module}"]
    assert (ENVOY / released["build"]["context"]).is_dir()
    assert compose.version(released["image"]) == compose.version(built["image"])
    for name in ("envoy.yaml", "envoy-three-brokers.yaml"):
        assert module == f"{built['working_dir']}/{_module(name)}"


def test_the_console_runs_as_nobody_and_writes_nowhere() -> None:
    console = SERVICES["console"]
    assert console["user"] == "65532:65532" and console["read_only"] is True
    version = re.search(r'^version = "([^"]+)"', (paths.REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
    assert version and f"kafka-console-{version[1]}-" in compose.mounts(console)["/kafka-console"]


KAFKA_ANSWERS, HTTP_ANSWERS = ENVOY / "compose" / "kafka-answers.sh", ENVOY / "compose" / "http-answers.sh"
HTTP_ASKED = b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
# ApiVersions v0 with correlation id 7 and no client id, and the head of an answer without an error.
ASKED, ANSWER = bytes.fromhex("0000000a 0012 0000 00000007 ffff"), bytes.fromhex("0000000a 00000007 0000 00000000")


@pytest.mark.parametrize(("script", "answer", "healthy"), [
    ([KAFKA_ANSWERS], ANSWER, True),
    ([KAFKA_ANSWERS], ANSWER.replace(b"\7\0\0", b"\7\0\x23"), False),  # UNSUPPORTED_VERSION
    ([KAFKA_ANSWERS], b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
    ([KAFKA_ANSWERS], b"", False),
    ([HTTP_ANSWERS, "/ready"], b"HTTP/1.1 200 OK\r\n\r\nLIVE\n", True),
    ([HTTP_ANSWERS, "/ready"], b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
    ([HTTP_ANSWERS, "/ready"], b"", False),
])
def test_health_is_an_answer(script: list[Path | str], answer: bytes, healthy: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        question = ASKED if script[0] == KAFKA_ANSWERS else HTTP_ASKED
        heard = thread.submit(_answer_once, server, len(question), answer)
        command = ["bash", script[0], str(server.getsockname()[1]), *script[1:]]
        done = subprocess.run(command, capture_output=True, timeout=20, check=False)
        assert (done.returncode == 0) == healthy, done.stderr
        assert heard.result(20) == question


@pytest.mark.parametrize("script", [KAFKA_ANSWERS, HTTP_ANSWERS])
def test_nobody_there_is_no_health(script: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # And nobody listens.
        command = ["bash", script, str(taken.getsockname()[1]), "/ready"]
        assert subprocess.run(command, capture_output=True, timeout=20, check=False).returncode != 0


def _answer_once(server: socket.socket, size: int, answer: bytes) -> bytes:
    """Reads a question of that size, answers, closes."""
    server.settimeout(20)
    connection, _ = server.accept()
    with connection:
        connection.settimeout(20)
        asked = b""
        while len(asked) < size:
            asked += connection.recv(size - len(asked)) or b"(closed)" * size
        connection.sendall(answer)
    return asked


def _provisioned(name: str) -> Json:
    found: Json = yaml.safe_load((ENVOY / "grafana" / "provisioning" / name).read_text())
    return found


def _console_port(prometheus: str) -> int:
    """Where it listens, when it asks the Prometheus that the others ask."""
    words = dict(word.split("=", 1) for word in SERVICES["console"]["command"])
    assert words["--prometheus"] == words["--prometheus-url-public"] == prometheus
    return _port(words["--listen"])


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _envoy_ports(name: str) -> tuple[list[int], list[int]]:
    """Ports of the listeners and of the brokers behind them, in the same order."""
    resources = yaml.safe_load((ENVOY / name).read_text())["static_resources"]
    brokers = {}
    for cluster in resources["clusters"]:
        (group,) = cluster["load_assignment"]["endpoints"]
        (endpoint,) = group["lb_endpoints"]
        brokers[cluster["name"]] = endpoint["endpoint"]["address"]["socket_address"]["port_value"]
    ports, behind = [], []
    for listener in resources["listeners"]:
        ports.append(listener["address"]["socket_address"]["port_value"])
        behind.append(brokers[listener["filter_chains"][0]["filters"][-1]["typed_config"]["cluster"]])
    return ports, behind


def _module(name: str) -> str:
    listener = yaml.safe_load((ENVOY / name).read_text())["static_resources"]["listeners"][0]
    config = listener["filter_chains"][0]["filters"][0]["typed_config"]["config"]
    found: str = config["vm_config"]["code"]["local"]["filename"]
    return found
