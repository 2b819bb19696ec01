"""The line to a modem: one command at a time, its answer, and what the modem says unasked in between.

Knows AT's grammar and no SMS. Every wait has a deadline, and `abandon` ends it at once. Not thread-safe: `channel`
holds a lock around it.
"""

from __future__ import annotations

import select
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import serial

from edge_balancer.alerts.channels.modem.answers import ModemError, ModemGone, ModemSilent, parse_error

_SLICE_S: Final = 0.1
"""Longest single wait, so that `abandon` is heard."""
_LONGEST_LINE: Final = 2048
"""An SMS in hexadecimal has at most 352 characters; more without a line's end is noise."""
_MOST_UNASKED: Final = 200
_WITH_PDU: Final = ("+CMT:", "+CDS:")
_SUBMIT_ANSWER: Final = "+CMGS:"
_CTRL_Z, _ESC = b"\x1a", b"\x1b"
_BROKEN: Final = (OSError, TypeError, ValueError, termios.error)
"""A line that breaks: pyserial and select have a way each of saying so, closed ports included."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """Something said without a command: `code` such as +CMT, with its PDU where one belongs to it."""

    code: str
    pdu: str = ""


class Dialogue:
    """Owns an open port. Raises ModemGone, ModemSilent and ModemError."""

    def __init__(self, path: str, baud: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        try:
            self._port = serial.Serial(path, baud, timeout=0, write_timeout=2.0, exclusive=True)
        except _BROKEN as error:
            raise ModemGone(_why_closed(path, error)) from error
        self._path = path
        self._monotonic = monotonic
        self._abandoned = threading.Event()
        self._buffer = bytearray()
        self._awaits_pdu = ""
        self._in_step = False
        """Whether all that was asked was answered: no answer is still to come that could be taken for another's."""
        self.unasked: deque[Unasked] = deque(maxlen=_MOST_UNASKED)
        self.late_submits: deque[int] = deque(maxlen=_MOST_UNASKED)
        """References of SMS that were confirmed only after the wait for it had ended."""

    def abandon(self) -> None:
        """End any wait, from whichever thread; the line is then of no more use."""
        self._abandoned.set()

    def close(self) -> None:
        with suppress(*_BROKEN):
            self._port.close()

    def command(self, text: str, expect: str = "", timeout_s: float = 5.0, *, pdus: bool = False) -> list[str]:
        """Send a command and wait for OK.

        Gives the lines of the answer that begin with `expect`, without it; with `pdus` each is followed by the line
        after it.
        """
        self.drain()
        self._write(text.encode("ascii") + b"\r")
        lines: list[str] = []
        deadline = self._monotonic() + timeout_s
        while True:
            line = self._next_line(deadline)
            if line is None:
                self._in_step = False
                raise ModemSilent(_shown(text), timeout_s)
            if line == "OK":
                return lines
            if (error := parse_error(line)) is not None:
                raise error
            if expect and line.startswith(expect):
                lines.append(line[len(expect) :].strip())
                if pdus and (pdu := self._next_line(deadline)) is not None:
                    lines.append(pdu)
            else:
                # What was said unasked; or an echo, or noise, which nothing comes of.
                self._set_aside(line)

    def submit(self, length: int, pdu: str, prompt_s: float, network_s: float) -> int:
        """Hand over one SMS; gives the reference that its report will carry."""
        self.drain()
        command = f"AT+CMGS={length}"
        self._write(command.encode("ascii") + b"\r")
        deadline = self._monotonic() + prompt_s
        while (line := self._next_line(deadline, prompt=True)) != ">":
            if line is None:
                # The modem may still come to wait for the SMS, and would take the next command for it.
                self._in_step = False
                self._write(_ESC)
                raise ModemSilent(command, prompt_s)
            if (error := parse_error(line)) is not None:
                raise error
            self._set_aside(line)
        self._write(pdu.encode("ascii") + _CTRL_Z)
        deadline = self._monotonic() + network_s
        reference: int | None = None
        while True:
            line = self._next_line(deadline)
            if line is None:
                self._in_step = False
                if reference is not None:
                    return reference
                raise ModemSilent("the SMS", network_s, sent=True)
            if (error := parse_error(line)) is not None:
                raise error
            if line.startswith(_SUBMIT_ANSWER):
                reference = _reference(line)
            elif line == "OK" and reference is not None:
                return reference
            else:
                self._set_aside(line)

    def synchronise(self, timeout_s: float) -> None:
        """Bring the modem to answer at all: out of a prompt it may be stuck in, past noise, at its own pace."""
        deadline = self._monotonic() + timeout_s
        if not self._in_step:
            self._write(_ESC)
        while True:
            # To some modems ESC is a character like others, and what follows it on the line an error.
            with suppress(ModemSilent, ModemError):
                self.command("AT", timeout_s=min(1.0, timeout_s))
                if not self._in_step:
                    self._settle(0.05)
                    self._in_step = True
                return
            if self._monotonic() >= deadline:
                raise ModemSilent("AT", timeout_s)

    def _settle(self, quiet_s: float) -> None:
        """Take in what comes until nothing has come for so long, or for twenty times as long in all."""
        end = self._monotonic() + 20.0 * quiet_s
        while (now := self._monotonic()) < end:
            line = self._next_line(now + quiet_s)
            if line is None:
                return
            self._set_aside(line)

    def drain(self) -> None:
        """Take in what has come unasked."""
        while (line := self._next_line(self._monotonic())) is not None:
            self._set_aside(line)

    def wait(self, seconds: float) -> None:
        """Listen for so long."""
        deadline = self._monotonic() + seconds
        while (line := self._next_line(deadline)) is not None:
            self._set_aside(line)

    def _set_aside(self, line: str) -> None:
        """Keep what was said unasked, as far as it is about SMS."""
        if self._awaits_pdu:
            code, self._awaits_pdu = self._awaits_pdu, ""
            self.unasked.append(Unasked(code, line))
        elif line.startswith(_WITH_PDU):
            self._awaits_pdu = line.partition(":")[0]
        elif line.startswith(_SUBMIT_ANSWER):
            self.late_submits.append(_reference(line))
        elif line.startswith("+CMTI:"):
            self.unasked.append(Unasked("+CMTI"))

    def _next_line(self, deadline: float, *, prompt: bool = False) -> str | None:
        """The next line that is not empty; None at the deadline."""
        while True:
            if (line := self._buffered(prompt)) is not None:
                return line
            if not self._read(deadline):
                return None

    def _buffered(self, prompt: bool) -> str | None:
        while True:
            if prompt and self._buffer.lstrip(b"\r\n ").startswith(b">"):
                self._buffer.clear()
                return ">"
            ends = [at for sign in b"\r\n" if (at := self._buffer.find(sign)) >= 0]
            if not ends:
                if len(self._buffer) > _LONGEST_LINE:
                    self._buffer.clear()
                return None
            line = bytes(self._buffer[: min(ends)]).decode("ascii", "replace").strip(" \0")
            del self._buffer[: min(ends) + 1]
            if line:
                return line

    def _read(self, deadline: float) -> bool:
        """Wait for bytes; False where none came before the deadline."""
        while True:
            left = deadline - self._monotonic()
            if self._abandoned.is_set():
                raise ModemGone(f"the modem on {self._path} was given up: the program is stopping")
            try:
                ready, _, _ = select.select([self._port], [], [], max(0.0, min(left, _SLICE_S)))
                read = self._port.read(max(1, self._port.in_waiting)) if ready else b""
            except _BROKEN as error:
                raise ModemGone(_why_broken(self._path, error)) from error
            if read:
                self._buffer += read
                return True
            if left <= 0.0:
                return False

    def _write(self, octets: bytes) -> None:
        try:
            self._port.write(octets)
        except serial.SerialTimeoutException as error:
            raise ModemGone(f"the modem on {self._path} takes no bytes: take its power away for a moment") from error
        except _BROKEN as error:
            raise ModemGone(_why_broken(self._path, error)) from error


def _reference(line: str) -> int:
    text = line.partition(":")[2].partition(",")[0].strip()
    return int(text) if text.isdigit() else -1


def _shown(command: str) -> str:
    """A command as it may be told: a PIN stands behind the equals sign of AT+CPIN."""
    return command.partition("=")[0] if command.startswith("AT+CPIN") else command


def _why_closed(path: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    match code:
        case 2 | 6 | 19:
            return f"{path} is not there: plug the modem in, or give another channels.modem.port"
        case 13 | 1:
            return (
                f"{path} may not be opened: let the service reach it (sudo edge-balancer-devices; without the package "
                "sudo ./scripts/install --serial); a person needs the group dialout"
            )
        case 11 | 16:
            return f"{path} is busy: another program holds it; `fuser -v {path}` names it (often ModemManager)"
        case _:
            return f"{path} cannot be opened: {error}"


def _why_broken(path: str, error: Exception) -> str:
    return f"the modem on {path} is gone ({error}): check its plug and its power"
