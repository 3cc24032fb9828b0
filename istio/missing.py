#!/usr/bin/env python3
"""Lists the pods of a mesh whose proxies have Kafka listeners and not the filter, with the step at which it is lacking.

    python3 istio/missing.py                       # every pod with a sidecar, every gateway and waypoint
    python3 istio/missing.py -n shop --port 9092 --port 19092

It reads, and changes nothing: `kubectl get pods`, and in each proxy what it was sent and what it counts. It ends with 1
when the filter is missing somewhere. The cluster and the user are those of kubectl.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

PROXY = "istio-proxy"
TCP_PROXY = "envoy.filters.network.tcp_proxy"
# Part of the filter's name in listeners, whichever form is installed.
NAME = "kafka-filter"
# Of the two types that the filter's resource can have, the one that the agent sends for a module that it cannot fetch.
SUBSTITUTE = "envoy.extensions.filters.network.rbac.v3.RBAC"
# A waypoint's chains stand in one listener without an address, and are named by direction, port, subset and host.
WAYPOINT = re.compile(r"inbound-vip\|(\d+)\|")
AT_ONCE = 8
SECONDS = 60

# What is found, in the order in which it is looked for, and what to do.
THERE = "there"
NONE = "no listener on these ports"
NOT_IN_LISTENER = "not in the listener: port, namespace, selector or filter name of the manifest"
NOT_SENT = "no such resource: the names of the two patches differ, or istiod has not sent it"
NOT_FETCHED = "not fetched: digest, registry or image; see the agent's log"
NOT_RUNNING = "sent but not running: module or configuration was refused; see the proxy's log"
UNKNOWN = "cannot be read: "


@dataclass(frozen=True)
class Pod:
    """A pod with a proxy."""

    namespace: str
    name: str

    def get(self, path: str) -> str:
        """What the proxy's admin interface answers. RuntimeError with what kubectl said when it does not."""
        return kubectl("exec", self.name, "-n", self.namespace, "-c", PROXY, "--", "pilot-agent", "request", "GET", path)


def kubectl(*arguments: str) -> str:
    done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"kubectl ended with {done.returncode}")
    return done.stdout


def pods(namespace: str | None) -> list[Pod]:
    """Running pods that have a proxy, as a container or as an init container that stays."""
    listed = json.loads(kubectl("get", "pods", "-o", "json", *(["-n", namespace] if namespace else ["-A"])))
    return [Pod(one["metadata"]["namespace"], one["metadata"]["name"]) for one in listed["items"]
            if one["status"].get("phase") == "Running"
            and any(container["name"] == PROXY for kind in ("containers", "initContainers")
                    for container in one["spec"].get(kind, []))]


def verdict(pod: Pod, ports: Sequence[int]) -> str:
    """Where the filter is lacking, if it is."""
    try:
        dumped = json.loads(pod.get("config_dump?resource=dynamic_listeners"))
        names = [list(filter_names(chain)) for chain in kafka_chains(dumped, ports)]
        if not names:
            return NONE
        wanted = {name for chain in names for name in chain if NAME in name}
        if not all(any(NAME in name for name in chain) for chain in names):
            return NOT_IN_LISTENER
        types = resource_types(json.loads(pod.get("config_dump?resource=ecds_filters")))
        if not wanted <= set(types):
            return NOT_SENT
        if any(types[name].endswith(SUBSTITUTE) for name in wanted):
            return NOT_FETCHED
        return THERE if "kafka_filter_build_info" in pod.get("stats/prometheus") else NOT_RUNNING
    except (RuntimeError, ValueError, KeyError, subprocess.TimeoutExpired) as problem:
        return UNKNOWN + str(problem).splitlines()[0]


def kafka_chains(dumped: Json, ports: Sequence[int]) -> Iterator[Json]:
    """The filter chains with tcp_proxy that serve these ports: by the listener's own, at brokers by the chain's match, and
    at waypoints by the chain's name."""
    for config in dumped.get("configs", []):
        listener = config.get("active_state", {}).get("listener", {})
        own = listener.get("address", {}).get("socket_address", {}).get("port_value")
        chains = [*listener.get("filter_chains", []), *filter(None, [listener.get("default_filter_chain")])]
        for chain in chains:
            waypoint = WAYPOINT.match(chain.get("name", ""))
            port = int(waypoint[1]) if waypoint else chain.get("filter_chain_match", {}).get("destination_port", own)
            # Without a port a chain of virtualInbound and virtualOutbound is for whatever nobody knows.
            if port in ports and TCP_PROXY in filter_names(chain):
                yield chain


def filter_names(chain: Json) -> Iterator[str]:
    return (one["name"] for one in chain.get("filters", []))


def resource_types(dumped: Json) -> dict[str, str]:
    """Name and type of each resource that came by itself (ECDS)."""
    found = [config["ecds_filter"] for config in dumped.get("configs", []) if "ecds_filter" in config]
    return {one["name"]: one["typed_config"]["@type"] for one in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--namespace", help="of this namespace alone")
    parser.add_argument("--port", type=int, action="append", help="that Kafka listens on (9092); again for more")
    arguments = parser.parse_args()
    ports = arguments.port or [9092]
    try:
        found = pods(arguments.namespace)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as problem:
        print(f"missing.py: {problem}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = dict(zip(found, pool.map(lambda pod: verdict(pod, ports), found), strict=True))
    for pod, what in sorted(verdicts.items(), key=lambda item: (item[1], item[0].namespace, item[0].name)):
        if what not in (THERE, NONE):
            print(f"{pod.namespace}/{pod.name}\t{what}")
    there = sum(what == THERE for what in verdicts.values())
    lacking = sum(what not in (THERE, NONE) for what in verdicts.values())
    print(f"{len(verdicts)} proxies: {there} with the filter, {lacking} without, "
          f"{len(verdicts) - there - lacking} without Kafka listeners", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
