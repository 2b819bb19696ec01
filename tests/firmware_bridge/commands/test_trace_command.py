"""`firmware-bridge trace` on a pty: it hears others' frames, sends nothing, and lets nobody else in."""

from __future__ import annotations

import os
import select
import signal
import tty
from collections.abc import Iterator

import pytest

from firmware_bridge.commands import trace
from tests.firmware_bridge.commands.running import run, start

READ = bytes.fromhex("01 05 00 00 FF 00 8C 3A")
"""Relay 1 on, by the board's manual."""


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    """The far end of a line, and its path."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_it_prints_the_frames_of_others_and_sends_nothing(pty: tuple[int, str]) -> None:
    far, path = pty
    with start("trace", path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == f"listening on {path} at 9600 baud\n"
        said = []
        for data in (READ, READ, READ[:-1] + b"\0"):
            os.write(far, data)
            said.append(child.stdout.readline())
            assert child.stdout.readline().strip() == data.hex(" ")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=90)
    assert (child.returncode, err) == (130, "")
    assert out.startswith("3 frames, 1 of them broken")
    assert "8 bytes  crc ok   request  unit 1, FC05, coil 0 = 0xff00" in said[0]
    assert "reply    unit 1" in said[1]
    assert " ms " in said[1]
    assert "crc BAD  no whole frame" in said[2]
    assert select.select([far], [], [], 0)[0] == [], "nothing was sent"


def test_it_ends_by_itself_and_says_that_nothing_was_heard(
    pty: tuple[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trace, pty[1], "--seconds", "0.05") == 0
    assert capsys.readouterr().out.endswith("0 frames, 0 of them broken\n")


def test_two_traces_do_not_share_a_port(pty: tuple[int, str], capsys: pytest.CaptureFixture[str]) -> None:
    with start("trace", pty[1]) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("listening")
        assert run(trace, pty[1], "--seconds", "1") == 1
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=90)
    assert "busy" in capsys.readouterr().err


def test_a_port_that_is_pulled_out_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    with start("trace", path) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("listening")
        os.close(theirs)
        os.close(ours)
        _, err = child.communicate(timeout=90)
    assert child.returncode == 1
    assert f"{path} is gone" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("tcp://gateway:502",), 2, "the line itself cannot be heard"),
        (("/dev/nowhere",), 1, "is not there"),
        (("/dev/nowhere", "--seconds", "0"), 2, "--seconds 0"),
        (("rtu+tcp://127.0.0.1:1",), 1, "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_traced_is_told_with_a_remedy(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trace, *arguments) == code
    assert said in capsys.readouterr().err
