"""The engine in a closed loop with the twin, in simulated time: readings in, commands out, contacts move, readings in.

One clock for all: Unix seconds, which the engine is given both as its monotonic and as its wall time. Memory holds a
day of loads and half an hour of voltages, however many days are simulated.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.engine import Engine
from edge_balancer.forecast.interface import Model
from edge_balancer.simulation.conduct import Conduct
from edge_balancer.simulation.metering import Metering
from edge_balancer.simulation.physics import Complexes, Steps
from edge_balancer.simulation.truth import PIECE_S, Truth
from edge_balancer.simulation.world import World, switch_options
from edge_balancer.twin.devices.switches import PhaseSwitches
from edge_balancer.twin.grid.model import Floats
from edge_balancer.types.events import EventKind
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.readings import Reading, ThreePhaseReading

DAY_S: Final = 86_400
_SESSION: Final = uuid.uuid5(uuid.NAMESPACE_URL, "edge-balancer simulate")

Watcher = Callable[[float, Outputs], None]
"""Is shown what the engine said at each step."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """A simulated day: what the feeder did under the controller, and the loads that nothing interrupted."""

    start: int
    pieces: Sequence[Steps]
    undisturbed: Complexes
    pv: Floats


class Loop:
    """One run. `switches` may be damaged beforehand; `days` then yields day after day."""

    def __init__(self, world: World, watch: Watcher | None = None, model: Model | None = None) -> None:
        """`model`: a learned forecast, one whose calls take no time, so that a run can be repeated."""
        scenario = world.scenario
        self.world = world
        self.watch = watch
        """May be set before the run begins."""
        longest_s = scenario.meters.period_s * (1.0 + scenario.meters.period_spread) * 2.0
        self.truth = Truth(world, max(longest_s, scenario.meters.transformer_period_s * 2.0))
        self.metering = Metering(world, self.truth)
        start = float(world.start)
        phases = world.phase_of()
        self.switches = PhaseSwitches(phases, switch_options(scenario), scenario.run.seed)
        self.engine = Engine(world.config, _SESSION, Restored(wall=start), start, model=model)
        self.conduct = Conduct(world, float(world.judged_from))
        self._index = {name: h for h, name in enumerate(world.names)}
        self._single = ~world.three_phase
        self._stands = world.phases.astype(np.int8)
        """[H] where each house really is, as the controller ought to know it."""
        self._seen = 0
        self._sent: list[str] = []
        self._wake: float | None = None
        self._now = start
        self._doubted: frozenset[str] = frozenset()

    def days(self) -> Iterator[Day]:
        """Run to the end of the scenario, a day at a time."""
        world = self.world
        self.truth.open(world.start)
        self._step(float(world.start), [], [], greet=True)
        for start in range(world.start, world.end, DAY_S):
            pieces = []
            for begin in range(start, start + DAY_S, PIECE_S):
                self.truth.open(begin)
                self.metering.open(begin + PIECE_S)
                self._run_to(begin + PIECE_S)
                pieces.append(self.truth.close())
            self.conduct.forget()
            yield Day(start, pieces, self.truth.loads.undisturbed, self.truth.loads.pv)

    def _run_to(self, end: float) -> None:
        burst_s = self.world.scenario.run.burst_s
        while self._now < end:
            # Bursts are counted from the run's start, so that pieces end none of them early but their own last.
            number = np.floor((self._now - self.world.start) / burst_s) + 1.0
            at = min(end, self.world.start + float(number) * burst_s)
            self._until(at)
            single, three = self.metering.due(at)
            if single or three:
                self._step(at, single, three)
            self._account(at)

    def _until(self, at: float) -> None:
        """Let switches answer and time-outs strike up to and including `at`, each at its own instant."""
        while True:
            due = min((t for t in (self.switches.next_due(), self._wake) if t is not None), default=None)
            if due is None or due > at:
                return
            self._step(max(due, self._now), [], [])

    def _step(self, now: float, single: list[Reading], three: list[ThreePhaseReading], *, greet: bool = False) -> None:
        reports, clears = self.switches.speak(now)
        if greet:
            reports = self.switches.report_all(now)
        self._notice()
        while True:
            sent, self._sent = self._sent, []
            inputs = Inputs(wall=now, readings=single, three_phase=three, reports=reports, clears=clears, sent=sent)
            self._take(self.engine.step(now, inputs), now)
            if not self._sent:
                return
            # The engine learns at once what has left, as the daemon tells it.
            single, three, reports, clears = [], [], [], []

    def _take(self, outputs: Outputs, now: float) -> None:
        for event in outputs.events:
            self.conduct.recorded(event, now)
            if event.kind is EventKind.LOCKED:
                self.switches.summon(event.house, now)
        for decision in outputs.decisions:
            self.conduct.decided(decision)
        for command in outputs.commands:
            self._sent.append(command.id)
            self.conduct.commanded(command, now)
            contact = self.switches.take(command, now)
            if contact is not None:
                self.truth.plan(contact, self._index[contact.house])
        if self.watch is not None:
            self.watch(now, outputs)
        self._wake = outputs.due if outputs.due is None or outputs.due > now else None

    def _notice(self) -> None:
        """Houses that have arrived on another phase."""
        for at, command in self.switches.moved[self._seen :]:
            self._stands[self._index[command.house]] = int(command.phase)
            self.conduct.moved(at, command)
        self._seen = len(self.switches.moved)

    def _account(self, at: float) -> None:
        roster = self.engine.roster
        elsewhere = (roster.phase != self._stands) & self._single
        heard = float(self.engine.latest.fresh(at).mean())
        blind = heard < self.world.config.decision.min_coverage
        self.conduct.stood(elsewhere, roster.in_flight, bool(roster.halted), blind, at, at - self._now)
        self._doubt(at)
        self._now = at

    def _doubt(self, at: float) -> None:
        """Somebody reads the alert of a record in doubt, and goes there."""
        doubts = {doubt.house: doubt for doubt in self.engine.doubts}
        for house in sorted(doubts.keys() - self._doubted):
            h = self._index[house]
            self.conduct.doubted(h, bool(self._stands[h] != int(doubts[house].recorded)), at)
            self.switches.summon(house, at, "its phase was in doubt: looked at on the spot")
        self._doubted = frozenset(doubts)
