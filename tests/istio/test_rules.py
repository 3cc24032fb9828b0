"""Every manifest and overlay keeps every rule, and each rule finds the mistake that it is there for."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab import paths
from manifests import (
    CONTEXTS,
    ENVOYFILTER,
    FORMS,
    ISTIO,
    OVERLAYS,
    RBAC,
    WASM,
    Json,
    insertions,
    load,
    plugin,
    render,
    resource_config,
)
from rules import bundle, findings, tags

ALL = tuple(CONTEXTS)
# Overlay: its contexts, and whether it is for the whole mesh.
SHIPPED = {"both": (ALL, True), "client-side": (("SIDECAR_OUTBOUND", "GATEWAY"), True),
           "broker-side": (("SIDECAR_INBOUND",), True), "one-namespace": (ALL, False),
           "labelled-workloads": (ALL, True)}

Change = Callable[[Json], object]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_manifests_keep_the_rules(path: Path) -> None:
    assert findings(load(path), ALL) == []


@pytest.mark.parametrize("overlay", SHIPPED)
def test_overlays_keep_the_rules(overlay: str) -> None:
    contexts, mesh_wide = SHIPPED[overlay]
    documents = render(OVERLAYS / overlay)
    assert [found for document in documents for found in findings(document, contexts, mesh_wide)] == []
    assert bundle(documents) == []


def test_overlays_change_what_they_say_and_nothing_else() -> None:
    assert set(SHIPPED) == {path.name for path in OVERLAYS.iterdir()}
    base = load(ENVOYFILTER)
    rendered = {name: render(OVERLAYS / name)[0] for name in SHIPPED}
    assert rendered["both"] == base
    labelled = copy.deepcopy(rendered["labelled-workloads"])
    assert labelled["spec"].pop("workloadSelector") == {"labels": {"kafka-filter": "enabled"}}
    assert labelled == base
    moved = rendered["one-namespace"]
    assert moved["metadata"].pop("namespace") == "kafka-clients"
    assert moved == {**base, "metadata": {"name": "kafka-filter"}}
    for name in ("client-side", "broker-side"):
        patches = rendered[name]["spec"].pop("configPatches")
        kept = [patch for patch in base["spec"]["configPatches"]
                if patch.get("match", {}).get("context") in (None, *SHIPPED[name][0])]
        assert patches == kept


def test_the_forms_are_configured_alike() -> None:
    """One image, one configuration, and the same ports on the same sides."""
    filter_, extension, wasm_plugin = map(load, FORMS)
    config = resource_config(filter_)["typed_config"]["config"]
    remote = config["vm_config"]["code"]["remote"]
    for document in (extension, wasm_plugin):
        spec = plugin(document)
        assert spec["url"] == remote["http_uri"]["uri"]
        assert spec["sha256"] == remote["sha256"]
        assert spec["pluginName"] == config["root_id"]
        assert spec["pluginConfig"] == yaml.safe_load(config["configuration"]["value"])
        ports = {match["mode"]: match["ports"][0]["number"] for match in document["spec"]["match"]}
        assert ports == {CONTEXTS[patch["match"]["context"]][1]: patch["match"]["listener"]["portNumber"]
                         for patch in insertions(filter_)}


def test_the_module_may_do_what_it_may_in_plain_envoy() -> None:
    def allowed(text: str) -> list[str]:
        block = text.partition("allowed_capabilities:\n")[2].partition("configuration:\n")[0]
        return sorted(re.findall(r"^ +(\w+): \{\}$", block, re.MULTILINE))

    plain = allowed((paths.REPOSITORY / "envoy" / "envoy.yaml").read_text())
    assert {"random_get", "proxy_set_property"} < set(plain)
    assert allowed(ENVOYFILTER.read_text()) == plain


# Rule, what is wrong, and how; each is applied to a copy of the EnvoyFilter.
WRONG: list[tuple[int, str, Change]] = [
    (1, "apiVersion v1", lambda d: d.update(apiVersion="networking.istio.io/v1")),
    (1, "another namespace", lambda d: d["metadata"].update(namespace="default")),
    (1, "no namespace", lambda d: d["metadata"].pop("namespace")),
    (2, "no priority", lambda d: d["spec"].pop("priority")),
    (3, "misspelt filter", lambda d: _filter(d).update(name="envoy.tcp_proxy")),
    (3, "no filter", lambda d: _listener(d).pop("filterChain")),
    (3, "INSERT_FIRST", lambda d: _patch(d).update(operation="INSERT_FIRST")),
    (3, "INSERT_AFTER", lambda d: _patch(d).update(operation="INSERT_AFTER")),
    (4, "no port", lambda d: _listener(d).pop("portNumber")),
    (4, "port 0", lambda d: _listener(d).update(portNumber=0)),
    (4, "port as a text", lambda d: _listener(d).update(portNumber="9092")),
    (5, "a side is missing", lambda d: d["spec"]["configPatches"].pop()),
    (5, "a side is there twice", lambda d: d["spec"]["configPatches"].append(insertions(d)[0])),
    (6, "another name in a listener", lambda d: _value(d).update(name="kafka-filter")),
    (6, "another name of the resource", lambda d: resource_config(d).update(name="kafka-filter")),
    (6, "no resource", lambda d: d["spec"]["configPatches"].pop(0)),
    (7, "RBAC left out", lambda d: _discovery(d).update(type_urls=[WASM])),
    (7, "wasm left out", lambda d: _discovery(d).update(type_urls=[RBAC])),
    (7, "no default", lambda d: _discovery(d).pop("default_config")),
    (7, "default without stat_prefix", lambda d: _discovery(d)["default_config"].pop("stat_prefix")),
    (7, "default that denies", lambda d: _discovery(d)["default_config"].update(rules={})),
    (8, "waits without end", lambda d: _source(d).update(initial_fetch_timeout="0s")),
    (8, "waits 15 s", lambda d: _source(d).pop("initial_fetch_timeout")),
    (9, "both policies", lambda d: _config(d).update(failure_policy="FAIL_OPEN")),
    (9, "no policy", lambda d: _config(d).pop("fail_open")),
    (9, "fail_open: false", lambda d: _config(d).update(fail_open=False)),
    (9, "closed", lambda d: (_config(d).pop("fail_open"), _config(d).update(failure_policy="FAIL_CLOSED"))),
    (9, "reload", lambda d: (_config(d).pop("fail_open"), _config(d).update(failure_policy="FAIL_RELOAD"))),
    (10, "an HTTP filter", lambda d: resource_config(d)["typed_config"].update(
        {"@type": WASM.replace("network", "http")})),
    (10, "another runtime", lambda d: _config(d)["vm_config"].update(runtime="envoy.wasm.runtime.wasmtime")),
    (10, "http", lambda d: _remote(d)["http_uri"].update(uri="http" + "://registry.invalid/kafka-filter:0.0.0")),
    (10, "no time to fetch", lambda d: _remote(d)["http_uri"].pop("timeout")),
    (10, "inline in the listener", lambda d: _value(d).update(typed_config=resource_config(d)["typed_config"])),
    (11, "sha256: before the digest", lambda d: _remote(d).update(sha256="sha256:" + "0" * 64)),
    (11, "no digest", lambda d: _remote(d).pop("sha256")),
    (11, "a short digest", lambda d: _remote(d).update(sha256="0" * 63)),
    (11, "a digest read as a number", lambda d: _remote(d).update(sha256=0)),
    (12, "not JSON", lambda d: _config(d)["configuration"].update(value="{not json")),
    (12, "JSON but no object", lambda d: _config(d)["configuration"].update(value="[]")),
    (12, "a Struct", lambda d: _config(d).update(configuration={
        "@type": "type.googleapis.com/google.protobuf.Struct", "value": {}})),
]

# The same for a WasmPlugin and a TrafficExtension.
WRONG_PLUGIN: list[tuple[int, str, Change]] = [
    (1, "apiVersion v1", lambda d: d.update(apiVersion="extensions.istio.io/v1")),
    (1, "another namespace", lambda d: d["metadata"].update(namespace="default")),
    (4, "no ports", lambda d: d["spec"]["match"][0].pop("ports")),
    (5, "a side is missing", lambda d: d["spec"]["match"].pop()),
    (5, "a side is there twice", lambda d: d["spec"]["match"].append(d["spec"]["match"][0])),
    (5, "no match", lambda d: d["spec"].pop("match")),
    (9, "no strategy", lambda d: plugin(d).pop("failStrategy")),
    (9, "closed", lambda d: plugin(d).update(failStrategy="FAIL_CLOSE")),
    (9, "reload", lambda d: plugin(d).update(failStrategy="FAIL_RELOAD")),
    (10, "an HTTP filter", lambda d: plugin(d).pop("type")),
    (10, "a scheme that is none", lambda d: plugin(d).update(url="registry.invalid/kafka-filter:0.0.0")),
    (11, "sha256: before the digest", lambda d: plugin(d).update(sha256="sha256:" + "0" * 64)),
    (11, "no digest", lambda d: plugin(d).pop("sha256")),
    (12, "a text", lambda d: plugin(d).update(pluginConfig="{}")),
]


# The EnvoyFilter as it is applied: by itself, and out of each overlay, with the contexts that it is meant for.
APPLIED = {"envoyfilter.yaml": (ALL, True), **{f"overlays/{name}": meant for name, meant in SHIPPED.items()}}


@pytest.mark.parametrize("form", APPLIED)
@pytest.mark.parametrize(("rule", "what", "change"), [pytest.param(*wrong, id=f"{wrong[0]} {wrong[1]}")
                                                      for wrong in WRONG])
def test_a_mistake_is_found(form: str, rule: int, what: str, change: Change) -> None:
    contexts, mesh_wide = APPLIED[form]
    document = copy.deepcopy(load(ENVOYFILTER) if form == "envoyfilter.yaml" else render(ISTIO / form)[0])
    change(document)
    # An overlay for one namespace is right in any.
    expected = set() if what in ("another namespace", "no namespace") and not mesh_wide else {rule}
    assert {number for number, _ in findings(document, contexts, mesh_wide)} == expected


@pytest.mark.parametrize("path", FORMS[1:], ids=lambda path: path.name)
@pytest.mark.parametrize(("rule", "change"), [pytest.param(rule, change, id=f"{rule} {what}")
                                              for rule, what, change in WRONG_PLUGIN])
def test_a_mistake_in_a_plugin_is_found(path: Path, rule: int, change: Change) -> None:
    document = copy.deepcopy(load(path))
    change(document)
    assert {number for number, _ in findings(document, ALL)} == {rule}


def test_two_forms_together_are_found() -> None:
    for first in FORMS:
        for second in FORMS:
            assert [number for number, _ in bundle([load(first), load(second)])] == [13]
        for overlay in SHIPPED:
            assert [number for number, _ in bundle([load(first), *render(OVERLAYS / overlay)])] == [13]


def test_the_tags_of_the_annotation() -> None:
    annotations = load(ISTIO / "telemetry" / "pod-annotation.yaml")["spec"]["template"]["metadata"]["annotations"]
    (annotation,) = annotations.values()
    assert tags(annotation) == []
    mesh = load(ISTIO / "telemetry" / "meshconfig-extra-stat-tags.yaml")
    assert mesh["meshConfig"]["defaultConfig"]["extraStatTags"] == annotation.split(",")
    assert annotation.split(",") == re.findall(r"tag_name: (\w+)", paths.STATS_TAGS.read_text())
    for wrong in (annotation.replace(",", ", "), f"{annotation},pic", f"{annotation},kafka_topic"):
        assert {number for number, _ in tags(wrong)} == {15}


def test_the_image_is_put_into_every_form(tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    out = tmp_path / "manifests"
    done = _pin("ghcr.io/kafka-filter/kafka-filter:0.1.0", f"sha256:{digest}", "--out", str(out))
    assert done.returncode == 0, done.stderr
    waypoint = ISTIO / "examples" / "waypoint.yaml"
    assert sorted(done.stdout.split()) == sorted(str(out / path.relative_to(ISTIO)) for path in (*FORMS, waypoint))
    for path in FORMS:
        pinned = load(out / path.relative_to(ISTIO))
        assert findings(pinned, ALL) == []
        text = (out / path.relative_to(ISTIO)).read_text()
        assert "registry.invalid" not in text and "0" * 64 not in text and text.count(digest) == 1
        assert "oci://ghcr.io/kafka-filter/kafka-filter:0.1.0" in text
    assert load(out / "envoyfilter.yaml") == load(out / "base" / "envoyfilter.yaml")
    for overlay in SHIPPED:
        assert digest in str(render(out / "overlays" / overlay))


@pytest.mark.parametrize(("image", "digest"), [
    ("ghcr.io/kafka-filter/kafka-filter", "a" * 64), ("ghcr.io/kafka-filter/kafka-filter:0.1.0", "a" * 63),
    ("ghcr.io/kafka-filter/kafka-filter:0.1.0", "0" * 64), ("https" + "://ghcr.io/x:1", "a" * 64),
])
def test_what_is_no_image_is_refused(tmp_path: Path, image: str, digest: str) -> None:
    done = _pin(image, digest, "--out", str(tmp_path / "manifests"))
    assert done.returncode == 2 and "expected" in done.stderr
    assert not (tmp_path / "manifests").exists()


def test_commands_of_the_page_look_at_all_namespaces() -> None:
    """Without -A, istioctl analyze looks at `default` alone and finds every mistake clean."""
    page = (ISTIO / "README.md").read_text()
    commands = re.findall(r"istioctl analyze[^\n`]*", page)
    assert commands
    assert all(re.search(r" (-A|--all-namespaces)\b", command) for command in commands), commands


def _pin(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(ISTIO / "pin.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _patch(document: Json) -> Json:
    found: Json = insertions(document)[0]["patch"]
    return found


def _value(document: Json) -> Json:
    found: Json = _patch(document)["value"]
    return found


def _discovery(document: Json) -> Json:
    found: Json = _value(document)["config_discovery"]
    return found


def _source(document: Json) -> Json:
    found: Json = _discovery(document)["config_source"]
    return found


def _listener(document: Json) -> Json:
    found: Json = insertions(document)[0]["match"]["listener"]
    return found


def _filter(document: Json) -> Json:
    found: Json = _listener(document)["filterChain"]["filter"]
    return found


def _config(document: Json) -> Json:
    found: Json = resource_config(document)["typed_config"]["config"]
    return found


def _remote(document: Json) -> Json:
    found: Json = _config(document)["vm_config"]["code"]["remote"]
    return found
