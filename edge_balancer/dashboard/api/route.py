"""One route as the table has it, and one call of it. Routing, the OpenAPI document and the check of roles come from
here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from starlette.requests import Request

from edge_balancer.dashboard.access.roles import Role, Who

if TYPE_CHECKING:
    from edge_balancer.dashboard.api.context import Context

PREFIX: Final = "/api/v1"
JSON: Final = "application/json"

Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: parameters and body are of the types that its route names."""

    context: Context
    request: Request
    who: Who
    path: dict[str, str]
    query: Any
    body: Any


Handler = Callable[[Call], Awaitable[Any]]
"""Gives a struct, which is sent as JSON, or a Response."""


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for. `path` names parameters as Starlette does."""

    method: Method
    path: str
    handler: Handler
    need: Role
    summary: str
    response: Any = None
    """Type of the JSON answer; None where it is none."""
    request: Any = None
    query: type[msgspec.Struct] | None = None
    status: HTTPStatus = HTTPStatus.OK
    media: tuple[str, ...] = (JSON,)
    problems: tuple[HTTPStatus, ...] = ()
    """What may go wrong besides what may go wrong everywhere."""
    tag: str = "live"
    reads_itself: bool = False
    """Whether the handler reads the body, not the dispatcher."""

    prefix: str = PREFIX

    @property
    def full_path(self) -> str:
        return self.prefix + self.path

    @property
    def etag(self) -> bool:
        """Whether the answer bears one: every JSON that the dispatcher writes in answer to a GET does."""
        return self.method == "GET" and self.response is not None and not self.reads_itself

    @property
    def name(self) -> str:
        """The operation's id in the OpenAPI document."""
        return self.handler.__name__
