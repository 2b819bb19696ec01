"""Logging in over a real socket: names and passwords, cookies, guessing, what the log says of it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from argon2 import PasswordHasher

from edge_balancer.dashboard.access import hashing, manage, throttle
from edge_balancer.dashboard.access.accounts import load
from edge_balancer.dashboard.access.sessions import READING
from tests.dashboard_access.access_rig import PASSWORD, PASSWORD_HASH, SESSION, WITHIN_S, HandClock, Rig, rig

STATUS: Final = "/api/v1/status"
MODE: Final = "/api/v1/mode"
PAGE: Final = {"Sec-Fetch-Site": "same-origin"}


def test_a_login_gives_a_session_and_says_who_it_is(net: Rig) -> None:
    reply = net.log_in("anna")
    assert reply.status == 200
    assert reply.json["user"] == "anna"
    assert reply.json["role"] == "operator"
    assert not reply.json["login_needed"]
    again = net.ask("GET", SESSION, net.as_page())
    assert again.json == reply.json
    assert PASSWORD.encode() not in reply.body


def test_the_cookie_is_for_this_page_alone(net: Rig) -> None:
    cookie = net.log_in("anna").headers["set-cookie"].split("; ")
    assert cookie[0].startswith(f"eb_{net.port}=")
    assert {part.lower() for part in cookie[1:]} == {"httponly", "path=/", "samesite=strict"}


def test_the_cookie_of_a_wall_outlives_its_browser(net: Rig) -> None:
    assert f"Max-Age={int(READING.all_s)}" in net.log_in("wall").headers["set-cookie"]


def test_with_tls_the_cookie_stays_on_it_and_browsers_are_told_to(tmp_path: Path, tls_files: tuple[Path, Path]) -> None:
    certificate, key = tls_files
    with rig(tmp_path, tls_certificate=certificate, tls_key=key) as running:
        running.account("anna", "operator")
        reply = running.log_in("anna")
        name, *attributes = reply.headers["set-cookie"].split("; ")
        assert name.startswith(f"__Host-eb_{running.port}=")
        assert {part.lower() for part in attributes} == {"httponly", "path=/", "samesite=strict", "secure"}
        assert reply.headers["strict-transport-security"] == "max-age=31536000"
        own = {"Origin": f"https://127.0.0.1:{running.port}"}
        assert running.ask("POST", MODE, running.as_page(**own), {}).status == 202
        plain = {"Origin": f"http://127.0.0.1:{running.port}"}
        assert running.ask("POST", MODE, running.as_page(**plain), {}).status == 403


def test_names_are_taken_as_phones_write_them(net: Rig) -> None:
    assert net.log_in(" Anna ").status == 200


def test_a_password_is_the_same_however_its_accents_are_typed(net: Rig) -> None:
    manage.set_password(net.accounts, "anna", hashing.hashed("caf\u00e9 caf\u00e9 123"))
    assert net.log_in("anna", "cafe\u0301 cafe\u0301 123").status == 200


@pytest.mark.parametrize(("name", "password"), [("anna", "not the password"), ("nobody", PASSWORD), ("../etc", "x")])
def test_a_wrong_name_and_a_wrong_password_look_the_same(net: Rig, name: str, password: str) -> None:
    reply = net.log_in(name, password)
    assert reply.status == 401
    assert reply.json["detail"] == "name or password is wrong"
    assert "set-cookie" not in reply.headers


def test_a_name_that_is_unknown_is_compared_with_a_hash_of_the_same_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def verify(_self: PasswordHasher, encoded: str, _password: bytes) -> bool:
        compared.append(encoded)
        return True

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert hashing.matches(PASSWORD_HASH, PASSWORD)
    assert not hashing.matches(None, PASSWORD)
    assert [text.rsplit("$", 2)[0] for text in compared] == [PASSWORD_HASH.rsplit("$", 2)[0]] * 2
    assert [len(text) for text in compared] == [len(PASSWORD_HASH)] * 2


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, {"user": "anna", "password": PASSWORD}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"user=anna", 415),
        ({}, b"{", 400),
        ({}, b"\xff\xfe", 400),
        ({}, {"user": "anna"}, 400),
        ({}, {"user": "anna", "password": ""}, 400),
        ({}, {"user": "anna", "password": "x" * 257}, 400),
        ({}, {"user": ["anna"], "password": PASSWORD}, 400),
        ({}, {"user": "anna", "password": PASSWORD, "role": "admin"}, 400),
    ],
    ids=str,
)
def test_a_login_that_is_none_is_refused(net: Rig, headers: dict[str, str], body: Any, status: int) -> None:
    reply = net.ask("POST", SESSION, PAGE | headers, body)
    assert reply.status == status
    assert PASSWORD.encode() not in reply.body


async def test_few_wait_for_their_turn_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(hashing, "matches", lambda *_: go.wait(WITHIN_S))
    thread = hashing.SlowThread()
    waiting = [asyncio.create_task(thread.matches(None, "x", f"10.0.0.{n}")) for n in range(hashing._MOST_WAITING)]
    await asyncio.sleep(0)
    for address in ("10.0.0.1", "10.0.1.1"):
        with pytest.raises(hashing.Busy):
            await thread.matches(None, "x", address)
    go.set()
    assert await asyncio.gather(*waiting) == [True] * len(waiting)
    assert await thread.matches(None, "x", "10.0.0.1")
    thread.close()


async def test_the_memory_of_a_hash_is_given_back() -> None:
    def resident_mb() -> float:
        (line,) = (text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmRSS"))
        return int(line.split()[1]) / 1000.0

    thread = hashing.SlowThread()
    before = resident_mb()
    for _ in range(3):
        assert await thread.matches(PASSWORD_HASH, PASSWORD, "10.0.0.1")
    thread.close()
    assert resident_mb() - before < hashing.MEMORY_KIB / 2000.0


async def test_a_task_that_fails_does_not_end_logging_in() -> None:
    thread = hashing.SlowThread()

    def fails() -> None:
        raise RuntimeError("a defect")

    thread.soon(fails)
    assert await thread.matches(PASSWORD_HASH, PASSWORD, "10.0.0.1")
    thread.close()


def test_who_guesses_has_to_wait_longer_and_longer_and_nothing_is_looked_at_meanwhile(
    net: Rig, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    matches = hashing.matches

    def looking(encoded: str | None, password: str) -> bool:
        looked.append(password)
        return matches(encoded, password)

    monkeypatch.setattr(hashing, "matches", looking)
    for _ in range(throttle.ADDRESS_PACE.free + 1):
        assert net.log_in("anna", "wrong", source="127.0.0.9").status == 401
    for wait_s in (1, 2, 4, 8, 16, 32, 60, 60):
        count = len(looked)
        refused = net.log_in("anna", PASSWORD, source="127.0.0.9")
        assert refused.status == 429
        assert refused.headers["retry-after"] == str(wait_s)
        assert len(looked) == count
        clock.now += wait_s
        assert net.log_in("anna", "wrong", source="127.0.0.9").status == 401
    # The owner, elsewhere, is not held up; and even from there the right password helps after a minute.
    assert net.log_in("anna", source="127.0.0.8").status == 200
    clock.now += 60.0
    assert net.log_in("anna", source="127.0.0.9").status == 200


def test_of_many_logins_at_a_time_one_is_looked_at_and_few_wait(net: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()
    running, most = 0, 0
    matches = hashing.matches

    def slow(*args: Any) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        begun.set()
        assert go.wait(WITHIN_S)
        running -= 1
        return matches(*args)

    monkeypatch.setattr(hashing, "matches", slow)
    replies: list[int] = []

    def log_in(number: int) -> None:
        replies.append(
            net.ask("POST", SESSION, PAGE, {"user": "anna", "password": PASSWORD}, f"127.0.1.{number}").status
        )

    flood = [threading.Thread(target=log_in, args=(number,)) for number in range(1, 13)]
    for thread in flood:
        thread.start()
    assert begun.wait(WITHIN_S)
    # Others are served meanwhile, and who waits already is refused a second time.
    assert net.ask("GET", "/").status == 200
    go.set()
    for thread in flood:
        thread.join(WITHIN_S)
    assert most == 1
    assert sorted(set(replies)) in ([200], [200, 429])
    assert replies.count(200) >= 1


def test_a_hash_of_weaker_days_is_renewed_at_a_login(net: Rig) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    manage.set_password(net.accounts, "anna", old)
    assert net.log_in("anna").status == 200
    net.access.close()  # waits for what was begun
    renewed = load(net.accounts).account("anna")
    assert renewed is not None
    assert renewed.password != old
    assert not hashing.outdated(renewed.password)
    assert hashing.matches(renewed.password, PASSWORD)
    assert net.ask("GET", STATUS, net.as_page()).status == 200


def test_the_log_tells_of_logins_and_never_a_password(net: Rig) -> None:
    with structlog.testing.capture_logs() as lines:
        net.log_in("anna")
        net.ask("DELETE", SESSION, net.as_page())
        for number in range(14):
            net.log_in(
                "anna" if number % 2 else "My-Secret-In-The-Wrong-Field", "wrong", source=f"127.0.2.{number + 1}"
            )
    told = [(line["event"], line["user"]) for line in lines if "user" in line]
    assert told[:2] == [("login", "anna"), ("logout", "anna")]
    failed = told[2:]
    assert 0 < len(failed) <= 10
    assert set(failed) == {("login failed", "anna"), ("login failed", "(unknown)")}
    assert "wrong" not in str(lines)
    assert "secret" not in str(lines).lower()


def test_the_figures_count(net: Rig) -> None:
    net.log_in("anna")
    net.log_in("anna", "wrong")
    net.ask("GET", STATUS)
    net.token("t", "viewer")
    figures = net.access.figures()
    assert (figures.accounts, figures.tokens, figures.sessions, figures.logins, figures.logins_failed) == (
        2,
        1,
        1,
        1,
        1,
    )
    assert figures.refused == {"login": 2}
    assert figures.fault == ""
