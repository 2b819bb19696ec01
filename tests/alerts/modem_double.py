"""A GSM modem on a pseudo terminal, played by a thread: the AT dialogue with all that makes it hard.

It starts as modems do: with echo, in text mode, perhaps locked by a PIN; a reset brings it back there. What it was told
to send is read with a small decoder of its own, so that the product's encoder does not judge itself.
"""

from __future__ import annotations

import os
import select
import threading
import tty
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

PROMPT = b"\r\n> "


@dataclass(frozen=True)
class Sms:
    """One SMS as it was handed over."""

    number: str
    coding: int
    header: bytes
    text: str
    wants_report: bool


@dataclass
class Modem:
    """Say before `with` how it behaves. `submits` are its next answers to SMS, one each; then it sends them."""

    echo: bool = True
    pin: str = ""
    attempts: int = 3
    registration: Iterable[str] = ()
    """Its next answers to AT+CREG?; then `0,1`."""
    submits: deque[str] = field(default_factory=deque)
    """`ok`, an error, `silence` (never answers), `late` (answers once the next command has come), `no prompt`."""
    noise: bytes = b""
    """Said before each answer."""
    refused: frozenset[str] = frozenset()
    """Beginnings of commands that it does not know."""
    deaf: bool = False
    """Answers nothing."""
    report_status: int | None = None
    """It reports each SMS with this status."""
    memory: dict[int, str] = field(default_factory=dict)
    keeps_on_delete: bool = False
    escape_is_wrong: bool = False
    """ESC on a command's line makes the command an error."""

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.sent: list[Sms] = []
        self._registration = deque(self.registration)
        self._reference = 40
        self._late: bytes = b""
        self._locked = bool(self.pin)
        self._answered = threading.Condition()
        self.pdu_mode = False
        self._mode = "command"
        self._pending = b""
        self._length = 0

    def __enter__(self) -> Self:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake_read, self._wake = os.pipe()
        self._plugged = True
        self._thread = threading.Thread(target=self._run, name="modem")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        os.close(self._wake_read)
        os.close(self._wake)

    def unplug(self) -> None:
        if self._plugged:
            self._plugged = False
            os.write(self._wake, b"x")
            self._thread.join()
            os.close(self._master)
            os.close(self._slave)

    def say(self, text: str) -> None:
        """Something nobody asked for."""
        os.write(self._master, f"\r\n{text}\r\n".encode("latin-1"))

    def reset(self) -> None:
        """Its power was away for a moment: everything that was set is forgotten."""
        self.echo, self.pdu_mode, self._locked, self._mode = True, False, bool(self.pin), "command"
        self.say("RDY")

    def await_command(self, beginning: str) -> None:
        """Until it has heard such a command."""
        with self._answered:
            assert self._answered.wait_for(lambda: any(c.startswith(beginning) for c in self.commands), 20.0)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            for octet in os.read(self._master, 4096):
                self._take(octet)

    def _take(self, octet: int) -> None:
        if self.deaf:
            return
        if self.echo:
            os.write(self._master, bytes((octet,)))
        if self._mode == "pdu":
            if octet == 0x1B:
                self._mode, self._pending = "command", b""
                os.write(self._master, b"\r\nOK\r\n")
            elif octet == 0x1A:
                self._mode, pdu, self._pending = "command", self._pending, b""
                self._submit(pdu.decode())
            else:
                self._pending += bytes((octet,))
        elif octet == 0x0D:
            command, self._pending = self._pending.decode("ascii", "replace"), b""
            if self.escape_is_wrong and "\x1b" in command:
                self._answer("ERROR")
            elif command := command.strip("\x1b\n "):
                self._command(command)
        else:
            self._pending += bytes((octet,))

    def _answer(self, *lines: str) -> None:
        late, self._late = self._late, b""
        os.write(self._master, late + self.noise + "".join(f"\r\n{line}\r\n" for line in lines).encode())

    def _command(self, command: str) -> None:
        with self._answered:
            self.commands.append(command)
            self._answered.notify_all()
        self._answer(*self._lines(command)) if not command.startswith("AT+CMGS=") else self._begin_submit(command)

    def _lines(self, command: str) -> list[str]:  # noqa: PLR0911 - a table
        if any(command.startswith(refused) for refused in self.refused):
            return ["+CME ERROR: 4"]
        name, _, value = command.partition("=")
        match name:
            case "ATE0":
                self.echo = False
            case "AT+CPIN?":
                return ["+CPIN: SIM PIN" if self._locked else "+CPIN: READY", "OK"]
            case "AT+CPINR":
                return [f"+CPINR: SIM PIN,{self.attempts},3", "OK"]
            case "AT+CPIN":
                return self._unlock(value.strip('"'))
            case _ if self._locked and name not in ("AT", "AT+CMEE"):
                return ["+CME ERROR: 11"]
            case "AT+CMGF":
                self.pdu_mode = value == "0"
            case "AT+CREG?":
                return [f"+CREG: {self._registration.popleft() if self._registration else '0,1'}", "OK"]
            case "AT+CEREG?":
                return ["+CEREG: 0,0", "OK"]
            case "AT+CSQ":
                return ["+CSQ: 20,99", "OK"]
            case "AT+CMGL" if self.pdu_mode:
                listed = [
                    line
                    for place, pdu in sorted(self.memory.items())
                    for line in (f"+CMGL: {place},1,,{len(pdu) // 2 - 1 - int(pdu[:2], 16)}", pdu)
                ]
                return [*listed, "OK"]
            case "AT+CMGD" if not self.keeps_on_delete:
                self.memory.pop(int(value), None)
            case "AT+CMGL" | "AT+CMGD":
                return ["+CMS ERROR: 302"]
            case _:
                pass
        return ["OK"]

    def _unlock(self, pin: str) -> list[str]:
        if pin != self.pin:
            self.attempts -= 1
            return ["+CME ERROR: 16"]
        self._locked = False
        return ["OK"]

    def _begin_submit(self, command: str) -> None:
        self._length = int(command.partition("=")[2])
        if not self.pdu_mode or self._locked:
            self._answer("+CMS ERROR: 304")
        elif self.submits and self.submits[0] == "no prompt":
            self.submits.popleft()
        else:
            self._mode = "pdu"
            os.write(self._master, self.noise + PROMPT)

    def _submit(self, pdu: str) -> None:
        octets = bytes.fromhex(pdu)
        if len(octets) - 1 - octets[0] != self._length:
            self._answer("+CMS ERROR: 304")
            return
        what = self.submits.popleft() if self.submits else "ok"
        if what == "silence":
            return
        if what not in ("ok", "late"):
            self._answer(what)
            return
        self._reference += 1
        sms = decoded(octets)
        self.sent.append(sms)
        confirmed = f"\r\n+CMGS: {self._reference}\r\n\r\nOK\r\n".encode()
        if what == "late":
            self._late = confirmed
            return
        os.write(self._master, self.noise + confirmed)
        if self.report_status is not None:
            self.say(f"+CDS: 25\r\n{report(self._reference, sms.number, self.report_status)}")


