"""A webhook: what is posted, how it is signed, and what each answer becomes."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from email.utils import formatdate
from pathlib import Path

import pytest
from pydantic import SecretStr

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt
from edge_balancer.alerts.channels.webhook import SIGNATURE, WebhookChannel
from edge_balancer.settings.channels import WebhookSettings
from edge_balancer.types.events import Severity
from tests.alerts.certificates import needs_openssl, self_signed, server_context
from tests.alerts.http_double import HttpDouble, Reply

NOW = 1_795_405_500.0
TOKEN, KEY = "a-bearer-nobody-may-see", "a key of some length"


def message(id_: str = "m-1") -> Message:
    return Message(
        id_, "control room", "Edge balancer", "312 A \u2013 limit 289 A.", Severity.CRITICAL, ("a", "b/L1"), 1e9, "12"
    )


def channel(url: str, tls: ssl.SSLContext | None = None, timeout_s: float = 20.0, **secrets: str) -> WebhookChannel:
    given = {name: SecretStr(value) for name, value in secrets.items()}
    settings = WebhookSettings.model_validate({"url": SecretStr(url), **given})
    return WebhookChannel(settings.model_copy(update={"timeout_s": timeout_s}), wall=lambda: NOW, tls=tls)


def test_a_message_is_posted_as_json_with_its_id() -> None:
    with HttpDouble() as web:
        out = channel(web.url)
        assert out.send(message()) == Receipt(Outcome.DELIVERED, "", "127.0.0.1 has taken it (200)")
        assert out.counts == {"delivered": 1}
        assert (out.look("x"), out.find(message(), 0.0), list(out.received())) == (None, None, [])
        out.close()
    (posted,) = web.posted
    assert posted.path == "/hook?site=7"
    assert json.loads(posted.body) == {
        "id": "m-1",
        "to": "control room",
        "subject": "Edge balancer",
        "text": "312 A \u2013 limit 289 A.",
        "severity": "critical",
        "keys": ["a", "b/L1"],
        "written": 1e9,
        "ack": "12",
    }
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["Idempotency-Key"] == "m-1"
    assert {"Authorization", SIGNATURE}.isdisjoint(posted.headers)


def test_the_signature_proves_who_posted_it_and_when() -> None:
    with HttpDouble() as web:
        channel(web.url, signing_key=KEY, token=TOKEN).send(message())
    (posted,) = web.posted
    stamp, _, given = posted.headers[SIGNATURE].partition(",v1=")
    assert stamp == f"t={NOW:.0f}"
    signed = stamp.removeprefix("t=").encode() + b"." + posted.body
    assert given == hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert posted.headers["Authorization"] == f"Bearer {TOKEN}"


def test_the_same_message_has_the_same_id_and_body_when_it_is_posted_again() -> None:
    with HttpDouble(Reply(503), Reply(500)) as web:
        out = channel(web.url)
        assert [out.send(message()).outcome for _ in range(3)] == [Outcome.RETRY, Outcome.RETRY, Outcome.DELIVERED]
    assert len({(posted.headers["Idempotency-Key"], posted.body) for posted in web.posted}) == 1


LATER = {"Retry-After": formatdate(NOW + 90, usegmt=True)}
ANSWERS: dict[str, tuple[Reply, Outcome, str, str, float | None]] = {
    "created": (Reply(201, body=b"{}"), Outcome.DELIVERED, "delivered", "taken it (201)", None),
    "no content": (Reply(204), Outcome.DELIVERED, "delivered", "taken it (204)", None),
    "bad request": (Reply(400, body=b"no \x00 field\nx"), Outcome.REFUSED, "http_400", "says 'no field x'", None),
    "token": (Reply(401), Outcome.REFUSED, "http_401", "channels.webhook.token", None),
    "forbidden": (Reply(403), Outcome.REFUSED, "http_403", "channels.webhook.token", None),
    "not found": (Reply(404), Outcome.REFUSED, "http_404", "channels.webhook.url", None),
    "time-out there": (Reply(408), Outcome.RETRY, "http_408", "tried again later", None),
    "too many": (Reply(429, {"Retry-After": "17"}), Outcome.RETRY, "http_429", "tried again later", 17.0),
    "until a date": (Reply(503, LATER), Outcome.RETRY, "http_503", "tried again later", 90.0),
    "for ever": (Reply(503, {"Retry-After": "1e300"}), Outcome.RETRY, "http_503", "tried again later", 3600.0),
    "nonsense": (Reply(429, {"Retry-After": "soon"}), Outcome.RETRY, "http_429", "tried again later", None),
    "failure": (Reply(500), Outcome.RETRY, "http_500", "tried again later", None),
    "says the token": (Reply(400, body=TOKEN.encode()), Outcome.REFUSED, "http_400", "[redacted]", None),
    "moved": (Reply(301, {"Location": "/new"}), Outcome.REFUSED, "http_301", "channels.webhook.url", None),
    "hang": (Reply(how="hang"), Outcome.RETRY, "timeout", "not answered within 0.3 s", None),
    "drip": (Reply(500, how="drip"), Outcome.RETRY, "timeout", "not answered within 0.3 s", None),
    "cut": (Reply(how="cut"), Outcome.RETRY, "unreachable", "check the network", None),
    "flood": (Reply(400, how="flood"), Outcome.REFUSED, "http_400", "xxx", None),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_each_answer_says_whether_to_retry_and_what_to_do(case: str) -> None:
    reply, outcome, why, remedy, pause_s = ANSWERS[case]
    with HttpDouble(reply) as web:
        out = channel(web.url, token=TOKEN, timeout_s=0.3 if case in ("hang", "drip") else 20.0)
        receipt = out.send(message())
    assert (receipt.outcome, receipt.retry_after_s) == (outcome, pause_s)
    assert web.flooded < 1000 or case == "flood", "a byte now and then does not keep it waiting"
    assert remedy in receipt.detail
    assert len(receipt.detail) <= 300
    assert TOKEN not in receipt.detail
    assert out.counts == {why: 1}


def test_of_an_answer_without_end_only_the_beginning_is_read() -> None:
    with HttpDouble(Reply(400, how="flood")) as web:
        channel(web.url).send(message())
        web.ended.set()
    # What the system's buffers hold is beyond us; what was read is a few thousand bytes.
    assert web.flooded < 50_000_000


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_within_the_host_is_followed(status: int) -> None:
    with HttpDouble(Reply(status, {"Location": "/there?x=1"})) as web:
        assert channel(web.url).send(message()).outcome is Outcome.DELIVERED
    assert [posted.path for posted in web.posted] == ["/hook?site=7", "/there?x=1"]
    assert web.posted[0].body == web.posted[1].body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with HttpDouble() as other, HttpDouble(Reply(status, {"Location": other.url})) as web:
        receipt = channel(web.url, token=TOKEN, signing_key=KEY).send(message())
        assert receipt.outcome is Outcome.REFUSED
        assert "leads to 127.0.0.1" in receipt.detail
        assert other.posted == []


def test_a_redirect_in_a_circle_ends() -> None:
    with HttpDouble(*[Reply(307, {"Location": "/round"})] * 20) as web:
        assert channel(web.url).send(message()).outcome is Outcome.REFUSED
    assert len(web.posted) == 4


@needs_openssl
def test_a_certificate_is_checked(tmp_path: Path) -> None:
    with HttpDouble(tls=server_context(tmp_path)) as web:
        stranger = channel(web.url, token=TOKEN)
        receipt = stranger.send(message())
        assert (receipt.outcome, stranger.counts) == (Outcome.RETRY, {"tls": 1})
        assert "check this machine's clock" in receipt.detail
        assert web.posted == []
        known = ssl.create_default_context(cafile=str(self_signed(tmp_path)))
        assert channel(web.url, known).send(message()).outcome is Outcome.RETRY, "made anew, it is another one"
    with HttpDouble(tls=_context(tmp_path)) as web:
        assert channel(web.url, known).send(message()).outcome is Outcome.DELIVERED
        plain = channel(web.url.replace("https", "http"))
        assert plain.send(message()).outcome is Outcome.RETRY


def _context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_a_port_without_tls_and_one_without_anybody_are_told(free_port: int) -> None:
    with HttpDouble() as web:
        out = channel(web.url.replace("http:", "https:"))
        assert "speaks TLS" in out.send(message()).detail
    nobody = channel(f"http://127.0.0.1:{free_port}/")
    assert (nobody.send(message()).outcome, nobody.counts) == (Outcome.RETRY, {"unreachable": 1})


def test_an_id_with_odd_signs_harms_no_header() -> None:
    with HttpDouble() as web:
        assert channel(web.url).send(message("m\r\nX: é")).outcome is Outcome.DELIVERED
    assert web.posted[0].headers["Idempotency-Key"] == "m X: ?"


def test_an_address_that_cannot_be_used_is_refused() -> None:
    out = channel("http://127.0.0.1:99999/")
    assert (out.send(message()).outcome, out.counts) == (Outcome.REFUSED, {"invalid_url": 1})
