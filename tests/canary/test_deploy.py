"""What Kubernetes gets: manifests that agree with each other and with the program, and ACLs that are enough."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType,
                                   ResourceType)

from canary import Canary
from lab import Kafka, Listener, paths

KUBERNETES = paths.REPOSITORY / "crates" / "kafka-canary" / "deploy" / "kubernetes"


def _documents(name: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all((KUBERNETES / name).read_text())}


def _container(document: dict[str, Any]) -> dict[str, Any]:
    (container,) = document["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_parts_find_each_other() -> None:
    made = _documents("kafka-canary.yaml")
    deployment, service = made["Deployment"], made["Service"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    monitor = _documents("pod-monitor.yaml")["PodMonitor"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"],
                     monitor["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    # The alerts know the job by this name, and without `jobLabel` the operator gives it another.
    assert labels[monitor["spec"]["jobLabel"]] == "kafka-canary"
    container = _container(deployment)
    (port,) = container["ports"]
    assert port == {"name": "http", "containerPort": 8080}
    assert service["spec"]["ports"][0]["targetPort"] == monitor["spec"]["podMetricsEndpoints"][0]["port"] == "http"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert container["livenessProbe"]["httpGet"] == {"path": "/liveness", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readiness", "port": "http"}
    assert _documents("kustomization.yaml")["Kustomization"]["resources"] == ["kafka-canary.yaml"]


@pytest.mark.parametrize("name", ["kafka-canary.yaml", "check-job.yaml"])
def test_no_more_rights_than_needed(name: str) -> None:
    made = _documents(name)
    pod = (made.get("Deployment") or made["Job"])["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]} and "memory" in container["resources"]["limits"]
    version = re.search(r'^version = "([^"]+)"', (paths.REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
    assert version and container["image"].endswith(f":{version[1]}")


def test_variables_are_the_program_s() -> None:
    page = (paths.REPOSITORY / "docs" / "canary-reference.md").read_text()
    known = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert len(known) > 40
    for name, kind in (("kafka-canary.yaml", "Deployment"), ("kafka-canary-secured.yaml", "Deployment"),
                       ("check-job.yaml", "Job")):
        assert {variable["name"] for variable in _container(_documents(name)[kind])["env"]} <= known


def test_the_acls_are_enough(here: Path) -> None:
    """A real broker that denies what no ACL allows, with exactly those of kafka-user.yaml."""
    user, password = "kafka-canary", "secret"
    listeners = [Listener("SASL", mechanism="SCRAM-SHA-512")]
    with Kafka(here / "kafka", listeners=listeners, users={user: password}, acls=True) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        bindings = _bindings(user)
        for future in admin.create_acls(bindings).values():
            future.result(10)
        settings = {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USER": user, "SASL_PASSWORD": password,
                    "TOPIC_CONFIG": "retention.ms=120000"}
        with Canary(here, f"127.0.0.1:{kafka.port('SASL')}", settings=settings) as canary:
            canary.wait_until_serving(1)
            canary.wait_for("commits", lambda stats: stats.total("kafka_canary_commit_latency_seconds_count") >= 3)
            stats = canary.stats()
            for name in ("topic_operations_failed_total", "commits_failed_total", "consume_errors_total",
                         "client_errors_total", "records_produce_failed_total"):
                assert stats.total(f"kafka_canary_{name}") == 0, stats.describe(f"kafka_canary_{name}")
        assert "AUTHORIZATION" not in canary.log.upper()


def _bindings(user: str) -> list[AclBinding]:
    operations = {"Create": AclOperation.CREATE, "Describe": AclOperation.DESCRIBE, "Read": AclOperation.READ,
                  "Write": AclOperation.WRITE, "Alter": AclOperation.ALTER, "AlterConfigs": AclOperation.ALTER_CONFIGS,
                  "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS}
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
    patterns = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
    found = []
    for acl in _documents("kafka-user.yaml")["KafkaUser"]["spec"]["authorization"]["acls"]:
        resource = acl["resource"]
        for operation in acl["operations"]:
            found.append(AclBinding(kinds[resource["type"]], resource.get("name", "kafka-cluster"),
                                    patterns[resource.get("patternType", "literal")], f"User:{user}", "*",
                                    operations[operation], AclPermissionType.ALLOW))
    return found
