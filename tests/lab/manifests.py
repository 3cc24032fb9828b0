"""Kubernetes manifests as tests look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

Json = dict[str, Any]


def documents(file: Path) -> list[Json]:
    """All of a file's documents."""
    return [dict(document) for document in yaml.safe_load_all(file.read_text())]


def one(file: Path, kind: str) -> Json:
    """The only document of this kind."""
    (found,) = [document for document in documents(file) if document["kind"] == kind]
    return found


def pod(workload: Json) -> Json:
    """What a Deployment, StatefulSet or Job runs."""
    return dict(workload["spec"]["template"]["spec"])


def container(workload: Json) -> Json:
    """Its only container."""
    (found,) = pod(workload)["containers"]
    return dict(found)


def acl_bindings(user: Json, principal: str) -> list[AclBinding]:
    """What Strimzi makes of a KafkaUser's ACLs."""
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
    patterns = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
    return [AclBinding(kinds[acl["resource"]["type"]], acl["resource"].get("name", "kafka-cluster"),
                       patterns[acl["resource"].get("patternType", "literal")], f"User:{principal}", "*",
                       _operation(name), AclPermissionType.ALLOW)
            for acl in user["spec"]["authorization"]["acls"] for name in acl["operations"]]


def _operation(name: str) -> AclOperation:
    """`AlterConfigs` is ALTER_CONFIGS."""
    return AclOperation["".join(f"_{c}" if c.isupper() else c for c in name).lstrip("_").upper()]
