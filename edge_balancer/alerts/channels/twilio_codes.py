"""What Twilio's error codes and states mean: whether the same SMS may leave later, and what a person should do.

Pure. From Twilio's error and warning dictionary; codes are added there now and then, so what is not listed is judged by
the HTTP status or as refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_balancer.alerts.channels.channel import Outcome

_R, _X = Outcome.RETRY, Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Meaning:
    """`why` is short and the same for the same fault, to be counted by."""

    outcome: Outcome
    why: str
    remedy: str


_KEY: Final = Meaning(_X, "not_authorised", "correct channels.twilio.account_sid, api_key_sid and auth_token")
_ACCOUNT: Final = Meaning(_X, "account_inactive", "look into Twilio's console: the account is closed or without credit")
_NUMBER: Final = Meaning(_X, "invalid_number", "correct the contact's number: +, the country's code, the number")
_SENDER: Final = Meaning(
    _X, "invalid_sender", "give a number of this account that may send SMS as channels.twilio.from_number"
)
_TRIAL: Final = Meaning(
    _X, "trial_limit", "a trial account sends to verified numbers only: verify the number in the console, or upgrade"
)
_DAILY: Final = Meaning(_R, "daily_limit", "the account's SMS of a day are used up: have the limit raised")
_COUNTRY: Final = Meaning(_X, "country_not_enabled", "enable the number's country under Messaging, Geo permissions")
_OPTED_OUT: Final = Meaning(_X, "opted_out", "the receiver has answered STOP: let them send START to the number")
_RATE: Final = Meaning(_R, "rate_limited", "it is tried again later")
_CARRIER: Final = Meaning(_R, "carrier", "the carrier has not taken it: it is tried again later")
_FILTERED: Final = Meaning(_X, "filtered", "carriers refuse the sender: register it with Twilio for its country")
_UNREACHABLE: Final = Meaning(_R, "unreachable", "the receiver's phone is off or without network")
_SERVICE: Final = Meaning(_X, "invalid_service", "correct channels.twilio.messaging_service_sid, and give it a number")
_TEXT: Final = Meaning(_X, "invalid_text", "lower channels.twilio.most_sms")

CODES: Final[dict[int, Meaning]] = {
    10001: _ACCOUNT, 20005: _ACCOUNT, 30002: _ACCOUNT, 90010: _ACCOUNT,
    20003: _KEY, 20008: _KEY, 20404: _KEY,
    21211: _NUMBER, 21214: _NUMBER, 21217: _NUMBER, 21604: _NUMBER, 21614: _NUMBER, 21635: _NUMBER, 30005: _NUMBER,
    30006: _NUMBER, 21265: _NUMBER,
    21212: _SENDER, 21603: _SENDER, 21606: _SENDER, 21659: _SENDER, 21660: _SENDER, 21661: _SENDER, 21612: _SENDER,
    21266: _SENDER,
    21219: _TRIAL, 21608: _TRIAL, 21267: _TRIAL,
    63038: _DAILY, 60728: _DAILY,
    21408: _COUNTRY, 21610: _OPTED_OUT,
    14107: _RATE, 20429: _RATE, 21611: _RATE, 30001: _RATE, 30022: _RATE, 30023: _RATE, 63017: _RATE, 63018: _RATE,
    30003: _UNREACHABLE, 30008: _CARRIER, 30009: _CARRIER, 30017: _CARRIER,
    30004: _FILTERED, 30007: _FILTERED, 30032: _FILTERED, 30034: _FILTERED,
    21701: _SERVICE, 21703: _SERVICE, 21704: _SERVICE, 21705: _SERVICE,
    21602: _TEXT, 21605: _TEXT, 21617: _TEXT,
}  # fmt: skip

UNDER_WAY: Final = frozenset({"queued", "accepted", "scheduled", "sending", "sent"})
ARRIVED: Final = frozenset({"delivered", "read", "received"})


def meaning(code: int | None, status: int) -> Meaning:
    """Of an error code (None: none was given) with its HTTP status."""
    if code is not None and code in CODES:
        return CODES[code]
    if status in (401, 403):
        return _KEY
    if status == 429:
        return _RATE
    if status >= 500 or status == 408:
        return Meaning(_R, f"http_{status}", "Twilio has a failure of its own: it is tried again later")
    return Meaning(_X, f"code_{code}" if code else f"http_{status}", "look the code up at twilio.com/docs/api/errors")


def undelivered(code: int | None) -> Meaning:
    """Of the error code of an SMS that was taken and did not arrive."""
    if code is None:
        return _CARRIER
    return CODES.get(code) or Meaning(_X, f"code_{code}", "look the code up at twilio.com/docs/api/errors")
