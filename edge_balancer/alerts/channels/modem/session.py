"""From a modem that answers to one that can send: PIN, PDU mode, reports, a network, its signal.

Done before every message, since a modem that was reset in between has forgotten all of it. Sends no SMS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from edge_balancer.alerts.channels.channel import Outcome
from edge_balancer.alerts.channels.modem.answers import Fault, ModemError, ModemSilent, fault_of
from edge_balancer.alerts.channels.modem.dialogue import Dialogue

_REGISTERED: Final = frozenset({1, 5, 6, 7})
"""At home, roaming, and both for SMS alone (TS 27.007, 7.2)."""
_DENIED: Final = 3
_SYNCHRONISE_S: Final = 8.0
_PIN_S: Final = 20.0
_CARD_STARTS_S: Final = 10.0
"""A card whose PIN was just accepted is busy for seconds."""
_UNKNOWN_RSSI: Final = 99


class NotReadyError(Exception):
    """The modem cannot send now; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class Session:
    """Makes a modem ready. Remembers, over lines that break, that a PIN was refused: three tries lock the card."""

    def __init__(
        self,
        *,
        pin: str,
        service_centre: str,
        reports: bool,
        register_s: float,
        poll_s: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pin = pin
        self._service_centre = service_centre
        self._reports = reports
        self._register_s = register_s
        self._poll_s = poll_s
        self._monotonic = monotonic
        self._pin_refused = ""
        self.signal_dbm: float | None = None
        """As last asked; None where the modem does not know."""

    def prepare(self, line: Dialogue, *, register: bool = True) -> None:
        """Bring it to where it can read SMS, and with `register` send them.

        Raises NotReadyError, ModemError, ModemSilent, ModemGone.
        """
        line.synchronise(_SYNCHRONISE_S)
        self._tolerant(line, "ATE0")
        self._tolerant(line, "AT+CMEE=1")
        self._unlock(line)
        line.command("AT+CMGF=0")
        # Phase 2: reports need no acknowledgement from here.
        self._tolerant(line, "AT+CSMS=0")
        self._tolerant(line, 'AT+CPMS="SM","SM","SM"')
        if not self._tolerant(line, f"AT+CNMI=2,1,0,{1 if self._reports else 0},0"):
            self._tolerant(line, f"AT+CNMI=1,1,0,{1 if self._reports else 0},0")
        if self._service_centre:
            line.command(f'AT+CSCA="{self._service_centre}",{145 if self._service_centre.startswith("+") else 129}')
        if register:
            self._register(line)
            self._ask_signal(line)

    def _tolerant(self, line: Dialogue, command: str) -> bool:
        """A command that some modems lack, and that only makes things better."""
        with suppress(ModemError):
            line.command(command)
            return True
        return False

    def _unlock(self, line: Dialogue) -> None:
        state = self._card(line)
        if state == "READY":
            self._pin_refused = ""
            return
        if state != "SIM PIN":
            puk = "PUK" in state
            remedy = (
                "put the card into a phone, enter its PUK and a new PIN, then give that PIN as channels.modem.pin"
                if puk
                else "use another card, or have it unlocked"
            )
            raise NotReadyError(
                Fault(Outcome.REFUSED, "card_locked", f"the SIM card is locked ({state or 'no state'}): {remedy}")
            )
        if not self._pin:
            raise NotReadyError(
                Fault(
                    Outcome.REFUSED,
                    "pin_missing",
                    "the SIM card asks for its PIN: give channels.modem.pin, or switch the PIN off in a phone",
                )
            )
        if self._pin_refused:
            raise NotReadyError(Fault(Outcome.REFUSED, "pin_refused", self._pin_refused))
        left = self._attempts(line)
        if left is not None and left <= 1:
            raise NotReadyError(
                Fault(
                    Outcome.REFUSED,
                    "pin_refused",
                    f"the SIM card has {left} attempt for its PIN left, which is not risked here: enter the PIN in a "
                    "phone, and give the same as channels.modem.pin",
                )
            )
        try:
            line.command(f'AT+CPIN="{self._pin}"', timeout_s=_PIN_S)
        except ModemError as error:
            if fault_of(error).outcome is Outcome.RETRY and error.code != -1:
                raise
            self._pin_refused = (
                f"the SIM card did not take the PIN ({error}), and it is not tried again before a restart: correct "
                "channels.modem.pin; three wrong ones lock the card"
            )
            raise NotReadyError(Fault(Outcome.REFUSED, "pin_refused", self._pin_refused)) from error
        self._await_card(line)

    def _card(self, line: Dialogue) -> str:
        """READY, SIM PIN, SIM PUK, ...; waits for a card that is still starting."""
        deadline = self._monotonic() + _CARD_STARTS_S
        while True:
            try:
                answer = line.command("AT+CPIN?", "+CPIN:")
            except ModemError as error:
                if error.code not in (14, 314) or self._monotonic() >= deadline:
                    raise
            else:
                return answer[-1] if answer else ""
            line.wait(self._poll_s)

    def _await_card(self, line: Dialogue) -> None:
        deadline = self._monotonic() + _CARD_STARTS_S
        while self._card(line) != "READY" and self._monotonic() < deadline:
            line.wait(self._poll_s)

    def _attempts(self, line: Dialogue) -> int | None:
        """How many attempts for the PIN are left, on modems that tell."""
        for command, expect, place in (('AT+CPINR="SIM PIN"', "+CPINR:", 1), ("AT+SPIC", "+SPIC:", 0)):
            with suppress(ModemError, ModemSilent, IndexError, ValueError):
                return int(line.command(command, expect)[0].split(",")[place])
        return None

    def _register(self, line: Dialogue) -> None:
        """Wait until the network has taken the modem in; in a field that takes its time."""
        deadline = self._monotonic() + self._register_s
        while True:
            states = {state for command in ("CREG", "CEREG") if (state := self._state(line, command)) is not None}
            if states & _REGISTERED:
                return
            if self._monotonic() >= deadline:
                break
            line.wait(self._poll_s)
        if _DENIED in states:
            raise NotReadyError(
                Fault(
                    Outcome.RETRY,
                    "registration_denied",
                    "the network denies the SIM card: ask its operator whether it is active, and whether it may roam",
                )
            )
        raise NotReadyError(
            Fault(
                Outcome.RETRY,
                "no_network",
                f"no network took the modem in within {self._register_s:g} s: check the antenna and the reception",
            )
        )

    @staticmethod
    def _state(line: Dialogue, command: str) -> int | None:
        """How the modem stands with the network; None where it does not know the command."""
        try:
            answers = line.command(f"AT+{command}?", f"+{command}:")
        except ModemError:
            return None
        # Said unasked it is `+CREG: 1`; the answer has the mode before it.
        found = [fields for answer in answers if len(fields := answer.split(",")) > 1 and fields[1].strip().isdigit()]
        return int(found[-1][1]) if found else None

    def _ask_signal(self, line: Dialogue) -> None:
        self.signal_dbm = None
        with suppress(ModemError, IndexError, ValueError):
            rssi = int(line.command("AT+CSQ", "+CSQ:")[-1].split(",")[0])
            if 0 <= rssi < _UNKNOWN_RSSI:
                self.signal_dbm = -113.0 + 2.0 * rssi
