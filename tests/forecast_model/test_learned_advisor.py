"""The learned forecast under supervision: what is used of it, and what makes the blend go on alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.advisor import Advisor
from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon
from edge_balancer.forecast.interface import FunctionModel, MissingModel, ModelCard, Outputs
from edge_balancer.forecast.learned import AGAIN_S, MOST_LATE, ROOM_W, LearnedAdvisor
from edge_balancer.forecast.report import report
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.types.demotion import Blame
from edge_balancer.types.kept import KeptHouses
from tests.forecast_model.recorded import H, Record, record

B = len(BLOCK_MINUTES)
WIDE = np.stack([np.full(len(FEATURES), -100.0), np.full(len(FEATURES), 100.0)], axis=1)
Function = Callable[[NDArray[np.float32]], Outputs]


def same(correction_kw: float, **more: Any) -> Function:
    return lambda rows: Outputs(np.full((len(rows), B), correction_kw), **more)


def one_phase(correction_kw: float) -> Function:
    """Wrong on the houses of L1 alone, which nothing on the other phases makes good."""
    return lambda rows: Outputs(np.where(np.arange(len(rows)) % 3 == 0, correction_kw, 0.0)[:, None] * np.ones(B))


@cache
def half_a_day() -> tuple[Record, SurvivalBlend, FeatureTracker, float, float]:
    """A recorded feeder and what is known of it at noon; now and wall."""
    rec = record()
    blend, tracker = rec.blend(), rec.tracker()
    *_, (_, now, wall) = rec.drive(blend, tracker, range(720))
    return rec, blend, tracker, now, wall


@cache
def day_and_a_half() -> Record:
    return record(days=1.4)


class Stand:
    """A recorded feeder with a model on it."""

    def __init__(self, function: Function, ranges: Any = WIDE, rec: Record | None = None, **options: Any) -> None:
        self.model = FunctionModel("hand", ModelCard("7", "by hand", ranges=ranges), function, "hand:1")
        self.options = options
        self.now = self.wall = 0.0
        if rec is None:
            self.record, blend, tracker, self.now, self.wall = half_a_day()
            self.blend, self.tracker = deepcopy(blend), deepcopy(tracker)
        else:
            self.record, self.blend, self.tracker = rec, rec.blend(), rec.tracker()
        self.advisor = self.made(self.model, self.tracker)

    def made(self, model: FunctionModel | MissingModel, tracker: FeatureTracker | None = None) -> LearnedAdvisor:
        houses = [f"h{k}" for k in range(self.record.houses)]
        phase = (np.arange(self.record.houses) % 3).astype(np.int8)
        tracker = self.record.tracker() if tracker is None else tracker
        return LearnedAdvisor(self.blend, tracker, model, H, houses, phase, **self.options)

    def run(self, slots: range) -> Stand:
        """On through the record, with the advisor following."""
        for _, now, wall in self.record.drive(self.blend, self.tracker, slots):
            self.advisor.follow(now, wall)
            self.now, self.wall = now, wall
        return self

    @property
    def gap(self) -> NDArray[np.float64]:
        """[houses, blocks] how far the forecast is from the blend's, W."""
        return np.asarray((self.advisor.forecast(self.wall, H) - self.blend.forecast(self.wall, H)).real)


LONG = range(0, 2000, 5)
"""Slots of a day and a half, one in five minutes."""


def stand(function: Function, **options: Any) -> Stand:
    return Stand(function, **options)


def test_it_is_an_advisor() -> None:
    it = stand(same(0.0))
    advisor: Advisor = it.advisor
    assert advisor.name == it.blend.name
    advisor.forecast(it.wall, H)
    assert advisor.name == "model hand 7"
    # Decisions are signed by whom they were made.
    advisor.forecast(float("nan"), H)
    assert advisor.name == it.blend.name


def test_the_correction_is_added_to_the_active_part() -> None:
    it = stand(same(0.2))
    told, base = it.advisor.forecast(it.wall, H), it.blend.forecast(it.wall, H)
    assert (told - base).real == pytest.approx(np.full(told.shape, 200.0))
    assert told.imag == pytest.approx(base.imag)
    assert it.advisor.error_va(1300.0) == pytest.approx(it.blend.error_va(1300.0))
    assert it.advisor.price_factor() is None


def test_it_is_asked_with_the_features_and_once() -> None:
    asked: list[NDArray[np.float32]] = []

    def function(rows: NDArray[np.float32]) -> Outputs:
        asked.append(rows)
        return Outputs(np.zeros((len(rows), B)))

    it = stand(function)
    it.advisor.forecast(it.wall, H)
    assert len(asked) == 1
    assert asked[0].shape == (it.record.houses, len(FEATURES))
    assert asked[0][:, NAMES.index("now")] == pytest.approx(it.blend.now.real / 1000.0, abs=1e-5)


