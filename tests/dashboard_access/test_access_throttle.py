"""How long a login has to wait: grows, is bounded, is forgotten, and shuts no owner out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.dashboard.access.throttle import (
    ADDRESS_PACE,
    FORGET_S,
    MOST_FRIENDS,
    MOST_KEYS,
    NAME_PACE,
    Backoff,
    Pace,
    Throttle,
    is_loopback,
    neighbourhood,
)

FAR = "192.168.1.66"


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, 0), (3, 0), (4, 1), (5, 2), (6, 4), (9, 32), (10, 60), (11, 60), (5000, 60)]
)
def test_the_wait_doubles_up_to_its_bound(failures: int, wait_s: float) -> None:
    backoff = Backoff(Pace(free=3, most_s=60.0))
    for _ in range(failures):
        backoff.fail("x", 100.0)
    assert backoff.wait_s("x", 100.0) == wait_s
    assert backoff.wait_s("x", 100.0 + wait_s) == 0.0
    assert backoff.wait_s("y", 100.0) == 0.0


def test_failures_are_forgotten() -> None:
    backoff = Backoff(Pace(free=1, most_s=60.0))
    for _ in range(20):
        backoff.fail("x", 0.0)
    backoff.fail("x", FORGET_S + 1.0)
    assert backoff.wait_s("x", FORGET_S + 1.0) == 0.0


def test_many_addresses_guessing_at_one_name_wait_for_one_another() -> None:
    throttle = Throttle()
    for number in range(NAME_PACE.free + 10):
        throttle.failed("anna", f"10.0.0.{number}", 0.0)
    assert throttle.wait_s("anna", "10.0.1.1", 0.0) == NAME_PACE.most_s
    assert throttle.wait_s("bert", "10.0.1.1", 0.0) == 0.0


def test_the_owner_is_not_shut_out_by_others() -> None:
    throttle = Throttle()
    throttle.succeeded("anna", "192.168.1.5")
    throttle.succeeded("anna", "fe80::5%eth0")
    for number in range(500):
        throttle.failed("anna", f"10.0.{number // 250}.{number % 250}", float(number))
        throttle.failed("anna", f"fe80::{number + 6:x}", float(number))
    now = 500.0
    assert throttle.wait_s("anna", "192.168.1.5", now) == 0.0
    assert throttle.wait_s("anna", "fe80::5%eth0", now) == 0.0
    assert throttle.wait_s("anna", "127.0.0.1", now) == 0.0
    assert throttle.wait_s("anna", "::1", now) == 0.0
    # And from anywhere it is half a minute at most.
    assert 0.0 < throttle.wait_s("anna", FAR, now) <= NAME_PACE.most_s


def test_an_account_of_ones_own_gives_no_more_guesses_at_anothers() -> None:
    throttle = Throttle()
    for _ in range(ADDRESS_PACE.free + 3):
        throttle.failed("anna", FAR, 0.0)
        throttle.succeeded("mallory", FAR)
    assert throttle.wait_s("anna", FAR, 0.0) == 4.0


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.integers(0, 2**32 - 1)), max_size=50), st.data())
def test_names_are_counted_alike_whether_they_exist(attempts: list[tuple[str, int]], data: st.DataObject) -> None:
    # The throttle is not told which names exist, so that two renamed histories give the same waits.
    one, other = Throttle(), Throttle()
    for number, (name, address) in enumerate(attempts):
        where = f"10.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
        assert one.wait_s(f"x{name}", where, float(number)) == other.wait_s(f"y{name}", where, float(number))
        one.failed(f"x{name}", where, float(number))
        other.failed(f"y{name}", where, float(number))


def test_memory_is_bounded() -> None:
    backoff = Backoff(ADDRESS_PACE)
    for number in range(MOST_KEYS * 3):
        backoff.fail(str(number), 0.0)
    assert len(backoff) == MOST_KEYS
    throttle = Throttle()
    for number in range(MOST_FRIENDS * 3):
        throttle.succeeded("anna", f"10.1.{number // 250}.{number % 250}")
    assert len(throttle._friends) == MOST_FRIENDS


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%wlan0", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("", "10.0.0.1", False),
    ],
)
def test_what_one_party_has_many_of_counts_as_one(one: str, other: str, together: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is together


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_this_machine(address: str, own: bool) -> None:
    assert is_loopback(address) is own
