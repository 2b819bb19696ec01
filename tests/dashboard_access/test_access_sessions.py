"""Sessions over a real socket: how long they hold, what ends them, and what a live stream makes of them."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Final

import pytest

from edge_balancer.dashboard.access import gate, manage, sessions
from edge_balancer.dashboard.access.accounts import load
from edge_balancer.dashboard.access.sessions import ACTING, DAY_S, READING, _digest, beside
from tests.dashboard_access.access_rig import PASSWORD, PASSWORD_HASH, SESSION, WITHIN_S, HandClock, Rig, rig

STATUS: Final = "/api/v1/status"
MODE: Final = "/api/v1/mode"
PAGE: Final = {"Sec-Fetch-Site": "same-origin"}


def test_a_logout_ends_the_session_and_no_other(net: Rig) -> None:
    net.log_in("anna")
    first = net.as_page()
    net.log_in("anna")
    assert net.ask("DELETE", SESSION, {**first, "X-CSRF-Token": "0"}).status == 403
    reply = net.ask("DELETE", SESSION, first)
    assert reply.status == 200
    assert reply.json["user"] is None
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert net.ask("GET", STATUS, first).status == 401
    assert net.ask("GET", STATUS, net.as_page()).status == 200
    assert net.ask("DELETE", SESSION, first).status == 401


def test_a_new_login_on_the_same_page_ends_the_session_before(net: Rig) -> None:
    net.log_in("wall")
    before = net.as_page()
    again = net.ask("POST", SESSION, before, {"user": "anna", "password": PASSWORD})
    assert again.status == 200
    assert again.headers["set-cookie"].partition(";")[0] not in before["Cookie"]
    assert net.ask("GET", STATUS, before).status == 401


def test_the_session_of_a_removed_account_ends_at_once(net: Rig) -> None:
    net.log_in("anna")
    manage.remove_account(net.accounts, "anna")
    assert net.ask("GET", STATUS, net.as_page()).status == 401
    # Nor does it come back with an account of the same name.
    net.account("anna", "admin")
    assert net.ask("GET", STATUS, net.as_page()).status == 401


def test_another_password_ends_sessions_and_another_role_holds_at_once(net: Rig) -> None:
    net.log_in("anna")
    manage.set_role(net.accounts, "anna", "viewer")
    assert net.ask("POST", MODE, net.as_page(), {}).status == 403
    manage.set_password(net.accounts, "anna", PASSWORD_HASH)
    assert net.ask("GET", STATUS, net.as_page()).status == 401


@pytest.mark.parametrize(
    ("name", "steps", "holds"),
    [
        ("anna", [ACTING.idle_s - 1.0, ACTING.idle_s - 1.0], True),
        ("anna", [ACTING.idle_s], False),
        ("anna", [ACTING.idle_s / 2.0] * 23, True),
        ("anna", [ACTING.idle_s / 2.0] * 24, False),
        ("wall", [READING.idle_s - 1.0], True),
        ("wall", [READING.idle_s], False),
        ("wall", [READING.idle_s - 1.0] * 13, False),
    ],
)
def test_sessions_end_unused_and_in_the_end(
    net: Rig, clock: HandClock, name: str, steps: list[float], holds: bool
) -> None:
    net.log_in(name)
    status = 0
    for step in steps:
        clock.now += step
        status = net.ask("GET", STATUS, net.as_page()).status
    assert status == (200 if holds else 401)


def test_a_session_begun_under_a_clock_that_was_ahead_ends_when_the_clock_is_set(net: Rig, clock: HandClock) -> None:
    ahead = 20 * 365 * DAY_S
    clock.now += ahead
    net.log_in("anna")
    assert net.ask("GET", STATUS, net.as_page()).status == 200
    clock.now -= ahead
    assert net.ask("GET", STATUS, net.as_page()).status == 401


def test_a_clock_that_came_up_behind_and_is_not_set_yet_ends_none(tmp_path: Path) -> None:
    clock = HandClock()
    with rig(tmp_path, clock, free_reading=False) as running:
        running.account("anna", "operator")
        running.log_in("anna")
        clock.now -= DAY_S
        clock.set = False
        assert running.ask("GET", STATUS, running.as_page()).status == 200
        clock.set = True
        assert running.ask("GET", STATUS, running.as_page()).status == 401


def test_a_clock_that_is_set_a_little_ends_no_session(net: Rig, clock: HandClock) -> None:
    net.log_in("anna")
    clock.now -= 30.0
    assert net.ask("GET", STATUS, net.as_page()).status == 200


def test_sessions_outlive_a_restart_and_their_file_opens_none(tmp_path: Path, clock: HandClock) -> None:
    with rig(tmp_path, clock) as first:
        first.account("anna", "operator")
        first.log_in("anna")
        secret = first.cookies[f"eb_{first.port}"]
        csrf = first.csrf
    kept = beside(tmp_path / "accounts.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert secret not in kept.read_text()
    with rig(tmp_path, clock) as second:
        page = {"Cookie": f"eb_{second.port}={secret}", "X-CSRF-Token": csrf, **PAGE}
        assert second.ask("POST", MODE, page, {}).status == 202
        for digest in json.loads(kept.read_text()):
            stolen = {**page, "Cookie": f"eb_{second.port}={digest}"}
            assert second.ask("POST", MODE, stolen, {}).status == 401


def test_a_session_in_use_outlives_a_power_cut_after_weeks(tmp_path: Path, clock: HandClock) -> None:
    kept, copy = beside(tmp_path / "accounts.json"), tmp_path / "as-of-the-cut.json"
    with rig(tmp_path, clock) as first:
        first.account("wall", "viewer")
        first.log_in("wall")
        for _ in range(10):
            clock.now += sessions.DAY_S
            assert first.ask("GET", STATUS, first.as_page()).status == 200
        secret = first.cookies[f"eb_{first.port}"]
        written = 0.0
        until = time.monotonic() + WITHIN_S
        while written < clock.wall() and time.monotonic() < until:
            if kept.exists():
                written = max(row["used"] for row in json.loads(kept.read_text()).values())
        assert written == clock.wall()
        copy.write_bytes(kept.read_bytes())
    # Without what a tidy stop has saved.
    kept.write_bytes(copy.read_bytes())
    clock.now += sessions.DAY_S
    with rig(tmp_path, clock) as second:
        page = {"Cookie": f"eb_{second.port}={secret}", **PAGE}
        assert second.ask("GET", SESSION, page).json["user"] == "wall"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a": 1}', b"\xff" * 10])
def test_a_damaged_file_of_sessions_costs_logins_and_nothing_else(tmp_path: Path, damage: bytes) -> None:
    beside(tmp_path / "accounts.json").write_bytes(damage)
    with rig(tmp_path) as running:
        running.account("anna", "operator")
        assert running.log_in("anna").status == 200


def test_sessions_are_few(net: Rig) -> None:
    account = load(net.accounts).accounts[0]
    kept = sessions.Sessions(net.accounts.with_name("other.json"), lambda work: work())
    secrets = [kept.begin(account, float(n)) for n in range(sessions.MOST_OF_ONE + 3)]
    roll = load(net.accounts)
    alive = [kept.account(secret, roll, 100.0, use=False) is not None for secret in secrets]
    assert alive == [False] * 3 + [True] * sessions.MOST_OF_ONE


def _stream(net: Rig, headers: dict[str, str]) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = net.connection()
    connection.request("GET", "/api/v1/stream", headers=headers)
    response = connection.getresponse()
    assert response.status == 200
    assert response.readline() == b": beat\n"
    return connection, response


def _hear_the_end(response: http.client.HTTPResponse) -> None:
    until = time.monotonic() + WITHIN_S
    while response.readline():
        assert time.monotonic() < until, "the stream goes on"


@pytest.mark.parametrize("ends_by", ["remove", "password", "demote", "logout", "token"])
def test_a_running_stream_ends_with_its_session_or_token(
    net: Rig, ends_by: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY_S", 0.0)
    net.log_in("anna")
    headers = net.token("t", "viewer") if ends_by == "token" else net.as_page()
    connection, response = _stream(net, headers)
    match ends_by:
        case "remove":
            manage.remove_account(net.accounts, "anna")
        case "password":
            manage.set_password(net.accounts, "anna", PASSWORD_HASH)
        case "demote":
            manage.set_role(net.accounts, "anna", "viewer")
        case "logout":
            net.ask("DELETE", SESSION, net.as_page())
        case _:
            manage.remove_token(net.accounts, "t")
    _hear_the_end(response)
    response.close()
    connection.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_open_stream_keeps_a_wall_logged_in_and_nobody_who_acts(
    net: Rig, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY_S", 0.0)
    net.log_in("wall")
    wall = net.as_page()
    (secret,) = net.cookies.values()
    net.cookies.clear()
    net.log_in("anna")
    acting = net.as_page()
    open_ = [_stream(net, headers) for headers in (wall, acting)]
    for step in (ACTING.idle_s / 2.0, ACTING.idle_s / 2.0, READING.idle_s - 10.0, READING.idle_s - 10.0):
        clock.now += step
        # Until the server has looked at the wall's stream.
        until = time.monotonic() + WITHIN_S
        while net.access._sessions._sessions[_digest(secret)].used < clock.wall():
            assert time.monotonic() < until, "an open stream is no use"
            assert open_[0][1].readline() in {b"\n", b": beat\n"}
    _hear_the_end(open_[1][1])
    assert net.ask("GET", STATUS, wall).status == 200
    assert net.ask("GET", STATUS, acting).status == 401
    for connection, response in open_:
        response.close()
        connection.close()


@pytest.mark.parametrize(("name", "holds"), [("wall", True), ("anna", False)])
def test_to_look_whether_a_session_holds_is_no_use_of_one_that_may_act(net: Rig, name: str, holds: bool) -> None:
    roll = load(net.accounts)
    account = roll.account(name)
    assert account is not None
    kept = sessions.Sessions(net.accounts.with_name("other.json"), lambda work: work())
    secret = kept.begin(account, 0.0)
    looks = [kept.account(secret, roll, n * ACTING.idle_s / 2.0, use=False) for n in range(4)]
    assert [found is not None for found in looks] == [True, True, holds, holds]


def test_without_a_stream_a_wall_that_shows_nothing_is_logged_out(net: Rig, clock: HandClock) -> None:
    net.log_in("wall")
    clock.now += READING.idle_s + 10.0
    assert net.ask("GET", STATUS, net.as_page()).status == 401
