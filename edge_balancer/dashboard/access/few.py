"""A log of what strangers can cause at will: some lines a minute, and then how many were left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_balancer.logs import Logger

MOST_A_MINUTE: Final = 10
_MINUTE_S: Final = 60.0


class FewLines:
    """Bounded warnings. `monotonic` is the clock's."""

    def __init__(self, log: Logger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._since = monotonic()
        self._lines = 0

    def warn(self, event: str, **details: object) -> None:
        now = self._monotonic()
        if now - self._since >= _MINUTE_S:
            if self._lines > MOST_A_MINUTE:
                self._log.warning("more of these were left out", last=event, count=self._lines - MOST_A_MINUTE)
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= MOST_A_MINUTE:
            self._log.warning(event, **details)
