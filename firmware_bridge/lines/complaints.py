"""The sentences in which a failed transaction is told to people: where, what, and what to look at."""

from __future__ import annotations

from typing import Final

from firmware_bridge.errors import DeviceRefusal, Fault, TransactionError
from firmware_bridge.lines.requests import Request

_SAID: Final = {
    Fault.TIMEOUT: "no answer within {timeout:g} s: is it powered, and are unit, baud rate, parity and wiring (A, B) "
    "right?",
    Fault.SHORT: "its answer broke off: look at the wiring, the termination and the baud rate",
    Fault.CHECKSUM: "its answer was garbled: look at the wiring, the termination, and for two devices with one unit",
    Fault.FOREIGN_UNIT: "another unit answered: it is slower than reply_timeout_s allows, or two masters share the "
    "line",
    Fault.FUNCTION: "the answer belongs to another kind of request: the device is slower than reply_timeout_s allows, "
    "or two masters share the line",
    Fault.LENGTH: "the answer belongs to a request for another number of values: the device is slower than "
    "reply_timeout_s allows, or its model is another one",
    Fault.ECHO: "it did not repeat what it was told to write: whether it was done is not known",
    Fault.LATE: "bytes came when none could have: a device is slower than quiet_s, two masters share the line, or the "
    "adapter hears itself (echo = true)",
}

_CODES: Final = {
    1: "it does not know this function",
    2: "it has no such address",
    3: "it does not take such a value or count",
    4: "it failed",
    5: "it needs more time",
    6: "it is busy",
    8: "its memory is faulty",
}


def complaint(line: str, request: Request, fault: Fault, timeout_s: float) -> TransactionError:
    """Why one request failed; not for refusals."""
    return TransactionError(fault, f"{place(line, request)}: {_SAID[fault].format(timeout=timeout_s)}")


def refusal(line: str, request: Request, code: int) -> DeviceRefusal:
    said = _CODES.get(code, "its manual tells what that means")
    return DeviceRefusal(code, f"{place(line, request)}: refused with exception {code}: {said}")


def place(line: str, request: Request) -> str:
    return f"line {line}, unit {request.unit}, {request.function.name} at {request.address}"
