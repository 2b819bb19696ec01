"""Answers after a restart: those that are still to come are looked for, those that were heard before count once. And a
channel that cannot be used says so, and leaves the others alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_balancer.alerts.channels import build as building
from edge_balancer.alerts.channels.channel import Received
from edge_balancer.alerts.channels.optional import MissingPackageError
from edge_balancer.alerts.telling.answers import MOST_HEARD
from edge_balancer.clock import SystemClock
from edge_balancer.messenger.messenger import Messenger, channels_of
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.switching import AlertAck
from tests.messenger.mailroom import SMS, Mailroom, Service, contact
from tests.messenger.test_messenger import QUICK, wait_for
from tests.support.configuration import make_config

Make = Callable[..., Mailroom]


@dataclass(slots=True)
class Polled(Service):
    """Looks for answers only while told to."""

    expected: list[tuple[float, float]] = field(default_factory=list)

    def expect(self, first: float, last: float) -> None:
        self.expected.append((first, last))


def test_an_answer_that_was_heard_before_a_restart_counts_once(make: Make) -> None:
    room = make()
    room.begin("severe_imbalance", Severity.CRITICAL)
    room.pass_s(60)
    answer = Received(SMS, "ACK 1", room.wall, "SM1")
    room.channel.inbox.append(answer)
    room.turn()
    room.restart()
    room.channel.inbox += [answer, Received(SMS, "ACK 1", room.wall, "SM2")]
    room.turn()
    assert room.acks == [AlertAck("severe_imbalance", "anna")] * 2
    assert room.clerk.strangers == 0
    room.channel.inbox += [Received("+4915199999999", "hello", room.wall, f"SM{n}") for n in range(3, 300)]
    room.turn()
    assert len(room.clerk.teller.state.heard["sms"].references) == MOST_HEARD


def run(path: Path, channel: Polled, standing: list[Alert], until: Callable[[Messenger], bool], what: str) -> None:
    config = make_config(1, contacts=[contact()], alerts=QUICK)
    messenger = Messenger(config, SystemClock(), path, {"sms": channel}, 0.01)
    messenger.start(standing)
    try:
        wait_for(lambda: until(messenger), what)
    finally:
        messenger.close()


def test_a_channel_goes_on_looking_for_answers_after_a_restart_while_an_alert_with_a_number_stands(
    tmp_path: Path,
) -> None:
    path, channel = tmp_path / "q.db", Polled()
    standing = [Alert("storage", Severity.CRITICAL, AlertState.ACTIVE, time.time(), "Trouble. So. Do.")]
    run(path, channel, standing, lambda m: m.diagnostics().get("counts") == {"sent": 1}, "the message")
    assert channel.expected == []
    run(path, channel, standing, lambda m: bool(m.diagnostics()), "the second start")
    ((first, last),) = channel.expected
    assert standing[0].since <= first == last <= time.time()
    run(path, channel, [], lambda m: m.diagnostics().get("numbers") == {}, "the end of the alert")
    run(path, channel, [], lambda m: bool(m.diagnostics()), "the last start")
    assert len(channel.expected) == 2, "over: nobody is waited for"


def test_a_channel_without_its_package_is_said_and_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(_settings: object) -> None:
        raise MissingPackageError("channels.apprise needs the package apprise, which is not installed")

    monkeypatch.setattr(building, "_apprise", lacks)
    config = make_config(
        1,
        contacts=[contact(channel="apprise", to="anna")],
        alerts=QUICK,
        channels={"apprise": {"urls": "anna = json://localhost"}, "webhook": {"url": "http://127.0.0.1:9/x"}},
    )
    channels, unusable = channels_of(config)
    assert list(channels) == ["webhook"]
    assert "needs the package apprise" in capsys.readouterr().out
    messenger = Messenger(config, SystemClock(), tmp_path / "q.db", channels, unusable=unusable)
    messenger.start([Alert("storage", Severity.CRITICAL, AlertState.ACTIVE, time.time(), "Trouble. So. Do.")])
    try:
        wait_for(lambda: bool(messenger.diagnostics().get("failed_last")), "word of the failure")
        shown = messenger.diagnostics()
    finally:
        messenger.close()
    assert list(shown["unusable"]) == ["apprise"]
    assert "needs the package apprise" in shown["failed_last"][0]["detail"]
