"""`edge-balancer plan` from its arguments to its files, on histories that the twin has written."""

from __future__ import annotations

import argparse
import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge_balancer.planning.commands import plan_command
from edge_balancer.planning.options import add_plan_arguments
from edge_balancer.planning.svg import Line, line_chart
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.readings import ReadingsFiles, write_readings
from tests.planning.planning_cases import steady, write_csv

QUICK = ("--engine-steps", "30", "--changes", "3")
TABLES = ("work-order", "changes", "switch-sets", "switch-houses")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ReadingsFiles:
    options = TwinOptions(houses=8, seed=3, pv_share=0.8)
    return write_readings(tmp_path_factory.mktemp("twin"), days=1.5, options=options, period=120.0)


def run(files: ReadingsFiles, *arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    add_plan_arguments(parser)
    given = ["--config", str(files.config), "--readings", str(files.readings), *map(str, arguments)]
    return plan_command(parser.parse_args(given))


@pytest.fixture(scope="module")
def out(files: ReadingsFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    assert run(files, "--out", folder, *QUICK) == 0
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_tables_are_written_and_fit_together(out: Path) -> None:
    order, curve, sets, houses = (rows(out / f"{name}.csv") for name in TABLES)
    assert [int(row["changes"]) for row in curve] == list(range(4))
    means = [float(row["mean_a"]) for row in curve]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.9 * means[0], "a skewed feeder has something to gain"
    assert all(float(row["bound_a"]) <= float(row["mean_a"]) + 2e-3 for row in curve)
    assert float(order[-1]["mean_a"]) == pytest.approx(means[len(order)], abs=2e-3)
    assert sum(float(row["gain_a"]) for row in order) == pytest.approx(means[0] - means[len(order)], abs=1e-2)
    assert all(row["from"] != row["to"] for row in order)
    assert [int(row["switches"]) for row in sets] == [3, 5, 8]
    assert [int(row["rank"]) for row in houses] == list(range(1, 9))
    first = [row["house"] for row in houses[:3]]
    assert sets[0]["houses"].split() == first
    assert all(row["controller_a"] for row in sets)
    assert len(houses) == 8


class Checker(HTMLParser):
    """Elements must close in order, and nothing may be fetched."""

    VOID = frozenset({"meta", "line", "circle", "polyline"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "srcset", "action", "data", "xlink:href", "onload"}
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(out: Path) -> None:
    text = (out / "plan.html").read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    assert not set(checker.seen) & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert not re.search(r"https?:|//|url\(|@import", text)
    assert text.startswith("<!DOCTYPE html>")
    assert checker.seen.count("svg") == 3
    assert checker.seen.count("table") == 6
    assert "nan" not in text.lower()


def test_the_page_names_every_house_of_the_work_order(out: Path) -> None:
    text = (out / "plan.html").read_text(encoding="utf-8")
    for row in rows(out / "work-order.csv"):
        assert f"<td>{row['house']}</td><td>{row['from']}</td><td>{row['to']}</td>" in text
        assert f"<td>{row['phase_by_voltage']}</td>" in text


def test_two_runs_write_the_same_bytes(files: ReadingsFiles, out: Path, tmp_path: Path) -> None:
    assert run(files, "--out", tmp_path, *QUICK) == 0
    for name in (*(f"{table}.csv" for table in TABLES), "plan.html"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_the_plan_is_printed_and_its_progress_is_not_part_of_it(
    files: ReadingsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "--no-dynamic", "--changes", "4", "--work-order", "2") == 0
    printed = capsys.readouterr()
    assert re.search(r"Planned on the first 1\.\d days; the last 0\.\d days were held back", printed.out)
    assert "After the work order's 2 changes" in printed.out
    assert re.search(r"^ +2  h\d+ +L\d +L\d ", printed.out, re.MULTILINE)
    assert "searching" not in printed.out
    assert "reading the history" in printed.err
    assert "SWITCHES" not in printed.out


def test_who_stops_it_keeps_what_was_known(
    files: ReadingsFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge_balancer.planning.study.run_controller", stopped)
    monkeypatch.setenv("EDGE_BALANCER_FORECAST__MODEL", "site-3")
    with pytest.raises(KeyboardInterrupt):
        run(files, "--out", tmp_path, "--engine-steps", "60", "--changes", "2")
    assert {path.name for path in tmp_path.iterdir()} == {*(f"{name}.csv" for name in TABLES), "plan.html"}
    assert rows(tmp_path / "work-order.csv")
    assert all(row["controller_a"] == "" for row in rows(tmp_path / "switch-sets.csv"))
    printed = capsys.readouterr()
    said = printed.out
    assert "the controller is run without the learned forecast site-3: " in printed.err
    assert "is missing" in printed.err
    assert "Work order" in said
    assert "Where switches pay" in said
    assert "stopped; plan.html" in said


def test_the_hours_of_the_day_are_those_of_the_zone(files: ReadingsFiles, tmp_path: Path) -> None:
    pages = []
    for zone in ("UTC", "Asia/Kolkata"):
        assert run(files, "--no-dynamic", "--changes", "1", "--out", tmp_path, "--time-zone", zone) == 0
        pages.append((tmp_path / "plan.html").read_text(encoding="utf-8"))
    assert "hour of the day (UTC)" in pages[0]
    assert "hour of the day (Asia/Kolkata)" in pages[1]
    lines = [re.findall(r'points="([^"]*)"', text) for text in pages]
    assert lines[0][0] != lines[1][0], "the day's chart"
    assert lines[0][2:] == lines[1][2:], "the others"


def test_nothing_held_back_is_said(files: ReadingsFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--no-dynamic", "--changes", "1", "--holdout", "0", "--objective", "p95") == 0
    assert "Nothing was held back" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--changes", "0"), "--changes 0: give 1 or more"),
        (("--changes", "3", "--work-order", "4"), "--work-order 4: give 1 to 3"),
        (("--holdout", "0.95"), "--holdout 0.95 is a fraction"),
        (("--engine-steps", "-1"), "--no-dynamic"),
        (("--time-zone", "Mars/Olympus"), "--time-zone Mars/Olympus: not a zone"),
        (("--step", "0.5"), "--step 0.5: give 1 to 3600"),
        (("--least-hours", "0"), "--least-hours 0: give more than 0"),
        (("--least-hours", "40"), "a plan needs 40 h"),
        (("--from", "yesterday"), "'yesterday' is not a time"),
        (("--from", "2030-01-01"), "no reading of a configured single-phase house"),
        (("--readings", "absent.csv"), "absent.csv"),
        (("--config", "absent.toml"), "absent.toml"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_remedy(
    files: ReadingsFiles, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert run(files, *arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("place", ["file", "/proc/x"])
def test_a_folder_that_cannot_be_written_is_named_at_once(
    files: ReadingsFiles, tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(files, "--no-dynamic", "--changes", "1", "--out", tmp_path / place) == 2
    printed = capsys.readouterr()
    assert f"{tmp_path / place} cannot be written: " in printed.err
    assert "give --out a folder that can be written" in printed.err
    # Before anybody has waited for the search.
    assert "reading the history" not in printed.err
    assert printed.out == ""


def test_unknown_houses_and_missing_voltages_are_told(
    files: ReadingsFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(
        tmp_path / "r.csv", 200, ["h01", "stranger", "h02", "h03", "h04", "h05", "h06", "h07"], steady(500.0)
    )
    text = path.read_text(encoding="utf-8").replace(",230\n", ",\n")
    path.write_text(text + "soon,h01,1,0,230\n", encoding="utf-8")
    assert run(files, "--readings", path, "--least-hours", "1", "--no-dynamic", "--changes", "2") == 0
    out = capsys.readouterr().out
    assert "200 rows passed over: house not configured, e.g. line 3" in out
    assert "\n1 row passed over: not a number, e.g. line 1602: soon,h01," in out
    assert "No voltages were measured" in out
    assert "Never heard, and so left out: h08." in out


@pytest.mark.parametrize("y", [[0.0, 0.0], [1e-6, 2e-6], [5e5, 1e6], [-3.0, 7.0], [1.0, float("nan")]])
def test_a_chart_of_any_size_stays_on_its_paper(y: list[float]) -> None:
    finite = [value for value in y if value == value]
    chart = line_chart("a & b", "x", "y", [Line("<one>", "red", [0.0, 1.0][: len(finite)], finite)], x_ticks=[0.0, 1.0])
    assert "&lt;one&gt;" in chart
    assert "a &amp; b" in chart
    drawn = re.search(r'points="([^"]*)"', chart)
    assert drawn
    for point in drawn[1].split():
        x, height = map(float, point.split(","))
        assert 0 <= x <= 640
        assert 0 <= height <= 260
    assert chart.count('class="grid"') <= 12
