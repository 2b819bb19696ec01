"""A real daemon with its page on a free port, for tests: six houses, a field by hand on a real broker, accounts.

`Site.get` and `post` speak HTTP over a real socket with the standard library alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_balancer.daemon import Daemon
from edge_balancer.dashboard.access.manage import add_token
from edge_balancer.dashboard.access.records import RoleWord
from tests.daemon.daemon_cases import CALM, POSITIONS, running, sections
from tests.daemon.field import WITHIN_S, Field, field_at, fresh_base, until
from tests.support.configuration import make_config

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass(slots=True)
class Site:
    """The daemon, its field, and where its page is."""

    daemon: Daemon
    field: Field
    host: str
    port: int
    database: Path
    tokens: dict[str, str] = dataclasses.field(default_factory=dict)
    """Role -> a bearer token of it."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def ask(self, method: str, path: str, body: Any = None, role: str = "", **headers: str) -> Reply:
        """One request on a connection of its own; `role` sends that role's token. Not in the daemon's loop."""
        return await asyncio.to_thread(self.ask_now, method, path, body, role, **headers)

    def ask_now(self, method: str, path: str, body: Any = None, role: str = "", **headers: str) -> Reply:
        """The same, blocking: for threads that are not the daemon's."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if role:
            sent["Authorization"] = f"Bearer {self.tokens[role]}"
        payload = None
        if body is not None:
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=WITHIN_S)
        try:
            connection.request(method, path, payload, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def move_to(self, address: str) -> None:
        """The page is somewhere else now."""
        host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
        self.host, self.port = host, int(port)

    @property
    def page(self) -> dict[str, Any]:
        """What the page says of itself in the diagnostics."""
        assert self.daemon._showing is not None
        return self.daemon._showing.diagnostics()

    async def get(self, path: str, **more: str) -> Reply:
        return await self.ask("GET", f"/api/v1{path}", **more)

    async def see(self, path: str, test: Callable[[Any], bool]) -> Any:
        """What a path answers once it fits: a picture that nobody follows is up to a second old."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                reply = await self.get(path)
                if reply.status == HTTPStatus.OK and test(reply.json):
                    return reply.json
                await asyncio.sleep(0.05)

    async def post(self, path: str, body: Any = None, role: str = "", **more: str) -> Reply:
        return await self.ask("POST", f"/api/v1{path}", body, role, **more)


def with_tokens(accounts: Path) -> dict[str, str]:
    """A token of each role in the accounts' file, named as its role."""
    roles: tuple[RoleWord, ...] = ("viewer", "operator", "admin")
    return {role: add_token(accounts, role, role, None, time.time()).text for role in roles}


@asynccontextmanager
async def page_site(
    broker: Broker,
    folder: Path,
    *,
    houses: Any = 6,
    loads: tuple[float, ...] = CALM,
    whole: bool = True,
    contacts: Sequence[Any] = (),
    **changes: dict[str, Any],
) -> AsyncIterator[Site]:
    """The site, its switches known and its meters heard once (`whole`: all of them)."""
    base, database = fresh_base(), folder / "eb.db"
    accounts = folder / "accounts.json"
    tokens = with_tokens(accounts)
    page = {"enabled": True, "port": 0, "accounts": str(accounts), **changes.pop("dashboard", {})}
    tables = sections(broker.port, base, database, dashboard=page, **changes)
    config = make_config(houses, **tables, contacts=contacts)
    async with field_at(broker.port, base) as here:
        here.present(*POSITIONS[: len(config.houses)])
        await here.sync()
        async with running(config) as daemon:
            await here.see("availability", lambda m: m.text == "online")
            await until(lambda: daemon.page_address != "", "the page is served")
            host, _, port = daemon.page_address.removeprefix("http://").rstrip("/").rpartition(":")
            site = Site(daemon, here, host, int(port), database, tokens)
            here.loads(*loads[: len(config.houses)])
            heard = len(config.houses) if whole else 6
            await site.see("/status", lambda status: status["houses_fresh"] >= heard)
            yield site
