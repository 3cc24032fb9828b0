#!/usr/bin/env python3
"""Real Kafka behind real Envoy with the filter, real clients in front, and a live table of what the filter counts.

Every number in the table is read from Envoy's Prometheus text. At the end it is compared with the brokers' own logs.
The same is shown by kafka-console: open the address that is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

# The lab is a package beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import Envoy, Failed, Kafka, Listener, Missing, end_on_signals, free_port, paths, run_folder  # noqa: E402

from access import AccessLog  # noqa: E402
from closing import access_log, balance  # noqa: E402
from in_browser import Console  # noqa: E402
from readings import Readings  # noqa: E402
from screen import Screen  # noqa: E402
from traffic import Traffic  # noqa: E402
from views import connections, views  # noqa: E402

CONFIG = paths.REPOSITORY / "envoy" / "envoy.yaml"
# How often a terminal is redrawn, and how often a block is printed elsewhere.
LIVE_SECONDS, PRINTED_SECONDS = 1.0, 5.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=0.0, help="end after so many seconds (0: at Ctrl-C)")
    arguments = parser.parse_args()
    end_on_signals()
    folder = run_folder("demo")
    try:
        return run(folder, arguments.duration)
    except (Failed, Missing, OSError) as problem:
        print(f"demo: {problem}\nlogs: {folder}", file=sys.stderr)
        return 1


def run(folder: Path, duration: float) -> int:
    port = free_port()
    with contextlib.ExitStack() as stack:
        try:
            print(f"starting Kafka {paths.KAFKA_CURRENT} ...", flush=True)
            kafka = stack.enter_context(Kafka(folder / "kafka", listeners=[Listener("ENVOY", advertised=[port])]))
            print(f"starting Envoy {paths.PINS['envoy']['version']} with {paths.artifact().name} ...", flush=True)
            envoy = stack.enter_context(_envoy(folder, port, kafka.port("ENVOY")))
            console = stack.enter_context(Console(envoy, folder))
            print(f"in a browser      {console.where}\nstarting clients ...", flush=True)
            with Traffic(kafka, f"127.0.0.1:{port}", folder) as traffic:
                try:
                    _watch(envoy, port, traffic, console, duration)
                except (KeyboardInterrupt, SystemExit):
                    print()
                finally:
                    # Whoever is impatient now would only leave processes behind.
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
                    print("stopping clients ...", flush=True)
            agrees, lines = balance(envoy, kafka)
            print("\n".join(lines), flush=True)
            for failure in traffic.failures:
                print(f"client failed: {failure}")
        except (KeyboardInterrupt, SystemExit):
            # Before the clients ran: nothing to tell, only to clean up.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            print("\nstopping ...", flush=True)
            return 130
    print(f"Envoy, Kafka and the console are stopped. Logs: {os.path.relpath(folder)}")
    return 0 if agrees and not traffic.failures else 1


def _envoy(folder: Path, port: int, broker_port: int) -> Envoy:
    """Envoy with the shipped example on free ports, and with open connections in the access log at once."""
    return Envoy(folder, CONFIG, substitutions={
        "port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {broker_port}}}",
        "access_log_flush_interval: 3600s": "access_log_flush_interval: 2s"})


def _watch(envoy: Envoy, port: int, traffic: Traffic, console: Console, duration: float) -> None:
    """Reads and shows until the time is over; a final block shows the state at the end."""
    readings, log = Readings(window=10.0), AccessLog(access_log(envoy))
    begin = time.monotonic()
    shown = begin
    with Screen() as screen:
        every = LIVE_SECONDS if screen.is_live else PRINTED_SECONDS
        while True:
            now = time.monotonic()
            readings.add(now, envoy.stats())
            log.read()
            over = bool(duration) and now - begin >= duration
            if over or screen.is_live or now - shown >= every:
                shown = now
                show = screen.show_all if over else screen.show
                show(_title(now - begin, duration), views(readings, log),
                     [connections(readings), "", *_foot(envoy, port, traffic, console)])
            if over:
                return
            left = begin + duration - now if duration else LIVE_SECONDS
            screen.wait(max(min(LIVE_SECONDS, left), 0.05))


def _title(elapsed: float, duration: float) -> str:
    span = f"{elapsed:.0f} of {duration:.0f} s" if duration else f"{elapsed:.0f} s, Ctrl-C ends"
    return f"kafka-filter · Kafka {paths.KAFKA_CURRENT} behind Envoy {paths.PINS['envoy']['version']} · {span}"


def _foot(envoy: Envoy, port: int, traffic: Traffic, console: Console) -> list[str]:
    return [
        f"in a browser      {console.where}",
        f"your own client   kcat -b 127.0.0.1:{port} -L    echo hello | kcat -b 127.0.0.1:{port} -t orders -P",
        f"all the metrics   curl -s '127.0.0.1:{envoy.admin_port}/stats/prometheus?filter=kafka_filter'",
        *(f"client failed: {failure}" for failure in traffic.failures)]


if __name__ == "__main__":
    sys.exit(main())
