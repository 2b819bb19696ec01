"""How far a scan is: a bar on a terminal, counting lines without rich, nothing in a pipe."""

from __future__ import annotations

import io
import os
import sys
import threading

import pytest

from firmware_bridge.commands import progress as module
from firmware_bridge.commands.progress import Counting, progress
from firmware_bridge.simulator.pty_line import PtyLine
from tests.firmware_bridge.commands.running import start, virtual


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_scan_on_a_terminal_shows_how_far_it_is() -> None:
    ours, theirs = os.openpty()
    shown = bytearray()

    def look() -> None:
        while b"done" not in shown:
            shown.extend(os.read(ours, 4096))

    watching = threading.Thread(target=look)
    watching.start()
    with PtyLine([virtual("eastron_sdm120", 2)], paced=False) as line:
        arguments = ("scan", line.path, "--baud", "9600", "--units", "1-4", "--timeout", "0.05")
        with start(*arguments, stderr=theirs) as child:
            out, _ = child.communicate(timeout=90)
    os.write(theirs, b"done")
    watching.join(timeout=90)
    os.close(ours)
    os.close(theirs)
    text = shown.decode()
    assert child.returncode == 0
    assert "9600 8N1, unit 2: eastron_sdm120" in text
    assert "/4" in text
    assert out.startswith("    baud  unit  model")


def test_without_rich_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY_S", 0.0)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with progress(2) as bar:
        assert isinstance(bar, Counting)
        for unit in (1, 2):
            bar.at(f"unit {unit}")
            bar.step()
    assert out.getvalue() == "1 of 2: unit 1\n2 of 2: unit 2\n"


def test_in_a_pipe_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with progress(1) as bar:
        bar.at("unit 1")
        bar.tell("found")
        bar.step()
    assert out.getvalue() == ""
