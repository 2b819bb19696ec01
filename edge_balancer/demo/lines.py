"""The demo as lines of text, for a pipe, a log or a terminal without rich.

One line per ten simulated minutes, and one for each move, failure and alert.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, TextIO

from edge_balancer.demo.watch import Note, Watch
from edge_balancer.types.phases import Phase

LINE_EVERY_S: Final = 600.0
_MARKS: Final = {"move": "move   ", "failure": "FAILED ", "alert": "ALERT  ", "cleared": "cleared"}


def local_time(wall: float, utc_offset_h: float) -> str:
    """`Mon 06:10` in the twin's local time."""
    zone = dt.timezone(dt.timedelta(hours=utc_offset_h))
    return dt.datetime.fromtimestamp(wall, zone).strftime("%a %H:%M")


class LineView:
    """Writes what is new each time it is asked to."""

    def __init__(self, watch: Watch, utc_offset_h: float, out: TextIO) -> None:
        self._watch = watch
        self._offset_h = utc_offset_h
        self._out = out
        self._noted = 0
        self._next_line = 0.0

    def open(self) -> None:
        """Nothing to prepare."""

    def refresh(self) -> None:
        new = self._watch.noted - self._noted
        self._noted = self._watch.noted
        for note in list(self._watch.notes)[-new:] if new else ():
            self._say(note.wall, self._note(note))
        truth = self._watch.truth
        if truth is not None and self._watch.online and truth.wall >= self._next_line:
            self._next_line = (truth.wall // LINE_EVERY_S + 1.0) * LINE_EVERY_S
            self._say(truth.wall, self._state())

    def close(self) -> None:
        self.refresh()

    def _say(self, wall: float, text: str) -> None:
        print(f"{local_time(wall, self._offset_h)}  {text}", file=self._out, flush=True)

    @staticmethod
    def _note(note: Note) -> str:
        return f"{_MARKS[note.kind]}  {note.text}"

    def _state(self) -> str:
        truth, feeder = self._watch.truth, self._watch.feeder
        if truth is None or feeder is None:
            return "waiting for the controller"
        phases = "  ".join(
            f"{phase} {(truth.load_w[phase] - truth.solar_w[phase]) / 1000.0:+6.1f} kW" for phase in Phase
        )
        return (
            f"neutral {truth.neutral_a:5.1f} A, without moves {truth.neutral_without_a:5.1f} A   {phases}   "
            f"mode {feeder.mode}"
        )
