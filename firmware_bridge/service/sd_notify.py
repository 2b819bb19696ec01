"""Tells systemd how the service is doing (sd_notify(3)). Without `$NOTIFY_SOCKET` every call does nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_SEND_S = 0.5
"""systemd drains its socket at once; should it ever hang, the event loop must not hang with it."""


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `STATUS=...`. A lost message is no error."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.settimeout(_SEND_S)
            link.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
    except OSError:
        pass  # nobody to tell it to; a lost sign of life is what the watchdog is for


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Within this time systemd wants the next `WATCHDOG=1`; None where it does not watch this process."""
    try:
        if int(environ.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return None
        microseconds = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