def decoded(octets: bytes) -> Sms:
    """An SMS-SUBMIT with a relative validity, as 3GPP TS 23.040, 9.2.2.2 has it."""
    octets = octets[1 + octets[0] :]
    first, digits = octets[0], octets[2]
    assert first & 0x03 == 0x01
    assert first & 0x18 == 0x10
    end = 4 + (digits + 1) // 2
    number = ("+" if octets[3] == 0x91 else "") + octets[4:end].hex()
    pairs = octets[4:end].hex()
    swapped = "".join(pairs[k + 1] + pairs[k] for k in range(0, len(pairs), 2))[:digits]
    number = ("+" if octets[3] == 0x91 else "") + swapped
    coding, length, body = octets[end + 1], octets[end + 3], octets[end + 4 :]
    header = body[: body[0] + 1] if first & 0x40 else b""
    if coding == 8:
        assert length == len(body) <= 140
        return Sms(number, coding, header, body[len(header) :].decode("utf-16-be"), bool(first & 0x20))
    assert length <= 160
    assert len(body) == (7 * length + 7) // 8
    bits = "".join(f"{octet:08b}"[::-1] for octet in body)
    skipped = -(-8 * len(header) // 7)
    codes = [int(bits[7 * k : 7 * k + 7][::-1], 2) for k in range(skipped, length)]
    # The test's texts keep to where the alphabet is ASCII's, but for the extension's escape.
    text = "".join(map(chr, codes)).replace("\x1be", "€").replace("\x1b<", "[").replace("\x1b>", "]")
    return Sms(number, coding, header, text.replace("\0", "@"), bool(first & 0x20))


def semi(digits: str) -> str:
    """Digits with each pair swapped, filled up with F."""
    digits += "F" * (len(digits) % 2)
    return "".join(digits[k + 1] + digits[k] for k in range(0, len(digits), 2))


def report(reference: int, number: str, status: int) -> str:
    """An SMS-STATUS-REPORT with its service centre's address before it."""
    digits = number.removeprefix("+")
    stamp = semi("261123034500") + "40"
    return f"07919471227210F406{reference:02X}{len(digits):02X}91{semi(digits)}{stamp}{stamp}{status:02X}"


def delivered(sender: str, text: str, part: tuple[int, int, int] | None = None) -> str:
    """An SMS-DELIVER in UCS-2: `part` is (reference, total, number)."""
    digits = sender.removeprefix("+")
    header = b"" if part is None else bytes((5, 0, 3, *part))
    body = header + text.encode("utf-16-be")
    first = "44" if part else "04"
    return f"00{first}{len(digits):02X}91{semi(digits)}0008{semi('261123034500')}00{len(body):02X}{body.hex().upper()}"
