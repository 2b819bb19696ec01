"""The signature of a command: HMAC-SHA256 over everything that the command says and whom it is for.

Pure, and shared by both ends, so that who signs and who verifies cannot disagree. Replay is not judged here: a command
that was signed once stays signed, and its sequence number and expiry say whether it still counts (`interlock`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final

from firmware_bridge.contract import SetCommand, instant

LEAST_CHARACTERS: Final = 16
"""Of a key. 16 random characters are past guessing; shorter ones are passwords."""

_VERSION: Final = "switch/set/1"


def canonical(base_topic: str, house: str, command: SetCommand) -> bytes:
    """What is signed: a JSON array of version, base topic, house, id, seq, phase, from, issued and expires in ms.

    Texts are quoted and escaped to ASCII, so no two commands share a string. Base topic and house are in it: a command
    for one house, or for another feeder with the same key, proves nothing here. Raises ValueError where an instant is
    none.
    """
    parts = (
        _VERSION,
        base_topic,
        house,
        command.id,
        command.seq,
        command.phase,
        command.origin,
        _milliseconds(command.issued),
        _milliseconds(command.expires),
    )
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def sign(key: bytes, base_topic: str, house: str, command: SetCommand) -> str:
    """The `mac` of a command, 64 hexadecimal digits; what stands in `command.mac` plays no part."""
    return hmac.new(key, canonical(base_topic, house, command), hashlib.sha256).hexdigest()


def verify(keys: Sequence[bytes], base_topic: str, house: str, command: SetCommand) -> bool:
    """Whether one of the keys signed the command. Takes as long whichever key it was, or none."""
    try:
        text = canonical(base_topic, house, command)
    except ValueError:
        return False
    claimed = command.mac.lower().encode("utf-8", "replace")
    signed = False
    for key in keys:
        expected = hmac.new(key, text, hashlib.sha256).hexdigest().encode("ascii")
        signed |= hmac.compare_digest(expected, claimed)
    return signed


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Keys, one a line; empty lines are skipped. Several keys serve while one is being replaced.

    Raises ValueError naming the line of a key that is too short, without showing it.
    """
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), start=1):
        key = line.strip()
        if not key:
            continue
        if len(key) < LEAST_CHARACTERS:
            raise ValueError(
                f"the key in line {number} has {len(key)} characters, at least {LEAST_CHARACTERS} are needed: "
                "make one with `openssl rand -hex 32`"
            )
        keys.append(key.encode())
    return tuple(keys)


def _milliseconds(value: float | str) -> int:
    try:
        return round(instant(value) * 1000.0)
    except OverflowError as error:
        raise ValueError(f"{value!r} is no instant: give Unix seconds") from error
