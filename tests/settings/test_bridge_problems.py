"""Lines, meters and switches in the controller's configuration: every mistake is told at once, with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.errors import Problem
from edge_balancer.settings.check import examine

HOUSES = """
[feeder]
transformer_kva = 250
[[houses]]
id = "plain"
phase = "L1"
[[houses]]
id = "solar"
phase = "L2"
pv_w = 5000
[[houses]]
id = "shop"
three_phase = true
[[houses]]
id = "clinic"
phase = "L3"
critical = true
[[houses]]
id = "shelly"
phase = "L3"
switch_topic = "elsewhere/7"
[[houses.meters]]
topic = "shellies/7"
format = "shelly1"
"""
LINE = """
[[bridge.lines]]
name = "north"
port = "/dev/ttyUSB0"
"""


def judge(folder: Path, text: str) -> list[Problem]:
    file = folder / "edge-balancer.toml"
    file.write_text(HOUSES + text)
    file.chmod(0o600)
    return list(examine(file, {}).problems)


def meter(house: str, model: str, unit: int = 1, more: str = "") -> str:
    return f'[[bridge.lines.meters]]\nhouse = "{house}"\nmodel = "{model}"\nunit = {unit}\n{more}\n'


def switch(house: str, model: str = "waveshare_relay_8ch", relays: str = "[1, 2, 3]", unit: int = 20) -> str:
    return f'[[bridge.lines.switches]]\nhouse = "{house}"\nmodel = "{model}"\nunit = {unit}\nrelays = {relays}\n'


CASES = [
    ("a model that is none", meter("plain", "eastron_sdm12"), "bridge.lines[0].meters[0].model", "eastron_sdm120"),
    ("a house that is none", meter("plane", "eastron_sdm120"), "bridge.lines[0].meters[0].house", "plane"),
    (
        "a unit given twice",
        meter("plain", "eastron_sdm120", 3) + meter("solar", "eastron_sdm120", 3),
        "bridge.lines[0].meters[1].unit",
        "3",
    ),
    (
        "a meter that cannot show export on a house with solar",
        meter("solar", "pzem_004t"),
        "bridge.lines[0].meters[0].model",
        "allow_unsigned",
    ),
    (
        "a single-phase meter on a three-phase house",
        meter("shop", "eastron_sdm120"),
        "bridge.lines[0].meters[0].model",
        "three_phase",
    ),
    (
        "a three-phase meter on a single-phase house",
        meter("plain", "eastron_sdm630"),
        "bridge.lines[0].meters[0].model",
        "three_phase",
    ),
    (
        "a single-phase meter on the transformer",
        meter("transformer", "eastron_sdm120"),
        "bridge.lines[0].meters[0].model",
        "three-phase meter",
    ),
    (
        "a meter of totals alone on the transformer",
        meter("transformer", "eastron_sdm72"),
        "bridge.lines[0].meters[0].model",
        "three phases apart",
    ),
    (
        "a house that has a meter over MQTT too",
        meter("shelly", "eastron_sdm120"),
        "bridge.lines[0].meters[0].house",
        "MQTT",
    ),
    ("a switch that stands elsewhere too", switch("shelly"), "bridge.lines[0].switches[0].house", "elsewhere/7"),
    ("relays of two houses", switch("plain") + switch("solar"), "bridge.lines[0].switches", "plain"),
    (
        "a relay that the board has not",
        switch("plain", relays="[7, 8, 9]"),
        "bridge.lines[0].switches[0].relays",
        "8",
    ),
    ("relays that are no three", switch("plain", relays="[1, 2]"), "bridge.lines[0].switches[0].relays", "L3"),
    ("a unit that is no address", meter("plain", "eastron_sdm120", 300), "bridge.lines[0].meters[0].unit", "247"),
]


@pytest.mark.parametrize(("text", "key", "word"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, key: str, word: str, tmp_path: Path) -> None:
    found = [p for p in judge(tmp_path, LINE + text) if p.severity == "error"]
    assert [p.key for p in found] == [key]
    assert word in f"{found[0].value} {found[0].wrong} {found[0].remedy}"


def test_a_good_line_has_no_problem(tmp_path: Path) -> None:
    good = meter("plain", "eastron_sdm120") + meter("solar", "eastron_sdm230", 2) + meter("shop", "abb_b23", 3)
    assert judge(tmp_path, LINE + good + meter("transformer", "janitza_umg", 4) + switch("plain")) == []


def test_what_is_allowed_on_purpose_passes(tmp_path: Path) -> None:
    assert judge(tmp_path, LINE + meter("solar", "pzem_004t", 1, "allow_unsigned = true")) == []


def test_a_switch_that_will_never_be_used_is_a_warning(tmp_path: Path) -> None:
    (problem,) = judge(tmp_path, LINE + switch("clinic"))
    assert (problem.severity, problem.key) == ("warning", "bridge.lines[0].switches[0].house")
    assert "critical" in problem.wrong


def test_all_mistakes_are_told_at_once_and_their_echoes_are_not(tmp_path: Path) -> None:
    text = LINE + meter("plain", "eastron_sdm120", 300) + meter("nobody", "abb_b99", 2) + switch("plain", relays="[1]")
    keys = {p.key for p in judge(tmp_path, text)}
    assert keys == {
        "bridge.lines[0].meters[0].unit",
        "bridge.lines[0].meters[1].house",
        "bridge.lines[0].meters[1].model",
        "bridge.lines[0].switches[0].relays",
    }


def test_a_required_key_that_is_missing_or_wrong_is_told_once(tmp_path: Path) -> None:
    text = '[[bridge.lines]]\nport = "/dev/ttyUSB0"\n[[bridge.lines.meters]]\nhouse = 7\nmodel = true\nunit = "one"\n'
    keys = [p.key for p in judge(tmp_path, text)]
    assert sorted(keys) == [
        "bridge.lines[0].meters[0].house",
        "bridge.lines[0].meters[0].model",
        "bridge.lines[0].meters[0].unit",
        "bridge.lines[0].name",
    ]


def test_the_bridge_keeps_a_file_of_its_own(tmp_path: Path) -> None:
    (problem,) = judge(tmp_path, '[storage]\npath = "one.db"\n[bridge]\nstate = "one.db"\n')
    assert problem.key == "bridge.state"


def test_a_short_key_is_told_without_being_shown(tmp_path: Path) -> None:
    (problem,) = judge(tmp_path, '[bridge]\ncommand_keys = "too short"\n')
    assert problem.key == "bridge.command_keys"
    assert "too short" not in str(problem)
    assert "16" in f"{problem.wrong} {problem.remedy}"
