"""The console beside the demo: the same Envoy in a browser. Without it, or when it fails, the demo goes on."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from lab import Child, Envoy, Failed, free_port, paths, wait_until
from lab.web import ask

PROGRAM = paths.REPOSITORY / "dist" / "kafka-console"
SCRAPE_SECONDS = 2


class Console:
    """Use it in a `with` block. `where` says where its pages are, or why there are none."""

    def __init__(self, envoy: Envoy, folder: Path) -> None:
        self._envoy = envoy
        self._folder = folder
        self._port = free_port()
        self._child: Child | None = None
        self.where = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Console:
        if not PROGRAM.is_file():
            self.where = "not built: `make console`, then begin again"
            return self
        try:
            self._child = Child("kafka-console", [
                PROGRAM, "--listen", f"127.0.0.1:{self._port}", "--proxy", f"http://127.0.0.1:{self._envoy.admin_port}",
                "--scrape-interval", f"{SCRAPE_SECONDS}s"], self._folder / "console.log")
            wait_until("the console to answer", lambda: ask(self._port, "/healthy", timeout=5).status == 200, 10,
                       self._child)
            self.where = self.url
        except (Failed, OSError) as problem:
            self.where = f"did not start: {str(problem).splitlines()[0]}, see {self._folder / 'console.log'}"
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._child:
            self._child.stop()
