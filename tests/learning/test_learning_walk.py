"""What a row says: what was known then, by the daemon's own functions, and what really came. Nothing from later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.benchmark import ours
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.scenarios import Meters, Switches
from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon, patience_for
from edge_balancer.forecast.interface import FunctionModel, ModelCard, Outputs
from edge_balancer.learning.recordings import slots_of
from edge_balancer.learning.walk import Truth, Walk, rows
from edge_balancer.types.readings import Reading
from tests.learning.bench_feeder import quiet_case
from tests.learning.learning_cases import START, living, recording_of

LOOKING = horizon(patience_for(2.0))


def test_a_target_is_the_mean_of_its_block_above_the_forecast() -> None:
    load = living(3, 900, 1)
    found = list(rows(recording_of(load), LOOKING, 660.0))
    assert [one.at.slot for one in found] == list(range(11, 891 - 240 + 1, 11))
    ends = np.cumsum(BLOCK_MINUTES).astype(int)
    for one in found[::9]:
        for block, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            mean = load.real[one.at.slot + begin : one.at.slot + end].mean(axis=0)
            expected = (mean - one.at.forecast[:, block].real) / 1000.0
            np.testing.assert_allclose(one.target[:, block], expected, atol=2e-6)


def test_slots_of_ten_seconds_and_of_a_quarter_of_an_hour_have_their_blocks() -> None:
    for step_s in (10.0, 900.0):
        truth = Truth(1, step_s, LOOKING)
        count = int(4 * 3600 / step_s)
        for slot in range(count):
            truth.add(np.array([float(slot)]), np.array([True]))
        means = truth.means_w(0)[0]
        # A block that is shorter than a slot, or begins inside one, is that of whole slots near it.
        assert means[-1] == pytest.approx(count - 1 - (7200 / step_s - 1) / 2)
        assert np.isfinite(means).all()


def test_the_future_changes_nothing_of_what_is_known_now() -> None:
    load = living(4, 800, 2)
    other = load.copy()
    other[500:] += 3000.0
    both = [list(Walk(recording_of(one), LOOKING, 300.0).instants()) for one in (load, other)]
    for one, changed in zip(*both, strict=True):
        same = np.array_equal(one.inputs, changed.inputs) and np.array_equal(one.forecast, changed.forecast)
        assert same == (one.slot <= 500), one.slot


def test_what_was_not_heard_is_no_target_and_no_reading() -> None:
    load = living(2, 900, 3)
    heard = np.ones(load.shape, dtype=np.bool_)
    heard[300:320, 0] = False
    noisy = load.copy()
    noisy[~heard] = 1e6
    found = {one.at.slot: one for one in rows(recording_of(noisy, heard), LOOKING, 300.0)}
    assert np.isnan(found[300].target[0, :3]).all()
    assert np.isfinite(found[300].target[1]).all()
    assert np.nanmax(np.abs([one.target for one in found.values()])) < 10.0
    assert not found[310].at.heard[0]
    assert found[330].at.heard[0]


def test_the_daemons_engine_asks_with_the_very_rows_that_training_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same readings through the real engine with a model, and through training's walk."""
    case = quiet_case(6, 900)
    meters = Meters(period_s=60.0, delay_s=0.0)
    seen: dict[float, NDArray[np.float32]] = {}
    clock = [case.start]

    def note(table: NDArray[np.float32]) -> Outputs:
        seen[clock[-1]] = table.copy()
        return Outputs(np.zeros((len(table), len(BLOCK_MINUTES)), dtype=np.float32))

    def step(run: ours._Run, now: float, batch: list[Reading]) -> None:
        clock.append(now)
        original(run, now, batch)

    original = ours._Run.step
    monkeypatch.setattr(ours._Run, "step", step)
    model = FunctionModel("note", ModelCard("1", "note"), note)
    ours.run_engine(case, ours.configuration(case, 2.0), meters, Switches(), 5, lambda _: None, model=model)
    metered = Metered(case, meters, 5)
    recording = replace(recording_of(metered.value), start=case.start)
    walked = {one.wall: one.inputs for one in Walk(recording, LOOKING, 60.0).instants()}
    asked = sorted(set(seen) & set(walked))
    assert len(asked) > 100
    for wall in asked:
        np.testing.assert_array_equal(seen[wall], walked[wall], err_msg=f"{wall - case.start}")


@pytest.mark.parametrize("first", [0, 3, 5, 11])
def test_slots_come_one_after_the_other_from_where_they_are_wanted_and_gaps_are_nought(first: int) -> None:
    load = np.arange(24.0).reshape(12, 2) + 1j
    heard = np.ones((12, 2), dtype=np.bool_)
    heard[0, 0] = heard[6:, 1] = False
    slots = np.stack(list(slots_of(recording_of(load, heard, piece=5), first)))
    np.testing.assert_array_equal(slots, np.where(heard, load, 0.0)[first:])


def test_inputs_are_of_all_features() -> None:
    first = next(Walk(recording_of(living(2, 30, 4)), LOOKING, 60.0).instants())
    assert first.inputs.shape == (2, len(FEATURES))
    assert first.wall == START + 60.0
    assert first.inputs[:, NAMES.index("now")].min() > 0.1
