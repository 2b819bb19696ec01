"""The route of `/metrics`."""

from __future__ import annotations

from starlette.responses import Response

from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.metric_names import Sight


async def get_metrics(call: Call) -> Response:
    # Loaded when it is first asked for: most sites have no Prometheus.
    from edge_balancer.dashboard.metrics import exposition

    hub, page = call.context.hub, call.context.figures.counts()
    sight = Sight(hub.catch_up(), hub.status(), hub.phases(), hub.houses(), page)
    text, media = exposition(lambda: sight, call.request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media})
