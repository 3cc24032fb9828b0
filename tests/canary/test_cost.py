"""What it costs: memory that stays, and CPU for a record, at twenty times the default rate."""

from __future__ import annotations

import os
import time
from pathlib import Path

from canary import Canary
from lab import Kafka

# strimzi-canary took 25 MiB and 1.6 s of CPU for 1,000 records at 51 records/s: at most the memory, at most half the CPU.
RESIDENT_MIB_MAX = 25.0
CPU_SECONDS_PER_1000_MAX = 0.8
RECORDS_PER_SECOND = 60
# An hour, as CANARY_SOAK_SECONDS=3600, when it is meant; a minute shows a leak of a record or a connection as well.
SECONDS = float(os.environ.get("CANARY_SOAK_SECONDS", "60"))


def test_memory_stays_and_cpu_is_small(here: Path, three: Kafka) -> None:
    with Canary(here, three.bootstrap, "soaked", {"KAFKA_CANARY_PROBE_INTERVAL_MS": "50"}, fast=False) as canary:
        canary.wait_until_serving(3)
        time.sleep(10)
        begin, cpu, before, resident = time.monotonic(), canary.cpu_seconds(), canary.stats(), canary.resident_mib()
        most = resident
        while time.monotonic() < begin + SECONDS:
            time.sleep(min(5.0, SECONDS / 4))
            most = max(most, canary.resident_mib())
        change = canary.stats() - before
        spent = canary.cpu_seconds() - cpu
        records = change.total("kafka_canary_records_consumed_total")
        seconds = time.monotonic() - begin
        print(f"\n{records / seconds:.0f} records/s for {seconds:.0f} s: {resident:.1f} MiB, at most {most:.1f} MiB, "
              f"{spent / records * 1000:.2f} s of CPU for 1,000 records")
        assert records >= 0.95 * RECORDS_PER_SECOND * seconds
        assert change.total("kafka_canary_records_lost_total") == 0
    assert most <= RESIDENT_MIB_MAX
    assert most - resident <= 2.0, "memory grows"
    # A bound on work, not on time: a busy machine makes seconds of a CPU a little longer, not twice.
    assert spent / records * 1000 <= CPU_SECONDS_PER_1000_MAX
