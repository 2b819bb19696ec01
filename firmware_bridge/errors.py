"""The bridge's error tree, and what a problem with a configuration is.

Texts are meant for people: what happened, where, what to do.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class BridgeError(Exception):
    """Any failure that the bridge knows by name."""


class LineDown(BridgeError):  # noqa: N818 - a state of the line, not a mistake
    """The port cannot be opened, is gone, or the gateway does not answer: no device of the line can be reached."""


class Fault(enum.StrEnum):
    """Why a reply is not believed, or why there is none. Also the names of the counters."""

    TIMEOUT = "timeout"
    """Nothing came."""
    SHORT = "short"
    """Less came than the reply's length, and then silence."""
    CHECKSUM = "checksum"
    FOREIGN_UNIT = "foreign_unit"
    """A well-formed frame of another unit."""
    FUNCTION = "function"
    """The reply belongs to another kind of request."""
    LENGTH = "length"
    """The reply belongs to a request for another number of registers."""
    ECHO = "echo"
    """The device did not repeat what it was told to write."""
    EXCEPTION = "exception"
    """The device refused, and said so."""
    LATE = "late"
    """Bytes arrived when nobody had asked: an answer to an earlier request, a duplicate, noise. Dropped."""
    IMPLAUSIBLE = "implausible"
    """The frame was good and a value in it cannot be true."""


class TransactionError(BridgeError):
    """One request got no reply that can be believed. The line itself works."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class DeviceRefusal(TransactionError):  # noqa: N818 - an answer, not a mistake
    """The device answered with a Modbus exception. `code` is 1 function, 2 address, 3 value, 4 failure, 6 busy..."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(Fault.EXCEPTION, text)
        self.code = code


class TemplateError(BridgeError):
    """A template that cannot be used: which file, which key, what stands there, what to write instead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, told so that a person can mend it. No secret ever stands in it."""

    key: str
    """Where: `decision.dwell_s`, `houses[3].phase`, `houses.csv line 7, column phase`, or a file's name."""
    value: str
    """What stands there, as one would write it; `(hidden)` for a secret, empty where nothing stands there."""
    wrong: str
    """What is wrong with it, the limit included."""
    remedy: str
    severity: Literal["error", "warning"] = "error"
    """A warning does not keep the program from running."""
    source: str = ""
    """Where the value was read: a file, an environment variable, a credential; empty where it is a default."""

    def __str__(self) -> str:
        head = f"{self.severity}: {self.key}" + (f" = {self.value}" if self.value else "")
        if self.source and self.source not in self.key:
            head += f"  ({self.source})"
        return f"{head}\n    {self.wrong}\n    -> {self.remedy}"


def format_problems(problems: Sequence[Problem]) -> str:
    """All problems as text for people, errors first, with a count at the end; empty where there are none."""
    if not problems:
        return ""
    errors = [p for p in problems if p.severity == "error"]
    warnings = [p for p in problems if p.severity == "warning"]
    counts = [
        f"{len(some)} {word}{'s' if len(some) > 1 else ''}"
        for some, word in ((errors, "error"), (warnings, "warning"))
        if some
    ]
    return "\n".join([*(str(p) for p in (*errors, *warnings)), ", ".join(counts)])
