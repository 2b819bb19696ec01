"""What a broker sends, cut into whole packets before anybody reads them. Messages that are not wanted are left out
here, unread and undecoded: a flood costs a look at its topic, and nothing more.

Pure: bytes in, bytes out. Only messages of QoS 0 can be left out; the others have to be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Admit = Callable[[bytes], bool]
"""Whether a message on this topic (UTF-8, as it came) is to be read. Called once for each message of QoS 0."""

_PUBLISH: Final = 0x30
_KIND_AND_QOS: Final = 0xF6
"""Type and QoS of the first byte, without DUP and RETAIN (MQTT 3.1.1, 3.3.1)."""
_LONGEST_LENGTH: Final = 4
"""Bytes that the length of a packet takes at most (MQTT 3.1.1, 2.2.3)."""


class Inflow:
    """`feed` what came, then `take` as long as there is something `ready`."""

    __slots__ = ("_admit", "_at", "_ready", "_rest")

    def __init__(self, admit: Admit | None = None) -> None:
        """Without `admit` everything is read."""
        self._admit = admit
        self._ready = b""
        self._at = 0
        self._rest = b""

    @property
    def ready(self) -> bool:
        return self._at < len(self._ready)

    def take(self, most: int) -> bytes:
        """The next bytes of whole packets, at most so many; empty where none is ready."""
        start = self._at
        self._at = min(start + most, len(self._ready))
        return self._ready[start : self._at]

    def feed(self, data: bytes) -> None:
        """Take what came. Once nothing is `ready` any more."""
        found = self._rest + data if self._rest else data
        admit = self._admit
        kept: list[bytes] = []
        end, position, wanted = len(found), 0, 0
        while position + 2 <= end:
            length, head = found[position + 1], position + 2
            if length & 0x80:
                length, head = _length(found, position + 1)
                if head < 0:  # no packet of MQTT: whoever reads on finds that out
                    position = end
                    break
                if not head:
                    break
            after = head + length
            if after > end:
                break
            if admit is not None and found[position] & _KIND_AND_QOS == _PUBLISH and length > 2:
                topic = head + 2
                if not admit(found[topic : topic + (found[head] << 8 | found[head + 1])]):
                    kept.append(found[wanted:position])
                    wanted = after
            position = after
        kept.append(found[wanted:position])
        self._ready, self._at = b"".join(kept), 0
        self._rest = found[position:]


def _length(found: bytes, at: int) -> tuple[int, int]:
    """A length of several bytes, and where it ends; (0, 0) where it is not whole yet, (0, -1) where it is none."""
    length = 0
    for place in range(_LONGEST_LENGTH):
        if at + place >= len(found):
            return 0, 0
        digit = found[at + place]
        length |= (digit & 0x7F) << (7 * place)
        if not digit & 0x80:
            return length, at + place + 1
    return 0, -1
