"""A listener with a clock of its own, so that tests of the intake read like a log of what arrived when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.telemetry.batch import Batch
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.readings import Reading, ThreePhaseReading
from tests.support.configuration import make_config

BASE = "phase-balance/feeder"
WALL = 1_763_829_600.0
"""Unix seconds at monotonic zero of every test."""


class Listening:
    """An intake of one configuration; `at` is the seconds since the test began."""

    def __init__(
        self,
        houses: int | Sequence[HouseSettings | dict[str, Any]] = 2,
        standing: set[str] | None = None,
        **sections: Any,
    ) -> None:
        """`standing`: the alerts that stand; without it all that are named do."""
        config = make_config(houses, **sections)
        self.intake = Intake(config) if standing is None else Intake(config, standing.__contains__)

    def hear(
        self, topic: str, payload: str | bytes, at: float = 0.0, *, retained: bool = False, synced: bool = True
    ) -> Batch:
        """What one message brings."""
        data = payload if isinstance(payload, bytes) else payload.encode()
        self.intake.message(topic, data, retained, 1000.0 + at, WALL + at, synced)
        return self.intake.drain()

    def meter(self, house: str, payload: str | bytes, at: float = 0.0, **how: Any) -> Batch:
        return self.hear(f"{BASE}/meter/{house}", payload, at, **how)

    def reading(self, topic: str, payload: str | bytes, at: float = 0.0) -> Reading | None:
        """The single-phase reading that a message makes, if it makes one."""
        batch = self.hear(topic, payload, at)
        assert len(batch.readings) <= 1
        return batch.readings[0] if batch.readings else None

    def triple(self, topic: str, payload: str | bytes, at: float = 0.0) -> ThreePhaseReading | None:
        """The three-phase reading that a message makes, if it makes one."""
        batch = self.hear(topic, payload, at)
        assert len(batch.three_phase) <= 1
        return batch.three_phase[0] if batch.three_phase else None

    @property
    def refusals(self) -> dict[Reason, int]:
        return dict(self.intake.refusals)

    def last_detail(self, reason: Reason) -> str:
        return self.intake.recent_refusals(reason)[-1].detail
