"""Other services by the real library Apprise, against a local server for its generic JSON service."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from edge_balancer.alerts.channels import apprise as channel_module
from edge_balancer.alerts.channels.apprise import AppriseChannel
from edge_balancer.alerts.channels.channel import Message, Outcome
from edge_balancer.settings.channels import AppriseSettings
from edge_balancer.types.events import Severity
from tests.alerts.http_double import HttpDouble, Reply

pytest.importorskip("apprise", reason="needs the extra apprise")

SECRET = "a-path-nobody-may-see"


def message(to: str = "anna", severity: Severity = Severity.CRITICAL) -> Message:
    return Message("m-1", to, "Edge balancer", "312 A, limit *289* A.", severity, ("a",), 1e9)


def channel(port: int, timeout_s: float = 20.0) -> AppriseChannel:
    urls = f"# who\nanna = json://127.0.0.1:{port}/{SECRET}\n\nbob = nonsense://{SECRET}\n"
    settings = AppriseSettings(urls=SecretStr(urls))
    return AppriseChannel(settings.model_copy(update={"timeout_s": timeout_s}))


def test_a_message_is_sent() -> None:
    with HttpDouble() as web:
        out = channel(web.port)
        assert out.send(message()).outcome is Outcome.SENT
        assert out.counts == {"sent": 1}
    (posted,) = web.posted
    assert posted.path.rstrip("/") == f"/{SECRET}"
    said = json.loads(posted.body)
    assert (said["title"], said["message"], said["type"]) == ("Edge balancer", "312 A, limit *289* A.", "failure")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "outcome", "remedy"),
    [
        (401, Outcome.REFUSED, "correct its address"),
        (404, Outcome.REFUSED, "refuses"),
        (503, Outcome.RETRY, "not taken"),
    ],
)
def test_each_failure_says_what_to_do_and_nothing_of_the_address(status: int, outcome: Outcome, remedy: str) -> None:
    """Each message loads the library anew."""
    with HttpDouble(Reply(status)) as web:
        out = channel(web.port)
        receipt = out.send(message())
    assert (receipt.outcome, out.counts) == (outcome, {f"http_{status}": 1})
    assert remedy in receipt.detail
    assert SECRET not in receipt.detail


@pytest.mark.slow
def test_an_address_that_apprise_does_not_know_is_refused() -> None:
    out = channel(9)
    receipt = out.send(message("bob"))
    assert (receipt.outcome, out.counts) == (Outcome.REFUSED, {"invalid_url": 1})
    assert "correct channels.apprise.urls" in receipt.detail
    assert SECRET not in receipt.detail


def test_a_name_that_has_no_address_is_refused() -> None:
    out = channel(9)
    receipt = out.send(message("eve"))
    assert (receipt.outcome, out.counts) == (Outcome.REFUSED, {"unknown_name": 1})
    assert "use one of them (anna, bob)" in receipt.detail
    assert (out.look("x"), out.find(message(), 0.0), list(out.received())) == (None, None, [])
    out.close()


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "START_S", 0.0)
    with HttpDouble(Reply(how="hang")) as web:
        out = channel(web.port, timeout_s=0.3)
        assert (out.send(message()).outcome, out.counts) == (Outcome.RETRY, {"timeout": 1})
