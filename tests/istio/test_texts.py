"""Examples fit the manifests, and what the pages name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from manifests import ENVOYFILTER, ISTIO, insertions, load, plugin, resource_config
from rules import findings

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


def test_the_waypoint_keeps_the_rules() -> None:
    """It targets the gateway beside it, in that one's namespace, with what the other form loads."""
    extension, gateway = yaml.safe_load_all((EXAMPLES / "waypoint.yaml").read_text())
    # Pods' addresses have a chain without a port there, which only a form without ports is in (istiod/waypoint_test.go).
    assert "match" not in extension["spec"]
    extension["spec"]["match"] = [{"mode": "SERVER", "ports": [{"number": 9092}]}]
    assert findings(extension, ("SIDECAR_INBOUND",), mesh_wide=False) == []
    (target,) = extension["spec"]["targetRefs"]
    assert target == {"group": gateway["apiVersion"].partition("/")[0], "kind": gateway["kind"],
                      "name": gateway["metadata"]["name"]}
    assert extension["metadata"]["namespace"] == gateway["metadata"]["namespace"]
    assert plugin(extension) == plugin(load(ISTIO / "trafficextension.yaml"))


# Each rule of rules.py, what it says can be wrong (14 and 16 are of the image and of istioctl), and words by which one
# finds it among the page's symptoms.
ON_THE_PAGE = {
    1: ["`apiVersion` is v1", "another namespace"],
    2: ["IST0151", "no `priority`"],
    3: ["`envoy.filters.network.tcp_proxy` is misspelt", "`INSERT_FIRST`", "`INSERT_AFTER`"],
    4: ["`portNumber` is another", "no `portNumber`", "the Service's port instead of the container's"],
    5: ["a patch or `mode` is missing", "a patch twice"],
    6: ["names of the two patches differ"],
    7: ["without `stat_prefix`", "RBAC not in `type_urls`", "no `default_config`"],
    8: ["`initial_fetch_timeout`", "never ready"],
    9: ["no `failStrategy: FAIL_OPEN`", "no `fail_open`", "`fail_open` beside `failure_policy`"],
    10: ["HTTP filter's `@type`", "another runtime than V8", "no `timeout: 30s`", "neither `oci://` nor `https://`"],
    11: ["the digest is not the manifest's", "`sha256:` before it"],
    12: ["not JSON in a StringValue"],
    13: ["two forms", "`not_kafka`"],
    14: ["a single manifest, whose last layer is tar and gzip with `plugin.wasm`"],
    15: ["spaces in the annotation", "the end of another"],
    16: ["it was run without `-A`"],
}


def test_every_rule_is_among_the_symptoms() -> None:
    page = (ISTIO / "README.md").read_text()
    table = page.partition("| symptom |")[2].partition("\n\n")[0]
    assert list(ON_THE_PAGE) == list(range(1, 17))
    assert [(rule, words) for rule, all_words in ON_THE_PAGE.items() for words in all_words if words not in table] == []
    commands = set(re.findall(r"^# (\d)\. ", page, re.MULTILINE))
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    assert all(len(row) == 3 and set(row[2].split(", ")) <= commands for row in rows), rows
    # Every result that the agent can give a fetch.
    for result in ("manifest_failure", "checksum_mismatched", "download_failure", "fetch_failure"):
        assert result in table


def test_every_alert_is_on_the_page() -> None:
    page = (ISTIO / "README.md").read_text()
    (group,) = load(ISTIO / "telemetry" / "alerts.yaml")["groups"]
    assert set(re.findall(r"^\| `(KafkaFilter\w+)` \|", page, re.MULTILINE)) == \
        {rule["alert"] for rule in group["rules"] if "alert" in rule}


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
