"""`edge-balancer identify` from its arguments to its table, on a readings file and on a store."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.analysis.phases.window import Window
from edge_balancer.identification.commands import identify_command
from edge_balancer.identification.options import add_identify_arguments
from edge_balancer.storage.database import open_writer
from edge_balancer.storage.migrations import migrate
from edge_balancer.storage.minutes import SeriesNames, insert_minutes
from edge_balancer.types.snapshot import MinuteMean
from scripts.bench.identify import DAY
from tests.identification.identification_cases import drawn, real_of, window_of

T0 = 1_760_000_400


def write_config(folder: Path, wrong: dict[int, int] | None = None) -> Path:
    """The drawn feeder, and a three-phase house; `wrong` maps a house to how far its record is off."""
    phases = real_of(drawn())[0]
    lines = []
    for k, (house, phase) in enumerate(zip(drawn().houses, phases, strict=True)):
        recorded = (int(phase) + (wrong or {}).get(k, 0)) % 3 + 1
        lines += ["[[houses]]", f'id = "{house}"', f'phase = "L{recorded}"', ""]
    lines += ["[[houses]]", 'id = "school"', "three_phase = true", ""]
    path = folder / "edge-balancer.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def a_day() -> Window:
    return window_of(drawn(), real_of(drawn()), transformer=True).part(0, DAY)


def write_readings(path: Path, window: Window) -> Path:
    rows = ["t,house,p,q,v"]
    for t in range(len(window)):
        for h, house in enumerate(drawn().houses):
            if np.isfinite(window.volts[t, h]):
                p, q, v = window.power_w[t, h], window.reactive_var[t, h], window.volts[t, h]
                rows.append(f"{T0 + 60 * t},{house},{p:.0f},{q:.0f},{v:.1f}")
        rows.append(f"{T0 + 60 * t},school,900,0,230.1")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def write_store(path: Path, window: Window) -> Path:
    connection = open_writer(path, "NORMAL")
    migrate(connection, path)
    minutes = []
    for t in range(len(window)):
        at = T0 // 60 * 60 + 60 * t
        for h, house in enumerate(drawn().houses):
            v = float(window.volts[t, h])
            if np.isfinite(v):
                p, q = float(window.power_w[t, h]), float(window.reactive_var[t, h])
                minutes.append(MinuteMean(at, house, int(window.recorded[t, h]), p, q, v, v, v, 1))
        assert window.transformer_v is not None
        for k, v in enumerate(window.transformer_v[t].tolist()):
            minutes.append(MinuteMean(at, f"transformer/L{k + 1}", k, 0.0, 0.0, v, v, v, 4))
    connection.execute("BEGIN")
    insert_minutes(connection, minutes, [], SeriesNames())
    connection.execute("COMMIT")
    connection.close()
    return path


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    add_identify_arguments(parser)
    return identify_command(parser.parse_args([str(argument) for argument in arguments]))


def test_a_wrong_record_is_named_and_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, {4: 1})
    readings, table = write_readings(tmp_path / "readings.csv", a_day()), tmp_path / "phases.csv"
    assert run("--config", config, "--readings", readings, "--csv", table) == 1
    out = capsys.readouterr().out
    assert "18 of 18 houses identified from 24.0 h of voltages without the transformer's; 1 record is surely" in out
    assert "school" not in out
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["house"] for row in rows if "THE RECORD IS WRONG" in row["remark"]] == [drawn().houses[4]]
    real = [f"L{phase + 1}" for phase in real_of(drawn())[0]]
    assert [row["identified"] for row in rows] == real
    assert all(0.95 <= float(row["confidence"]) < 1.0 for row in rows)


def test_a_store_with_right_records_ends_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The configuration is wrong about house 4, but its switch has said since where it is.
    config = write_config(tmp_path, {4: 1})
    store = write_store(tmp_path / "store.db", a_day())
    assert run("--config", config, "--database", store) == 0
    assert "of voltages with the transformer's; 0 records are surely wrong" in capsys.readouterr().out


def test_rows_that_were_passed_over_are_told_with_the_first_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings = write_readings(tmp_path / "readings.csv", a_day().part(0, 60))
    lines = readings.read_text(encoding="utf-8").splitlines()
    lines[3:3] = [f"{T0},stranger,1,0,230", f"{T0},house-001,much,0,230", f"{T0},other,1,0,230"]
    readings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run("--config", write_config(tmp_path), "--readings", readings) == 0
    out = capsys.readouterr().out.splitlines()
    assert f"2 rows passed over: house not configured, e.g. line 4: {T0},stranger,1,0,230" in out
    assert f"1 row passed over: not a number, e.g. line 5: {T0},house-001,much,0,230" in out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(["t,house,p,q,v", f"{T0},stranger,1,0,230"], "no voltage of a configured", id="strangers"),
        pytest.param(["t,house,p,q,v", f"{T0},x,1,0,230"], "1 row passed over: house not configured, e.g. line 2: "),
        pytest.param(["t,house,p,q", f"{T0},house-001,1,0"], "told from voltages", id="power alone"),
        pytest.param(["t,house,p,q,v", f"{T0},house-001,1,0,230"], "1 slots of 60 s", id="one reading"),
        pytest.param(["time,house,v", f"{T0},house-001,230"], "header", id="another file"),
    ],
)
def test_what_tells_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[str], message: str
) -> None:
    readings = tmp_path / "readings.csv"
    readings.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert run("--config", write_config(tmp_path), "--readings", readings) == 2
    err = capsys.readouterr().err
    assert err.startswith("edge-balancer identify: ")
    assert message in err


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--config", write_config(tmp_path), "--database", tmp_path / "none.db") == 2
    assert "none.db" in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readings = write_readings(tmp_path / "readings.csv", a_day().part(0, 60))
    code = run("--config", write_config(tmp_path), "--readings", readings, "--csv", tmp_path / "none" / "x.csv")
    assert code == 2
    assert "x.csv" in capsys.readouterr().err
