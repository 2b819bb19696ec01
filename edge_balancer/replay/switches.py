"""Simulated phase switches for a replay: they take their time, and fail as often as they are told to. Deterministic
by seed."""

from __future__ import annotations

import heapq
import random

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import ClearRequest, Command, SwitchReport, SwitchResult


class SimulatedSwitches:
    """Where every house really is. `switch_time_s` passes between a command and the switch's report."""

    def __init__(
        self, phases: dict[str, Phase], switch_time_s: float, failure_rate: float, repair_s: float, seed: int
    ) -> None:
        self.phases = dict(phases)
        self._switch_time_s = switch_time_s
        self._failure_rate = failure_rate
        self._repair_s = repair_s
        self._chance = random.Random(seed)
        self._due: list[tuple[float, int, Command, SwitchResult | None]] = []
        self._repairs: list[tuple[float, str]] = []
        self.moved: list[tuple[float, Command]] = []
        """Completed operations: when the house was on its new phase, and by which command."""

    def report_all(self, now: float) -> list[SwitchReport]:
        """What real switches leave on the broker: where they stand."""
        return [SwitchReport(house, phase, now, retained=True) for house, phase in self.phases.items()]

    def take(self, command: Command, now: float) -> None:
        """A command arrives. A failing switch says so, or stays silent."""
        result: SwitchResult | None = SwitchResult.DONE
        if self._failure_rate and self._chance.random() < self._failure_rate:
            result = SwitchResult.FAILED if self._chance.random() < 0.5 else None
        heapq.heappush(self._due, (now + self._switch_time_s, command.seq, command, result))

    def locked(self, house: str, now: float) -> None:
        """The controller has locked a house out: a technician is on the way."""
        heapq.heappush(self._repairs, (now + self._repair_s, house))

    def next_due(self) -> float | None:
        return min((queue[0][0] for queue in (self._due, self._repairs) if queue), default=None)

    def speak(self, now: float) -> tuple[list[SwitchReport], list[ClearRequest]]:
        """What has happened up to `now`: reports of switches, and lock-outs cleared by the technician."""
        reports, clears = [], []
        while self._due and self._due[0][0] <= now:
            at, _, command, result = heapq.heappop(self._due)
            if result is SwitchResult.DONE:
                self.phases[command.house] = command.phase
                self.moved.append((at, command))
            if result is not None:
                reason = "" if result is SwitchResult.DONE else "simulated failure"
                reports.append(SwitchReport(command.house, self.phases[command.house], now, command.id, result, reason))
        while self._repairs and self._repairs[0][0] <= now:
            _, house = heapq.heappop(self._repairs)
            clears.append(ClearRequest(house, "simulated technician", "switch repaired"))
            reports.append(SwitchReport(house, self.phases[house], now))
        return reports, clears
