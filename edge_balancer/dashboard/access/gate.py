"""The gate: every request passes it before anything else sees it, and every answer after. Plain ASGI.

The one place that refuses. Which role a route needs is the routes' to say.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from edge_balancer.dashboard.access import bounds, origin
from edge_balancer.dashboard.access.few import FewLines
from edge_balancer.dashboard.access.headers import secured
from edge_balancer.dashboard.access.identify import Found, Identifier
from edge_balancer.dashboard.access.refusal import Refusal
from edge_balancer.dashboard.access.request import App, Incoming, Message, Receive, Scope, Send
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.access.sessions import csrf_of, same
from edge_balancer.settings.dashboard import DashboardSettings

LOOK_EVERY_S: Final = 1.0
"""How often a running stream is held against the accounts."""

Need = Callable[[str, str], Role]
"""The role that a method and a path need."""


class _Revoked(OSError):  # noqa: N818 - nothing is wrong with us
    """Whoever reads this stream may no longer. An OSError: to the application it is a client that went away."""


class Gate:
    """An ASGI application around another."""

    def __init__(
        self,
        app: App,
        need: Need,
        settings: DashboardSettings,
        identifier: Identifier,
        hint: Callable[[], str],
        lines: FewLines,
        refused: Counter[str],
    ) -> None:
        self._app = app
        self._need = need
        self._settings = settings
        self._identifier = identifier
        self._hint = hint
        self._lines = lines
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            # We serve none. Closed before it was accepted, it is a 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Incoming(scope)
        refusal = bounds.of_head(request) or self._misdirected(request) or self._foreign(request)
        if refusal is None:
            found = self._identifier.find(request)
            refusal = self._forbidden(request, found)
            if refusal is None:
                scope.setdefault("state", {})["who"] = found.who
                refusal = await self._pass_on(scope, bounds.BoundedBody(receive), send, found)
        if refusal is not None:
            self._count(request, refusal)
            await _refuse(send, refusal, tls=self._settings.tls, head=request.method == "HEAD")

    async def _pass_on(self, scope: Scope, body: bounds.BoundedBody, send: Send, found: Found) -> Refusal | None:
        """Let the application answer. What it makes of a body that was cut off, or of a stream that was ended, does not
        count."""
        answer = _Answer(send, body, found, tls=self._settings.tls)
        try:
            await self._app(scope, body, answer)
        except Exception:
            if not answer.revoked and (body.refusal is None or answer.begun):
                raise
        return None if answer.begun else body.refusal

    def _misdirected(self, request: Incoming) -> Refusal | None:
        hosts = request.all(b"host")
        host = origin.split_host(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if host is None:
            return Refusal(400, "exactly one Host header is needed, with a name and perhaps a port", "host")
        if origin.is_ours(host[0], self._identifier.names, loopback=self._settings.loopback):
            return None
        return Refusal(421, f"{host[0]} is no name of this machine: if it is, add it to dashboard.names", "host")

    def _foreign(self, request: Incoming) -> Refusal | None:
        site, came_from = request.one(b"sec-fetch-site"), request.one(b"origin")
        if not origin.foreign(site, came_from, request.one(b"host") or "", request.scheme):
            return None
        mode, dest = request.one(b"sec-fetch-mode"), request.one(b"sec-fetch-dest")
        if came_from is None and origin.navigates(request.method, mode, dest):
            return None
        return Refusal(403, "the page of another site has sent this: only this controller's own page may", "cross_site")

    def _forbidden(self, request: Incoming, found: Found) -> Refusal | None:
        need = self._need(request.method, request.path)
        if need is Role.NONE:
            return None
        who, unsafe = found.who, request.method not in origin.SAFE_METHODS
        if who.role is Role.NONE:
            return self._unknown(found)
        if who.role < need:
            detail = f"{who.name} is {who.role.word}; this needs {need.word}"
            return self._unknown(found) if who.how == "loopback" else Refusal(403, detail, "role")
        if unsafe and found.secret is not None:
            return _unproven(request, found.secret)
        return None

    def _unknown(self, found: Found) -> Refusal:
        if found.bad_token:
            detail = "this token is unknown, revoked or expired: `edge-balancer token add` makes a new one"
            return Refusal(401, detail, "token", error="invalid_token")
        return Refusal(401, self._hint() or "log in first, or send a token", "login")

    def _count(self, request: Incoming, refusal: Refusal) -> None:
        self._refused[refusal.why] += 1
        # A page without a login asks for things all the time; these are what somebody has to be told of.
        if refusal.why in {"token", "cross_site", "csrf", "host", "role"}:
            self._lines.warn(
                "request refused",
                why=refusal.why,
                status=refusal.status,
                method=request.method[:16],
                path=request.path[:100],
                address=request.address,
            )


def _unproven(request: Incoming, secret: str) -> Refusal | None:
    """Why an order that came with a cookie may not be the page's own."""
    if request.one(b"sec-fetch-site") is None and request.one(b"origin") is None:
        return Refusal(403, "with a session, Origin or Sec-Fetch-Site must say which page sends this", "csrf")
    if not same(request.one(b"x-csrf-token") or "", csrf_of(secret)):
        return Refusal(403, "X-CSRF-Token is missing or wrong: GET /api/v1/session gives it", "csrf")
    return None


class _Answer:
    """What goes back to the client: with our headers, and no further than whoever reads it may."""

    def __init__(self, send: Send, body: bounds.BoundedBody, found: Found, *, tls: bool) -> None:
        self._send = send
        self._body = body
        self._found = found
        self._tls = tls
        self._looked = time.monotonic()
        self.begun = False
        self.revoked = False

    async def __call__(self, message: Message) -> None:
        if self.revoked:
            raise _Revoked
        if self._body.refusal is not None and not self.begun:
            # An answer to a body that was cut off: the gate has a better one.
            return
        if message["type"] == "http.response.start":
            self.begun = True
            headers = secured(list(message.get("headers", ())), tls=self._tls)
            message = {**message, "headers": headers}
        elif message.get("more_body", False) and self._is_over():
            self.revoked = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Revoked
        await self._send(message)

    def _is_over(self) -> bool:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY_S:
            return False
        self._looked = now
        return not self._found.holds()


async def _refuse(send: Send, refusal: Refusal, *, tls: bool, head: bool) -> None:
    body = refusal.body()
    headers = [*refusal.headers(), (b"content-length", str(len(body)).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": secured(headers, tls=tls),
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else body})
