"""The gate over a real socket: who is let in, what is refused, what every answer carries."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.dashboard.access import bounds, manage, tokens
from edge_balancer.dashboard.access.access import Access
from edge_balancer.dashboard.access.headers import POLICY
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.settings.dashboard import DashboardSettings
from tests.dashboard_access.access_rig import PASSWORD, SESSION, WITHIN_S, Rig, rig

STATUS: Final = "/api/v1/status"
MODE: Final = "/api/v1/mode"
CLEAR: Final = "/api/v1/clear"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Rig]:
    """A server on loopback with an account and a token of each role."""
    with rig(tmp_path) as running:
        for role in ("viewer", "operator", "admin"):
            running.account(f"{role}-1", role)
        yield running


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Rig]:
    """A server that the network reaches, without any account."""
    with rig(tmp_path, host="0.0.0.0") as running:  # noqa: S104 - what is tested; it listens on loopback alone
        yield running


def raw(port: int, data: bytes, parts: tuple[bytes, ...] = ()) -> bytes:
    """What comes back on a bare connection, until the server closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S) as connection:
        connection.sendall(data)
        for part in parts:
            connection.sendall(part)
        found = b""
        try:
            while chunk := connection.recv(65536):
                found += chunk
        except ConnectionResetError:
            pass
        return found


def test_on_loopback_reading_needs_no_login_and_orders_do(here: Rig) -> None:
    assert here.ask("GET", STATUS).json == {"name": "", "role": "viewer", "how": "loopback", "by": ""}
    refused = here.ask("POST", MODE, body={})
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="edge-balancer"'
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json["status"] == 401


def test_who_reads_freely_changes_nothing_not_even_where_a_viewer_may(here: Rig) -> None:
    for method, path in (("POST", "/api/v1/nowhere"), ("PUT", STATUS), ("TRACE", STATUS), ("DELETE", SESSION)):
        refused = here.ask(method, path)
        assert (refused.status, refused.json["detail"]) == (401, "log in first, or send a token")


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
     "CF-Connecting-IP", "X-Client-IP", "True-Client-IP"],
)  # fmt: skip
def test_what_a_proxy_has_passed_on_is_not_from_this_machine(here: Rig, header: str) -> None:
    assert here.ask("GET", STATUS, {header: "127.0.0.1"}).status == 401


def test_what_nginx_passes_on_unless_it_is_told_more_is_not_from_this_machine(here: Rig) -> None:
    """It asks in HTTP/1.0, under the address that it was given for us, and adds nothing."""
    with socket.create_connection(("127.0.0.1", here.port), timeout=WITHIN_S) as link:
        link.sendall(f"GET {STATUS} HTTP/1.0\r\nHost: 127.0.0.1:{here.port}\r\nConnection: close\r\n\r\n".encode())
        assert link.makefile("rb").readline().split()[1] == b"401"


def test_behind_a_proxy_reading_can_be_made_to_need_a_login(tmp_path: Path) -> None:
    with rig(tmp_path, free_reading=False) as running:
        assert running.ask("GET", STATUS).status == 401
        running.account("anna", "viewer")
        running.log_in("anna")
        assert running.ask("GET", STATUS, running.as_page()).status == 200


def test_a_machine_that_others_reach_under_a_configured_name_reads_only_after_login(tmp_path: Path) -> None:
    with rig(tmp_path, names=("feeder-7.lan",)) as running:
        assert running.ask("GET", STATUS, {"Host": f"feeder-7.lan:{running.port}"}).status == 401
        assert running.ask("GET", STATUS, {"Host": f"localhost:{running.port}"}).status == 200


@pytest.mark.parametrize(("role", "mode", "clear"), [("viewer", 403, 403), ("operator", 202, 403), ("admin", 202, 202)])
def test_roles_hold_for_sessions_and_tokens(here: Rig, role: str, mode: int, clear: int) -> None:
    assert here.log_in(f"{role}-1").status == 200
    token = here.token("t", role)  # type: ignore[arg-type]  # a parameter
    for headers, by in ((here.as_page(), f"{role}-1"), (token, "token:t")):
        for path, status in ((MODE, mode), (CLEAR, clear)):
            reply = here.ask("POST", path, headers, {})
            assert reply.status == status
            assert status == 403 or reply.json["by"] == by


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 202),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "é"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "none"}, 202),
    ],
    ids=str,
)
def test_an_order_with_a_cookie_must_be_the_pages_own(here: Rig, change: dict[str, str], status: int) -> None:
    here.log_in("operator-1")
    headers = here.as_page() | change
    assert here.ask("POST", MODE, headers, {}).status == status


