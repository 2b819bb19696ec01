"""Email: what the mail looks like, how it is handed over, and what each answer becomes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from edge_balancer.alerts.channels.channel import Message, Outcome
from edge_balancer.alerts.channels.email import EmailChannel, compose
from edge_balancer.settings.channels import EmailSettings
from edge_balancer.types.events import Severity
from tests.alerts.certificates import needs_openssl, server_context
from tests.alerts.smtp_double import PASSWORD, USER, SmtpDouble

TEXT = "Überlast: 312 A, limit 289 A.\n.\nSend someone.\n"


def message(id_: str = "m-1", to: str = "anna@example.org", subject: str = "Überlast", text: str = TEXT) -> Message:
    return Message(id_, to, subject, text, Severity.CRITICAL, ("severe_imbalance",), 1_795_405_500.0)


def channel(
    server: SmtpDouble, tls: ssl.SSLContext | None = None, timeout_s: float = 20.0, **keys: Any
) -> EmailChannel:
    base = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "edge@feeder-7.example"}
    settings = EmailSettings.model_validate(base | keys)
    return EmailChannel(settings.model_copy(update={"timeout_s": timeout_s}), tls=tls)


def test_a_mail_arrives_as_it_was_written() -> None:
    with SmtpDouble() as server:
        out = channel(server)
        receipt = out.send(message())
        assert (receipt.outcome, out.counts) == (Outcome.SENT, {"sent": 1})
        assert (out.look(receipt.reference), out.find(message(), 0.0), list(out.received())) == (None, None, [])
        out.close()
    (mail,) = server.mails
    assert mail["From"] == "edge@feeder-7.example"
    assert mail["To"] == "anna@example.org"
    assert mail["Subject"] == "Überlast"
    assert mail["Date"].datetime == datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
    assert mail["Message-ID"] == receipt.reference
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert mail.get_content().replace("\r\n", "\n") == TEXT
    assert all(octet < 128 for octet in server.raw[0]), "every server takes seven bits"


def test_the_message_id_is_the_message_s_own() -> None:
    def id_of(message: Message) -> str:
        return str(compose(message, "edge@feeder-7.example")["Message-ID"])

    assert id_of(message()) == id_of(message(text="changed"))
    assert id_of(message()) != id_of(message("m-2"))
    assert id_of(message("m <>\r\n@ é")).endswith("@feeder-7.example>")


@pytest.mark.parametrize(
    ("to", "subject"),
    [("anna", "x"), ("a@b\r\nBcc: c@d", "x"), ("a@b,c@d", "x"), ("", "x"), ("a b@", "x")],
)
def test_an_address_that_is_none_never_reaches_the_server(to: str, subject: str) -> None:
    with SmtpDouble() as server:
        out = channel(server)
        assert out.send(message(to=to, subject=subject)).outcome is Outcome.REFUSED
    assert server.heard == []
    assert out.counts == {"invalid_address": 1}


def test_a_subject_cannot_add_a_header() -> None:
    with SmtpDouble() as server:
        assert channel(server).send(message(subject="Alert\r\nBcc: eve@example.org")).outcome is Outcome.SENT
    assert server.mails[0]["Bcc"] is None
    assert server.mails[0]["Subject"] == "Alert Bcc: eve@example.org"


ANSWERS: dict[str, tuple[dict[str, str], Outcome, str, str]] = {
    "busy": ({"greeting": "421 4.3.2 too busy"}, Outcome.RETRY, "smtp_421", "tried again later"),
    "closed to us": ({"greeting": "554 5.7.1 not you"}, Outcome.REFUSED, "smtp_554", "server's own log"),
    "sender": ({"MAIL": "550 5.7.1 not yours"}, Outcome.REFUSED, "sender_550", "channels.email.sender"),
    "sender later": ({"MAIL": "451 4.3.0 disk"}, Outcome.RETRY, "sender_451", "tried again later"),
    "nobody": ({"RCPT": "550 5.1.1 no such user"}, Outcome.REFUSED, "recipient_550", "correct the contact's address"),
    "grey list": ({"RCPT": "450 4.2.0 greylisted"}, Outcome.RETRY, "recipient_450", "tried again later"),
    "spam": ({"end": "554 5.7.1 spam"}, Outcome.REFUSED, "smtp_554", "server's own log"),
    "full": ({"end": "452 4.3.1 disk full"}, Outcome.RETRY, "smtp_452", "tried again later"),
    "cut": ({"RCPT": "cut"}, Outcome.RETRY, "cut", "channels.email.security and port"),
    "hang at once": ({"greeting": "hang"}, Outcome.RETRY, "timeout", "not answered within 0.2 s"),
    "hang": ({"end": "hang"}, Outcome.RETRY, "timeout", "not answered within 0.2 s"),
    "drip": ({"MAIL": "drip"}, Outcome.RETRY, "timeout", "not answered within 0.2 s"),
    "nonsense": ({"MAIL": "hello?"}, Outcome.RETRY, "sender_-1", "tried again later"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_each_answer_says_whether_to_retry_and_what_to_do(case: str) -> None:
    answers, outcome, why, remedy = ANSWERS[case]
    with SmtpDouble(answers=answers) as server:
        out = channel(server, timeout_s=0.2 if why == "timeout" else 20.0)
        receipt = out.send(message())
    assert receipt.outcome is outcome
    assert remedy in receipt.detail
    assert out.counts == {why: 1}
    assert server.mails == []


def test_a_server_that_fails_at_the_farewell_has_taken_it_all_the_same() -> None:
    with SmtpDouble(answers={"QUIT": "cut"}) as server:
        assert channel(server).send(message()).outcome is Outcome.SENT


def test_nobody_listens(free_port: int) -> None:
    settings = EmailSettings(host="127.0.0.1", port=free_port, sender="a@b")
    out = EmailChannel(settings)
    assert (out.send(message()).outcome, out.counts) == (Outcome.RETRY, {"unreachable": 1})


@pytest.mark.parametrize("security", ["starttls", "tls"])
@needs_openssl
def test_the_connection_is_encrypted_before_the_password_is_said(security: str, tmp_path: Path) -> None:
    server = SmtpDouble(server_context(tmp_path), implicit=security == "tls", login=True)
    known = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    with server:
        keys: dict[str, Any] = {"security": security, "user": USER, "password": SecretStr(PASSWORD)}
        assert channel(server, known, **keys).send(message()).outcome is Outcome.SENT
        assert (server.encrypted, server.logged_in) == ([True], [True])

        wrong = channel(server, known, **{**keys, "password": SecretStr("a wrong one")})
        receipt = wrong.send(message())
        assert (receipt.outcome, wrong.counts) == (Outcome.REFUSED, {"not_authorised": 1})
        assert "channels.email.user and password" in receipt.detail
        assert "a wrong one" not in f"{receipt} {vars(wrong)}"

        server.heard.clear()
        stranger = channel(server, **keys)
        assert "check this machine's clock" in stranger.send(message()).detail
        assert stranger.counts == {"tls": 1}
        assert "AUTH" not in server.heard
    assert len(server.mails) == 1


def test_a_server_without_encryption_is_not_told_the_password() -> None:
    with SmtpDouble(login=True) as server:
        out = channel(server, security="starttls", user=USER, password=SecretStr(PASSWORD))
        receipt = out.send(message())
        assert (receipt.outcome, out.counts) == (Outcome.REFUSED, {"not_supported": 1})
        assert "channels.email.security" in receipt.detail
        other = channel(server, security="tls", user=USER, password=SecretStr(PASSWORD))
        assert (other.send(message()).outcome, other.counts) == (Outcome.RETRY, {"tls": 1})
    assert "AUTH" not in server.heard


def test_a_server_without_a_login_refuses_one() -> None:
    with SmtpDouble() as server:
        out = channel(server, user=USER, password=SecretStr(PASSWORD))
        assert (out.send(message()).outcome, out.counts) == (Outcome.REFUSED, {"not_supported": 1})
