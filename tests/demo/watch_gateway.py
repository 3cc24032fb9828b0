"""The gateway before a real broker: requests of each kind with their answers, then an outage in which it is even killed.

    make demo-gateway
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "gateway")]

from confluent_kafka.admin import AdminClient  # noqa: E402
from gateway import BINARY, Answer, Gateway, with_log  # noqa: E402
from lab import Failed, Kafka, end_on_signals, run_folder, wait_until  # noqa: E402
from topics import Topics  # noqa: E402

TOPIC = "orders"
DURING = 500
WIDTH = 118


def main() -> int:
    end_on_signals()
    if not BINARY.is_file():
        print(f"{BINARY} is missing: run `make gateway` first", file=sys.stderr)
        return 1
    begin = time.monotonic()
    folder = run_folder("demo-gateway")
    print("starting a broker ...", flush=True)
    with Kafka(folder / "kafka", heap="384m") as kafka:
        topics = Topics(kafka.bootstrap)
        # What a client says of the outage that follows is not the gateway's.
        topics.admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        topics.make(TOPIC, partitions=3)
        with Gateway(folder, kafka.bootstrap, with_log(folder / "log")) as gateway:
            print(f"gateway: http://127.0.0.1:{gateway.port}, metrics: http://127.0.0.1:{gateway.metrics_port}/metrics, "
                  f"its log: {folder / 'gateway.log'}")
            normal(gateway, topics.admin.list_topics(timeout=10).cluster_id)
            accepted = outage(gateway, kafka)
            found = recovered(gateway, kafka, topics, accepted)
    print(f"\n{time.monotonic() - begin:.0f} seconds")
    return 0 if found else 1


def normal(gateway: Gateway, cluster: str) -> None:
    """A few requests of each API."""
    scene("kprf's API: wait for Kafka, or for the write-ahead log alone")
    show(gateway, "POST", "/push", {"records": [{"topic": TOPIC, "key": "42", "data": "paid"},
                                                {"topic": TOPIC, "data_base64": "AAEC", "headers": {"trace": "7f"}}],
                                    "wait_for_send": True})
    show(gateway, "POST", "/push", {"records": [{"topic": TOPIC, "data": "shipped"}]})
    show(gateway, "POST", "/push", {"records": [{"topic": "no-such-topic", "data": "x"}], "wait_for_send": True})
    scene("Idempotency-Key: the second request is answered again, and written once")
    once = {"records": [{"topic": TOPIC, "data": "charged once"}], "wait_for_send": True}
    for _ in range(2):
        show(gateway, "POST", "/push", once, {"idempotency-key": "charge-42"})
    scene("Confluent REST v3: a stream of records, and a batch of which one is wrong")
    stream = b'{"value":{"type":"JSON","data":{"n":1}}} {"partition_id":1,"value":{"type":"STRING","data":"two"}}'
    show(gateway, "POST", f"/v3/clusters/{cluster}/topics/{TOPIC}/records", stream, JSON)
    show(gateway, "POST", f"/v3/clusters/{cluster}/topics/{TOPIC}/records:batch", {"entries": [
        {"id": "a", "value": {"type": "JSON", "data": [1, 2]}},
        {"id": "b", "partition_id": 99, "value": {"type": "STRING", "data": "nowhere"}}]})
    scene("The body is the record: for shell scripts")
    show(gateway, "POST", f"/topics/{TOPIC}?key=host-1", b"disk is at 91 %", {"content-type": "text/plain"})


def outage(gateway: Gateway, kafka: Kafka) -> set[bytes]:
    """The broker stops, records come, and the gateway is killed too."""
    scene(f"The broker stops. {DURING} records come, and each is accepted: it is on disk")
    kafka.child(0).stop()
    accepted: set[bytes] = set()
    for number in range(DURING):
        value = f"during the outage {number}"
        answer = gateway.push({"topic": TOPIC, "data": value}, wait=False)
        if answer.status != 200:
            raise Failed(f"record {number} was not accepted: {answer}")
        accepted.add(value.encode())
        if number == 0:
            say(answer)
    print(f"  ... and {len(accepted) - 1} more")
    print(f"  /ready: {gateway.manage('/ready').status}")
    scene("The gateway is killed (SIGKILL), and started again while the broker is still away")
    gateway.kill()
    gateway.ready = False
    gateway.start()
    return accepted


def recovered(gateway: Gateway, kafka: Kafka, topics: Topics, accepted: set[bytes]) -> bool:
    """The broker is back; whether the topic holds every record that was accepted."""
    scene("The broker starts again")
    kafka.start_again(0)
    begin = time.monotonic()
    found: set[bytes] = set()

    def there() -> bool:
        nonlocal found
        found = set(topics.values(TOPIC)) & accepted
        return found == accepted or time.monotonic() - begin > 20

    wait_until("the records", there, 60, gateway.child, interval=0.5)
    print(f"  accepted during the outage {len(accepted)}, in the topic {len(found)}, lost {len(accepted - found)} "
          f"(after {time.monotonic() - begin:.1f} s)")
    return found == accepted


def scene(title: str) -> None:
    print(f"\n{title}", flush=True)


def show(gateway: Gateway, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> None:
    """A request and its answer, a line or few each."""
    shown = body.decode() if isinstance(body, bytes) else json.dumps(body)
    extra = "".join(f"  {name}: {value}" for name, value in (headers or {}).items() if name != "content-type")
    print(f"  > {method} {path}{extra}\n    {short(shown)}")
    say(gateway.send(method, path, body, headers))


def say(answer: Answer) -> None:
    replayed = "  (replayed)" if "idempotency-replayed" in answer.headers else ""
    lines = answer.text.split("\n")
    print(f"  < {answer.status}{replayed}  {short(lines[0])}")
    for line in lines[1:]:
        if line.strip():
            print(f"         {short(line)}")
    sys.stdout.flush()


def short(text: str) -> str:
    """In one line of the screen."""
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[:WIDTH - 3] + "..."


JSON = {"content-type": "application/json"}

if __name__ == "__main__":
    sys.exit(main())
