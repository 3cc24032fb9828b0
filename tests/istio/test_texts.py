"""Examples fit the manifests, and what the pages name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from manifests import ENVOYFILTER, ISTIO, insertions, load, resource_config

EXAMPLES = ISTIO / "examples"


def test_the_cluster_of_strimzi_fits_the_manifests() -> None:
    documents = [found for found in yaml.safe_load_all((EXAMPLES / "strimzi.yaml").read_text()) if found]
    pools = {found["metadata"]["name"]: found for found in documents if found["kind"] == "KafkaNodePool"}
    (kafka,) = [found for found in documents if found["kind"] == "Kafka"]
    observed = {patch["match"]["listener"]["portNumber"] for patch in insertions(load(ENVOYFILTER))}
    listeners = kafka["spec"]["kafka"]["listeners"]
    assert {one["port"] for one in listeners if not one["tls"]} == observed
    assert not observed & {one["port"] for one in listeners if one["tls"]}
    annotations = pools["brokers"]["spec"]["template"]["pod"]["metadata"]["annotations"]
    for annotation in annotations.values():
        past = {int(port) for port in annotation.split(",")}
        # Strimzi's own: controllers, replication, agent.
        assert past == {9090, 9091, 8443} and not past & observed
    assert pools["controllers"]["spec"]["template"]["pod"]["metadata"]["labels"] == {"sidecar.istio.io/inject": "false"}


def test_external_brokers_have_the_manifests_port() -> None:
    (port,) = load(EXAMPLES / "external-brokers.yaml")["spec"]["ports"]
    observed = {patch["match"]["listener"]["portNumber"] for patch in insertions(load(ENVOYFILTER))}
    assert port["number"] in observed
    assert port["name"].startswith("tcp-") and port["protocol"] == "TCP"


def test_other_meshes_get_the_same_filter() -> None:
    """Not run: held to the manifest that is."""
    ours = resource_config(load(ENVOYFILTER))["typed_config"]
    (modification,) = load(EXAMPLES / "kuma.yaml")["spec"]["default"]["appendModifications"]
    kuma = yaml.safe_load(modification["networkFilter"]["value"])["typed_config"]
    assert kuma["@type"] == ours["@type"]
    for key in ("name", "root_id", "fail_open", "configuration"):
        assert kuma["config"][key] == ours["config"][key]
    consul = (EXAMPLES / "consul.hcl").read_text()
    assert f'RootID = "{ours["config"]["root_id"]}"' in consul and 'Protocol     = "tcp"' in consul
    for name in ("kuma.yaml", "consul.hcl"):
        assert "Not run here" in (EXAMPLES / name).read_text()


@pytest.mark.parametrize("path", sorted(ISTIO.rglob("*.yaml")), ids=lambda path: str(path.relative_to(ISTIO)))
def test_every_file_is_yaml_and_on_the_page(path: Path) -> None:
    assert list(yaml.safe_load_all(path.read_text()))
    page = (ISTIO / "README.md").read_text()
    name = path.relative_to(ISTIO)
    assert re.search(rf"\b{re.escape(str(name))}\b|\b{re.escape(name.parts[0])}/", page), name
