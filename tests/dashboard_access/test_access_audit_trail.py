"""Who ordered something over the page stands in the audit trail of a real controller: the account's name, or the
token's."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_balancer.dashboard.access import manage
from tests.daemon.field import WITHIN_S
from tests.dashboard.page_site import Reply, Site, page_site
from tests.dashboard_access.access_rig import PASSWORD, PASSWORD_HASH

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker


@pytest.fixture
async def site(broker: Broker, tmp_path: Path) -> AsyncIterator[Site]:
    async with page_site(broker, tmp_path) as running:
        yield running


async def page(site: Site, name: str) -> dict[str, str]:
    """The headers of the page with somebody logged in."""
    own = {"Sec-Fetch-Site": "same-origin"}
    reply = await site.post("/session", {"user": name, "password": PASSWORD}, **own)
    assert reply.status == 200
    return {"Cookie": reply.headers["set-cookie"].partition(";")[0], "X-CSRF-Token": reply.json["csrf"], **own}


async def recorded(site: Site, reply: Reply) -> tuple[str, str]:
    """Kind and operator of the row that an order has left, once it is there."""
    assert reply.status == 202, reply
    order = reply.json["order"]
    async with asyncio.timeout(WITHIN_S):
        while True:
            with closing(sqlite3.connect(f"{site.database.as_uri()}?mode=ro", uri=True)) as connection:
                rows = connection.execute("SELECT kind, body FROM trail WHERE body LIKE ?", [f"%{order}%"]).fetchall()
            if rows:
                body: dict[str, Any] = json.loads(rows[0][1])
                assert body["order"] == order
                return rows[0][0], body.get("by") or body["operator"]
            await asyncio.sleep(0.05)


async def test_orders_bear_the_name_of_who_gave_them(site: Site, tmp_path: Path) -> None:
    manage.add_account(tmp_path / "accounts.json", "anna", "admin", PASSWORD_HASH, 1.0)
    manage.add_account(tmp_path / "accounts.json", "bert", "operator", PASSWORD_HASH, 1.0)
    anna, bert = await page(site, "anna"), await page(site, "bert")
    assert await recorded(site, await site.post("/mode", {"mode": "auto"}, **bert)) == ("mode", "bert")
    move = await site.post("/switches/h06/move", {"phase": "L1", "reason": "test"}, "operator")
    assert await recorded(site, move) == ("request", "token:operator")
    await site.field.see("switch/h06/set")
    site.field.switch("h06", None, reason="stuck")
    await site.see("/alerts", lambda found: any(a["key"] == "switch_locked/h06" for a in found["items"]))
    assert await recorded(site, await site.post("/alerts/switch_locked/h06/ack", {}, **bert)) == ("alert_ack", "bert")
    await site.see("/houses/h06", lambda house: house["locked"] is not None)
    refused = await site.post("/switches/h06/clear", {"reason": "looked at"}, **bert)
    assert refused.status == 403
    cleared = await site.post("/switches/h06/clear", {"reason": "looked at"}, **anna)
    assert await recorded(site, cleared) == ("cleared", "anna")


async def test_nobody_can_give_another_name_than_their_own(site: Site) -> None:
    for more in ("operator", "by", "user"):
        refused = await site.post("/mode", {"mode": "auto", more: "somebody else"}, "operator")
        assert refused.status == 422
