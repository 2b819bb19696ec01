"""The route of the live stream."""

from __future__ import annotations

from starlette.responses import Response

from edge_balancer.dashboard.api.problems import unavailable
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.stream.hub import TooManyReaders
from edge_balancer.dashboard.stream.response import EventStream


async def get_stream(call: Call) -> Response:
    hub = call.context.hub
    last = call.request.headers.get("last-event-id", "")
    try:
        reader = hub.join(last[:64])
    except TooManyReaders:
        most = call.context.config.dashboard.clients
        raise unavailable(f"{most} pages follow live already: close one, or raise dashboard.clients", 30) from None
    return EventStream(hub, reader)