def test_an_order_with_a_cookie_that_says_nothing_of_its_page_is_refused(here: Rig) -> None:
    here.log_in("operator-1")
    headers = here.as_page()
    del headers["Sec-Fetch-Site"]
    assert here.ask("POST", MODE, headers, {}).status == 403
    for host in ("127.0.0.1", "localhost"):
        own = {"Host": f"{host}:{here.port}", "Origin": f"http://{host}:{here.port}"}
        assert here.ask("POST", MODE, headers | own, {}).status == 202


@pytest.mark.parametrize("header", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str)
def test_another_sites_page_can_neither_read_order_nor_log_in(here: Rig, header: dict[str, str]) -> None:
    token = here.token("t", "admin")
    assert here.ask("GET", STATUS, header).status == 403
    assert here.ask("GET", "/api/v1/stream", header).status == 403
    assert here.ask("POST", MODE, token | header, {}).status == 403
    assert here.ask("POST", SESSION, header, {"user": "admin-1", "password": PASSWORD}).status == 403


def test_a_link_on_another_site_may_lead_to_the_page(here: Rig) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert here.ask("GET", "/", followed).status == 200
    assert here.ask("GET", "/", followed | {"Sec-Fetch-Dest": "iframe"}).status == 403
    assert here.ask("POST", "/", followed).status == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:8080", 200),
        ("127.0.0.1:80", 200),
        ("127.9.9.9", 200),
        ("[::1]:8080", 200),
        ("my.localhost", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.20", 421),
        ("[fe80::1]", 421),
        ("raspberrypi", 421),
        ("a b", 400),
        ("localhost:99999", 400),
        ("user@localhost", 400),
        ("", 400),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(here: Rig, host: str, status: int) -> None:
    assert here.ask("GET", "/", {"Host": host}).status == status


def test_in_the_network_addresses_and_known_names_are_answered(tmp_path: Path) -> None:
    own = socket.gethostname().lower().partition(".")[0]
    with rig(tmp_path, host="0.0.0.0", names=("Feeder-7.lan",)) as net:  # noqa: S104 - as above
        for host in ("192.168.1.20:8080", "[2001:db8::1]", "feeder-7.LAN", own, f"{own}.local", "localhost"):
            assert net.ask("GET", "/", {"Host": host}).status == 200, host
        assert net.ask("GET", "/", {"Host": "rebound.example"}).status == 421


def test_a_request_needs_exactly_one_host(here: Rig) -> None:
    assert raw(here.port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400")
    twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(here.port, twice).startswith(b"HTTP/1.1 400")


def test_in_the_network_nothing_but_the_page_is_served_without_a_login(net: Rig) -> None:
    assert net.ask("GET", "/").status == 200
    assert net.ask("GET", "/static/page.js").status == 200
    session = net.ask("GET", SESSION)
    assert session.status == 200
    assert session.json == {
        "user": None,
        "role": "none",
        "csrf": None,
        "login_needed": True,
        "reading_free": False,
        "accounts": False,
        "hint": session.json["hint"],
    }
    assert "edge-balancer account add" in session.json["hint"]
    refused = net.ask("GET", STATUS)
    assert refused.status == 401
    assert "edge-balancer account add" in refused.json["detail"]
    assert any("edge-balancer account add" in text for text in net.access.warnings())
    assert any("tls_certificate" in text for text in net.access.warnings())


def test_the_first_account_counts_at_once(net: Rig) -> None:
    net.account("anna", "viewer")
    assert net.ask("GET", SESSION).json["hint"] == ""
    assert net.ask("GET", STATUS).status == 401
    assert net.log_in("anna").status == 200
    assert net.ask("GET", STATUS, net.as_page()).json["name"] == "anna"


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer", "Bearer x", "Bearer ebt_000000000000_" + "A" * 43, "bearer ebt_", "Bearer \xff\xfe",
        "Bearer " + "x" * 5000,
    ],
)  # fmt: skip
def test_a_token_that_does_not_hold_lets_nobody_in_not_even_to_read(here: Rig, shown: str) -> None:
    refused = here.ask("GET", STATUS, {"Authorization": shown})
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


def test_the_secret_of_another_token_proves_nothing(here: Rig) -> None:
    one, other = (
        tokens.parse(here.token(name, "admin")["Authorization"].removeprefix("Bearer ").encode()) for name in ("t", "u")
    )
    assert one is not None
    assert other is not None
    mixed = tokens.Bearer(one.id, other.secret)
    assert here.ask("POST", MODE, {"Authorization": f"Bearer {mixed.text}"}, {}).status == 401
    assert here.ask("POST", MODE, {"Authorization": f"Bearer {one.text}"}, {}).status == 202


