"""The page's files, tables as files, and pages of lists: types, ETags, what is cut off, what is not served."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from edge_balancer.dashboard.past import exports
from edge_balancer.dashboard.past.exports import MOST_EXPORTS, Pipe
from edge_balancer.dashboard.static import PAGE
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.export import EXPORTS
from edge_balancer.storage.sinks import write_table
from edge_balancer.storage.store import Store
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.events import EventKind
from edge_balancer.types.snapshot import MinuteMean
from tests.daemon.daemon_cases import recorded
from tests.daemon.field import WITHIN_S, until
from tests.dashboard.page_site import Site, page_site

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("files")
    async with page_site(broker, folder, switching={"max_in_flight": 3}) as site:
        for house, phase in (("h01", "L2"), ("h02", "L3"), ("h03", "L1")):
            assert (await site.post(f"/switches/{house}/move", {"phase": phase}, "operator")).status == 202
            site.field.answer(await site.field.see(f"switch/{house}/set"))
        await recorded(site.database, EventKind.ACKNOWLEDGED, 3)
        yield site


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/", "text/html"),
        *((f"/static/{file.relative_to(PAGE)}", "text/javascript") for file in sorted(PAGE.rglob("*.js"))[:3]),
        *((f"/static/{file.relative_to(PAGE)}", "text/css") for file in sorted(PAGE.rglob("*.css"))[:2]),
    ],
)
async def test_a_file_has_its_type_and_is_sent_once(site: Site, path: str, media: str) -> None:
    first = await site.ask("GET", path)
    assert (first.status, first.media) == (200, media)
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-cache"
    again = await site.ask("GET", path, If_None_Match=f'"other", W/{first.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert (await site.ask("HEAD", path)).body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/static/../static.py",
        "/static/%2e%2e/static.py",
        "/static/..%2fstatic.py",
        "/static//etc/passwd",
        "/static/vendor/uPlot/README.md",
        "/static/",
        "/static/nothing.js",
        "/static/" + "x" * 300 + ".js",
        "/static/a%00.js",
        "/nothing",
        "/api/v1/nothing",
    ],
)
async def test_nothing_else_is_served(site: Site, path: str) -> None:
    reply = await site.ask("GET", path)
    assert (reply.status, reply.media) == (404, "application/problem+json")


async def test_a_wrong_method_is_told_which_are_right(site: Site) -> None:
    reply = await site.ask("POST", "/api/v1/status", {}, "admin")
    assert (reply.status, reply.media) == (405, "application/problem+json")
    assert set(reply.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("what", sorted(EXPORTS))
@pytest.mark.parametrize("form", ["csv", "json"])
async def test_an_export_is_what_the_command_writes(site: Site, what: str, form: str) -> None:
    reply = await site.get(f"/export?what={what}&format={form}")
    assert (reply.status, reply.media) == (200, {"csv": "text/csv", "json": "application/json"}[form])
    assert reply.headers["content-disposition"].startswith(f'attachment; filename="feeder-{what}-20')
    expected = io.BytesIO()
    export = EXPORTS[what]  # type: ignore[index]
    with open_reader(site.database) as connection:
        write_table(export.columns, export.rows(connection, Timespan()), form, expected)  # type: ignore[arg-type]
    assert reply.body == expected.getvalue()
    rows = list(csv.DictReader(io.StringIO(reply.body.decode()))) if form == "csv" else json.loads(reply.body)
    assert len(rows) >= (3 if what in {"switches", "trail"} else 0)


async def test_exports_that_nobody_fetches_leave_room_for_others(site: Site) -> None:
    for _ in range(5):
        assert (await site.get("/export?what=trail")).status == 200
    assert (await site.get("/export?what=trail&from=5&to=4")).status == 400
    assert (await site.get("/export?what=switches&from=99999999999")).body.count(b"\n") == 1


def fill(database: Path) -> int:
    """A store of which an export has megabytes; gives the number of rows."""
    with Store.open(database, StorageSettings()) as store:
        minutes = [
            MinuteMean(60 * k, f"x{n:03d}", 0, 1.0, 0.0, 230.0, 230.0, 230.0, 6) for k in range(200) for n in range(200)
        ]
        store.write_minutes(minutes, [])
    return len(minutes)


@pytest.mark.parametrize("bound", ["_STUCK_S", "_LONGEST_S"])
async def test_an_export_whose_reader_rests_for_too_long_is_cut_off_and_leaves_room(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    fill(tmp_path / "eb.db")
    ended, break_off = asyncio.Event(), Pipe.break_off
    here = asyncio.get_running_loop()

    def told(pipe: Pipe) -> None:
        break_off(pipe)
        here.call_soon_threadsafe(ended.set)

    monkeypatch.setattr(Pipe, "break_off", told)
    async with page_site(broker, tmp_path) as site:
        monkeypatch.setattr(exports, bound, 2.0)
        for _ in range(MOST_EXPORTS):
            ended.clear()
            with socket.socket() as small:
                small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                small.setblocking(False)
                await asyncio.get_running_loop().sock_connect(small, (site.host, site.port))
                reader, writer = await asyncio.open_connection(sock=small, limit=4096)
                host = f"Host: {site.host}:{site.port}"
                writer.write(f"GET /api/v1/export?what=telemetry HTTP/1.1\r\n{host}\r\n\r\n".encode())
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                if bound == "_STUCK_S":
                    await asyncio.wait_for(ended.wait(), WITHIN_S)
                    rest = await asyncio.wait_for(reader.read(), WITHIN_S)
                else:
                    # Slowly, but never for so long that it would pass for gone.
                    rest = b""
                    while piece := await asyncio.wait_for(reader.read(4096), WITHIN_S):
                        rest += piece
                        if not ended.is_set():
                            await asyncio.sleep(0.05)
                assert not rest.endswith(b"0\r\n\r\n"), "half a file must not pass for a whole one"
                writer.close()
        monkeypatch.undo()
        async with asyncio.timeout(WITHIN_S):
            while (whole := await site.get("/export?what=telemetry")).status != 200:
                assert whole.status == 503
        assert whole.body.count(b"\n") > 1000
        assert site.page["errors"] == 0


async def test_an_export_that_is_broken_off_leaves_nothing_behind(broker: Broker, tmp_path: Path) -> None:
    rows = fill(tmp_path / "eb.db")
    async with page_site(broker, tmp_path) as site:
        for _ in range(2 * MOST_EXPORTS):
            reader, writer = await asyncio.open_connection(site.host, site.port)
            writer.write(
                f"GET /api/v1/export?what=telemetry HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode()
            )
            assert (await reader.readline()).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
            writer.transport.abort()
        async with asyncio.timeout(WITHIN_S):
            while (whole := await site.get("/export?what=telemetry")).status != 200:
                assert whole.status == 503
        assert whole.body.count(b"\n") > rows
        assert site.page["errors"] == 0


async def test_lists_are_read_page_by_page_to_their_end(site: Site) -> None:
    seen, path = [], "/decisions?limit=1"
    while True:
        page = (await site.get(path)).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"/decisions?limit=1&before={page['next']}"
    whole = (await site.get("/decisions")).json
    assert seen == [item["id"] for item in whole["items"]]
    assert len(seen) >= 3
    houses, path = [], "/houses?limit=4"
    while path:
        page = (await site.get(path)).json
        houses += [house["id"] for house in page["items"]]
        path = f"/houses?limit=4&cursor={page['next']}" if page["next"] else ""
    assert houses == [f"h{n:02d}" for n in range(1, 7)]


@pytest.mark.parametrize(
    "path",
    [
        "/houses?cursor=h99",
        "/decisions?before=h99",
        "/decisions?before=null",
        "/alerts/history?before=-1",
        "/alerts/history?before=NULL",
        "/history/feeder?to=null",
    ],
)
async def test_a_cursor_that_no_page_gave_is_refused_and_ends_no_list(site: Site, path: str) -> None:
    reply = await site.get(path)
    assert (reply.status, reply.media) == (400, "application/problem+json")
    name = path.partition("?")[2].partition("=")[0]
    assert name in reply.json["detail"]


async def test_what_has_not_changed_is_not_sent_again(site: Site) -> None:
    first = await site.get("/houses")
    again = await site.get("/houses", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    site.field.meter("h01", 4321.0)
    await site.see("/houses/h01", lambda house: house["p"] == 4321.0)
    changed = await site.get("/houses", If_None_Match=first.headers["etag"])
    assert changed.status == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_the_house_shows_its_last_hour_and_its_moves(site: Site) -> None:
    house = (await site.get("/houses/h01")).json
    assert [(move["from"], move["to"]) for move in house["moves"]] == [("L1", "L2")]
    assert house["recent"]["step_s"] >= 10.0
    assert len(house["recent"]["t"]) == len(house["recent"]["p"]) >= 1
    assert house["phase"] == "L2"
    assert house["configured_phase"] == "L1"


async def test_the_checklist_says_what_is_still_to_be_done(site: Site) -> None:
    site.field.say("meter/h77", {"p": 1.0}, qos=0)
    await site.see("/meters/unknown", lambda page: [item["id"] for item in page["items"]] == ["h77"])
    steps = {step["key"]: step for step in (await site.get("/commissioning")).json["items"]}
    assert steps["broker"]["state"] == steps["meters"]["state"] == steps["switches"]["state"] == "done"
    assert steps["strangers"] == {
        "key": "strangers",
        "state": "warn",
        "text": "Every meter that speaks is configured",
        "detail": "h77: speak and are not configured",
    }
    assert steps["tested"]["state"] == "open"
    assert "h04" in steps["tested"]["detail"]
    assert "one by one" in steps["tested"]["detail"]
    assert (await site.get("/identification")).json == {"watching": True, "items": []}


async def test_requests_are_counted(site: Site) -> None:
    before = site.page["requests"]
    await site.get("/status")
    await until(lambda: site.page["requests"] == before + 1, "it is counted")
    assert site.page["errors"] == 0
