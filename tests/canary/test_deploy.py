"""What Kubernetes gets: manifests that agree with each other and with the program, and ACLs that are enough."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from canary import Canary
from lab import Kafka, Listener, manifests, paths

KUBERNETES = paths.REPOSITORY / "crates" / "kafka-canary" / "deploy" / "kubernetes"
Json = dict[str, Any]


def _one(name: str, kind: str) -> Json:
    return manifests.one(KUBERNETES / name, kind)


def test_parts_find_each_other() -> None:
    deployment, service = (_one("kafka-canary.yaml", kind) for kind in ("Deployment", "Service"))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    monitor = _one("pod-monitor.yaml", "PodMonitor")
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"],
                     monitor["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    # The alerts know the job by this name, and without `jobLabel` the operator gives it another.
    assert labels[monitor["spec"]["jobLabel"]] == "kafka-canary"
    container = manifests.container(deployment)
    (port,) = container["ports"]
    assert port == {"name": "http", "containerPort": 8080}
    assert service["spec"]["ports"][0]["targetPort"] == monitor["spec"]["podMetricsEndpoints"][0]["port"] == "http"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert container["livenessProbe"]["httpGet"] == {"path": "/liveness", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readiness", "port": "http"}
    assert _one("kustomization.yaml", "Kustomization")["resources"] == ["kafka-canary.yaml"]


@pytest.mark.parametrize(("name", "kind"), [("kafka-canary.yaml", "Deployment"), ("check-job.yaml", "Job")])
def test_no_more_rights_than_needed(name: str, kind: str) -> None:
    pod = manifests.pod(_one(name, kind))
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
        assert {variable["name"] for variable in manifests.container(_one(name, kind))["env"]} <= known


def test_the_acls_are_enough(here: Path) -> None:
    """A real broker that denies what no ACL allows, with exactly those of kafka-user.yaml."""
    user, password = "kafka-canary", "secret"
    listeners = [Listener("SASL", mechanism="SCRAM-SHA-512")]
    with Kafka(here / "kafka", listeners=listeners, users={user: password}, acls=True) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        bindings = manifests.acl_bindings(_one("kafka-user.yaml", "KafkaUser"), user)
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
