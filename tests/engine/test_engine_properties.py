"""The property of the whole controller: whatever is said to it, it never breaks a limit and never moves a house that it
must not move. The oracle that judges keeps its own account (`oracle`)."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode, SwitchResult
from tests.engine.world import HOUSES, THREE, World

PAUSES = st.sampled_from([0.0, 0.3, 1.0, 5.0, 12.0, 29.9, 30.0, 61.0, 299.0, 300.0, 901.0, 3600.0, 90_000.0])
POWERS = st.one_of(st.sampled_from([0.0, 1500.0, 4000.0, 9000.0, -5000.0]), st.floats(-60_000, 60_000))
VOLTS = st.sampled_from([230.0, 230.0, 230.0, 252.0, 208.0, 0.0, float("nan")])
ANY_HOUSE = st.sampled_from([*HOUSES, THREE, "nobody"])
PHASES = st.sampled_from(list(Phase))


class HostileWorld(RuleBasedStateMachine):
    """Anything may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(quiet=st.booleans())
    def begin(self, quiet: bool) -> None:
        if not quiet:
            self.world.announce_positions()

    @rule(seconds=PAUSES)
    def time_passes(self, seconds: float) -> None:
        self.world.step(seconds)

    @rule(powers=st.dictionaries(ANY_HOUSE.filter(lambda h: h != THREE), POWERS, max_size=9), volts=VOLTS, age=PAUSES)
    def some_meters_speak(self, powers: dict[str, float], volts: float, age: float) -> None:
        self.world.measure(0.2, powers, volts, age)

    @rule(powers=st.lists(POWERS, min_size=len(HOUSES), max_size=len(HOUSES)), pause=PAUSES)
    def all_meters_speak(self, powers: list[float], pause: float) -> None:
        self.world.measure(pause, dict(zip(HOUSES, powers, strict=True)), 230.0)

    @rule(heavy=st.integers(0, len(HOUSES) - 1), pause=PAUSES)
    def one_house_is_heavy(self, heavy: int, pause: float) -> None:
        self.world.measure(pause, {h: 500.0 + 6000.0 * (k == heavy) for k, h in enumerate(HOUSES)}, 230.0)

    @rule(p=POWERS)
    def the_mill_turns(self, p: float) -> None:
        self.world.measure_three(p)

    @rule(which=st.integers(0, 5), result=st.sampled_from([SwitchResult.DONE] * 4 + list(SwitchResult)))
    def a_switch_answers(self, which: int, result: SwitchResult) -> None:
        self.world.answer(which, result)

    @rule(
        house=ANY_HOUSE,
        phase=st.one_of(st.none(), PHASES),
        which=st.integers(-2, 6),
        result=st.one_of(st.none(), st.sampled_from(list(SwitchResult))),
    )
    def a_switch_says_anything(self, house: str, phase: Phase | None, which: int, result: SwitchResult | None) -> None:
        given_out = [command.id for command in self.world.commands[::-1]]
        command_id = given_out[which] if 0 <= which < len(given_out) else ("" if which == -1 else "unheard-of")
        self.world.report(house, phase, command_id, result)

    @rule()
    def all_switches_speak(self) -> None:
        self.world.announce_positions()

    @rule(sent=st.sampled_from([True, True, True, False]))
    def the_broker_takes_commands(self, sent: bool) -> None:
        self.world.hand_over(sent)

    @rule(house=ANY_HOUSE, online=st.booleans())
    def a_switch_comes_or_goes(self, house: str, online: bool) -> None:
        self.world.available(house, online)

    @rule(mode=st.sampled_from([Mode.AUTO, Mode.AUTO, *Mode]))
    def somebody_sets_the_mode(self, mode: Mode) -> None:
        self.world.set_mode(mode)

    @rule(house=ANY_HOUSE, phase=PHASES)
    def somebody_asks_for_a_move(self, house: str, phase: Phase) -> None:
        self.world.wish(house, phase)

    @rule(house=ANY_HOUSE)
    def somebody_releases_a_switch(self, house: str) -> None:
        self.world.clear(house)

    @rule(seconds=st.sampled_from([-86_400.0, -3600.0, -1.0, 1.0, 3600.0, 86_400.0]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.world.step_wall(seconds)

    @rule(down=st.sampled_from([0.0, 2.0, 20.0, 400.0, 90_000.0]), reboot=st.booleans(), remember=st.booleans())
    def it_restarts(self, down: float, reboot: bool, remember: bool) -> None:
        self.world.restart(down, reboot, remember)


def explore(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        HostileWorld,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_that_is_said_to_the_controller_makes_it_break_a_limit() -> None:
    explore(examples=150, steps=50)


@pytest.mark.slow
def test_nothing_makes_it_break_a_limit_in_a_long_search() -> None:
    explore(examples=1000, steps=80)


def lively_day(seed: int, steps: int) -> World:
    """Mostly orderly meters and switches, with a share of all that can go wrong, drawn from `seed`."""
    chance = random.Random(seed)
    world = World()
    world.announce_positions()
    for _ in range(steps):
        world.measure(
            chance.choice([1.0, 5.0, 20.0, 50.0]),
            {house: chance.choice([200.0, 800.0, 3000.0, 7000.0, -4000.0]) for house in HOUSES},
            230.0,
        )
        world.hand_over(chance.random() < 0.9)
        while world.oracle.open and chance.random() < 0.9:
            answer = chance.choice([SwitchResult.DONE] * 12 + list(SwitchResult))
            world.answer(chance.randrange(4), answer)
            world.measure(1.0, dict.fromkeys(HOUSES, 700.0), 230.0)
        event = chance.random()
        if event < 0.03:
            world.restart(chance.choice([1.0, 400.0]), chance.random() < 0.5, True)
            world.announce_positions()
        elif event < 0.06:
            world.clear(chance.choice(HOUSES))
        elif event < 0.09:
            world.step_wall(chance.choice([-86_400.0, 86_400.0]))
        elif event < 0.12:
            world.step(chance.choice([400.0, 3700.0]))
        elif event < 0.22:
            world.available(chance.choice(HOUSES), chance.random() < 0.4)
        elif event < 0.26:
            world.wish(chance.choice([*HOUSES, THREE]), chance.choice(list(Phase)))
    return world


def test_long_lively_days_break_nothing_and_really_move_houses() -> None:
    """Also the proof that the property is not kept by commanding nothing."""
    worlds = [lively_day(seed, 150) for seed in range(12)]
    assert sum(len(world.commands) for world in worlds) > 100
    assert sum(bool(world.oracle.locked) for world in worlds) > 3
    at_cap = [
        world
        for world in worlds
        if any([op.command.house for op in world.oracle.operations].count(house) >= 3 for house in HOUSES)
    ]
    assert len(at_cap) > 3, "the daily cap must be met for the property to mean something"
