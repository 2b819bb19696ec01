"""How much of a line's time is asked of it. Pure: frames, gaps and the periods of the configuration; no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.timing import Timing
from firmware_bridge.meters.polled import THINKING_S, PolledMeter
from firmware_bridge.settings.devices import TCP, LineSettings

_BOARD_RELAYS = 8
"""As many coils as a typical board shows in one read."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Shares of a line's time; 1.0 is all of it."""

    fast: float
    """For power, voltage and current."""
    slow: float
    """For energy and frequency."""
    watch: float
    """For reading the phase switches' contacts at rest."""
    cycle_s: float
    """What one reading of each meter takes."""

    @property
    def total(self) -> float:
        return self.fast + self.slow + self.watch

    @property
    def even_period_s(self) -> float:
        """The `every_s` of all meters with which the line would just keep up; infinite where nothing is left for
        them."""
        left = 1.0 - self.slow - self.watch
        return self.cycle_s / left if left > 0.0 else float("inf")


def demand(line: LineSettings, meters: Sequence[PolledMeter], watch_s: float) -> Demand | None:
    """None behind a Modbus TCP gateway: how fast its serial side is it alone knows.

    A meter that is read as often as the line allows (`every_s = 0`) asks for nothing in particular.
    """
    if line.port.startswith(TCP):
        return None
    timing = Timing.of(line)
    fast = slow = cycle = 0.0
    for meter in meters:
        fast_s = sum(_read_s(timing, block.request(meter.settings.unit)) for block in meter.fast)
        slow_s = sum(_read_s(timing, block.request(meter.settings.unit)) for block in meter.slow)
        cycle += fast_s
        slow += slow_s / meter.settings.slow_every_s
        fast += fast_s / meter.settings.every_s if meter.settings.every_s > 0.0 else 0.0
    look_s = _read_s(timing, Request(1, Function.READ_COILS, 0, _BOARD_RELAYS))
    looks = sum(2 if switch.feedback else 1 for switch in line.switches)
    return Demand(fast, slow, looks * look_s / watch_s, cycle)


def _read_s(timing: Timing, request: Request) -> float:
    return timing.transaction_s(request) + THINKING_S
