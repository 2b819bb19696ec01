"""What every channel is to the part that tells people: a message in, a receipt out.

A contract and no channel. A channel knows neither contacts nor quiet hours, caps or repetitions.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge_balancer.types.events import Severity


class Outcome(enum.StrEnum):
    """How an attempt to send ended, as far as the channel can tell."""

    SENT = "sent"
    """Accepted by the service or the modem; whether it arrived is not known (yet)."""
    DELIVERED = "delivered"
    """Arrived."""
    RETRY = "retry"
    """Did not leave, and the same message may leave later: the network, the service or the modem is at fault."""
    REFUSED = "refused"
    """Will never leave or arrive as it is: a wrong number, a key that is not accepted, a contact who has opted out."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address. `text` stands by itself; `subject` is for channels that have one."""

    id: str
    """The same over retries and restarts. A channel that can hands it to its service, so that none is sent twice."""
    to: str
    subject: str
    text: str
    severity: Severity
    keys: tuple[str, ...]
    """The alerts it speaks of."""
    wall: float
    """Unix seconds at which it was written."""
    wants_ack: str = ""
    """The short number to answer with; empty where no answer is expected."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. `reference` is the service's own name for it, to be looked at later."""

    outcome: Outcome
    reference: str = ""
    detail: str = ""
    """For people and the log; never a secret."""
    retry_after_s: float | None = None
    """How long the service asks to be left alone."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came in: `sender` as the channel names it, `at` in Unix seconds."""

    sender: str
    text: str
    at: float
    reference: str = ""
    """The service's own name for it, where it may be read again after a restart."""


class Channel(Protocol):
    """One way out. All of it is called from one worker thread, may block for as long as its own time-outs allow, and
    raises nothing."""

    name: str

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each thing happened since the start, by its reason: `delivered`, `rate_limited`, `no_network`."""
        ...

    def send(self, message: Message) -> Receipt: ...

    def look(self, reference: str) -> Receipt | None:
        """How the delivery stands. None: this channel cannot tell, or not yet."""
        ...

    def find(self, message: Message, since_wall: float) -> Receipt | None:
        """After a crash: whether the message went out. REFUSED: surely not. None: this channel cannot tell."""
        ...

    def received(self) -> Sequence[Received]:
        """What came in since it was last asked."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Expecting(Protocol):
    """A channel that looks for answers only while some may come."""

    def expect(self, first: float, last: float) -> None:
        """Messages that left between these Unix seconds, before a restart, may still be answered."""
        ...