def test_a_forecast_goes_no_further_than_a_house_ever_did() -> None:
    it = stand(same(4.0))
    told = it.advisor.forecast(it.wall, H).real
    most = np.maximum(it.advisor._tracker.highest_w + ROOM_W, 0.0)[:, None]
    base = it.blend.forecast(it.wall, H).real
    assert (told <= np.maximum(most, base) + 1e-6).all()
    assert (it.gap > 500.0).any()
    assert it.advisor.fault == ""


def test_a_spread_gives_the_error_within_bounds() -> None:
    it = stand(same(0.0, spread=np.full((12, B), 0.1)))
    it.advisor.forecast(it.wall, H)
    blend = it.blend.error_va(1300.0)
    assert it.advisor.error_va(1300.0) == pytest.approx(np.clip(np.sqrt(12 * 100.0**2), 0.5 * blend, 2.0 * blend))
    for spread, times in ((1e-6, 0.5), (50.0, 2.0)):
        it = stand(same(0.0, spread=np.full((12, B), spread)))
        it.advisor.forecast(it.wall, H)
        assert it.advisor.error_va(1300.0) == pytest.approx(times * it.blend.error_va(1300.0))


def test_the_price_factor_is_kept_within_its_limits() -> None:
    it = stand(same(0.0, price_factor=np.linspace(0.1, 9.0, 12)[:, None]))
    it.advisor.forecast(it.wall, H)
    factor = it.advisor.price_factor()
    assert factor is not None
    assert (factor.min(), factor.max()) == (0.5, 2.0)


def _answers(*shape: int) -> Function:
    def function(rows: NDArray[np.float32]) -> Outputs:
        del rows
        return Outputs(np.zeros(shape))

    return function


def _says_nothing(rows: NDArray[np.float32]) -> Any:
    del rows


def _fails(rows: NDArray[np.float32]) -> Outputs:
    raise RuntimeError("the graph is broken\nand here is how")


def _hangs(rows: NDArray[np.float32]) -> Outputs:
    raise TimeoutError("no answer within 200 ms")


def _spoilt(value: float) -> Function:
    def function(rows: NDArray[np.float32]) -> Outputs:
        correction = np.zeros((len(rows), B))
        correction[3, 2] = value
        return Outputs(correction)

    return function


FAULTS: dict[str, tuple[Function, str]] = {
    "NaN": (_spoilt(float("nan")), "its output `correction` has NaN in 1 of 72 places"),
    "infinite": (_spoilt(float("-inf")), "its output `correction` has an infinite value in 1 of 72 places"),
    "absurd": (_spoilt(4e5), "it corrected the forecast of h3 by 400000 kW"),
    "far too large": (_spoilt(60.0), "it corrected the forecast of h3 by 60 kW"),
    "too few houses": (_answers(3, B), "has the shape 3 x 6 instead of 12 x 6"),
    "too few blocks": (_answers(12, 2), "has the shape 12 x 2 instead of 12 x 6"),
    "no table": (_answers(), "has the shape of one number"),
    "text": (lambda rows: Outputs(np.full((len(rows), B), "x")), "is of the type <U1"),
    "a spread that is NaN": (same(0.0, spread=np.full((12, B), np.nan)), "its output `spread` has NaN"),
    "a spread below nought": (same(0.0, spread=np.full((12, B), -1.0)), "its output `spread` has -1 kW in it"),
    "a price that is NaN": (same(0.0, price_factor=np.full(12, np.nan)), "its output `price_factor` has NaN"),
    "a price too many": (same(0.0, price_factor=np.ones(13)), "its output `price_factor` has the shape 13 instead"),
    "exception": (_fails, "it failed: RuntimeError: the graph is broken"),
    "nonsense": (_says_nothing, "it failed: AttributeError"),
    "hanging": (_hangs, "it hangs: no answer within 200 ms"),
}


@pytest.mark.parametrize(("function", "told"), FAULTS.values(), ids=FAULTS)
def test_whatever_a_model_does_the_blend_takes_over_in_the_same_step(function: Function, told: str) -> None:
    it = stand(function)
    assert not it.gap.any()
    assert told in it.advisor.fault
    assert "\n" not in it.advisor.fault
    assert it.advisor.name == it.blend.name
    assert it.advisor.error_va(1300.0) == pytest.approx(it.blend.error_va(1300.0))
    assert it.advisor.price_factor() is None
    calls = it.advisor.calls
    it.advisor.forecast(it.wall, H)
    assert it.advisor.calls == calls, "a model that was set aside is asked no more"


