"""What Istio needs of a manifest, and what it does otherwise, nearly always without a word.

Each rule has a number, which findings bear, so that a test can say which rule it was that found a mistake.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from manifests import RBAC, ROOT_NAMESPACE, STRING_VALUE, WASM, Json, insertions, plugin

Finding = tuple[int, str]

API_VERSIONS = {"EnvoyFilter": "networking.istio.io/v1alpha3", "TrafficExtension": "extensions.istio.io/v1alpha1",
                "WasmPlugin": "extensions.istio.io/v1alpha1"}

EVERYONE = {"action": "ALLOW",
            "policies": {"everyone": {"permissions": [{"any": True}], "principals": [{"any": True}]}}}


def findings(document: Json, contexts: Sequence[str], mesh_wide: bool = True) -> list[Finding]:
    """What is wrong with a manifest that is meant for these contexts."""
    found = list(_resource(document, mesh_wide))
    if document["kind"] == "EnvoyFilter":
        found += _envoy_filter(document, contexts)
    else:
        found += _plugin(document, contexts)
    return found


def bundle(documents: Sequence[Json]) -> list[Finding]:
    """What is wrong with manifests that are installed together."""
    forms = [document["kind"] for document in documents if document["kind"] in API_VERSIONS]
    return [] if len(forms) < 2 else [(13, f"{forms} together count everything twice")]


def tags(annotation: str) -> list[Finding]:
    """What is wrong with the value of the annotation sidecar.istio.io/extraStatTags."""
    found = [(15, "a tag with a space is another tag")] if re.search(r"\s", annotation) else []
    names = annotation.split(",")
    return found + [(15, f"`{long}` ends with `{short}`, whose expression is not anchored")
                    for long in names for short in names if long != short and long.endswith(short)]


def _resource(document: Json, mesh_wide: bool) -> Iterator[Finding]:
    if document["apiVersion"] != API_VERSIONS[document["kind"]]:
        yield 1, f"{document['apiVersion']} is not served"
    if mesh_wide and document["metadata"].get("namespace") != ROOT_NAMESPACE:
        yield 1, "only the root namespace reaches the whole mesh"


def _envoy_filter(document: Json, contexts: Sequence[str]) -> Iterator[Finding]:
    spec = document["spec"]
    if not isinstance(spec.get("priority"), int):
        yield 2, "without priority istioctl analyze warns (IST0151)"
    resources = [patch["patch"] for patch in spec["configPatches"] if patch["applyTo"] == "EXTENSION_CONFIG"]
    if [patch["operation"] for patch in resources] != ["ADD"]:
        yield 6, "one ECDS resource is added"
        return
    places = Counter((patch["match"].get("context"), patch["match"]["listener"].get("portNumber"))
                     for patch in insertions(document))
    if {context for context, _ in places} != set(contexts):
        yield 5, f"contexts are {sorted(str(place) for place in places)}, meant are {contexts}"
    yield from ((5, f"{place} twice counts twice") for place, count in places.items() if count > 1)
    for patch in insertions(document):
        yield from _insertion(patch, resources[0]["value"]["name"])
    yield from _wasm(resources[0]["value"]["typed_config"])


def _insertion(patch: Json, resource_name: str) -> Iterator[Finding]:
    listener = patch["match"]["listener"]
    name = listener.get("filterChain", {}).get("filter", {}).get("name")
    if patch["patch"]["operation"] != "INSERT_BEFORE" or name != "envoy.filters.network.tcp_proxy":
        yield 3, f"{patch['patch']['operation']} {name} is not directly before tcp_proxy"
    port = listener.get("portNumber")
    if not isinstance(port, int) or not 0 < port < 65536:
        yield 4, f"portNumber {port}: all TCP goes through the filter, or none"
    value = patch["patch"]["value"]
    if value["name"] != resource_name:
        yield 6, f"{value['name']} is asked for, {resource_name} is there"
    if "typed_config" in value:
        yield 10, "code in the listener is not fetched by the agent"
        return
    discovery = value["config_discovery"]
    default = discovery.get("default_config", {})
    if set(discovery["type_urls"]) != {WASM, RBAC}:
        yield 7, "type_urls are those of wasm and RBAC"
    if default.get("@type") != RBAC or not default.get("stat_prefix") or default.get("rules", EVERYONE) != EVERYONE:
        yield 7, "the default is an RBAC filter with stat_prefix that lets everyone pass"
    timeout = discovery["config_source"].get("initial_fetch_timeout", "15s")
    if not 0 < _seconds(timeout) <= 5:
        yield 8, f"initial_fetch_timeout {timeout}: the whole proxy waits so long"


def _wasm(typed: Json) -> Iterator[Finding]:
    if typed["@type"] != WASM:
        yield 10, f"{typed['@type']} is no network filter"
    config = typed["config"]
    policy = {key: config[key] for key in ("failure_policy", "fail_open") if key in config}
    if policy not in ({"failure_policy": "FAIL_OPEN"}, {"fail_open": True}):
        yield 9, f"{policy}: exactly one of failure_policy: FAIL_OPEN and fail_open: true"
    machine = config["vm_config"]
    remote = machine["code"].get("remote")
    if machine["runtime"] != "envoy.wasm.runtime.v8" or not remote:
        yield 10, "V8 and remote code"
    else:
        if not re.match(r"(oci|https)://", remote["http_uri"]["uri"]) or remote["http_uri"].get("timeout") != "30s":
            yield 10, f"{remote['http_uri']}: oci or https, within 30s"
        yield from _digest(remote.get("sha256"))
    value = config.get("configuration", {"@type": STRING_VALUE, "value": ""})
    if value["@type"] != STRING_VALUE or not _is_object(value["value"]):
        yield 12, f"{value} is no JSON object in a StringValue"


def _plugin(document: Json, contexts: Sequence[str]) -> Iterator[Finding]:
    spec, matches = plugin(document), document["spec"].get("match", [])
    modes = {"CLIENT": {"SIDECAR_OUTBOUND", "GATEWAY"}, "SERVER": {"SIDECAR_INBOUND"}}
    covered: Counter[str] = Counter()
    for match in matches:
        covered.update(modes.get(match.get("mode", ""), set()))
        ports = [port.get("number") for port in match.get("ports", [])]
        if not ports or not all(isinstance(port, int) and 0 < port < 65536 for port in ports):
            yield 4, f"ports {ports}: all TCP goes through the filter, or none"
    if covered != Counter(contexts):
        yield 5, f"{dict(covered)} is matched, meant are {contexts}"
    if spec.get("failStrategy") != "FAIL_OPEN":
        yield 9, "an image that cannot be fetched denies all Kafka traffic"
    if spec.get("type") != "NETWORK" or not re.match(r"(oci|https)://", spec["url"]):
        yield 10, "a network filter from oci or https"
    yield from _digest(spec.get("sha256"))
    if not isinstance(spec.get("pluginConfig", {}), dict):
        yield 12, "pluginConfig is an object"


def _digest(digest: object) -> Iterator[Finding]:
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        yield 11, f"{digest!r} is not 64 hexadecimal digits"


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s")) if duration.endswith("s") else -1


def _is_object(text: str) -> bool:
    try:
        return text == "" or isinstance(json.loads(text), dict)
    except ValueError:
        return False
