"""Why a message was refused, and the bounded ledger that counts refusals and keeps the last few of each kind.

Nothing here judges a message; that is done by the decoders and by `validate`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

SAMPLES_PER_REASON: Final = 5
"""How many refused messages of each kind can be looked at: enough to recognise a pattern."""
EXCERPT_CHARS: Final = 200


class Reason(enum.StrEnum):
    """Kinds of refusal."""

    TOO_LARGE = "too_large"
    RETAINED = "retained"
    """Retained where the contract does not allow it: an old command or reading that replays at every connection."""
    NOT_UTF8 = "not_utf8"
    MALFORMED = "malformed"
    WRONG_SHAPE = "wrong_shape"
    """Understood, but of another form than this source was configured for (a list for a single-phase house)."""
    MISSING_POWER = "missing_power"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    UNIT_SUSPECT = "unit_suspect"
    FUTURE = "future"
    OLD = "old"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_HOUSE = "unknown_house"
    UNKNOWN_PHASE = "unknown_phase"
    UNKNOWN_MODE = "unknown_mode"
    UNKNOWN_ALERT = "unknown_alert"
    """An acknowledgement of an alert that does not stand, or no longer."""
    OVERFLOW = "overflow"
    """More messages between two drains than memory is set aside for."""
    INTERNAL = "internal"
    """A fault of this program while it read the message. It is counted so that it cannot hide."""


class Refused(Exception):  # noqa: N818 - a verdict on a message, not a fault
    """A message is refused. `detail` is for people: the value seen, what was expected, and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class RefusedSample(msgspec.Struct, frozen=True):
    """One refused message, as far as it is kept. `wall` is Unix seconds at its arrival."""

    topic: str
    payload: str
    detail: str
    wall: float


class Ledger:
    """What became of every message. `received == accepted + refreshed + refused` always holds.

    A message that several sources read (one three-phase meter shared by three houses) counts once for each of them.
    """

    __slots__ = ("_counts", "_samples", "accepted", "received", "refreshed", "refused")

    def __init__(self) -> None:
        self.received = 0
        self.accepted = 0
        """Became a reading, a report or an order."""
        self.refreshed = 0
        """Carried no active power: at most other values of its meter were brought up to date."""
        self.refused = 0
        self._counts: dict[Reason, int] = {}
        self._samples: dict[Reason, deque[RefusedSample]] = {}

    @property
    def counts(self) -> Mapping[Reason, int]:
        """Refused messages by reason, live and read-only."""
        return MappingProxyType(self._counts)

    def refuse(self, refusal: Refused, topic: str, payload: bytes, wall: float) -> None:
        """Count a refusal and keep it among the last few of its kind."""
        self.refused += 1
        reason = refusal.reason
        self._counts[reason] = self._counts.get(reason, 0) + 1
        kept = self._samples.get(reason)
        if kept is None:
            kept = self._samples[reason] = deque(maxlen=SAMPLES_PER_REASON)
        kept.append(RefusedSample(shorten(topic), excerpt(payload), shorten(refusal.detail, 2 * EXCERPT_CHARS), wall))

    def samples(self, reason: Reason) -> list[RefusedSample]:
        """The last refused messages of one kind, oldest first."""
        return list(self._samples.get(reason, ()))


def shorten(text: str, limit: int = EXCERPT_CHARS) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def excerpt(payload: bytes) -> str:
    """The beginning of a payload as printable text; bytes that are not UTF-8 appear as `\\xNN`."""
    text = payload[: EXCERPT_CHARS + 4].decode("utf-8", "backslashreplace")
    return shorten("".join(c if c.isprintable() else " " for c in text))
