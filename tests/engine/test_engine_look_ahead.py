"""How far a move looks ahead: as long as meters take to report, less far in a restless hour."""

from __future__ import annotations

import uuid

import pytest

from edge_balancer.engine import Engine
from edge_balancer.forecast.horizon import horizon, patience_for
from edge_balancer.types.decisions import Decision
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import SwitchReport
from tests.support.configuration import make_config

WALL = 1_760_000_000.0
BUDGET = 4.0
HOUSES = ("h1", "h2", "h3", "h4")


class Feeder:
    """All houses stand on one phase; what is commanded is never sent, so each step decides anew."""

    def __init__(self, period_s: float) -> None:
        config = make_config(
            [{"id": name, "phase": "L1"} for name in HOUSES],
            decision={"neutral_trigger_a": 2.0, "dwell_s": 0, "automatic": False, "operations_per_house_day": BUDGET},
        )
        self._period_s = period_s
        self.now = 500.0
        self.engine = Engine(config, uuid.UUID(int=3), Restored(wall=WALL), self.now)
        self._said = [SwitchReport(name, Phase.L1, self.now, "", None, retained=True) for name in HOUSES]

    def live(self, hours: float, swing_w: float = 0.0) -> Decision:
        """The last decision of these hours."""
        last = None
        for step in range(round(hours * 3600.0 / self._period_s)):
            self.now += self._period_s
            load = 4600.0 + (swing_w if step % 2 else -swing_w)
            readings = [Reading(name, self.now, load, 0.0, 230.0) for name in HOUSES]
            inputs = Inputs(wall=WALL + self.now, readings=readings, reports=self._said)
            self._said = []
            last = next(iter(self.engine.step(self.now, inputs).decisions), last)
        assert last is not None
        return last

    def weights(self, hours: float, swing_w: float = 0.0) -> list[float]:
        return [block.weight for block in self.live(hours, swing_w).blocks]


@pytest.mark.parametrize(("period_s", "minutes"), [(10.0, patience_for(BUDGET)), (900.0, 15.0)])
def test_never_less_than_meters_take_to_report(period_s: float, minutes: float) -> None:
    seen = Feeder(period_s).weights(8.0 if period_s > 60.0 else 0.5)
    assert seen == pytest.approx(horizon(minutes).weights_min.tolist())


def test_less_far_in_a_restless_hour_and_farther_when_it_is_calm_again() -> None:
    feeder = Feeder(30.0)
    ordinary = sum(feeder.weights(30.0, 300.0))
    assert sum(feeder.weights(1.5, 900.0)) < 0.7 * ordinary
    assert sum(feeder.weights(6.0, 100.0)) > 1.5 * ordinary
    assert feeder.engine.forecast_report()["unrest"] < 0.6
