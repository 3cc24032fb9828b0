"""Where the lines go: a terminal shows pages and is redrawn in place, anything else gets one block after the other."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Sequence
from types import TracebackType

from views import View

# How long a page stays until somebody has pressed a key.
PAGE_SECONDS = 7.0


class Screen:
    """Use it in a `with` block: keys are read without Enter until its end. Any key turns the page, and then they turn
    no more by themselves."""

    def __init__(self) -> None:
        self.is_live = sys.stdout.isatty()
        self._begun = False
        self._turned = 0
        self._by_hand = False
        self._page_since = time.monotonic()
        self._before: list[object] | None = None
        # Nobody can type any more.
        self._deaf = False

    def __enter__(self) -> Screen:
        if self.is_live and sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
            termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before was for nobody
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def show(self, title: str, views: Sequence[View], foot: Sequence[str]) -> None:
        """A page in a terminal, everything elsewhere."""
        if not self.is_live:
            self.show_all(title, views, foot)
            return
        size = shutil.get_terminal_size()
        found = pages(views, size.lines - len(foot) - 4)
        if not self._by_hand and time.monotonic() - self._page_since >= PAGE_SECONDS:
            self._turn()
        if len(found) > 1:
            at = self._turned % len(found)
            title = f"{title} · page {at + 1} of {len(found)}, any key turns"
            views = found[at]
        lines = [title, "", *joined(views), "", *foot][:size.lines - 1]
        # To the top left, each line cleared behind its end, and what is below: nothing flickers.
        begin = "\x1b[H" if self._begun else "\x1b[2J\x1b[H"
        sys.stdout.write(begin + "".join(f"{line[:size.columns]}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()
        self._begun = True

    def show_all(self, title: str, views: Sequence[View], foot: Sequence[str]) -> None:
        """Everything, to stay: it scrolls like any other output."""
        clear = "\x1b[2J\x1b[H" if self._begun else ""
        sys.stdout.write(clear + "\n".join([title, "", *joined(views), "", *foot]) + "\n\n")
        sys.stdout.flush()

    def wait(self, seconds: float) -> None:
        """Returns after that time, or at once when a key has turned the page."""
        if self._before is None or self._deaf:
            time.sleep(seconds)
        elif select.select([sys.stdin], [], [], seconds)[0]:
            # All that is there: an arrow is three bytes, and one key.
            self._deaf = not os.read(sys.stdin.fileno(), 1024)
            self._by_hand = not self._deaf
            self._turn()

    def _turn(self) -> None:
        self._turned += 1
        self._page_since = time.monotonic()


def pages(views: Sequence[View], rows_max: int) -> list[list[View]]:
    """Views on as few pages as their greatest heights need, so that none ever moves to another page."""
    made: list[list[View]] = []
    left = 0
    for view in views:
        if not made or view.height + 1 > left:
            made.append([])
            left = rows_max + 1
        made[-1].append(view)
        left -= view.height + 1
    return made


def joined(views: Sequence[View]) -> list[str]:
    """The views' lines with an empty one between them."""
    return [line for at, view in enumerate(views) for line in ([""] if at else []) + view.lines]
