"""The channel `apprise`: a hundred other services by the library Apprise, in a process of its own for each message.

A contact's `to` is the name of an address in `channels.apprise.urls`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from edge_balancer.alerts.channels import apprise_child
from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.optional import demand
from edge_balancer.alerts.channels.receipts import Tally
from edge_balancer.settings.channels import AppriseSettings
from edge_balancer.types.events import Severity

START_S: Final = 30.0
"""A Pi needs some ten seconds to load the library."""
_KINDS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_FOR_GOOD: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 422})
_SHORTEST_SECRET: Final = 4


class AppriseChannel:
    """Messages by Apprise. Raises MissingPackageError where it is not installed."""

    name: str = "apprise"

    def __init__(self, settings: AppriseSettings) -> None:
        demand("apprise", "apprise", "apprise")
        self._urls = settings.by_name
        self._timeout_s = settings.timeout_s
        self._tally = Tally()

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened."""
        return dict(self._tally.counts)

    def send(self, message: Message) -> Receipt:
        url = self._urls.get(message.to)
        if url is None:
            names = ", ".join(self._urls) or "there are none"
            text = f"{message.to!r} is no name in channels.apprise.urls: use one of them ({names})"
            return self._tally.receipt(Outcome.REFUSED, "unknown_name", text)
        order = apprise_child.Order(url=url, title=message.subject, body=message.text, kind=_KINDS[message.severity])
        try:
            done = subprocess.run(  # noqa: S603 - our own program; what is foreign goes in by standard input
                (sys.executable, "-m", apprise_child.__name__),
                input=msgspec.json.encode(order),
                capture_output=True,
                timeout=self._timeout_s + START_S,
                check=True,
            )
            result = msgspec.json.decode(done.stdout, type=apprise_child.Result)
        except subprocess.TimeoutExpired:
            text = f"the service of {message.to} has not answered within {self._timeout_s:g} s: check the network"
            return self._tally.receipt(Outcome.RETRY, "timeout", text)
        except subprocess.CalledProcessError as error:
            # The last line of a traceback names the error; what stands above may quote the address.
            last = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            text = f"Apprise failed ({_without(url, last)}): check that the package is complete"
            return self._tally.receipt(Outcome.RETRY, "failed", text)
        except (OSError, ValueError) as error:
            return self._tally.receipt(Outcome.RETRY, "failed", f"Apprise cannot be run: {type(error).__name__}")
        return self._judged(message.to, url, result)

    def look(self, reference: str) -> Receipt | None:  # noqa: ARG002
        """None: Apprise asks nothing back."""
        return None

    def find(self, message: Message, since_wall: float) -> Receipt | None:  # noqa: ARG002
        """None: Apprise keeps no list."""
        return None

    def received(self) -> Sequence[Received]:
        return ()

    def close(self) -> None:
        """Nothing stays open between messages."""

    def _judged(self, name: str, url: str, result: apprise_child.Result) -> Receipt:
        if result["sent"]:
            return self._tally.receipt(Outcome.SENT, "sent", f"the service of {name} has taken it")
        if not result["known"]:
            text = f"the address of {name} is none that Apprise knows: correct channels.apprise.urls"
            return self._tally.receipt(Outcome.REFUSED, "invalid_url", text)
        said = _without(url, result["log"].strip().rpartition("\n")[2])
        status = int(found[1]) if (found := _STATUS.search(result["log"])) is not None else 0
        if status in _FOR_GOOD:
            text = f"the service of {name} refuses it ({said}): correct its address in channels.apprise.urls"
            return self._tally.receipt(Outcome.REFUSED, f"http_{status}", text)
        why = f"http_{status}" if status else "not_sent"
        return self._tally.receipt(Outcome.RETRY, why, f"the service of {name} has not taken it ({said})")


def _without(url: str, text: str) -> str:
    """A text without anything that stands in an address: any part of it may be a secret."""
    for part in sorted(set(re.split(r"[/:@?&=,+]+", url)), key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "...")
    return text
