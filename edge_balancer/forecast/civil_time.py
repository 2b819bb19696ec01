"""The time of day that habits are told by, on a machine that may come up without the time. Pure: clocks are handed in.

A Pi has no battery-backed clock: after a power cut it starts with the time at which it was last written down, hours
ago, until the network tells better. What houses usually draw must neither be looked up nor be learned by such a clock.
"""

from __future__ import annotations

from typing import Final

BELIEVED_AFTER_S: Final = 86_400.0
"""A clock that nobody sets for a day is all that this site has; with a clock of its own on the board it is right, and
otherwise habits are learned anew by it."""


class CivilTime:
    """Unix seconds that run on with the monotonic clock while the wall clock cannot be trusted."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._ahead_s = float("nan")

    def at(self, now: float, wall: float, synced: bool) -> float:
        """The time at `now` (monotonic s), where the wall clock shows `wall` (Unix s); NaN while it is not known."""
        if self._begun is None:
            self._begun = now
        unknown = self._ahead_s != self._ahead_s
        if synced or (unknown and now - self._begun >= BELIEVED_AFTER_S):
            self._ahead_s = wall - now
        return now + self._ahead_s
