"""The ASGI application: the table's routes, the page's files, and the gate around all of it."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router, compile_path

from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api.context import Context
from edge_balancer.dashboard.api.dispatch import Endpoint
from edge_balancer.dashboard.api.problems import problem
from edge_balancer.dashboard.api.route import Route
from edge_balancer.dashboard.api.table import ROUTES
from edge_balancer.dashboard.static import StaticFiles
from edge_balancer.logs import get_logger

_log = get_logger(__name__)

_OURS: Final = ("/", "/favicon.ico")


class Application:
    """Routing, with every answer in our own form."""

    def __init__(self, context: Context, routes: Iterable[Route] = ROUTES) -> None:
        routes = tuple(routes)
        self.table = Table(routes)
        self.endpoints = [Endpoint(route, context) for route in routes]
        self.requests = 0
        self._broken_off = 0
        files = StaticFiles()
        self._router = Router(
            [
                *(StarletteRoute(e.route.full_path, e.answer, methods=[e.route.method]) for e in self.endpoints),
                StarletteRoute("/static/{path:path}", files.file, methods=["GET"]),
                StarletteRoute("/", files.index, methods=["GET"]),
            ],
            redirect_slashes=False,
            default=_nothing,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        try:
            methods = self.table.methods(scope["path"])
            if methods and scope["method"] not in methods:
                allowed = ", ".join(methods)
                refusal = problem(HTTPStatus.METHOD_NOT_ALLOWED, f"here one can: {allowed}", {"Allow": allowed})
                await refusal(scope, receive, send)
                return
            await self._router(scope, receive, send)
        except HTTPException as error:
            answer = problem(error.status_code, error.detail, dict(error.headers or {}))
            await answer(scope, receive, send)
        except OSError:
            raise  # the other side is gone, or may read no longer
        except Exception as error:
            # In the middle of an answer: all that is left is to cut it off.
            self._broken_off += 1
            _log.error("an answer was broken off", path=scope.get("path", ""), error=repr(error))
            raise

    @property
    def errors(self) -> int:
        """Defects met so far."""
        return self._broken_off + sum(endpoint.errors for endpoint in self.endpoints)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    answer: Response
    if scope["type"] != "http":
        return
    request = Request(scope)
    answer = problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.url.path}: /api/v1/openapi.json lists all")
    await answer(scope, receive, send)


class Table:
    """The table by path: which methods there are, and which role a request needs."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        self._routes = [(route.method, compile_path(route.full_path)[0], route.need) for route in routes]

    def methods(self, path: str) -> list[str]:
        """What may be done at a path; empty where nothing is."""
        if _is_file(path):
            return ["GET", "HEAD"]
        found = [method for method, pattern, _ in self._routes if pattern.match(path)]
        return sorted({*found, "HEAD"} if "GET" in found else set(found))

    def need(self, method: str, path: str) -> Role:
        """The role that its route asks for; a viewer's for what is unknown, none for the page."""
        asked = "GET" if method == "HEAD" else method
        found = [need for of, pattern, need in self._routes if of == asked and pattern.match(path)]
        if found:
            return max(found)
        return Role.NONE if _is_file(path) else Role.VIEWER


def _is_file(path: str) -> bool:
    return path in _OURS or path.startswith("/static/")
