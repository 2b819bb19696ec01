"""What the onlooker makes of messages and of the twin's truth, and how both views show it."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from rich.console import Console

from edge_balancer.demo.gains import Gains
from edge_balancer.demo.lines import LineView
from edge_balancer.demo.live import LiveView, bar, sparkline
from edge_balancer.demo.watch import HISTORY_STEP_S, Watch
from edge_balancer.twin.feeder import Truth
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode

BASE = "phase-balance/demo"
WALL = 1_750_000_200.0 // 600.0 * 600.0
PHASE = PhaseState(p=1000.0, q=100.0, i=4.4, v_min=228.4, v_mean=230.0, v_max=233.3, houses=4, export_w=0.0)
FEEDER = FeederState(
    t=WALL, l1=PHASE, l2=PHASE, l3=PHASE, i_n=7.0, imbalance=3.0, coverage=1.0, mode=Mode.AUTO, houses_fresh=54,
    houses_total=55,
)  # fmt: skip


def truth(wall: float = WALL, balanced: complex = 10 + 0j, without: complex = 0 + 40j) -> Truth:
    nothing = np.zeros(3)
    return Truth(
        wall=wall,
        p=nothing,
        q=nothing,
        v=nothing,
        phases=np.arange(3),
        load_w=np.array([5000.0, 4000.0, 3000.0]),
        solar_w=np.array([9000.0, 0.0, 1000.0]),
        bus_p=nothing,
        bus_q=nothing,
        bus_v=nothing.astype(np.complex128),
        bus_i=nothing.astype(np.complex128),
        neutral=balanced,
        neutral_without=without,
    )


def told() -> Watch:
    """A watch that has heard one of everything."""
    watch = Watch(BASE)
    watch.see(truth())
    watch.hear(f"{BASE}/phases", msgspec.json.encode(FEEDER), WALL)
    watch.hear(f"{BASE}/decision", b'{"text": "Move h1 L1->L3: because", "commanded": true, "id": 3}', WALL)
    watch.hear(f"{BASE}/decision", b'{"text": "Move h2 L1->L3: perhaps", "commanded": false}', WALL + 60)
    watch.hear(f"{BASE}/switch/h1/state", b'{"phase": null, "result": "failed", "reason": "stuck"}', WALL + 120)
    watch.hear(f"{BASE}/alert/switch_locked/h1", b'{"text": "h1 is locked", "since": 5, "severity": "x"}', WALL + 180)
    return watch


def test_it_keeps_what_it_hears() -> None:
    watch = told()
    assert watch.online
    assert (watch.decisions, watch.failures, watch.refusals, watch.unread) == (2, 1, 0, 0)
    assert [note.kind for note in watch.notes] == ["move", "move", "failure", "alert"]
    assert watch.alerts == {"switch_locked/h1": "h1 is locked"}
    assert watch.positions == {"h1": None}


def test_an_alert_told_again_is_one_episode_and_an_empty_payload_ends_it() -> None:
    watch = told()
    watch.hear(f"{BASE}/alert/switch_locked/h1", b'{"text": "h1 is locked, still", "since": 5}', WALL)
    assert watch.alert_texts == ["h1 is locked"]
    watch.hear(f"{BASE}/alert/switch_locked/h1", b"", WALL)
    assert watch.alerts == {}
    assert watch.notes[-1].kind == "cleared"
    watch.hear(f"{BASE}/alert/switch_locked/h1", b'{"text": "again", "since": 9}', WALL)
    assert watch.alert_texts == ["h1 is locked", "again"]


@pytest.mark.parametrize("topic", ["phases", "decision", "switch/h1/state", "alert/x"])
@pytest.mark.parametrize("payload", [b"{", b"[]", b'{"text": 5, "phase": 5, "t": "x"}'])
def test_what_cannot_be_read_is_counted_only(topic: str, payload: bytes) -> None:
    watch = Watch(BASE)
    watch.hear(f"{BASE}/{topic}", payload, WALL)
    assert watch.unread == 1
    assert not watch.notes


def test_the_history_holds_means_of_its_steps() -> None:
    watch = Watch(BASE)
    start = WALL // HISTORY_STEP_S * HISTORY_STEP_S
    for k, amps in enumerate((10, 20, 30, 60)):
        watch.see(truth(start + k * HISTORY_STEP_S / 2, balanced=amps + 0j))
    watch.see(truth(start + 2 * HISTORY_STEP_S))
    assert list(watch.balanced_a) == [15.0, 45.0]
    assert list(watch.without_a) == [40.0, 40.0]


def test_lines_tell_each_event_once_and_the_state_every_ten_minutes() -> None:
    watch, out = told(), io.StringIO()
    view = LineView(watch, 1.0, out)
    view.refresh()
    first = out.getvalue().splitlines()
    assert len(first) == 5
    assert "Move h1 L1->L3: because" in first[0]
    assert "(advice) Move h2" in first[1]
    assert "FAILED" in first[2]
    assert "ALERT" in first[3]
    assert "neutral  10.0 A, without moves  40.0 A" in first[4]
    assert "L1   -4.0 kW" in first[4]
    view.refresh()
    watch.see(truth(WALL + 590.0))
    view.refresh()
    watch.see(truth(WALL + 1200.0))
    view.close()
    assert len(out.getvalue().splitlines()) == 6


def test_lines_are_silent_before_the_controller_is_up() -> None:
    watch, out = Watch(BASE), io.StringIO()
    watch.see(truth())
    LineView(watch, 1.0, out).refresh()
    assert out.getvalue() == ""


@pytest.mark.parametrize("width", [60, 120])
def test_the_picture_shows_phases_neutral_moves_and_alerts(width: int) -> None:
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True)
    view = LiveView(told(), 1.0, "the demo", console)
    console.print(view.render())
    text = console.export_text()
    for part in ("the demo", "mode auto", "54 of 55", "L1", "10 A", "40 A", "Move h1 L1->L3", "Alert: h1 is locked"):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_the_picture_can_be_drawn_before_anything_is_known() -> None:
    console = Console(file=io.StringIO(), record=True, width=100, force_terminal=True)
    view = LiveView(Watch(BASE), 1.0, "the demo", console)
    view.open()
    view.refresh()
    view.close()
    assert "waiting for the controller" in console.export_text()


@pytest.mark.parametrize(
    ("value", "shown"), [(0, ""), (-5, ""), (50, "█████"), (100, "█" * 10), (300, "█" * 10), (55, "█████▌")]
)
def test_bars(value: float, shown: str) -> None:
    assert bar(value, 100, width=10) == shown


def test_sparklines() -> None:
    assert sparkline([0.0, 50.0, 100.0], 100.0) == "▁▅█"
    assert sparkline([0.0, 0.0], 0.0) == "▁▁"


def test_gains_weigh_each_look_by_its_time_and_start_with_the_controller() -> None:
    gains = Gains()
    gains.add(truth(WALL - 100, balanced=999 + 0j))
    gains.begin(WALL)
    gains.begin(WALL + 50)
    for after, balanced in ((0, 10), (90, 20), (100, 777)):
        gains.add(truth(WALL + after, balanced=balanced + 0j))
    without, with_moves = gains.figures()
    assert with_moves.mean_a == pytest.approx(11.0)
    assert with_moves.p95_a == pytest.approx(20.0)
    assert without.mean_a == pytest.approx(40.0)
    assert gains.minutes == pytest.approx(100 / 60)


def test_gains_of_nothing_are_nothing() -> None:
    without, balanced = Gains().figures()
    assert without == balanced
    assert without.mean_a == 0.0
