"""Sends one message with the library Apprise and ends: run as a process of its own by the channel `apprise`.

Apprise loads a hundred services (about 45 MB), and each waits in its own way. In a process of its own neither stays
with the daemon. What to send comes as JSON on standard input, where no other user of the machine sees it.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from typing import TypedDict


class Order(TypedDict):
    """What comes in."""

    url: str
    title: str
    body: str
    kind: str
    """Apprise's: info, warning or failure."""


class Result(TypedDict):
    """What goes out. `known`: whether the address is one that Apprise knows; `log`: what it complained about."""

    known: bool
    sent: bool
    log: str


def run(order: Order) -> Result:
    """Send it."""
    apprise = importlib.import_module("apprise")
    asset = apprise.AppriseAsset(secure_logging=True, async_mode=False)
    app = apprise.Apprise(asset=asset)
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:
        known = bool(app.add(order["url"]))
        sent = known and bool(
            app.notify(body=order["body"], title=order["title"], notify_type=order["kind"], body_format="text")
        )
        return Result(known=known, sent=sent, log=captured.getvalue())


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
