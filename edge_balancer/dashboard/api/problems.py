"""Errors as RFC 9457 has them (application/problem+json): raised by routes, answered in one place."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. `type` is always `about:blank`: the status says what kind it is, `detail` what to do."""

    title: str
    status: int
    detail: str
    type: str = msgspec.field(default="about:blank")


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """Why a request is not answered as asked. `detail` says what was wrong, and what to do."""

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> Response:
        return problem(self.status, self.detail, self.headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The answer itself."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    return Response(msgspec.json.encode(body), int(status), headers, MEDIA_TYPE)


def not_found(what: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, what)


def unavailable(why: str, retry_s: int = 2) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": str(retry_s)})