@pytest.mark.parametrize("duration_s", [0.021, float("nan"), float("inf")])
def test_a_late_answer_is_not_used_and_the_third_is_the_last(duration_s: float) -> None:
    it = stand(same(0.2, duration_s=duration_s))
    for late in range(MOST_LATE):
        assert it.advisor.fault == ""
        assert not it.gap.any()
        assert it.advisor.late == late + 1
        assert it.advisor.name == it.blend.name
    assert "it is too slow: 3 of its last 3 answers took longer than 20 ms" in it.advisor.fault


def test_one_that_was_too_slow_is_tried_again_after_an_hour() -> None:
    took = [0.5]
    it = stand(lambda rows: Outputs(np.full((len(rows), B), 0.2), duration_s=took[0]))
    for _ in range(MOST_LATE):
        it.advisor.forecast(it.wall, H)
    assert it.advisor.demotion is not None
    assert it.advisor.demotion.blame is Blame.SLOW
    kept = json.loads(json.dumps(it.advisor.learned()))
    again = it.made(it.model)
    again.relearn(kept, KeptHouses.same(12))
    assert again.demotion == it.advisor.demotion
    for advisor in (it.advisor, again):
        advisor.follow(it.now + 600.0, it.wall + AGAIN_S - 60.0)
        assert advisor.fault
    took[0] = 0.001
    for advisor in (it.advisor, again):
        advisor.follow(it.now + 700.0, it.wall + AGAIN_S + 60.0)
        assert advisor.fault == ""
        calls = advisor.calls
        advisor.forecast(it.wall + AGAIN_S + 60.0, H)
        assert advisor.calls == calls + 1
        assert advisor.fault == ""


def test_a_clock_that_was_ahead_keeps_no_slow_model_away() -> None:
    it = stand(_hangs)
    it.advisor.forecast(it.wall, H)
    assert it.advisor.fault
    calls, wall = it.advisor.calls, it.wall - 10.0 * AGAIN_S
    it.advisor.follow(it.now + 600.0, wall)
    assert it.advisor.calls == calls + 1, "tried at once; it hangs still"
    assert it.advisor.fault_wall == wall


def test_a_clock_that_steps_back_a_little_brings_none_back() -> None:
    it = stand(_hangs)
    it.advisor.forecast(it.wall, H)
    it.advisor.follow(it.now + 600.0, it.wall - 0.5)
    assert it.advisor.fault


def slow_where(slow: Callable[[float], bool], days: int) -> float:
    """The share of so many days for which a model advises that is too slow at some hours, asked every five minutes."""
    wall = [0.0]
    it = stand(lambda rows: Outputs(np.full((len(rows), B), 0.2), duration_s=0.5 if slow(wall[0]) else 0.001))
    working = steps = 0
    for step in range(0, days * 86_400, 300):
        wall[0] = step
        it.advisor.follow(it.now + step, it.wall + step)
        it.advisor.forecast(it.wall + step, H)
        working, steps = working + it.advisor.working, steps + 1
    return working / steps


def test_a_backup_each_night_costs_a_model_an_hour_a_day() -> None:
    assert slow_where(lambda t: 3.5 <= t / 3600.0 % 24.0 < 3.75, 5) > 0.9


def test_a_machine_that_is_always_too_slow_is_asked_less_and_less() -> None:
    assert slow_where(lambda _: True, 5) < 0.02


def test_one_that_lasts_an_hour_each_time_does_not_flap_for_ever() -> None:
    it, now, begun = None, [0.0], [0.0]

    def function(rows: NDArray[np.float32]) -> Outputs:
        return Outputs(np.full((len(rows), B), 0.2), duration_s=0.5 if now[0] - begun[0] > 3900.0 else 0.001)

    it = stand(function)
    demotions = 0
    for step in range(0, 10 * 86_400, 300):
        now[0], was = step, it.advisor.working
        it.advisor.follow(it.now + step, it.wall + step)
        if it.advisor.working and not was:
            begun[0] = step
        it.advisor.forecast(it.wall + step, H)
        demotions += was and not it.advisor.working
    assert demotions <= 14


