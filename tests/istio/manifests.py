"""The manifests of istio/ as data: read from the files, rendered from the overlays, and as Envoy gets them.

Envoy gets a listener filter that names an ECDS resource, and the resource itself. Of an EnvoyFilter both are taken as
they stand; what istiod makes of a WasmPlugin or TrafficExtension is `_generated`. The sidecar's agent replaces remote
code by the file that it fetched; here that is the built module.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from lab import paths

Json = dict[str, Any]

ISTIO = paths.REPOSITORY / "istio"
ENVOYFILTER = ISTIO / "base" / "envoyfilter.yaml"
FORMS = (ENVOYFILTER, ISTIO / "trafficextension.yaml", ISTIO / "wasmplugin.yaml")
OVERLAYS = ISTIO / "overlays"

ROOT_NAMESPACE = "istio-system"
WASM = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm"
RBAC = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"
STRING_VALUE = "type.googleapis.com/google.protobuf.StringValue"

# What a proxy is to each context of an EnvoyFilter: the direction of its listener, and the mode of a plugin's match.
CONTEXTS = {"SIDECAR_OUTBOUND": ("OUTBOUND", "CLIENT"), "SIDECAR_INBOUND": ("INBOUND", "SERVER"),
            "GATEWAY": ("OUTBOUND", "CLIENT")}


def load(path: Path) -> Json:
    """The one document of a file."""
    (document,) = [found for found in yaml.safe_load_all(path.read_text()) if found]
    loaded: Json = document
    return loaded


def render(folder: Path) -> list[Json]:
    """What `kubectl kustomize` makes of a folder, with those of its means that these overlays use."""
    kustomization = load(folder / "kustomization.yaml")
    known = {"apiVersion", "kind", "resources", "namespace", "patches"}
    if set(kustomization) - known:
        raise NotImplementedError(f"{folder}: {set(kustomization) - known}")
    documents: list[Json] = []
    for name in kustomization["resources"]:
        found = (folder / name).resolve()
        documents += render(found) if found.is_dir() else [load(found)]
    for patch in kustomization.get("patches", []):
        target = patch["target"]
        (document,) = [found for found in documents
                       if (found["kind"], found["metadata"]["name"]) == (target["kind"], target["name"])]
        for operation in yaml.safe_load(patch["patch"]):
            _apply(document, operation)
    if "namespace" in kustomization:
        for document in documents:
            document["metadata"]["namespace"] = kustomization["namespace"]
    return documents


def insertions(document: Json) -> list[Json]:
    """The patches of an EnvoyFilter that put the filter into listeners."""
    return [patch for patch in document["spec"]["configPatches"] if patch["applyTo"] == "NETWORK_FILTER"]


def resource_config(document: Json) -> Json:
    """What the EnvoyFilter's ECDS resource is, by name and typed_config; to be changed in place."""
    (found,) = [patch["patch"]["value"] for patch in document["spec"]["configPatches"]
                if patch["applyTo"] == "EXTENSION_CONFIG"]
    config: Json = found
    return config


def plugin(document: Json) -> Json:
    """The part of a WasmPlugin or TrafficExtension that says what to load; to be changed in place."""
    found: Json = document["spec"]["wasm"] if document["kind"] == "TrafficExtension" else document["spec"]
    return found


def resource(document: Json, module: Path) -> Json:
    """The ECDS resource as the agent hands it to Envoy, with the code in a file."""
    made = copy.deepcopy(resource_config(document)) if document["kind"] == "EnvoyFilter" else _generated(document)
    made["typed_config"]["config"]["vm_config"]["code"] = {"local": {"filename": str(module)}}
    return made


def listener_filter(document: Json, context: str, ecds: Path | None) -> Json:
    """What stands before tcp_proxy in the listeners of a context; with `ecds` the resource is read from that file."""
    if document["kind"] == "EnvoyFilter":
        (made,) = [copy.deepcopy(patch["patch"]["value"]) for patch in insertions(document)
                   if patch["match"]["context"] == context]
    else:
        modes = [match["mode"] for match in document["spec"]["match"]]
        if CONTEXTS[context][1] not in modes:
            raise ValueError(f"{document['kind']} does not match {context}")
        # istiod lets a proxy wait for plugins without end.
        source = {"ads": {}, "initial_fetch_timeout": "0s"}
        made = {"name": _generated(document)["name"],
                "config_discovery": {"config_source": source, "type_urls": [WASM, RBAC]}}
    if ecds is None:
        return made
    source = made["config_discovery"]["config_source"]
    if source.pop("ads") != {}:
        raise ValueError("the resource does not come by ADS")
    source["path_config_source"] = {"path": str(ecds), "watched_directory": {"path": str(ecds.parent)}}
    return made


def write_ecds(path: Path, resources: list[Json], version: str) -> None:
    """Replaces the file as a whole, as Envoy's watch needs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    typed = [{"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", **one} for one in resources]
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(json.dumps({"version_info": version, "resources": typed}))
    scratch.rename(path)


def _generated(document: Json) -> Json:
    """What istiod 1.31 makes of a plugin: names, runtime and policy are its own, the rest is the manifest's.

    It makes a TrafficExtension of a WasmPlugin first.
    """
    spec, metadata = plugin(document), document["metadata"]
    name = f"{metadata['namespace']}.{metadata['name']}"
    if document["kind"] == "WasmPlugin":
        name += "~istio-translated-wasmplugin"
    config: Json = {"name": name, "root_id": spec["pluginName"], "failure_policy": spec["failStrategy"],
                    "vm_config": {"runtime": "envoy.wasm.runtime.v8"}}
    if spec.get("pluginConfig"):
        config["configuration"] = {"@type": STRING_VALUE, "value": json.dumps(spec["pluginConfig"])}
    return {"name": f"extensions.istio.io/trafficextension/{name}",
            "typed_config": {"@type": WASM, "config": config}}


def _apply(document: Json, operation: Json) -> None:
    """One operation of a JSON patch (RFC 6902)."""
    *parents, last = operation["path"].strip("/").split("/")
    place: Any = document
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    key = int(last) if isinstance(place, list) else last
    if operation["op"] == "remove":
        del place[key]
    elif operation["op"] == "replace":
        place[key]  # What is not there cannot be replaced.
        place[key] = operation["value"]
    elif operation["op"] == "add" and isinstance(place, dict):
        place[key] = operation["value"]
    else:
        raise NotImplementedError(str(operation))
