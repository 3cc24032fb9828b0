"""What istiod really sent for the manifests (golden/), made to run in an Envoy that is not Istio's.

Only what needs the mesh around it is replaced, and what is left out is told: filters that stock Envoy does not have, the
control plane as source of the filter, addresses of pods, and certificates. Filter chains stay as istiod made them.
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

from lab import paths
from lab.proxy import address
from manifests import Json

FOLDER = Path(__file__).parent / "golden"
PROXIES = ("client", "broker", "broker-strict", "gateway")
FORM_NAMES = ("envoyfilter", "trafficextension", "wasmplugin")

# Istio's own network filters, which only its build of Envoy has.
ISTIO_ONLY = ("istio.metadata_exchange", "istio.stats")
ORIGINAL_DST = "envoy.filters.listener.original_dst"
PROXY_PROTOCOL = {"name": "envoy.filters.listener.proxy_protocol", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}}
HTTP_MANAGER = "envoy.filters.network.http_connection_manager"
TCP_PROXY = "envoy.filters.network.tcp_proxy"


def golden(form: str, proxy: str) -> Json:
    loaded: Json = json.loads((FOLDER / f"{form}-{proxy}.json").read_text())
    return loaded


def chains(listener: Json) -> list[Json]:
    default = [listener["default_filter_chain"]] if "default_filter_chain" in listener else []
    return [*listener.get("filter_chains", []), *default]


def fetched(made: Json) -> list[Json]:
    """The ECDS resources as the agent hands them to Envoy, with the built module as the file that it fetched."""
    resources: list[Json] = copy.deepcopy(made["fetched"])
    for resource in resources:
        local = resource["typed_config"]["config"]["vm_config"]["code"]["local"]
        if not local["filename"]:
            raise ValueError("the agent names no file")
        local["filename"] = str(paths.ARTIFACT)
    return resources


def runnable(listener: Json, port: int, ecds: Path, certificates: Path | None = None) -> tuple[Json, list[str]]:
    """A listener of istiod at a port of this machine, and what had to be left out or replaced.

    An inbound listener learns the address that was called by the PROXY protocol instead of iptables' mark, so that its
    chains are chosen as in a pod.
    """
    made, told = copy.deepcopy(listener), []
    made["address"] = address("127.0.0.1", port)
    for key in ("bind_to_port", "use_original_dst"):
        if key in made:
            told.append(f"{key}: {json.dumps(made.pop(key))}")
    for position, one in enumerate(made.get("listener_filters", [])):
        if one["name"] == ORIGINAL_DST:
            made["listener_filters"][position] = PROXY_PROTOCOL
            told.append(one["name"])
    for chain in chains(made):
        for name in ISTIO_ONLY:
            told += [name for one in chain["filters"] if one["name"] == name]
        chain["filters"] = [one for one in chain["filters"] if one["name"] not in ISTIO_ONLY]
        for one in chain["filters"]:
            if "config_discovery" in one:
                _from_file(one["config_discovery"]["config_source"], ecds)
        if "transport_socket" in chain:
            told.append(_own_certificates(chain["transport_socket"], certificates))
    made["filter_chains"] = [chain for chain in made["filter_chains"] if not _is_http(chain)]
    if len(made["filter_chains"]) < len(listener["filter_chains"]):
        told.append("chains of HTTP")
    return made, told


def clusters(listeners: list[Json]) -> set[str]:
    """The clusters that the TCP chains go to."""
    return {one["typed_config"]["cluster"] for listener in listeners for chain in chains(listener)
            for one in chain["filters"] if one["name"] == TCP_PROXY}


def certificates(folder: Path) -> Path:
    """A mesh's authority, and a workload's key with a certificate of it: one for both ends."""
    folder.mkdir()
    _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/O=mesh", "-keyout", "root.key", "-out", "root.pem")
    _openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
             "-keyout", "key.pem", "-out", "request.pem")
    (folder / "extensions").write_text("subjectAltName=critical,URI:spiffe://cluster.local/ns/kafka-clients/sa/orders\n")
    _openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", "root.pem", "-CAkey", "root.key", "-days", "2",
             "-CAcreateserial", "-extfile", "extensions", "-out", "chain.pem")
    return folder


def mutual_tls(made: Json, folder: Path) -> Json:
    """A cluster as another sidecar has it: it calls by Istio's mTLS.

    Sidecars offer `istio-peer-exchange` too, whose preamble is for a filter that stock Envoy does not have.
    """
    made["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["istio"], **_files(folder)}}}
    return made


def _from_file(source: Json, ecds: Path) -> None:
    if source.pop("ads") != {}:
        raise ValueError("the filter does not come by ADS")
    source["path_config_source"] = {"path": str(ecds), "watched_directory": {"path": str(ecds.parent)}}


def _own_certificates(socket: Json, folder: Path | None) -> str:
    """istiod names secrets that the agent serves; here they are files. All else of the socket stays."""
    if folder is None:
        raise ValueError("a chain of mTLS, and no certificates")
    context = socket["typed_config"]["common_tls_context"]
    del context["tls_certificate_sds_secret_configs"]
    combined = context.pop("combined_validation_context")
    own = _files(folder)
    context |= own
    context["validation_context"] = combined["default_validation_context"] | own["validation_context"]
    return "secrets by SDS"


def _files(folder: Path) -> Json:
    return {"tls_certificates": [{"certificate_chain": {"filename": str(folder / "chain.pem")},
                                  "private_key": {"filename": str(folder / "key.pem")}}],
            "validation_context": {"trusted_ca": {"filename": str(folder / "root.pem")}}}


def _is_http(chain: Json) -> bool:
    return any(one["name"] == HTTP_MANAGER for one in chain["filters"])


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
