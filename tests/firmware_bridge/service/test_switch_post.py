"""What comes in the name of a command: what can be judged, and what a flood may write into the log."""

from __future__ import annotations

import json
import logging

import pytest

from firmware_bridge.contract import set_topic
from firmware_bridge.host.clock import SystemClock
from firmware_bridge.service.bus import Said
from firmware_bridge.service.switch_post import SwitchPost, UnreadableCommandError, read_command

GOOD = {"id": "c1", "seq": 1, "phase": "L2", "from": "L1", "issued": 1.0, "expires": 2.0}


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "a\n2026-11-22 23:59:59 INFO switch of h1: done"},
        {"id": "\x1b[31m"},
        {"id": "x" * 129},
        {"phase": "L" * 5000},
        {"from": "L" * 200},
        {"seq": -1},
        {"seq": 2**63},
    ],
    ids=[
        "no id",
        "an id of two lines",
        "an id with colours",
        "a long id",
        "too many bytes",
        "a long phase",
        "-1",
        "2^63",
    ],
)
def test_what_nobody_could_judge_or_quote_is_no_command(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableCommandError):
        read_command(json.dumps(GOOD | change).encode())


def test_a_good_command_is_read() -> None:
    assert read_command(json.dumps(GOOD).encode()).id == "c1"


def test_a_flood_of_one_kind_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    said: list[Said] = []
    post = SwitchPost("h1", "b", SystemClock(), said.append)
    for number in range(1000):
        post.receive(set_topic("b", "h1"), b"garbage %d" % number, False)
    assert post.unread == 1000
    assert len(caplog.records) == 1
    assert said == [], "garbage gets no answer"