def test_two_tokens_in_one_request_are_none(here: Rig) -> None:
    line = "Authorization: " + here.token("t", "admin")["Authorization"]
    text = f"GET {STATUS} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n{line}\r\nConnection: close\r\n\r\n"
    assert raw(here.port, text.encode()).startswith(b"HTTP/1.1 401")


def test_what_a_proxy_wants_to_know_is_no_token(here: Rig) -> None:
    assert here.ask("GET", STATUS, {"Authorization": "Basic YTpi"}).status == 200


def test_tokens_end_when_they_expire_or_are_removed(here: Rig) -> None:
    assert here.ask("GET", STATUS, here.token("old", "viewer", expires=1.0)).status == 401
    token = here.token("new", "viewer")
    assert here.ask("GET", STATUS, token).json["how"] == "token"
    manage.remove_token(here.accounts, "new")
    assert here.ask("GET", STATUS, token).status == 401


def test_every_answer_carries_the_security_headers(here: Rig) -> None:
    for method, path, status in (
        ("GET", "/", 200), ("GET", STATUS, 200), ("POST", MODE, 401), ("GET", "/nowhere", 404), ("GET", SESSION, 200),
    ):  # fmt: skip
        reply = here.ask(method, path)
        assert reply.status == status
        assert reply.headers["content-security-policy"] == POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cross-origin-opener-policy"] == "same-origin"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in reply.headers["permissions-policy"]
        assert "strict-transport-security" not in reply.headers
        assert "access-control-allow-origin" not in reply.headers
    assert "unsafe" not in POLICY
    assert here.ask("GET", STATUS).headers["cache-control"] == "no-store"
    assert here.ask("GET", "/api/v1/cached").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("length", "status"), [(bounds.MOST_BODY_BYTES, 202), (bounds.MOST_BODY_BYTES + 1, 413), (10_000_000, 413)]
)
def test_a_body_has_its_bounds(here: Rig, length: int, status: int) -> None:
    head = f"POST {MODE} HTTP/1.1\r\nHost: localhost\r\n{_line(here)}Connection: close\r\n"
    whole = f"{head}Content-Length: {length}\r\n\r\n".encode()
    # Of a body that is refused by its announced length nothing needs to be sent.
    body = b"x" * length if status == 202 else b""
    assert raw(here.port, whole + body).startswith(f"HTTP/1.1 {status}".encode())


def test_a_body_of_unknown_length_has_the_same_bounds(here: Rig) -> None:
    lines = f"Host: localhost\r\n{_line(here)}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    head = f"POST {MODE} HTTP/1.1\r\n{lines}"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    assert raw(here.port, head.encode(), (chunk * 4, b"0\r\n\r\n")).startswith(b"HTTP/1.1 202")
    refused = raw(here.port, head.encode() + chunk * 4 + b"1\r\nx\r\n")
    assert refused.startswith(b"HTTP/1.1 413")
    assert refused.count(b"HTTP/1.1") == 1


def test_a_body_that_does_not_come_is_not_waited_for(here: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BODY_PATIENCE_S", 0.2)
    head = f"POST {MODE} HTTP/1.1\r\nHost: localhost\r\n{_line(here)}Connection: close\r\nContent-Length: 5\r\n\r\nab"
    assert raw(here.port, head.encode()).startswith(b"HTTP/1.1 408")


def test_a_head_has_its_bounds(here: Rig) -> None:
    many = {f"X-{n}": "1" for n in range(bounds.MOST_HEADERS)}
    assert here.ask("GET", STATUS, many).status == 431
    assert here.ask("GET", STATUS + "?" + "q" * bounds.MOST_TARGET_BYTES).status == 414


def test_a_websocket_is_not_served(here: Rig) -> None:
    upgrade = (
        b"GET /api/v1/stream HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " not in raw(here.port, upgrade + b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


async def test_a_websocket_that_gets_as_far_as_the_gate_is_closed(tmp_path: Path) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("the application must not see it")

    async def connect() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    said: list[Any] = []

    async def hear(message: Any) -> None:
        said.append(message)

    access = Access(DashboardSettings(accounts=tmp_path / "accounts.json"))
    await access.wrap(never, lambda *_: Role.NONE)({"type": "websocket", "headers": []}, connect, hear)
    access.close()
    assert said == [{"type": "websocket.close", "code": 1008}]


def _line(here: Rig) -> str:
    return f"Authorization: {here.token('t', 'admin')['Authorization']}\r\n"
