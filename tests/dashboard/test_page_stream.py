"""The live stream: everything to begin with, then what changes; resumed without a gap; slow readers let go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded
from tests.daemon.field import WITHIN_S, until
from tests.dashboard.page_site import Site, page_site
from tests.dashboard.stream_ear import Ear, listening

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("stream")
    async with page_site(broker, folder, decision={"mode": "hold"}, dashboard={"clients": 3}) as site:
        yield site


async def rows_until(ear: Ear, house: str, name: str, value: Any) -> dict[str, dict[str, Any]]:
    """What the events said of the houses until one of them said this."""
    said: dict[str, dict[str, Any]] = {}
    while True:
        for which, changed in (await ear.until("houses")).json["rows"]:
            said.setdefault(which, {}).update(changed)
        if said.get(house, {}).get(name) == value:
            return said


async def test_a_reader_begins_with_everything_and_then_hears_only_what_changed(site: Site) -> None:
    async with listening(site) as ear:
        everything = (await ear.until("snapshot")).json
        assert [house["id"] for house in everything["houses"]] == ["h01", "h02", "h03", "h04", "h05", "h06"]
        assert everything["status"]["mode"]["mode"] == "hold"
        site.field.meter("h04", 1234.5)
        said = await rows_until(ear, "h04", "p", 1234.5)
    assert set(said) == {"h04"}
    assert set(said["h04"]) <= {"p", "t", "v"}
    assert (await site.get("/houses/h04")).json["p"] == 1234.5


async def test_who_comes_back_misses_nothing(site: Site) -> None:
    async with listening(site) as ear:
        await ear.until("snapshot")
        site.field.meter("h05", 500.0)
        await rows_until(ear, "h05", "p", 500.0)
        last = ear.last_id
    site.field.meter("h05", 501.0)
    site.field.meter("h06", 601.0)
    await site.see("/houses/h06", lambda house: house["p"] == 601.0)
    async with listening(site, last) as ear:
        first = await ear.next()
        assert int(first.id.rpartition("-")[2]) == int(last.rpartition("-")[2]) + 1
        said = dict(first.json["rows"]) if first.kind == "houses" else {}
        while not {"h05", "h06"} <= set(said):
            said |= dict((await ear.until("houses")).json["rows"])
    assert (said["h05"]["p"], said["h06"]["p"]) == (501.0, 601.0)


@pytest.mark.parametrize("last_id", ["nonsense", "00000000-1", "-", "x-99999999999999999999"])
async def test_who_comes_back_from_elsewhere_begins_anew(site: Site, last_id: str) -> None:
    async with listening(site, last_id) as ear:
        assert (await ear.next()).kind == "snapshot"


async def test_one_page_too_many_is_told_to_come_back(site: Site) -> None:
    async with listening(site) as one, listening(site) as two, listening(site) as three:
        for ear in (one, two, three):
            await ear.until("snapshot")
        refused = await site.get("/stream")
        assert (refused.status, refused.media) == (503, "application/problem+json")
        assert refused.headers["retry-after"] == "30"
    await until(lambda: site.daemon.page_address != "", "it is still served")
    async with asyncio.timeout(WITHIN_S):
        while True:  # those who left are noticed at once, but not before they are
            async with listening(site) as ear:
                if ear.status == 200:
                    break


async def test_a_move_is_told_from_the_order_to_its_end(site: Site) -> None:
    async with listening(site) as ear:
        await ear.until("snapshot")
        assert (await site.post("/mode", {"mode": "auto"}, "operator")).status == 202
        assert (await ear.until("mode")).json == {"mode": "auto", "by": "token:operator"}
        accepted = (await site.post("/switches/h06/move", {"phase": "L1", "reason": "test"}, "operator")).json
        decision = (await ear.until("decision")).json
        assert decision["order"] == accepted["order"]
        assert decision["operator"] == "token:operator"
        states = [(await ear.until("command")).json["state"]]
        site.field.answer(await site.field.see("switch/h06/set"))
        while states[-1] not in {"acknowledged", "verified"}:
            states.append((await ear.until("command")).json["state"])
        assert states[:3] == ["planned", "sent", "acknowledged"]
        site.field.switch("h06", None, reason="stuck")
        again = (await ear.until("decision")).json
        assert (again["id"], again["outcomes"][0]["house"]) == (decision["id"], "h06")
        assert again["outcomes"][0]["state"] == "failed"
    assert (await site.get(f"/decisions/{decision['id']}")).json["outcomes"] == again["outcomes"]


async def test_a_reader_that_does_not_read_is_let_go_and_control_goes_on(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.dashboard.stream.response.PATIENCE_S", 0.5)
    many = [{"id": f"h{n:02d}", "phase": "L1"} for n in range(1, 7)] + [
        {"id": f"x{n:03d}", "phase": "L2"} for n in range(400)
    ]
    async with page_site(broker, tmp_path, houses=many, whole=False, decision={"min_coverage": 0}) as site:
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect((site.host, site.port))
        stuck.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode())
        async with listening(site) as ear:
            await ear.until("snapshot")
            await until(lambda: site.page["clients"] == 2, "both are counted")
            flood = asyncio.create_task(keep_changing(site))
            try:
                await until(lambda: site.page["dropped"] == 1, "the stuck one is let go")
            finally:
                flood.cancel()
            await ear.until("feeder")
            assert (await site.post("/switches/h01/move", {"phase": "L3"}, "operator")).status == 202
            await site.field.see("switch/h01/set")
            assert await recorded(site.database, EventKind.SENT)
        stuck.close()


async def keep_changing(site: Site) -> None:
    """Every house says something new ten times a second."""
    number = 0
    while True:
        number += 1
        for n in range(400):
            site.field.meter(f"x{n:03d}", float(number % 50))
        await asyncio.sleep(0.1)
