"""What Kubernetes and Grafana get: manifests that agree with each other and with the program, ACLs that are enough, and a
dashboard that asks for what there is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from gateway import BINARY, Gateway, check, with_log
from lab import Authority, Kafka, Listener, manifests, paths, wait_until
from lab.prometheus import program, promtool
from topics import Topics

DEPLOY = paths.REPOSITORY / "crates" / "kafka-gateway" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
Json = dict[str, Any]
MIB = 1024 * 1024


def _one(name: str, kind: str) -> Json:
    return manifests.one(KUBERNETES / name, kind)


def _pod(name: str) -> Json:
    return manifests.pod(_one(name, "StatefulSet"))


def _container(name: str) -> Json:
    return manifests.container(_one(name, "StatefulSet"))


def _file(name: str) -> Json:
    return dict(yaml.safe_load((KUBERNETES / name).read_text()))


def _bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([MG]i)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * MIB * (1024 if unit == "Gi" else 1)


def test_parts_find_each_other() -> None:
    main = "kafka-gateway.yaml"
    labels = _one(main, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    monitor = _one("pod-monitor.yaml", "PodMonitor")["spec"]
    policy = _one("network-policy.yaml", "NetworkPolicy")["spec"]
    services = [document for document in manifests.documents(KUBERNETES / main) if document["kind"] == "Service"]
    assert len(services) == 2
    for selector in (_one(main, "StatefulSet")["spec"]["selector"]["matchLabels"], monitor["selector"]["matchLabels"],
                     policy["podSelector"]["matchLabels"], *(service["spec"]["selector"] for service in services),
                     _one(main, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    container = _container(main)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 4242, "metrics": 8088}
    named = [service["spec"]["ports"][0]["targetPort"] for service in services]
    named += [rule["ports"][0]["port"] for rule in policy["ingress"]] + [monitor["podMetricsEndpoints"][0]["port"]]
    assert set(named) == set(ports)
    # The rules and the dashboard know the job by this name.
    assert labels[monitor["jobLabel"]] == "kafka-gateway"
    assert _one(main, "StatefulSet")["spec"]["serviceName"] in {service["metadata"]["name"] for service in services}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthy", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "metrics"}


def test_the_kustomization_makes_what_is_mounted() -> None:
    made = _one("kustomization.yaml", "Kustomization")
    assert {path for path in made["resources"] if not (KUBERNETES / path).is_file()} == set()
    (config,) = made["configMapGenerator"]
    (mounted,) = [volume for volume in _pod("kafka-gateway.yaml")["volumes"] if "configMap" in volume]
    assert mounted["configMap"]["name"] == config["name"]
    for name in ("kafka-gateway.yaml", "kafka-gateway-secured.yaml"):
        flag, file = _container(name)["args"]
        assert flag == "--config" and Path(file).parent == Path("/etc/kafka-gateway")
        assert Path(file).name in config["files"]


@pytest.mark.parametrize(("name", "kind"), [("kafka-gateway.yaml", "StatefulSet"), ("wal-job.yaml", "Job")])
def test_no_more_rights_than_needed(name: str, kind: str) -> None:
    pod = _one(name, kind)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]} and "memory" in container["resources"]["limits"]
    version = re.search(r'^version = "([^"]+)"', (paths.REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
    assert version and container["image"].endswith(f":{version[1]}")


def test_everything_else_is_shut() -> None:
    policy = _one("network-policy.yaml", "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") for rule in policy["ingress"]) and all(rule.get("to") for rule in policy["egress"])


def test_the_job_looks_into_the_log_of_a_pod(here: Path) -> None:
    """The claim is one that the StatefulSet makes, and the program takes the job's words."""
    pod = _one("wal-job.yaml", "Job")["spec"]["template"]["spec"]
    stateful = _one("kafka-gateway.yaml", "StatefulSet")
    (claim,) = stateful["spec"]["volumeClaimTemplates"]
    name = f"{claim['metadata']['name']}-{stateful['metadata']['name']}-0"
    assert pod["volumes"] == [{"name": "log", "persistentVolumeClaim": {"claimName": name}}]
    (container,) = pod["containers"]
    assert container["volumeMounts"] == [mount for mount in _container("kafka-gateway.yaml")["volumeMounts"]
                                         if mount["name"] == "log"]
    directory = _file("gateway.yaml")["wal"]["directory"]
    assert directory in container["args"]
    (here / "log").mkdir()
    words = [str(here / "log") if word == directory else word for word in container["args"]]
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", ["gateway.yaml", "gateway-secured.yaml"])
def test_sizes_and_times_fit(file: str) -> None:
    """The log into its volume, memory into its limit, and the drain into Kubernetes' patience."""
    pod, container, settings = _pod("kafka-gateway.yaml"), _container("kafka-gateway.yaml"), _file(file)
    (claim,) = _one("kafka-gateway.yaml", "StatefulSet")["spec"]["volumeClaimTemplates"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == claim["metadata"]["name"]]
    # Not the volume's root, which has a lost+found.
    assert str(Path(settings["wal"]["directory"]).parent) == mount["mountPath"] and not mount.get("readOnly")
    assert settings["wal"]["max_bytes"] <= 0.9 * _bytes(claim["spec"]["resources"]["requests"]["storage"])
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    queues = 4 * settings["kafka"]["queue_buffering_max_kbytes"] * 1024
    assert queues + (64 + 64) * MIB <= _bytes(container["resources"]["limits"]["memory"])
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause + settings["drain_timeout_ms"] / 1000 + 5 <= pod["terminationGracePeriodSeconds"]


