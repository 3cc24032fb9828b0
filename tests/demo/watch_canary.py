"""The canary against three real brokers, one of which is frozen for a while: what it says of that, second by second.

    make demo-canary
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "canary")]

from canary import Canary  # noqa: E402
from lab import Kafka, Stats, end_on_signals, run_folder  # noqa: E402

# What happens, and how long it is watched.
SCENES = (("All brokers serve.", 10), ("Broker 3 is frozen (SIGSTOP): connected, and silent.", 20),
          ("Broker 3 goes on.", 20))
SETTINGS = {"RECONCILE_INTERVAL_MS": "2000", "KAFKA_CANARY_ACK_TIMEOUT_MS": "2000", "KAFKA_CANARY_PROBE_INTERVAL_MS": "200",
            "CONNECTION_CHECK_INTERVAL_MS": "2000", "KAFKA_CANARY_COORDINATORS_INTERVAL_MS": "2000"}
EVERY = 5.0


def main() -> int:
    end_on_signals()
    folder = run_folder("demo-canary")
    print("starting three brokers ...", flush=True)
    with Kafka(folder / "kafka", brokers=3, controllers=1, heap="384m") as kafka, \
            Canary(folder, kafka.bootstrap, settings=SETTINGS) as canary:
        canary.wait_until_serving(3)
        print(f"canary: http://127.0.0.1:{canary.port}/metrics, its log: {folder / 'canary.log'}")
        for number, (scene, seconds) in enumerate(SCENES):
            if number == 1:
                kafka.child(2).freeze()
            if number == 2:
                kafka.child(2).thaw()
            print(f"\n{scene}", flush=True)
            print(HEAD)
            end = time.monotonic() + seconds
            before = canary.stats()
            while time.monotonic() < end:
                time.sleep(min(EVERY, max(0.0, end - time.monotonic())))
                now = canary.stats()
                show(now - before, now, canary.get("/readiness")[0] == 200)
                before = now
        lost = canary.stats().total("kafka_canary_records_lost_total")
        print(f"\nrecords lost: {lost:.0f}")
    return 0


def show(change: Stats, now: Stats, ready: bool) -> None:
    """A line for each partition: what was due in these seconds, and what became of it."""
    for (partition,), due in sorted(change.by("kafka_canary_produce_due_total", "partition").items()):
        read = change.total("kafka_canary_records_consumed_total", partition=partition)
        failed = change.by("kafka_canary_records_produce_failed_total", "reason", partition=partition)
        leader = f"{now.total('kafka_canary_partition_leader', partition=partition):.0f}"
        reasons = ", ".join(f"{reason} {count:.0f}" for (reason,), count in sorted(failed.items())) or "-"
        print(f"{partition:>9}  {leader:>6}  {due:>5.0f}  {read:>5.0f}  {mean(change, 'produce', leader):>10}  "
              f"{mean(change, 'end_to_end', leader):>13}  {reasons}")
    print(f"{'ready' if ready else 'NOT READY':>9}", flush=True)


def mean(change: Stats, what: str, broker: str) -> str:
    """Milliseconds of the mean of a histogram, `-` when it did not move."""
    name = f"kafka_canary_{what}_latency_seconds"
    count = change.total(f"{name}_count", broker=broker)
    return f"{change.total(f'{name}_sum', broker=broker) / count * 1e3:.1f}" if count else "-"


HEAD = "partition  leader    due   read  produce ms  end to end ms  failed"

if __name__ == "__main__":
    sys.exit(main())
