"""The route of the OpenAPI document."""

from __future__ import annotations

from edge_balancer.dashboard.api.route import Call


async def get_openapi(call: Call) -> object:
    return call.context.document
