"""The OpenAPI 3.1 document, made from the table of routes and msgspec's schemas. Nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from edge_balancer import __version__
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api.problems import MEDIA_TYPE, ProblemDetails
from edge_balancer.dashboard.api.route import JSON, Route
from edge_balancer.dashboard.stream.model import STREAM_EVENTS

_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_TAGS: Final = {
    "live": "What is now",
    "records": "What was: decisions, alerts, history, exports",
    "setup": "Setting a feeder up",
    "orders": "What people ask the controller to do; the guard judges every move",
    "session": "Logging in and out",
    "monitoring": "For other programs",
}
_PATH_WORDS: Final = {
    "id": "Id of a house or a decision.",
    "house": "Id of a house.",
    "key": "Key of an alert, such as `switch_locked/h12`; its slash stands as `/` or `%2F`.",
}
_ABOUT: Final = """\
What the controller of one feeder knows, and what it can be asked to do. W, var, V, A, %, Unix seconds; null where
unknown; power is positive when a house draws it. Errors are of the form of RFC 9457. On loopback reading is free;
orders need a session with `X-CSRF-Token`, or a bearer token. `x-role` says which role a request needs."""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document as JSON types."""
    routes = tuple(routes)
    types = [kind for route in routes for kind in (route.request, route.response, route.query) if kind is not None]
    types += [ProblemDetails, *STREAM_EVENTS.values()]
    schemas, components = msgspec.json.schema_components(tuple(types), ref_template=_REF)
    found = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.full_path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, found, components)
    for route in routes:
        if route.query is not None:
            components.pop(route.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "edge-balancer", "version": __version__, "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/", "description": "This controller"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _schemes()},
    }


def _schemes() -> dict[str, Any]:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Made with `edge-balancer token add`, which gives it a role.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "session",
            "description": "Set by `POST /api/v1/session`, under a name that depends on TLS.",
        },
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "As the session says it."},
    }


def _operation(route: Route, found: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route, found, components)],
        "responses": _responses(route, found),
        "x-role": route.need.name.lower(),
    }
    if route.request is not None:
        content = {JSON: {"schema": found[_key(route.request)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.need is not Role.NONE:
        session: dict[str, list[str]] = {"session": []} if route.method == "GET" else {"session": [], "csrf": []}
        free: list[dict[str, list[str]]] = [{}] if route.need is Role.VIEWER else []
        operation["security"] = [*free, {"token": []}, session]
    return operation


def _path_parameters(route: Route) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(route.full_path):
        schema = {"type": "string", "minLength": 1, "maxLength": 128}
        yield {"name": name, "in": "path", "required": True, "description": _PATH_WORDS[name], "schema": schema}


def _query_parameters(route: Route, found: dict[Any, Any], components: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    schema = components[found[_key(route.query)]["$ref"].rpartition("/")[2]]
    for name, of in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _given(of)}


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is not null when it is given."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) != 1:
        return schema
    return {**options[0], **{key: value for key, value in schema.items() if key not in {"anyOf", "default"}}}


def _responses(route: Route, found: dict[Any, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {str(int(route.status)): _answer(route, found)}
    if route.etag:
        answers["304"] = {"description": "Nothing has changed since the ETag in `If-None-Match`."}
    problems: Sequence[HTTPStatus] = route.problems
    if route.need is not Role.NONE:
        problems = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, *problems)
    if route.request is not None:
        problems = (*problems, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY)
    for status in sorted(dict.fromkeys((HTTPStatus.BAD_REQUEST, *problems, HTTPStatus.SERVICE_UNAVAILABLE))):
        answers[str(int(status))] = _problem(status.phrase, found)
    answers["default"] = _problem("Anything else that is wrong", found)
    return answers


def _answer(route: Route, found: dict[Any, Any]) -> dict[str, Any]:
    if route.response is not None:
        content: dict[str, Any] = {JSON: {"schema": found[_key(route.response)]}}
    elif route.media == (JSON,):
        content = {JSON: {"schema": {"type": "object"}}}
    else:
        content = {
            media: {"schema": {"type": "string"} if media != JSON else {"type": "array"}} for media in route.media
        }
    answer: dict[str, Any] = {"description": route.summary, "content": content}
    if route.etag:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Of this answer."}}
    if "text/event-stream" in route.media:
        answer["x-events"] = {name: found[_key(kind)] for name, kind in STREAM_EVENTS.items()}
    return answer


def _problem(words: str, found: dict[Any, Any]) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": found[_key(ProblemDetails)]}}}


def _key(kind: Any) -> str:
    return repr(kind)
