"""Recorded readings: what is read, what is passed over with its line, what ends the replay."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from edge_balancer.replay.readings_file import ReadingsFileError
from tests.replay.records import read, write

NAN = math.nan


@pytest.mark.parametrize(
    ("name", "text", "row"),
    [
        pytest.param("r.csv", "t,house,p,q,v\n60,h1,100,5,231\n", ("h1", 100.0, 5.0, 231.0), id="whole"),
        pytest.param("r.csv", "t,house,p,q\n60,h1,100,5\n", ("h1", 100.0, 5.0, NAN), id="no voltage"),
        pytest.param("r.csv", "t,house,p\n60,h1,100\n", ("h1", 100.0, NAN, NAN), id="power alone"),
        pytest.param("r.csv", "v,p,house,t\n231,100,h1,60\n", ("h1", 100.0, NAN, 231.0), id="another order"),
        pytest.param(
            "r.csv", "T, House ,P,Q,V\n60,h1,100,5,231\n", ("h1", 100.0, 5.0, 231.0), id="names written freely"
        ),
        pytest.param("r.csv", "\ufefft,house,p\n60,h1,100\n", ("h1", 100.0, NAN, NAN), id="from a spreadsheet"),
        pytest.param("r.csv", "t,house,p,q,v\n60,h1,100,,\n", ("h1", 100.0, NAN, NAN), id="empty values"),
        pytest.param("r.csv", "t,house,p,q,v\r\n60,h1,100,5,231\r\n", ("h1", 100.0, 5.0, 231.0), id="from Windows"),
        pytest.param("r.csv.gz", "t,house,p,q,v\n60,h1,100,5,231\n", ("h1", 100.0, 5.0, 231.0), id="compressed"),
        pytest.param("r.csv", "t,house,p,q,v\n60,h1,100,inf,0\n", ("h1", 100.0, NAN, 0.0), id="a dead house"),
    ],
)
def test_a_row_in_every_spelling(tmp_path: Path, name: str, text: str, row: tuple[str, float, float, float]) -> None:
    ((t, (got,)),), refusals = read(write(tmp_path / name, text))
    assert t == 60.0
    assert got[0] == row[0]
    assert got[1:] == pytest.approx(row[1:], nan_ok=True)
    assert not refusals.counts


def test_a_compressed_file_from_a_spreadsheet_is_read_too(tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path / "r.csv.gz", "\ufefft,house,p\n60,h1,100\n"))
    assert len(rows) == 1


def test_what_was_measured_at_one_instant_comes_together(tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path / "r.csv", "t,house,p\n1,h1,1\n1,h2,2\n2,h1,3\n"))
    assert [(t, [row[0] for row in got]) for t, got in rows] == [(1.0, ["h1", "h2"]), (2.0, ["h1"])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("5,h1", "too few columns"),
        ("5,h1,much,0,230", "not a number"),
        ("soon,h1,5,0,230", "not a number"),
        ("nan,h1,5,0,230", "no time"),
        ("5,stranger,5,0,230", "house not configured"),
        ("5,h1,61000,0,230", "power out of range"),
        ("5,h1,nan,0,230", "power out of range"),
        ("5,h1,5,0,400", "voltage out of range"),
        ("5,h1,5,0,20", "voltage out of range"),
    ],
)
def test_a_row_that_cannot_be_believed_is_counted_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    rows, refusals = read(write(tmp_path / "r.csv", f"t,house,p,q,v\n4,h1,1,0,230\n{line}\n6,h1,1,0,230\n"))
    assert [t for t, _ in rows] == [4.0, 6.0]
    assert refusals.counts == {reason: 1}
    assert refusals.samples[reason] == [f"line 3: {line}"]


def test_empty_lines_are_nothing(tmp_path: Path) -> None:
    rows, refusals = read(write(tmp_path / "r.csv", "t,house,p\n\n4,h1,1\n\n"))
    assert (len(rows), dict(refusals.counts)) == (1, {})


def test_only_the_first_few_of_a_kind_are_kept(tmp_path: Path) -> None:
    _, refusals = read(write(tmp_path / "r.csv", "t,house,p\n" + "5,stranger,1\n" * 50))
    assert refusals.counts["house not configured"] == 50
    assert len(refusals.samples["house not configured"]) == 5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("r.csv", b"t,house\n", "lacks p", id="a column is missing"),
        pytest.param("r.csv", b"", "lacks t, house, p", id="empty"),
        pytest.param("r.csv", b"t,house,p\n5,h1,1\n4,h1,1\n", "line 3", id="not sorted"),
        pytest.param("r.csv", b"t,house,p\n5,h1,1\n\xff\xfe,h1,1\n", "damaged", id="not text"),
        pytest.param("r.csv.gz", b"t,house,p\n5,h1,1\n", "CSV.GZ", id="not compressed at all"),
        pytest.param("r.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b", "damaged", id="cut off"),
    ],
)
def test_what_is_no_such_file_ends_it(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadingsFileError, match=words) as caught:
        read(path)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadingsFileError, match="absent"):
        read(tmp_path / "absent.csv")
