"""What the SDK and the network under it raise, as one trouble in words. Loads nothing by itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

from edge_balancer.alerts.channels.channel import Outcome
from edge_balancer.alerts.channels.twilio_codes import meaning

_Result = TypeVar("_Result")
_CODE: Final = re.compile(r'"code"\s*:\s*(\d{1,6})\b')
_NET: Final = "check the connection to the internet and the name server"


class Trouble(Exception):  # noqa: N818 - it is what happened
    """A request without the answer it should have.

    `unsure`: Twilio may have carried it out all the same.
    """

    def __init__(self, outcome: Outcome, why: str, detail: str, *, unsure: bool = False) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.why = why
        self.detail = detail
        self.unsure = unsure


def asked(work: Callable[[], _Result], timeout_s: float) -> _Result:
    """Do something with the SDK. Raises Trouble and nothing else."""
    try:
        return work()
    except Trouble:
        raise
    except Exception as error:  # the SDK lets out its own, those of requests and those of malformed answers
        raise _trouble(error, timeout_s) from error


def _trouble(error: Exception, timeout_s: float) -> Trouble:
    if type(error).__module__ == "twilio.base.exceptions":
        return _answered(error)
    # Both are loaded where one of their errors was raised.
    net: Any = sys.modules.get("requests.exceptions")
    if net is None or not isinstance(error, net.RequestException):
        text = f"Twilio's answer cannot be understood ({type(error).__name__}): it is tried again later"
        return Trouble(Outcome.RETRY, "malformed", text, unsure=True)
    if isinstance(error, net.SSLError):
        text = "the connection to Twilio is not trusted: check this machine's clock and certificates, and any proxy"
        return Trouble(Outcome.RETRY, "tls", f"{text} ({_last_words(error)})")
    if isinstance(error, net.ConnectTimeout):
        return Trouble(Outcome.RETRY, "timeout", f"Twilio is not reached within {timeout_s:g} s: {_NET}")
    if isinstance(error, net.Timeout):
        text = (
            f"Twilio has not answered within {timeout_s:g} s; it may have sent all the same, which is looked up first"
        )
        return Trouble(Outcome.RETRY, "timeout", text, unsure=True)
    # urllib3 wraps what it could not even begin; a connection that broke in use comes bare.
    begun = not any(type(cause).__name__ == "MaxRetryError" for cause in error.args)
    return Trouble(Outcome.RETRY, "unreachable", f"Twilio is not reached: {_NET}", unsure=begun)


def _answered(error: Any) -> Trouble:
    status, code = getattr(error, "status", 0), getattr(error, "code", None)
    said = getattr(error, "msg", "") or getattr(error, "title", "")
    response = next((part for part in error.args if hasattr(part, "status_code")), None)
    if response is not None:
        # Pages of a list come with the bare answer instead.
        status, said = response.status_code, str(error.args[0])
        found = _CODE.search(response.text or "")
        code = int(found[1]) if found is not None else None
    # Without a code of its own the SDK repeats the status.
    code = code if isinstance(code, int) and code >= 1000 else None
    what = meaning(code, status)
    shown = f"{said} (HTTP {status}{f', error {code}' if code else ''}): {what.remedy}"
    # Requests answered with 429 are never carried out; a server that failed may have failed afterwards.
    return Trouble(what.outcome, what.why, shown, unsure=status >= 500)


def _last_words(error: Exception) -> str:
    return str(error).rpartition("] ")[2].partition(" (_ssl")[0] or type(error).__name__
