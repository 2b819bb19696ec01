"""The houses' table: what is tolerated, and how its mistakes are told, with line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.errors import Problem, format_problems
from edge_balancer.settings.check import problems
from edge_balancer.settings.houses import HouseSettings, MeterSource
from edge_balancer.settings.load import load
from edge_balancer.types.phases import Phase

TOML = 'houses_file = "sub/houses.csv"\n[feeder]\ntransformer_kva = 250\n'


def write(folder: Path, table: str | bytes, toml: str = TOML) -> Path:
    (folder / "sub").mkdir()
    (folder / "sub/houses.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    file = folder / "c.toml"
    file.write_text(toml)
    return file


def houses(folder: Path, table: str | bytes, toml: str = TOML) -> tuple[HouseSettings, ...]:
    return load(write(folder, table, toml), {}).houses


def judge(folder: Path, table: str | bytes, toml: str = TOML) -> list[Problem]:
    return problems(write(folder, table, toml), {})


PLAIN = (HouseSettings(id="h1", phase=Phase.L1), HouseSettings(id="h2", phase=Phase.L2, pv_w=3500.5))


@pytest.mark.parametrize(
    "table",
    [
        "id,phase,pv_w\nh1,L1,\nh2,L2,3500.5\n",
        "id;phase;pv_w\nh1;L1;\nh2;L2;3500.5",
        b"\xef\xbb\xbfid,phase,pv_w\r\nh1,L1,\r\nh2,L2,3500.5\r\n",
        "\n ID , Phase,PV W\n\nh1,l1\n  h2 , 2 ,3500.5\n,,\n",
        '"id","phase","pv-w"\n"h1","A",""\n"h2","B","3500.5",,,\n',
        "pv_w,phase,id\n,L1,h1\n3500.5,L2,h2",
    ],
    ids=["comma", "semicolon", "BOM and CRLF", "spaces, blanks, case", "quotes, empty cells behind", "another order"],
)
def test_tables_from_all_sorts_of_programs_are_read_alike(table: str | bytes, tmp_path: Path) -> None:
    assert houses(tmp_path, table) == PLAIN


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("no", False), ("TRUE", True), ("False", False), ("1", True), ("0", False)],
)
def test_truth_is_read_in_many_forms(text: str, value: bool, tmp_path: Path) -> None:
    assert houses(tmp_path, f"id,phase,critical\nh1,L1,{text}")[0].critical is value


def test_every_column_reaches_its_house(tmp_path: Path) -> None:
    header = (
        "id,phase,switchable,critical,three_phase,pv_w,switch_topic,"
        "meter_topic,meter_format,meter_channel,meter_role,meter_scale,meter_invert"
    )
    assert houses(tmp_path, f"{header}\nh1,L3,no,yes,no,10,s/1,m/1,shelly1,2,load,1000,yes") == (
        HouseSettings(
            id="h1",
            phase=Phase.L3,
            switchable=False,
            critical=True,
            pv_w=10,
            switch_topic="s/1",
            meters=(MeterSource(topic="m/1", format="shelly1", channel=2, role="load", scale=1000, invert=True),),
        ),
    )


def test_houses_of_file_and_table_stand_together(tmp_path: Path) -> None:
    toml = TOML + '[[houses]]\nid = "h0"\nphase = "L3"\n'
    assert [house.id for house in houses(tmp_path, "id,phase\nh1,L1\n", toml)] == ["h0", "h1"]


def test_a_three_phase_house_needs_no_phase(tmp_path: Path) -> None:
    found = houses(tmp_path, "id,phase,three_phase\nh1,L1,\nworks,,yes\n")
    assert (found[1].phase, found[1].three_phase) == (None, True)


# table, key, value, words in what is wrong, words in the remedy
CASES: dict[str, tuple[str | bytes, str, str, str, str]] = {
    "no such phase": ("id,phase\nh1,L1\nh2,N", "houses.csv line 3, column phase", '"N"', "not a phase", "L1, L2"),
    "no phase": ("id,phase\nh1,", "houses.csv line 2, column phase", "", "is missing", "three_phase"),
    "no id": ("id,phase\n,L1", "houses.csv line 2, column id", "", "is missing", "give id"),
    "decimal comma": ("id;phase;pv_w\nh1;L1;3,5", "houses.csv line 2, column pv_w", '"3,5"', "the point", "0 to"),
    "above a limit": ("id,phase,pv_w\nh1,L1,1e9", "houses.csv line 2, column pv_w", '"1e9"', "100000 W", "default"),
    "neither yes nor no": (
        "id,phase,critical\nh1,L1,maybe", "houses.csv line 2, column critical", '"maybe"', "true or false", "false by"
    ),
    "line after a quoted line break": (
        'id,phase,switch_topic\nh1,L1,"a\nb"\nh2,L9,', "houses.csv line 4, column phase", '"L9"', "not a phase", "L1"
    ),
    "id twice": ("id,phase\nh1,L1\n\nh1,L2", "houses.csv line 4, column id", '"h1"', "more than once", "rename"),
    "unknown column": ("id,phase,critcal\nh1,L1,yes", "houses.csv line 1, column critcal", "", "no known", "critical?"),
    "column unlike any": ("id,phase,owner\nh1,L1,Z", "houses.csv line 1, column owner", "", "no known", "pv_w"),
    "column twice": ("id,phase,id\nh1,L1,h2", "houses.csv line 1, column id", "", "twice", "remove one"),
    "required column missing": ("id,pv_w\n", "houses.csv line 1, column phase", "", "missing in the header", "add"),
    "more cells than columns": ("id,phase\nh1,L1,L2", "houses.csv line 2", "", "which has 2", "quotes"),
    "open quote": ('id,phase\n"h1,L1\n', "houses.csv line 2", "", "cannot be read", "quotation marks"),
    "meter without topic": (
        "id,phase,meter_format\nh1,L1,tasmota",
        "houses.csv line 2, column meter_format", '"tasmota"', "no use without meter_topic", "leave meter_format empty",
    ),
    "wrong meter": (
        "id,phase,meter_topic,meter_channel\nh1,L1,m,99",
        "houses.csv line 2, column meter_channel", '"99"', "0 to 31", "leave it out",
    ),
    "meter of two houses": (
        "id,phase,meter_topic\nh1,L1,m\nh2,L2,m",
        "houses.csv line 3, column meter_topic", '"m"', "house h1 too", "its own topic",
    ),
    "switch of two houses": (
        "id,phase,switch_topic\nh1,L1,s\nh2,L2,s",
        "houses.csv line 3, column switch_topic", '"s"', "house h1 too", "its own topic",
    ),
    "empty": ("", "houses.csv line 1", "", "no header", "id,phase"),
    "not UTF-8": (b"id,phase\nZ\xfcrich,L1", "houses_file", '"sub/houses.csv"', "not UTF-8", "UTF-8"),
    "zero byte": (b"id,phase\nh\0,L1", "houses.csv line 2, column id", '"h\\u0000"', "letters, digits", "id"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_line_and_column(case: str, tmp_path: Path) -> None:
    table, key, value, wrong, remedy = CASES[case]
    found = [problem for problem in judge(tmp_path, table) if problem.severity == "error"]
    assert [problem.key for problem in found] == [key], format_problems(found)
    assert found[0].value == value
    assert wrong in found[0].wrong
    assert remedy in found[0].remedy


def test_an_id_in_file_and_table_is_an_error_at_the_table(tmp_path: Path) -> None:
    found = judge(tmp_path, "id,phase\nh1,L1\n", TOML + '[[houses]]\nid = "h1"\nphase = "L3"\n')
    assert [(problem.key, problem.value) for problem in found] == [("houses.csv line 2, column id", '"h1"')]


def test_a_table_without_rows_leaves_no_houses(tmp_path: Path) -> None:
    assert [problem.key for problem in judge(tmp_path, "id,phase\n")] == ["houses"]


def test_a_missing_table_is_one_problem_and_what_it_lacks_is_not_told_too(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(TOML)
    found = problems(file, {})
    assert [(problem.key, problem.value) for problem in found] == [("houses_file", '"sub/houses.csv"')]
    assert "does not exist" in found[0].wrong


def test_all_rows_are_judged_at_once(tmp_path: Path) -> None:
    found = judge(tmp_path, "id,phase,pv_w,colour\nh1,L4,-1,red\n,,x,\nh1,L2,,\nh3,L1,2,\n")
    assert [problem.key.removeprefix("houses.csv ") for problem in found] == [
        "line 1, column colour",
        "line 2, column phase",
        "line 2, column pv_w",
        "line 3, column id",
        "line 3, column pv_w",
        "line 3, column phase",
        "line 4, column id",
    ]
