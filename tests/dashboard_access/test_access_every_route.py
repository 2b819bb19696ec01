"""Every endpoint that the API's own description names, asked without a login, with too small a role, by another site,
and without the page's word. None is forgotten: the description is held against the table of routes.

`pytest -s` prints the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.dashboard.access import manage
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api.route import PREFIX
from edge_balancer.dashboard.api.table import ROUTES
from edge_balancer.dashboard.server import Dashboard
from edge_balancer.storage.store import Store
from tests.dashboard_access.access_rig import PASSWORD_HASH, WITHIN_S, Reply, ask
from tests.support.configuration import make_config

OPERATIONS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PUBLIC: Final = {("GET", f"{PREFIX}/session"), ("POST", f"{PREFIX}/session")}


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    need: Role

    @property
    def safe(self) -> bool:
        return self.method in SAFE


@dataclass
class Site:
    """A real server, as the daemon starts it, with an account and a token of each role."""

    port: int
    tokens: Mapping[str, Mapping[str, str]]

    def ask(self, endpoint: Endpoint, headers: Mapping[str, str]) -> int:
        path = re.sub(r"\{\w+\}", "h01", endpoint.path)
        return ask(self.port, endpoint.method, path, headers, None if endpoint.safe else {}).status

    def page(self, role: str) -> Mapping[str, str]:
        """The headers of the page, with somebody of that role logged in anew."""
        body = {"user": role, "password": "correct horse battery"}
        reply = ask(self.port, "POST", f"{PREFIX}/session", {"Sec-Fetch-Site": "same-origin"}, body)
        assert reply.status == 200, reply
        cookie = reply.headers["set-cookie"].partition(";")[0]
        return {"Cookie": cookie, "X-CSRF-Token": reply.json["csrf"], "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module", params=["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what is tested
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    accounts, database = folder / "accounts.json", folder / "edge-balancer.db"
    config = make_config(3, dashboard={"enabled": True, "host": request.param, "port": 0, "accounts": accounts})
    Store.open(database, config.storage).close()
    tokens: dict[str, Mapping[str, str]] = {}
    for role in ("viewer", "operator", "admin"):
        manage.add_account(accounts, role, role, PASSWORD_HASH, 1.0)
        bearer = manage.add_token(accounts, role, role, None, 1.0)
        tokens[role] = {"Authorization": f"Bearer {bearer.text}"}
    dashboard = Dashboard(config, database)
    dashboard.start()
    try:
        address = dashboard.wait_up(WITHIN_S)
        assert address, "the server did not come up"
        yield Site(int(address.rstrip("/").rpartition(":")[2]), tokens)
    finally:
        dashboard.close(WITHIN_S)


def described(site: Site) -> list[Endpoint]:
    """All endpoints by the OpenAPI document, with the role that the table gives them."""
    reply: Reply = ask(site.port, "GET", f"{PREFIX}/openapi.json", site.tokens["viewer"])
    document: dict[str, Any] = json.loads(reply.body)
    needs: dict[tuple[str, str], Role] = {
        # Starlette's converters stand in the table alone.
        (route.method, re.sub(r":\w+}", "}", route.full_path)): route.need
        for route in ROUTES
    }
    base = document.get("servers", [{"url": ""}])[0]["url"].rstrip("/")
    found = {
        (method.upper(), base + path)
        for path, item in document["paths"].items()
        for method in OPERATIONS
        if method in item
    }
    assert found == set(needs), "the description and the table of routes are not the same"
    return [Endpoint(method, path, needs[method, path]) for method, path in sorted(found, key=lambda e: e[::-1])]


def test_no_endpoint_lets_in_who_may_not(site: Site) -> None:
    endpoints = described(site)
    public = {(e.method, e.path) for e in endpoints if e.need is Role.NONE}
    assert public == PUBLIC
    orders = [e for e in endpoints if not e.safe and (e.method, e.path) not in PUBLIC]
    assert orders
    assert all(e.need >= Role.OPERATOR for e in orders if not e.path.endswith("/session"))
    free = ask(site.port, "GET", f"{PREFIX}/session").json["reading_free"]
    admin, viewer, operator = site.page("admin"), site.tokens["viewer"], site.tokens["operator"]
    lines = [f"{'':6} {'':44} {'needs':9} nobody viewer operator cross-site  origin  csrf  no-csrf  no-origin"]
    for endpoint in endpoints:
        if (endpoint.method, endpoint.path) in PUBLIC:
            continue
        if endpoint.path.endswith("/stream"):
            # It has no end: what is refused is all that can be asked for here.
            expected: list[int | str] = ["-" if free else 401, "-", "-", 403, 403, "-", "-", "-"]
        else:
            nobody = 200 if free and endpoint.safe else 401
            small = [403 if endpoint.need > role else "-" for role in (Role.VIEWER, Role.OPERATOR)]
            word = ["-"] * 3 if endpoint.safe else [403] * 3
            expected = ["-" if nobody == 200 else nobody, *small, 403, 403, *word]
        tries: list[Mapping[str, str]] = [
            {},
            viewer,
            operator,
            {**admin, "Sec-Fetch-Site": "cross-site"},
            {**admin, "Origin": "https://evil.example"},
            {**admin, "X-CSRF-Token": "0" * 64},
            {name: value for name, value in admin.items() if name != "X-CSRF-Token"},
            {name: value for name, value in admin.items() if name != "Sec-Fetch-Site"},
        ]
        got = [
            want if want == "-" else site.ask(endpoint, headers) for want, headers in zip(expected, tries, strict=True)
        ]
        lines.append(
            f"{endpoint.method:6} {endpoint.path:44} {endpoint.need.word:9} {got[0]!s:>6} {got[1]!s:>6} {got[2]!s:>8} "
            f"{got[3]!s:>10} {got[4]!s:>7} {got[5]!s:>5} {got[6]!s:>8} {got[7]!s:>10}"
        )
        assert got == expected, lines[-1]
    print("\n".join(["", *lines]))  # noqa: T201 - the list, for who asks for it with -s


def test_who_may_is_let_in(site: Site) -> None:
    # Otherwise the refusals above would prove nothing. What becomes of the order is for the API's tests.
    pages = {role: site.page(role) for role in site.tokens}
    for endpoint in described(site):
        if (endpoint.method, endpoint.path) in PUBLIC or endpoint.path.endswith("/stream"):
            continue
        if endpoint.path.endswith("/session"):
            assert site.ask(endpoint, site.page("viewer")) == 200
            continue
        assert site.ask(endpoint, site.tokens[endpoint.need.word]) not in {401, 403}, endpoint
        assert site.ask(endpoint, pages[endpoint.need.word]) not in {401, 403}, endpoint