def test_a_restart_does_not_forget_for_how_long_a_slow_model_stays_away() -> None:
    it = stand(_hangs)
    for step in (0.0, AGAIN_S, 3.0 * AGAIN_S):
        it.advisor.follow(it.now + step, it.wall + step)
        it.advisor.forecast(it.wall + step, H)
    kept = json.loads(json.dumps(it.advisor.learned()))
    assert kept["away_s"] == 4.0 * AGAIN_S
    away = it.made(MissingModel("hand", "its file is missing"))
    away.relearn(kept, KeptHouses.same(12))
    for what in (kept, json.loads(json.dumps(away.learned()))):
        again = it.made(it.model)
        again.relearn(what, KeptHouses.same(12))
        assert again.demotion == it.advisor.demotion
        again.follow(it.now, it.wall + 6.9 * AGAIN_S)
        assert again.fault
        calls = again.calls
        again.follow(it.now, it.wall + 7.1 * AGAIN_S)
        assert again.calls == calls + 1, "asked again four hours after the last time"


@pytest.mark.parametrize("spoilt", [None, "a word", float("nan"), True, 1e30, -5.0])
def test_what_is_kept_of_a_slow_model_may_be_spoilt(spoilt: Any) -> None:
    it = stand(_hangs)
    it.advisor.forecast(it.wall, H)
    kept = it.advisor.learned() | {"away_s": spoilt, "back_wall": spoilt}
    again = it.made(it.model)
    again.relearn(kept, KeptHouses.same(12))
    again.follow(it.now, it.wall + 25.0 * AGAIN_S)
    assert again.calls == 1, "asked again within a day"


def test_one_that_fails_is_not_tried_again() -> None:
    it = stand(_fails)
    it.advisor.forecast(it.wall, H)
    it.advisor.follow(it.now + 600.0, it.wall + 10.0 * AGAIN_S)
    assert it.advisor.demotion is not None
    assert it.advisor.demotion.blame is Blame.BROKEN


def test_a_hiccup_is_forgiven() -> None:
    durations = iter([0.03, *[0.001] * 30, 0.03, 0.03, *[0.001] * 30])
    it = stand(lambda rows: Outputs(np.full((len(rows), B), 0.2), duration_s=next(durations)))
    used = [bool(it.gap.all()) for _ in range(63)]
    assert used.count(False) == 3
    assert it.advisor.fault == ""


def test_a_house_unlike_those_of_training_keeps_the_blend() -> None:
    """By its PV, which training had not seen."""
    ranges = WIDE.copy()
    ranges[NAMES.index("pv_size")] = 0.0
    it = stand(same(0.2, price_factor=np.full(12, 1.7)), ranges=ranges)
    pv = it.record.pv_w > 0.0
    gap = it.gap
    assert not gap[pv].any()
    assert gap[~pv].all()
    assert it.advisor.strange == np.count_nonzero(pv)
    factor = it.advisor.price_factor()
    assert factor is not None
    assert (factor[pv] == 1.0).all()
    assert (factor[~pv] == 1.7).all()


def test_a_feeder_unlike_that_of_training_is_noticed_an_hour_after_its_first_day() -> None:
    """Not before: what a house is like is not known from a morning."""
    ranges = WIDE.copy()
    ranges[NAMES.index("feeder")] = (-0.001, 0.001)
    ranges[NAMES.index("blend_5min")] = (0.0, 0.1)
    it = Stand(same(0.2, price_factor=np.ones(12)), ranges=ranges, rec=day_and_a_half())
    it.run(range(0, 1440, 5))
    assert not it.gap.any(), "it is not heard for houses that it does not know"
    assert (it.advisor.fault, it.advisor.name) == ("", "model hand 7")
    it.run(range(1440, 1520, 5))
    assert "of the houses are unlike those it was trained on, most often by `feeder`" in it.advisor.fault
    # From then on, and not only from the next forecast on.
    assert it.advisor.name == it.blend.name
    assert it.advisor.price_factor() is None


def test_a_model_worse_than_the_blend_is_set_aside() -> None:
    it = Stand(one_phase(1.2), rec=day_and_a_half()).run(LONG)
    assert "over a day its error of the neutral current was" in it.advisor.fault
    assert it.advisor.fault_wall is not None
    # Four hours until the first forecast can be judged, then a day.
    assert 27.9 * 3600.0 < it.advisor.fault_wall - (it.wall - LONG[-1] * 60.0) < 28.2 * 3600.0


def test_while_the_time_is_not_known_the_blend_decides() -> None:
    it = stand(same(0.2))
    told = it.advisor.forecast(float("nan"), H)
    assert told == pytest.approx(it.blend.forecast(float("nan"), H))
    it.advisor.follow(it.now + 400.0, float("nan"))
    assert it.advisor.calls == 0
    it.advisor.follow(it.now + 401.0, it.wall + 401.0)
    assert it.advisor.calls == 1
    assert it.gap.all()


