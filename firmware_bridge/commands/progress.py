"""How far a long command is, for a person who watches: a bar where `rich` is installed, else plain counting lines.

Nothing where standard error is no terminal.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Final, Protocol, TextIO

_EVERY_S: Final = 2.0


class Progress(Protocol):
    def at(self, what: str) -> None:
        """What is being done now."""
        ...

    def step(self) -> None:
        """One more is done."""
        ...

    def tell(self, text: str) -> None:
        """Something worth a line of its own."""
        ...


class Quiet:
    def at(self, what: str) -> None:
        pass

    def step(self) -> None:
        pass

    def tell(self, text: str) -> None:
        pass


class Counting:
    """A line every two seconds."""

    def __init__(self, total: int, out: TextIO) -> None:
        self._total, self._out = total, out
        self._done, self._what = 0, ""
        self._said_s = time.monotonic()

    def at(self, what: str) -> None:
        self._what = what

    def step(self) -> None:
        self._done += 1
        if time.monotonic() - self._said_s >= _EVERY_S:
            self._said_s = time.monotonic()
            self.tell(f"{self._done} of {self._total}: {self._what}")

    def tell(self, text: str) -> None:
        print(text, file=self._out, flush=True)


@contextlib.contextmanager
def progress(total: int) -> Iterator[Progress]:
    """Where to tell how far it is."""
    if not sys.stderr.isatty():
        yield Quiet()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars
    except ImportError:
        yield Counting(total, sys.stderr)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=total)

        class Bar:
            def at(self, what: str) -> None:
                bars.update(task, description=what)

            def step(self) -> None:
                bars.advance(task)

            def tell(self, text: str) -> None:
                bars.console.print(text, highlight=False, markup=False)

        yield Bar()
