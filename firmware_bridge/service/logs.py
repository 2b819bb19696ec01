"""Logs of the bridge: one line for each event on standard error, with its level; journald is told the level its way."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Final

_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Of syslog, as sd-daemon(3) has them before a line."""


class _ForJournal(logging.Formatter):
    """journald keeps the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def set_up(environ: Mapping[str, str], *, verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_ForJournal("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("firmware_bridge").setLevel(logging.DEBUG if verbose else logging.INFO)
    # What matters of a gateway is said by its line.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
