"""A real server on a real socket with a small application behind the gate, and a client. Not a test itself."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edge_balancer.clock import Clock
from edge_balancer.dashboard.access import hashing, manage
from edge_balancer.dashboard.access.access import Access
from edge_balancer.dashboard.access.connections import BoundedListener, Guests, PatientProtocol
from edge_balancer.dashboard.access.records import RoleWord
from edge_balancer.dashboard.access.roles import Role, who_of
from edge_balancer.settings.dashboard import DashboardSettings

WITHIN_S: Final = 90.0
PASSWORD: Final = "correct horse battery"
PASSWORD_HASH: Final = hashing.hashed(PASSWORD)
SESSION: Final = "/api/v1/session"
NEED: Final[Mapping[tuple[str, str], Role]] = {
    ("GET", "/"): Role.NONE,
    ("GET", "/static/page.js"): Role.NONE,
    ("GET", SESSION): Role.NONE,
    ("POST", SESSION): Role.NONE,
    ("DELETE", SESSION): Role.VIEWER,
    ("GET", "/api/v1/status"): Role.VIEWER,
    ("GET", "/api/v1/stream"): Role.VIEWER,
    ("GET", "/api/v1/cached"): Role.VIEWER,
    ("POST", "/api/v1/mode"): Role.OPERATOR,
    ("POST", "/api/v1/clear"): Role.ADMIN,
}


class HandClock:
    """Stands still until it is moved."""

    speed = 1.0

    def __init__(self) -> None:
        self.now = 1_000.0
        self.set = True

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_790_000_000.0 + self.now

    def synced(self) -> bool:
        return self.set


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    source: str | None = None,
    *,
    tls: bool = False,
) -> Reply:
    """One request on a connection of its own. Says nothing but what is given, and Host."""
    connection = _connection(port, source, tls=tls)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {})
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def _connection(port: int, source: str | None, *, tls: bool) -> http.client.HTTPConnection:
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=WITHIN_S, context=context)
    origin = None if source is None else (source, 0)
    return http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S, source_address=origin)


@dataclass
class Rig:
    """The running server."""

    port: int
    accounts: Path
    access: Access
    guests: Guests
    tls: bool = False
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        source: str | None = None,
    ) -> Reply:
        """One request on a connection of its own. Says nothing but what is given, and Host."""
        return ask(self.port, method, path, headers, body, source, tls=self.tls)

    def connection(self) -> http.client.HTTPConnection:
        return _connection(self.port, None, tls=self.tls)

    def log_in(self, name: str, password: str = PASSWORD, source: str | None = None) -> Reply:
        """As the page does it; what comes after is sent with `as_page`."""
        body = {"user": name, "password": password}
        reply = self.ask("POST", SESSION, {"Sec-Fetch-Site": "same-origin"}, body, source)
        if reply.status == 200:
            name_, _, rest = reply.headers["set-cookie"].partition("=")
            self.cookies[name_] = rest.partition(";")[0]
            self.csrf = reply.json["csrf"]
        return reply

    def as_page(self, **more: str) -> dict[str, str]:
        """The headers of a page that is logged in."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookie, "X-CSRF-Token": self.csrf, "Sec-Fetch-Site": "same-origin", **more}

    def account(self, name: str, role: RoleWord) -> None:
        manage.add_account(self.accounts, name, role, PASSWORD_HASH, 1_780_000_000.0)

    def token(self, name: str, role: RoleWord, expires: float | None = None) -> dict[str, str]:
        """The header that shows a new token."""
        bearer = manage.add_token(self.accounts, name, role, expires, 1_780_000_000.0)
        return {"Authorization": f"Bearer {bearer.text}"}


async def _who(request: Request) -> Response:
    who = who_of(request.scope)
    return JSONResponse({"name": who.name, "role": who.role.word, "how": who.how, "by": who.by})


async def _order(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"by": who_of(request.scope).by, "bytes": len(body)}, 202)


async def _stream(_request: Request) -> Response:
    async def beats() -> AsyncIterator[bytes]:
        while True:
            yield b": beat\n\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(beats(), media_type="text/event-stream")


async def _page(_request: Request) -> Response:
    return PlainTextResponse("the page", headers={"Cache-Control": "no-cache", "X-Frame-Options": "ALLOWALL"})


@contextmanager
def rig(folder: Path, clock: Clock | None = None, *, most: int = 100, **settings: Any) -> Iterator[Rig]:
    """The server, until the context ends. `most` is of connections; `settings` are those of `[dashboard]`,
    on loopback where not said otherwise."""
    guests = Guests(most)
    listener = BoundedListener(guests)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    accounts = folder / "accounts.json"
    chosen = DashboardSettings(port=port, accounts=accounts, **settings)
    access = Access(chosen, clock)
    routes = [
        Route("/", _page),
        Route("/static/page.js", _page),
        Route(SESSION, access.session, methods=["GET"]),
        Route(SESSION, access.login, methods=["POST"]),
        Route(SESSION, access.logout, methods=["DELETE"]),
        Route("/api/v1/status", _who),
        Route("/api/v1/cached", _page),
        Route("/api/v1/stream", _stream),
        Route("/api/v1/mode", _order, methods=["POST"]),
        Route("/api/v1/clear", _order, methods=["POST"]),
    ]
    app = access.wrap(Starlette(routes=routes), lambda method, path: NEED.get((method, path), Role.VIEWER))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            ssl_certfile=chosen.tls_certificate,
            ssl_keyfile=chosen.tls_key,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), name="rig")
    thread.start()
    try:
        yield Rig(port, accounts, access, guests, tls=chosen.tls)
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)
        listener.close()
        access.close()
        assert not thread.is_alive()
