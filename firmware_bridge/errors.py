"""The bridge's error tree. Texts are meant for people: what happened, where, what to do."""

from __future__ import annotations

import enum


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
