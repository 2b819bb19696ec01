"""The phase switch's side of the MQTT contract, version 1: its topics, what it reads and what it says.

The field side keeps its own copy, so that it runs alone on another machine. Decoding only: judgement is in `interlock`.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Final

import msgspec


class Phase(enum.StrEnum):
    """A phase conductor, by its name on the wire."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


class Result(enum.StrEnum):
    """How a command went."""

    DONE = "done"
    MOVING = "moving"
    REJECTED = "rejected"
    FAILED = "failed"


class SetCommand(msgspec.Struct, frozen=True, omit_defaults=True, rename={"origin": "from"}):
    """`B/switch/<house>/set`. Phases are plain text here: an unknown one deserves an answer, not a decoding error."""

    id: str
    seq: int
    phase: str
    origin: str
    issued: float | str
    """Unix seconds, or ISO 8601 with an offset."""
    expires: float | str
    mac: str = ""
    """Signature (`signature`), where keys are configured; empty for an unsigned command."""


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """`B/switch/<house>/state`, retained. `phase` is null where the position is unknown."""

    phase: Phase | None
    t: float
    operations: int
    id: str = ""
    result: Result | None = None
    reason: str = ""


ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

_DECODER: Final = msgspec.json.Decoder(SetCommand)
_ENCODER: Final = msgspec.json.Encoder()


def decode_set(payload: bytes) -> SetCommand:
    """Raises msgspec.DecodeError (msgspec.ValidationError among them) saying what is wrong with the payload."""
    return _DECODER.decode(payload)


def encode_state(state: State) -> bytes:
    return _ENCODER.encode(state)


def instant(value: float | str) -> float:
    """Unix seconds of an instant on the wire. Raises ValueError where it is none, or lacks its offset from UTC."""
    if not isinstance(value, str):
        return float(value)
    when = dt.datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC: write 2025-11-22T18:00:00+01:00, or Unix seconds")
    return when.timestamp()


def set_topic(base: str, house: str) -> str:
    return f"{base}/switch/{house}/set"


def state_topic(base: str, house: str) -> str:
    return f"{base}/switch/{house}/state"


def availability_topic(base: str, house: str) -> str:
    return f"{base}/switch/{house}/availability"
