"""The arguments of `edge-balancer demo`, and how it ends."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import pytest

from edge_balancer.demo.commands import LOG_FILE, add_demo_arguments, demo_command, parse_broker, parse_time
from edge_balancer.demo.options import DemoOptions, DemoResult, NeutralFigures
from edge_balancer.twin.grid.style import Style


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_demo_arguments(parser)
    return parser.parse_args(words)


def test_without_arguments_the_defaults_hold() -> None:
    args, usual = arguments(), DemoOptions()
    assert (args.speed, args.minutes, args.houses, args.seed) == (None, None, usual.houses, usual.seed)
    assert (args.start, args.broker, args.keep, args.plain) == (dt.time(9, 0), None, None, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pi", ("pi", 1883)),
        ("pi:1884", ("pi", 1884)),
        ("[::1]:1884", ("::1", 1884)),
        ("[::1]", ("::1", 1883)),
        ("fe80::1", ("fe80::1", 1883)),
    ],
)
def test_brokers(text: str, expected: tuple[str, int]) -> None:
    assert parse_broker(text) == expected


@pytest.mark.parametrize("text", ["", ":1883", "pi:x", "pi:0", "pi:70000"])
def test_brokers_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="HOST"):
        parse_broker(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("06:00", dt.time(6)), ("6:30", dt.time(6, 30)), ("23:59", dt.time(23, 59))]
)
def test_times(text: str, expected: dt.time) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize("text", ["24:00", "noon", "6", ""])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="HH:MM"):
        parse_time(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--speed", "0"], "speed"),
        (["--speed", "1e9"], "speed"),
        (["--minutes", "-1"], "minutes"),
        (["--houses", "0"], "houses"),
        (["--meter-period", "0"], "meter period"),
        (["--failure-rate", "2"], "failure rate"),
        (["--serial", "9", "--houses", "9"], "serial"),
    ],
)
def test_wrong_arguments_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_command(arguments(*words)) == 2
    assert said in capsys.readouterr().err


def test_the_feeder_is_one_of_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert DemoOptions(feeder=Style(arguments("--feeder", "rural").feeder)).feeder is Style.RURAL
    with pytest.raises(SystemExit):
        arguments("--feeder", "lunar")
    assert "mini-grid" in capsys.readouterr().err


def test_a_missing_broker_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_command(arguments("--broker", "127.0.0.1:1", "--houses", "3")) == 1
    assert "refused" in capsys.readouterr().err


def test_a_short_demo_prints_its_result_and_keeps_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kept"
    words = ["--minutes", "5", "--houses", "6", "--start", "11:00", "--plain", "--keep", str(folder)]
    assert demo_command(arguments(*words)) == 0
    out = capsys.readouterr().out
    assert out.startswith("edge-balancer demo · 6 houses · x300")
    assert "without moves   mean" in out
    assert "Operations:" in out
    assert (folder / "demo.db").stat().st_size > 0
    assert (folder / LOG_FILE).stat().st_size > 0
    assert demo_command(arguments(*words)) == 1
    assert "earlier demo" in capsys.readouterr().err


def test_the_result_tells_what_was_gained() -> None:
    result = DemoResult(
        minutes=90.0,
        without=NeutralFigures(80.0, 120.0),
        balanced=NeutralFigures(20.0, 31.0),
        operations=12,
        operations_per_house_day=1.5,
        budget_per_house_day=2.0,
        failures=1,
        refusals=0,
        alerts=("h1 is locked",),
    )
    assert result.percent_of_none == 25.0
    text = result.text()
    for part in (
        "1.5 simulated hours",
        "80.0",
        "31.0",
        "25 % of none",
        "Operations: 12, 1.50 per house and day (budget 2)",
        "h1 is locked",
    ):
        assert part in text
