"""The engine with a learned forecast: what it decides by it, and that no fault of a model stops a decision."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.engine import Engine
from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import FunctionModel, MissingModel, Model, ModelCard, Outputs
from edge_balancer.forecast.score import _KEPT, DAY
from edge_balancer.models.runtime import OnnxModel
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, AlertState, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.ports import Outputs as EngineOutputs
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import SwitchReport
from tests.forecast_model import onnx_files as made
from tests.support.configuration import make_config

B = len(BLOCK_MINUTES)
BEGIN = 1_790_000_000.0
WIDE = np.stack([np.full(len(FEATURES), -100.0), np.full(len(FEATURES), 100.0)], axis=1)
NARROW = np.stack([np.full(len(FEATURES), 0.0), np.full(len(FEATURES), 1e-3)], axis=1)
SKEWED = (5000.0, 0.0, 0.0, 5000.0, 0.0, 0.0)
Rows = NDArray[np.float32]


class Run:
    """An engine on six houses, h01 and h04 on L1, and what came of it."""

    def __init__(
        self,
        model: Model | MissingModel | None,
        restored: Restored | None = None,
        feeder: dict[str, float] | None = None,
        **forecast: Any,
    ) -> None:
        self.config = make_config(
            6,
            decision={
                "mode": "auto",
                "operations_per_house_day": 100,
                "max_operations_per_house_day": 100,
                "dwell_s": 0,
                "smoothing_s": 0,
                "max_moves": 1,
                "outage_cooldown_s": 0,
            },
            switching={"max_in_flight": 1},
            telemetry={"stale_s": 2700},
            forecast=forecast,
            feeder=feeder or {},
        )
        self.now = 100.0
        self.outputs: list[EngineOutputs] = []
        session = uuid.uuid5(uuid.NAMESPACE_OID, "models")
        self.engine = Engine(self.config, session, restored or Restored(wall=BEGIN), self.now, model=model)
        reports = [SwitchReport(house.id, house.phase, self.now, retained=True) for house in self.config.houses]
        self.step(0.0, reports=reports)

    def step(self, seconds: float, **happened: Any) -> EngineOutputs:
        self.now += seconds
        inputs = Inputs(wall=BEGIN + self.now, **happened)
        self.outputs.append(self.engine.step(self.now, inputs))
        return self.outputs[-1]

    def measure(self, seconds: float, loads: Sequence[float]) -> EngineOutputs:
        at = self.now + seconds
        return self.step(seconds, readings=[Reading(f"h{k:02d}", at, p, v=230.0) for k, p in enumerate(loads, 1)])

    @property
    def decisions(self) -> list[Decision]:
        return [decision for out in self.outputs for decision in out.decisions]

    @property
    def alerts(self) -> list[Alert]:
        return [alert for out in self.outputs for alert in out.alerts if alert.key == "model_demoted"]


def function(made_of: Callable[[Rows], Outputs], ranges: Any = WIDE) -> FunctionModel:
    return FunctionModel("hand", ModelCard("7", "by hand", ranges=ranges), made_of, "hand:1")


def flat(correction_kw: float, **more: Any) -> Callable[[Rows], Outputs]:
    return lambda rows: Outputs(np.full((len(rows), B), correction_kw), **more)


def fails(rows: Rows) -> Outputs:
    raise RuntimeError(f"no idea what to do with {len(rows)} rows")


AT_ONCE: dict[str, tuple[Callable[[], Model | MissingModel], str]] = {
    "missing": (lambda: MissingModel("hand", "model.onnx is missing"), "model.onnx is missing"),
    "NaN": (lambda: function(flat(float("nan"))), "has NaN in 36 of 36 places"),
    "infinite": (lambda: function(flat(float("inf"))), "has an infinite value in 36 of 36 places"),
    "absurd": (lambda: function(flat(200.0)), "it corrected the forecast of h01 by 200 kW"),
    "wrong shape": (lambda: function(lambda rows: Outputs(np.zeros((len(rows), 5)))), "has the shape 6 x 5"),
    "exception": (lambda: function(fails), "it failed: RuntimeError: no idea what to do with 6 rows"),
    "NaN in a file": (lambda: OnnxModel("hand", "1", made.not_a_number()), "has NaN in 12 of 36 places"),
    "infinite in a file": (lambda: OnnxModel("hand", "1", made.infinite()), "has an infinite value in 12 of 36 places"),
    "failing file": (lambda: OnnxModel("hand", "1", made.failing()), "it failed: Fail: [ONNXRuntimeError]"),
    "hanging file": (lambda: OnnxModel("hand", "1", made.hanging(), 0.02), "it hangs: no answer within"),
}


@pytest.mark.parametrize(("model", "told"), AT_ONCE.values(), ids=AT_ONCE)
def test_the_blend_decides_in_the_very_step_and_an_alert_says_why(
    model: Callable[[], Model | MissingModel], told: str
) -> None:
    run = Run(model())
    out = run.measure(1.0, SKEWED)
    assert [decision.advice for decision in out.decisions] == ["survival blend"]
    assert len(out.commands) == 1
    run.step(1.0)
    (alert,) = run.alerts
    assert told in alert.text
    assert alert.state is AlertState.ACTIVE
    rows = [event for out in run.outputs for event in out.events if event.kind is EventKind.ALERT]
    assert [row.body["key"] for row in rows] == ["model_demoted"]


def test_the_blends_decision_is_the_same_with_and_without_a_broken_model() -> None:
    runs = [Run(None), Run(function(flat(float("nan"))))]
    told = [run.measure(1.0, SKEWED).decisions[0] for run in runs]
    assert told[0] == told[1]


def test_a_slow_model_is_never_waited_for_twice_in_a_step_and_soon_set_aside() -> None:
    run = Run(function(flat(0.2, duration_s=0.5)))
    advices = []
    for k in range(4):
        out = run.measure(10.0, (5000.0 + 900.0 * k, 0.0, 0.0, 5000.0, 0.0, 0.0))
        advices += [decision.advice for decision in out.decisions]
    assert set(advices) <= {"survival blend", "model hand 7"}
    run.step(1.0)
    (alert,) = run.alerts
    assert "it is too slow: 3 of its last 3 answers took longer than 20 ms, the last one 500 ms" in alert.text


def test_drifting_inputs_are_not_answered_and_told_after_the_first_day() -> None:
    run = Run(function(flat(0.5), NARROW))
    honest = Run(None)
    assert run.measure(1.0, SKEWED).decisions[0].gain == honest.measure(1.0, SKEWED).decisions[0].gain
    for _ in range(280):
        run.measure(300.0, SKEWED)
    assert not run.alerts
    for _ in range(22):
        run.measure(300.0, SKEWED)
    (alert,) = run.alerts
    assert "100 % of the houses are unlike those it was trained on" in alert.text


def one_phase(rows: Rows) -> Outputs:
    """A little error on the houses of L1 alone."""
    return Outputs(np.where(np.arange(len(rows)) % 3 == 0, 0.5, 0.0)[:, None] * np.ones(B))


def unforeseeable(run: Run, steps: int, chance: np.random.Generator) -> int:
    """Steps of five minutes with loads that nobody can foresee, until the model is set aside."""
    for step in range(steps):
        run.outputs.clear()
        run.measure(300.0, (chance.random(6) * 3000.0).tolist())
        if run.alerts:
            return step + 1
    return steps


def test_a_week_of_worse_forecasts_is_enough_with_a_restart_in_it() -> None:
    """Six days and most of the seventh were before the restart."""
    chance = np.random.default_rng(3)
    run = Run(function(one_phase))
    unforeseeable(run, _KEPT + 20, chance)
    kept = run.engine.learned()
    score = kept["model"]["score"]
    assert score["samples"] > 10
    score["days"], score["samples"] = [(DAY / score["samples"] * np.array(score["today"])).tolist()] * 6, DAY - 10
    again = Run(function(one_phase), Restored(wall=BEGIN, learned=json.loads(json.dumps(kept))))
    steps = unforeseeable(again, 100, chance)
    (alert,) = again.alerts
    assert "over a week its error of the neutral current was" in alert.text
    # Ten samples, and the four hours that the first forecast after the restart was for.
    assert _KEPT + 7 <= steps <= _KEPT + 11


@pytest.mark.slow
def test_a_week_of_worse_forecasts_is_enough() -> None:
    run = Run(function(one_phase))
    steps = unforeseeable(run, 9 * DAY, np.random.default_rng(3))
    (alert,) = run.alerts
    assert "over a week its error of the neutral current was" in alert.text
    assert 7 * DAY + _KEPT - 2 <= steps <= 7 * DAY + _KEPT + 2


@pytest.mark.parametrize("identity", ["hand:1", "hand:2"])
def test_a_restart_brings_no_model_back_and_a_new_activation_does(identity: str) -> None:
    run = Run(function(flat(float("nan"))))
    run.measure(1.0, SKEWED)
    kept = json.loads(json.dumps(run.engine.learned()))
    model = FunctionModel("hand", ModelCard("7", "by hand", ranges=WIDE), flat(0.1), identity)
    again = Run(model, Restored(wall=BEGIN, learned=kept))
    out = again.measure(1.0, SKEWED)
    again.step(1.0)
    back = identity == "hand:2"
    assert [decision.advice for decision in out.decisions] == ["model hand 7" if back else "survival blend"]
    assert len(again.alerts) == (0 if back else 1)
    assert (again.engine.forecast_fault == "") == back


def test_the_alert_ends_when_a_model_is_activated_anew() -> None:
    run = Run(function(flat(float("nan"))))
    run.measure(1.0, SKEWED)
    run.step(1.0)
    restored = Restored(wall=BEGIN, learned=run.engine.learned(), alerts=run.alerts)
    model = FunctionModel("hand", ModelCard("7", "by hand", ranges=WIDE), flat(0.1), "hand:2")
    again = Run(model, restored)
    for _ in range(40):
        again.step(60.0)
    assert [alert.state for alert in again.alerts] == [AlertState.RESOLVED]


def test_a_forecast_changes_what_is_moved() -> None:
    """Two houses on L1 draw the same; the model knows that one of them stops at once, and then nothing is gained."""

    def stops(rows: Rows) -> Outputs:
        correction = np.zeros((len(rows), B))
        correction[0] = -rows[0, NAMES.index("blend_5min")]
        return Outputs(correction)

    told = []
    for function_of in (flat(0.0), stops):
        run = Run(function(function_of))
        run.measure(1.0, [0.0] * 6)
        for _ in range(10):
            run.measure(60.0, SKEWED)
        assert run.engine.forecast_fault == ""
        told.append(run.decisions)
    assert told[0][0].moves[0].house == "h01"
    assert told[0][0].advice == "model hand 7"
    assert "model hand 7" in told[0][0].text
    assert told[1] == []


def test_a_price_factor_changes_what_is_moved_and_what_it_costs() -> None:
    def dear(rows: Rows) -> Outputs:
        return Outputs(np.zeros((len(rows), B)), price_factor=np.where(np.arange(len(rows)) == 0, 2.0, 0.5))

    decision = Run(function(dear)).measure(1.0, SKEWED).decisions[0]
    assert decision.moves[0].house == "h04"
    prices = {candidate.move.house: candidate.price for candidate in decision.candidates}
    assert prices["h04"] == pytest.approx(0.5 * decision.price)
    assert prices["h01"] == pytest.approx(2.0 * decision.price)


def test_a_model_in_shadow_is_on_record_and_changes_nothing() -> None:
    def dear(rows: Rows) -> Outputs:
        return Outputs(np.zeros((len(rows), B)), price_factor=np.where(np.arange(len(rows)) == 0, 2.0, 0.5))

    honest, run = Run(None), Run(function(dear), shadow=True)
    plain, decision = (one.measure(1.0, SKEWED).decisions[0] for one in (honest, run))
    assert decision.advice == "survival blend"
    assert decision.moves == plain.moves
    assert plain.shadow_moves is None
    assert decision.shadow_moves is not None
    assert [move.house for move in decision.shadow_moves] == ["h04"]
    (row,) = [event for out in run.outputs for event in out.events if event.kind is EventKind.DECISION]
    assert [move["house"] for move in row.body["shadow_moves"]] == ["h04"]
    shadow = run.engine.forecast_report()["shadow"]
    assert (shadow["looks"], shadow["differing"]) == (1, 1)
    assert shadow["last_differing"]["model"][0].startswith("h04: L1 to L")


def test_the_same_inputs_give_the_same_outputs_to_the_byte() -> None:
    """Also with a model's file, as `replay` runs it."""
    told = []
    for _ in range(2):
        run = Run(OnnxModel("hand", "1", made.linear(0.05 * np.eye(len(FEATURES), B))))
        for k in range(30):
            run.measure(20.0, (5000.0 - 150.0 * k, 200.0, 0.0, 1000.0 + 90.0 * k, 0.0, 50.0 * k))
        told.append(msgspec.json.encode([run.outputs, run.engine.learned()], enc_hook=str))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("by_place", "feeder", "used"),
    [
        (False, {}, False),
        (False, {"latitude_deg": 48.1, "longitude_deg": 11.6}, False),
        (True, {"latitude_deg": 48.1, "longitude_deg": 11.6}, True),
    ],
)
def test_the_place_is_used_where_training_did(by_place: bool, feeder: dict[str, float], used: bool) -> None:
    model = FunctionModel("hand", ModelCard("7", "by hand", ranges=WIDE, by_place=by_place), flat(0.0))
    advisor = Run(model, feeder=feeder).engine._decisions.advice.model
    assert advisor is not None
    assert (advisor._tracker.sky.place is not None) == used
    assert advisor.fault == ""


def test_a_model_that_needs_a_place_cannot_be_had_without() -> None:
    run = Run(FunctionModel("hand", ModelCard("7", "by hand", ranges=WIDE, by_place=True), flat(0.0)))
    assert len(run.measure(1.0, SKEWED).commands) == 1
    assert "give feeder.latitude_deg and feeder.longitude_deg" in run.engine.forecast_fault


def test_an_engine_takes_an_advisor_or_a_model() -> None:
    run = Run(None)
    with pytest.raises(ValueError, match="give an advisor"):
        Engine(
            run.config,
            uuid.uuid4(),
            Restored(wall=BEGIN),
            0.0,
            run.engine._decisions.advice.blend,
            function(flat(0.0)),
        )


def test_a_house_moved_by_hand_is_judged_by_the_phase_it_is_on() -> None:
    """The score turns each house by where it stands when the forecast is made."""
    run = Run(function(flat(0.0)))
    run.measure(300.0, SKEWED)
    advisor = run.engine._decisions.advice.model
    assert advisor is not None
    run.engine.roster.phase[1] = int(Phase.L3)
    run.measure(300.0, SKEWED)
    before, after = advisor.score._turn[advisor.score._count - 2 : advisor.score._count]
    assert before[1] != after[1] == after[2]
