"""Scenario files: the example is good, and what is wrong is told with place, value and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_balancer.errors import ConfigurationError
from edge_balancer.simulation.example import example_toml, own_sections, reference_markdown
from edge_balancer.simulation.scenario import Scenario
from edge_balancer.simulation.scenario_file import load, parse

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


def test_the_example_is_a_good_scenario_and_shows_every_key(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(example_toml(), encoding="utf-8")
    assert load(path).sun.pv_skew == 0.7
    for section in own_sections():
        for key in section.keys:
            assert f"{key.name} = " in example_toml()


def test_the_example_with_every_key_uncommented_is_good_too(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    lines = [line.removeprefix("# ") if " = " in line and line.split(" = ")[0].removeprefix("# ").isidentifier()
             else line for line in example_toml().splitlines()]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    got = load(path)
    assert got.feeder.folder == tmp_path / "feeder"
    assert got.run == Scenario().run
    assert got.meters == Scenario().meters


def test_the_manual_has_every_key_as_the_program_knows_it() -> None:
    assert reference_markdown() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({"rn": {}}, ("rn", "no known key", "run"), id="a section misspelt"),
        pytest.param({"run": {"dayz": 3}}, ("run.dayz = 3", "days"), id="a key misspelt"),
        pytest.param({"meters": {"loss": 2.0}}, ("meters.loss = 2", "0 to 1", "0.002"), id="outside its limits"),
        pytest.param({"run": {"start": "monday"}}, ("run.start", "a date"), id="no date"),
        pytest.param({"baselines": ["best"]}, ("baselines", '"static"'), id="no baseline"),
        pytest.param({"people": 3}, ("people", "[people]"), id="no table"),
        pytest.param({"switches": {"dead_s": 5}}, ("switches.dead_s", "delay_min_s"), id="dark too long"),
        pytest.param({"feeder": {"source": "csv"}}, ("feeder.folder", "missing"), id="no folder"),
        pytest.param({"run": {"step_s": 7}}, ("run.step_s = 7", "divi"), id="a step that fits no ten minutes"),
        pytest.param({"run": {"history_days": 0}}, ("run.history_days", "static"), id="static from nothing"),
        pytest.param(
            {"controller": {"decision": {"dwel_s": 1}}}, ("controller.decision.dwel_s", "dwell_s"), id="controller"
        ),
        pytest.param(
            {"controller": {"decision": {"operations_per_house_day": 9}}},
            ("controller.decision.max_operations_per_house_day = 8", "budget"),
            id="a budget above the cap",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(data: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(data)
    for word in words:
        assert word in str(caught.value)
    assert all(problem.remedy for problem in caught.value.problems)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse({"run": {"dayz": 3}, "meters": {"loss": -1.0}, "sun": {"pv_share": 2.0}})
    assert len(caught.value.problems) == 3
