"""Plays docker-compose.yaml, and writes down what it saw. test_compose_run.py judges.

    unshare --net python3 tests/monitoring/pod_scenario.py FOLDER        writes FOLDER/seen.json

Without a network namespace of its own it takes the ports of the files on this machine, when all of them are free.
First what `docker compose up` starts, and a person with kcat; then the profiles for load and three brokers on top; then
all is stopped, and the first broker comes back with what its volume holds.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from pathlib import Path

# This file is started by its path; what it imports lies beside it and in `tests`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import compose  # noqa: E402
from compose import Json  # noqa: E402
from lab import end_on_signals, paths, wait_until  # noqa: E402
from pod import Pod  # noqa: E402

# What the parts listen on: Envoy, the brokers, Prometheus, the console.
PORTS = {19092, 19093, 19094, 9901, 9092, 9093, 9094, 9192, 9193, 9194, 9292, 9090, 8085}
# The program as it is for tests; the file's own is a static one, which takes minutes to build.
CONSOLE = paths.REPOSITORY / "dist" / "kafka-console"
CONSOLE_PAGE = "http://127.0.0.1:8085/api/v1/page/topics?window=1m"
RECORDS = 60
TOPIC = "tried-by-hand"


def main(folder: Path) -> None:
    end_on_signals()
    _loopback_up()
    taken = {port for ports in _listening().values() for port in ports} & PORTS
    if taken:
        sys.exit(f"somebody listens on {sorted(taken)}, which docker-compose.yaml needs")
    pod = Pod(folder, compose.load(variables={"KAFKA_CONSOLE": str(CONSOLE)}))
    seen: Json = {"records": RECORDS, "topic": TOPIC, "started": [pod.up()], "listening": _listening()}
    seen["produced"] = pod.run("kcat", ["-P", "-t", TOPIC], "".join(f"record {at}\n" for at in range(RECORDS)))
    seen["consumed"] = _consumed(pod)
    seen["one_broker"] = json.loads(pod.run("kcat", ["-L", "-J"]))

    load_begun = time.monotonic()
    seen["started"].append(pod.up(["three-brokers", "load", "console"]))
    seen["listening_three"] = _listening()
    read = 'sum(kafka_filter_topic_fetched_records_total{topic="orders"})'
    wait_until("the load to be read", lambda: _value(read), 60, interval=0.5)
    seen["three_brokers"] = json.loads(pod.run("kcat", ["-L", "-J"]))
    seen["load"] = {"records": _records("orders"), "seconds": time.monotonic() - load_begun}
    seen["metrics"] = {name: _series(ask) for name, ask in ASKED.items()}
    wait_until("every rule to be evaluated", lambda: all(rule["health"] != "unknown" for rule in _rules()), 40,
               interval=0.5)
    seen["rules"] = _rules()
    seen["upstream"] = _upstream()
    # It asks Prometheus every ten seconds.
    wait_until("the console to have the load", lambda: '"orders"' in _get(CONSOLE_PAGE), 40, interval=0.5)
    seen["console"] = json.loads(_get(CONSOLE_PAGE))
    seen["running"] = pod.running()

    begun = time.monotonic()
    seen["stopped"] = pod.stop(["producer", "consumer"])
    seen["stopping_seconds"] = time.monotonic() - begun
    # The brokers before the one that is their controller too: without it none of them can leave.
    seen["stopped"] |= pod.stop(["console", "prometheus", "kafka-3", "kafka-2"])
    seen["stopped"] |= pod.stop(["kafka"])
    pod.up()
    seen["consumed_after_restart"] = _consumed(pod)
    seen["stopped_again"] = pod.stop(pod.running())
    seen["envoy_log"] = pod.log("envoy")
    scratch = folder / "seen.json.new"
    scratch.write_text(json.dumps(seen, indent=1))
    scratch.rename(folder / "seen.json")


# What is asked of Prometheus while the load runs.
ASKED = {
    "by_hand": f'sum by (topic) (kafka_filter_topic_produced_records_total{{topic="{TOPIC}"}})',
    "produced": 'sum by (topic) (kafka_filter_topic_produced_records_total{topic="orders"})',
    "clients": 'sum by (client_id) (kafka_filter_client_produced_records_total{topic="orders"})',
    "groups": 'sum by (group) (kafka_filter_group_requests_total{group!=""})',
    "up": "up",
    "alerts": 'ALERTS{alertstate="firing"}',
    "opaque": "sum(kafka_filter_connections_opaque_total)",
}


def _consumed(pod: Pod) -> list[str]:
    """All records of the topic, as kcat reads them."""
    return pod.run("kcat", ["-C", "-t", TOPIC, "-o", "beginning", "-e", "-q"]).splitlines()


def _records(topic: str) -> float:
    """Records written so far, by Envoy's own counters: Prometheus looks every 15 seconds only."""
    lines = _get("http://127.0.0.1:9901/stats/prometheus").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines
               if line.startswith("kafka_filter_topic_produced_records_total") and f'topic="{topic}"' in line)


def _upstream() -> dict[str, int]:
    """How many connections Envoy made to each broker."""
    lines = _get("http://127.0.0.1:9901/stats?filter=^cluster\\.kafka_.\\.upstream_cx_total$").splitlines()
    return {line.split(".")[1]: int(line.rpartition(" ")[2]) for line in lines}


def _series(ask: str) -> list[Json]:
    answer = json.loads(_get("http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": ask})))
    found: list[Json] = answer["data"]["result"]
    return found


def _value(ask: str) -> float:
    found = _series(ask)
    return float(found[0]["value"][1]) if found else 0.0


def _rules() -> list[Json]:
    groups = json.loads(_get("http://127.0.0.1:9090/api/v1/rules"))["data"]["groups"]
    return [{key: rule.get(key) for key in ("name", "health", "lastError")}
            for group in groups for rule in group["rules"]]


def _get(url: str) -> str:
    # Nothing of this machine's settings leads out of the namespace.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def _listening() -> dict[str, list[int]]:
    """The ports that somebody listens on, by where they can be reached: everywhere, or here.

    All ports in a namespace of one's own; elsewhere those of the parts, since others listen there too.
    """
    alone = len(socket.if_nameindex()) == 1
    found: dict[str, set[int]] = defaultdict(set)
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            address, _, port = local.partition(":")
            if state == "0A" and (alone or int(port, 16) in PORTS):  # TCP_LISTEN
                found["everywhere" if not address.strip("0") else "here"].add(int(port, 16))
    return {reach: sorted(ports) for reach, ports in found.items()}


def _loopback_up() -> None:
    """A new namespace has its loopback interface down. SIOCGIFFLAGS, SIOCSIFFLAGS; IFF_UP is 1."""
    with socket.socket() as control:
        answer = fcntl.ioctl(control, 0x8913, struct.pack("16sH14s", b"lo", 0, b""))
        name, flags, rest = struct.unpack("16sH14s", answer)
        if not flags & 1:
            fcntl.ioctl(control, 0x8914, struct.pack("16sH14s", name, flags | 1, rest))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
