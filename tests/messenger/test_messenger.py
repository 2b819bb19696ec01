"""The messenger with its threads: told, answered, and with a disk that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest

from edge_balancer.alerts.channels.channel import Received
from edge_balancer.clock import SystemClock
from edge_balancer.messenger.keeper import Keeper
from edge_balancer.messenger.messenger import Messenger
from edge_balancer.messenger.queue_file import QueueFile
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.switching import AlertAck
from tests.messenger.mailroom import SMS, Service, contact
from tests.support.configuration import make_config

WITHIN_S = 90.0
QUICK = {"telling": {"gather_s": 0, "gather_calm_s": 0}}


def wait_for(reached: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WITHIN_S
    while not reached():
        assert time.monotonic() < until, what
        threading.Event().wait(0.01)


@pytest.fixture
def channel() -> Service:
    return Service()


@pytest.fixture
def messenger(channel: Service, tmp_path: Path) -> Iterator[Messenger]:
    config = make_config(1, contacts=[contact()], alerts=QUICK)
    made = Messenger(config, SystemClock(), tmp_path / "q.db", {"sms": channel, "unused": channel}, 0.01)
    yield made
    made.close()


def alert(key: str = "storage") -> Alert:
    return Alert(key, Severity.CRITICAL, AlertState.ACTIVE, time.time(), f"Trouble with {key}. So. Do.")


def test_what_is_answered_by_text_message_comes_back_as_an_acknowledgement(
    messenger: Messenger, channel: Service
) -> None:
    messenger.start([alert()])
    wait_for(lambda: bool(channel.taken()), "the message")
    channel.inbox.append(Received(SMS, f"ACK {channel.taken()[0]['ack']}", time.time()))
    acks: list[AlertAck] = []

    def acknowledged() -> bool:
        acks.extend(messenger.acks())
        return bool(acks)

    wait_for(acknowledged, "the acknowledgement")
    assert acks == [AlertAck("storage", "anna")]
    wait_for(lambda: messenger.diagnostics().get("answers") == 1, "the count")
    assert messenger.diagnostics()["counts"] == {"sent": 1}
    assert messenger.diagnostics()["channels"] == {"sms": {"sent": 1}}


def test_a_channel_that_breaks_its_promise_is_tried_again_and_shows_no_secret(
    messenger: Messenger, channel: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raises(_message: object) -> None:
        raise RuntimeError("token=hunter2")

    monkeypatch.setattr(Service, "send", lambda _self, message: raises(message))
    messenger.start([alert()])
    wait_for(lambda: messenger.diagnostics().get("counts", {}).get("retried") == 1, "the retry")
    assert messenger.diagnostics()["waiting"] == 1
    assert "hunter2" not in capsys.readouterr().out


def test_a_disk_that_hangs_keeps_nobody_from_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, real = threading.Event(), QueueFile.save

    def hangs(self: QueueFile, changed: Mapping[str, bytes], gone: Collection[str]) -> None:
        free.wait(WITHIN_S)
        real(self, changed, gone)

    monkeypatch.setattr(QueueFile, "save", hangs)
    keeper = Keeper(tmp_path / "q.db", time.time, patience_s=0.05)
    keeper.open()
    assert not keeper.save({"ways/a": b"1"})
    assert not keeper.save({"ways/a": b"2"})
    wait_for(lambda: "has not answered" in keeper.fault, "word of the hanging disk")
    free.set()
    wait_for(lambda: keeper.save({"ways/a": b"3"}), "the disk's return")
    assert keeper.fault == ""
    keeper.close(5.0)
    file = QueueFile(tmp_path / "q.db")
    assert file.load() == {"ways/a": b"3"}
    file.close()