def test_secrets_are_where_the_file_looks(here: Path) -> None:
    """The program accepts both files, with the Secrets in place of which they name files."""
    plain = here / "gateway.yaml"
    plain.write_text((KUBERNETES / "gateway.yaml").read_text())
    done = check(plain)
    assert done.returncode == 0, done.stderr
    authority = Authority(here / "authority")
    server = authority.issue("server")
    keys = {"clients": {"shop": "0123456789abcdef" * 4}, "kafka-user": {"password": "secret"},
            "tls": {"tls.crt": server.certificate.read_text(), "tls.key": server.key.read_text()},
            "kafka-ca": {"ca.crt": authority.certificate.read_text()}}
    patch = _pod("kafka-gateway-secured.yaml")
    mounts = {mount["name"]: mount["mountPath"] for mount in _container("kafka-gateway-secured.yaml")["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in patch["volumes"]} == set(keys)
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in patch["volumes"]}
    for example in manifests.documents(KUBERNETES / "secrets-example.yaml"):
        (name,) = [name for name, secret in secrets.items() if secret == example["metadata"]["name"]]
        assert set(example["stringData"]) == set(keys[name])
    text = (KUBERNETES / "gateway-secured.yaml").read_text()
    for name, path in mounts.items():
        assert path in text
        (here / name).mkdir()
        for key, value in keys[name].items():
            (here / name / key).write_text(value)
        text = text.replace(f"{path}/", f"{here / name}/")
    secured = here / "gateway-secured.yaml"
    secured.write_text(text)
    done = check(secured)
    assert done.returncode == 0, done.stderr
    (here / "clients" / "shop").unlink()
    done = check(secured)
    assert done.returncode == 2 and "shop" in done.stderr, done.stderr


def test_the_acls_are_enough(here: Path) -> None:
    """A real broker that denies what no ACL allows, with exactly those of kafka-user.yaml; a crash included."""
    user, password, topic = "kafka-gateway", "secret", "events-a"
    with Kafka(here / "kafka", listeners=[Listener("SASL", mechanism="SCRAM-SHA-512")], users={user: password},
               acls=True) as kafka:
        topics = Topics(kafka.bootstrap)
        topics.make(topic, "other")
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for future in admin.create_acls(manifests.acl_bindings(_one("kafka-user.yaml", "KafkaUser"), user)).values():
            future.result(10)
        login = {"sasl_mechanism": "SCRAM-SHA-512", "security_protocol": "sasl_plaintext", "user": user,
                 "password": password}
        settings = {"kafka": login} | with_log(here / "log")
        with Gateway(here / "gateway", f"127.0.0.1:{kafka.port('SASL')}", settings) as gateway:
            answer = gateway.push({"topic": topic, "data": "waited"}, {"topic": "other", "data": "never"})
            first, second = answer.json["records"]
            assert first["status"] == "written" and second["status"] != "written", answer
            for number in range(20):
                headers = {"idempotency-key": f"key-{number}"}
                answer = gateway.push({"topic": topic, "data": f"async-{number}"}, wait=False, headers=headers)
                assert answer.status == 200, answer
            gateway.kill()
            gateway.start()
            waiting = "kafka_gateway_log_entries_waiting"
            wait_until("the log to be empty", lambda: gateway.stats().total(waiting) == 0, 30)
        expected = [b"waited", *(f"async-{number}".encode() for number in range(20))]
        assert sorted(record.value or b"" for record in topics.read(topic)) == sorted(expected)
        assert not topics.read("other")


def test_promtool_finds_nothing_to_say_of_the_names(plain: Gateway, topic: str) -> None:
    """Of the gateway's own, with all labels in use; kprf's are older than the conventions."""
    plain.push({"topic": topic, "data": "x"}, {"topic": "no-such-topic", "data": "x"})
    text = plain.manage("/metrics").text
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any(line.startswith("kafka_sent_messages ") for line in said), f"it read nothing: {said}"
    assert not [line for line in said if line.startswith("kafka_gateway_") or "error" in line.split(" ")[0].lower()], said


def _queries() -> Iterator[tuple[str, str, str]]:
    """Title of a panel, what it asks, and how it names the lines."""
    page = json.loads((DEPLOY / "dashboard.json").read_text())
    for panel in page["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target.get("legendFormat") or ""


def test_the_dashboard_asks_for_what_there_is() -> None:
    page = (paths.REPOSITORY / "docs" / "gateway-reference.md").read_text()
    row = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)
    known = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in row.findall(page)}
    count = 0
    for title, expr, legend in _queries():
        for name, selector in re.findall(r"\b((?:kafka|process)_\w+)\{([^}]*)\}", expr):
            if name.startswith("process_"):
                continue
            base = name if name in known else re.sub(r"_(bucket|count|sum)$", "", name)
            kind, labels = known[base]
            asked = set(re.findall(r"(\w+)\s*[=!]", selector))
            grouped = {label for group in re.findall(r"by \(([^)]*)\)", expr) for label in re.split(r",\s*", group)}
            assert (asked | grouped) - labels <= {"job", "instance", "le"}, f"{title}: {expr}"
            assert ("rate(" in expr or "increase(" in expr) == (kind != "gauge"), f"{title}: {expr}"
            assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= grouped | {"instance"}, f"{title}: {legend}"
            count += 1
    assert count > 30


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    values = {"$__rate_interval": "1m", "$__range": "1h", "$gateway": ".*"}
    rules = []
    for number, (_, expr, _) in enumerate(_queries()):
        for name, value in values.items():
            expr = expr.replace(name, value)
        assert "$" not in expr, expr
        rules.append({"record": f"query:{number}", "expr": expr})
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "queries.yaml")
