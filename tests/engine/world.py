"""A hostile world around one engine: meters, switches, clocks and people that do anything, with the oracle watching.

Each method makes one step of the engine. Restarts build a new engine from what the trail would give back.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from edge_balancer.engine import Engine
from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, PastMove, Restored
from edge_balancer.types.readings import Reading, ThreePhaseReading
from edge_balancer.types.switching import (
    Availability,
    ClearRequest,
    Command,
    Mode,
    ModeRequest,
    SwitchReport,
    SwitchRequest,
    SwitchResult,
)
from tests.engine.oracle import Oracle
from tests.support.configuration import make_config

MOVABLE: Final = ("a1", "a2", "a3", "b1", "c1", "sun")
HOUSES: Final = (*MOVABLE, "lift", "rigid")
THREE: Final = "mill"


def hostile_config(**decision: Any) -> Configuration:
    """Short limits, so that some dozen steps can meet them all; moves are cheap, so that they are made."""
    houses: list[dict[str, Any]] = [
        {"id": "a1", "phase": "L1"},
        {"id": "a2", "phase": "L1"},
        {"id": "a3", "phase": "L1"},
        {"id": "b1", "phase": "L2"},
        {"id": "c1", "phase": "L3"},
        {"id": "sun", "phase": "L1", "pv_w": 6000},
        {"id": "lift", "phase": "L1", "critical": True},
        {"id": "rigid", "phase": "L1", "switchable": False},
        {"id": THREE, "three_phase": True},
    ]
    return make_config(
        houses,
        telemetry={"stale_s": 60, "max_age_s": 60, "ring_hours": 0.1},
        decision={
            "operations_per_house_day": 100,
            "max_operations_per_house_day": 3,
            "max_operations_per_feeder_hour": 6,
            "dwell_s": 300,
            "neutral_trigger_a": 1.0,
            "smoothing_s": 0,
            "min_coverage": 0.5,
            "outage_cooldown_s": 30,
            "pv_reconnect_s": 120,
            "pv_energy_price": 0,
            **decision,
        },
        switching={"max_in_flight": 2, "ack_timeout_s": 30, "verify_timeout_s": 40},
    )


class World:
    """One run. `true` is real time; the engine's monotonic clock begins anew at a reboot."""

    def __init__(self, config: Configuration | None = None) -> None:
        self.config = config or hostile_config()
        self.true = 0.0
        self._mono_offset = 50.0
        self.wall = 1_760_000_000.0
        self.commands: list[Command] = []
        self.waiting: list[str] = []
        """Commands that the broker has not taken yet."""
        self.phases: dict[str, Phase] = {}
        self._sessions = 0
        self.oracle = Oracle(self.config, self.config.decision.mode)
        self.engine = self._start(Restored(wall=self.wall))
        self.last = Outputs()

    @property
    def now(self) -> float:
        return self.true + self._mono_offset

    def _start(self, restored: Restored) -> Engine:
        self._sessions += 1
        session = uuid.uuid5(uuid.NAMESPACE_OID, f"hostile world {self._sessions}")
        return Engine(self.config, session, restored, self.now)

    def step(self, seconds: float = 0.0, **happened: Any) -> Outputs:
        """Let `seconds` pass, then tell the engine what happened."""
        self.true += seconds
        self.wall += seconds
        inputs = Inputs(wall=self.wall, **happened)
        outputs = self.engine.step(self.now, inputs)
        self.last = outputs
        oracle = self.oracle
        oracle.at_engine_time(self.now)
        oracle.commands = {command.id: command for command in outputs.commands}
        oracle.judge(self.true, inputs, outputs)
        self.commands += outputs.commands
        self.waiting += [command.id for command in outputs.commands]
        for event in outputs.events:
            if event.kind is EventKind.VERIFIED:
                self.phases[event.house] = Phase.parse(event.body["phase"])
        return outputs

    def measure(self, seconds: float, powers: dict[str, float], volts: float, age_s: float = 0.0) -> Outputs:
        """Readings of some houses, measured `age_s` ago."""
        at = self.now + seconds - age_s
        readings = [Reading(house, at, p, v=volts) for house, p in powers.items()]
        return self.step(seconds, readings=readings)

    def measure_three(self, p: float) -> Outputs:
        return self.step(0.5, three_phase=[ThreePhaseReading(THREE, self.now + 0.5, (p, p / 2, -p))])

    def announce_positions(self, houses: Sequence[str] = HOUSES) -> Outputs:
        """The switches' retained words: each says where it stands, in a world in which nothing went wrong."""
        reports = []
        for house in houses:
            position = self.oracle.position.get(house) or self._first_phase(house)
            reports.append(SwitchReport(house, position, self.now, retained=True))
        return self.step(0.0, reports=reports)

    def _first_phase(self, house: str) -> Phase:
        settings = next(h for h in self.config.houses if h.id == house)
        return self.phases.get(house) or settings.phase or Phase.L1

    def report(self, house: str, phase: Phase | None, command_id: str, result: SwitchResult | None) -> Outputs:
        return self.step(0.2, reports=[SwitchReport(house, phase, self.now + 0.2, command_id, result, "so it says")])

    def answer(self, which: int, result: SwitchResult) -> Outputs:
        """An honest switch answers one of the commands under way."""
        flying = list(self.oracle.open.values())
        if not flying:
            return self.step(0.1)
        command = flying[which % len(flying)].command
        phase = command.phase if result is SwitchResult.DONE else command.origin
        return self.report(command.house, None if result is SwitchResult.MOVING else phase, command.id, result)

    def hand_over(self, sent: bool) -> Outputs:
        """The broker takes the waiting commands, or they never leave."""
        waiting, self.waiting = self.waiting, []
        return self.step(0.05, **{"sent" if sent else "unsent": waiting})

    def available(self, house: str, online: bool) -> Outputs:
        return self.step(0.1, availability=[Availability(house, online)])

    def set_mode(self, mode: Mode) -> Outputs:
        return self.step(0.1, modes=[ModeRequest(mode, "somebody")])

    def wish(self, house: str, phase: Phase) -> Outputs:
        return self.step(0.1, requests=[SwitchRequest(house, phase, "somebody", "because")])

    def clear(self, house: str) -> Outputs:
        return self.step(0.1, clears=[ClearRequest(house, "somebody", "looked at it")])

    def step_wall(self, seconds: float) -> Outputs:
        """The wall clock is set; the monotonic one knows nothing of it."""
        self.wall += seconds
        return self.step(0.1)

    def restart(self, down_s: float, reboot: bool, remember: bool) -> Outputs:
        """The process, or the whole machine, stops and comes back after `down_s`."""
        learned = self.engine.learned() if remember else {}
        self.true += down_s
        self.wall += down_s
        if reboot:
            self._mono_offset = 20.0 - self.true
        self.waiting = []
        oracle = self.oracle
        moves = [
            PastMove(operation.command.house, self.wall - (self.true - operation.at))
            for operation in oracle.operations
            if not operation.unsent and self.true - operation.at < 86_400.0
        ]
        restored = Restored(
            wall=self.wall,
            mode=oracle.mode,
            seq=oracle.seq,
            phases=dict(self.phases),
            locked=dict(oracle.locked),
            halted=self.engine.roster.halted,
            moves=moves,
            open_commands=[operation.command for operation in oracle.open.values()],
            learned=learned,
        )
        self.engine = self._start(restored)
        oracle.restarted(self.true)
        return self.step(0.01)
