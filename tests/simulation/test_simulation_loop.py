"""The engine on the twin: repeatable, never above its caps, and wary of switches and meters that misbehave."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from edge_balancer.simulation.loop import Loop
from edge_balancer.simulation.report import operations_csv, series_csv, summary, summary_json, table, troubles_csv
from edge_balancer.simulation.simulate import NONE, OURS, Result
from edge_balancer.simulation.world import build
from edge_balancer.twin.devices.switches import Fault
from edge_balancer.types.events import EventKind
from edge_balancer.types.ports import Outputs
from tests.simulation.small import run, scenario

EAGER = {"decision": {"operations_per_house_day": 6.0, "max_operations_per_house_day": 8}}


@pytest.fixture(scope="module")
def result() -> Result:
    return run(scenario(controller=EAGER))


def test_it_moves_houses_and_the_neutral_is_better_for_it(result: Result) -> None:
    seen = summary(result)
    assert seen["conduct"]["operations"] >= 6
    ours, none = seen["controllers"][OURS], seen["controllers"][NONE]
    assert ours["neutral_mean_a"] < 0.9 * none["neutral_mean_a"]
    assert ours["pv_kwh"] + ours["pv_lost_kwh"] == pytest.approx(none["pv_kwh"], rel=1e-6)
    assert ours["pv_lost_kwh"] > 0.0
    assert none["pv_lost_kwh"] == pytest.approx(0.0, abs=1e-9)


def test_promises_are_kept_and_good_switches_are_where_they_are_believed(result: Result) -> None:
    conduct = summary(result)["conduct"]
    assert conduct["commands"] == conduct["operations"]
    kept = ("failed", "lock_outs", "cap_violations", "dwell_violations", "oscillations", "wrong_position_house_h")
    assert {name: conduct[name] for name in kept} == dict.fromkeys(kept, 0)


def test_energy_is_kept_over_the_whole_run(result: Result) -> None:
    for name, outcome in result.outcomes.items():
        f = outcome.figures()
        assert f.source_kwh == pytest.approx(f.net_kwh + f.loss_kwh, rel=1e-6), name
    ours, none = (result.outcomes[name].figures() for name in (OURS, NONE))
    # Appliances lose nothing but the dead time and what waits; the roofs' loss is drawn from the grid.
    assert ours.net_kwh - ours.pv_lost_kwh == pytest.approx(none.net_kwh, abs=0.5)


def test_the_same_scenario_gives_the_same_bytes(result: Result) -> None:
    again = run(scenario(controller=EAGER))
    for text in (summary_json, operations_csv, series_csv, table):
        assert text(again) == text(result)


def test_a_controller_that_holds_leaves_the_feeder_as_it_is() -> None:
    held = run(scenario(controller={"decision": {"mode": "hold"}}))
    ours, none = (dataclasses.asdict(held.outcomes[name].figures()) for name in (OURS, NONE))
    assert ours == pytest.approx(none, rel=1e-6)
    assert summary(held)["conduct"]["commands"] == 0


def test_without_readings_nothing_moves() -> None:
    silent = run(scenario(controller=EAGER, meters={"loss": 1.0}))
    assert summary(silent)["conduct"]["commands"] == 0
    assert silent.readings_lost > 1000


def test_meters_whose_clocks_are_wrong_are_refused_and_the_report_says_so() -> None:
    ahead = run(scenario(controller=EAGER, meters={"clock_offset_s": 900.0, "clock_set_h": 0.5}))
    conduct = summary(ahead)["conduct"]
    assert conduct["readings_refused"] > 500
    assert conduct["blind_h"] > 12.0
    said = table(ahead)
    assert "readings, history included, were refused for their time stamps" in said
    assert "future_s = 30" in said
    assert "had a fresh reading, so nothing was moved" in said


def test_a_switch_that_lies_is_doubted_by_its_voltage_and_repaired() -> None:
    what = scenario(
        feeder={"houses": 12},
        meters={"period_s": 60.0, "transformer": True},
        run={"history_days": 0, "days": 3, "seed": 3},
        switches={"repair_h": 6.0},
    )
    loop = Loop(build(what))
    liars = list(loop.switches.phases)[:2]
    for house in liars:
        loop.switches.damage(house, Fault.LYING)
    result = run(what, loop)
    conduct = summary(result)["conduct"]
    assert (conduct["doubts"], conduct["doubts_wrong"]) == (2, 0)
    assert 6.0 < conduct["doubt_after_h_mean"] < 24.0
    # A technician came: from then on they are where they are believed.
    assert all(loop.switches.faults.get(house) is None for house in liars)
    assert conduct["wrong_position_house_h"] < 2 * 24.0
    assert "2 records doubted rightly (after" in table(result)
    assert troubles_csv(result).count("doubted,it was elsewhere") == 2


def test_hours_in_which_a_gateway_is_out_are_told_with_the_transformers_meter_and_without() -> None:
    out = {"period_s": 60.0, "gateway_outages_per_day": 6.0, "gateway_outage_s": 7200.0}
    told = [
        summary(run(scenario(meters={**out, "transformer": metered}, run={"seed": 2})))["conduct"]["blind_h"]
        for metered in (False, True)
    ]
    assert told[0] > 1.0
    assert told[0] == pytest.approx(told[1], abs=0.05)


def test_a_stuck_switch_is_locked_out_after_one_command_and_works_again_when_it_is_repaired() -> None:
    what = scenario(controller=EAGER, switches={"repair_h": 3.0})
    loop = Loop(build(what))
    for house in loop.switches.phases:
        loop.switches.damage(house, Fault.STUCK)
    story: list[tuple[str, str]] = []

    def watch(now: float, outputs: Outputs) -> None:
        kinds = (EventKind.PLANNED, EventKind.LOCKED, EventKind.CLEARED)
        story.extend((event.house, str(event.kind)) for event in outputs.events if event.kind in kinds)

    loop.watch = watch
    stuck = run(what, loop)
    for house in {house for house, _ in story}:
        own = [kind for who, kind in story if who == house]
        # Not once is a house commanded between its lock-out and its release.
        assert own[:2] == ["planned", "locked"]
        for before, after in itertools.pairwise(own):
            assert (before, after) != ("locked", "planned")
    conduct = summary(stuck)["conduct"]
    assert conduct["lock_outs"] >= 3
    assert conduct["failed"] == conduct["lock_outs"]
    assert conduct["operations"] > 0  # after the repair
    assert "locked,it reports failed at" in troubles_csv(stuck)


def test_a_lying_switch_is_noticed_where_meters_can_tell() -> None:
    """Quick meters at the houses and at the transformer: it shows that the load stayed where it was. Until one is big
    enough to stand out, moves are believed for want of better, but none is taken for proven."""
    busy = {"operations_per_house_day": 8.0, "max_operations_per_house_day": 12, "dwell_s": 900.0}
    what = scenario(
        controller={"decision": busy},
        feeder={"houses": 12},
        meters={"period_s": 10.0, "transformer": True, "transformer_period_s": 10.0, "delay_s": 0.2},
        run={"burst_s": 10.0, "start": "2025-01-06", "seed": 2},
        people={"ev_share": 1.0},
    )
    loop = Loop(build(what))
    for house in loop.switches.phases:
        loop.switches.damage(house, Fault.LYING)

    class Noticed(Exception):  # noqa: N818
        pass

    def watch(now: float, outputs: Outputs) -> None:
        for event in outputs.events:
            assert event.body.get("strength") != "agrees"
            if event.kind is EventKind.LOCKED:
                raise Noticed(event.body["reason"])

    loop.watch = watch
    with pytest.raises(Noticed, match="its switch reports done, but"):
        run(what, loop)
