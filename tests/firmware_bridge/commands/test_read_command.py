"""`firmware-bridge read` and `models`: what they print, and what they say when it cannot be done."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from firmware_bridge.commands import models, read
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.switches.catalogue import switch_names
from tests.firmware_bridge.commands.running import LIVE, live, run, start, virtual


def rows(out: str) -> dict[str, list[str]]:
    return {cells[0]: cells[1:] for line in out.splitlines() if (cells := line.split())}


def test_it_prints_every_value_with_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    with PtyLine([virtual("eastron_sdm630", 9)], paced=False) as line:
        assert run(read, line.path, "9", "--model", "eastron_sdm630", "--timeout", "0.2") == 0
    shown = rows(capsys.readouterr().out)
    assert set(shown) == {"point", *(str(point) for point in load_meter("eastron_sdm630").points)}
    assert shown["p_l2"] == ["985.5", "W"]
    assert shown["v_l3"] == ["230.4", "V"]
    assert shown["e_import_l1"] == ["123456", "Wh"]
    assert shown["f"] == ["50.02", "Hz"]
    assert "raw" not in shown["point"]


def test_raw_words_stand_beside_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    with PtyLine([virtual("eastron_sdm120", 1)], paced=False) as line:
        assert run(read, line.path, "1", "--model", "eastron_sdm120", "--raw", "--timeout", "0.2") == 0
    # 230.4 as IEEE 754.
    assert rows(capsys.readouterr().out)["v"] == ["230.4", "V", "4366", "6666"]


def test_missing_and_implausible_values_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    values = {Point(quantity): value for quantity, value in LIVE.items()}
    values |= {Point(Quantity.V): 4000.0, Point(Quantity.Q): float("nan")}
    meter = VirtualMeter(load_meter("eastron_sdm120"), 1, lambda: values)
    with PtyLine([meter], paced=False) as line:
        assert run(read, line.path, "1", "--model", "eastron_sdm120", "--timeout", "0.2") == 0
    shown = rows(capsys.readouterr().out)
    assert shown["v"][:3] == ["4000", "V", "implausible:"]
    assert shown["q"][:3] == ["-", "var", "missing:"]


def test_a_meter_that_does_not_answer_is_told_in_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    with PtyLine([], paced=False) as line:
        assert run(read, line.path, "1", "--model", "eastron_sdm120", "--timeout", "0.05") == 1
    shown = capsys.readouterr().out
    assert shown.count("no value: ") == len(load_meter("eastron_sdm120").points)
    assert "is it powered" in shown


def test_watching_prints_again_until_it_is_interrupted() -> None:
    changing = iter(range(1, 1_000_000))

    def values() -> dict[Point, float]:
        return {**live(), Point(Quantity.V): 230.0 + next(changing) / 100}

    meter = VirtualMeter(load_meter("eastron_sdm120"), 1, values)
    with (
        PtyLine([meter], paced=False) as line,
        start("read", line.path, "1", "--model", "eastron_sdm120", "--watch", "0.05") as child,
    ):
        assert child.stdout is not None
        seen: list[str] = []
        for text in child.stdout:
            if text.startswith("v "):
                seen.append(text)
            if len(seen) == 3:
                break
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=90)
    assert child.returncode == 130
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("/dev/nowhere", "1", "--model", "eastron_sdm12O"), 2, "did you mean eastron_sdm120"),
        (("/dev/nowhere", "0", "--model", "eastron_sdm120"), 2, "1 to 247"),
        (("/dev/nowhere", "1", "--model", "eastron_sdm120", "--watch", "0"), 2, "--watch 0"),
        (("/dev/nowhere", "1", "--model", "eastron_sdm120"), 1, "/dev/nowhere is not there"),
        (("rtu+tcp://", "1", "--model", "eastron_sdm120"), 1, "is no address"),
        (("/dev/nowhere", "1", "--model", "eastron_sdm120", "--baud", "1"), 2, "baud = 1"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(read, *arguments) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_models_lists_every_template(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models) == 0
    shown = rows(capsys.readouterr().out)
    assert {*meter_names(), *switch_names()} <= set(shown)
    assert shown["eastron_sdm630"][0] == "3"
    assert "cannot show export" in " ".join(shown["pzem_016"])
    assert "totals only" in " ".join(shown["eastron_sdm72"])


def test_models_tells_notes_and_sources_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, "--verbose") == 0
    sources = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("source: ")]
    assert len(sources) == len(meter_names()) + len(switch_names())


def test_own_templates_are_marked_and_broken_ones_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "meters").mkdir()
    good = 'extends = "eastron_sdm120"\ntitle = "Ours"\nsource = "us"\n'
    (tmp_path / "meters" / "ours.toml").write_text(good)
    (tmp_path / "meters" / "wrong.toml").write_text(good + "colour = 1\n")
    assert run(models, "--folder", str(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "your own" in next(line for line in out.splitlines() if line.strip().startswith("ours"))
    assert "broken: " in out
    assert "wrong.toml" in out
    assert "colour" in out


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, "--folder", str(tmp_path / "none")) == 2
    assert "no such folder" in capsys.readouterr().err
