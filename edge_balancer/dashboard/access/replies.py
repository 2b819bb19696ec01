"""Bodies of the session's routes, in and out."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edge_balancer.dashboard.access.model import Login, Session
from edge_balancer.dashboard.access.refusal import Refusal


async def read_login(request: Request) -> Login | Refusal:
    """What was asked, or why it could not be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A form of another site can send anything but this without asking first.
        return Refusal(415, "the body must be application/json", "size")
    try:
        return msgspec.json.decode(await request.body(), type=Login)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Refusal(400, f"the body is not {{user, password}} as described: {error}", "size")


def reply(session: Session) -> Response:
    return Response(msgspec.json.encode(session), media_type="application/json")


def refused(refusal: Refusal) -> Response:
    response = Response(refusal.body(), refusal.status)
    for name, value in refusal.headers():
        response.headers[name.decode()] = value.decode()
    return response
