"""The page's pure pieces: what changed in the houses, the ring of events, readers, decisions, when a picture is due."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.dashboard.api import orders
from edge_balancer.dashboard.api.dispatch import matches
from edge_balancer.dashboard.board import Board, Counts, OrdersRefused, View
from edge_balancer.dashboard.decisions import decision_made, outcome_of, record_of
from edge_balancer.dashboard.houses import HouseTable
from edge_balancer.dashboard.look import houses_now
from edge_balancer.dashboard.picture import Painter, health
from edge_balancer.dashboard.publisher import Publisher
from edge_balancer.dashboard.recent import RecentDecisions
from edge_balancer.dashboard.stream.readers import MOST_WAITING_BYTES, Reader
from edge_balancer.dashboard.stream.ring import EventRing
from edge_balancer.dashboard.zone import site_zone, utc_offset_s
from edge_balancer.engine import Engine
from edge_balancer.types.decisions import Candidate, Decision, Move, Trigger, Veto, VetoReason
from edge_balancer.types.events import Alert, AlertState, Event, EventKind, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.readings import TRANSFORMER, Reading, ThreePhaseReading
from edge_balancer.types.switching import Mode, ModeRequest
from tests.support.configuration import make_config

WALL = 1_790_000_000.0
CONFIG = make_config(6)


def view_of(engine: Engine, now: float, **changes: Any) -> View:
    view = View(
        mono=now,
        wall=WALL + now,
        synced=True,
        started_wall=WALL,
        mode=engine.mode,
        mode_by="start",
        halted="",
        settling=False,
        advice=engine.advice,
        feeder=None,
        houses=houses_now(engine, now),
        transformer=engine.latest.fresh_transformer(now),
        alerts=(),
        silences=(),
        broker="up",
        connected=True,
        storage_fault="",
        head="",
        operations_day=0,
        operations_hour=0,
        counts=Counts(),
        operations_total={},
        refused={},
        unread={},
        strangers=(),
        doubts=(),
    )
    return msgspec.structs.replace(view, **changes)


@pytest.fixture
def engine() -> Engine:
    return Engine(CONFIG, uuid.UUID(int=1), Restored(WALL), 0.0)


def read(engine: Engine, now: float, **watts: float) -> None:
    readings = [Reading(house, now, p, 0.0, 230.0) for house, p in watts.items()]
    engine.step(now, Inputs(wall=WALL + now, readings=readings))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([h.id for h in CONFIG.houses]), st.integers(-3, 3)), max_size=6))
def test_the_rows_of_changes_add_up_to_the_whole_picture(turns: list[dict[str, int]]) -> None:
    engine = Engine(CONFIG, uuid.UUID(int=1), Restored(WALL), 0.0)
    table = HouseTable(CONFIG)
    seen: dict[str, dict[str, Any]] = {house.id: {} for house in CONFIG.houses}
    for number, watts in enumerate(({}, *turns)):
        read(engine, float(number), **{house: 100.0 * p for house, p in watts.items()})
        for name, changed in table.take(view_of(engine, float(number))):
            assert changed
            seen[name].update(changed)
    assert table.take(view_of(engine, float(len(turns)))) == []
    for house in table.all():
        whole = msgspec.to_builtins(house)
        assert seen[house.id].items() <= whole.items()


def test_the_time_of_an_old_reading_is_not_said_again_when_the_clocks_drift(engine: Engine) -> None:
    table = HouseTable(CONFIG)
    read(engine, 1.0, h01=5.0)
    table.take(view_of(engine, 1.0))
    drifted = view_of(engine, 2.0, wall=WALL + 2.4)
    assert table.take(drifted) == []
    assert table.house(0).t == WALL + 1.0


def test_the_feeder_without_moves_is_the_one_of_the_configuration(engine: Engine) -> None:
    painter = Painter(CONFIG)
    read(engine, 1.0, h01=3000.0, h02=0.0, h03=0.0, h04=3000.0, h05=0.0, h06=0.0)
    before = painter.phases(view_of(engine, 1.0))
    assert before.i_n == pytest.approx(before.unswitched.i_n)
    engine.roster.phase[0] = int(Phase.L2)
    after = painter.phases(view_of(engine, 1.0))
    assert after.i_n < after.unswitched.i_n == pytest.approx(before.i_n)
    assert (after.l1.p, after.l2.p) == (3000.0, 3000.0)
    assert after.unswitched.p == (6000.0, 0.0, 0.0)


def test_with_the_transformers_meter_what_no_house_shows_counts_in_both_pictures(engine: Engine) -> None:
    painter = Painter(CONFIG)
    read(engine, 1.0, h01=3000.0, h02=0.0, h03=0.0, h04=3000.0, h05=0.0, h06=0.0)
    engine.roster.phase[0] = int(Phase.L2)
    # 2 kW on L3 that no house's meter shows.
    measured = ThreePhaseReading(TRANSFORMER, 1.0, (3000.0, 3000.0, 2000.0), (0.0, 0.0, 0.0))
    phases = painter.phases(view_of(engine, 1.0, transformer=measured))
    assert phases.unswitched.i_n == pytest.approx((6000.0**2 + 2000.0**2 - 6000.0 * 2000.0) ** 0.5 / 230.0, rel=0.01)
    assert phases.i_n == pytest.approx(1000.0 / 230.0, rel=0.01)


def test_load_and_solar_are_the_houses_that_draw_and_those_that_feed_in(engine: Engine) -> None:
    read(engine, 1.0, h01=1000.0, h04=-400.0)
    phases = Painter(CONFIG).phases(view_of(engine, 1.0))
    assert (phases.l1.load_w, phases.l1.solar_w, phases.l1.p) == (1000.0, 400.0, 600.0)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "ok"),
        ({"mode": Mode.ADVISE}, "warn"),
        ({"halted": "switches fail"}, "warn"),
        ({"synced": False}, "warn"),
        ({"alerts": (Alert("x", Severity.INFO, AlertState.ACTIVE, 0.0, "so"),)}, "ok"),
        ({"alerts": (Alert("x", Severity.WARNING, AlertState.ACTIVE, 0.0, "so"),)}, "warn"),
        ({"alerts": (Alert("x", Severity.CRITICAL, AlertState.ACKNOWLEDGED, 0.0, "so"),)}, "fail"),
        ({"connected": False}, "fail"),
        ({"storage_fault": "disk full"}, "fail"),
    ],
)
def test_health_is_the_worst_that_is_known_and_says_why(engine: Engine, changes: dict[str, Any], level: str) -> None:
    judged = health(view_of(engine, 1.0, **changes))
    assert judged.level == level
    assert bool(judged.reasons) is (level != "ok")


def test_the_ring_gives_what_came_after_an_event_and_nothing_from_elsewhere() -> None:
    ring = EventRing("abc", most=3)
    assert ring.since("abc-0") == []
    sent = [ring.add("feeder", {"n": n}) for n in range(5)]
    assert sent[0] == b'id: abc-1\nevent: feeder\ndata: {"n":0}\n\n'
    assert ring.since("abc-5") == []
    assert ring.since("abc-3") == sent[3:]
    assert ring.since("abc-2") == sent[2:]
    for lost in ("abc-1", "abc-6", "abd-4", "4", "abc-", "abc--1", "abc-4x", ""):
        assert ring.since(lost) is None


def test_the_ring_is_bounded_by_bytes_too() -> None:
    ring = EventRing("s", most=100, most_bytes=1000)
    for _ in range(50):
        ring.add("houses", "x" * 90)
    kept = ring.since(f"s-{ring.last - 8}")
    assert kept is not None
    assert sum(map(len, kept)) <= 1000
    assert ring.since(f"s-{ring.last - 20}") is None


async def test_a_reader_gets_all_that_waits_in_one_piece_and_none_at_the_end() -> None:
    reader = Reader()
    reader.begin(b"a")
    reader.put(b"b")
    assert await reader.take() == b"ab"
    waiting = asyncio.ensure_future(reader.take())
    await asyncio.sleep(0)
    reader.put(b"c")
    assert await waiting == b"c"
    reader.close()
    assert await reader.take() is None
    assert not reader.slow


async def test_a_reader_for_whom_too_much_waits_is_slow_and_let_go() -> None:
    reader = Reader()
    reader.begin(b"x" * (2 * MOST_WAITING_BYTES))
    reader.put(b"fits")
    assert reader.is_open, "however large the beginning"
    reader.put(b"x" * MOST_WAITING_BYTES)
    assert reader.slow
    assert await reader.take() is None


def decided(**changes: Any) -> Decision:
    move = Move("h01", Phase.L1, Phase.L2)
    decision = Decision(
        id="d",
        at=1.0,
        wall=WALL,
        trigger=Trigger.IMBALANCE,
        trigger_value=10.0,
        trigger_limit=1.0,
        moves=(move,),
        commanded=True,
        neutral_before_a=10.0,
        neutral_after_a=1.0,
        gain=5.0,
        price=1.0,
        phase_p=(1.0, 2.0, 3.0),
        phase_v_max=(230.0, None, 231.0),
        coverage=1.0,
        candidates=(Candidate(move, 5.0, 1.0),),
        vetoes=(Veto(Move("h02", Phase.L2, Phase.L3), VetoReason.DWELL, 10.0, 900.0),),
        blocks=(),
        advice="survival blend",
        text="Move h01",
    )
    return msgspec.structs.replace(decision, **changes)


def test_a_decision_on_the_wire_has_its_vetoes_in_words() -> None:
    made = decision_made(record_of(decided()), ())
    assert (made.moves[0].origin, made.moves[0].target) == ("L1", "L2")
    assert made.phase_v_max == (230.0, None, 231.0)
    assert "900" in made.vetoes[0].text
    older = record_of(decided())
    del older["order"]
    assert decision_made(older, ()).order == "", "as it was recorded before orders had ids"


def test_a_record_of_another_version_does_not_hide_the_others() -> None:
    newer = {**record_of(decided(id="newer")), "trigger": "a reason that is not known yet"}
    recent = RecentDecisions()
    recent.seed([({"id": "older"}, []), (record_of(decided()), []), (newer, [])])
    assert [made.id for made in recent.latest()] == ["d"]


def step_of(kind: EventKind, mono: float, **body: Any) -> Event:
    return Event(kind, mono, WALL + mono, True, "h01", "c", body)


PLAN, SENT = step_of(EventKind.PLANNED, 1.0, decision="d"), step_of(EventKind.SENT, 1.1)


@pytest.mark.parametrize(
    ("events", "state", "took_s"),
    [
        ([PLAN], "planned", None),
        ([PLAN, SENT], "sent", None),
        ([PLAN, SENT, step_of(EventKind.ACKNOWLEDGED, 2.0, result="done")], "acknowledged", None),
        ([PLAN, SENT, step_of(EventKind.VERIFIED, 9.0)], "verified", 8.0),
        ([PLAN, step_of(EventKind.FAILED, 1.2, sent=False, reason="gone")], "not_sent", None),
        ([PLAN, SENT, step_of(EventKind.FAILED, 3.0, result="rejected", reason="dwell")], "rejected", 2.0),
        ([PLAN, SENT, step_of(EventKind.TIMED_OUT, 31.0)], "timed_out", 30.0),
        ([PLAN, SENT, step_of(EventKind.FAILED, 3.0), step_of(EventKind.LOCKED, 3.0, reason="x")], "failed", 2.0),
    ],
)
def test_what_became_of_a_move(events: list[Event], state: str, took_s: float | None) -> None:
    outcome = outcome_of(events)
    assert outcome is not None
    assert (outcome.state, outcome.took_s) == (state, took_s)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [("", False), ("*", True), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ('"b"', False), ("a", False)],
)
def test_etags_are_compared_weakly(wanted: str, fits: bool) -> None:
    assert matches(wanted, '"a"') is fits


def nobody(*_: object) -> Any:
    """Stands for what a test does not ask for."""


async def test_a_picture_is_made_at_once_then_at_most_ten_a_second_and_none_is_held_back() -> None:
    board, made = Board(), list[int]()

    def count() -> Any:
        made.append(1)

    publisher = Publisher(board, count, nobody, nobody)
    board.watch(1)
    for _ in range(50):
        publisher.turn(Outputs())
    assert len(made) == 1
    rung = asyncio.Event()
    board.on_change(rung.set)
    await asyncio.wait_for(rung.wait(), 30.0)
    assert len(made) == 2, "what came after the first picture is shown without another turn"
    publisher.close()


async def test_an_order_that_the_control_loop_refuses_or_nobody_takes_says_so() -> None:
    board = Board()
    with pytest.raises(OrdersRefused, match="starting or stopping"):
        _ = board.control

    def full(_: object) -> None:
        raise OrdersRefused("too many wait")

    publisher = Publisher(board, nobody, full, nobody)
    with pytest.raises(OrdersRefused, match="too many"):
        await asyncio.wrap_future(await asyncio.to_thread(board.control.submit, ModeRequest(Mode.HOLD, "me")))
    publisher.close()
    with pytest.raises(OrdersRefused):
        _ = board.control


async def test_an_order_that_comes_when_the_control_loop_has_ended_is_refused_and_not_just_kept() -> None:
    board, taken = Board(), list[object]()
    publisher = Publisher(board, nobody, taken.append, nobody)
    asked = board.control.submit(ModeRequest(Mode.HOLD, "me"))
    publisher.take_no_more()
    with pytest.raises(OrdersRefused, match="stopped"):
        await asyncio.wrap_future(asked)
    assert taken == []
    publisher.close()


async def test_an_order_that_was_given_up_is_not_carried_out() -> None:
    board, taken = Board(), list[object]()
    publisher = Publisher(board, nobody, taken.append, nobody)
    asked = board.control.submit(ModeRequest(Mode.HOLD, "me"))
    asked.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken == []
    publisher.close()


async def test_an_order_in_hand_when_patience_ends_is_not_said_to_be_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "ANSWER_S", 0.01)
    waiting: Future[None] = Future()
    with pytest.raises(TimeoutError):
        await orders._taken(waiting)
    assert waiting.cancelled()
    in_hand: Future[None] = Future()
    assert in_hand.set_running_or_notify_cancel()
    asyncio.get_running_loop().call_later(0.1, in_hand.set_result, None)
    await orders._taken(in_hand)


@pytest.mark.parametrize(
    ("configured", "zone", "offset_s"), [("Europe/Berlin", "Europe/Berlin", 7200.0), ("Etc/GMT-2", "Etc/GMT-2", 7200.0)]
)
def test_the_sites_zone_has_a_name_that_browsers_know(configured: str, zone: str, offset_s: float) -> None:
    summer = 1_781_000_000.0
    assert site_zone(configured) == zone
    assert utc_offset_s(zone, summer) == offset_s
    assert site_zone("Nowhere/At_all") == site_zone("")
