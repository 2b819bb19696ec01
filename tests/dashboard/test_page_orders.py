"""Orders by the API: they wait in line with those of MQTT, the guard judges them, and the trail says who gave them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded, trail
from tests.dashboard.page_site import Site, page_site
from tests.dashboard.stream_ear import listening

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

pytestmark = pytest.mark.asyncio(loop_scope="module")
CONTACT = ({"name": "anna", "ways": [{"channel": "email", "to": "anna@example.org"}]},)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("orders")
    three = [{"id": f"h{n:02d}", "phase": f"L{(n - 1) % 3 + 1}"} for n in range(1, 7)]
    three.append({"id": "h07", "three_phase": True})  # type: ignore[dict-item]
    async with page_site(broker, folder, houses=three, whole=False) as site:
        yield site


def said(site: Site, kind: EventKind, order: str) -> dict[str, Any]:
    """The body of the row that bears an order's id."""
    found = [event.body for event in trail(site.database, kind) if event.body.get("order") == order]
    assert len(found) == 1, f"{len(found)} rows of kind {kind} with the order"
    return found[0]


async def accepted(site: Site, path: str, body: Any, role: str) -> str:
    reply = await site.post(path, body, role)
    assert reply.status == 202, reply.body
    assert reply.json["accepted"] is True
    return str(reply.json["order"])


async def test_the_mode_is_set_and_the_trail_says_who_and_why(site: Site) -> None:
    order = await accepted(site, "/mode", {"mode": "hold", "reason": "work on L1"}, "operator")
    await site.field.see("mode", lambda m: m.json == {"mode": "hold", "by": "token:operator"})
    await recorded(site.database, EventKind.MODE)
    expected = {"mode": "hold", "by": "token:operator", "reason": "work on L1", "order": order}
    assert said(site, EventKind.MODE, order) == expected
    assert (await site.see("/status", lambda status: status["mode"]["mode"] == "hold"))["mode"][
        "by"
    ] == "token:operator"
    again = await accepted(site, "/mode", {"mode": "hold"}, "admin")
    await recorded(site.database, EventKind.MODE, 2)
    assert said(site, EventKind.MODE, again)["by"] == "token:admin", "also what changes nothing is on record"
    await accepted(site, "/mode", {"mode": "auto"}, "operator")
    await site.field.see("mode", lambda m: m.json["mode"] == "auto")


async def test_a_move_is_asked_for_judged_and_commanded(site: Site) -> None:
    order = await accepted(site, "/switches/h02/move", {"phase": "L3", "reason": "see\nthe meter"}, "operator")
    command = await site.field.see("switch/h02/set")
    assert command.json["phase"] == "L3"
    body = said(site, EventKind.REQUEST, order)
    assert (body["operator"], body["reason"]) == ("token:operator", "see the meter")
    decision = said(site, EventKind.DECISION, order)
    assert (decision["trigger"], decision["commanded"]) == ("request", True)
    site.field.answer(command)


async def test_what_the_guard_forbids_is_told_with_its_reason_and_not_commanded(site: Site) -> None:
    order = await accepted(site, "/switches/h03/move", {"phase": "L3"}, "operator")
    page = await site.see("/decisions", lambda page: page["items"] and page["items"][0]["order"] == order)
    decision = page["items"][0]
    assert (decision["moves"], decision["commanded"]) == ([], False)
    assert decision["vetoes"][0]["reason"] == "already_there"
    assert decision["vetoes"][0]["text"]
    assert not site.field.said("switch/h03/set")


async def test_a_locked_house_is_released_by_name(site: Site) -> None:
    assert (await site.post("/switches/h05/clear", {"reason": "looked"}, "admin")).status == 409
    site.field.switch("h05", None, reason="stuck")
    await site.see("/houses/h05", lambda house: house["locked"])
    assert (await site.post("/switches/h05/clear", {"reason": "looked"}, "operator")).status == 403
    assert (await site.post("/switches/h05/clear", {"reason": " \n "}, "admin")).status == 422
    order = await accepted(site, "/switches/h05/clear", {"reason": "contactor replaced"}, "admin")
    await site.see("/houses/h05", lambda house: house["locked"] is None)
    body = said(site, EventKind.CLEARED, order)
    assert (body["operator"], body["reason"]) == ("token:admin", "contactor replaced")


