"""What the work order says of records that the voltages do not bear out, and whom it never touches."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.planning.doubts import PhaseCheck, Standing, check_phases
from edge_balancer.planning.local_time import UTC_TIME
from edge_balancer.planning.notes import step_notes
from edge_balancer.planning.options import StaticOptions
from edge_balancer.planning.record import Record
from edge_balancer.planning.sentences import exhausted_sentences, warnings
from edge_balancer.planning.static import StaticPlan, make_plan
from edge_balancer.planning.study import Study, StudyOptions, studies
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.load import load
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.readings import write_readings
from edge_balancer.types.phases import Phase
from tests.planning.planning_cases import drawn_history, history_of, quiet, read

FEEDER = FeederSettings()


@cache
def recorded() -> tuple[Configuration, Record]:
    """Twelve houses over a day and a half, as the twin's meters would have seen them."""
    with tempfile.TemporaryDirectory() as folder:
        options = TwinOptions(houses=12, seed=5, pv_share=0.6)
        files = write_readings(Path(folder), days=1.5, options=options, period=60.0)
        config = load(files.config, {})
        return config, read(files.readings, config)


def misrecorded(record: Record, house: int) -> Record:
    """The same with one house on record on the next phase."""
    members, series = list(record.members), list(record.series)
    wrong = Phase((members[house].phase + 1) % 3)
    members[house] = replace(members[house], phase=wrong)
    series[house] = replace(series[house], phase=np.full_like(series[house].phase, int(wrong)))
    return replace(record, members=tuple(members), series=tuple(series))


def study_of(record: Record, config: Configuration) -> Study:
    options = StudyOptions(StaticOptions(changes=1), 60.0, 1.0, switches=False, engine_steps=0, zone=UTC_TIME)
    (study,) = studies(record, config, options, quiet)
    return study


def test_right_records_are_confirmed_and_a_wrong_one_is_found() -> None:
    _, record = recorded()
    told = check_phases(record, 60.0)
    assert {check.standing for check in told.values()} <= {Standing.CONFIRMED, Standing.UNTOLD}
    assert sum(check.standing is Standing.CONFIRMED for check in told.values()) >= 11
    wrong = check_phases(misrecorded(record, 0), 60.0)[record.members[0].id]
    assert wrong.standing is Standing.WRONG
    assert wrong.likely is record.members[0].phase


def test_a_house_with_a_wrong_record_is_told_of_and_left_where_it_is() -> None:
    config, record = recorded()
    name = study_of(record, config).static.order[0].change.house
    house = [member.id for member in record.members].index(name)
    study = study_of(misrecorded(record, house), config)
    assert name not in {step.change.house for step in study.static.order}
    assert name not in {change.house for point in study.static.curve for change in point.changes}
    told = [line for line in warnings(study) if line.startswith("THE RECORD IS WRONG")]
    assert len(told) == 1
    assert name in told[0]


def test_without_voltages_nothing_is_confirmed_and_that_is_said() -> None:
    config, record = recorded()
    mute = replace(
        record,
        series=tuple(
            replace(s, v=np.full_like(s.v, np.nan), lowest_v=math.nan, highest_v=math.nan) for s in record.series
        ),
    )
    assert check_phases(mute, 60.0) == {}
    assert any("No phase could be checked" in line for line in warnings(study_of(mute, config)))


def test_a_record_too_short_to_judge_confirms_nobody() -> None:
    _, record = recorded()
    short = tuple(
        replace(s, t=s.t[:5], p=s.p[:5], q=s.q[:5], v=s.v[:5], phase=s.phase[:5], stands_s=s.stands_s[:5])
        for s in record.series
    )
    assert check_phases(replace(record, series=short), 60.0) == {}


def plan(**members: bool) -> StaticPlan:
    history = history_of([[10.0, 10.0, 10.0, 1.0]] * 50, [Phase.L1] * 3 + [Phase.L2])
    changed = tuple(replace(member, **members) for member in history.members)  # type: ignore[arg-type]
    return make_plan(replace(history, members=changed), FEEDER, StaticOptions(holdout=0.0), quiet)


@pytest.mark.parametrize(
    ("standing", "likely", "note"),
    [
        (None, None, ""),
        (Standing.CONFIRMED, Phase.L1, ""),
        (Standing.UNTOLD, None, "phase not confirmed by its voltage: measure first"),
        (Standing.PERHAPS_WRONG, Phase.L3, "RECORD IN DOUBT: its voltage says L3: measure first"),
    ],
)
def test_what_the_voltages_leave_open_stands_at_the_step(
    standing: Standing | None, likely: Phase | None, note: str
) -> None:
    made = plan(switchable=False)
    checks = {}
    if standing is not None:
        checks = {f"h{k}": PhaseCheck(f"h{k}", Phase.L1, likely, 0.9, standing) for k in range(1, 5)}
    assert made.order
    assert step_notes(made, checks)[0] == note


def test_a_house_with_a_switch_is_not_rewired() -> None:
    assert step_notes(plan(switchable=True), {})[0] == "by its phase switch, not rewired"


def test_a_step_that_leaves_voltages_worse_says_so() -> None:
    made = plan(switchable=False)
    order = (replace(made.order[0], worse_h=2.5), *made.order[1:])
    assert "2.5 house-hours worse" in step_notes(replace(made, order=order), {})[0]


def test_who_may_not_be_moved_is_in_no_plan_of_any_size() -> None:
    history = drawn_history(21, houses=9, slots=120)
    kept = {"h1", "h4", "h7"}
    members = tuple(replace(member, movable=member.id not in kept) for member in history.members)
    made = make_plan(replace(history, members=members), FEEDER, StaticOptions(changes=9), quiet)
    assert made.order
    assert not kept & {change.house for point in made.curve for change in point.changes}
    assert all((point.phase[[0, 3, 6]] == history.now[[0, 3, 6]]).all() for point in made.curve)


@pytest.mark.parametrize(("changes", "told"), [(1, True), (3, False)])
def test_a_plan_that_ends_before_the_gain_does_says_so(changes: int, told: bool) -> None:
    """Three alike on L1: two of them must go for balance."""
    config, record = recorded()
    history = history_of([[10.0, 10.0, 10.0]] * 50, [Phase.L1] * 3)
    made = make_plan(history, FEEDER, StaticOptions(changes=changes, holdout=0.0), quiet)
    study = replace(study_of(record, config), static=made)
    assert bool(exhausted_sentences(study)) is told
