"""The routes of logging in and out; what they do is in `access`."""

from __future__ import annotations

from starlette.responses import Response

from edge_balancer.dashboard.api.route import Call


async def get_session(call: Call) -> Response:
    return await call.context.access.session(call.request)


async def log_in(call: Call) -> Response:
    return await call.context.access.login(call.request)


async def log_out(call: Call) -> Response:
    return await call.context.access.logout(call.request)