def test_in_shadow_it_is_asked_and_judged_and_not_used() -> None:
    it = Stand(same(0.2, spread=np.full((12, B), 50.0)), shadow=True).run(range(720, 1020))
    assert not it.gap.any()
    assert it.advisor.shadow_forecast is not None
    shadow = (it.advisor.shadow_forecast - it.blend.forecast(it.wall, H)).real
    assert shadow == pytest.approx(np.full(shadow.shape, 200.0))
    assert it.advisor.name == it.blend.name
    error = it.blend.error_va(1300.0)
    assert it.advisor.error_va(1300.0) == pytest.approx(error)
    assert it.advisor.spread_va(error) == pytest.approx(2.0 * error)
    assert it.advisor.score.samples > 10
    assert report(it.advisor)["use"] == "shadow"


def test_in_shadow_a_bad_forecast_is_a_result_and_no_fault() -> None:
    it = Stand(one_phase(1.2), shadow=True, rec=day_and_a_half()).run(LONG)
    ratio = it.advisor.score.ratio(1)
    assert ratio is not None
    assert ratio > 1.5
    assert it.advisor.fault == ""


def test_in_shadow_a_broken_model_is_told() -> None:
    it = stand(_fails, shadow=True)
    it.advisor.forecast(it.wall, H)
    assert "it failed" in it.advisor.fault
    assert it.advisor.shadow_forecast is None


@pytest.mark.parametrize("way", ["same", "activated anew"])
def test_a_restart_forgets_neither_score_nor_fault_and_an_activation_does(way: str) -> None:
    it = Stand(one_phase(1.2), rec=day_and_a_half()).run(LONG)
    kept = json.loads(json.dumps(it.advisor.learned()))
    anew = way == "activated anew"
    model = FunctionModel("hand", it.model.card, same(0.1), "hand:2" if anew else "hand:1")
    again = it.made(model)
    again.relearn(kept, KeptHouses.same(12))
    assert (again.fault == "") == anew
    assert again.fault_wall == (None if anew else it.advisor.fault_wall)
    assert again.score.days == (0 if anew else 1)
    # What houses do is no matter of the model.
    assert again._tracker.highest_w == pytest.approx(it.advisor._tracker.highest_w, rel=1e-6)


@pytest.mark.parametrize(
    "kept", [None, 5, {}, {"identity": "hand:1", "fault": 7, "score": "x", "drift": [], "tracker": {}}]
)
def test_nonsense_is_left_aside(kept: object) -> None:
    it = stand(same(0.2))
    it.advisor.relearn(kept, KeptHouses.same(12))
    assert it.advisor.fault == ""
    assert it.gap.all()


def test_a_model_that_cannot_be_had_gives_the_blend_and_the_reason() -> None:
    it = stand(same(0.2))
    missing = it.made(MissingModel("gone", "model.onnx is missing"))
    assert missing.forecast(it.wall, H) == pytest.approx(it.blend.forecast(it.wall, H))
    assert (missing.fault, missing.name) == ("model.onnx is missing", it.blend.name)
    missing.follow(it.now + 300.0, it.wall)
    assert report(missing)["use"] == "set aside"


def test_a_file_that_was_away_for_a_start_does_not_come_back_innocent() -> None:
    it = stand(_fails)
    it.advisor.forecast(it.wall, H)
    missing = it.made(MissingModel("hand", "model.onnx is missing"))
    missing.relearn(it.advisor.learned(), KeptHouses.same(12))
    again = it.made(it.model)
    again.relearn(missing.learned(), KeptHouses.same(12))
    assert again.fault == it.advisor.fault != ""


def test_another_horizon_than_the_models_is_refused() -> None:
    it = stand(same(0.0))
    with pytest.raises(ValueError, match="the horizon has 2 blocks: a model knows 6"):
        LearnedAdvisor(it.blend, it.tracker, it.model, horizon(30.0, (5.0, 10.0)), [], np.zeros(0, dtype=np.int8))


def test_the_report_tells_how_it_stands() -> None:
    it = Stand(same(0.3), rec=day_and_a_half()).run(LONG)
    it.advisor.forecast(it.wall, H)
    told = json.loads(json.dumps(report(it.advisor)))
    assert (told["name"], told["version"], told["use"], told["late"]) == ("hand", "7", "advises", 0)
    assert told["score"]["days"] == 1
    assert told["score"]["neutral_day"] == pytest.approx(it.advisor.score.ratio(1), abs=1e-4)
    assert told["drift"]["share"] == 0.0
    assert told["calls"] > 300
