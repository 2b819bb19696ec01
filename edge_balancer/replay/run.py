"""The replay itself: readings in their order, at the time they could have been used, through `Engine.step`."""

from __future__ import annotations

import csv
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from edge_balancer.engine import Engine
from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.replay.readings_file import Refusals, Row, instants
from edge_balancer.replay.score import Score
from edge_balancer.replay.switches import SimulatedSwitches
from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import EventKind
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import Mode

SESSION: Final = uuid.uuid5(uuid.NAMESPACE_URL, "edge-balancer replay")
"""Ids derive from it, so that two runs write identical files."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """`latency_s`: between a reading and its use. `switch_time_s`: between a command and the switch's report.
    `switch_failures`: fraction of commands that fail. `repair_h`: until a simulated technician clears a failed
    switch."""

    latency_s: float = 0.0
    switch_time_s: float = 2.0
    switch_failures: float = 0.0
    repair_h: float = 24.0
    seed: int = 1


class Replay:
    """One run over one file."""

    def __init__(
        self, config: Configuration, options: ReplayOptions, model: Model | MissingModel | None = None
    ) -> None:
        """`model`: a learned forecast, one whose calls take no time, so that a run can be repeated."""
        # The switches are simulated, so moving is safe: a site that still runs in `advise` sees what `auto` would do.
        # Recorded
        # voltages cannot follow simulated moves and must not bear witness against them.
        self._config = config.model_copy(
            update={
                "decision": config.decision.model_copy(update={"mode": Mode.AUTO}),
                "switching": config.switching.model_copy(update={"voltage_evidence": False}),
            }
        )
        self._options = options
        self._model = model
        start = {house.id: house.phase for house in config.houses if house.phase is not None and not house.three_phase}
        self._score = Score(self._config, start)
        self._switches = SimulatedSwitches(
            start, options.switch_time_s, options.switch_failures, options.repair_h * 3600.0, options.seed
        )
        self._engine: Engine | None = None
        self._sent: list[str] = []
        self._reasons: dict[str, str] = {}
        self._wake: float | None = None
        self._commands = 0
        self._locked = 0
        self._failed = 0
        self._scored = 0
        self.refusals = Refusals()
        self.readings = 0

    def run(self, path: Path) -> None:
        """Drive the engine over the whole file. Raises ReadingsFileError."""
        waiting: list[tuple[float, list[Row]]] = []
        for t, rows in instants(path, self._config, self.refusals):
            self.readings += len(rows)
            # Everything that is due before this instant happens first: nothing may know of it yet.
            while waiting and waiting[0][0] + self._options.latency_s < t:
                self._use(*waiting.pop(0))
            self._run_until(t)
            self._score_moves(t)
            self._score.measure(t, rows)
            waiting.append((t, rows))
            if self._options.latency_s <= 0.0:
                self._use(*waiting.pop(0))
        for instant in waiting:
            self._use(*instant)

    def _use(self, t: float, rows: list[Row]) -> None:
        """The readings of instant `t` reach the controller. Its meters have no clocks: arrival is what it knows."""
        at = t + self._options.latency_s
        self._run_until(at)
        self._step(at, readings=[Reading(house, at, p, q, v) for house, p, q, v in rows])

    def _run_until(self, t: float) -> None:
        """Let switches answer and time-outs strike up to and including `t`."""
        if self._engine is None:
            return
        while (
            due := min((x for x in (self._switches.next_due(), self._wake) if x is not None), default=None)
        ) is not None:
            if due > t:
                return
            self._step(due)

    def _step(self, now: float, readings: list[Reading] | None = None) -> None:
        reports, clears = self._switches.speak(now)
        if self._engine is None:
            self._engine = Engine(self._config, SESSION, Restored(wall=now), now, model=self._model)
            reports = self._switches.report_all(now)
        sent, self._sent = self._sent, []
        outputs = self._engine.step(
            now, Inputs(wall=now, readings=readings or (), reports=reports, clears=clears, sent=sent)
        )
        self._carry_out(outputs, now)
        self._wake = outputs.due if outputs.due is None or outputs.due > now else None
        if self._sent:
            self._step(now)  # the engine learns at once what has left, as the daemon tells it

    def _carry_out(self, outputs: Outputs, now: float) -> None:
        for event in outputs.events:
            if event.kind is EventKind.LOCKED:
                self._locked += 1
                self._switches.summon(event.house, now)
            if event.kind in (EventKind.FAILED, EventKind.TIMED_OUT):
                self._failed += 1
        for decision in outputs.decisions:
            self._reasons[decision.id] = decision.text
        for command in outputs.commands:
            self._commands += 1
            self._sent.append(command.id)
            self._switches.take(command, now)

    def _score_moves(self, t: float) -> None:
        moved = self._switches.moved
        while self._scored < len(moved) and moved[self._scored][0] <= t:
            _, command = moved[self._scored]
            self._score.moved(command.house, command.phase)
            self._scored += 1

    def moves(self) -> list[tuple[float, str, str, str, str]]:
        """Completed operations: t (Unix s at which the house was on its new phase), house, from, to, reason."""
        return [
            (at, command.house, str(command.origin), str(command.phase), self._reasons[command.decision])
            for at, command in self._switches.moved
        ]

    def summary(self) -> dict[str, Any]:
        """What it did and gained; currents in A."""
        score = self._score.result()
        movable = sum(house.movable for house in self._config.houses)
        days = self._score.days
        operations = len(self._switches.moved)
        without, with_ = score["without_moves"]["mean_a"], score["with_moves"]["mean_a"]
        return {
            "days": round(days, 4),
            "houses": len(self._config.houses),
            "switchable_houses": movable,
            "readings": self.readings,
            "operations": operations,
            "operations_per_house_day": round(operations / (movable * days), 4) if movable and days else 0.0,
            "budget_per_house_day": self._config.decision.operations_per_house_day,
            "commands": self._commands,
            "failed_commands": self._failed,
            "lock_outs": self._locked,
            "forecast": self._engine.forecast_report() if self._engine is not None else {},
            "neutral_current": score,
            "neutral_current_mean_reduction_pct": round(100.0 * (1.0 - with_ / without), 2) if without else 0.0,
            "rows_refused": dict(sorted(self.refusals.counts.items())),
            "rows_refused_samples": dict(sorted(self.refusals.samples.items())),
            "options": asdict(self._options),
        }

    def write(self, out: Path) -> None:
        """`moves.csv` and `summary.json`, the same bytes for the same inputs."""
        out.mkdir(parents=True, exist_ok=True)
        with (out / "moves.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("t", "house", "from", "to", "reason"))
            writer.writerows((f"{t:.3f}", *rest) for t, *rest in self.moves())
        (out / "summary.json").write_text(
            json.dumps(self.summary(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
