"""What a demo is asked to do, and what it found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.twin.grid.style import Style

LARGEST_SPEED: Final = 1000.0
"""Beyond it a command's way to the switch and back, some ten real milliseconds, is longer than any sensible expiry."""
FASTEST_SERIAL: Final = 60.0
MOST_SERIAL: Final = 16
"""A line of the demo's pace reads this many meters in half a real second."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """One demo. Times are simulated unless they say otherwise."""

    speed: float = 300.0
    """Simulated seconds in a real one."""
    minutes: float | None = None
    """Simulated minutes after which it ends; None until Ctrl-C."""
    houses: int = 55
    feeder: Style = Style.SUBURBAN
    """Of the lines and the transformer. On a rural one far houses see over-voltage at noon."""
    seed: int = 1
    meter_period_s: float = 60.0
    failure_rate: float = 0.001
    """Probability that a switch's move goes wrong."""
    start: dt.time = dt.time(9, 0)
    """Local time of day at the beginning."""
    broker: tuple[str, int] | None = None
    """Host and port of an existing broker; None for one of its own."""
    keep: Path | None = None
    """Folder in which the database and the log stay; None for a temporary one."""
    serial: int = 0
    """So many of the houses hang on a simulated serial line instead of MQTT."""
    page: bool = False
    """Whether the page is served, on a free port of this machine."""
    plain: bool = False
    """Lines of text even on a terminal."""

    def __post_init__(self) -> None:
        if not 0.0 < self.speed <= LARGEST_SPEED:
            raise ValueError(f"speed = {self.speed:g}: give more than 0 and at most {LARGEST_SPEED:g}")
        if self.minutes is not None and self.minutes <= 0.0:
            raise ValueError(f"minutes = {self.minutes:g}: give a number greater than zero")
        if self.houses < 1:
            raise ValueError(f"houses = {self.houses}: a feeder needs at least one")
        most = min(self.houses - 1, MOST_SERIAL)
        if not 0 <= self.serial <= most:
            raise ValueError(f"serial = {self.serial}: give 0 to {most} of the {self.houses} houses")
        if self.serial and self.speed > FASTEST_SERIAL:
            raise ValueError(
                f"speed = {self.speed:g}: with a serial line at most {FASTEST_SERIAL:g}; a move takes a real quarter "
                "of a second there, and must not outlast the interlock's limits"
            )
        if self.meter_period_s <= 0.0:
            raise ValueError(f"meter period = {self.meter_period_s:g} s: give a number greater than zero")
        if not 0.0 <= self.failure_rate <= 1.0:
            raise ValueError(f"failure rate = {self.failure_rate:g} is a probability: give a value from 0 to 1")


_DAY_MIN: Final = 1440.0


@dataclass(frozen=True, slots=True)
class NeutralFigures:
    """Neutral current of the transformer over the demo, A."""

    mean_a: float
    p95_a: float


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What was gained."""

    minutes: float
    """Simulated minutes for which the controller ran."""
    without: NeutralFigures
    """The same houses and weather without any move."""
    balanced: NeutralFigures
    operations: int
    operations_per_house_day: float
    budget_per_house_day: float
    """What the controller was told to keep to, over days."""
    failures: int
    """Commands that a switch answered with `failed`."""
    refusals: int
    """Commands that a switch rejected."""
    alerts: tuple[str, ...]
    """Texts of the alerts that were raised, in the order in which they came."""

    @property
    def percent_of_none(self) -> float:
        """Mean neutral current as a percentage of the one without moves."""
        return 100.0 * self.balanced.mean_a / self.without.mean_a if self.without.mean_a > 0.0 else 100.0

    def text(self) -> str:
        """The result for people, a few lines."""
        hours = self.minutes / 60.0
        without, balanced = self.without, self.balanced
        lines = [
            f"{hours:.1f} simulated hours. Neutral current of the transformer, A:",
            f"  without moves   mean {without.mean_a:6.1f}   p95 {without.p95_a:6.1f}",
            f"  balanced        mean {balanced.mean_a:6.1f}   p95 {balanced.p95_a:6.1f}",
            f"  which is {self.percent_of_none:.0f} % of none",
            self._operations_text(),
            f"Switches failed {self.failures} times and rejected {self.refusals} commands. Alerts: {len(self.alerts)}.",
            *(f"  - {text}" for text in self.alerts),
        ]
        return "\n".join(lines)

    def _operations_text(self) -> str:
        text = (
            f"Operations: {self.operations}, {self.operations_per_house_day:.2f} per house and day "
            f"(budget {self.budget_per_house_day:g})."
        )
        if self.minutes < _DAY_MIN and self.operations_per_house_day > self.budget_per_house_day:
            text += " The first hours put the feeder right; the budget is kept over the days."
        return text
