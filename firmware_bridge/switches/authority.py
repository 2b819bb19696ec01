"""Who may command: judges a command's signature before the interlock judges the command. No I/O."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence

from firmware_bridge.contract import SetCommand
from firmware_bridge.signature import verify


class Distrust(enum.StrEnum):
    """Why a command is not taken as the controller's. Also the names of the counters."""

    UNSIGNED = "not_signed"
    WRONG = "wrong_signature"


class Authority:
    """The keys of one bridge. Without keys every command passes: then the broker's access rules are the only guard."""

    def __init__(self, keys: Sequence[bytes], base_topic: str) -> None:
        self._keys = tuple(keys)
        self._base_topic = base_topic
        self.refused: Counter[Distrust] = Counter()
        """How often each happened, since the start."""

    def refusal(self, house: str, command: SetCommand) -> str | None:
        """None where the command may go to the interlock; else why not, a text for its answer's `reason`."""
        if not self._keys or verify(self._keys, self._base_topic, house, command):
            return None
        if not command.mac:
            self.refused[Distrust.UNSIGNED] += 1
            return f"{Distrust.UNSIGNED}: commands must be signed here: give the controller a key of this bridge"
        self.refused[Distrust.WRONG] += 1
        return f"{Distrust.WRONG}: signed with none of this bridge's keys, or for another house or base topic"
