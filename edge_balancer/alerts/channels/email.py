"""The channel `email`: plain text to a server that takes mail, encrypted and with a login where it asks for one.

The same message has the same Message-ID over retries, by which servers and readers know it again.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Final

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.deadline import Deadline
from edge_balancer.alerts.channels.receipts import Tally, short
from edge_balancer.settings.channels import EmailSettings
from edge_balancer.types.events import Severity

_ADDRESS: Final = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
"""One address, and nothing that could add another or a header."""
_ANSWERS: Final = 6
"""How many answers, each within its time, one message may take altogether."""


class EmailChannel:
    """Mail by SMTP, one connection a message. `tls` replaces the system's certificate authorities."""

    name: str = "email"

    def __init__(self, settings: EmailSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls
        self._tally = Tally()

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened."""
        return dict(self._tally.counts)

    def send(self, message: Message) -> Receipt:
        server = f"{self._settings.host}:{self._settings.tcp_port}"
        try:
            mail = compose(message, self._settings.sender)
        except ValueError:
            text = f"{message.to!r} is no email address: write it like anna@example.org"
            return self._tally.receipt(Outcome.REFUSED, "invalid_address", text)
        try:
            self._in_time(mail)
        except smtplib.SMTPException as error:
            return self._refused(error, server)
        except ssl.SSLCertVerificationError as error:
            text = f"the certificate of {server} is not trusted ({error.verify_message}): check this machine's clock, "
            return self._tally.receipt(Outcome.RETRY, "tls", text + "the certificate, and channels.email.host")
        except ssl.SSLError as error:
            text = f"no encrypted connection to {server} ({error.reason or 'TLS'}): check channels.email.security "
            return self._tally.receipt(Outcome.RETRY, "tls", text + "(tls usually goes with port 465)")
        except TimeoutError:
            text = f"{server} has not answered within {self._settings.timeout_s:g} s: check the network and the port"
            return self._tally.receipt(Outcome.RETRY, "timeout", text)
        except (OSError, UnicodeError) as error:
            text = f"{server} is not reached ({getattr(error, 'strerror', None) or type(error).__name__}): check the "
            return self._tally.receipt(Outcome.RETRY, "unreachable", text + "network, the name and the port")
        return self._tally.receipt(Outcome.SENT, "sent", f"{server} has taken it", mail["Message-ID"])

    def look(self, reference: str) -> Receipt | None:  # noqa: ARG002
        """None: whether mail arrives is not told to who sends it."""
        return None

    def find(self, message: Message, since_wall: float) -> Receipt | None:  # noqa: ARG002
        """None: the server keeps no list that could be asked."""
        return None

    def received(self) -> Sequence[Received]:
        return ()

    def close(self) -> None:
        """Nothing stays open between messages."""

    def _in_time(self, mail: EmailMessage) -> None:
        """Deliver it. The library takes a server that is silent for one that has hung up; here it is a time-out."""
        try:
            self._deliver(mail)
        except smtplib.SMTPServerDisconnected as error:
            if isinstance(error.__context__, TimeoutError):
                raise TimeoutError from error
            raise

    def _deliver(self, mail: EmailMessage) -> None:
        settings = self._settings
        context = ssl.create_default_context() if self._tls is None else self._tls
        # Without a name given, smtplib asks the name server for this machine's, however long that takes.
        own = name if "." in (name := socket.gethostname()) else "[127.0.0.1]"
        client: smtplib.SMTP
        if settings.security == "tls":
            client = smtplib.SMTP_SSL(
                settings.host, settings.tcp_port, own, timeout=settings.timeout_s, context=context
            )
        else:
            client = smtplib.SMTP(settings.host, settings.tcp_port, own, timeout=settings.timeout_s)
        with Deadline(client, _ANSWERS * settings.timeout_s) as guard:
            guard.in_time()
            if settings.security == "starttls":
                client.starttls(context=context)
            if settings.user:
                client.login(settings.user, settings.password.get_secret_value())
            client.send_message(mail)
            with suppress(smtplib.SMTPException, OSError):
                # It is taken by now, whatever the server has against a farewell.
                client.quit()

    def _refused(self, error: smtplib.SMTPException, server: str) -> Receipt:
        """What the server's answer means: 4xx passes, 5xx does not (RFC 5321, 4.2.1)."""
        code, said = _answer(error)
        shown = f"{server} answers {code} {said}".strip() if code else f"{server}: {short(str(error))}"
        outcome = Outcome.REFUSED if 500 <= code < 600 else Outcome.RETRY
        match error:
            case smtplib.SMTPNotSupportedError():
                text = f"{shown}: check channels.email.security and port"
                return self._tally.receipt(Outcome.REFUSED, "not_supported", text)
            case smtplib.SMTPAuthenticationError():
                why, remedy = "not_authorised", "correct channels.email.user and password"
            case smtplib.SMTPRecipientsRefused():
                why, remedy = f"recipient_{code}", "correct the contact's address"
            case smtplib.SMTPSenderRefused():
                why, remedy = f"sender_{code}", "give an address that this server sends for as channels.email.sender"
            case smtplib.SMTPServerDisconnected():
                why, remedy = "cut", "check channels.email.security and port, and the server's own log"
            case _:
                why, remedy = f"smtp_{code}", "see the server's own log"
        if outcome is Outcome.RETRY and code:
            remedy = "it is tried again later"
        return self._tally.receipt(outcome, why, f"{shown}: {remedy}")


def compose(message: Message, sender: str) -> EmailMessage:
    """The mail. Raises ValueError where an address is none."""
    if not _ADDRESS.fullmatch(message.to):
        raise ValueError("no address")
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.to
    mail["Subject"] = short(message.subject) or "Alert"
    mail["Date"] = datetime.fromtimestamp(message.wall, UTC)
    mail["Message-ID"] = message_id(message.id, sender)
    # RFC 3834: absence notes do not answer it.
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL:
        mail["Importance"] = "high"
    # Not every server takes eight bits, or lines of any length.
    mail.set_content(message.text, cte="quoted-printable")
    return mail


def message_id(id_: str, sender: str) -> str:
    """The same for the same message; the name behind @ is the sender's, as RFC 5322 asks for one of one's own."""
    return f"<{hashlib.sha256(id_.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def _answer(error: smtplib.SMTPException) -> tuple[int, str]:
    """The server's code and words; 0 where it gave none."""
    code, said = 0, b""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (0, b""))
    elif isinstance(error, smtplib.SMTPResponseException):
        # Typed as text or bytes; it is what came over the line, but for an answer that was none.
        code, said = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
    return code, short(said.decode("utf-8", "replace"))
