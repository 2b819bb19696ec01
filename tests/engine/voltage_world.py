"""The engine in a closed loop with a feeder of the twin: its moves change the voltages that its meters send next.

Labels and contacts are two things here: a house is really on the phase to which the contact of its label is wired.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.window import Floats
from edge_balancer.engine import Engine
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, AlertState, Event
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.readings import TRANSFORMER, Reading, ThreePhaseReading
from edge_balancer.types.switching import (
    ClearRequest,
    Command,
    Mode,
    ModeRequest,
    SwitchReport,
    SwitchRequest,
    SwitchResult,
)
from scripts.bench.identify import Case
from tests.support.configuration import make_config

T0: Final = 1_760_000_400.0
BLOCK_MIN: Final = 60
Ints = NDArray[np.int64]
Wiring = dict[str, tuple[int, int, int]]


class VoltageWorld:
    """Minutes of a drawn case. `wiring` maps houses to the phases of their contacts L1, L2, L3."""

    def __init__(
        self,
        case: Case,
        wrong: dict[str, int] | None = None,
        wiring: Wiring | None = None,
        *,
        switchable: bool = True,
        voltage_evidence: bool = True,
        **decision: Any,
    ) -> None:
        """`wrong` maps houses to how far their base record is from the truth."""
        self._switchable, self._voltage_evidence = switchable, voltage_evidence
        self.case = case
        self.houses = case.houses
        real = case.feeder.houses.phase
        self.label = np.array(
            [(int(phase) + (wrong or {}).get(house, 0)) % 3 for house, phase in zip(self.houses, real, strict=True)]
        )
        self.contacts = np.tile(np.arange(3), (len(self.houses), 1))
        for h, house in enumerate(self.houses):
            off = (wrong or {}).get(house, 0)
            self.contacts[h] = (self.contacts[h] - off) % 3
            if wiring and house in wiring:
                self.contacts[h] = wiring[house]
        self.stuck: set[str] = set()
        """Switches that say done and stay where they are."""
        self.frozen: dict[str, int] = {}
        self.decision = {"neutral_trigger_a": 5.0, **decision}
        self.flow = PowerFlow(case.feeder, explicit_neutral=True)
        self.rng = np.random.default_rng(case.seed)
        self.minute = 0
        self.alerts: dict[str, Alert] = {}
        """That stand now."""
        self.told: list[tuple[float, Alert]] = []
        """All that began or ended, with the hour."""
        self.moved: list[tuple[float, Command]] = []
        self.decisions: list[Decision] = []
        self.events: list[Event] = []
        self._pending: list[Command] = []
        self._block: tuple[int, Floats, Floats] | None = None
        self.metered = True
        """Whether the transformer's meter speaks."""
        self.engine = self._start({})
        self._announce()

    @property
    def config(self) -> Configuration:
        listed: list[dict[str, Any]] = [
            {"id": house, "phase": str(Phase(int(label))), "switchable": self._switchable}
            for house, label in zip(self.houses, self.label, strict=True)
        ]
        switching = {"voltage_evidence": self._voltage_evidence}
        return make_config(listed, decision=self.decision, switching=switching)

    @property
    def hour(self) -> float:
        return self.minute / 60.0

    @property
    def doubted(self) -> list[str]:
        return [key.partition("/")[2] for key in self.alerts if key.startswith("wrong_phase_record/")]

    def real(self) -> Ints:
        """The phases on which the houses are."""
        where: Ints = self.contacts[np.arange(len(self.houses)), self.label]
        for house, phase in self.frozen.items():
            where[self.houses.index(house)] = phase
        return where

    def _start(self, learned: dict[str, Any]) -> Engine:
        alerts = tuple(self.alerts.values())
        restored = Restored(wall=T0 + 60.0 * self.minute, learned=learned, alerts=alerts)
        return Engine(self.config, uuid.UUID(int=self.minute + 1), restored, 60.0 * self.minute)

    def restart(self, learned: dict[str, Any] | None = None) -> None:
        """A new engine, with what the old one learned."""
        self.engine = self._start(self.engine.learned() if learned is None else learned)
        self._announce()

    def _announce(self) -> None:
        now = 60.0 * self.minute
        self._step(
            now,
            reports=[
                SwitchReport(house, Phase(int(label)), now, retained=True)
                for house, label in zip(self.houses, self.label, strict=True)
            ],
        )

    def run(self, hours: float, until: Callable[[], bool] = lambda: False) -> None:
        """Minute after minute, or until something has come about."""
        for _ in range(round(60 * hours)):
            if until():
                return
            self._run_minute()

    def request(self, house: str, phase: Phase) -> None:
        """A person moves a house."""
        self._step(60.0 * self.minute, requests=[SwitchRequest(house, phase, "anna", "to try its contacts")])

    def clear(self, request: ClearRequest) -> None:
        """A person has looked."""
        self._step(60.0 * self.minute, clears=[request])

    def rewired(self) -> None:
        """The contacts were changed: voltages follow from here on."""
        self._block = None

    def set_mode(self, mode: Mode) -> None:
        self._step(60.0 * self.minute, modes=[ModeRequest(mode, "anna")])

    def _run_minute(self) -> None:
        volts, bus = self._voltages()
        now = 60.0 * self.minute + 5.0
        powers = self.case.load[self.minute]
        readings = [
            Reading(house, now, round(float(s.real)), round(float(s.imag)), round(float(v), 1))
            for house, s, v in zip(self.houses, powers, volts, strict=True)
        ]
        v1, v2, v3 = (round(float(v), 1) for v in bus)
        nothing = (float("nan"),) * 3
        head = [ThreePhaseReading(TRANSFORMER, now, nothing, v=(v1, v2, v3))] if self.metered else []
        self._step(now, readings=readings, three_phase=head)
        for k in range(3):
            self._answer(now + 1.0 + k)
        self.minute += 1

    def _voltages(self) -> tuple[Floats, Floats]:
        start = self.minute - self.minute % BLOCK_MIN
        if self._block is None or self._block[0] != start:
            span = slice(start, start + BLOCK_MIN)
            solved = self.flow.solve(self.case.load[span], self.real(), self.case.source[span])
            self._block = (start, np.abs(solved.house_v), np.abs(solved.bus_v))
        at = self.minute - start
        noise = self.rng.normal(0.0, 0.05, len(self.houses) + 3)
        return self._block[1][at] + noise[3:], self._block[2][at] + noise[:3]

    def _answer(self, now: float) -> None:
        """The commands leave; the switches say done, the next second."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._step(now, sent=[command.id for command in pending])
        for command in pending:
            h = self.houses.index(command.house)
            if command.house in self.stuck:
                self.frozen.setdefault(command.house, int(self.real()[h]))
            self.label[h] = int(command.phase)
            self.moved.append((self.hour, command))
            self._block = None
        self._step(
            now + 0.5,
            reports=[SwitchReport(c.house, c.phase, now + 0.5, c.id, SwitchResult.DONE) for c in pending],
        )

    def _step(self, now: float, **happened: Any) -> None:
        outputs = self.engine.step(now, Inputs(wall=T0 + now, **happened))
        self._pending += outputs.commands
        self.decisions += outputs.decisions
        self.events += outputs.events
        for alert in outputs.alerts:
            self.told.append((self.hour, alert))
            if alert.state is AlertState.RESOLVED:
                self.alerts.pop(alert.key, None)
            else:
                self.alerts[alert.key] = alert
