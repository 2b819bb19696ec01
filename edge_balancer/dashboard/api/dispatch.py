"""From a request to its route and back: parameters, bodies, ETags, and what goes wrong, in one place."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from edge_balancer.dashboard.access.bounds import TooMuch
from edge_balancer.dashboard.access.roles import who_of
from edge_balancer.dashboard.api.context import Context
from edge_balancer.dashboard.api.problems import Problem, problem, unavailable
from edge_balancer.dashboard.api.route import Call, Route
from edge_balancer.dashboard.past.reader import PastUnavailable
from edge_balancer.dashboard.stream.hub import NotReady
from edge_balancer.logs import get_logger

_log = get_logger(__name__)

_NOT_READY: Final = "the controller has only just started: ask again in a few seconds"
_BROKEN: Final = "this is a defect of the program: the log says more; control goes on"
_encode: Final = msgspec.json.Encoder().encode


class Endpoint:
    """Answers the requests of one route."""

    def __init__(self, route: Route, context: Context) -> None:
        self.route = route
        self._context = context
        self._body = None if route.request is None or route.reads_itself else msgspec.json.Decoder(route.request)
        self.errors = 0
        """Defects met so far."""

    async def answer(self, request: Request) -> Response:
        """Answer; whatever goes wrong, in the form of RFC 9457."""
        try:
            return await self._answer(request)
        except Problem as error:
            return error.response()
        except NotReady:
            return unavailable(_NOT_READY).response()
        except PastUnavailable as error:
            return unavailable(str(error), 5).response()
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except TooMuch:
            raise  # the gate has the answer to that
        except Exception as error:  # noqa: BLE001 -- a defect in one route must not be one of the server, nor untold
            self.errors += 1
            _log.error("a route failed", method=self.route.method, path=self.route.path, error=repr(error))
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, _BROKEN)

    async def _answer(self, request: Request) -> Response:
        route = self.route
        who = who_of(request.scope)
        if who.role < route.need:
            # The gate has refused it already; that it did is not taken on trust.
            return problem(HTTPStatus.FORBIDDEN, f"this needs the role {route.need.name.lower()}")
        call = Call(
            self._context,
            request,
            who,
            {name: str(value) for name, value in request.path_params.items()},
            self._query(request),
            await self._read(request),
        )
        answer = await route.handler(call)
        if isinstance(answer, Response):
            return answer
        return _json(request, answer, route.status)

    def _query(self, request: Request) -> Any:
        expected = self.route.query
        given = request.query_params
        if len(given) != len(given.multi_items()):
            raise Problem(HTTPStatus.BAD_REQUEST, "a parameter stands more than once: give each of them once")
        if expected is None:
            if given:
                raise Problem(HTTPStatus.BAD_REQUEST, f"{next(iter(given))!r}: this address takes no parameters")
            return None
        try:
            query = msgspec.convert(dict(given), expected, strict=False)
        except msgspec.ValidationError as error:
            names = ", ".join(field.encode_name for field in msgspec.structs.fields(expected))
            raise Problem(HTTPStatus.BAD_REQUEST, f"{error}; parameters here: {names}") from error
        for field in msgspec.structs.fields(expected):
            # msgspec reads the text "null" as nothing at all; a list would begin anew with such a cursor.
            if field.encode_name in given and getattr(query, field.name) is None:
                raise Problem(HTTPStatus.BAD_REQUEST, f"{field.encode_name} = null: leave it out, or give a value")
        return query

    async def _read(self, request: Request) -> Any:
        if self._body is None:
            return None
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{kind or 'nothing'} is not read here: send JSON")
        body = await request.body()
        try:
            return self._body.decode(body)
        except msgspec.ValidationError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error


def _json(request: Request, answer: Any, status: HTTPStatus) -> Response:
    """JSON with an ETag: who asks again for what has not changed gets 304 and no body."""
    body = _encode(answer)
    if request.method not in {"GET", "HEAD"}:
        return Response(body, status, media_type="application/json")
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    if matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(body, status, {"ETag": tag}, "application/json")


def matches(wanted: str, tag: str) -> bool:
    """Whether `If-None-Match` names this ETag (RFC 9110, 13.1.2: weakly)."""
    return wanted.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in wanted.split(","))
