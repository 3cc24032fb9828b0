#!/usr/bin/env python3
"""Pictures of the console for the documentation: the demo's clients, a minute of their traffic, a real browser.

    make pictures        writes docs/images/console-*.png
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parent / "demo")]

from lab import Envoy, Failed, Kafka, Listener, Missing, end_on_signals, free_port, paths, run_folder  # noqa: E402

from browser import chromium, tab  # noqa: E402
from console import Console  # noqa: E402
from palette import smaller  # noqa: E402

IMAGES = paths.REPOSITORY / "docs" / "images"
# Name of the picture, the page's address, and how high the picture is.
SHOTS = [
    ("map", "/map?window=1m", 800), ("topics", "/topics?window=1m", 800),
    ("topic", "/topics/orders?window=30s&range=5m", 900),
    ("groups", "/groups?window=1m", 700), ("requests", "/requests?window=1m", 900),
    ("readiness", "/readiness", 700), ("health", "/health", 800),
]
WIDTH = 1280
# Until rates over a minute are whole.
TRAFFIC_SECONDS = 75


def main() -> int:
    end_on_signals()
    folder = run_folder("pictures")
    try:
        take(folder)
    except (Failed, Missing, OSError) as problem:
        print(f"pictures: {problem}\nlogs: {folder}", file=sys.stderr)
        return 1
    return 0


def take(folder: Path) -> None:
    # Here and not above: the demo's clients warn about themselves, and tests of the pictures need none of them.
    from traffic import Traffic

    port = free_port()
    with Kafka(folder / "kafka", listeners=[Listener("ENVOY", advertised=[port])]) as kafka:
        envoy = Envoy(folder, paths.REPOSITORY / "envoy" / "envoy.yaml", substitutions={
            "port_value: 19092}": f"port_value: {port}}}", "port_value: 9092}": f"port_value: {kafka.port('ENVOY')}}}"})
        with envoy, Console(folder, ["--proxy", f"http://127.0.0.1:{envoy.admin_port}"]) as console, \
                Traffic(kafka, f"127.0.0.1:{port}", folder), chromium() as browser:
            time.sleep(TRAFFIC_SECONDS)
            IMAGES.mkdir(exist_ok=True)
            for name, path, height in SHOTS:
                with tab(browser, console.url) as visitor:
                    visitor.page.set_viewport_size({"width": WIDTH, "height": height})
                    visitor.go(path)
                    visitor.page.wait_for_timeout(600)
                    picture = IMAGES / f"console-{name}.png"
                    picture.write_bytes(smaller(visitor.page.screenshot(scale="css")))
                    print(f"{picture.relative_to(paths.REPOSITORY)}: {picture.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