async def test_an_alert_is_acknowledged_by_name(site: Site) -> None:
    site.field.switch("h06", None, reason="stuck")
    page = await site.see("/alerts", lambda alerts: any(a["key"] == "switch_locked/h06" for a in alerts["items"]))
    assert all(alert["acknowledgeable"] for alert in page["items"])
    order = await accepted(site, "/alerts/switch_locked/h06/ack", None, "operator")
    await site.see(
        "/alerts", lambda alerts: {a["key"]: a["state"] for a in alerts["items"]}["switch_locked/h06"] != "active"
    )
    assert said(site, EventKind.ALERT_ACK, order) == {
        "key": "switch_locked/h06",
        "operator": "token:operator",
        "order": order,
    }
    history = (await site.get("/alerts/history")).json["items"]
    assert [a["state"] for a in history if a["key"] == "switch_locked/h06"] == ["acknowledged", "active"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/switches/h99/move", {"phase": "L1"}, 404),
        ("/switches/h07/move", {"phase": "L1"}, 409),
        ("/switches/h01/move", {"phase": "L4"}, 422),
        ("/switches/h01/move", {"phase": "L2", "force": True}, 422),
        ("/switches/h01/move", b"{", 400),
        ("/switches/h01/move", b"\xff", 400),
        ("/switches/h01/clear", {"reason": ""}, 422),
        ("/mode", {"mode": "off"}, 422),
        ("/alerts/nothing/ack", None, 404),
        ("/silences", {"keys": "*", "minutes": 10}, 409),
        ("/silences", {"keys": "*", "minutes": 1e9}, 422),
    ],
)
async def test_what_can_never_be_done_is_refused_at_once_and_says_why(
    site: Site, path: str, body: Any, status: int
) -> None:
    reply = await site.post(path, body, "admin")
    assert (reply.status, reply.media) == (status, "application/problem+json"), reply.body
    assert reply.json["status"] == status
    assert len(reply.json["detail"]) > 10


async def test_a_body_that_is_not_json_by_its_name_is_not_read(site: Site) -> None:
    reply = await site.post("/mode", b"mode=auto", "admin", Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 415


async def test_a_silence_is_recorded_told_in_the_stream_and_reaches_those_who_tell(
    broker: Broker, tmp_path: Path
) -> None:
    mail = {"email": {"host": "127.0.0.1", "port": 9, "sender": "eb@example.org", "security": "none"}}
    async with page_site(broker, tmp_path, contacts=CONTACT, channels=mail) as site:
        async with listening(site) as ear:
            assert (await ear.until("snapshot")).json["silences"] == []
            await accepted(site, "/silences", {"keys": "stale_*", "minutes": 30}, "operator")
            told = (await ear.until("silences")).json["silences"]
            assert [(one["keys"], one["by"]) for one in told] == [("stale_*", "token:operator")]
            await accepted(site, "/silences", {"keys": "stale_*", "minutes": 0}, "operator")
            assert (await ear.until("silences")).json == {"silences": []}
            order = await accepted(site, "/silences", {"keys": "stale_*", "minutes": 30}, "operator")
        alerts = await site.see("/alerts", lambda alerts: alerts["silences"])
        assert (alerts["silences"][0]["keys"], alerts["silences"][0]["by"]) == ("stale_*", "token:operator")
        await recorded(site.database, EventKind.SILENCE, 3)
        body = said(site, EventKind.SILENCE, order)
    assert body == {"keys": "stale_*", "minutes": 30.0, "operator": "token:operator", "order": order}


async def test_without_automatic_moves_an_order_alone_moves_a_house(broker: Broker, tmp_path: Path) -> None:
    """So a technician tests the switches one by one on a feeder that gives every reason to move others."""
    skewed = (6000.0, 200.0, 200.0, 6000.0, 200.0, 200.0)
    async with page_site(broker, tmp_path, loads=skewed, decision={"automatic": False}) as site:
        page = await site.see("/decisions", lambda page: page["items"])
        assert (page["items"][0]["trigger"], page["items"][0]["commanded"]) == ("imbalance", False)
        assert page["items"][0]["moves"], "it says what it would do"
        order = await accepted(site, "/switches/h02/move", {"phase": "L3"}, "operator")
        command = await site.field.see("switch/h02/set")
        assert said(site, EventKind.DECISION, order)["commanded"] is True
        site.field.answer(command)
        await site.see("/houses/h02", lambda house: house["phase"] == "L3")
        steps = (await site.get("/commissioning")).json["items"]
        assert {step["key"]: step["state"] for step in steps}["mode"] == "open"
        assert not [name for name in ("h01", "h03", "h04", "h05", "h06") if site.field.said(f"switch/{name}/set")]


async def test_an_order_that_was_taken_in_the_last_turn_is_carried_out(broker: Broker, tmp_path: Path) -> None:
    """The turn waits for its record while the order comes and the controller is stopped."""
    async with page_site(broker, tmp_path) as site:
        daemon, waits, leave = site.daemon, asyncio.Event(), asyncio.Event()
        turn = daemon._cycle

        async def long_turn(most_requests: int | None = None) -> None:
            await turn(most_requests)
            if not waits.is_set():
                waits.set()
                await leave.wait()

        daemon._cycle = long_turn  # type: ignore[method-assign]
        await waits.wait()
        order = await accepted(site, "/mode", {"mode": "hold"}, "operator")
        assert daemon._showing is not None
        stopped = daemon._showing.take_no_more

        def stop() -> None:
            stopped()
            leave.set()

        daemon._showing.take_no_more = stop  # type: ignore[method-assign]
    assert said(site, EventKind.MODE, order)["by"] == "token:operator"
