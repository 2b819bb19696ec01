"""The channel `twilio`: SMS by Twilio's own SDK, which is loaded with the first message.

Twilio knows no key against sending twice, so a request whose answer was lost is looked up in the list of what was sent
before it is made again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeVar

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.gsm_text import fit_answerable
from edge_balancer.alerts.channels.receipts import Tally, retry_after_s
from edge_balancer.alerts.channels.twilio_answers import Answers
from edge_balancer.alerts.channels.twilio_codes import ARRIVED, UNDER_WAY, undelivered
from edge_balancer.alerts.channels.twilio_errors import Trouble, asked
from edge_balancer.settings.channels import TwilioSettings

_MARGIN_S: Final = 60.0
"""Two clocks are compared, and the service writes down what it accepted when it comes to it."""
_MOST_LISTED: Final = 100
_MOST_UNSURE: Final = 64

_Result = TypeVar("_Result")


class HttpClient(Protocol):
    """What makes the SDK's requests: its `TwilioHttpClient`, or another with the same method."""

    def request(self, method: str, url: str, **arguments: Any) -> Any: ...


class TwilioChannel:
    """SMS by Twilio. Thread-safe."""

    name: str = "twilio"

    def __init__(
        self,
        settings: TwilioSettings,
        *,
        wall: Callable[[], float] = time.time,
        http_client: HttpClient | None = None,
    ) -> None:
        self._settings = settings
        self._wall = wall
        self._http = _Listening(settings.timeout_s, wall, http_client)
        self._client: Any = None
        self._lock = threading.Lock()
        self._tally = Tally()
        self._answers = Answers(settings.from_number, wall)
        self._unsure: dict[str, float] = {}
        """Id of a message whose request had no answer -> Unix seconds before that request."""

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened."""
        return dict(self._tally.counts)

    def send(self, message: Message) -> Receipt:
        with self._lock:
            try:
                found = self._sent_before(message)
                receipt = self._create(message) if found is None else found
            except Trouble as trouble:
                pause = retry_after_s(self._http.headers.get("Retry-After"), self._wall())
                return self._tally.receipt(trouble.outcome, trouble.why, trouble.detail, retry_after_s=pause)
            if message.wants_ack:
                self._answers.expect()
            return receipt

    def look(self, reference: str) -> Receipt | None:
        with self._lock:
            try:
                sms = self._asked(lambda: self._messages()(reference).fetch()) if reference else None
            except Trouble as trouble:
                self._tally.counts[f"look_{trouble.why}"] += 1
                return None
            return None if sms is None or sms.status in UNDER_WAY else self._receipt(sms)

    def find(self, message: Message, since_wall: float) -> Receipt | None:
        with self._lock:
            try:
                return self._search(message, since_wall)
            except Trouble as trouble:
                self._tally.counts[f"find_{trouble.why}"] += 1
                return None

    def received(self) -> Sequence[Received]:
        with self._lock:
            if not self._answers.due():
                return ()
            try:
                found = self._asked(lambda: self._answers.read(self._messages(), self._http.ahead_s))
            except Trouble as trouble:
                self._tally.counts[f"received_{trouble.why}"] += 1
                return ()
            self._tally.counts["received"] += len(found)
            return found

    def expect(self, first: float, last: float) -> None:
        """Messages that left between these Unix seconds, before a restart, may still be answered."""
        with self._lock:
            self._answers.resume(first, last)

    def close(self) -> None:
        self._http.close()

    def _sent_before(self, message: Message) -> Receipt | None:
        """A message of which an earlier request had no answer, where that request was carried out."""
        since = self._unsure.get(message.id)
        if since is None:
            return None
        try:
            found = self._search(message, since)
        except Trouble as trouble:
            if trouble.outcome is Outcome.RETRY:
                raise
            # A key that may send and not list: the doubt cannot be cleared.
            found = None
        del self._unsure[message.id]
        return found if found is not None and found.reference else None

    def _create(self, message: Message) -> Receipt:
        began = self._wall()
        settings = self._settings
        sender = (
            {"from_": settings.from_number}
            if settings.from_number
            else {"messaging_service_sid": settings.messaging_service_sid}
        )
        try:
            sms = self._asked(lambda: self._messages().create(to=message.to, body=self._text(message), **sender))
            if sms.sid is None:
                raise Trouble(Outcome.RETRY, "malformed", "Twilio's answer has no sid", unsure=True)
        except Trouble as trouble:
            if trouble.unsure:
                self._unsure[message.id] = began
                while len(self._unsure) > _MOST_UNSURE:
                    del self._unsure[next(iter(self._unsure))]
            raise
        return self._receipt(sms)

    def _search(self, message: Message, since_wall: float) -> Receipt | None:
        """The message among those sent to its number, the newest first.

        REFUSED without a reference: surely not among them. None: the list does not reach back so far.
        """
        text = self._text(message)
        listed = self._asked(lambda: self._messages().list(to=message.to, limit=_MOST_LISTED, page_size=_MOST_LISTED))
        since = since_wall + self._http.ahead_s - _MARGIN_S
        for sms in listed:
            if sms.date_created is not None and sms.date_created.timestamp() < since:
                break
            # A trial account writes a sentence of its own before the text.
            if sms.direction != "inbound" and (sms.body or "").strip().endswith(text):
                return self._receipt(sms)
        else:
            if len(listed) >= _MOST_LISTED:
                return None
        return self._tally.receipt(Outcome.REFUSED, "not_found", "Twilio knows no such message: it was not sent")

    def _text(self, message: Message) -> str:
        return fit_answerable(message.text, self._settings.most_sms, message.wants_ack)

    def _receipt(self, sms: Any) -> Receipt:
        """What a message's state means."""
        if sms.status in ARRIVED:
            return self._tally.receipt(Outcome.DELIVERED, "delivered", "the carrier has confirmed it", sms.sid)
        if sms.status in UNDER_WAY:
            return self._tally.receipt(Outcome.SENT, "sent", f"{sms.num_segments or 1} SMS, {sms.status}", sms.sid)
        what = undelivered(sms.error_code)
        detail = f"{sms.status}, error {sms.error_code}: {what.remedy}"
        return self._tally.receipt(what.outcome, what.why, detail, sms.sid)

    def _asked(self, work: Callable[[], _Result]) -> _Result:
        return asked(work, self._settings.timeout_s)

    def _messages(self) -> Any:
        """Twilio's messages; loads the SDK."""
        if self._client is None:
            from twilio.rest import Client  # type: ignore[import-untyped]

            settings = self._settings
            self._client = Client(
                settings.api_key_sid or settings.account_sid,
                settings.auth_token.get_secret_value(),
                settings.account_sid,
                region=settings.region or None,
                edge=settings.edge or None,
                http_client=self._http,
                # What other programs' variables say does not count here. An empty mapping would be taken for none.
                environment={"unused": ""},
            )
        return self._client.messages


