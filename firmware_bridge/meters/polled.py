"""One meter as the poller sees it: what to read of it, and what has come of the reading so far. No I/O, no clock.

Whose turn it is says `schedule`; what was counted keeps `health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import TemplateError
from firmware_bridge.lines.requests import Function, Reply, Request
from firmware_bridge.lines.timing import Timing
from firmware_bridge.meters.decode import Decoded, decode
from firmware_bridge.meters.health import HealthRecord
from firmware_bridge.meters.measure import measurement
from firmware_bridge.meters.plan import Block, plan
from firmware_bridge.meters.points import Measurement, Point
from firmware_bridge.meters.schedule import MeterPlan
from firmware_bridge.meters.template import Template
from firmware_bridge.settings.devices import TRANSFORMER, LineMeter, LineSettings


@dataclass(frozen=True, slots=True)
class PolledMeter:
    """A configured meter and the reads that bring its values: the fast ones every cycle, the slow ones seldom."""

    settings: LineMeter
    template: Template
    fast: tuple[Block, ...]
    slow: tuple[Block, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """In the schedule's numbering."""
        return self.fast + self.slow

    @property
    def schedule(self) -> MeterPlan:
        return MeterPlan(len(self.fast), len(self.slow), self.settings.every_s, self.settings.slow_every_s)

    def __str__(self) -> str:
        return f"meter {self.settings.model} of {self.settings.house} at unit {self.settings.unit}"


def polled_meter(settings: LineMeter, template: Template, *, transaction_s: float, register_s: float) -> PolledMeter:
    """Plans the reads of one meter; the costs are those of its line (see `plan`).

    Raises TemplateError where the template has nothing to read every cycle.
    """
    # Only there do line-to-line voltages and the neutral current serve, and they may cost reads of their own.
    beyond = template.transformer_points if settings.house == TRANSFORMER else ()
    fast = plan(template, (*template.fast_points, *beyond), transaction_s, register_s)
    if not fast:
        raise TemplateError(f"{template.name}: has no power, voltage or current to read: correct its [registers]")
    slow = plan(template, template.slow_points, transaction_s, register_s)
    return PolledMeter(settings, template, fast, slow)


THINKING_S: Final = 0.02
"""What a meter takes to answer, beyond the frames; typical ones 5 to 50 ms."""


def line_costs(settings: LineSettings) -> tuple[float, float]:
    """What one more read and one more register cost on this line, s: what `plan` weighs."""
    timing = Timing.of(settings)
    one = timing.transaction_s(Request(1, Function.READ_REGISTERS, 0, 1))
    two = timing.transaction_s(Request(1, Function.READ_REGISTERS, 0, 2))
    return one - (two - one) + THINKING_S, two - one


class Gathering:
    """The values of one meter, joined to a measurement when a cycle is complete."""

    def __init__(self, meter: PolledMeter) -> None:
        self.meter = meter
        self.health = HealthRecord(meter.settings.house, meter.settings.model, meter.settings.unit)
        self._began = 0.0
        self._cycle: dict[Point, float] = {}
        self._slow: dict[Point, tuple[float, float]] = {}
        """Last known values and when they came."""
        self.wrong = ""
        """The last value that could not be true, for people."""

    def begin(self, now: float) -> None:
        """A cycle begins: old values are not mixed with new ones."""
        self._began = now
        self._cycle.clear()

    def take(self, number: int, reply: Reply, now: float) -> None:
        """The reply to the block of this number."""
        block = self.meter.blocks[number]
        decoded = decode(block, reply)
        self._count(decoded)
        if number < len(self.meter.fast):
            self._cycle.update(decoded.values)
        else:
            self._slow.update({point: (value, now) for point, value in decoded.values.items()})

    def measured(self, now: float) -> Measurement | None:
        """What the complete cycle says, with the slow values that are still young enough; None without active power."""
        longest_s = 2 * self.meter.settings.slow_every_s
        values = {point: value for point, (value, came) in self._slow.items() if now - came < longest_s}
        found = measurement(self.meter.template, values | self._cycle, self.meter.settings)
        if found is None:
            self.health.no_reading()
        else:
            self.health.read(now, now - self._began)
        return found

    def forget(self) -> None:
        """The line was away: nothing that was gathered counts on."""
        self._cycle.clear()
        self._slow.clear()

    def _count(self, decoded: Decoded) -> None:
        for point in decoded.missing:
            self.health.missing(str(point))
        for wrong in decoded.implausible:
            self.health.implausible(str(wrong.point))
            self.wrong = f"{wrong.point} = {wrong.value:g} is {wrong.why}"
