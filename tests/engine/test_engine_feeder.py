"""A feeder of thirty houses in trouble: a phase goes dark, a gateway dies, switches fall silent, the broker goes away.
What must then not happen, on the whole engine."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest

from edge_balancer.engine import Engine
from edge_balancer.forecast.usual import BINS, unpack
from edge_balancer.settings.root import Configuration
from edge_balancer.types.decisions import VetoReason
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, Restored
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
from tests.support.configuration import make_config

WALL = 1_800_000_000.0
HOUSES = 30
NAMES = [f"h{k:02}" for k in range(HOUSES)]
L1, L2, L3 = Phase
SESSION = uuid.UUID(int=7)


def balanced(**sections: Any) -> Configuration:
    houses = [{"id": name, "phase": str(Phase(k % 3))} for k, name in enumerate(NAMES)]
    return make_config(houses, feeder={"id": "f", "transformer_kva": 250}, **sections)


class Feeder:
    """Thirty houses of 1 kW, ten on each phase, read every ten seconds; their switches do as they are told."""

    def __init__(self, config: Configuration | None = None, restored: Restored | None = None, now: float = 1e4) -> None:
        self.config = config or balanced()
        self.now = now
        self.engine = Engine(self.config, SESSION, restored or Restored(wall=WALL), now)
        self.phase = {h.id: h.phase for h in self.config.houses if h.phase is not None and not h.three_phase}
        self.load = dict.fromkeys(self.phase, 1000.0)
        self.volts = dict.fromkeys(self.phase, 230.0)
        self.silent: set[str] = set()
        self.answers = True
        self.connected = True
        self.synced = True
        self.clock_wrong_by_s = 0.0
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.alerts: dict[str, str] = {}
        self._sent: list[str] = []
        self._reports = [SwitchReport(house, phase, now, retained=True) for house, phase in self.phase.items()]

    def step(self, seconds: float = 0.0, **happened: Any) -> Outputs:
        self.now += seconds
        sent, self._sent = self._sent, []
        reports, self._reports = self._reports, []
        wall = WALL + self.now - 1e4 + self.clock_wrong_by_s
        happened.setdefault("reports", reports)
        happened.setdefault("synced", self.synced)
        outputs = self.engine.step(self.now, Inputs(wall=wall, sent=sent, connected=self.connected, **happened))
        for command in outputs.commands:
            self.commands.append(command)
            self._sent.append(command.id)
            if self.answers:
                self.phase[command.house] = command.phase
                done = SwitchReport(command.house, command.phase, self.now, command.id, SwitchResult.DONE)
                self._reports.append(done)
        self.events += outputs.events
        for alert in outputs.alerts:
            self.alerts[alert.key] = str(alert.state)
        return outputs

    def run(self, seconds: float, **happened: Any) -> None:
        for _ in range(int(seconds / 10.0)):
            readings = [
                Reading(house, self.now + 10.0, self.load[house], v=self.volts[house])
                for house in self.phase
                if house not in self.silent
            ]
            self.step(10.0, readings=readings, **happened)
            self.step()

    def locked(self) -> list[str]:
        return [event.house for event in self.events if event.kind is EventKind.LOCKED]


def on(phase: Phase) -> list[str]:
    return [name for k, name in enumerate(NAMES) if k % 3 == phase]


def test_nothing_is_moved_to_a_phase_that_lost_its_supply() -> None:
    feeder = Feeder()
    feeder.run(120)
    for house in on(L2):
        feeder.load[house], feeder.volts[house] = 0.0, 0.0
    feeder.run(300)
    assert feeder.commands == []
    assert feeder.alerts == {"supply_lost/L2": "active"}
    for house in on(L2):
        feeder.load[house], feeder.volts[house] = 1000.0, 230.0
    feeder.load |= dict.fromkeys(on(L1)[:2], 9000.0)  # one of the two is better elsewhere
    feeder.run(200)
    assert feeder.commands == []  # the cool-down
    feeder.run(200)
    assert feeder.commands


def test_darkness_teaches_nothing_of_what_houses_draw() -> None:
    feeder = Feeder()
    feeder.run(3600)
    for house in feeder.phase:
        feeder.load[house], feeder.volts[house] = 0.0, 0.0
    feeder.run(7200)
    for house in feeder.phase:
        feeder.load[house], feeder.volts[house] = 1000.0, 230.0
    feeder.run(3600)
    usual = unpack(feeder.engine.learned()["blend"]["day"], np.complex64, (len(feeder.phase), BINS))
    assert usual[usual != 0.0].real == pytest.approx(1000.0)
    assert np.count_nonzero(usual[0]) >= 4


def test_nothing_is_moved_to_a_phase_whose_gateway_fell_silent() -> None:
    feeder = Feeder(balanced(decision={"min_coverage": 0.6}))
    feeder.run(120)
    feeder.silent = set(on(L2)[:6])
    feeder.run(600)
    assert [command for command in feeder.commands if command.phase is L2] == []


def test_a_silent_house_still_counts_with_what_it_drew() -> None:
    feeder = Feeder()
    feeder.run(600)
    feeder.silent = set(on(L2)[:2])  # most of L2 reports: the phase may be a target
    feeder.run(600)
    assert feeder.commands == []


@pytest.mark.parametrize("transformer", [False, True], ids=["by the houses", "by the transformer's meter"])
def test_headroom_counts_everything_on_the_phase(transformer: bool) -> None:
    houses = [{"id": "a", "phase": "L1"}, {"id": "b", "phase": "L2"}]
    if not transformer:
        houses.append({"id": "big", "three_phase": True})  # type: ignore[dict-item]
    feeder = Feeder(make_config(houses, feeder={"id": "f", "transformer_kva": 50}))
    feeder.load = {"a": 6000.0, "b": 100.0}
    source = TRANSFORMER if transformer else "big"
    load = ThreePhaseReading(source, feeder.now, (0.0, 16_000.0, 0.0))
    feeder.step(0.0, three_phase=[load])
    readings = [Reading(house, feeder.now, p, v=230.0) for house, p in feeder.load.items()]
    wish = SwitchRequest("a", L2, "Ann", "try")
    outputs = feeder.step(0.0, readings=readings, requests=[wish])
    asked = next(d for d in outputs.decisions if d.operator == "Ann")
    assert [veto.reason for veto in asked.vetoes] == [VetoReason.TARGET_HEADROOM]
    assert all(command.phase is not L2 for command in feeder.commands)


def moved(feeder: Feeder) -> list[tuple[str, Phase, float]]:
    return [
        (event.house, Phase.parse(event.body["phase"]), event.mono)
        for event in feeder.events
        if event.kind is EventKind.PLANNED
    ]


@pytest.mark.parametrize("wrong_by_s", [86_400.0, -86_400.0, 40_000.0, -40_000.0])
@pytest.mark.parametrize("trusted_before", [True, False])
def test_an_untrusted_clock_that_steps_changes_no_move(wrong_by_s: float, trusted_before: bool) -> None:
    feeders = [Feeder(), Feeder()]
    for wrong, feeder in zip((0.0, wrong_by_s), feeders, strict=True):
        feeder.synced = trusted_before
        feeder.run(4 * 3600)
        feeder.synced = False
        feeder.clock_wrong_by_s = wrong
        feeder.load |= dict.fromkeys(on(L1), 2500.0) | dict.fromkeys(on(L2)[:3], 200.0)
        feeder.run(3600)
    assert moved(feeders[0])
    assert moved(feeders[0]) == moved(feeders[1])


@pytest.mark.parametrize("day_s", [86_400.0, -86_400.0])
def test_a_trusted_clock_that_steps_by_a_day_changes_no_move(day_s: float) -> None:
    feeders = [Feeder(), Feeder()]
    for wrong, feeder in zip((0.0, day_s), feeders, strict=True):
        feeder.run(4 * 3600)
        feeder.clock_wrong_by_s = wrong
        feeder.load |= dict.fromkeys(on(L1), 2500.0) | dict.fromkeys(on(L2)[:3], 200.0)
        feeder.run(3600)
    assert moved(feeders[0])
    assert moved(feeders[0]) == moved(feeders[1])


def skewed(**sections: Any) -> Feeder:
    """Much is to be moved, and the switches do not answer."""
    feeder = Feeder(balanced(decision={"max_operations_per_feeder_hour": 1000}, **sections))
    feeder.answers = False
    feeder.load |= dict.fromkeys(on(L1), 4000.0)
    return feeder


def test_several_switches_that_fail_in_a_row_halt_the_switching() -> None:
    feeder = skewed()
    feeder.run(600)
    assert len(feeder.locked()) == 6  # three at a time are under way
    assert feeder.alerts["switching_halted"] == "active"
    feeder.answers = True
    feeder.run(600)
    assert len(feeder.commands) == 6
    feeder.run(10, modes=[ModeRequest(Mode.AUTO, "Ann")])
    feeder.run(60)
    assert len(feeder.commands) > 6
    assert feeder.alerts["switching_halted"] == "resolved"


def test_a_halt_and_its_end_are_on_record() -> None:
    feeder = skewed()
    feeder.run(600)
    halts = [event for event in feeder.events if event.kind is EventKind.HALTED]
    assert len(halts) == 1
    assert "failed one after another" in halts[0].body["reason"]
    feeder.run(10, modes=[ModeRequest(Mode.AUTO, "Ann")])
    resumed = [event.body["by"] for event in feeder.events if event.kind is EventKind.RESUMED]
    assert resumed == ["Ann"]


def test_a_switch_that_was_cleared_resumes_the_switching() -> None:
    feeder = skewed()
    feeder.run(600)
    feeder.answers = True
    feeder.run(10, clears=[ClearRequest(feeder.locked()[0], "Ann", "gateway was off")])
    feeder.run(60)
    assert len(feeder.commands) > 6


def test_time_without_a_broker_is_no_silence_of_the_switches() -> None:
    feeder = skewed()
    feeder.run(20)
    assert feeder.commands
    feeder.connected = False
    feeder.run(300)
    assert feeder.locked() == []
    feeder.connected = True
    first = feeder.commands[0]
    done = SwitchReport(first.house, first.phase, feeder.now, first.id, SwitchResult.DONE, retained=True)
    feeder.step(2.0, reports=[done])
    feeder.run(30)
    assert first.house not in feeder.locked()
    verified = [event.house for event in feeder.events if event.kind is EventKind.VERIFIED]
    assert first.house in verified


@pytest.mark.parametrize(
    ("result", "retained", "locked", "movable"),
    [
        pytest.param(SwitchResult.MOVING, False, False, False, id="moved by somebody"),
        pytest.param(SwitchResult.FAILED, False, True, False, id="failed by itself"),
        pytest.param(SwitchResult.FAILED, True, False, True, id="an old failure, still retained"),
        pytest.param(SwitchResult.DONE, False, False, True, id="done for somebody else"),
    ],
)
def test_what_a_switch_does_without_our_bidding(
    result: SwitchResult, retained: bool, locked: bool, movable: bool
) -> None:
    feeder = Feeder()
    feeder.run(20)
    feeder.step(1.0, reports=[SwitchReport("h00", L1, feeder.now, "not-ours", result, retained=retained)])
    assert (feeder.locked() == ["h00"]) is locked
    outputs = feeder.step(1.0, requests=[SwitchRequest("h00", L3, "Ann", "")])
    assert bool(outputs.commands) is movable


def test_answers_delivered_twice_change_nothing() -> None:
    feeder = Feeder()
    feeder.answers = False
    feeder.run(20)
    (command,) = feeder.step(1.0, requests=[SwitchRequest("h00", L3, "Ann", "")]).commands

    def says(result: SwitchResult, phase: Phase | None) -> SwitchReport:
        return SwitchReport("h00", phase, feeder.now, command.id, result)

    moving, done = says(SwitchResult.MOVING, None), says(SwitchResult.DONE, L3)
    feeder.step(0.1, reports=[moving, done, moving, done])
    feeder.run(30)
    feeder.step(0.1, reports=[moving])
    assert feeder.locked() == []
    assert feeder.engine.roster.phase_of(0) is L3
    assert EventKind.VERIFIED in {event.kind for event in feeder.events}


def test_an_older_state_that_the_broker_kept_does_not_overrule_a_newer_one() -> None:
    feeder = Feeder()
    feeder.step(1.0, reports=[SwitchReport("h00", L2, feeder.now, t=WALL + 100.0)])
    feeder.step(1.0, reports=[SwitchReport("h00", L1, feeder.now, retained=True, t=WALL + 50.0)])
    assert feeder.engine.roster.phase_of(0) is L2
    feeder.step(1.0, reports=[SwitchReport("h00", L3, feeder.now, retained=True, t=WALL + 150.0)])
    assert feeder.engine.roster.phase_of(0) is L3


def test_the_cool_down_after_an_outage_outlives_a_restart() -> None:
    feeder = Feeder()
    feeder.run(60)
    feeder.silent = set(NAMES)
    feeder.run(400)
    assert feeder.engine.settling
    in_outage = feeder.engine.learned()
    feeder.silent = set()
    feeder.run(60)
    assert feeder.engine.settling
    for learned, still in ((in_outage, 250), (feeder.engine.learned(), 200)):
        again = Feeder(restored=Restored(wall=WALL + feeder.now - 1e4, learned=learned), now=feeder.now)
        again.load["h00"] = 9000.0
        again.run(still)
        assert again.commands == []
        again.run(150)
        assert again.commands


def test_a_refusal_counts_against_the_switch_only_while_our_clock_can_be_believed() -> None:
    feeder = Feeder(balanced(decision={"dwell_s": 0, "pv_reconnect_s": 0}))
    feeder.answers = False
    feeder.run(20)
    for _ in range(4):
        (command,) = feeder.step(1.0, synced=False, requests=[SwitchRequest("h00", L3, "Ann", "")]).commands
        refused = SwitchReport("h00", L1, feeder.now, command.id, SwitchResult.REJECTED, "expired")
        feeder.step(1.0, synced=False, reports=[refused])
    assert feeder.locked() == []


def test_a_lying_switch_is_not_believed_while_the_transformer_has_yet_to_speak() -> None:
    feeder = Feeder(balanced(decision={"neutral_trigger_a": 1000}))  # it wants nothing by itself
    feeder.answers = False
    feeder.load["h00"] = 3000.0
    volts = (230.0, 230.0, 230.0)

    def read(three: bool) -> None:
        feeder.now += 5.0
        houses = [Reading(house, feeder.now, feeder.load[house], v=230.0) for house in feeder.phase]
        # The house stays on L1, whatever its switch says.
        head = [ThreePhaseReading(TRANSFORMER, feeder.now, (12_000.0, 10_000.0, 10_000.0), v=volts)]
        feeder.step(0.0, readings=houses, three_phase=head if three else [])

    for _ in range(24):  # until it is known how restless the transformer is
        read(three=True)
    (command,) = feeder.step(0.1, requests=[SwitchRequest("h00", L3, "Ann", "")]).commands
    feeder.step(0.1, reports=[SwitchReport("h00", command.phase, feeder.now, command.id, SwitchResult.DONE)])
    read(three=False)
    kinds = {event.kind for event in feeder.events if event.house == "h00"}
    assert EventKind.VERIFIED not in kinds
    for _ in range(4):
        read(three=True)
    failed = [event for event in feeder.events if event.house == "h00" and event.kind is EventKind.FAILED]
    assert "transformer" in failed[0].body["reason"]
    assert "h00" in feeder.locked()


def test_a_switch_that_speaks_after_the_readings_is_used_at_once() -> None:
    feeder = Feeder()
    feeder.load["h00"] = 9000.0
    positions, feeder._reports = feeder._reports, []
    feeder.run(10)
    assert feeder.commands == []
    assert feeder.step(0.1, reports=positions).commands


def test_the_reading_that_completes_the_picture_is_acted_upon_even_if_it_changes_nothing() -> None:
    feeder = Feeder()
    feeder.load = dict.fromkeys(NAMES, 0.0) | {"h00": 4500.0, "h03": 4500.0}  # both on L1
    feeder.now += 1.0
    for house in NAMES:  # one by one, the idle ones last: the neutral current is known long before enough report
        feeder.step(0.01, readings=[Reading(house, feeder.now, feeder.load[house], v=230.0)])
    assert feeder.commands
