"""The command `firmware-bridge`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_balancer.demo.broker import broker
from firmware_bridge.cli import READER_GONE, main
from firmware_bridge.commands.virtual import parse_house, read_houses
from firmware_bridge.contract import Phase


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("firmware-bridge ")


def test_houses_are_named_by_hand() -> None:
    assert parse_house("h1=l2") == ("h1", Phase.L2)


@pytest.mark.parametrize("text", ["h1", "=L1", "h1=", "h1=L4"])
def test_a_house_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="L1"):
        parse_house(text)


def test_houses_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "houses.csv"
    file.write_text("id,phase,pv_w\nh1,L1,0\nh2,L3,4000\nshop,,0\n")
    assert read_houses(file) == {"h1": Phase.L1, "h2": Phase.L3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["virtual"], "no houses"),
        (["virtual", "--house", "h1=L7"], "L7"),
        (["virtual", "--houses", "/nowhere.csv"], "nowhere.csv"),
        (["virtual", "--house", "h1=L1", "--failure-rate", "3"], "failure_rate"),
    ],
)
def test_wrong_arguments_end_with_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_missing_broker_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["virtual", "--port", "1", "--host", "127.0.0.1", "--house", "h1=L1"]) == 1
    assert "no broker at 127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with broker() as running:
        command = [sys.executable, "-m", "firmware_bridge", "virtual", "--host", running.host]
        command += ["--port", str(running.port), "--house", "h1=L1", "h2=L2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline().startswith("2 virtual phase switches")
            child.send_signal(number)
            out, err = child.communicate(timeout=90)
        assert (child.returncode, out, err) == (0, "", "")


def test_a_reader_that_has_enough_ends_it_without_a_traceback() -> None:
    listed = subprocess.Popen(
        [sys.executable, "-m", "firmware_bridge", "models", "--verbose"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listed.stdout is not None
    assert listed.stderr is not None
    listed.stdout.close()
    assert listed.stderr.read() == ""
    assert listed.wait(20) == READER_GONE
    listed.stderr.close()
