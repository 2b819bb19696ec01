"""What a modem's errors mean: whether the same SMS may leave later, and what a person should do.

Codes of 3GPP TS 27.005 (`+CMS ERROR`, with the network's causes of TS 24.011) and TS 27.007 (`+CME ERROR`). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_balancer.alerts.channels.channel import Outcome

_R, _X = Outcome.RETRY, Outcome.REFUSED

_NUMBER: Final = "correct the contact's number: international, with + and the country's code"
_CONTRACT: Final = "ask the SIM card's operator whether SMS to this number are allowed, and whether the card has credit"
_RECEPTION: Final = "check the antenna and the reception"
_CARD: Final = "check that the SIM card is seated and not worn"
_PIN: Final = "give the right PIN as channels.modem.pin"
_PUK: Final = "put the card into a phone, enter its PUK and a new PIN, then give that PIN as channels.modem.pin"
_CENTRE: Final = "set channels.modem.service_centre to the operator's SMS centre"

_CMS: Final[dict[int, tuple[Outcome, str, str]]] = {
    1: (_X, "the number is not assigned", _NUMBER),
    8: (_X, "the operator bars it", _CONTRACT),
    10: (_X, "the call is barred", _CONTRACT),
    21: (_R, "the network rejected the SMS", _CONTRACT),
    27: (_R, "the receiver is out of order", "wait until their phone is on again"),
    28: (_X, "the receiver is unknown to the network", _NUMBER),
    29: (_X, "the network refuses the service", _CONTRACT),
    30: (_X, "the SIM card is unknown to the network", _CONTRACT),
    38: (_R, "the network is out of order", _RECEPTION),
    41: (_R, "the network has a temporary failure", _RECEPTION),
    42: (_R, "the network is congested", "wait"),
    47: (_R, "the network lacks resources", "wait"),
    50: (_X, "the SIM card has no subscription for SMS", _CONTRACT),
    69: (_X, "the network does not know the service", _CONTRACT),
    96: (_X, "the network calls the SMS malformed", _NUMBER),
    300: (_R, "the modem failed", "if it stays, take the modem's power away for a moment"),
    301: (_R, "the modem's SMS service is taken", "let no other program use the modem"),
    302: (_R, "the modem does not allow it now", "if it stays, take the modem's power away for a moment"),
    303: (_X, "the modem does not support it", "use a modem with PDU mode"),
    304: (_X, "the modem calls the SMS malformed", _NUMBER),
    305: (_X, "the modem calls the SMS malformed", _NUMBER),
    310: (_R, "no SIM card is in the modem", _CARD),
    311: (_X, "the SIM card asks for its PIN", _PIN),
    312: (_X, "the modem is locked to another SIM card", "use the card that belongs to it, or have it unlocked"),
    313: (_R, "the SIM card failed", _CARD),
    314: (_R, "the SIM card is busy", "wait"),
    315: (_R, "the SIM card is a wrong one", _CARD),
    316: (_X, "the SIM card is locked", _PUK),
    320: (_R, "the modem's memory failed", _CARD),
    322: (_R, "the modem's memory is full", "delete the SMS on the SIM card"),
    330: (_X, "the SMS centre's number is unknown", _CENTRE),
    331: (_R, "there is no network", _RECEPTION),
    332: (_R, "the network did not answer in time", _RECEPTION),
    500: (_R, "an unknown error", "if it stays, take the modem's power away for a moment"),
}
_CME: Final[dict[int, tuple[Outcome, str, str]]] = {
    3: (_R, "the modem does not allow it now", "if it stays, take the modem's power away for a moment"),
    4: (_X, "the modem does not support it", "use a modem with PDU mode"),
    10: _CMS[310],
    11: _CMS[311],
    12: _CMS[316],
    13: _CMS[313],
    14: _CMS[314],
    15: _CMS[315],
    16: (_X, "the PIN is wrong", _PIN),
    20: _CMS[322],
    30: _CMS[331],
    31: _CMS[332],
    32: (_R, "the network allows emergency calls alone", _CONTRACT),
}
_UNKNOWN: Final = (_R, "an error without explanation", "if it stays, take the modem's power away for a moment")


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure in words. `kind` is short and the same for the same fault, to be counted by."""

    outcome: Outcome
    kind: str
    detail: str


class ModemError(Exception):
    """The modem answered with an error. `family` is CMS, CME or empty, `code` -1 where it gave none."""

    def __init__(self, family: str, code: int, text: str = "") -> None:
        self.family = family
        self.code = code
        shown = f"+{family} ERROR: {text if code < 0 else code}" if family else "ERROR"
        super().__init__(shown)


class ModemSilent(Exception):  # noqa: N818 - it is what happened
    """No answer within the time for it. `sent` where an SMS had been handed over by then, and may leave."""

    def __init__(self, command: str, waited_s: float, *, sent: bool = False) -> None:
        super().__init__(f"no answer to {command} within {waited_s:g} s")
        self.sent = sent


class ModemGone(Exception):  # noqa: N818 - it is what happened
    """The line cannot be opened or broke down: unplugged, in other hands, without permission."""


def fault_of(error: ModemError) -> Fault:
    """What an error means."""
    table = _CMS if error.family == "CMS" else _CME if error.family == "CME" else {}
    outcome, what, remedy = table.get(error.code, _UNKNOWN)
    # The network's own causes lie below 128; what is unknown among them may pass.
    kind = f"{error.family.lower()}_{error.code}" if error.family and error.code >= 0 else "error"
    return Fault(outcome, kind, f"{what} ({error}): {remedy}")


def parse_error(line: str) -> ModemError | None:
    """The error that a final result names; None where the line is none."""
    if line in ("ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"):
        return ModemError("", -1)
    for family in ("CMS", "CME"):
        if line.startswith(f"+{family} ERROR:"):
            text = line.partition(":")[2].strip()
            return ModemError(family, int(text) if text.isdigit() else -1, text)
    return None
