"""What the program says about itself, as the journal and a person on a terminal see it."""

from __future__ import annotations

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from pydantic import SecretStr

from edge_balancer.logs import REDACTED, Outage, configure, get_logger, is_journal
from edge_balancer.settings.policy import LogSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _process_wide_logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure(LogSettings(), stream, {})
    return stream


def test_an_event_is_one_line_of_json_with_time_level_and_event_first(out: io.StringIO) -> None:
    get_logger("edge_balancer.part").info("house moved", house="h12", phase="L2")
    (line,) = lines(out)
    assert list(line)[:3] == ["time", "level", "event"]
    assert line["time"].endswith("Z")
    assert {key: line[key] for key in line if key != "time"} == {
        "level": "info",
        "event": "house moved",
        "house": "h12",
        "phase": "L2",
        "logger": "edge_balancer.part",
    }


def test_libraries_that_use_logging_and_warnings_come_out_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("paho").warning("lost %s times", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old call", UserWarning, stacklevel=1)
    first, second = lines(out)
    assert (first["event"], first["level"], first["logger"]) == ("lost 3 times", "warning", "paho")
    assert "old call" in second["event"]


@pytest.mark.parametrize(("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_of_the_settings_decides_what_is_said(level: str, seen: int) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"level": level}), stream, {})
    log = get_logger("x")
    for say in (log.debug, log.info, log.warning, log.error):
        say("something")
    assert len(lines(stream)) == seen


def test_setting_up_again_changes_the_level_and_says_nothing_twice(out: io.StringIO) -> None:
    log = get_logger("x")
    again = io.StringIO()
    configure(LogSettings(level="debug"), again, {})
    log.debug("detail")
    assert out.getvalue() == ""
    assert len(lines(again)) == 1


@pytest.mark.parametrize("key", ["password", "mqtt_password", "mqtt.password", "Token", "mac", "client-secret"])
def test_secrets_are_never_said(out: io.StringIO, key: str) -> None:
    get_logger("x").info("connecting", **{key: "hunter2"}, nested={key: "hunter2", "list": [{key: "hunter2"}]})
    assert "hunter2" not in out.getvalue()
    assert lines(out)[0][key] == REDACTED


def test_what_only_sounds_like_a_secret_is_said(out: io.StringIO) -> None:
    get_logger("x").info("x", machine="pi", tokens_left=3)
    assert (lines(out)[0]["machine"], lines(out)[0]["tokens_left"]) == ("pi", 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float32(1.5), 1.5),
        (np.int64(3), 3),
        (Path("/a"), "/a"),
        (SecretStr("x"), "**********"),
        (ValueError("bad"), "bad"),
        ("h\udcff", "'h\\udcff'"),
        (10**30, 10**30),
        ({1, 2}, [1, 2]),
        ({(1, 2): "x"}, {"(1, 2)": "x"}),
    ],
)
def test_no_value_makes_a_log_call_fail_or_the_line_invalid(out: io.StringIO, value: object, expected: object) -> None:
    get_logger("x").info("value", value=value)
    line = json.loads(out.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert line["value"] == expected


def test_an_exception_is_told_with_its_traceback_and_without_local_variables(out: io.StringIO) -> None:
    def fail() -> None:
        confidential = "hunter" + str(2)
        raise RuntimeError(len(confidential))

    try:
        fail()
    except RuntimeError:
        get_logger("x").exception("step failed")
    (line,) = lines(out)
    assert "RuntimeError: 7" in line["exception"]
    assert "hunter2" not in out.getvalue()


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
    ],
)
def test_the_form_follows_the_terminal_unless_it_is_set(form: str, stream: type[io.StringIO], is_json: bool) -> None:
    target = stream()
    configure(LogSettings.model_validate({"format": form}), target, {})
    get_logger("x").info("hello")
    assert target.getvalue().startswith("{") is is_json
    assert ("\x1b[" in target.getvalue()) is (form == "auto" and stream is Terminal)


def test_a_line_for_the_journal_begins_with_its_priority(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        stat = os.fstat(stream.fileno())
        configure(LogSettings(), stream, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        get_logger("x").error("broken")
        get_logger("x").info("fine")
        stream.seek(0)
        first, second = stream.read().splitlines()
    assert first.startswith("<3>{")
    assert second.startswith("<6>{")
    assert json.loads(first[3:])["event"] == "broken"


def test_another_processs_journal_is_not_ours(tmp_path: Path) -> None:
    with (tmp_path / "pipe").open("w") as stream:
        assert not is_journal(stream, {"JOURNAL_STREAM": "8:12345"})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "8:12345"})


def test_a_trouble_is_told_once_when_it_begins_and_once_when_it_ends(out: io.StringIO) -> None:
    now = [100.0]
    outage = Outage(get_logger("mqtt"), "broker unreachable", "broker reachable again", lambda: now[0])
    assert not outage.up()
    assert outage.down(error="refused")
    for now[0] in (101.0, 103.0, 107.0):
        assert not outage.down(error="refused")
    states = [outage.active]
    now[0] = 112.5
    assert outage.up(host="localhost")
    assert not outage.up()
    states.append(outage.active)
    assert states == [True, False]
    assert outage.down(error="again")
    first, second, third = lines(out)
    assert (first["event"], first["level"], first["error"]) == ("broker unreachable", "warning", "refused")
    assert (second["event"], second["level"]) == ("broker reachable again", "info")
    assert (second["lasted_s"], second["count"], second["host"]) == (12.5, 4, "localhost")
    assert third["error"] == "again"
