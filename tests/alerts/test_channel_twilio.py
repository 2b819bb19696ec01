"""SMS by Twilio's real SDK against a local server that speaks its REST API: what each answer becomes, counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.channels.twilio import TwilioChannel
from edge_balancer.settings.channels import TwilioSettings
from edge_balancer.types.events import Severity
from tests.alerts.certificates import needs_openssl, server_context
from tests.alerts.twilio_double import ACCOUNT, SENDER, TOKEN, LedTo, TwilioDouble

ANNA = "+4915112345678"
TEXT = "The feeder is severely unbalanced: 312 A, limit 289 A."


def message(text: str = TEXT, id_: str = "m-1", wants_ack: str = "") -> Message:
    return Message(id_, ANNA, "Edge balancer", text, Severity.CRITICAL, ("severe_imbalance",), 1e9, wants_ack)


@contextmanager
def channel(
    twilio: TwilioDouble, url: str = "", token: str = TOKEN, timeout_s: float = 20.0, **keys: object
) -> Iterator[TwilioChannel]:
    sender = {} if "messaging_service_sid" in keys else {"from_number": SENDER}
    settings = TwilioSettings.model_validate(
        {"account_sid": ACCOUNT, "auth_token": SecretStr(token), **sender, **keys}
    ).model_copy(update={"timeout_s": timeout_s})
    client = LedTo(TwilioHttpClient(timeout=timeout_s), url or twilio.url)
    out = TwilioChannel(settings, wall=lambda: twilio.now, http_client=client)
    try:
        yield out
    finally:
        out.close()


def patient(out: TwilioChannel) -> None:
    """From here on nothing is meant to time out, however busy the machine."""
    client: Any = out._http._inner
    client.inner.timeout = 20.0


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as double:
        yield double


def test_a_message_is_taken_and_its_delivery_looked_at(twilio: TwilioDouble) -> None:
    with channel(twilio) as out:
        receipt = out.send(message())
        (sms,) = twilio.messages
        assert receipt == Receipt(Outcome.SENT, sms["sid"], "1 SMS, queued")
        assert (sms["to"], sms["from"], sms["body"]) == (ANNA, SENDER, TEXT)
        assert out.look(receipt.reference) is None
        sms["status"] = "sent"
        assert out.look(receipt.reference) is None
        sms["status"] = "delivered"
        assert out.look(receipt.reference) == Receipt(Outcome.DELIVERED, sms["sid"], "the carrier has confirmed it")
        assert out.counts == {"sent": 1, "delivered": 1}
        assert out.look("") is None


ANSWERS: dict[str, tuple[Outcome, str, str, float | None]] = {
    "21211": (Outcome.REFUSED, "invalid_number", "correct the contact's number", None),
    "21608": (Outcome.REFUSED, "trial_limit", "verify the number", None),
    "21610": (Outcome.REFUSED, "opted_out", "START", None),
    "21999": (Outcome.REFUSED, "code_21999", "twilio.com/docs/api/errors", None),
    "63038": (Outcome.RETRY, "daily_limit", "have the limit raised", 7.0),
    "401": (Outcome.REFUSED, "not_authorised", "auth_token", None),
    "429": (Outcome.RETRY, "rate_limited", "tried again later", 7.0),
    "500": (Outcome.RETRY, "http_500", "failure of its own", None),
    "503": (Outcome.RETRY, "http_503", "failure of its own", 7.0),
    "garbage": (Outcome.RETRY, "malformed", "cannot be understood", None),
    "no sid": (Outcome.RETRY, "malformed", "no sid", None),
    "cut": (Outcome.RETRY, "unreachable", "connection to the internet", None),
    "hang": (Outcome.RETRY, "timeout", "not answered within 0.3 s", None),
    "lost": (Outcome.RETRY, "timeout", "looked up first", None),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_failure_says_whether_to_retry_and_what_to_do(answer: str, twilio: TwilioDouble) -> None:
    outcome, why, remedy, pause_s = ANSWERS[answer]
    twilio.answers.append(answer)
    with channel(twilio, timeout_s=0.3 if answer in ("hang", "lost") else 20.0) as out:
        receipt = out.send(message())
        assert (receipt.outcome, receipt.reference, receipt.retry_after_s) == (outcome, "", pause_s)
        assert remedy in receipt.detail
        assert TOKEN not in receipt.detail
        assert out.counts == {why: 1}
        # Nothing of it lingers: the next message leaves.
        patient(out)
        assert out.send(message(id_="m-2")).outcome is Outcome.SENT
        assert out.counts == {why: 1, "sent": 1}
    assert twilio.posts == 2, "the SDK repeats nothing by itself"


@pytest.mark.parametrize(
    ("answer", "found"), [("hang", False), ("500", False), ("cut", False), ("lost", True), ("no sid", True)]
)
def test_a_request_without_its_answer_is_looked_up_before_it_is_made_again(
    answer: str, found: bool, twilio: TwilioDouble
) -> None:
    twilio.answers.append(answer)
    with channel(twilio, timeout_s=0.3) as out:
        assert out.send(message()).outcome is Outcome.RETRY
        patient(out)
        # Twilio cannot be asked: then it is not sent either.
        twilio.looks.append("503")
        assert out.send(message()).outcome is Outcome.RETRY
        assert twilio.posts == 1
        again = out.send(message())
    assert again.outcome is Outcome.SENT
    assert len(twilio.messages) == 1
    assert twilio.posts == (1 if found else 2)


@pytest.mark.parametrize("answer", ["429", "21211"])
def test_a_request_that_was_surely_not_carried_out_is_not_looked_up(answer: str, twilio: TwilioDouble) -> None:
    twilio.answers.append(answer)
    with channel(twilio) as out:
        out.send(message())
        assert out.send(message()).outcome is Outcome.SENT
    assert twilio.gets == 0


def test_a_key_that_may_not_list_can_still_send(twilio: TwilioDouble) -> None:
    twilio.answers.append("500")
    twilio.looks.append("401")
    with channel(twilio) as out:
        assert out.send(message()).outcome is Outcome.RETRY
        assert out.send(message()).outcome is Outcome.SENT


def test_nobody_listens(twilio: TwilioDouble, free_port: int) -> None:
    with channel(twilio, f"http://127.0.0.1:{free_port}") as out:
        receipt = out.send(message())
        assert (receipt.outcome, out.counts) == (Outcome.RETRY, {"unreachable": 1})
        assert "check the connection" in receipt.detail
        assert (out.look("SM1"), out.find(message(), 0.0)) == (None, None)


@needs_openssl
def test_a_certificate_that_nobody_vouches_for_ends_it_before_a_secret_is_said(
    twilio: TwilioDouble, tmp_path: Path
) -> None:
    context = server_context(tmp_path)
    twilio._server.socket = context.wrap_socket(twilio._server.socket, server_side=True, do_handshake_on_connect=False)
    with channel(twilio, twilio.url.replace("http:", "https:")) as out:
        receipt = out.send(message())
        assert (receipt.outcome, out.counts) == (Outcome.RETRY, {"tls": 1})
    assert "clock and certificates" in receipt.detail
    assert twilio.posts == 0


@pytest.mark.parametrize(
    ("code", "outcome", "why"),
    [
        (30003, Outcome.RETRY, "unreachable"),
        (30005, Outcome.REFUSED, "invalid_number"),
        (30007, Outcome.REFUSED, "filtered"),
        (39999, Outcome.REFUSED, "code_39999"),
        (None, Outcome.RETRY, "carrier"),
    ],
)
def test_an_sms_that_did_not_arrive_says_why(
    code: int | None, outcome: Outcome, why: str, twilio: TwilioDouble
) -> None:
    with channel(twilio) as out:
        sms = twilio.add(ANNA, TEXT) | {}
        twilio.messages[0] |= {"status": "undelivered", "error_code": code}
        found = out.look(sms["sid"])
        assert found is not None
        assert (found.outcome, found.reference) == (outcome, sms["sid"])
        assert out.counts == {why: 1}


@pytest.mark.parametrize("ahead_s", [0.0, 7200.0, -90_000.0])
def test_after_a_crash_it_is_found_out_whether_a_message_left(ahead_s: float) -> None:
    """Whatever the difference of the clocks: a Pi without a battery may be off by days."""
    with TwilioDouble(ahead_s) as twilio, channel(twilio) as out:
        twilio.now -= 3600.0
        twilio.add(ANNA, TEXT)
        twilio.now += 3600.0
        since = twilio.now
        out.look("SM" + "0" * 32)  # any answer tells the difference
        assert out.find(message(), since) == Receipt(
            Outcome.REFUSED, "", "Twilio knows no such message: it was not sent"
        )
        twilio.now += 5.0
        twilio.add(ANNA, "Sent from your Twilio trial account - " + TEXT)
        twilio.add("+4917612345678", TEXT)
        found = out.find(message(), since)
        assert found is not None
        assert (found.outcome, found.reference) == (Outcome.SENT, "SM" + f"{1:032x}")
        twilio.looks.append("500")
        assert out.find(message(), since) is None


def test_a_list_that_does_not_reach_back_far_enough_proves_nothing(twilio: TwilioDouble) -> None:
    for k in range(150):
        twilio.add(ANNA, f"another {k}")
    with channel(twilio) as out:
        assert out.find(message(), twilio.now - 100.0) is None


def test_answers_are_read_while_somebody_may_answer(twilio: TwilioDouble) -> None:
    twilio.add(SENDER, "ACK 9", inbound=True, sender=ANNA)
    twilio.now += 600.0
    with channel(twilio) as out:
        assert list(out.received()) == []
        assert twilio.gets == 0, "nothing was asked, so nobody answers"
        out.send(message(TEXT + " Reply ACK 12.", wants_ack="12"))
        twilio.now += 30.0
        twilio.add(SENDER, "ACK 12", inbound=True, sender=ANNA)
        assert list(out.received()) == [Received(ANNA, "ACK 12", twilio.now, twilio.messages[0]["sid"])]
        assert list(out.received()) == []
        assert twilio.gets == 1, "not more often than once a minute"
        twilio.now += 61.0
        assert list(out.received()) == [], "nothing is handed out twice"
        twilio.looks.append("500")
        twilio.now += 61.0
        assert list(out.received()) == []
        gets = twilio.gets
        twilio.now += 90_000.0
        assert list(out.received()) == []
        assert twilio.gets == gets, "after a day nobody answers any more"


def test_a_messaging_service_sends_in_place_of_a_number(twilio: TwilioDouble) -> None:
    with channel(twilio, messaging_service_sid="MG" + "0" * 32) as out:
        assert out.send(message()).outcome is Outcome.SENT
    assert twilio.messages[0]["from"] == "of the service"


def test_after_a_restart_answers_are_looked_for_again_until_a_day_after_the_last_message(twilio: TwilioDouble) -> None:
    with channel(twilio) as out:
        out.send(message(wants_ack="12"))
    sent_at = twilio.now
    twilio.now += 100
    twilio.add(SENDER, "ACK 12", inbound=True, sender=ANNA)
    with channel(twilio) as out:
        assert list(out.received()) == []
        out.expect(sent_at, sent_at)
        assert [received.text for received in out.received()] == ["ACK 12"]
        twilio.now = sent_at + 86_401
        gets = twilio.gets
        assert list(out.received()) == []
        assert twilio.gets == gets


def test_a_long_text_is_shortened_and_how_to_answer_is_kept(twilio: TwilioDouble) -> None:
    with channel(twilio, most_sms=1) as out:
        out.send(
            message("Voltage dangerously high on L1 \u2013 send someone now. " * 9 + "Reply ACK 12.", wants_ack="12")
        )
    body = twilio.messages[0]["body"]
    assert len(body) <= 160
    assert body.endswith("... Reply ACK 12.")


def test_a_wrong_token_is_told_without_it(twilio: TwilioDouble, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with channel(twilio, token="wrong-but-secret") as out:
        receipt = out.send(message())
        assert receipt.outcome is Outcome.REFUSED
        assert "wrong-but-secret" not in f"{receipt} {vars(out)} {caplog.text}"


def test_the_sdk_says_nothing_of_numbers_in_the_log(caplog: pytest.LogCaptureFixture, free_port: int) -> None:
    """Through the client that the channel makes by itself."""
    caplog.set_level(logging.DEBUG)
    settings = TwilioSettings(account_sid=ACCOUNT, auth_token=SecretStr(TOKEN), from_number=SENDER)
    out = TwilioChannel(settings)
    with pytest.raises(requests.exceptions.ConnectionError):
        out._http.request("GET", f"http://127.0.0.1:{free_port}/", params={"To": ANNA})
    out.close()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("twilio")] == []
