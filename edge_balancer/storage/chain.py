"""How an audit row is written down and hashed. Pure: no database, no clock.

The hash of a row is SHA-256 over its fields, each written as a netstring (`<length>:<bytes>,`, lengths in bytes), in
this order:

    "edge-balancer/trail/1"     the format
    prev_hash                   hash of the row before, 64 lower-case hex digits; 64 zeros for the first row
    seq                         decimal
    wall, mono                  the IEEE 754 double, big-endian, as 16 lower-case hex digits each
    synced                      "1" or "0"
    kind, house, command        UTF-8
    body                        the stored text, byte for byte

The body is canonical JSON when it is written (sorted keys, no spaces, ASCII, shortest decimal that gives the double
back, null for what is not finite), but the hash covers the stored text: a verifier in another language need not write
JSON alike.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Any, Final

import msgspec
import numpy as np

from edge_balancer.types.events import Event

FORMAT: Final = "edge-balancer/trail/1"
GENESIS_HASH: Final = "0" * 64
"""What the first row names as the hash of the row before."""


class Head(msgspec.Struct, frozen=True):
    """Where a trail ends: the last row's number and hash. Noted elsewhere, it is what shows a rewritten trail."""

    seq: int = 0
    hash: str = GENESIS_HASH

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class TrailRow(msgspec.Struct, frozen=True, gc=False):
    """One row of the trail as it is stored."""

    seq: int
    wall: float
    mono: float
    synced: bool
    kind: str
    house: str
    command: str
    body: str
    prev_hash: str
    hash: str


def digest(row: TrailRow, *, seq: int | None = None) -> str:
    """The hash that `row` must bear, or would bear at another place `seq`."""
    fields = (
        FORMAT,
        row.prev_hash,
        str(row.seq if seq is None else seq),
        _double(row.wall),
        _double(row.mono),
        "1" if row.synced else "0",
        row.kind,
        row.house,
        row.command,
        row.body,
    )
    sha = hashlib.sha256()
    for field in fields:
        # A tampered database may hold text that is not valid Unicode; it must be hashed, not crash the verifier.
        raw = field.encode("utf-8", "surrogateescape")
        sha.update(b"%d:%b," % (len(raw), raw))
    return sha.hexdigest()


def link(event: Event, head: Head) -> TrailRow:
    """The row that records `event` after `head`. Raises ValueError for an event that cannot be written down."""
    if not (math.isfinite(event.wall) and math.isfinite(event.mono)):
        raise ValueError(f"{event.kind} event: wall = {event.wall}, mono = {event.mono}: both must be finite seconds")
    try:
        event.house.encode()
        event.command.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{event.kind} event: house or command is not valid Unicode") from error
    unsigned = TrailRow(
        seq=head.seq + 1,
        # SQLite keeps no sign of zero, and adding +0.0 makes -0.0 positive.
        wall=float(event.wall) + 0.0,
        mono=float(event.mono) + 0.0,
        synced=bool(event.synced),
        kind=str(event.kind),
        house=event.house,
        command=event.command,
        body=canonical_json(event.body),
        prev_hash=head.hash,
        hash="",
    )
    return msgspec.structs.replace(unsigned, hash=digest(unsigned))


def canonical_json(body: Any) -> str:
    """One text for one value: sorted keys, no spaces, ASCII; null for NaN and infinities, which JSON does not have."""
    try:
        plain = msgspec.to_builtins(body, str_keys=True, enc_hook=_numpy_scalar)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(f"not a JSON value: {error}") from error
    return json.dumps(_finite(plain), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _double(value: float) -> str:
    return struct.pack(">d", value).hex()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _numpy_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")
