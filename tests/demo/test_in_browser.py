"""The demo goes on without the console: when it was not built, and when it ends at once."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import in_browser  # noqa: E402


class WithoutConsole(unittest.TestCase):
    def where(self, program: str) -> str:
        envoy = SimpleNamespace(admin_port=9901)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(in_browser, "PROGRAM", Path(program)):
            with in_browser.Console(envoy, Path(folder)) as console:  # type: ignore[arg-type]
                return console.where

    def test_it_says_what_to_build(self) -> None:
        self.assertIn("make console", self.where("/no/such/program"))

    def test_it_says_that_it_did_not_start(self) -> None:
        self.assertTrue(self.where("/bin/false").startswith("did not start: "))


if __name__ == "__main__":
    unittest.main()
