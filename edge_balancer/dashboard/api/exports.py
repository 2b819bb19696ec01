"""The route of exports. What writes the tables is `past.exports`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from edge_balancer.dashboard.api.problems import Problem, unavailable
from edge_balancer.dashboard.api.records import Moment
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.past.exports import TooManyExports
from edge_balancer.storage.export import ExportName
from edge_balancer.storage.timespan import Timespan, iso

_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Which table, of which time (Unix seconds; open where left out), in which form."""

    what: ExportName
    start: Moment | None = None
    end: Moment | None = None
    format: Literal["csv", "json"] = "csv"


async def get_export(call: Call) -> Response:
    """Answer with the file. Raises Problem."""
    query: ExportQuery = call.query
    if query.start is not None and query.end is not None and query.end <= query.start:
        raise Problem(HTTPStatus.BAD_REQUEST, f"to = {query.end:.0f} does not come after from = {query.start:.0f}")
    name = f"{call.context.config.feeder.id}-{query.what}-{iso(call.context.hub.catch_up().wall)[:10]}"
    try:
        pieces = await call.context.exports.begin(query.what, Timespan(query.start, query.end), query.format)
    except TooManyExports:
        raise unavailable("other exports are under way: ask again when they are done", 30) from None
    return StreamingResponse(
        pieces,
        media_type=_MEDIA[query.format],
        headers={"Content-Disposition": f'attachment; filename="{name}.{query.format}"'},
    )
