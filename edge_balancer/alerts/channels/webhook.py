"""The channel `webhook`: a POST of JSON to one address, with the same id over retries and a signature on request.

The exchange itself, with its time limit and its redirects, is in `http_post`.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.http_post import Answer, post
from edge_balancer.alerts.channels.receipts import Tally, retry_after_s, short
from edge_balancer.settings.channels import WebhookSettings
from edge_balancer.types.events import Severity

SIGNATURE: Final = "Edge-Balancer-Signature"
_MOST_BYTES: Final = 4096
"""Of an answer: what it says is shown to people, the rest is not read."""
_MOST_SHOWN: Final = 120
_LATER: Final = (408, 425, 429)


class Body(msgspec.Struct, frozen=True):
    """What is posted."""

    id: str
    """The same over retries, as in the header Idempotency-Key."""
    to: str
    subject: str
    text: str
    severity: Severity
    keys: tuple[str, ...]
    """The alerts it speaks of."""
    written: float
    """Unix seconds."""
    ack: str
    """The short number that acknowledges it; empty where no answer is expected."""


class WebhookChannel:
    """Posts messages to the configured address. `tls` replaces the system's certificate authorities."""

    name: str = "webhook"

    def __init__(
        self, settings: WebhookSettings, *, wall: Callable[[], float] = time.time, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = settings.url.get_secret_value()
        self._token = settings.token.get_secret_value()
        self._key = settings.signing_key.get_secret_value().encode()
        self._timeout_s = settings.timeout_s
        self._wall = wall
        self._tls = tls
        self._tally = Tally()

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened."""
        return dict(self._tally.counts)

    def send(self, message: Message) -> Receipt:
        host = urlsplit(self._url).hostname or "the webhook"
        try:
            answer = self._post(message)
        except ssl.SSLCertVerificationError as error:
            detail = f"the certificate of {host} is not trusted ({error.verify_message}): check this machine's clock, "
            return self._tally.receipt(Outcome.RETRY, "tls", detail + "the certificate, and the host's name")
        except ssl.SSLError as error:
            text = f"no encrypted connection to {host} ({error.reason or 'TLS'}): check that its port speaks TLS"
            return self._tally.receipt(Outcome.RETRY, "tls", text)
        except TimeoutError:
            text = f"{host} has not answered within {self._timeout_s:g} s: check that it runs and is reached"
            return self._tally.receipt(Outcome.RETRY, "timeout", text)
        except (OSError, http.client.HTTPException) as error:
            text = f"{host} is not reached ({getattr(error, 'strerror', None) or type(error).__name__}): check the "
            return self._tally.receipt(Outcome.RETRY, "unreachable", text + "network, the name and the port")
        except ValueError:
            text = "the address cannot be used: correct channels.webhook.url"
            return self._tally.receipt(Outcome.REFUSED, "invalid_url", text)
        return self._judged(answer, host)

    def look(self, reference: str) -> Receipt | None:  # noqa: ARG002
        """None: an answer is all there is to know."""
        return None

    def find(self, message: Message, since_wall: float) -> Receipt | None:  # noqa: ARG002
        """None: it may be posted again, with the same id."""
        return None

    def received(self) -> Sequence[Received]:
        return ()

    def close(self) -> None:
        """Nothing stays open between messages."""

    def _judged(self, answer: Answer, host: str) -> Receipt:
        status = answer.status
        # Some services repeat what they were sent.
        text = answer.text.replace(self._token, "[redacted]") if self._token else answer.text
        said = f" and says {short(text)[:_MOST_SHOWN]!r}" if text.strip() else ""
        shown = f"{host} answers {status}{said}"
        why = f"http_{status}"
        if 200 <= status < 300:
            return self._tally.receipt(Outcome.DELIVERED, "delivered", f"{host} has taken it ({status})")
        if status in _LATER or status >= 500:
            pause = retry_after_s(answer.retry_after, self._wall())
            return self._tally.receipt(Outcome.RETRY, why, f"{shown}: it is tried again later", retry_after_s=pause)
        if 300 <= status < 400:
            goal = urlsplit(answer.location).hostname or "nowhere"
            remedy = f"{shown} and leads to {goal}: give the address where it ends as channels.webhook.url"
            return self._tally.receipt(Outcome.REFUSED, why, remedy)
        if status in (401, 403):
            return self._tally.receipt(Outcome.REFUSED, why, f"{shown}: correct channels.webhook.token or its rights")
        if status in (404, 405, 410):
            return self._tally.receipt(Outcome.REFUSED, why, f"{shown}: correct channels.webhook.url")
        return self._tally.receipt(Outcome.REFUSED, why, f"{shown}: it does not take what is posted, see its own log")

    def _post(self, message: Message) -> Answer:
        body = msgspec.json.encode(
            Body(
                message.id,
                message.to,
                message.subject,
                message.text,
                message.severity,
                message.keys,
                message.wall,
                message.wants_ack,
            )
        )
        return post(self._url, body, self._headers(message, body), self._timeout_s, _MOST_BYTES, self._tls)

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "edge-balancer",
            "Idempotency-Key": short(message.id.encode("ascii", "replace").decode()),
            "Connection": "close",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._key:
            headers[SIGNATURE] = signature(self._key, body, self._wall())
        return headers


def signature(key: bytes, body: bytes, wall: float) -> str:
    """`t=<Unix seconds>,v1=<hexadecimal HMAC-SHA256 of "<t>." and the body>`.

    The time is signed too: who checks it can refuse what was recorded and is played back.
    """
    stamp = str(int(wall))
    return f"t={stamp},v1={hmac.new(key, stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"