class _Listening:
    """Hands requests on, and keeps what the SDK drops: the headers of the last answer."""

    def __init__(self, timeout_s: float, wall: Callable[[], float], inner: HttpClient | None) -> None:
        self._timeout_s = timeout_s
        self._wall = wall
        self._inner = inner
        self.headers: Mapping[str, str] = {}
        self.ahead_s = 0.0
        """How far Twilio's clock is ahead of this machine's, as of the last answer that told the time."""

    def request(self, method: str, url: str, **arguments: Any) -> Any:
        if self._inner is None:
            self._inner = self._sdks_own()
        self.headers = {}
        response = self._inner.request(method, url, **arguments)
        self.headers = response.headers or {}
        self._compare_clocks(self.headers.get("Date"))
        return response

    def _sdks_own(self) -> HttpClient:
        from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]

        made: HttpClient = TwilioHttpClient(timeout=self._timeout_s, logger=_quiet())
        return made

    def close(self) -> None:
        session = getattr(self._inner, "session", None)
        if session is not None:
            session.close()

    def _compare_clocks(self, date: str | None) -> None:
        if date:
            try:
                self.ahead_s = parsedate_to_datetime(date).timestamp() - self._wall()
            except (TypeError, ValueError, OverflowError):
                return


def _quiet() -> logging.Logger:
    """The SDK tells the log of every request, numbers included."""
    logger = logging.getLogger("twilio.http_client")
    logger.setLevel(logging.WARNING)
    return logger
