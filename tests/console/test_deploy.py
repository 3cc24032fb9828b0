"""What Kubernetes gets: manifests that agree with each other and with the program, and no more rights than needed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from console import BINARY
from lab import Child, accepts, free_port, manifests, paths, wait_until

KUBERNETES = paths.REPOSITORY / "crates" / "kafka-console" / "deploy" / "kubernetes"
Json = dict[str, Any]
VARIANTS = ["kafka-console.yaml", "kafka-console-secured.yaml", "kafka-console-direct.yaml"]


def _one(name: str, kind: str) -> Json:
    return manifests.one(KUBERNETES / name, kind)


def _pod(name: str) -> Json:
    return manifests.pod(_one(name, "Deployment"))


def _container(name: str) -> Json:
    return manifests.container(_one(name, "Deployment"))


def test_parts_find_each_other() -> None:
    main = "kafka-console.yaml"
    labels = _one(main, "Deployment")["spec"]["template"]["metadata"]["labels"]
    service, monitor = _one(main, "Service")["spec"], _one("pod-monitor.yaml", "PodMonitor")["spec"]
    policies = [_one(name, "NetworkPolicy")["spec"] for name in ("network-policy.yaml", "kafka-console-direct.yaml")]
    for selector in (_one(main, "Deployment")["spec"]["selector"]["matchLabels"], service["selector"],
                     monitor["selector"]["matchLabels"], *(one["podSelector"]["matchLabels"] for one in policies)):
        assert selector.items() <= labels.items()
    container = _container(main)
    assert container["ports"] == [{"name": "http", "containerPort": 8085}]
    assert service["ports"][0]["targetPort"] == monitor["podMetricsEndpoints"][0]["port"] == "http"
    assert {rule["ports"][0]["port"] for rule in policies[0]["ingress"]} == {"http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthy", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert all("--listen=0.0.0.0:8085" in _container(name)["args"] for name in VARIANTS)


def test_no_more_rights_than_needed() -> None:
    pod, container = _pod("kafka-console.yaml"), _container("kafka-console.yaml")
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} and "serviceAccountName" not in pod
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]} and "memory" in container["resources"]["limits"]
    # Nothing can be written to; what is mounted is a Secret, read-only.
    assert "volumes" not in pod and all(mount["readOnly"] for name in VARIANTS
                                        for mount in _container(name).get("volumeMounts", []))
    version = re.search(r'^version = "([^"]+)"', (paths.REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
    assert version and container["image"].endswith(f":{version[1]}")


def test_everything_else_is_shut() -> None:
    policy = _one("network-policy.yaml", "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") for rule in policy["ingress"]) and all(rule.get("to") for rule in policy["egress"])
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    asked = [word for word in _container("kafka-console.yaml")["args"] if word.startswith("--prometheus=")]
    assert ports == {53, int(asked[0].rpartition(":")[2])}
    # The direct source reaches its proxies by the policy beside it, on the port that it scrapes.
    direct = _one("kafka-console-direct.yaml", "NetworkPolicy")["spec"]["egress"][0]
    headless = _one("kafka-console-direct.yaml", "Service")
    target = f"--proxies-dns={headless['metadata']['name']}:{headless['spec']['ports'][0]['port']}"
    assert target in _container("kafka-console-direct.yaml")["args"] and headless["spec"]["clusterIP"] == "None"
    assert direct["to"][0]["podSelector"]["matchLabels"] == headless["spec"]["selector"]
    assert direct["ports"][0]["port"] == headless["spec"]["ports"][0]["port"]


def test_a_forwarded_port_is_answered() -> None:
    for name in ("kafka-console.yaml", "kafka-console-direct.yaml"):
        (hosts,) = [word.partition("=")[2] for word in _container(name)["args"] if word.startswith("--allowed-host")]
        assert {"localhost", "127.0.0.1", "kafka-console"} == set(hosts.split(","))


def test_the_kustomization_names_files_that_are_there() -> None:
    made = _one("kustomization.yaml", "Kustomization")
    assert {path for path in made["resources"] if not (KUBERNETES / path).is_file()} == set()


def test_the_secret_is_where_the_program_looks() -> None:
    example = _one("secrets-example.yaml", "Secret")
    (volume,) = _pod("kafka-console-secured.yaml")["volumes"]
    (mount,) = _container("kafka-console-secured.yaml")["volumeMounts"]
    assert volume["secret"]["secretName"] == example["metadata"]["name"] and mount["name"] == volume["name"]
    (key,) = example["stringData"]
    assert f"--token-file={mount['mountPath']}/{key}" in _container("kafka-console-secured.yaml")["args"]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_program_takes_the_words(name: str, here: Path) -> None:
    """As they are, but for the port and for where the Secret lies."""
    token = here / "token"
    token.write_text(_one("secrets-example.yaml", "Secret")["stringData"]["token"])
    port = free_port()
    words = [word.replace("0.0.0.0:8085", f"127.0.0.1:{port}").replace("/run/secrets/kafka-console/token", str(token))
             for word in _container(name)["args"]]
    child = Child("kafka-console", [BINARY, *words], here / "console.log")
    try:
        wait_until("its port", lambda: accepts(port), 10, child)
    finally:
        child.stop()
    assert child.wait(1) == 0, child.tail()


@pytest.mark.parametrize(("words", "said"), [
    ([], "--proxy"),
    (["--proxy", "http://127.0.0.1:1", "--prometheus", "http://127.0.0.1:2"], "exclude"),
    (["--proxy", "ftp://127.0.0.1"], "--proxy"),
    (["--proxy", "http://127.0.0.1:1", "--scrape-interval", "1us"], "--scrape-interval"),
    (["--proxy", "http://127.0.0.1:1", "--trusted-header", "x-user"], "--trusted-proxy"),
    (["--proxy", "http://127.0.0.1:1", "--listen", "somewhere"], "--listen"),
    (["--proxy", "http://127.0.0.1:1", "--token-file", "/no/such/file"], "/no/such/file"),
])
def test_impossible_settings_are_refused_with_a_word(words: Sequence[str], said: str) -> None:
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2 and said in done.stderr + done.stdout, done


def test_the_page_names_every_flag() -> None:
    """docs/console.md, held against what the program says of itself."""
    told = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=10, check=True,
                          env={"COLUMNS": "400", "PATH": "/usr/bin:/bin"}).stdout
    flags = dict.fromkeys(re.findall(r"^\s+(?:-\w, )?--([a-z-]+)", told, re.MULTILINE), "")
    for name in ("help", "version"):
        flags.pop(name)
    for name, default in re.findall(r"^\s+--([a-z-]+)\b(?:(?!^\s+-)[\s\S])*?\[default: ([^\]]*)\]", told, re.MULTILINE):
        flags[name] = default
    page = (paths.REPOSITORY / "docs" / "console.md").read_text()
    rows = re.findall(r"^\| `--([a-z-]+)[^`]*`[^|]*\|([^|]*)\|", page, re.MULTILINE)
    assert {name: default.strip().strip("`") for name, default in rows} == flags
